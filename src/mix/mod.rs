//! Many tracks become one picture and one sound.
