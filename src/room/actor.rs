//! The room's task: takes one message at a time, decides, acts. The only owner of the pipeline and of everybody in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::chat::Chat;
use super::command::{Command, Done, Reply, Request};
use super::endpoints::Naming;
use super::error::RequestError;
use super::event::{Event, Removal};
use super::measuring::Measures;
use super::mixing::Mixing;
use super::model::{Look, TrackId};
use super::outputs::Outputs;
use super::participant::Participant;
use super::presence::Waiting;
use super::recordings::{News, Recordings};
use super::registry::RoomContext;
use super::snapshots::Snapshots;
use super::speakers::{self, Speakers};
use super::view::{MAX_LOOKS, View};
use super::viewers::Viewers;
use crate::id::{ParticipantId, RoomName};
use crate::media::Kind;
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::pipeline::{Pipeline, PipelineError};
use crate::webrtc::{EndpointContext, EndpointError, EndpointEvent, Patience};

/// How often so many looks after everybody also judge how well media arrives.
const QUALITY_WATCHES: u32 = 2;

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
    pub(super) outputs: Outputs,
    /// Before the pipeline, like participants.
    pub(super) viewers: Viewers,
    pub(super) snapshots: Snapshots,
    pub(super) mixing: Mixing,
    pub(super) endpoints: EndpointContext,
    pub(super) pipeline: Pipeline,
    commands: mpsc::Receiver<Command>,
    endpoint_events: mpsc::Receiver<EndpointEvent>,
    bus: mpsc::Receiver<BusEvent>,
    news: mpsc::Receiver<News>,
    /// Sessions that do not take their events, to be removed at the next watch.
    slow: BTreeSet<ParticipantId>,
    /// How often it was looked after everybody.
    watched: u32,
    pub(super) measures: Measures,
    pub(super) waiting: Waiting,
    pub(super) speakers: Speakers<TrackId>,
    pub(super) chat: Chat,
    pub(super) locked: bool,
    pub(super) lobby: bool,
    pub(super) closing: bool,
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
        let (recordings, news) = Recordings::new(context.config.recording.pre_roll_seconds);
        let endpoints = EndpointContext {
            ice: context.config.ice.clone(),
            patience: Patience {
                sound_milliseconds: context.config.rooms.jitter_milliseconds,
                picture_milliseconds: context.config.rooms.repair_milliseconds,
            },
            gather: None,
            events,
        };
        Ok(Self {
            name,
            context,
            participants: BTreeMap::new(),
            recordings,
            outputs: Outputs::default(),
            viewers: Viewers::default(),
            snapshots: Snapshots::default(),
            mixing: Mixing::default(),
            endpoints,
            pipeline,
            commands,
            endpoint_events,
            bus,
            news,
            slow: BTreeSet::new(),
            watched: 0,
            measures: Measures::new(),
            waiting: Waiting::new(),
            speakers: Speakers::new(),
            chat: Chat::default(),
            locked: false,
            lobby: false,
            closing: false,
        })
    }

    /// Runs until the last participant has gone and the last recording is finalised.
    #[tracing::instrument(name = "room", skip_all, fields(room = %self.name))]
    pub(super) async fn run(mut self) {
        tracing::info!("opened");
        let mut watch = tokio::time::interval(WATCH_INTERVAL);
        let mut listen = tokio::time::interval(speakers::INTERVAL);
        listen.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(command) = self.commands.recv() => self.command(command),
                Some(event) = self.endpoint_events.recv() => self.endpoint_event(event),
                Some(event) = self.bus.recv() => self.bus_event(&event),
                Some(news) = self.news.recv() => self.news(news),
                (mix, reason) = self.mixing.failed() => self.mix_failed(&mix, &reason),
                _ = watch.tick() => {
                    self.watch();
                    self.keep_mix();
                }
                _ = listen.tick(), if self.listens() => self.listen(),
            }
            if self.participants.is_empty() && self.waiting.is_empty() {
                self.end_recordings();
                self.end_outputs(None, "everybody has gone");
                self.end_viewers(None, "everybody has gone");
                self.end_snapshots(None, "everybody has gone");
                if !self.recordings.is_active() {
                    break;
                }
            }
        }
        // Who has sent a command into this moment is told by the dropped reply, and tries again.
        self.commands.close();
        self.outputs.ended().await;
        tracing::info!("closed");
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Join { newcomer, reply } => {
                let joined = self.join(newcomer);
                let _ = reply.send(joined);
            }
            Command::Resume { resume, events, reply } => {
                let resumed = self.resume(&resume, events);
                let _ = reply.send(resumed);
            }
            Command::Leave { participant, session } => self.leave(&participant, session),
            Command::Depart { resume, reply } => {
                let _ = reply.send(self.depart(&resume));
            }
            Command::Disconnected { participant, session } => self.disconnected(&participant, session),
            Command::Request { participant, request, reply } => self.request(&participant, request, reply),
            Command::StartRecording { choice, reply } => self.start_recording(choice, reply),
            Command::Records { id, reply } => drop(reply.send(self.recordings.has(&id))),
            Command::PauseRecording { id, paused, reply } => self.pause_recording(&id, paused, reply),
            Command::StopRecording { id, reply } => self.stop_recording(&id, reply),
            Command::StartOutput { wanted, reply } => self.start_output(wanted, reply),
            Command::Outputs { reply } => drop(reply.send(self.outputs.statuses())),
            Command::StopOutput { id, reply } => self.stop_output(&id, reply),
            Command::Watch(command) => self.watch_command(command),
            Command::Mixes { reply } => drop(reply.send(self.describe_mixes())),
            Command::MakeMix { name, change, reply } => drop(reply.send(self.make_mix(name, change))),
            Command::ChangeMix { name, change, reply } => drop(reply.send(self.change_mix(&name, change))),
            Command::ForgetMix { name, reply } => drop(reply.send(self.forget_mix(&name))),
            Command::Snapshot { wanted, reply } => self.take_snapshot(&wanted, reply),
            Command::Pipelines { reply } => drop(reply.send(self.pipelines())),
            Command::Close => self.close(),
        }
    }

    fn request(&mut self, id: &ParticipantId, request: Request, reply: Reply) {
        if !self.participants.contains_key(id) {
            let _ = reply.send(Err(RequestError::NotJoined));
            return;
        }
        let _span = tracing::info_span!("request", participant = %id).entered();
        let outcome = match request {
            Request::Publish { endpoint, offer, tracks, replaces, trickles } => {
                return self.publish(id, Naming { name: endpoint, replaces, trickles }, &offer, tracks, reply);
            }
            Request::Subscribe { endpoint, offer, wanted, replaces } => {
                return self.subscribe(id, Naming { name: endpoint, replaces, trickles: true }, &offer, wanted, reply);
            }
            Request::Candidate { endpoint, candidate } => self.candidate(id, &endpoint, &candidate),
            Request::Trickle { endpoint, fragment } => self.trickle(id, &endpoint, &fragment),
            Request::CloseEndpoint(endpoint) => self.close_endpoint(id, &endpoint),
            Request::Mute { source, muted } => self.mute(id, source, muted),
            Request::View(looks) => self.look(id, looks),
            Request::Chat(text) => self.say(id, &text),
            Request::Hand(raised) => self.set_hand(id, raised),
            Request::Moderate(action) => self.moderate(id, action),
        };
        let _ = reply.send(outcome);
    }

    fn look(&mut self, id: &ParticipantId, looks: Vec<Look>) -> Result<Done, RequestError> {
        if looks.len() > MAX_LOOKS {
            let message = format!("a view of {} tracks: list at most {MAX_LOOKS}", looks.len());
            return Err(RequestError::Content(message));
        }
        if let Some(look) = looks.iter().find(|look| look.track.source.kind() == Kind::Audio) {
            let message = format!("{:?} cannot be looked at: list cameras and screens", look.track.source);
            return Err(RequestError::Content(message));
        }
        if let Some(participant) = self.participants.get_mut(id) {
            participant.view = View::new(looks);
        }
        self.arrange(id);
        Ok(Done::Nothing)
    }

    fn watch(&mut self) {
        self.end_overdue();
        self.end_overdue_viewers();
        self.give_up_lost();
        for id in std::mem::take(&mut self.slow) {
            self.expel(&id, Removal::Slow);
        }
        self.ask_publishers();
        self.watched += 1;
        self.measure(self.watched);
        if self.watched.is_multiple_of(QUALITY_WATCHES) {
            self.judge_quality();
        }
    }

    fn bus_event(&mut self, event: &BusEvent) {
        let BusEventKind::Error(detail) = &event.kind else { return };
        if self.viewer_bus_event(event) {
            return;
        }
        let error = EndpointError::Media(detail.clone());
        let owner = self.participants.values().find_map(|participant| {
            let endpoint = participant.endpoints().find(|(_, endpoint)| endpoint.owns(event));
            endpoint.map(|(name, _)| (participant.id.clone(), name.clone()))
        });
        if let Some((participant, name)) = owner {
            return self.endpoint_failed(&participant, &name, error);
        }
        if event.path.iter().any(|name| name.starts_with("endpoint-") || name.starts_with("forwarder-")) {
            return tracing::debug!(path = ?event.path, detail, "the last words of an endpoint that has ended");
        }
        let owner = self.participants.values().find(|p| event.is_from(&format!("participant-{}", p.id)));
        match owner.map(|participant| participant.id.clone()) {
            Some(id) => self.expel(&id, Removal::Lost(error.to_string())),
            None => tracing::error!(path = ?event.path, detail, "an element without an owner failed"),
        }
    }

    pub(super) fn tell(&mut self, id: &ParticipantId, event: Event) {
        // Who was cut off gets everything anew on coming back.
        let Some(participant) = self.participants.get(id).filter(|participant| participant.lost.is_none()) else {
            return;
        };
        if let Err(error) = participant.events.try_send(event) {
            tracing::warn!(participant = %id, %error, "a session does not take its events");
            // Later, by the watch: nobody is removed while somebody else's message is half-way.
            self.slow.insert(id.clone());
        }
    }

    pub(super) fn tell_others(&mut self, except: &ParticipantId, event: &Event) {
        self.recordings.hear(event);
        let others: Vec<_> = self.participants.keys().filter(|id| *id != except).cloned().collect();
        for id in others {
            self.tell(&id, event.clone());
        }
    }

    pub(super) fn tell_all(&mut self, event: &Event) {
        self.recordings.hear(event);
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            self.tell(&id, event.clone());
        }
    }
}
