//! A person in a room, with everything that it publishes and receives. Owner: the room's task.

use std::collections::BTreeMap;

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

use super::publication::Publication;
use super::{Event, Member};
use crate::id::{ParticipantId, ParticipantName};
use crate::media::Kind;
use crate::media::graft::{self, Branch, GraftError};
use crate::webrtc::{Endpoint, IncomingTrack};

/// How many candidates may wait for their offer; a browser gathers far fewer.
const EARLY_CANDIDATES: usize = 64;

/// A person in a room.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) id: ParticipantId,
    pub(super) name: ParticipantName,
    pub(super) events: mpsc::Sender<Event>,
    /// Everything of this participant stands in here, `participant-<id>`.
    pub(super) bin: gst::Bin,
    /// By sender; before the endpoints, so that branches are taken off first.
    pub(super) subscriptions: BTreeMap<ParticipantId, Subscription>,
    pub(super) publications: BTreeMap<Kind, Publication>,
    pub(super) publisher: Option<Publisher>,
    /// Candidates that came before their offer, by the endpoint that they are for.
    early: BTreeMap<ParticipantId, Vec<String>>,
}

/// The publishing endpoint, with tracks that wait for its verification.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) waiting: Vec<IncomingTrack>,
    pub(super) endpoint: Endpoint,
}

/// How a participant receives one other.
#[derive(Debug)]
pub(super) struct Subscription {
    branches: BTreeMap<Kind, Branch>,
    pub(super) endpoint: Endpoint,
}

impl Participant {
    pub(super) fn new(
        pipeline: &gst::Pipeline,
        id: ParticipantId,
        name: ParticipantName,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, GraftError> {
        let bin = gst::Bin::with_name(&format!("participant-{id}"));
        graft::add(pipeline.upcast_ref(), &bin)?;
        Ok(Self {
            id,
            name,
            events,
            bin,
            subscriptions: BTreeMap::new(),
            publications: BTreeMap::new(),
            publisher: None,
            early: BTreeMap::new(),
        })
    }

    pub(super) fn member(&self) -> Member {
        Member { id: self.id.clone(), name: self.name.clone() }
    }

    /// The endpoint by which it receives `sender`, or by which it publishes if that is itself.
    pub(super) fn endpoint(&self, sender: &ParticipantId) -> Option<&Endpoint> {
        if *sender == self.id {
            return self.publisher.as_ref().map(|publisher| &publisher.endpoint);
        }
        self.subscriptions.get(sender).map(|subscription| &subscription.endpoint)
    }

    pub(super) fn endpoint_mut(&mut self, sender: &ParticipantId) -> Option<&mut Endpoint> {
        if *sender == self.id {
            return self.publisher.as_mut().map(|publisher| &mut publisher.endpoint);
        }
        self.subscriptions.get_mut(sender).map(|subscription| &mut subscription.endpoint)
    }

    /// All its endpoints, each with the sender that it is for.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&ParticipantId, &Endpoint)> {
        let publisher = self.publisher.iter().map(|publisher| (&self.id, &publisher.endpoint));
        publisher.chain(self.subscriptions.iter().map(|(sender, subscription)| (sender, &subscription.endpoint)))
    }

    /// Keeps a candidate until its offer comes. Says whether there was room for it.
    pub(super) fn keep_candidate(&mut self, sender: &ParticipantId, candidate: String) -> bool {
        let kept = self.early.entry(sender.clone()).or_default();
        if kept.len() >= EARLY_CANDIDATES {
            return false;
        }
        kept.push(candidate);
        true
    }

    /// Gives a new endpoint the candidates that came before its offer.
    pub(super) fn release_candidates(&mut self, sender: &ParticipantId) {
        let kept = self.early.remove(sender).unwrap_or_default();
        if let Some(endpoint) = self.endpoint(sender) {
            for candidate in kept {
                endpoint.add_candidate(&candidate);
            }
        }
    }

    /// Forgets everything that this participant has of `sender`.
    pub(super) fn forget(&mut self, sender: &ParticipantId) {
        self.subscriptions.remove(sender);
        self.early.remove(sender);
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.subscriptions.clear();
        self.publisher = None;
        self.publications.clear();
        graft::remove(&self.bin);
    }
}

impl Subscription {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { branches: BTreeMap::new(), endpoint }
    }

    /// Feeds each slot from the publication of its kind and codec, as far as there is one. `bin` is the viewer's.
    pub(super) fn feed(
        &mut self,
        bin: &gst::Bin,
        publications: &BTreeMap<Kind, Publication>,
    ) -> Result<(), GraftError> {
        for slot in self.endpoint.slots() {
            let Some(publication) = publications.get(&slot.kind()) else { continue };
            if self.branches.contains_key(&slot.kind()) || publication.codec() != slot.codec {
                continue;
            }
            slot.forwarder.switch(publication.throttle());
            let sink = slot.forwarder.static_pad("sink").ok_or(GraftError::Missing("plenumforwarder"))?;
            self.branches.insert(slot.kind(), Branch::new(publication.tee(), Some(bin), &sink)?);
        }
        Ok(())
    }

    /// Takes it off a publication that ends.
    pub(super) fn starve(&mut self, kind: Kind) {
        self.branches.remove(&kind);
    }
}
