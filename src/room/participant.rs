//! A person in a room, with everything that it publishes and receives. Owner: the room's task.

use std::collections::BTreeMap;
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::mpsc;

use super::command::Newcomer;
use super::event::Event;
use super::held::Held;
use super::model::{Connection, Member, Quality, Role, Source, Track};
use super::publication::Publication;
use super::view::View;
use crate::access::{Entry, Rights};
use crate::id::{EndpointId, EndpointName, ParticipantId, ParticipantName};
use crate::media::graft::{self, GraftError};
use crate::webrtc::Endpoint;

/// How many endpoints a participant may have by the native dialect: two, and some for screens, more slots and repairs.
pub const MAX_ENDPOINTS: usize = 8;

/// How many candidates may wait for their offer; a browser gathers far fewer.
const EARLY_CANDIDATES: usize = 64;

/// A person in a room.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) id: ParticipantId,
    pub(super) name: ParticipantName,
    identity: Option<String>,
    metadata: Option<String>,
    pub(super) rights: Rights,
    pub(super) role: Role,
    pub(super) native: bool,
    pub(super) hand: bool,
    pub(super) quality: Quality,
    pub(super) events: mpsc::Sender<Event>,
    /// Rises with each session that takes over.
    pub(super) session: u64,
    /// Since when it cannot be reached.
    pub(super) lost: Option<Instant>,
    /// For coming back.
    pub(super) resume: String,
    /// The first message of the room's chat that it may read.
    pub(super) chat_from: u64,
    pub(super) view: View,
    /// Everything of this participant stands in here, `participant-<id>`.
    pub(super) bin: gst::Bin,
    /// Before the publications, so that branches are taken off first.
    pub(super) endpoints: BTreeMap<EndpointName, Held>,
    pub(super) publications: BTreeMap<Source, Publication>,
    /// Candidates that came before their offer, as they may in the tutorial's dialect.
    early: BTreeMap<EndpointName, Vec<String>>,
}

impl Participant {
    pub(super) fn new(
        pipeline: &gst::Pipeline,
        id: ParticipantId,
        newcomer: Newcomer,
        role: Role,
        chat_from: u64,
    ) -> Result<Self, GraftError> {
        let Entry { name, identity, metadata, rights } = newcomer.entry;
        let bin = gst::Bin::with_name(&format!("participant-{id}"));
        graft::add(pipeline.upcast_ref(), &bin)?;
        Ok(Self {
            id,
            name,
            identity,
            metadata,
            rights,
            role,
            native: newcomer.native,
            hand: false,
            quality: Quality::Good,
            events: newcomer.events,
            session: 0,
            lost: None,
            resume: format!("{:032x}", rand::random::<u128>()),
            chat_from,
            view: View::default(),
            bin,
            endpoints: BTreeMap::new(),
            publications: BTreeMap::new(),
            early: BTreeMap::new(),
        })
    }

    pub(super) fn member(&self) -> Member {
        let track =
            |(source, publication): (&Source, &Publication)| Track { source: *source, muted: publication.muted };
        Member {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            connection: if self.lost.is_some() { Connection::Reconnecting } else { Connection::Connected },
            hand: self.hand,
            tracks: self.publications.iter().map(track).collect(),
            identity: self.identity.clone(),
            metadata: self.metadata.clone(),
        }
    }

    /// Whether the token of `newcomer` is for the same person.
    pub(super) fn is_same_as(&self, newcomer: &Newcomer) -> bool {
        self.identity.is_some() && self.identity == newcomer.entry.identity
    }

    /// What its token lets it send, if that is not everything.
    pub(super) fn sends(&self) -> Option<Vec<Source>> {
        let allowed = Source::ALL.into_iter().filter(|source| self.rights.sources.allows(source.granted_as()));
        Some(allowed.collect::<Vec<_>>()).filter(|allowed| allowed.len() < Source::ALL.len())
    }

    pub(super) fn endpoint(&self, name: &EndpointName) -> Option<&Endpoint> {
        self.endpoints.get(name).map(|held| &held.endpoint)
    }

    /// All its endpoints by name.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&EndpointName, &Endpoint)> {
        self.endpoints.iter().map(|(name, held)| (name, &held.endpoint))
    }

    /// What comes in by an endpoint.
    pub(super) fn published_by(&self, endpoint: &EndpointId) -> Vec<Source> {
        let by = self.publications.iter().filter(|(_, publication)| publication.endpoint == *endpoint);
        by.map(|(source, _)| *source).collect()
    }

    /// Keeps a candidate until its offer comes. Says whether there was room for it.
    pub(super) fn keep_candidate(&mut self, endpoint: &EndpointName, candidate: String) -> bool {
        let kept = self.early.entry(endpoint.clone()).or_default();
        if kept.len() >= EARLY_CANDIDATES {
            return false;
        }
        kept.push(candidate);
        true
    }

    /// Gives a new endpoint the candidates that came before its offer.
    pub(super) fn release_candidates(&mut self, name: &EndpointName) {
        let kept = self.early.remove(name).unwrap_or_default();
        if let Some(endpoint) = self.endpoint(name) {
            for candidate in kept {
                endpoint.add_candidate(&candidate);
            }
        }
    }

    /// Forgets everything that this participant has of `sender`.
    pub(super) fn forget(&mut self, sender: &Participant) {
        let name = EndpointName::of(&sender.id);
        self.endpoints.remove(&name);
        self.early.remove(&name);
        for source in sender.publications.keys() {
            self.drop_track(&super::TrackId { participant: sender.id.clone(), source: *source });
        }
    }

    /// Takes a track out of all slots.
    pub(super) fn drop_track(&mut self, track: &super::TrackId) {
        for held in self.endpoints.values_mut() {
            held.drop_track(track);
        }
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.endpoints.clear();
        self.publications.clear();
        graft::remove(&self.bin);
    }
}
