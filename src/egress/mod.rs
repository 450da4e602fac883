//! The mix goes somewhere: one small builder per output.
