//! The part of the room's task that records: several recordings at once, one of each format.
//!
//! Finalising a file takes time, which the room must not wait for: a task of its own waits for the recording's end,
//! whatever the reason, and sends [`News`] to the room.

use std::time::SystemTime;

use gstreamer as gst;
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use super::minutes::Minutes;
use super::participant::Participant;
use super::publication::Publication;
use super::registry::RoomContext;
use super::{Event, RecordingError, Running, Source};
use crate::config;
use crate::egress::OutputError;
use crate::egress::format::Choice;
use crate::egress::individual::Feed;
use crate::egress::manifest::{Manifest, State, unix_ms};
use crate::egress::recording::{Recording, Spec};
use crate::egress::space::Limits;
use crate::id::{ParticipantId, RecordingId};
use crate::mix::{Mix, MixError};

/// Where what became of a recording goes.
pub(super) type Reply = oneshot::Sender<Result<Manifest, RecordingError>>;

/// News of a recording: it is held, goes on, or its file is finalised, or lost.
#[derive(Debug)]
pub(super) struct News(Manifest);

/// What the room records.
#[derive(Debug)]
pub(super) struct Recordings {
    active: Vec<Active>,
    minutes: Minutes,
    news: mpsc::Sender<News>,
}

/// A recording, from its start to its finalised file.
#[derive(Debug)]
struct Active {
    manifest: Manifest,
    /// Taken when it is stopped; the file is then being finalised.
    recording: Option<Recording>,
    waiting: Vec<Reply>,
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
}

impl Recordings {
    /// `pre_roll` is how long before it is asked for a recording begins, in seconds.
    pub(super) fn new(pre_roll: u64) -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(1);
        // It may begin somewhat earlier, with a keyframe.
        let kept = if pre_roll == 0 { 0 } else { 1000 * (pre_roll + 3) };
        (Self { active: Vec::new(), minutes: Minutes::new(kept), news }, receiver)
    }

    /// The recordings that people are to be told of, in the order in which they began.
    pub(super) fn running(&self) -> Vec<Running> {
        self.active.iter().filter(|active| active.recording.is_some()).map(|active| running(&active.manifest)).collect()
    }

    /// Whether a file is still being written or finalised.
    pub(super) fn is_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Notes what everybody is told, as far as it belongs into recordings.
    pub(super) fn hear(&mut self, event: &Event) {
        for happening in self.minutes.hear(unix_ms(SystemTime::now()), event) {
            let recordings = self.active.iter().filter_map(|active| active.recording.as_ref());
            recordings.for_each(|recording| recording.happened(happening.clone()));
        }
    }

    /// Those that want what everybody sends.
    pub(super) fn individual(&self) -> impl Iterator<Item = &Recording> {
        let wanted = self.active.iter().filter(|active| active.manifest.format.is_individual());
        wanted.filter_map(|active| active.recording.as_ref())
    }

    fn find(&mut self, id: &RecordingId) -> Option<&mut Active> {
        self.active.iter_mut().find(|active| active.manifest.id == *id)
    }
}

impl Actor {
    pub(super) async fn start_recording(&mut self, choice: Choice) -> Result<Manifest, RecordingError> {
        let spoken = self.context.config.rooms.video_codec.into();
        let format = choice.resolve(spoken).map_err(|error| RecordingError::Format(error.to_string()))?;
        let same = |active: &&Active| active.recording.is_some() && active.manifest.format == format;
        if let Some(active) = self.recordings.active.iter().find(same) {
            return Err(RecordingError::Already(active.manifest.id.clone()));
        }
        if self.participants.is_empty() {
            return Err(RecordingError::NoRoom(self.name.to_string()));
        }
        let failed = |error: &dyn std::fmt::Display| RecordingError::Media(error.to_string());
        if !format.encodings().is_empty() {
            self.start_mix().await.map_err(|error| failed(&error))?;
        }
        let spec = Spec {
            id: RecordingId::new(),
            format,
            room: self.name.clone(),
            so_far: self.recordings.minutes.so_far(unix_ms(SystemTime::now())),
            pre_roll: self.pre_roll(),
            kept_since: self.kept_since(),
            layout: self.mixing.mix().map(Mix::placements),
            limits: limits(&self.context.config.disk),
        };
        let begun = begin(self.mixing.mix(), spec, &self.context).await;
        let recording = begun.inspect_err(|_| self.end_idle_mix())?;
        let mut manifest = recording.manifest();
        let begun = manifest.borrow_and_update().clone();
        tracing::info!(recording = %begun.id, "recording started");
        let news = self.recordings.news.clone();
        tokio::spawn(async move {
            // Ends with the recording, whose last word is that it has ended.
            while manifest.changed().await.is_ok() {
                let now = manifest.borrow_and_update().clone();
                let _ = news.send(News(now)).await;
            }
            let mut last = manifest.borrow().clone();
            if last.state.is_running() {
                last.state = State::Failed;
                last.error = Some("its task ended without a word: see the log".to_owned());
                let _ = news.send(News(last)).await;
            }
        });
        self.recordings.active.push(Active {
            manifest: begun.clone(),
            recording: Some(recording),
            waiting: Vec::new(),
        });
        self.feed_recording(&begun.id);
        self.tell_all(&Event::RecordingStarted(running(&begun)));
        Ok(begun)
    }

    /// Gives everything that is sent to a recording that has begun, if it wants it.
    fn feed_recording(&mut self, id: &RecordingId) {
        let of = |participant: &Participant| {
            let sources: Vec<_> = participant.publications.keys().copied().collect();
            let id = participant.id.clone();
            sources.into_iter().map(move |source| (id.clone(), source))
        };
        let everything: Vec<_> = self.participants.values().flat_map(of).collect();
        for (participant, source) in everything {
            if let Some(feed) = self.feed_of(&participant, source)
                && let Some(recording) = self.recordings.individual().find(|recording| recording.id() == id)
            {
                recording.feed(Feed { since: recording.began(), ..feed });
            }
        }
        self.ask_publishers();
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

    pub(super) fn recording_news(&mut self, News(manifest): News) {
        if manifest.state.is_running() {
            self.recording_changed(manifest);
        } else {
            self.recording_finished(manifest);
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

    fn end_idle_mix(&mut self) {
        if !self.recordings.is_active() && !self.mixing.is_kept() {
            self.end_mix();
        }
    }

    pub(super) fn mix_failed(&mut self, reason: &str) {
        tracing::error!(reason, "the mix failed: what records it ends");
        let of_mix = |active: &&mut Active| !active.manifest.format.encodings().is_empty();
        let reason = format!("it ended since the mix failed: {reason}");
        self.recordings.active.iter_mut().filter(of_mix).for_each(|active| active.stop_because(&reason));
        self.end_mix();
        self.mixing.rest();
    }
}

async fn begin(mix: Option<&Mix>, spec: Spec, context: &RoomContext) -> Result<Recording, RecordingError> {
    let mut encoded = Vec::new();
    for encoding in spec.format.encodings() {
        let made = match mix {
            Some(mix) => mix.encode(encoding).await,
            None => Err(MixError::Ended),
        };
        encoded.push(made.map_err(|error| RecordingError::Media(error.to_string()))?);
    }
    Recording::start(spec, &context.catalogue, &context.descriptions, encoded).await.map_err(|error| match error {
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
