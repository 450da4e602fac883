//! The part of the room's task that mixes and records: the mix runs only while something wants it.
//!
//! Finalising a file takes time, which the room must not wait for: a task of its own waits for the recording's end,
//! whatever the reason, and sends [`Finished`] to the room.

use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use super::{Event, Member, RecordingError, Running, Source};
use crate::config;
use crate::egress::manifest::{Attendee, Manifest, State};
use crate::egress::recording::{Recording, Spec};
use crate::id::{ParticipantId, ParticipantName, RecordingId};
use crate::media::description::Values;
use crate::mix::{Mix, MixError, MixSettings, MixState};

/// Who waits to hear how a recording ended.
type Reply = oneshot::Sender<Result<Manifest, RecordingError>>;

/// A recording whose file is finalised, or lost.
#[derive(Debug)]
pub(super) struct Finished(Manifest);

/// What the room records.
#[derive(Debug)]
pub(super) struct Recordings {
    mix: Option<Mix>,
    active: Option<Active>,
    finished: mpsc::Sender<Finished>,
}

/// A recording, from its start to its finalised file.
#[derive(Debug)]
struct Active {
    running: Running,
    /// Taken when it is stopped; the file is then being finalised.
    recording: Option<Recording>,
    waiting: Vec<Reply>,
}

impl Active {
    fn stop(&mut self) {
        if let Some(recording) = self.recording.take() {
            // Whoever waits for the end hears of it by `Finished`.
            tokio::spawn(recording.stop());
        }
    }
}

impl Recordings {
    pub(super) fn new() -> (Self, mpsc::Receiver<Finished>) {
        let (finished, receiver) = mpsc::channel(1);
        (Self { mix: None, active: None, finished }, receiver)
    }

    /// The recording that people are to be told of.
    pub(super) fn running(&self) -> Option<Running> {
        self.active.as_ref().filter(|active| active.recording.is_some()).map(|active| active.running.clone())
    }

    /// Whether a file is still being written or finalised.
    pub(super) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    /// Gives somebody a tile in the mix and a line in the manifest, if there are such.
    pub(super) fn add(&self, member: &Member) {
        if let Some(recording) = self.active.as_ref().and_then(|active| active.recording.as_ref()) {
            recording.joined(attendee(member));
        }
        self.tell_mix(|mix| mix.add_participant(&member.id, &member.name));
    }

    /// Whether there is a mix.
    pub(super) fn mixes(&self) -> bool {
        self.mix.is_some()
    }

    /// Takes somebody out of the mix, if there is one.
    pub(super) fn remove(&self, id: &ParticipantId) {
        self.tell_mix(|mix| mix.remove_participant(id));
    }

    fn tell_mix(&self, say: impl FnOnce(&Mix) -> Result<(), MixError>) {
        if let Some(Err(error)) = self.mix.as_ref().map(say) {
            tracing::warn!(%error, "the mix does not listen");
        }
    }

    /// Resolves when the mix has failed as a whole; never without one.
    pub(super) async fn mix_failed(&self) -> String {
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
    pub(super) async fn start_recording(&mut self) -> Result<Manifest, RecordingError> {
        if let Some(active) = &self.recordings.active {
            return Err(RecordingError::Already(active.running.id.clone()));
        }
        if self.participants.is_empty() {
            return Err(RecordingError::NoRoom(self.name.to_string()));
        }
        let failed = |error: &dyn std::fmt::Display| RecordingError::Media(error.to_string());
        self.start_mix().await.map_err(|error| failed(&error))?;
        let Some(mix) = &self.recordings.mix else { return Err(failed(&MixError::Ended)) };
        let spec = Spec {
            id: RecordingId::new(),
            room: self.name.clone(),
            participants: self.participants.values().map(|participant| attendee(&participant.member())).collect(),
        };
        let folder = self.context.catalogue.folder();
        let recording = match Recording::start(spec, folder, &self.context.descriptions, mix.video(), mix.audio()).await
        {
            Ok(recording) => recording,
            Err(error) => {
                self.end_mix();
                return Err(failed(&error));
            }
        };
        let mut manifest = recording.manifest();
        let begun = manifest.borrow_and_update().clone();
        tracing::info!(recording = %begun.id, "recording started");
        let finished = self.recordings.finished.clone();
        tokio::spawn(async move {
            let _ = manifest.wait_for(|manifest| manifest.state != State::Recording).await;
            let last = manifest.borrow().clone();
            let _ = finished.send(Finished(last)).await;
        });
        let running = Running { id: begun.id.clone(), started_at: begun.started_at };
        self.recordings.active =
            Some(Active { running: running.clone(), recording: Some(recording), waiting: Vec::new() });
        self.tell_all(&Event::RecordingStarted(running));
        Ok(begun)
    }

    pub(super) fn stop_recording(&mut self, id: &RecordingId, reply: Reply) {
        match &mut self.recordings.active {
            Some(active) if active.running.id == *id => {
                active.waiting.push(reply);
                active.stop();
            }
            _ => {
                let _ = reply.send(Err(RecordingError::NotRunning(id.clone())));
            }
        }
    }

    /// Stops whatever is recorded; its end is told as always.
    pub(super) fn end_recordings(&mut self) {
        if let Some(active) = &mut self.recordings.active {
            active.stop();
        }
    }

    pub(super) fn recording_finished(&mut self, finished: Finished) {
        let Finished(manifest) = finished;
        tracing::info!(recording = %manifest.id, state = ?manifest.state, "recording ended");
        self.end_mix();
        for reply in self.recordings.active.take().into_iter().flat_map(|active| active.waiting) {
            let _ = reply.send(Ok(manifest.clone()));
        }
        self.tell_all(&Event::RecordingStopped(manifest));
    }

    pub(super) fn mix_failed(&mut self, reason: &str) {
        tracing::error!(reason, "the mix failed: what records it ends");
        self.end_recordings();
        self.end_mix();
    }

    async fn start_mix(&mut self) -> Result<(), MixError> {
        if self.recordings.mix.is_some() {
            return Ok(());
        }
        let settings = MixSettings { values: values(&self.context.config.mix), ..MixSettings::default() };
        let name = format!("mix-{}", self.pipeline.gst().name());
        let mix = Mix::start(&name, settings, &self.context.descriptions).await?;
        for participant in self.participants.values() {
            mix.add_participant(&participant.id, &participant.name)?;
        }
        self.recordings.mix = Some(mix);
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            for source in Source::ALL {
                self.feed_mix(&id, source);
            }
        }
        self.ask_publishers();
        Ok(())
    }

    /// Gives the mix a track, if there are both and it is not muted.
    pub(super) fn feed_mix(&mut self, id: &ParticipantId, source: Source) {
        let Some(mix) = &self.recordings.mix else { return };
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
    pub(super) fn starve_mix(&self, id: &ParticipantId, source: Source) {
        let tile = tile(id, source);
        self.recordings.tell_mix(|mix| mix.detach(&tile, source.kind()));
        if source == Source::Screen {
            self.recordings.tell_mix(|mix| mix.remove_participant(&tile));
        }
    }

    fn end_mix(&mut self) {
        self.recordings.mix = None;
        for publication in self.participants.values_mut().flat_map(|participant| participant.publications.values_mut())
        {
            publication.close_tap();
        }
    }
}

/// The tile that shows a track: a shared screen has one beside its owner's.
fn tile(id: &ParticipantId, source: Source) -> ParticipantId {
    if source.is_shared() { ParticipantId::from_remote(&format!("{id}-screen")) } else { id.clone() }
}

fn shared_name(name: &ParticipantName) -> ParticipantName {
    ParticipantName::parse(&format!("{name}'s screen")).unwrap_or_else(|_| name.clone())
}

fn attendee(member: &Member) -> Attendee {
    Attendee { id: member.id.clone(), name: member.name.to_string() }
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
