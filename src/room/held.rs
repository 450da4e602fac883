//! An endpoint in a participant's hands: what it is for, and what hangs on it. Owner: the room's task.

use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::command::{Done, Reply, Tracks, Wanted};
use super::error::RequestError;
use super::model::TrackId;
use super::publication::Publication;
use crate::id::EndpointName;
use crate::media::graft::{Branch, GraftError};
use crate::metrics::label::Connection;
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
    /// What its owner was told last.
    told: Vec<Option<TrackId>>,
}

/// A track in a slot.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) track: TrackId,
    /// Whether its first packet has passed: until then the slot shows nobody.
    pub(super) began: bool,
    /// Since when the slot is to carry it, and whether its endpoint was being connected then.
    pub(super) since: (Instant, Connection),
    _branch: Branch,
}

impl Receiving {
    /// All `slots` are empty.
    pub(super) fn new(wanted: Wanted, slots: usize) -> Self {
        let carried = std::iter::repeat_with(|| None).take(slots).collect();
        Self { wanted, carried, told: vec![None; slots] }
    }

    /// What each slot shows: nobody, as long as nothing of its track has passed.
    fn shown(&self) -> Vec<Option<TrackId>> {
        let began =
            |carried: &Option<Carried>| carried.as_ref().filter(|carried| carried.began).map(|c| c.track.clone());
        self.carried.iter().map(began).collect()
    }
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

    /// Takes `track` out of every slot.
    pub(super) fn drop_track(&mut self, track: &TrackId) {
        let Purpose::Receive(receiving) = &mut self.purpose else { return };
        for carried in &mut receiving.carried {
            if carried.as_ref().is_some_and(|carried| carried.track == *track) {
                *carried = None;
            }
        }
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
        slot.forwarder.time();
        let sink = slot.forwarder.static_pad("sink").ok_or(GraftError::Missing("plenumforwarder"))?;
        let branch = Branch::new(publication.tee(), Some(bin), &sink)?;
        slot.forwarder.request_keyframe(publication.meter.ssrc());
        let connection = if self.endpoint.is_connected() { Connection::Running } else { Connection::New };
        *carried = Some(Carried { track, began: false, since: (Instant::now(), connection), _branch: branch });
        Ok(())
    }

    /// What its slots show, by m-line.
    pub(super) fn shown(&self) -> Vec<(String, Option<TrackId>)> {
        let shown = self.receiving().map(Receiving::shown).unwrap_or_default();
        self.endpoint.slots().iter().map(|slot| slot.mid.clone()).zip(shown).collect()
    }

    /// The same, if it is not what its owner was told last.
    pub(super) fn news(&mut self) -> Option<Vec<(String, Option<TrackId>)>> {
        let Purpose::Receive(receiving) = &mut self.purpose else { return None };
        let shown = receiving.shown();
        if receiving.told == shown {
            return None;
        }
        receiving.told = shown;
        Some(self.shown())
    }
}
