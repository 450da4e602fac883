//! The part of the room's task that decides who gets what: slots, the active speaker, and what publishers are asked for.

use std::collections::BTreeMap;
use std::time::Instant;

use super::actor::Actor;
use super::command::Wanted;
use super::event::Event;
use super::held::Purpose;
use super::model::{Height, Source, TrackId};
use super::participant::Participant;
use super::publication::Publication;
use super::slots::{self, Slot};
use super::view;
use crate::id::{EndpointName, ParticipantId};
use crate::media::Kind;
use crate::metrics::metrics;

impl Actor {
    /// Gives everybody what they want now.
    pub(super) fn arrange_all(&mut self) {
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            self.arrange_slots(&id);
        }
        self.ask_publishers();
    }

    /// Gives `viewer` what it wants now.
    pub(super) fn arrange(&mut self, viewer: &ParticipantId) {
        self.arrange_slots(viewer);
        self.ask_publishers();
    }

    fn arrange_slots(&mut self, viewer: &ParticipantId) {
        let moves = self.moves(viewer);
        if let Some(participant) = self.participants.get_mut(viewer) {
            for (place, _) in &moves {
                if let Some(held) = participant.endpoints.get_mut(&place.endpoint) {
                    held.clear(place.index);
                }
            }
        }
        // First out, then told, then in: nobody's sound or picture ever goes under somebody else's name.
        self.tell_slots(viewer);
        let Some(mut participant) = self.participants.remove(viewer) else { return };
        for (place, track) in moves.into_iter().filter_map(|(place, track)| Some((place, track?))) {
            let sender = self.participants.get(&track.participant);
            let publication = sender.and_then(|sender| sender.publications.get(&track.source));
            let held = participant.endpoints.get_mut(&place.endpoint);
            if let (Some(publication), Some(held)) = (publication, held)
                && let Err(error) = held.carry(place.index, &participant.bin, track, publication)
            {
                tracing::error!(%viewer, %error, "a track could not be forwarded");
            }
        }
        self.participants.insert(viewer.clone(), participant);
    }

    /// The slots of `viewer` that have to change, and what they shall carry.
    fn moves(&self, viewer: &ParticipantId) -> Vec<(Place, Option<TrackId>)> {
        let Some(participant) = self.participants.get(viewer) else { return Vec::new() };
        let all = places(participant).into_iter().flat_map(|(wanted, places)| {
            let slots: Vec<_> = places.iter().map(|place| place.slot.clone()).collect();
            let assigned = slots::assign(&slots, &self.wanted(participant, &wanted));
            places.into_iter().zip(assigned)
        });
        all.filter(|(place, track)| place.slot.carries != *track).collect()
    }

    /// The tracks that `viewer` wants in slots for `wanted`, the most important first.
    fn wanted(&self, viewer: &Participant, wanted: &Wanted) -> Vec<(Kind, TrackId)> {
        let published = |track: &TrackId| {
            let sender = self.participants.get(&track.participant);
            sender.and_then(|sender| sender.publications.get(&track.source)).is_some_and(|p| !p.muted)
        };
        let tracks: Vec<TrackId> = match wanted {
            Wanted::Of(sender) => [Source::Microphone, Source::Camera]
                .map(|source| TrackId { participant: sender.clone(), source })
                .into_iter()
                .filter(published)
                .collect(),
            Wanted::Viewed => {
                let available = self.available(&viewer.id);
                let (sound, pictures): (Vec<_>, Vec<_>) =
                    available.into_iter().partition(|track| track.source.kind() == Kind::Audio);
                sound.into_iter().chain(viewer.view.wanted(&pictures)).collect()
            }
        };
        tracks.into_iter().map(|track| (track.source.kind(), track)).collect()
    }

    /// What others publish, in the order that serves where nothing else was said: shared screens, then whoever was loud
    /// of late, then who came first.
    fn available(&self, viewer: &ParticipantId) -> Vec<TrackId> {
        let others = self.participants.values().filter(|participant| participant.id != *viewer);
        let tracks = others.flat_map(|participant| {
            let audible = participant.publications.iter().filter(|(_, publication)| !publication.muted);
            audible.map(|(source, _)| TrackId { participant: participant.id.clone(), source: *source })
        });
        let order = self.speakers.order();
        let rank = |track: &TrackId| {
            let of = if track.source.is_shared() { Source::ScreenAudio } else { Source::Microphone };
            let sound = TrackId { participant: track.participant.clone(), source: of };
            let loud = order.iter().position(|known| *known == sound).unwrap_or(usize::MAX);
            (track.source != Source::Screen, loud)
        };
        let mut tracks: Vec<_> = tracks.collect();
        tracks.sort_by_cached_key(rank);
        tracks
    }

    /// The first packet of the track that was last put into a slot has passed: now the slot is its.
    pub(super) fn began(&mut self, id: &ParticipantId, name: &EndpointName, slot: usize) {
        let held = self.participants.get_mut(id).and_then(|participant| participant.endpoints.get_mut(name));
        let Some(Purpose::Receive(receiving)) = held.map(|held| &mut held.purpose) else { return };
        if let Some(Some(carried)) = receiving.carried.get_mut(slot) {
            let (since, connection) = carried.since;
            if carried.track.source.kind() == Kind::Video && !carried.began {
                let waited = since.elapsed().as_secs_f64();
                metrics().calls.first_frames.get_or_create(&connection).observe(waited);
            }
            carried.began = true;
            self.tell_slots(id);
        }
    }

    /// Tells somebody what changed in the slots of all their endpoints.
    fn tell_slots(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.get_mut(id).filter(|participant| participant.native) else { return };
        let news = participant
            .endpoints
            .iter_mut()
            .filter_map(|(name, held)| Some(Event::Slots { endpoint: name.clone(), slots: held.news()? }));
        for event in news.collect::<Vec<_>>() {
            self.tell(id, event);
        }
    }

    /// The path to an endpoint was cut and is back: whoever was cut off continues with a keyframe, now rather than when the
    /// browser thinks of asking for one.
    pub(super) fn refresh(&self, id: &ParticipantId, name: &EndpointName) {
        let Some(participant) = self.participants.get(id) else { return };
        let Some(held) = participant.endpoints.get(name) else { return };
        tracing::debug!(participant = %id, endpoint = %name, "heard again");
        let published = participant.published_by(held.endpoint.id());
        published
            .iter()
            .filter_map(|source| participant.publications.get(source))
            .for_each(Publication::request_keyframe);
        for carried in held.receiving().iter().flat_map(|receiving| receiving.carried.iter().flatten()) {
            let sender = self.participants.get(&carried.track.participant);
            let publication = sender.and_then(|sender| sender.publications.get(&carried.track.source));
            publication.into_iter().for_each(Publication::request_keyframe);
        }
    }

    /// Tells publishers how large anybody shows their tracks.
    pub(super) fn ask_publishers(&mut self) {
        let now = Instant::now();
        // What is recorded as it comes is wanted whole.
        let mixed = if self.keeps_past() || self.recordings.individual().next().is_some() {
            view::FULL
        } else if self.mixing.is_running() {
            Height::try_from(self.context.config.mix.height).unwrap_or(view::FULL)
        } else {
            0
        };
        let mut heights: BTreeMap<TrackId, Height> = BTreeMap::new();
        for viewer in self.participants.values() {
            for receiving in viewer.endpoints.values().filter_map(|held| held.receiving()) {
                for carried in receiving.carried.iter().flatten() {
                    let height = match receiving.wanted {
                        Wanted::Of(_) => view::FULL,
                        Wanted::Viewed => viewer.view.height(&carried.track),
                    };
                    let largest = heights.entry(carried.track.clone()).or_default();
                    *largest = height.max(*largest);
                }
            }
        }
        let mut asked = Vec::new();
        for participant in self.participants.values_mut() {
            for (source, publication) in &mut participant.publications {
                if source.kind() == Kind::Audio {
                    continue;
                }
                let track = TrackId { participant: participant.id.clone(), source: *source };
                let height = heights.get(&track).copied().unwrap_or_default().max(mixed);
                if let Some(height) = publication.demand.update(height, now) {
                    asked.push((participant.id.clone(), Event::Demand { source: *source, height }));
                }
            }
        }
        for (id, event) in asked {
            self.tell(&id, event);
        }
    }

    /// Whether anybody, or a mix, has to be told who speaks.
    pub(super) fn listens(&self) -> bool {
        self.mixing.follows_speaker() || self.participants.values().any(|participant| participant.native)
    }

    /// Hears how loud everybody is, and acts on what that changes.
    pub(super) fn listen(&mut self) {
        let loudness = self.participants.values().flat_map(|participant| {
            let audible = participant.publications.iter().filter(|(source, _)| source.kind() == Kind::Audio);
            audible.map(|(source, publication)| {
                let loudness = publication.meter.take_loudness();
                let track = TrackId { participant: participant.id.clone(), source: *source };
                (track, if publication.muted { 0 } else { loudness })
            })
        });
        let loudness = loudness.collect();
        let (order, active) = (self.speakers.order().to_vec(), self.speakers.active().cloned());
        self.speakers.update(&loudness, |track| track.source == Source::Microphone);
        if self.speakers.order() != order {
            self.arrange_all();
        }
        if self.speakers.active() != active.as_ref() {
            let speaker = self.speaker();
            if let Some(speaker) = &speaker {
                self.mixing.hear(speaker.clone());
            }
            self.tell_all(&Event::Speaker(speaker));
        }
    }

    pub(super) fn speaker(&self) -> Option<ParticipantId> {
        self.speakers.active().map(|track| track.participant.clone())
    }
}

/// A slot, and where it is.
struct Place {
    endpoint: EndpointName,
    index: usize,
    slot: Slot<TrackId>,
}

/// All slots of a participant, those that are for the same together.
fn places(participant: &Participant) -> Vec<(Wanted, Vec<Place>)> {
    let mut places: Vec<(Wanted, Vec<Place>)> = Vec::new();
    for (name, held) in &participant.endpoints {
        let Some(receiving) = held.receiving() else { continue };
        let slots =
            held.endpoint.slots().iter().zip(&receiving.carried).enumerate().map(|(index, (slot, carried))| Place {
                endpoint: name.clone(),
                index,
                slot: Slot { kind: slot.kind(), carries: carried.as_ref().map(|carried| carried.track.clone()) },
            });
        match places.iter_mut().find(|(wanted, _)| *wanted == receiving.wanted) {
            Some((_, places)) => places.extend(slots),
            None => places.push((receiving.wanted.clone(), slots.collect())),
        }
    }
    places
}
