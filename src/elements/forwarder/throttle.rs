//! One publication's keyframe requests, limited for all of its forwarders together: a keyframe costs the publisher many
//! times an ordinary frame, and one serves every viewer.
//!
//! Called from the streaming threads of the publisher and of every subscriber; lock-free, as each packet passes here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const NEVER: u64 = u64::MAX;

/// Lets one request pass per interval, and remembers one that came too early. Races between viewers are harmless: at
/// worst a request is remembered although another has just passed.
pub struct KeyframeThrottle {
    interval: u64,
    now: Box<dyn Fn() -> Duration + Send + Sync>,
    sent: AtomicU64,
    remembered: AtomicBool,
}

impl KeyframeThrottle {
    /// A throttle that lets at most one request pass per `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Arc<Self> {
        let start = Instant::now();
        Self::with_clock(interval, move || start.elapsed())
    }

    /// A throttle that takes the time, which must not step back, from `now`.
    #[must_use]
    pub fn with_clock(interval: Duration, now: impl Fn() -> Duration + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            interval: nanoseconds(interval),
            now: Box::new(now),
            sent: AtomicU64::new(NEVER),
            remembered: AtomicBool::new(false),
        })
    }

    /// Whether the caller must send a request now; one that may not be sent yet is forgotten.
    pub(super) fn may_send(&self) -> bool {
        let now = nanoseconds((self.now)());
        let sent = self.sent.load(Relaxed);
        let free = sent == NEVER || now.saturating_sub(sent) >= self.interval;
        let mine = free && self.sent.compare_exchange(sent, now, Relaxed, Relaxed).is_ok();
        if mine {
            self.remembered.store(false, Relaxed);
        }
        mine
    }

    /// Whether the caller must send a request now; one that may not be sent yet is remembered.
    pub fn request(&self) -> bool {
        let send = self.may_send();
        if !send {
            self.remembered.store(true, Relaxed);
        }
        send
    }

    /// A packet passes by. Whether the caller must send the remembered request now.
    pub(super) fn packet(&self, keyframe: bool) -> bool {
        if !self.remembered.load(Relaxed) {
            return false;
        }
        if keyframe {
            self.remembered.store(false, Relaxed);
            return false;
        }
        self.may_send()
    }
}

impl fmt::Debug for KeyframeThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyframeThrottle")
            .field("interval", &Duration::from_nanos(self.interval))
            .field("remembered", &self.remembered)
            .finish_non_exhaustive()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> (Arc<KeyframeThrottle>, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&clock);
        let throttle =
            KeyframeThrottle::with_clock(Duration::from_millis(500), move || Duration::from_millis(now.load(Relaxed)));
        (throttle, clock)
    }

    #[test]
    fn one_per_interval_and_the_next_remembered() {
        let (throttle, clock) = throttle();
        assert!(throttle.request());
        assert!(!throttle.request());
        clock.store(499, Relaxed);
        assert!(!throttle.packet(false));
        clock.store(500, Relaxed);
        assert!(throttle.packet(false));
        assert!(!throttle.packet(false), "once only");
    }

    #[test]
    fn a_keyframe_answers_what_was_remembered() {
        let (throttle, clock) = throttle();
        assert!(throttle.request());
        assert!(!throttle.request());
        assert!(!throttle.packet(true));
        clock.store(1000, Relaxed);
        assert!(!throttle.packet(false));
        assert!(throttle.request());
    }

    #[test]
    fn what_may_not_be_sent_need_not_be_remembered() {
        let (throttle, clock) = throttle();
        assert!(throttle.may_send());
        assert!(!throttle.may_send());
        clock.store(1000, Relaxed);
        assert!(!throttle.packet(false));
    }
}
