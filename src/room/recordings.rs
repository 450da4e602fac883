//! The part of the room's task that records: several recordings at once, one of each format.
//!
//! Beginning and finalising a file take time, which the room must not wait for: a task of its own waits for the recording's
//! beginning and for its end, whatever the reason, and sends [`News`] to the room. What happens meanwhile waits for it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gstreamer as gst;
use tokio::sync::{mpsc, oneshot, watch};

use super::actor::Actor;
use super::minutes::Minutes;
use super::participant::Participant;
use super::publication::Publication;
use super::registry::RoomContext;
use super::{Event, RecordingError, Running, Source};
use crate::config;
use crate::egress::OutputError;
use crate::egress::format::{Choice, Format};
use crate::egress::individual::Feed;
use crate::egress::manifest::{Manifest, State, unix_ms};
use crate::egress::recording::{Recording, Spec, Start};
use crate::egress::space::Limits;
use crate::id::{ParticipantId, RecordingId};
use crate::media::pipeline::Pipeline;
use crate::mix::{Encoded, Mix, MixError};

/// Where what became of a recording goes.
pub(super) type Reply = oneshot::Sender<Result<Manifest, RecordingError>>;

/// How long a recording may take to begin, or a mix to start: a folder that hangs must not keep anybody waiting for ever.
pub(super) const START_WITHIN: Duration = Duration::from_secs(15);

/// What the room waits for without standing still.
#[derive(Debug)]
pub(super) enum News {
    /// A recording is held, goes on, or its file is finalised, or lost.
    Changed(Manifest),
    /// A recording has begun, or has not.
    Begun(RecordingId, Result<Manifest, RecordingError>),
    /// The mix has started, or has not.
    Mix(Result<Mix, MixError>),
    /// What is kept of a mix is encoded now, or is not.
    Kept(Arc<Mix>, Result<Vec<Encoded>, MixError>),
}

/// What the room records.
#[derive(Debug)]
pub(super) struct Recordings {
    active: Vec<Active>,
    minutes: Minutes,
    pub(super) news: mpsc::Sender<News>,
}

/// A recording, from its start to its finalised file.
#[derive(Debug)]
struct Active {
    manifest: Manifest,
    /// Taken when it is stopped; the file is then being finalised.
    recording: Option<Recording>,
    /// Until it has begun.
    starting: Option<Starting>,
    waiting: Vec<Reply>,
}

/// Who waits for a recording to begin, and what is left to be done: until there is a mix, where it needs one.
#[derive(Debug)]
struct Starting {
    reply: Reply,
    start: Option<Start>,
}

impl Active {
    fn stop(&mut self) {
        if let Some(recording) = self.recording.take() {
            // Whoever waits for the end hears of it by `News`.
            tokio::spawn(recording.stop());
        }
    }

    fn stop_because(&mut self, reason: &str) {
        if let Some(recording) = self.recording.take() {
            tokio::spawn(recording.stop_because(reason.to_owned()));
        }
    }

    fn needs_mix(&self) -> bool {
        !self.manifest.format.encodings().is_empty()
    }
}

impl Recordings {
    /// `pre_roll` is how long before it is asked for a recording begins, in seconds.
    pub(super) fn new(pre_roll: u64) -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(1);
        // It may begin somewhat earlier, with a keyframe.
        let kept = if pre_roll == 0 { 0 } else { 1000 * (pre_roll + 3) };
        (Self { active: Vec::new(), minutes: Minutes::new(kept), news }, receiver)
    }

    /// The recordings that people are to be told of, in the order in which they were asked for.
    pub(super) fn running(&self) -> Vec<Running> {
        let told = |active: &&Active| active.recording.is_some() && active.starting.is_none();
        self.active.iter().filter(told).map(|active| running(&active.manifest)).collect()
    }

    /// Whether a file is still being written or finalised, or about to be.
    pub(super) fn is_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Notes what everybody is told, as far as it belongs into recordings.
    pub(super) fn hear(&mut self, event: &Event) {
        for happening in self.minutes.hear(Pipeline::running_time().mseconds(), event) {
            let recordings = self.active.iter().filter_map(|active| active.recording.as_ref());
            recordings.for_each(|recording| recording.happened(happening.clone()));
        }
    }

    /// Those that want what everybody sends.
    pub(super) fn individual(&self) -> impl Iterator<Item = &Recording> {
        let wanted = self.active.iter().filter(|active| active.manifest.format.is_individual());
        wanted.filter_map(|active| active.recording.as_ref())
    }

    /// Whether it runs, or is about to, or to end.
    pub(super) fn has(&self, id: &RecordingId) -> bool {
        self.active.iter().any(|active| active.manifest.id == *id)
    }

    fn find(&mut self, id: &RecordingId) -> Option<&mut Active> {
        self.active.iter_mut().find(|active| active.manifest.id == *id)
    }
}

impl Actor {
    /// Starts a recording, which takes its time: `reply` has what came of it in the end.
    pub(super) fn start_recording(&mut self, choice: Choice, reply: Reply) {
        let format = match self.recordable(choice) {
            Ok(format) => format,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let spec = Spec {
            id: RecordingId::new(),
            format,
            room: self.name.clone(),
            so_far: self.recordings.minutes.so_far(Pipeline::running_time().mseconds()),
            feeds: if format.is_individual() { self.feeds() } else { Vec::new() },
            pre_roll: self.pre_roll(),
            kept_since: self.kept_since(),
            layout: None,
            limits: limits(&self.context.config.disk),
        };
        let (recording, start) = Recording::new(spec);
        self.recordings.active.push(Active {
            manifest: recording.manifest().borrow().clone(),
            recording: Some(recording),
            starting: Some(Starting { reply, start: Some(start) }),
            waiting: Vec::new(),
        });
        self.begin_recordings();
        if self.recordings.active.iter().any(|active| is_waiting(active) && active.needs_mix()) {
            self.start_mix();
        }
        self.ask_publishers();
    }

    fn recordable(&self, choice: Choice) -> Result<Format, RecordingError> {
        let spoken = self.context.config.rooms.video_codec.into();
        let format = choice.resolve(spoken).map_err(|error| RecordingError::Format(error.to_string()))?;
        let same = |active: &&Active| active.recording.is_some() && active.manifest.format == format;
        if let Some(active) = self.recordings.active.iter().find(same) {
            return Err(RecordingError::Already(active.manifest.id.clone()));
        }
        if self.participants.is_empty() {
            return Err(RecordingError::NoRoom(self.name.to_string()));
        }
        Ok(format)
    }

    /// Lets those recordings begin that have what they need for it.
    pub(super) fn begin_recordings(&mut self) {
        let mix = self.mixing.handle();
        for active in &mut self.recordings.active {
            let mix = mix.clone().filter(|_| active.needs_mix());
            if active.needs_mix() && mix.is_none() {
                continue;
            }
            let Some(start) = active.starting.as_mut().and_then(|starting| starting.start.take()) else { continue };
            let (id, format) = (active.manifest.id.clone(), active.manifest.format);
            let (context, news) = (self.context.clone(), self.recordings.news.clone());
            let manifest = active.recording.as_ref().map(Recording::manifest);
            tokio::spawn(async move {
                let late = || {
                    RecordingError::Media(format!(
                        "it did not begin within {START_WITHIN:?}: does the folder of recordings hang?"
                    ))
                };
                let begun = tokio::time::timeout(START_WITHIN, begin(mix, format, start, &context)).await;
                let begun = begun.unwrap_or_else(|_| Err(late()));
                let is_running = begun.is_ok();
                let _ = news.send(News::Begun(id, begun)).await;
                if let Some(manifest) = manifest.filter(|_| is_running) {
                    follow(manifest, news).await;
                }
            });
        }
    }

    fn recording_begun(&mut self, id: &RecordingId, begun: Result<Manifest, RecordingError>) {
        let Some(index) = self.recordings.active.iter().position(|active| active.manifest.id == *id) else { return };
        match begun {
            Ok(begun) => {
                tracing::info!(recording = %id, "recording started");
                let active = &mut self.recordings.active[index];
                active.manifest = begun.clone();
                let starting = active.starting.take();
                self.tell_all(&Event::RecordingStarted(running(&begun)));
                starting.into_iter().for_each(|starting| drop(starting.reply.send(Ok(begun.clone()))));
            }
            Err(error) => {
                tracing::warn!(recording = %id, %error, "a recording did not start");
                let active = self.recordings.active.remove(index);
                let replies = active.starting.map(|starting| starting.reply).into_iter().chain(active.waiting);
                replies.for_each(|reply| drop(reply.send(Err(error.clone()))));
                self.end_idle_mix();
            }
        }
    }

    /// There is no mix: what waits for it does not begin.
    pub(super) fn refuse_recordings(&mut self, error: &MixError) {
        let waits = |active: &&Active| is_waiting(active) && active.needs_mix();
        let ids: Vec<_> =
            self.recordings.active.iter().filter(waits).map(|active| active.manifest.id.clone()).collect();
        let error = RecordingError::Media(error.to_string());
        ids.into_iter().for_each(|id| self.recording_begun(&id, Err(error.clone())));
    }

    /// Everything that is sent.
    fn feeds(&mut self) -> Vec<Feed> {
        let of = |participant: &Participant| {
            let sources: Vec<_> = participant.publications.keys().copied().collect();
            let id = participant.id.clone();
            sources.into_iter().map(move |source| (id.clone(), source))
        };
        let everything: Vec<_> = self.participants.values().flat_map(of).collect();
        everything.into_iter().filter_map(|(participant, source)| self.feed_of(&participant, source)).collect()
    }

    /// Gives a track to all recordings that want it, if it is there and not muted.
    pub(super) fn feed_recordings(&mut self, id: &ParticipantId, source: Source) {
        if self.recordings.individual().next().is_some()
            && let Some(feed) = self.feed_of(id, source)
        {
            self.recordings.individual().for_each(|recording| recording.feed(feed.clone()));
        }
    }

    /// Since when anything is kept of what is sent.
    fn kept_since(&self) -> Option<gst::ClockTime> {
        let publications = self.participants.values().flat_map(|participant| participant.publications.values());
        publications.filter_map(Publication::kept_since).min()
    }

    fn feed_of(&mut self, id: &ParticipantId, source: Source) -> Option<Feed> {
        let participant = self.participants.get_mut(id)?;
        let publication = participant.publications.get_mut(&source).filter(|publication| !publication.muted)?;
        let codec = publication.codec();
        let tap = publication.tap(self.pipeline.gst());
        let tap =
            tap.inspect_err(|error| tracing::warn!(participant = %id, ?source, %error, "a track is not recorded"));
        let (outlet, name) = (tap.ok()?.clone(), participant.name.to_string());
        Some(Feed { participant: id.clone(), name, shared: source.is_shared(), codec, outlet, since: None })
    }

    pub(super) fn stop_recording(&mut self, id: &RecordingId, reply: Reply) {
        match self.recordings.find(id) {
            Some(active) => {
                active.waiting.push(reply);
                active.stop();
            }
            None => {
                let _ = reply.send(Err(RecordingError::NotRunning(id.clone())));
            }
        }
    }

    pub(super) fn pause_recording(&mut self, id: &RecordingId, paused: bool, reply: Reply) {
        let Some(recording) = self.recordings.find(id).and_then(|active| active.recording.as_ref()) else {
            let _ = reply.send(Err(RecordingError::NotRunning(id.clone())));
            return;
        };
        let (noted, id) = (recording.pause(paused), id.clone());
        // It waits for a file to be written, which the room must not.
        tokio::spawn(async move {
            let _ = reply.send(noted.await.ok_or(RecordingError::NotRunning(id)));
        });
    }

    /// Stops whatever is recorded; its end is told as always.
    pub(super) fn end_recordings(&mut self) {
        self.recordings.active.iter_mut().for_each(Active::stop);
    }

    pub(super) fn news(&mut self, news: News) {
        match news {
            News::Changed(manifest) if manifest.state.is_running() => self.recording_changed(manifest),
            News::Changed(manifest) => self.recording_finished(manifest),
            News::Begun(id, begun) => self.recording_begun(&id, begun),
            News::Mix(started) => self.mix_started(started),
            News::Kept(mix, kept) => self.mix_kept(&mix, kept),
        }
    }

    fn recording_changed(&mut self, manifest: Manifest) {
        let Some(active) = self.recordings.find(&manifest.id) else { return };
        tracing::info!(recording = %manifest.id, state = ?manifest.state, "recording held or continued");
        let told = running(&manifest);
        active.manifest = manifest;
        if active.recording.is_some() {
            self.tell_all(&Event::RecordingChanged(told));
        }
    }

    fn recording_finished(&mut self, manifest: Manifest) {
        tracing::info!(recording = %manifest.id, state = ?manifest.state, "recording ended");
        let ended = |active: &mut Active| active.manifest.id == manifest.id;
        for reply in self.recordings.active.extract_if(.., ended).flat_map(|active| active.waiting) {
            let _ = reply.send(Ok(manifest.clone()));
        }
        self.end_idle_mix();
        self.tell_all(&Event::RecordingStopped(manifest));
    }

    pub(super) fn end_idle_mix(&mut self) {
        if !self.recordings.is_active() && !self.mixing.is_kept() {
            self.end_mix();
        }
    }

    pub(super) fn mix_failed(&mut self, reason: &str) {
        tracing::error!(reason, "the mix failed: what records it ends");
        let reason = format!("it ended since the mix failed: {reason}");
        let of_mix = |active: &&mut Active| active.needs_mix() && !is_waiting(active);
        self.recordings.active.iter_mut().filter(of_mix).for_each(|active| active.stop_because(&reason));
        self.end_mix();
        self.mixing.rest();
    }
}

/// Whether it waits for a mix to begin with.
fn is_waiting(active: &Active) -> bool {
    active.starting.as_ref().is_some_and(|starting| starting.start.is_some())
}

/// Tells the room whatever becomes of a recording that has begun.
async fn follow(mut manifest: watch::Receiver<Manifest>, news: mpsc::Sender<News>) {
    // Ends with the recording, whose last word is that it has ended.
    while manifest.changed().await.is_ok() {
        let now = manifest.borrow_and_update().clone();
        let _ = news.send(News::Changed(now)).await;
    }
    let mut last = manifest.borrow().clone();
    if last.state.is_running() {
        last.state = State::Failed;
        last.error = Some("its task ended without a word: see the log".to_owned());
        let _ = news.send(News::Changed(last)).await;
    }
}

async fn begin(
    mix: Option<Arc<Mix>>,
    format: Format,
    mut start: Start,
    context: &RoomContext,
) -> Result<Manifest, RecordingError> {
    let mut encoded = Vec::new();
    if let Some(mix) = mix {
        for encoding in format.encodings() {
            let made = mix.encode(encoding).await;
            encoded.push(made.map_err(|error| RecordingError::Media(error.to_string()))?);
        }
        start.arrange(mix.placements());
    }
    start.run(&context.catalogue, &context.descriptions, encoded).await.map_err(|error| match error {
        OutputError::Space { .. } => RecordingError::Space(error.to_string()),
        _ => RecordingError::Media(error.to_string()),
    })
}

fn limits(disk: &config::Disk) -> Limits {
    let bytes = |megabytes: u64| megabytes.saturating_mul(1_000_000);
    Limits { warn: bytes(disk.warn_mb), refuse: bytes(disk.refuse_mb), stop: bytes(disk.stop_mb) }
}

fn running(manifest: &Manifest) -> Running {
    Running {
        id: manifest.id.clone(),
        started_at: manifest.started_at,
        paused: manifest.state == State::Paused,
        elapsed_ms: manifest.elapsed_ms(unix_ms(SystemTime::now())),
    }
}
