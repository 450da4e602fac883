//! How much one connection may say.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// What is refused after that, before the connection is ended.
const PATIENCE: u32 = 500;

/// The bounds of one connection.
#[derive(Debug)]
pub(super) struct Flood {
    limiter: DefaultDirectRateLimiter,
    refused: u32,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It may be taken.
    Take,
    /// It is one too many.
    Refuse,
    /// It is one too many, as were too many before it.
    End,
}

impl Flood {
    /// For our own dialect, in which a client has two endpoints and asks for little.
    pub(super) fn native() -> Self {
        Self::new(50, 200)
    }

    /// For the tutorial's dialect: a client that comes into a full room opens a connection to everybody at once.
    pub(super) fn tutorial() -> Self {
        Self::new(200, 2000)
    }

    fn new(per_second: u32, at_once: u32) -> Self {
        let positive = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(positive(per_second)).allow_burst(positive(at_once));
        Self { limiter: RateLimiter::direct(quota), refused: 0 }
    }

    /// A message came.
    pub(super) fn judge(&mut self) -> Judgement {
        if self.limiter.check().is_ok() {
            self.refused = 0;
            return Judgement::Take;
        }
        self.refused += 1;
        if self.refused > PATIENCE { Judgement::End } else { Judgement::Refuse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_ends() {
        let mut flood = Flood::native();
        let judged: Vec<_> = (0..2000).map(|_| flood.judge()).collect();
        assert!(judged[..200].iter().all(|judgement| *judgement == Judgement::Take));
        assert!(judged.contains(&Judgement::Refuse));
        assert_eq!(judged.last(), Some(&Judgement::End));
    }
}
