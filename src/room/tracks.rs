//! The part of the room's task that keeps what is published: tracks come, are muted, and go.

use std::time::Duration;

use super::actor::Actor;
use super::command::{Done, Tracks};
use super::error::RequestError;
use super::event::Event;
use super::model::{Quality, Source, TrackId};
use super::publication::Publication;
use crate::id::{EndpointName, ParticipantId};
use crate::webrtc::IncomingTrack;

/// The share of packets that may be missing for a quality.
const FAIR: f64 = 0.02;
const POOR: f64 = 0.08;

/// Nothing for so long is a lost connection: RTCP comes at least every five seconds, even from who sends no media.
const SILENCE: Duration = Duration::from_secs(6);

impl Actor {
    /// A track of `id` arrived: once its endpoint is verified it is there for everybody.
    pub(super) fn track(&mut self, id: &ParticipantId, name: &EndpointName, track: IncomingTrack) {
        let Some(participant) = self.participants.get_mut(id) else { return };
        let Some(held) = participant.endpoints.get_mut(name) else { return };
        let (connected, endpoint) = (held.endpoint.is_connected(), held.endpoint.id().clone());
        let Some(publishing) = held.publishing_mut() else { return };
        if !connected {
            publishing.waiting.push(track);
            return;
        }
        let (source, muted) = match &publishing.tracks {
            Tracks::ByKind => (Source::of(track.codec.kind()), false),
            Tracks::Named(named) => match named.get(&track.mid) {
                Some(named) => *named,
                None => return tracing::warn!(participant = %id, mid = track.mid, "a track that nobody named"),
            },
        };
        self.unpublish(id, source);
        let Some(participant) = self.participants.get_mut(id) else { return };
        match Publication::new(self.pipeline.gst(), &participant.bin, endpoint, track) {
            Ok(mut publication) => {
                publication.muted = muted;
                participant.publications.insert(source, publication);
            }
            Err(error) => {
                tracing::error!(participant = %id, ?source, %error, "a track could not be published");
                let message = format!("your {source:?} could not be published: {error}");
                return self.tell(id, Event::Error { code: "endpoint_failed", message, endpoint: None });
            }
        }
        tracing::info!(participant = %id, ?source, muted, "published");
        self.tell_changed(id);
        self.arrange_all();
        self.feed(id, source);
        self.mark_muted(id);
    }

    /// Takes a track from everybody. The caller arranges anew and tells.
    pub(super) fn unpublish(&mut self, id: &ParticipantId, source: Source) {
        let track = TrackId { participant: id.clone(), source };
        for viewer in self.participants.values_mut() {
            viewer.drop_track(&track);
        }
        self.starve_mix(id, source);
        if let Some(participant) = self.participants.get_mut(id) {
            participant.publications.remove(&source);
        }
        self.mark_muted(id);
    }

    /// Mutes a track of `id`, or undoes that: nothing of a muted one reaches anybody.
    pub(super) fn mute(&mut self, id: &ParticipantId, source: Source, muted: bool) -> Result<Done, RequestError> {
        let participant = self.participants.get_mut(id).ok_or(RequestError::NotJoined)?;
        let mut known = false;
        // Also one that has not arrived yet.
        for publishing in participant.endpoints.values_mut().filter_map(|held| held.publishing_mut()) {
            if let Tracks::Named(named) = &mut publishing.tracks {
                for (_, as_muted) in named.values_mut().filter(|(of, _)| *of == source) {
                    (*as_muted, known) = (muted, true);
                }
            }
        }
        let Some(publication) = participant.publications.get_mut(&source) else {
            let unknown = || RequestError::UnknownTrack(id.clone(), source);
            return if known { Ok(Done::Nothing) } else { Err(unknown()) };
        };
        if publication.muted == muted {
            return Ok(Done::Nothing);
        }
        publication.muted = muted;
        tracing::debug!(participant = %id, ?source, muted, "muted");
        self.tell_changed(id);
        self.arrange_all();
        if muted {
            self.starve_mix(id, source);
        } else {
            self.feed(id, source);
        }
        self.mark_muted(id);
        Ok(Done::Nothing)
    }

    /// Looks how well everybody's media arrived since the last time, and tells what changed.
    pub(super) fn judge_quality(&mut self) {
        let mut changed = Vec::new();
        for participant in self.participants.values_mut().filter(|participant| !participant.rights.hidden) {
            let worst = participant.publications.values().map(|publication| {
                let arrival = publication.take_arrival();
                let expected = arrival.received + arrival.lost;
                // A few packets prove nothing, and of who is muted nothing is missed.
                let proves = expected >= 20 && !publication.muted;
                if proves { f64::from(arrival.lost) / f64::from(expected) } else { 0.0 }
            });
            let worst = worst.fold(0.0, f64::max);
            let silent = participant.publications.values().any(|publication| {
                let endpoint = participant.endpoints().find(|(_, endpoint)| *endpoint.id() == publication.endpoint);
                endpoint.is_some_and(|(_, endpoint)| endpoint.silence() > SILENCE)
            });
            let quality = match worst {
                _ if silent || participant.lost.is_some() => Quality::Lost,
                worst if worst > POOR => Quality::Poor,
                worst if worst > FAIR => Quality::Fair,
                _ => Quality::Good,
            };
            if participant.quality != quality {
                participant.quality = quality;
                changed.push(Event::Quality(participant.id.clone(), quality));
            }
        }
        for event in changed {
            self.tell_all(&event);
        }
    }
}
