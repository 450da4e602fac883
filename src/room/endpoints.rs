//! The part of the room's task that opens peer connections, follows them and ends them.

use std::time::Duration;

use super::actor::Actor;
use super::command::{Done, Reply, Tracks, Wanted};
use super::error::{RequestError, endpoint_code};
use super::event::Event;
use super::held::{Held, Publishing, Purpose, Receiving};
use super::model::{Role as ParticipantRole, Source};
use super::participant::{MAX_ENDPOINTS, Participant};
use crate::access::Sources;
use crate::id::{EndpointId, EndpointName, ParticipantId};
use crate::metrics::metrics;
use crate::webrtc::candidate::{self, Candidate, CandidatePolicy};
use crate::webrtc::sdp::{self, Fragment, Offer, Policy, Role};
use crate::webrtc::{Endpoint, EndpointContext, EndpointError, EndpointEvent, EndpointEventKind};

/// What the client calls a new endpoint, and which one it shall replace.
pub(super) struct Naming {
    pub(super) name: EndpointName,
    pub(super) replaces: Option<EndpointName>,
    /// Whether it is told our candidates one by one.
    pub(super) trickles: bool,
}

/// How long an answer that has all our candidates waits for them: for our own addresses, and for what a server says of them.
const GATHER_WITHIN: Duration = Duration::from_millis(500);
const GATHER_AFAR_WITHIN: Duration = Duration::from_secs(2);

impl Actor {
    /// For endpoints of clients that cannot be told of candidates after the answer.
    pub(super) fn gathering(&self) -> EndpointContext {
        let ice = &self.context.config.ice;
        let is_afar = !ice.stun.is_empty() || !ice.turn.is_empty();
        let gather = Some(if is_afar { GATHER_AFAR_WITHIN } else { GATHER_WITHIN });
        EndpointContext { gather, ..self.endpoints.clone() }
    }

    pub(super) fn publish(&mut self, id: &ParticipantId, naming: Naming, offer: &str, tracks: Tracks, reply: Reply) {
        let prepared = self.offer(id, &naming.name, offer, Role::Publisher).and_then(|offer| {
            let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
            if participant.rights.sources.is_nothing() {
                return Err(RequestError::Forbidden("your token lets you send nothing: ask whoever gave it to you"));
            }
            if participant.role == ParticipantRole::Viewer {
                return Err(RequestError::Forbidden("viewers publish nothing: ask a moderator for another role"));
            }
            check_tracks(&offer, &tracks)?;
            check_rights(&offer, &tracks, &participant.rights.sources)?;
            let context = if naming.trickles { self.endpoints.clone() } else { self.gathering() };
            Ok(Endpoint::publisher(&participant.bin, offer, &context)?)
        });
        let purpose = Purpose::Publish(Publishing { tracks, waiting: Vec::new() });
        self.hold(id, naming, prepared, purpose, reply);
    }

    pub(super) fn subscribe(&mut self, id: &ParticipantId, naming: Naming, offer: &str, wanted: Wanted, reply: Reply) {
        if let Wanted::Of(sender) = &wanted
            && !self.participants.contains_key(sender)
        {
            let _ = reply.send(Err(RequestError::UnknownParticipant(sender.clone())));
            return;
        }
        let prepared = self.offer(id, &naming.name, offer, Role::Subscriber).and_then(|offer| {
            let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
            if !participant.rights.subscribes {
                return Err(RequestError::Forbidden("your token does not let you receive: ask whoever gave it to you"));
            }
            // Slots that change their person belong to no stream: a browser would keep one's lips to another's voice.
            let stream = if let Wanted::Of(sender) = &wanted { sender.as_str() } else { "-" };
            Ok(Endpoint::subscriber(&participant.bin, offer, stream, &self.endpoints)?)
        });
        let slots = prepared.as_ref().map_or(0, |endpoint| endpoint.slots().len());
        self.hold(id, naming, prepared, Purpose::Receive(Receiving::new(wanted, slots)), reply);
        self.arrange(id);
    }

    /// Reads an offer for a new endpoint called `name`.
    fn offer(&self, id: &ParticipantId, name: &EndpointName, offer: &str, role: Role) -> Result<Offer, RequestError> {
        let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
        // In the tutorial's dialect a name is a sender's, and a second offer means a fresh start.
        if participant.native {
            if participant.endpoints.contains_key(name) {
                return Err(RequestError::EndpointExists(name.clone()));
            }
            if participant.endpoints.len() >= MAX_ENDPOINTS {
                return Err(RequestError::TooManyEndpoints(MAX_ENDPOINTS));
            }
        }
        let policy = Policy::new(self.context.config.rooms.video_codec.into());
        sdp::parse_offer(offer, role, &policy).map_err(RequestError::Offer)
    }

    fn hold(
        &mut self,
        id: &ParticipantId,
        naming: Naming,
        prepared: Result<Endpoint, RequestError>,
        purpose: Purpose,
        reply: Reply,
    ) {
        let (Some(participant), Ok(endpoint)) = (self.participants.get_mut(id), &prepared) else {
            let error = prepared.err().unwrap_or(RequestError::NotJoined);
            tracing::warn!(participant = %id, endpoint = %naming.name, %error, "an offer was refused");
            let _ = reply.send(Err(error));
            return;
        };
        tracing::debug!(participant = %id, name = %naming.name, endpoint = %endpoint.id(), "endpoint opened");
        if let Ok(endpoint) = prepared {
            // What a publisher of that name published before ends only when the tracks of the new endpoint arrive.
            let held = Held::new(endpoint, purpose, naming.replaces, reply);
            participant.endpoints.insert(naming.name.clone(), held);
            participant.release_candidates(&naming.name);
        }
    }

    pub(super) fn candidate(
        &mut self,
        id: &ParticipantId,
        name: &EndpointName,
        text: &str,
    ) -> Result<Done, RequestError> {
        let policy = CandidatePolicy { tcp: self.context.config.ice.tcp, loopback: false };
        let candidate = match candidate::parse(text, policy) {
            Ok(Candidate::Line(candidate)) => candidate,
            Ok(Candidate::End) => String::new(),
            Ok(Candidate::Ignored(reason)) => {
                tracing::debug!(participant = %id, ?reason, "candidate ignored");
                return Ok(Done::Nothing);
            }
            Err(error) => return Err(RequestError::Candidate(error.to_string())),
        };
        let is_sender = self.participants.keys().any(|sender| EndpointName::of(sender) == *name);
        let participant = self.participants.get_mut(id).ok_or(RequestError::NotJoined)?;
        if let Some(endpoint) = participant.endpoint(name) {
            endpoint.add_candidate(&candidate);
            return Ok(Done::Nothing);
        }
        if participant.native {
            return Err(RequestError::UnknownEndpoint(name.clone()));
        }
        if !is_sender {
            return Err(RequestError::UnknownParticipant(ParticipantId::from_remote(name.as_str())));
        }
        if !participant.keep_candidate(name, candidate) {
            let message = format!("too many candidates for {name} came before an offer: send the offer first");
            return Err(RequestError::Candidate(message));
        }
        Ok(Done::Nothing)
    }

    /// Takes candidates that came together.
    pub(super) fn trickle(
        &self,
        id: &ParticipantId,
        name: &EndpointName,
        fragment: &Fragment,
    ) -> Result<Done, RequestError> {
        let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
        let endpoint = participant.endpoint(name).ok_or_else(|| RequestError::UnknownEndpoint(name.clone()))?;
        fragment.belongs_to(endpoint.offer()).map_err(RequestError::Fragment)?;
        fragment.candidates.iter().for_each(|candidate| endpoint.add_candidate(candidate));
        Ok(Done::Nothing)
    }

    pub(super) fn close_endpoint(&mut self, id: &ParticipantId, name: &EndpointName) -> Result<Done, RequestError> {
        let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
        let endpoint = participant.endpoint(name).ok_or_else(|| RequestError::UnknownEndpoint(name.clone()))?;
        let endpoint = endpoint.id().clone();
        self.end_endpoint(id, name, &endpoint);
        Ok(Done::Nothing)
    }

    pub(super) fn endpoint_event(&mut self, event: EndpointEvent) {
        let Some((id, name)) = self.owner_of(&event.endpoint) else { return self.viewer_event(event) };
        match event.kind {
            EndpointEventKind::Answer(sdp) => {
                if let Some(held) = self.participants.get_mut(&id).and_then(|p| p.endpoints.get_mut(&name)) {
                    held.reply(Ok(Done::Answer(sdp)));
                }
            }
            EndpointEventKind::Candidate(candidate) => self.tell(&id, Event::Candidate { endpoint: name, candidate }),
            EndpointEventKind::Connected => self.connected(&id, &name),
            EndpointEventKind::Track(track) => self.track(&id, &name, track),
            EndpointEventKind::Began(slot) => self.began(&id, &name, slot),
            EndpointEventKind::Returned => self.refresh(&id, &name),
            EndpointEventKind::Failed(error) => self.endpoint_failed(&id, &name, error),
        }
    }

    pub(super) fn owner_of(&self, endpoint: &EndpointId) -> Option<(ParticipantId, EndpointName)> {
        self.participants.values().find_map(|participant| {
            let found = participant.endpoints().find(|(_, candidate)| candidate.id() == endpoint);
            found.map(|(name, _)| (participant.id.clone(), name.clone()))
        })
    }

    fn connected(&mut self, id: &ParticipantId, name: &EndpointName) {
        let Some(held) = self.participants.get_mut(id).and_then(|p| p.endpoints.get_mut(name)) else { return };
        held.endpoint.set_connected();
        tracing::debug!(participant = %id, %name, "endpoint connected");
        let replaces = held.replaces.take();
        let waiting = held.publishing_mut().map(|publishing| std::mem::take(&mut publishing.waiting));
        for track in waiting.unwrap_or_default() {
            self.track(id, name, track);
        }
        if let Some(old) = replaces.filter(|old| old != name) {
            // It may have ended by itself meanwhile.
            let _ = self.close_endpoint(id, &old);
        }
    }

    /// Ends an endpoint that failed, and tells its owner.
    pub(super) fn endpoint_failed(&mut self, id: &ParticipantId, name: &EndpointName, error: EndpointError) {
        tracing::warn!(participant = %id, endpoint = %name, %error, "an endpoint failed");
        let Some(held) = self.participants.get_mut(id).and_then(|p| p.endpoints.get_mut(name)) else { return };
        metrics().calls.failures.get_or_create(&(&error).into()).inc();
        let endpoint = held.endpoint.id().clone();
        let (code, message) = (endpoint_code(&error), error.to_string());
        let told = held.reply(Err(error.into()));
        self.end_endpoint(id, name, &endpoint);
        if !told {
            self.tell(id, Event::Error { code, message, endpoint: Some(name.clone()) });
        }
    }

    fn end_endpoint(&mut self, id: &ParticipantId, name: &EndpointName, endpoint: &EndpointId) {
        let published = self.participants.get(id).map(|p| p.published_by(endpoint)).unwrap_or_default();
        for source in &published {
            self.unpublish(id, *source);
        }
        if let Some(participant) = self.participants.get_mut(id) {
            participant.endpoints.remove(name);
        }
        if published.is_empty() {
            self.arrange(id);
        } else {
            self.tell_changed(id);
            self.arrange_all();
        }
    }

    /// Ends endpoints that did not connect in time or fell silent.
    pub(super) fn end_overdue(&mut self) {
        let rooms = &self.context.config.rooms;
        let (short, long) = (rooms.silence_seconds, rooms.silence_seconds.max(rooms.reconnect_seconds));
        let overdue = |participant: &Participant| {
            let id = participant.id.clone();
            // Who can come back finds the endpoints alive; whether somebody is there at all, the session knows.
            let silence = Duration::from_secs(if participant.native { long } else { short });
            let overdue = participant.endpoints().filter_map(|(name, endpoint)| {
                endpoint.overdue(silence).map(|error| (id.clone(), name.clone(), error))
            });
            overdue.collect::<Vec<_>>()
        };
        let overdue: Vec<_> = self.participants.values().flat_map(overdue).collect();
        for (id, name, error) in overdue {
            let Some(participant) = self.participants.get(&id) else { continue };
            // Who sends nothing at all any more is not there any more. Natives come back, or their session ends.
            let gone =
                !participant.native && name == EndpointName::of(&id) && matches!(error, EndpointError::Silent(_));
            let reason = error.to_string();
            self.endpoint_failed(&id, &name, error);
            if gone {
                self.expel(&id, super::Removal::Lost(reason));
            }
        }
    }
}

/// Each track has to be one that may be sent.
fn check_rights(offer: &Offer, tracks: &Tracks, allowed: &Sources) -> Result<(), RequestError> {
    let sources: Vec<Source> = match tracks {
        Tracks::Named(named) => named.values().map(|(source, _)| *source).collect(),
        Tracks::ByKind => offer.sections.iter().map(|section| Source::of(section.kind)).collect(),
    };
    match sources.into_iter().find(|source| !allowed.allows(source.granted_as())) {
        Some(source) => Err(RequestError::NotGranted(source)),
        None => Ok(()),
    }
}

/// Every accepted m-line has to be named, as something of its kind, and each source once.
fn check_tracks(offer: &Offer, tracks: &Tracks) -> Result<(), RequestError> {
    let Tracks::Named(tracks) = tracks else { return Ok(()) };
    let mut seen = Vec::new();
    for section in &offer.sections {
        let mid = &section.mid;
        let (source, _) = tracks.get(mid).ok_or_else(|| {
            RequestError::Tracks(format!("tracks does not say what the m-line with mid {mid} carries"))
        })?;
        if source.kind() != section.kind {
            return Err(RequestError::Tracks(format!("mid {mid} is {}, which {source:?} is not", section.kind)));
        }
        if seen.contains(source) {
            return Err(RequestError::Tracks(format!("tracks names {source:?} twice: each source has one m-line")));
        }
        seen.push(*source);
    }
    match tracks.keys().find(|mid| !offer.sections.iter().any(|section| section.mid == **mid)) {
        Some(mid) => Err(RequestError::Tracks(format!("the offer has no usable m-line with mid {mid:?}"))),
        None => Ok(()),
    }
}
