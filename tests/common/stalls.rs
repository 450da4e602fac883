//! How the machine itself stood still, which no server can help.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the machine kept a ready thread waiting; watched until dropped.
pub struct Stalls(Arc<AtomicU64>);

impl Stalls {
    /// Begins to watch.
    pub fn watch() -> Self {
        let longest = Arc::new(AtomicU64::new(0));
        let weak = Arc::downgrade(&longest);
        std::thread::spawn(move || {
            const STEP: Duration = Duration::from_millis(5);
            let mut last = Instant::now();
            while let Some(longest) = weak.upgrade() {
                std::thread::sleep(STEP);
                let over = last.elapsed().saturating_sub(STEP).as_micros() as u64;
                longest.fetch_max(over, Ordering::Relaxed);
                last = Instant::now();
            }
        });
        Self(longest)
    }

    /// The longest time so far, in seconds.
    pub fn longest(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1e6
    }
}
