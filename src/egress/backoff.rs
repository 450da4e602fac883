//! When what failed is tried again: after twice as long each time, and not at the same moment as everybody else.

use std::time::Duration;

/// The longest wait.
pub(super) const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long to wait after so many failures, of which there is at least one. `chance` from 0 to 1 shortens the wait by up
/// to half, so that many servers do not come back to a store at once.
pub(super) fn wait(first: Duration, failures: u32, chance: f64) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = first.saturating_mul(doubled).min(LONGEST);
    whole.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_doubles_up_to_a_quarter_of_an_hour() {
        let first = Duration::from_secs(5);
        let waits: Vec<_> = (1..=9).map(|failures| wait(first, failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900]);
        assert_eq!(wait(first, 1, 1.0), Duration::from_millis(2500));
    }

    proptest! {
        #[test]
        fn it_stays_within_bounds_and_never_shrinks(
            first in 1u64..=900,
            failures in 1u32..=u32::MAX,
            chance in 0.0f64..=1.0,
        ) {
            let first = Duration::from_secs(first);
            let waited = wait(first, failures, chance);
            prop_assert!(waited >= first / 2 && waited <= LONGEST, "{waited:?}");
            prop_assert!(wait(first, failures.saturating_add(1), chance) >= waited);
        }
    }
}
