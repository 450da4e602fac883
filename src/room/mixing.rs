//! The part of the room's task that mixes: a mix for each layout, which runs only while something wants it, or might want
//! what has been.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::select_all;
use gstreamer::prelude::*;

use super::actor::Actor;
use super::publication::Publication;
use super::recordings::News;
use super::starting::START_WITHIN;
use super::{Member, RecordingError, Source};
use crate::config;
use crate::egress::format::Format;
use crate::id::ParticipantId;
use crate::media::description::Values;
use crate::mix::layout::{Layout, Size};
use crate::mix::{Decoders, Encoded, Encoding, Mix, MixError, MixSettings, MixState};

/// How much longer than asked is kept, so that there is a keyframe to begin with.
const SLACK: Duration = Duration::from_secs(3);
/// How long a mix that failed is not tried again of itself.
const REST: Duration = Duration::from_secs(10);

/// How many mixes a room may have at once: each decodes everybody it shows, and encodes.
const MOST_MIXES: usize = 8;

/// The room's mixes, one for each layout that something wants.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    running: Vec<Running>,
    /// They all decode with these.
    decoders: Decoders,
    /// The layouts of those that are about to run.
    starting: Vec<Layout>,
    /// Whether what is kept is about to be encoded.
    is_keeping: bool,
    /// What is encoded and kept for recordings that begin before they are asked for.
    kept: Vec<Encoded>,
    /// When the one that is kept failed last: it is not tried again at once.
    failed_at: Option<Instant>,
    /// Who spoke last.
    spoke: Option<ParticipantId>,
}

#[derive(Debug)]
struct Running {
    layout: Layout,
    mix: Arc<Mix>,
}

impl Mixing {
    /// The mix of a layout.
    pub(super) fn handle(&self, layout: &Layout) -> Option<Arc<Mix>> {
        self.running.iter().find(|running| running.layout == *layout).map(|running| Arc::clone(&running.mix))
    }

    /// Whether there is any.
    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether one runs although nothing wants it yet.
    pub(super) fn is_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether one has to be told who speaks.
    pub(super) fn follows_speaker(&self) -> bool {
        self.running.iter().any(|running| running.layout.follows_speaker())
    }

    /// One failed, and is not tried again at once.
    fn rest(&mut self) {
        self.failed_at = Some(Instant::now());
    }

    /// Gives somebody a tile.
    pub(super) fn add(&self, member: &Member) {
        self.tell(|mix| mix.add_participant(&member.id, &member.name));
    }

    /// Takes somebody out.
    pub(super) fn remove(&self, id: &ParticipantId) {
        self.tell(|mix| mix.remove_participant(id));
    }

    /// Somebody else speaks. In silence, who spoke last counts.
    pub(super) fn hear(&mut self, speaker: ParticipantId) {
        for running in self.running.iter().filter(|running| running.layout.follows_speaker()) {
            if let Err(error) = running.mix.set_speaker(&speaker) {
                tracing::warn!(%error, layout = %running.layout, "the mix does not listen");
            }
        }
        self.spoke = Some(speaker);
    }

    fn tell(&self, say: impl Fn(&Mix) -> Result<(), MixError>) {
        for Running { layout, mix } in &self.running {
            if let Err(error) = say(mix) {
                tracing::warn!(%error, %layout, "the mix does not listen");
            }
        }
    }

    /// Resolves when a mix has failed as a whole; never without one.
    pub(super) async fn failed(&self) -> (Layout, String) {
        let failed = |running: &Running| {
            let (layout, mut state) = (running.layout.clone(), running.mix.state());
            Box::pin(async move {
                loop {
                    if let MixState::Failed(reason) = &*state.borrow_and_update() {
                        return (layout, reason.clone());
                    }
                    if state.changed().await.is_err() {
                        return (layout, "the mix ended by itself".into());
                    }
                }
            })
        };
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.running.iter().map(failed)).await.0
    }
}

impl Actor {
    /// The layout of the mix that a recording takes, if it takes one: what was `wanted`, where it has a picture.
    pub(super) fn layout_for(&self, format: Format, wanted: Option<Layout>) -> Result<Option<Layout>, RecordingError> {
        if format.encodings().is_empty() {
            return Ok(None);
        }
        if format.video_codec.is_none() {
            // They all sound the same.
            let any = self.mixing.running.first().map(|running| running.layout.clone());
            return Ok(Some(any.unwrap_or_default()));
        }
        let layout = wanted.unwrap_or_default();
        self.mixable(&layout)?;
        Ok(Some(layout))
    }

    /// Whether there can be a mix of a layout.
    pub(super) fn mixable(&self, layout: &Layout) -> Result<(), RecordingError> {
        let checked = layout.check(canvas(&self.context.config.mix, layout));
        checked.map_err(|error| RecordingError::Format(error.to_string()))?;
        let mixes = self.mixing.running.iter().map(|running| &running.layout).chain(&self.mixing.starting);
        if mixes.clone().all(|mixed| mixed != layout) && mixes.count() >= MOST_MIXES {
            return Err(RecordingError::TooManyMixes(MOST_MIXES));
        }
        Ok(())
    }

    /// The numbers of the mix of a layout.
    pub(super) fn mix_values(&self, layout: &Layout) -> Values {
        values(&self.context.config.mix, layout)
    }

    /// Starts the mix of a layout, unless that is done or under way. It takes its time: the room is told by [`News::Mix`].
    pub(super) fn start_mix(&mut self, layout: &Layout) {
        if self.mixing.handle(layout).is_some() || self.mixing.starting.contains(layout) {
            return;
        }
        self.mixing.starting.push(layout.clone());
        let settings = MixSettings { values: values(&self.context.config.mix, layout), ..MixSettings::default() };
        let name = format!("mix-{layout}-{}", self.pipeline.gst().name());
        let (descriptions, news) = (Arc::clone(&self.context.descriptions), self.recordings.news.clone());
        let (layout, decoders) = (layout.clone(), self.mixing.decoders.clone());
        tokio::spawn(async move {
            let start = Mix::start_sharing(&name, settings, &descriptions, &decoders);
            let started = tokio::time::timeout(START_WITHIN, start).await;
            let _ = news.send(News::Mix(layout, started.unwrap_or(Err(MixError::Ended)))).await;
        });
    }

    /// A mix has started, or has not: what waits for it begins, or does not.
    pub(super) fn mix_started(&mut self, layout: Layout, started: Result<Mix, MixError>) {
        self.mixing.starting.retain(|starting| *starting != layout);
        if let Err(error) = started.and_then(|mix| self.fill_mix(&layout, mix)) {
            tracing::error!(%error, %layout, "there is no mix");
            self.mixing.rest();
            self.end_outputs(Some(&layout), &error.to_string());
            return self.refuse_recordings(&layout, &error);
        }
        self.begin_recordings();
        self.begin_outputs();
        self.keep_mix();
        if !self.keeps_mix() {
            self.end_idle_mixes();
        }
    }

    fn fill_mix(&mut self, layout: &Layout, mix: Mix) -> Result<(), MixError> {
        mix.set_layout(layout)?;
        for participant in self.participants.values() {
            mix.add_participant(&participant.id, &participant.name)?;
        }
        if let Some(speaker) = &self.mixing.spoke {
            mix.set_speaker(speaker)?;
        }
        self.mixing.running.push(Running { layout: layout.clone(), mix: Arc::new(mix) });
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            for source in Source::ALL {
                self.feed_mixes(&id, source, Some(layout));
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
        let layout = Layout::default();
        let Some(mix) = self.mixing.handle(&layout) else { return self.start_mix(&layout) };
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
        if !self.mixing.handle(&Layout::default()).is_some_and(|now| Arc::ptr_eq(&now, mix)) {
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
        self.feed_mixes(id, source, None);
        self.feed_recordings(id, source);
    }

    /// Gives all mixes a track, or only that of a layout, if it is there and not muted.
    fn feed_mixes(&mut self, id: &ParticipantId, source: Source, only: Option<&Layout>) {
        let wanted = |running: &&Running| only.is_none_or(|only| running.layout == *only);
        let mixes: Vec<&Mix> = self.mixing.running.iter().filter(wanted).map(|running| &*running.mix).collect();
        if mixes.is_empty() {
            return;
        }
        let Some(participant) = self.participants.get_mut(id) else { return };
        let name = participant.name.clone();
        let Some(publication) = participant.publications.get_mut(&source).filter(|publication| !publication.muted)
        else {
            return;
        };
        let tile = tile(id, source);
        let codec = publication.codec();
        let outlet = match publication.tap(self.pipeline.gst()) {
            Ok(outlet) => outlet,
            Err(error) => {
                return tracing::warn!(participant = %id, ?source, %error, "a track is not in any mix");
            }
        };
        let feed = |mix: &Mix| {
            if source.is_shared() {
                mix.add_screen(&tile, id, &name)?;
            }
            mix.attach(&tile, codec, outlet)
        };
        // One that has failed keeps nothing from the others.
        for error in mixes.into_iter().filter_map(|mix| feed(mix).err()) {
            tracing::warn!(participant = %id, ?source, %error, "a track is not in a mix");
        }
    }

    /// Takes a track out of all mixes, if it is there.
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

    /// Ends the mixes that nothing wants any more.
    pub(super) fn end_idle_mixes(&mut self) {
        let (recordings, outputs, is_kept) = (&self.recordings, &self.outputs, self.mixing.is_kept());
        let keeps = is_kept || self.mixing.is_keeping;
        let wanted = |layout: &Layout| {
            recordings.takes(layout) || outputs.takes(layout) || keeps && *layout == Layout::default()
        };
        self.mixing.running.retain(|running| wanted(&running.layout));
        if self.mixing.is_running() || self.recordings.is_active() || self.keeps_past() {
            return;
        }
        for publication in self.participants.values_mut().flat_map(|participant| participant.publications.values_mut())
        {
            publication.close_tap();
        }
    }

    /// Ends a mix that is of no further use, and what takes it.
    pub(super) fn mix_failed(&mut self, layout: &Layout, reason: &str) {
        tracing::error!(reason, %layout, "the mix failed: what records it ends");
        self.end_recordings_of(layout, reason);
        self.end_outputs(Some(layout), reason);
        self.mixing.running.retain(|running| running.layout != *layout);
        if *layout == Layout::default() {
            self.mixing.kept.clear();
            self.mixing.rest();
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

/// The canvas on which a layout is shown.
fn canvas(mix: &config::Mix, layout: &Layout) -> Size {
    layout.canvas(Size { width: mix.width, height: mix.height })
}

fn values(mix: &config::Mix, layout: &Layout) -> Values {
    let Size { width, height } = canvas(mix, layout);
    Values { width, height, fps: mix.fps, gop: mix.fps, video_kbps: mix.video_kbps, audio_bps: mix.audio_kbps * 1000 }
}
