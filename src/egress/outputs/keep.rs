//! The task of an output: it tries, watches, and tries again after a while, until it is told to end.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{oneshot, watch};

use super::pipeline::Attempt;
use super::{Material, State, Status, Way};
use crate::egress::manifest::unix_ms;
use crate::mix::Encoded;

/// How often it looks how it fares.
const LOOK: Duration = Duration::from_millis(250);
/// How long the other side may take nothing: of the sink, and of what the system has of it.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// So much must have been taken before it counts as connected: sinks take a little before they are.
const CONNECTED: u64 = 20;
/// How long the other side may take for the end of the stream.
const GOODBYE: Duration = Duration::from_secs(2);
/// The first wait after a failure, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// After so long a time all is well again: the next failure is a first one.
const WELL: Duration = Duration::from_secs(30);

/// What the task owns.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) way: Way,
    pub(super) material: Material,
    /// Wanted for as long as the output is.
    pub(super) encoded: Vec<Encoded>,
    pub(super) status: watch::Sender<Status>,
}

/// Why a try ended.
enum Ending {
    Told,
    Failed(String),
}

impl Keeper {
    /// Until `stop` says something or is gone.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut failures = 0;
        loop {
            let began = Instant::now();
            let reason = match self.attempt(&mut stop).await {
                Ending::Told => break,
                Ending::Failed(reason) => self.way.conceal(reason),
            };
            failures = if began.elapsed() > WELL { 1 } else { failures + 1 };
            let wait = wait(failures);
            tracing::warn!(output = %self.status.borrow().id, reason, ?wait, "an output failed: it is tried again");
            self.status.send_modify(|status| {
                status.state = State::Waiting;
                status.error = Some(reason);
                status.retries += 1;
                status.since = unix_ms(SystemTime::now());
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = &mut stop => break,
            }
        }
        self.way.end();
        // Whoever hears that it has ended finds nothing of it any more.
        let Self { way, encoded, status, .. } = self;
        drop((way, encoded));
        tell(&status, State::Ended);
    }

    fn tell(&self, state: State) {
        tell(&self.status, state);
    }

    async fn attempt(&mut self, stop: &mut oneshot::Receiver<()>) -> Ending {
        self.tell(State::Connecting);
        let mut attempt = match self.start().await {
            Ok(attempt) => attempt,
            Err(reason) => return Ending::Failed(reason),
        };
        let (bytes_before, dropped_before) = {
            let status = self.status.borrow();
            (status.bytes, status.dropped)
        };
        let mut look = tokio::time::interval(LOOK);
        let (mut last, mut last_at) = (0, Instant::now());
        let ending = loop {
            tokio::select! {
                _ = look.tick() => {
                    let (buffers, bytes) = attempt.taken();
                    if buffers > last {
                        (last, last_at) = (buffers, Instant::now());
                    } else if last_at.elapsed() > PATIENCE && !attempt.watches_itself() {
                        break Ending::Failed(format!("the other side has taken nothing for {PATIENCE:?}"));
                    }
                    self.status.send_modify(|status| {
                        status.bytes = bytes_before + bytes;
                        status.dropped = dropped_before + attempt.dropped();
                    });
                    if buffers >= CONNECTED {
                        self.tell(State::Live);
                    }
                }
                reason = attempt.failed() => break Ending::Failed(reason),
                _ = &mut *stop => break Ending::Told,
            }
        };
        match &ending {
            Ending::Told => attempt.finish(GOODBYE).await,
            Ending::Failed(_) => attempt.give_up(GOODBYE).await,
        }
        ending
    }

    async fn start(&mut self) -> Result<Attempt, String> {
        // Each time anew: a name may come to mean something else.
        let at = match &self.way {
            Way::Push(destination) => Some(destination.look_up().await.map_err(|error| error.to_string())?),
            Way::Hls { .. } => None,
        };
        let name = self.status.borrow().id.to_string();
        let (way, material) = (self.way.clone(), self.material.clone());
        let encoded = std::mem::take(&mut self.encoded);
        let started = tokio::task::spawn_blocking(move || {
            let started = Attempt::start(&name, &way, at, &material, &encoded);
            (started, encoded)
        });
        // It panics only where the whole process does.
        let (started, encoded) = started.await.map_err(|error| error.to_string())?;
        self.encoded = encoded;
        started.map_err(|error| error.to_string())
    }
}

fn tell(status: &watch::Sender<Status>, state: State) {
    status.send_if_modified(|status| {
        let changes = status.state != state;
        if changes {
            (status.state, status.since) = (state, unix_ms(SystemTime::now()));
        }
        changes
    });
}

/// How long to wait after so many failures in a row.
fn wait(failures: u32) -> Duration {
    FIRST.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_half_a_minute() {
        let waits: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 100].map(|failures| wait(failures).as_secs()).to_vec();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
