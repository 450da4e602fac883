//! The part of the room's task that is there for whoever operates the server: counts once a second, for `/metrics`, what
//! is here and what has passed, and shows the pipelines.

use gstreamer as gst;
use tokio::task::JoinHandle;

use super::actor::Actor;
use super::held::Purpose;
use crate::metrics::label::{Medium, Output, OutputPhase, Phase, Recording, Role};
use crate::metrics::metrics;
use crate::metrics::share::{Many, One, Sorted};
use crate::webrtc::Endpoint;

/// Every so many seconds RTCP's reports are read: receivers send one about as often.
const REPORTS: u32 = 5;

/// What the room has of what all rooms have together. It ends with the room.
#[derive(Debug)]
pub(super) struct Measures {
    _room: One,
    participants: Many,
    waiting: Many,
    tracks: Sorted<Medium>,
    endpoints: Sorted<(Role, Phase)>,
    recordings: Sorted<Recording>,
    outputs: Sorted<(Output, OutputPhase)>,
    /// Who reads reports, while that is under way.
    reading: Option<JoinHandle<()>>,
}

impl Measures {
    /// Those of an empty room.
    pub(super) fn new() -> Self {
        let (calls, stores) = (&metrics().calls, &metrics().stores);
        Self {
            _room: One::of(&calls.rooms),
            participants: Many::of(&calls.participants),
            waiting: Many::of(&calls.waiting),
            tracks: Sorted::of(&calls.tracks),
            endpoints: Sorted::of(&calls.endpoints),
            recordings: Sorted::of(&stores.recordings),
            outputs: Sorted::of(&stores.outputs),
            reading: None,
        }
    }
}

impl Actor {
    /// The room's pipeline and those of its mixes.
    pub(super) fn pipelines(&self) -> Vec<gst::Pipeline> {
        std::iter::once(self.pipeline.gst().clone()).chain(self.mixing.pipelines()).collect()
    }

    /// Counts; `turn` says how often that was done.
    pub(super) fn measure(&mut self, turn: u32) {
        self.measures.participants.set(self.participants.len());
        self.measures.waiting.set(self.waiting.len());
        let tracks = self.participants.values().flat_map(|participant| participant.publications.keys());
        self.measures.tracks.set(tracks.map(|source| source.kind().into()));
        let held = self.participants.values().flat_map(|participant| participant.endpoints.values());
        let held = held.map(|held| match held.purpose {
            Purpose::Publish(_) => (Role::Publisher, &held.endpoint),
            Purpose::Receive(_) => (Role::Subscriber, &held.endpoint),
        });
        let viewers = self.viewers.all().map(|(_, endpoint)| (Role::Viewer, endpoint));
        let endpoints: Vec<_> = held.chain(viewers).collect();
        let phase = |endpoint: &Endpoint| if endpoint.is_connected() { Phase::Connected } else { Phase::Connecting };
        self.measures.endpoints.set(endpoints.iter().map(|(role, endpoint)| (*role, phase(endpoint))));
        endpoints.iter().for_each(|(_, endpoint)| endpoint.count());
        if turn.is_multiple_of(REPORTS) && self.measures.reading.as_ref().is_none_or(JoinHandle::is_finished) {
            let connected = endpoints.iter().filter(|(_, endpoint)| endpoint.is_connected());
            let reports: Vec<_> = connected.map(|(_, endpoint)| endpoint.reports()).collect();
            let read = tokio::task::spawn_blocking(move || reports.iter().for_each(|reports| reports.count()));
            self.measures.reading = Some(read);
        }
        self.measures.recordings.set(self.recordings.phases());
        self.measures.outputs.set(self.outputs.phases());
    }
}
