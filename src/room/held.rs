//! An endpoint in a participant's hands: what it is for, and what hangs on it. Owner: the room's task.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::command::{Done, Reply, Tracks, Wanted};
use super::error::RequestError;
use super::model::TrackId;
use super::publication::Publication;
use crate::id::EndpointName;
use crate::media::graft::{Branch, GraftError};
use crate::webrtc::{Endpoint, IncomingTrack};

/// An endpoint, from its offer to its end.
#[derive(Debug)]
pub(super) struct Held {
    /// Before the endpoint, so that branches are taken off first.
    pub(super) purpose: Purpose,
    pub(super) endpoint: Endpoint,
    /// The endpoint that ends when this one is connected.
    pub(super) replaces: Option<EndpointName>,
    /// Whoever waits for the answer.
    reply: Option<Reply>,
}

/// What an endpoint is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Publish(Publishing),
    Receive(Receiving),
}

/// What a publishing endpoint carries.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) tracks: Tracks,
    /// Tracks that arrived before the peer was verified.
    pub(super) waiting: Vec<IncomingTrack>,
}

/// What a receiving endpoint carries, by slot.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) wanted: Wanted,
    pub(super) carried: Vec<Option<Carried>>,
}

/// A track in a slot.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) track: TrackId,
    /// Whether its first packet has passed: until then the slot shows nobody.
    pub(super) began: bool,
    _branch: Branch,
}

impl Held {
    pub(super) fn new(endpoint: Endpoint, purpose: Purpose, replaces: Option<EndpointName>, reply: Reply) -> Self {
        Self { purpose, endpoint, replaces, reply: Some(reply) }
    }

    /// Tells whoever waits for the answer what came of the offer. False if nobody does any more.
    pub(super) fn reply(&mut self, outcome: Result<Done, RequestError>) -> bool {
        match self.reply.take() {
            Some(reply) => reply.send(outcome).is_ok(),
            None => false,
        }
    }

    pub(super) fn receiving(&self) -> Option<&Receiving> {
        match &self.purpose {
            Purpose::Receive(receiving) => Some(receiving),
            Purpose::Publish(_) => None,
        }
    }

    pub(super) fn publishing_mut(&mut self) -> Option<&mut Publishing> {
        match &mut self.purpose {
            Purpose::Publish(publishing) => Some(publishing),
            Purpose::Receive(_) => None,
        }
    }

    /// Takes `track` out of every slot. Says whether it was in one.
    pub(super) fn drop_track(&mut self, track: &TrackId) -> bool {
        let Purpose::Receive(receiving) = &mut self.purpose else { return false };
        let mut found = false;
        for carried in &mut receiving.carried {
            if carried.as_ref().is_some_and(|carried| carried.track == *track) {
                *carried = None;
                found = true;
            }
        }
        found
    }

    /// Empties a slot.
    pub(super) fn clear(&mut self, slot: usize) {
        if let Purpose::Receive(receiving) = &mut self.purpose
            && let Some(carried) = receiving.carried.get_mut(slot)
        {
            *carried = None;
        }
    }

    /// Lets an empty slot carry `track` from its next keyframe on. `bin` is the owner's.
    pub(super) fn carry(
        &mut self,
        slot: usize,
        bin: &gst::Bin,
        track: TrackId,
        publication: &Publication,
    ) -> Result<(), GraftError> {
        let Purpose::Receive(receiving) = &mut self.purpose else { return Ok(()) };
        let (Some(carried), Some(slot)) = (receiving.carried.get_mut(slot), self.endpoint.slots().get(slot)) else {
            return Ok(());
        };
        slot.forwarder.switch(publication.throttle());
        let sink = slot.forwarder.static_pad("sink").ok_or(GraftError::Missing("plenumforwarder"))?;
        let branch = Branch::new(publication.tee(), Some(bin), &sink)?;
        slot.forwarder.request_keyframe(publication.meter.ssrc());
        *carried = Some(Carried { track, began: false, _branch: branch });
        Ok(())
    }

    /// What its slots show, by m-line.
    pub(super) fn shown(&self) -> Vec<(String, Option<TrackId>)> {
        let Some(receiving) = self.receiving() else { return Vec::new() };
        let shown = |carried: &Option<Carried>| {
            carried.as_ref().filter(|carried| carried.began).map(|carried| carried.track.clone())
        };
        let slots = self.endpoint.slots().iter().zip(&receiving.carried);
        slots.map(|(slot, carried)| (slot.mid.clone(), shown(carried))).collect()
    }
}
