//! The part of the room's task that opens endpoints, joins them by branches and ends them.

use super::Event;
use super::actor::Actor;
use super::participant::{Publisher, Subscription};
use super::publication::Publication;
use crate::id::{EndpointId, ParticipantId};
use crate::webrtc::candidate::{self, Candidate, CandidatePolicy};
use crate::webrtc::sdp::{self, Policy, Role};
use crate::webrtc::{Endpoint, EndpointError, EndpointEvent, EndpointEventKind, IncomingTrack};

impl Actor {
    pub(super) fn publish(&mut self, id: &ParticipantId, offer: &str) {
        let Some(participant) = self.participants.get_mut(id) else { return };
        let offer = match sdp::parse_offer(offer, Role::Publisher, &policy(&self.context.config)) {
            Ok(offer) => offer,
            Err(error) => return self.refuse(id, "bad_offer", &error.to_string(), Some(id)),
        };
        match Endpoint::publisher(&participant.bin, offer, &self.endpoints) {
            Ok(endpoint) => {
                // What was published before ends only when the tracks of the new endpoint arrive.
                participant.publisher = Some(Publisher { waiting: Vec::new(), endpoint });
                participant.release_candidates(id);
            }
            Err(error) => self.refuse(id, "endpoint_failed", &error.to_string(), Some(id)),
        }
    }

    pub(super) fn subscribe(&mut self, id: &ParticipantId, sender: &ParticipantId, offer: &str) {
        if id == sender {
            return self.publish(id, offer);
        }
        if !self.participants.contains_key(sender) {
            let message =
                format!("there is no participant {sender} in this room: subscribe to those that were announced");
            return self.refuse(id, "unknown_participant", &message, Some(sender));
        }
        let offer = match sdp::parse_offer(offer, Role::Subscriber, &policy(&self.context.config)) {
            Ok(offer) => offer,
            Err(error) => return self.refuse(id, "bad_offer", &error.to_string(), Some(sender)),
        };
        let Some(participant) = self.participants.get_mut(id) else { return };
        match Endpoint::subscriber(&participant.bin, offer, sender.as_str(), &self.endpoints) {
            Ok(endpoint) => {
                participant.subscriptions.insert(sender.clone(), Subscription::new(endpoint));
                participant.release_candidates(sender);
                self.feed(id, sender);
            }
            Err(error) => self.refuse(id, "endpoint_failed", &error.to_string(), Some(sender)),
        }
    }

    pub(super) fn candidate(&mut self, id: &ParticipantId, sender: &ParticipantId, text: &str) {
        let policy = CandidatePolicy { tcp: self.context.config.ice.tcp, loopback: false };
        let candidate = match candidate::parse(text, policy) {
            Ok(Candidate::Line(candidate)) => candidate,
            Ok(Candidate::End) => String::new(),
            Ok(Candidate::Ignored(reason)) => return tracing::debug!(participant = %id, ?reason, "candidate ignored"),
            Err(error) => return self.refuse(id, "bad_candidate", &error.to_string(), Some(sender)),
        };
        let known = self.participants.contains_key(sender);
        let Some(participant) = self.participants.get_mut(id) else { return };
        if let Some(endpoint) = participant.endpoint(sender) {
            return endpoint.add_candidate(&candidate);
        }
        if !known {
            let message = format!("a candidate for {sender}, who is not in this room, was dropped");
            self.refuse(id, "unknown_participant", &message, Some(sender));
        } else if !participant.keep_candidate(sender, candidate) {
            let message = format!("too many candidates for {sender} came before an offer: send the offer first");
            self.refuse(id, "bad_candidate", &message, Some(sender));
        }
    }

    pub(super) fn endpoint_event(&mut self, event: EndpointEvent) {
        let Some((id, sender)) = self.owner_of(&event.endpoint) else { return };
        match event.kind {
            EndpointEventKind::Answer(sdp) => self.tell(&id, Event::Answer { sender, sdp }),
            EndpointEventKind::Candidate(candidate) => self.tell(&id, Event::Candidate { sender, candidate }),
            EndpointEventKind::Connected => self.connected(&id, &sender),
            EndpointEventKind::Track(track) => self.track(&id, track),
            EndpointEventKind::Failed(error) => self.endpoint_failed(&id, &sender, &error),
        }
    }

    fn owner_of(&self, endpoint: &EndpointId) -> Option<(ParticipantId, ParticipantId)> {
        self.participants.values().find_map(|participant| {
            let found = participant.endpoints().find(|(_, candidate)| candidate.id() == endpoint);
            found.map(|(sender, _)| (participant.id.clone(), sender.clone()))
        })
    }

    fn connected(&mut self, id: &ParticipantId, sender: &ParticipantId) {
        let Some(participant) = self.participants.get_mut(id) else { return };
        let Some(endpoint) = participant.endpoint_mut(sender) else { return };
        endpoint.set_connected();
        tracing::debug!(participant = %id, %sender, "endpoint connected");
        if id == sender {
            let waiting = participant.publisher.as_mut().map(|p| std::mem::take(&mut p.waiting)).unwrap_or_default();
            for track in waiting {
                self.track(id, track);
            }
        }
    }

    /// A track of `id` arrived: once its endpoint is verified it is published to everybody who subscribed already.
    fn track(&mut self, id: &ParticipantId, track: IncomingTrack) {
        let Some(participant) = self.participants.get_mut(id) else { return };
        let Some(publisher) = participant.publisher.as_mut() else { return };
        if !publisher.endpoint.is_connected() {
            publisher.waiting.push(track);
            return;
        }
        let kind = track.codec.kind();
        self.unpublish(id, kind);
        let Some(participant) = self.participants.get_mut(id) else { return };
        match Publication::new(self.pipeline.gst(), &participant.bin, track) {
            Ok(publication) => {
                participant.publications.insert(kind, publication);
            }
            Err(error) => return self.refuse(id, "endpoint_failed", &error.to_string(), Some(id)),
        }
        tracing::info!(participant = %id, %kind, "published");
        let viewers: Vec<_> = self.participants.keys().filter(|viewer| *viewer != id).cloned().collect();
        for viewer in viewers {
            self.feed(&viewer, id);
        }
        self.feed_mix(id, kind);
    }

    fn unpublish(&mut self, id: &ParticipantId, kind: crate::media::Kind) {
        for viewer in self.participants.values_mut() {
            if let Some(subscription) = viewer.subscriptions.get_mut(id) {
                subscription.starve(kind);
            }
        }
        self.recordings.detach(id, kind);
        if let Some(participant) = self.participants.get_mut(id) {
            participant.publications.remove(&kind);
        }
    }

    /// Gives `viewer` what `sender` publishes, if it has subscribed to it.
    fn feed(&mut self, viewer: &ParticipantId, sender: &ParticipantId) {
        let Some(mut participant) = self.participants.remove(viewer) else { return };
        if let (Some(subscription), Some(sending)) =
            (participant.subscriptions.get_mut(sender), self.participants.get(sender))
            && let Err(error) = subscription.feed(&participant.bin, &sending.publications)
        {
            tracing::error!(%viewer, %sender, %error, "a track could not be forwarded");
        }
        self.participants.insert(viewer.clone(), participant);
    }

    pub(super) fn endpoint_failed(&mut self, id: &ParticipantId, sender: &ParticipantId, error: &EndpointError) {
        let code = match error {
            EndpointError::Fingerprint => "fingerprint_mismatch",
            _ => "endpoint_failed",
        };
        if id == sender {
            for kind in crate::media::Kind::ALL {
                self.unpublish(id, kind);
            }
            if let Some(participant) = self.participants.get_mut(id) {
                participant.publisher = None;
            }
        } else if let Some(participant) = self.participants.get_mut(id) {
            participant.forget(sender);
        }
        self.refuse(id, code, &error.to_string(), Some(sender));
    }

    /// Tells a participant that something of its own was not right.
    pub(super) fn refuse(
        &mut self,
        id: &ParticipantId,
        code: &'static str,
        message: &str,
        sender: Option<&ParticipantId>,
    ) {
        tracing::warn!(participant = %id, code, message, "refused");
        self.tell(id, Event::Error { code, message: message.to_owned(), sender: sender.cloned() });
    }
}

fn policy(config: &crate::config::Config) -> Policy {
    Policy::new(config.rooms.video_codec.into())
}
