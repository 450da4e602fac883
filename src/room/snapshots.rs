//! The part of the room's task that gives single pictures of a mix away.
//!
//! A mix that does not run is started for it, and ends when nothing else wants it. Waiting for the mix, for the picture and for its
//! encoding is a task's; the room is told by [`News::Pictured`]. Who asks for the same picture at the same time gets the same one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::actor::Actor;
use super::error::SnapshotError;
use super::mixes::Pick;
use super::recordings::News;
use crate::egress::snapshot;
use crate::id::MixName;
use crate::media::description::Descriptions;
use crate::mix::Mix;

/// How many pictures a room may have in the making at once, and how many may wait for each.
const MOST: usize = 8;
const MOST_WAITING: usize = 256;
/// How long a mix that runs may take to give a picture: it waits some seconds for videos that are to come.
const PICTURE_WITHIN: Duration = Duration::from_secs(8);

/// Where a picture goes.
pub(super) type Reply = oneshot::Sender<Result<Bytes, SnapshotError>>;

/// A picture that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of which mix: its name, or that of a layout.
    pub mix: MixName,
    /// How wide it is to be, if not as the mix.
    pub width: Option<u32>,
}

/// The pictures in the making.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    active: Vec<Active>,
    made: u64,
}

#[derive(Debug)]
struct Active {
    number: u64,
    mix: MixName,
    width: Option<u32>,
    /// Whether its mix is there, and has been asked.
    is_asked: bool,
    replies: Vec<Reply>,
}

impl Snapshots {
    /// Whether a mix is wanted.
    pub(super) fn takes(&self, mix: &MixName) -> bool {
        self.active.iter().any(|active| active.mix == *mix)
    }
}

impl Actor {
    /// Makes a picture, which takes its time: `reply` has it in the end.
    pub(super) fn take_snapshot(&mut self, wanted: &Wanted, reply: Reply) {
        let mix = match self.pick_mix(Pick { mix: Some(wanted.mix.clone()), layout: None }) {
            Ok(mix) => mix,
            Err(error) => return drop(reply.send(Err(error.into()))),
        };
        let same = |active: &&mut Active| active.mix == mix && active.width == wanted.width;
        let is_full = self.snapshots.active.len() >= MOST;
        match self.snapshots.active.iter_mut().find(same) {
            Some(active) if active.replies.len() < MOST_WAITING => return active.replies.push(reply),
            None if !is_full => {}
            _ => return drop(reply.send(Err(SnapshotError::Busy))),
        }
        let number = self.snapshots.made;
        self.snapshots.made += 1;
        let active = Active { number, mix: mix.clone(), width: wanted.width, is_asked: false, replies: vec![reply] };
        self.snapshots.active.push(active);
        self.begin_snapshots();
        self.start_mix(&mix);
    }

    /// Asks those mixes that are there now.
    pub(super) fn begin_snapshots(&mut self) {
        for active in self.snapshots.active.iter_mut().filter(|active| !active.is_asked) {
            let Some(mix) = self.mixing.handle(&active.mix) else { continue };
            active.is_asked = true;
            let (number, width) = (active.number, active.width);
            let (descriptions, news) = (Arc::clone(&self.context.descriptions), self.recordings.news.clone());
            tokio::spawn(async move {
                let made = tokio::time::timeout(PICTURE_WITHIN, picture(&mix, width, descriptions)).await;
                drop(mix);
                let _ = news.send(News::Pictured(number, made.unwrap_or(Err(SnapshotError::Late)))).await;
            });
        }
    }

    /// A picture is made, or is not.
    pub(super) fn snapshot_made(&mut self, number: u64, made: &Result<Bytes, SnapshotError>) {
        if let Err(error) = made {
            tracing::warn!(%error, "there is no picture of a mix");
        }
        let made_now = |active: &mut Active| active.number == number;
        for reply in self.snapshots.active.extract_if(.., made_now).flat_map(|active| active.replies) {
            let _ = reply.send(made.clone());
        }
        self.end_idle_mixes();
    }

    /// There is no such mix, or none at all.
    pub(super) fn end_snapshots(&mut self, mix: Option<&MixName>, reason: &str) {
        let ended = |active: &mut Active| mix.is_none_or(|mix| active.mix == *mix);
        for reply in self.snapshots.active.extract_if(.., ended).flat_map(|active| active.replies) {
            let _ = reply.send(Err(SnapshotError::Media(reason.to_owned())));
        }
    }
}

async fn picture(mix: &Mix, width: Option<u32>, descriptions: Arc<Descriptions>) -> Result<Bytes, SnapshotError> {
    let failed = |error: &dyn std::fmt::Display| SnapshotError::Media(error.to_string());
    let picture = mix.picture().await.map_err(|error| failed(&error))?;
    let encoded = tokio::task::spawn_blocking(move || snapshot::encode(&picture, width, &descriptions)).await;
    let jpeg = encoded.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    Ok(jpeg.into())
}
