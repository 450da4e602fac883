//! One endpoint: a webrtcbin and what it takes to trust it.
