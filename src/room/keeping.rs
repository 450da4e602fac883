//! The part of the room's task that keeps what has been, for recordings that begin before they are asked for: the mix
//! `default` runs then, and taps are open, although nothing wants them yet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Source;
use super::actor::Actor;
use super::recordings::News;
use super::starting::START_WITHIN;
use crate::id::{MixName, ParticipantId};
use crate::mix::{Encoded, Encoding, Mix, MixError};

/// How much longer than asked is kept, so that there is a keyframe to begin with.
const SLACK: Duration = Duration::from_secs(3);
/// How long a mix that failed is not tried again of itself.
const REST: Duration = Duration::from_secs(10);

/// What is kept of the mix.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Whether it is about to be encoded.
    is_starting: bool,
    encoded: Vec<Encoded>,
    /// When that failed last: it is not tried again at once.
    failed_at: Option<Instant>,
}

impl Kept {
    /// Whether the mix is to run for it.
    pub(super) fn wants_mix(&self) -> bool {
        self.is_starting || !self.encoded.is_empty()
    }

    /// The mix failed.
    pub(super) fn fail(&mut self) {
        self.encoded.clear();
        self.rest();
    }

    /// A mix did not start, and is not tried again at once.
    pub(super) fn rest(&mut self) {
        self.failed_at = Some(Instant::now());
    }

    fn rests(&self) -> bool {
        self.failed_at.is_some_and(|failed| failed.elapsed() < REST)
    }
}

impl Actor {
    /// Whether a mix is wanted that nothing records yet.
    pub(super) fn keeps_mix(&self) -> bool {
        self.keeps_past() && self.context.config.recording.pre_roll_mix
    }

    /// Lets the mix run and be kept, if recordings are to begin before they are asked for.
    pub(super) fn keep_mix(&mut self) {
        let rests = self.mixing.kept.rests();
        if !self.keeps_mix() || self.mixing.kept.wants_mix() || rests {
            return;
        }
        let name = MixName::default();
        let Some(mix) = self.mixing.handle(&name) else { return self.start_mix(&name) };
        self.mixing.kept.is_starting = true;
        let news = self.recordings.news.clone();
        tokio::spawn(async move {
            let kept = tokio::time::timeout(START_WITHIN, encode(&mix)).await.unwrap_or(Err(MixError::Ended));
            let _ = news.send(News::Kept(mix, kept)).await;
        });
    }

    /// What is kept of the mix is encoded now, or is not.
    pub(super) fn mix_kept(&mut self, mix: &Arc<Mix>, kept: Result<Vec<Encoded>, MixError>) {
        self.mixing.kept.is_starting = false;
        // It may have failed meanwhile.
        if !self.mixing.handle(&MixName::default()).is_some_and(|now| Arc::ptr_eq(&now, mix)) {
            return;
        }
        match kept {
            Ok(kept) => {
                let length = self.pre_roll() + SLACK;
                // Encoders make keyframes of their own accord.
                kept.iter().for_each(|encoded| encoded.outlet().keep(length, None));
                self.mixing.kept.encoded = kept;
            }
            Err(error) => {
                tracing::error!(%error, "recordings will begin when they are asked for: no mix is kept");
                self.mixing.kept.rest();
            }
        }
    }

    /// How long before it is asked for a recording begins.
    pub(super) fn pre_roll(&self) -> Duration {
        Duration::from_secs(self.context.config.recording.pre_roll_seconds)
    }

    /// Whether anything is kept for recordings that begin before they are asked for.
    pub(super) fn keeps_past(&self) -> bool {
        !self.pre_roll().is_zero()
    }

    /// Keeps a track for recordings that begin before they are asked for.
    pub(super) fn keep_track(&mut self, id: &ParticipantId, source: Source) {
        let length = self.pre_roll() + SLACK;
        let publication = self.participants.get_mut(id).and_then(|them| them.publications.get_mut(&source));
        if let Some(publication) = publication.filter(|publication| !publication.muted)
            && let Err(error) = publication.keep_tap(self.pipeline.gst(), length)
        {
            tracing::warn!(participant = %id, ?source, %error, "a track is not kept");
        }
    }
}

/// What is kept of a mix.
async fn encode(mix: &Mix) -> Result<Vec<Encoded>, MixError> {
    Ok(vec![mix.encode(Encoding::H264).await?, mix.encode(Encoding::Aac).await?])
}
