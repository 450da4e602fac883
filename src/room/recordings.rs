//! The part of the room's task that records: several recordings at once, one of each format and layout.
//!
//! Beginning and finalising a file take time, which the room must not wait for: a task of its own waits for the recording's
//! beginning and for its end, whatever the reason, and sends [`News`] to the room. What happens meanwhile waits for it.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use gstreamer as gst;
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use super::minutes::Minutes;
use super::publication::Publication;
use super::{Event, RecordingError, Running, SnapshotError, Source};
use crate::egress::individual::Feed;
use crate::egress::manifest::{Manifest, State, unix_ms};
use crate::egress::recording::{Recording, Start};
use crate::id::{MixName, OutputId, ParticipantId, RecordingId};
use crate::media::Codec;
use crate::media::description::Values;
use crate::media::pipeline::Pipeline;
use crate::metrics::label::{Recording as Phase, RecordingEnd};
use crate::metrics::metrics;
use crate::mix::{Encoded, Mix, MixError};

/// Where what became of a recording goes.
pub(super) type Reply = oneshot::Sender<Result<Manifest, RecordingError>>;

/// What the room waits for without standing still.
#[derive(Debug)]
pub(super) enum News {
    /// A recording is held, goes on, or its file is finalised, or lost.
    Changed(Manifest),
    /// A recording has begun, or has not.
    Begun(RecordingId, Result<Manifest, RecordingError>),
    /// A mix has started, or has not.
    Mix(MixName, Result<(Mix, Values), MixError>),
    /// What is kept of a mix is encoded now, or is not.
    Kept(Arc<Mix>, Result<Vec<Encoded>, MixError>),
    /// What an output gives away is encoded now, or is not.
    Encoded(OutputId, Result<Vec<Encoded>, MixError>),
    /// What is to be watched of a mix, with pictures in a codec, is encoded now, or is not.
    Broadcast(MixName, Codec, Result<Vec<Encoded>, MixError>),
    /// A picture of a mix is made, or is not.
    Pictured(u64, Result<Bytes, SnapshotError>),
}

/// What the room records.
#[derive(Debug)]
pub(super) struct Recordings {
    pub(super) active: Vec<Active>,
    pub(super) minutes: Minutes,
    pub(super) news: mpsc::Sender<News>,
}

/// A recording, from its start to its finalised file.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) manifest: Manifest,
    /// The mix that it takes.
    pub(super) mixed: Option<MixName>,
    /// Taken when it is stopped; the file is then being finalised.
    pub(super) recording: Option<Recording>,
    /// Until it has begun.
    pub(super) starting: Option<Starting>,
    pub(super) waiting: Vec<Reply>,
}

/// Who waits for a recording to begin, and what is left to be done: until there is a mix, where it needs one.
#[derive(Debug)]
pub(super) struct Starting {
    pub(super) reply: Reply,
    pub(super) start: Option<Start>,
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

    /// Whether it waits for a mix to begin with.
    pub(super) fn waits_for_mix(&self) -> bool {
        self.mixed.is_some() && self.starting.as_ref().is_some_and(|starting| starting.start.is_some())
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

    /// How far all are.
    pub(super) fn phases(&self) -> impl Iterator<Item = Phase> {
        self.active.iter().map(|active| match active.manifest.state {
            _ if active.starting.is_some() => Phase::Starting,
            _ if active.recording.is_none() => Phase::Finalising,
            State::Paused => Phase::Paused,
            _ => Phase::Recording,
        })
    }

    /// Whether a file is still being written or finalised, or about to be.
    pub(super) fn is_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Whether a mix is still wanted.
    pub(super) fn takes(&self, mix: &MixName) -> bool {
        self.active.iter().any(|active| active.mixed.as_ref() == Some(mix))
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
    /// Gives a track to all recordings that want it, if it is there and not muted.
    pub(super) fn feed_recordings(&mut self, id: &ParticipantId, source: Source) {
        if self.recordings.individual().next().is_some()
            && let Some(feed) = self.feed_of(id, source)
        {
            self.recordings.individual().for_each(|recording| recording.feed(feed.clone()));
        }
    }

    /// Since when anything is kept of what is sent.
    pub(super) fn kept_since(&self) -> Option<gst::ClockTime> {
        let publications = self.participants.values().flat_map(|participant| participant.publications.values());
        publications.filter_map(Publication::kept_since).min()
    }

    pub(super) fn feed_of(&mut self, id: &ParticipantId, source: Source) -> Option<Feed> {
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
            News::Mix(mix, started) => self.mix_started(&mix, started),
            News::Kept(mix, kept) => self.mix_kept(&mix, kept),
            News::Encoded(id, encoded) => self.output_encoded(&id, encoded),
            News::Broadcast(mix, codec, encoded) => self.broadcast_encoded(&mix, codec, encoded),
            News::Pictured(number, made) => self.snapshot_made(number, &made),
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
        let end = if manifest.state == State::Complete { RecordingEnd::Complete } else { RecordingEnd::Failed };
        metrics().stores.ended.get_or_create(&end).inc();
        tracing::info!(recording = %manifest.id, state = ?manifest.state, "recording ended");
        let ended = |active: &mut Active| active.manifest.id == manifest.id;
        for reply in self.recordings.active.extract_if(.., ended).flat_map(|active| active.waiting) {
            let _ = reply.send(Ok(manifest.clone()));
        }
        self.end_idle_mixes();
        self.tell_all(&Event::RecordingStopped(manifest));
    }

    /// Ends what takes a mix, which is of no further use.
    pub(super) fn end_recordings_of(&mut self, mix: &MixName, reason: &str) {
        let reason = format!("it ended since the mix failed: {reason}");
        let of_mix = |active: &&mut Active| active.mixed.as_ref() == Some(mix) && !active.waits_for_mix();
        self.recordings.active.iter_mut().filter(of_mix).for_each(|active| active.stop_because(&reason));
    }
}

pub(super) fn running(manifest: &Manifest) -> Running {
    Running {
        id: manifest.id.clone(),
        started_at: manifest.started_at,
        paused: manifest.state == State::Paused,
        elapsed_ms: manifest.elapsed_ms(unix_ms(SystemTime::now())),
    }
}
