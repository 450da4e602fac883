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
        match tidy(&catalogue, keep).await {
            Ok(0) => {}
            Ok(stuck) => tracing::error!(stuck, "old recordings could not be deleted: the next look tries again"),
            Err(error) => tracing::error!(%error, "old recordings stay: the next look tries again"),
        }
    }
}

/// Deletes what goes, and says how many recordings could not be deleted: they are not in the way of the others.
async fn tidy(catalogue: &Catalogue, keep: Keep) -> Result<usize, OutputError> {
    let mut stuck: Vec<Manifest> = Vec::new();
    // What was uploaded and deleted here may be too old, but takes no space.
    for here in [false, true] {
        let mut last = None;
        while let Some(oldest) = catalogue.oldest(here, last.as_ref()).await? {
            let folder = catalogue.folder().to_owned();
            let free = tokio::task::spawn_blocking(move || free(&folder)).await;
            let free = free.map_err(|_| OutputError::Graph { step: "looking at the disk" })??;
            match keep.judge(&oldest, unix_ms(SystemTime::now()), free) {
                Some(Reason::Space) if !oldest.is_here() => break,
                Some(reason) if !stuck.contains(&oldest) => match catalogue.remove(&oldest.id).await {
                    Ok(_) => {
                        tracing::info!(recording = %oldest.id, ?reason, free_mb = megabytes(free), "a recording was deleted: it need not be kept");
                    }
                    Err(error) => {
                        tracing::warn!(recording = %oldest.id, ?reason, %error, "a recording could not be deleted");
                        stuck.push(oldest.clone());
                    }
                },
                Some(_) => {}
                None => break,
            }
            last = Some(oldest);
        }
    }
    Ok(stuck.len())
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

    #[tokio::test]
    async fn what_cannot_be_deleted_is_not_in_the_way_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(folder.path()).await.unwrap();
        let now = unix_ms(SystemTime::now());
        // Some end at the same moment.
        let all = [9, 8, 8, 8, 0].map(|days| manifest(Some(now - days * DAY_MS)));
        for each in &all {
            catalogue.save(each).await.unwrap();
        }
        let in_the_way = all[..2].iter().map(|each| crate::egress::thumbnail::path(folder.path(), &each.id));
        in_the_way.for_each(|path| std::fs::create_dir(path).unwrap());
        for _ in 0..2 {
            assert_eq!(tidy(&catalogue, Keep { days: 2, free: 0 }).await.unwrap(), 2);
            let mut left = Vec::new();
            for (index, each) in all.iter().enumerate() {
                left.extend(catalogue.get(&each.id).await.unwrap().map(|_| index));
            }
            assert_eq!(left, [0, 1, 4]);
        }
        assert_eq!(tidy(&catalogue, Keep { days: 0, free: u64::MAX }).await.unwrap(), 2, "nor where space is scarce");
        assert!(catalogue.get(&all[4].id).await.unwrap().is_none());
    }
}
