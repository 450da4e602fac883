//! The part of the room's task that starts recordings.
//!
//! Starting takes time, since it may need a mix, and files are made: a task of its own does it, and sends [`News`] to the
//! room. What happens meanwhile waits in the recording's queue.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::actor::Actor;
use super::mixes::Pick;
use super::participant::Participant;
use super::recordings::{Active, News, Reply, Starting, running};
use super::registry::RoomContext;
use super::{Event, RecordingError};
use crate::config;
use crate::egress::OutputError;
use crate::egress::format::{Choice, Format};
use crate::egress::individual::Feed;
use crate::egress::manifest::{Manifest, State};
use crate::egress::recording::{Recording, Spec, Start};
use crate::egress::space::Limits;
use crate::id::{MixName, RecordingId};
use crate::media::pipeline::Pipeline;
use crate::metrics::label::RecordingEnd;
use crate::metrics::metrics;
use crate::mix::{Mix, MixError};

/// How long a recording may take to begin, or a mix to start: a folder that hangs must not keep anybody waiting for ever.
pub(super) const START_WITHIN: Duration = Duration::from_secs(15);

impl Actor {
    /// Starts a recording, which takes its time: `reply` has what came of it in the end.
    pub(super) fn start_recording(&mut self, choice: Choice, reply: Reply) {
        let (format, mixed) = match self.recordable(choice) {
            Ok(recordable) => recordable,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let definition = mixed.as_ref().and_then(|mix| self.mixing.known.get(mix));
        let layout = definition.map(|definition| definition.scene.layout.clone());
        let spec = Spec {
            id: RecordingId::new(),
            format,
            room: self.name.clone(),
            so_far: self.recordings.minutes.so_far(Pipeline::running_time().mseconds()),
            feeds: if format.is_individual() { self.feeds() } else { Vec::new() },
            pre_roll: self.pre_roll(),
            kept_since: self.kept_since(),
            layout: layout.filter(|_| format.video_codec.is_some()),
            placements: None,
            limits: limits(&self.context.config.disk),
        };
        let (recording, start) = Recording::new(spec);
        self.recordings.active.push(Active {
            manifest: recording.manifest().borrow().clone(),
            mixed: mixed.clone(),
            recording: Some(recording),
            starting: Some(Starting { reply, start: Some(start) }),
            waiting: Vec::new(),
        });
        self.begin_recordings();
        if let Some(mix) = mixed {
            self.start_mix(&mix);
        }
        self.ask_publishers();
    }

    /// What is recorded, and the mix that it takes.
    fn recordable(&mut self, choice: Choice) -> Result<(Format, Option<MixName>), RecordingError> {
        let spoken = self.context.config.rooms.video_codec.into();
        let pick = Pick { mix: choice.mix.clone(), layout: choice.layout.clone() };
        let format = choice.resolve(spoken).map_err(|error| RecordingError::Format(error.to_string()))?;
        let mixed = self.mix_for(format, pick)?;
        let same =
            |active: &&Active| active.recording.is_some() && active.manifest.format == format && active.mixed == mixed;
        if let Some(active) = self.recordings.active.iter().find(same) {
            return Err(RecordingError::Already(active.manifest.id.clone()));
        }
        if self.participants.is_empty() {
            return Err(RecordingError::NoRoom(self.name.to_string()));
        }
        Ok((format, mixed))
    }

    /// Lets those recordings begin that have what they need for it.
    pub(super) fn begin_recordings(&mut self) {
        for active in &mut self.recordings.active {
            let mix = active.mixed.as_ref().and_then(|mix| self.mixing.handle(mix));
            if active.mixed.is_some() && mix.is_none() {
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

    pub(super) fn recording_begun(&mut self, id: &RecordingId, begun: Result<Manifest, RecordingError>) {
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
                metrics().stores.ended.get_or_create(&RecordingEnd::Refused).inc();
                let active = self.recordings.active.remove(index);
                let replies = active.starting.map(|starting| starting.reply).into_iter().chain(active.waiting);
                replies.for_each(|reply| drop(reply.send(Err(error.clone()))));
                self.end_idle_mixes();
            }
        }
    }

    /// A mix did not start: what waits for it does not begin.
    pub(super) fn refuse_recordings(&mut self, mix: &MixName, error: &MixError) {
        let waits = |active: &&Active| active.waits_for_mix() && active.mixed.as_ref() == Some(mix);
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
        OutputError::File { .. } => RecordingError::Folder(error.to_string()),
        _ => RecordingError::Media(error.to_string()),
    })
}

fn limits(disk: &config::Disk) -> Limits {
    let bytes = |megabytes: u64| megabytes.saturating_mul(1_000_000);
    Limits { warn: bytes(disk.warn_mb), refuse: bytes(disk.refuse_mb), stop: bytes(disk.stop_mb) }
}
