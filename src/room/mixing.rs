//! The part of the room's task that mixes: the mix runs only while something wants it, or might want what has been.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gstreamer::prelude::*;

use super::actor::Actor;
use super::publication::Publication;
use super::recordings::News;
use super::starting::START_WITHIN;
use super::{Member, Source};
use crate::config;
use crate::id::{ParticipantId, ParticipantName};
use crate::media::description::Values;
use crate::mix::{Encoded, Encoding, Mix, MixError, MixSettings, MixState};

/// How much longer than asked is kept, so that there is a keyframe to begin with.
const SLACK: Duration = Duration::from_secs(3);
/// How long a mix that failed is not tried again of itself.
const REST: Duration = Duration::from_secs(10);

/// The room's mix, if there is one.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    mix: Option<Arc<Mix>>,
    is_starting: bool,
    /// Whether what is kept is about to be encoded.
    is_keeping: bool,
    /// What is encoded and kept for recordings that begin before they are asked for.
    kept: Vec<Encoded>,
    /// When it failed last: it is not tried again at once.
    failed_at: Option<Instant>,
}

impl Mixing {
    /// The mix.
    pub(super) fn mix(&self) -> Option<&Mix> {
        self.mix.as_deref()
    }

    /// The mix, for those who have to wait for what they ask it for.
    pub(super) fn handle(&self) -> Option<Arc<Mix>> {
        self.mix.clone()
    }

    /// Whether it runs although nothing wants it yet.
    pub(super) fn is_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Gives somebody a tile.
    pub(super) fn add(&self, member: &Member) {
        self.tell(|mix| mix.add_participant(&member.id, &member.name));
    }

    /// Takes somebody out.
    pub(super) fn remove(&self, id: &ParticipantId) {
        self.tell(|mix| mix.remove_participant(id));
    }

    /// It failed, and is not tried again at once.
    pub(super) fn rest(&mut self) {
        self.failed_at = Some(Instant::now());
    }

    fn tell(&self, say: impl FnOnce(&Mix) -> Result<(), MixError>) {
        if let Some(Err(error)) = self.mix.as_deref().map(say) {
            tracing::warn!(%error, "the mix does not listen");
        }
    }

    /// Resolves when the mix has failed as a whole; never without one.
    pub(super) async fn failed(&self) -> String {
        let Some(mix) = &self.mix else { return std::future::pending().await };
        let mut state = mix.state();
        loop {
            if let MixState::Failed(reason) = &*state.borrow_and_update() {
                return reason.clone();
            }
            if state.changed().await.is_err() {
                return "the mix ended by itself".into();
            }
        }
    }
}

impl Actor {
    /// Starts the mix, unless that is done or under way. It takes its time: the room is told by [`News::Mix`].
    pub(super) fn start_mix(&mut self) {
        if self.mixing.mix.is_some() || self.mixing.is_starting {
            return;
        }
        self.mixing.is_starting = true;
        let settings = MixSettings { values: values(&self.context.config.mix), ..MixSettings::default() };
        let name = format!("mix-{}", self.pipeline.gst().name());
        let (descriptions, news) = (Arc::clone(&self.context.descriptions), self.recordings.news.clone());
        tokio::spawn(async move {
            let started = tokio::time::timeout(START_WITHIN, Mix::start(&name, settings, &descriptions)).await;
            let _ = news.send(News::Mix(started.unwrap_or(Err(MixError::Ended)))).await;
        });
    }

    /// The mix has started, or has not: what waits for it begins, or does not.
    pub(super) fn mix_started(&mut self, started: Result<Mix, MixError>) {
        self.mixing.is_starting = false;
        if let Err(error) = started.and_then(|mix| self.fill_mix(mix)) {
            tracing::error!(%error, "there is no mix");
            self.mixing.rest();
            return self.refuse_recordings(&error);
        }
        self.begin_recordings();
        self.keep_mix();
        if !self.keeps_mix() {
            self.end_idle_mix();
        }
    }

    fn fill_mix(&mut self, mix: Mix) -> Result<(), MixError> {
        for participant in self.participants.values() {
            mix.add_participant(&participant.id, &participant.name)?;
        }
        self.mixing.mix = Some(Arc::new(mix));
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            for source in Source::ALL {
                self.feed_mix(&id, source);
            }
        }
        self.ask_publishers();
        Ok(())
    }

    /// Whether a mix is wanted that nothing records yet.
    fn keeps_mix(&self) -> bool {
        self.keeps_past() && self.context.config.recording.pre_roll_mix
    }

    /// Lets the mix run and be kept, if recordings are to begin before they are asked for.
    pub(super) fn keep_mix(&mut self) {
        let rests = self.mixing.failed_at.is_some_and(|failed| failed.elapsed() < REST);
        if !self.keeps_mix() || self.mixing.is_kept() || self.mixing.is_keeping || rests {
            return;
        }
        let Some(mix) = self.mixing.handle() else { return self.start_mix() };
        self.mixing.is_keeping = true;
        let news = self.recordings.news.clone();
        tokio::spawn(async move {
            let kept = tokio::time::timeout(START_WITHIN, encode(&mix)).await.unwrap_or(Err(MixError::Ended));
            let _ = news.send(News::Kept(mix, kept)).await;
        });
    }

    /// What is kept of the mix is encoded now, or is not.
    pub(super) fn mix_kept(&mut self, mix: &Arc<Mix>, kept: Result<Vec<Encoded>, MixError>) {
        self.mixing.is_keeping = false;
        // It may have failed meanwhile.
        if !self.mixing.handle().is_some_and(|now| Arc::ptr_eq(&now, mix)) {
            return;
        }
        match kept {
            Ok(kept) => {
                let length = self.pre_roll() + SLACK;
                // Encoders make keyframes of their own accord.
                kept.iter().for_each(|encoded| encoded.outlet().keep(length, None));
                self.mixing.kept = kept;
            }
            Err(error) => {
                tracing::error!(%error, "recordings will begin when they are asked for: no mix is kept");
                self.mixing.rest();
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
    fn keep_track(&mut self, id: &ParticipantId, source: Source) {
        let length = self.pre_roll() + SLACK;
        let publication = self.participants.get_mut(id).and_then(|them| them.publications.get_mut(&source));
        if let Some(publication) = publication.filter(|publication| !publication.muted)
            && let Err(error) = publication.keep_tap(self.pipeline.gst(), length)
        {
            tracing::warn!(participant = %id, ?source, %error, "a track is not kept");
        }
    }

    /// Gives a track to the mix and to recordings that want it, if it is there and not muted.
    pub(super) fn feed(&mut self, id: &ParticipantId, source: Source) {
        if self.keeps_past() {
            self.keep_track(id, source);
        }
        self.feed_mix(id, source);
        self.feed_recordings(id, source);
    }

    /// Gives the mix a track, if there are both and it is not muted.
    fn feed_mix(&mut self, id: &ParticipantId, source: Source) {
        let Some(mix) = &self.mixing.mix else { return };
        let Some(participant) = self.participants.get_mut(id) else { return };
        let name = participant.name.clone();
        let Some(publication) = participant.publications.get_mut(&source).filter(|publication| !publication.muted)
        else {
            return;
        };
        let tile = tile(id, source);
        let codec = publication.codec();
        let fed = publication.tap(self.pipeline.gst()).map_err(|error| error.to_string()).and_then(|outlet| {
            if source.is_shared() {
                mix.add_participant(&tile, &shared_name(&name)).map_err(|error| error.to_string())?;
            }
            mix.attach(&tile, codec, outlet).map_err(|error| error.to_string())
        });
        if let Err(error) = fed {
            tracing::warn!(participant = %id, ?source, %error, "a track is not in the mix");
        }
    }

    /// Takes a track out of the mix, if it is there.
    pub(super) fn starve_mix(&mut self, id: &ParticipantId, source: Source) {
        let tile = tile(id, source);
        self.mixing.tell(|mix| mix.detach(&tile, source.kind()));
        if source == Source::Screen {
            self.mixing.tell(|mix| mix.remove_participant(&tile));
        }
        // Nothing is kept of what nobody may hear.
        let publication = self.participants.get_mut(id).and_then(|them| them.publications.get_mut(&source));
        publication.into_iter().for_each(Publication::close_tap);
    }

    /// Ends what nothing wants any more.
    pub(super) fn end_mix(&mut self) {
        self.mixing.kept.clear();
        self.mixing.mix = None;
        if self.keeps_past() {
            return;
        }
        for publication in self.participants.values_mut().flat_map(|participant| participant.publications.values_mut())
        {
            publication.close_tap();
        }
    }
}

/// What is kept of a mix.
async fn encode(mix: &Mix) -> Result<Vec<Encoded>, MixError> {
    Ok(vec![mix.encode(Encoding::H264).await?, mix.encode(Encoding::Aac).await?])
}

/// The tile that shows a track: a shared screen has one beside its owner's.
fn tile(id: &ParticipantId, source: Source) -> ParticipantId {
    if source.is_shared() { ParticipantId::from_remote(&format!("{id}-screen")) } else { id.clone() }
}

fn shared_name(name: &ParticipantName) -> ParticipantName {
    ParticipantName::parse(&format!("{name}'s screen")).unwrap_or_else(|_| name.clone())
}

fn values(mix: &config::Mix) -> Values {
    Values {
        width: mix.width,
        height: mix.height,
        fps: mix.fps,
        gop: mix.fps,
        video_kbps: mix.video_kbps,
        audio_bps: mix.audio_kbps * 1000,
    }
}
