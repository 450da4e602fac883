//! How long recordings are kept: what is too old goes, and what is oldest goes where space is scarce.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::OutputError;
use super::catalogue::Catalogue;
use super::manifest::{Manifest, unix_ms};
use super::space::{free, megabytes};
use crate::config;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(60);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What is kept; zeros keep everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Days after their end.
    pub days: u64,
    /// While so many bytes are free.
    pub free: u64,
}

impl From<&config::Disk> for Keep {
    fn from(disk: &config::Disk) -> Self {
        Self { days: disk.keep_days, free: disk.make_room_mb.saturating_mul(1_000_000) }
    }
}

/// Why a recording goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Age,
    Space,
}

impl Keep {
    /// Whether a recording that has ended has to go at `now`, with `free` bytes left.
    fn judge(&self, manifest: &Manifest, now: u64, free: u64) -> Option<Reason> {
        let age = now.saturating_sub(manifest.ended_at.unwrap_or(now));
        if self.days > 0 && age > self.days.saturating_mul(DAY_MS) {
            Some(Reason::Age)
        } else if free < self.free {
            Some(Reason::Space)
        } else {
            None
        }
    }
}

/// Deletes what need not be kept, now and from time to time. Never ends by itself.
pub async fn run(catalogue: Arc<Catalogue>, keep: Keep) {
    if keep == Keep::default() {
        return;
    }
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if let Err(error) = tidy(&catalogue, keep).await {
            tracing::error!(%error, "old recordings stay: the next look tries again");
        }
    }
}

async fn tidy(catalogue: &Catalogue, keep: Keep) -> Result<(), OutputError> {
    // What was uploaded and deleted here may be too old, but takes no space.
    for here in [false, true] {
        while let Some(oldest) = catalogue.oldest(here).await? {
            let folder = catalogue.folder().to_owned();
            let free = tokio::task::spawn_blocking(move || free(&folder)).await;
            let free = free.map_err(|_| OutputError::Graph { step: "looking at the disk" })??;
            match keep.judge(&oldest, unix_ms(SystemTime::now()), free) {
                Some(Reason::Space) if !oldest.is_here() => break,
                Some(reason) => {
                    catalogue.remove(&oldest.id).await?;
                    tracing::info!(recording = %oldest.id, ?reason, free_mb = megabytes(free), "a recording was deleted: it need not be kept");
                }
                None => break,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::catalogue::Filter;
    use crate::egress::format::Choice;
    use crate::egress::manifest::State;
    use crate::id::RecordingId;
    use crate::media::Codec;

    fn manifest(ended_at: Option<u64>) -> Manifest {
        Manifest {
            state: if ended_at.is_some() { State::Complete } else { State::Recording },
            ended_at,
            ..Manifest::new(RecordingId::new(), "tea".into(), Choice::default().resolve(Codec::Vp8).unwrap())
        }
    }

    #[test]
    fn age_and_space_decide_and_zeros_keep_everything() {
        let now = 10 * DAY_MS;
        let of = |days_ago: u64| manifest(Some(now - days_ago * DAY_MS));
        let keep = Keep { days: 3, free: 100 };
        assert_eq!(keep.judge(&of(3), now, 100), None);
        assert_eq!(keep.judge(&of(4), now, 100), Some(Reason::Age));
        assert_eq!(keep.judge(&of(0), now, 99), Some(Reason::Space));
        assert_eq!(Keep { days: 0, ..keep }.judge(&of(9), now, 100), None);
        assert_eq!(Keep { free: 0, ..keep }.judge(&of(1), now, 0), None);
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_what_runs_stays() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(folder.path()).await.unwrap();
        let now = unix_ms(SystemTime::now());
        let all = [manifest(Some(now - 9 * DAY_MS)), manifest(Some(now - DAY_MS)), manifest(None)];
        for each in &all {
            catalogue.save(each).await.unwrap();
        }
        let left = async || catalogue.list(&Filter::default()).await.unwrap().recordings.len();
        tidy(&catalogue, Keep { days: 2, free: 0 }).await.unwrap();
        assert_eq!(left().await, 2);
        assert!(catalogue.get(&all[0].id).await.unwrap().is_none());
        tidy(&catalogue, Keep { days: 0, free: u64::MAX }).await.unwrap();
        assert_eq!(left().await, 1, "what runs is not deleted, whatever the space");
        assert!(catalogue.get(&all[2].id).await.unwrap().is_some());
    }
}
