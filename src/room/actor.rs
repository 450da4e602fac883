//! The room's task: takes one message at a time, decides, acts. The only owner of the pipeline and of everybody in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;

use super::participant::Participant;
use super::recordings::{Finished, Recordings};
use super::{Command, Event, JoinError, RoomContext};
use crate::id::{ParticipantId, ParticipantName, RoomName};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::pipeline::{Pipeline, PipelineError};
use crate::webrtc::{EndpointContext, EndpointError, EndpointEvent};

/// How often silent and unconnected endpoints are looked for.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How many events of endpoints may wait; a room of a hundred makes some hundred at once when all join together.
const ENDPOINT_EVENTS: usize = 8192;

/// One room.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: RoomName,
    pub(super) context: RoomContext,
    /// Before the pipeline, so that everybody is off it before it ends.
    pub(super) participants: BTreeMap<ParticipantId, Participant>,
    pub(super) recordings: Recordings,
    pub(super) endpoints: EndpointContext,
    pub(super) pipeline: Pipeline,
    commands: mpsc::Receiver<Command>,
    endpoint_events: mpsc::Receiver<EndpointEvent>,
    bus: mpsc::Receiver<BusEvent>,
    finished: mpsc::Receiver<Finished>,
    /// Sessions that do not take their events, to be removed at the next watch.
    slow: BTreeSet<ParticipantId>,
    closing: bool,
}

impl Actor {
    pub(super) fn new(
        name: RoomName,
        context: RoomContext,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Self, PipelineError> {
        // The name is a person's text: it goes into the log, not into GStreamer.
        let (pipeline, bus) =
            Pipeline::new(&format!("room-{}", ulid::Ulid::generate().to_string().to_ascii_lowercase()));
        pipeline.play()?;
        let (events, endpoint_events) = mpsc::channel(ENDPOINT_EVENTS);
        let (recordings, finished) = Recordings::new();
        let endpoints = EndpointContext {
            ice: context.config.ice.clone(),
            jitter_milliseconds: context.config.rooms.jitter_milliseconds,
            events,
        };
        Ok(Self {
            name,
            context,
            participants: BTreeMap::new(),
            recordings,
            endpoints,
            pipeline,
            commands,
            endpoint_events,
            bus,
            finished,
            slow: BTreeSet::new(),
            closing: false,
        })
    }

    /// Runs until the last participant has gone and the last recording is finalised.
    #[tracing::instrument(name = "room", skip_all, fields(room = %self.name))]
    pub(super) async fn run(mut self) {
        tracing::info!("opened");
        let mut watch = tokio::time::interval(WATCH_INTERVAL);
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.command(command).await,
                Some(event) = self.endpoint_events.recv() => self.endpoint_event(event),
                Some(event) = self.bus.recv() => self.bus_event(&event),
                Some(finished) = self.finished.recv() => self.recording_finished(finished),
                reason = self.recordings.mix_failed() => self.mix_failed(&reason),
                _ = watch.tick() => self.watch(),
            }
            if self.participants.is_empty() {
                self.end_recordings();
                if !self.recordings.is_active() {
                    break;
                }
            }
        }
        // Who has sent a command into this moment is told by the dropped reply, and tries again.
        self.commands.close();
        tracing::info!("closed");
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Join { name, events, reply } => {
                let joined = self.join(name, events);
                let _ = reply.send(joined);
            }
            Command::Leave(participant) => self.remove(&participant),
            Command::Publish { participant, offer } => self.publish(&participant, &offer),
            Command::Subscribe { participant, sender, offer } => self.subscribe(&participant, &sender, &offer),
            Command::Candidate { participant, sender, candidate } => self.candidate(&participant, &sender, &candidate),
            Command::StartRecording(reply) => {
                let started = self.start_recording().await;
                let _ = reply.send(started);
            }
            Command::StopRecording { id, reply } => self.stop_recording(&id, reply),
            Command::Close => self.close(),
        }
    }

    fn join(&mut self, name: ParticipantName, events: mpsc::Sender<Event>) -> Result<ParticipantId, JoinError> {
        let limit = self.context.config.rooms.max_participants;
        if self.closing {
            return Err(JoinError::Closing);
        }
        if self.participants.len() >= limit {
            return Err(JoinError::Full(limit));
        }
        let id = ParticipantId::new();
        let participant = Participant::new(self.pipeline.gst(), id.clone(), name, events)
            .map_err(|error| JoinError::Media(error.to_string()))?;
        tracing::info!(participant = %id, name = %participant.name, "joined");
        let others = self.participants.values().map(Participant::member).collect();
        let member = participant.member();
        self.recordings.add(&member);
        self.participants.insert(id.clone(), participant);
        // Both words are queued before anybody else's turn comes: each pair is announced exactly once.
        let recording = self.recordings.running();
        self.tell(&id, Event::Joined { id: id.clone(), others, recording });
        self.tell_others(&id, &Event::ParticipantJoined(member));
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.remove(id) else { return };
        tracing::info!(participant = %id, "left");
        self.recordings.remove(id);
        for other in self.participants.values_mut() {
            other.forget(id);
        }
        drop(participant);
        self.tell_others(id, &Event::ParticipantLeft(id.clone()));
    }

    /// Ends a participant for a reason of the server's.
    pub(super) fn expel(&mut self, id: &ParticipantId, reason: &str) {
        tracing::warn!(participant = %id, reason, "removed");
        self.tell(id, Event::Removed { reason: reason.to_owned() });
        self.remove(id);
    }

    fn close(&mut self) {
        self.closing = true;
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            self.expel(&id, "the server is stopping");
        }
    }

    fn watch(&mut self) {
        let silence = Duration::from_secs(self.context.config.rooms.silence_seconds);
        let overdue: Vec<_> = self
            .participants
            .values()
            .flat_map(|participant| {
                let id = &participant.id;
                participant.endpoints().filter_map(move |(sender, endpoint)| {
                    endpoint.overdue(silence).map(|error| (id.clone(), sender.clone(), error))
                })
            })
            .collect();
        for (participant, sender, error) in overdue {
            let gone = participant == sender && matches!(error, EndpointError::Silent(_));
            self.endpoint_failed(&participant, &sender, &error);
            if gone {
                // Who sends nothing at all any more is not there any more.
                self.expel(&participant, &error.to_string());
            }
        }
        for id in std::mem::take(&mut self.slow) {
            self.expel(&id, "the connection does not take the room's events");
        }
    }

    fn bus_event(&mut self, event: &BusEvent) {
        let BusEventKind::Error(detail) = &event.kind else { return };
        let error = EndpointError::Media(detail.clone());
        let owner = self.participants.values().find_map(|participant| {
            let endpoint = participant.endpoints().find(|(_, endpoint)| endpoint.owns(event));
            endpoint.map(|(sender, _)| (participant.id.clone(), sender.clone()))
        });
        if let Some((participant, sender)) = owner {
            self.endpoint_failed(&participant, &sender, &error);
            return;
        }
        let owner = self.participants.values().find(|p| event.is_from(&format!("participant-{}", p.id)));
        match owner.map(|participant| participant.id.clone()) {
            Some(id) => self.expel(&id, &error.to_string()),
            None => tracing::error!(path = ?event.path, detail, "an element without an owner failed"),
        }
    }

    pub(super) fn tell(&mut self, id: &ParticipantId, event: Event) {
        let Some(participant) = self.participants.get(id) else { return };
        if let Err(error) = participant.events.try_send(event) {
            tracing::warn!(participant = %id, %error, "a session does not take its events");
            // Later, by the watch: nobody is removed while somebody else's message is half-way.
            self.slow.insert(id.clone());
        }
    }

    pub(super) fn tell_others(&mut self, except: &ParticipantId, event: &Event) {
        let others: Vec<_> = self.participants.keys().filter(|id| *id != except).cloned().collect();
        for id in others {
            self.tell(&id, event.clone());
        }
    }

    pub(super) fn tell_all(&mut self, event: &Event) {
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            self.tell(&id, event.clone());
        }
    }
}
