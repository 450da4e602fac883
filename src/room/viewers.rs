//! Those who watch mixes of a room by WHEP, and the mixes that they watch. Owner: the room's task.

use std::collections::BTreeMap;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::broadcast::{LANE, Program};
use super::error::WatchError;
use crate::id::{EndpointId, MixName, ViewerId};
use crate::media::Codec;
use crate::media::graft::Branch;
use crate::webrtc::Endpoint;
use crate::webrtc::sdp::{Fragment, Profile};

/// Where what became of a viewer's offer goes.
pub(super) type Reply = oneshot::Sender<Result<Watching, WatchError>>;

/// What one may ask about watching.
#[derive(Debug)]
pub enum Watch {
    /// Begin.
    Begin {
        /// Which mix: its name, or that of a layout.
        mix: MixName,
        /// The offer, as the client wrote it.
        offer: String,
        /// What came of it.
        reply: oneshot::Sender<Result<Watching, WatchError>>,
    },
    /// Further candidates of the client.
    Trickle {
        /// Whose.
        viewer: ViewerId,
        /// What it says.
        fragment: Fragment,
        /// Whether it was taken.
        reply: oneshot::Sender<Result<(), WatchError>>,
    },
    /// End.
    End {
        /// Who.
        viewer: ViewerId,
        /// Whether it was watching.
        reply: oneshot::Sender<Result<(), WatchError>>,
    },
}

/// Somebody watches.
#[derive(Debug)]
pub struct Watching {
    /// Who: a secret.
    pub viewer: ViewerId,
    /// The answer to the offer, with all our candidates.
    pub answer: String,
}

/// Those who watch mixes of the room.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    pub(super) broadcasts: Vec<Broadcast>,
}

/// A mix that is watched, with pictures in one codec.
#[derive(Debug)]
pub(super) struct Broadcast {
    pub(super) mix: MixName,
    pub(super) codec: Codec,
    /// Before the streams, so that branches are taken off first.
    pub(super) viewers: BTreeMap<ViewerId, Viewer>,
    /// Those who came before it ran.
    pub(super) waiting: Vec<Waiting>,
    pub(super) phase: Phase,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// There is no mix yet.
    Waits,
    /// It is being encoded.
    Starts,
    Runs {
        program: Program,
        /// What its H.264 is; none if no browser decodes it.
        profile: Option<Profile>,
    },
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) offer: String,
    pub(super) reply: Reply,
    pub(super) permit: OwnedSemaphorePermit,
}

/// Somebody who watches.
#[derive(Debug)]
pub(super) struct Viewer {
    /// Before the endpoint, so that they are taken off first.
    pub(super) _branches: Vec<Branch>,
    pub(super) endpoint: Endpoint,
    /// With whom it shares a thread.
    pub(super) lane: usize,
    /// Until there is an answer.
    pub(super) reply: Option<Reply>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Broadcast {
    pub(super) fn is_wanted(&self) -> bool {
        !self.viewers.is_empty() || !self.waiting.is_empty()
    }

    pub(super) fn refuse_all(self, error: &WatchError) {
        let viewers = self.viewers.into_values().filter_map(|viewer| viewer.reply);
        let replies = self.waiting.into_iter().map(|waiting| waiting.reply).chain(viewers);
        replies.for_each(|reply| drop(reply.send(Err(error.clone()))));
    }

    pub(super) fn request_keyframe(&self) {
        if let Phase::Runs { program, .. } = &self.phase {
            program.request_keyframe();
        }
    }

    /// The first lane that has room for one more.
    pub(super) fn free_lane(&self) -> usize {
        let has_room = |lane: &usize| self.viewers.values().filter(|viewer| viewer.lane == *lane).count() < LANE;
        (0..).find(has_room).unwrap_or_default()
    }
}

impl Viewers {
    /// Whether a mix is wanted.
    pub(super) fn takes(&self, mix: &MixName) -> bool {
        self.broadcasts.iter().any(|broadcast| broadcast.mix == *mix)
    }

    /// How many watch a mix, or are about to.
    pub(super) fn count(&self, mix: &MixName) -> usize {
        let of_mix = self.broadcasts.iter().filter(|broadcast| broadcast.mix == *mix);
        of_mix.map(|broadcast| broadcast.viewers.len() + broadcast.waiting.len()).sum()
    }

    pub(super) fn wait(&mut self, mix: &MixName, codec: Codec, waiting: Waiting) {
        let known = self.broadcasts.iter_mut().find(|known| known.mix == *mix && known.codec == codec);
        match known {
            Some(broadcast) => broadcast.waiting.push(waiting),
            None => self.broadcasts.push(Broadcast {
                mix: mix.clone(),
                codec,
                viewers: BTreeMap::new(),
                waiting: vec![waiting],
                phase: Phase::Waits,
            }),
        }
    }

    pub(super) fn find(&mut self, id: &ViewerId) -> Option<&mut Viewer> {
        self.broadcasts.iter_mut().find_map(|broadcast| broadcast.viewers.get_mut(id))
    }

    pub(super) fn remove(&mut self, id: &ViewerId) -> Option<Viewer> {
        self.broadcasts.iter_mut().find_map(|broadcast| broadcast.viewers.remove(id))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&ViewerId, &Endpoint)> {
        let viewers = self.broadcasts.iter().flat_map(|broadcast| &broadcast.viewers);
        viewers.map(|(id, viewer)| (id, &viewer.endpoint))
    }

    pub(super) fn owner_of(&self, endpoint: &EndpointId) -> Option<ViewerId> {
        self.all().find(|(_, candidate)| candidate.id() == endpoint).map(|(id, _)| id.clone())
    }
}
