//! Who is in the mix, in the order in which they came, and who of them spoke last.

use std::collections::VecDeque;
use std::time::Instant;

use super::input::Input;
use super::layout::{Place, Size, Source, spotlight};
use super::scene::Scene;
use crate::id::{ParticipantId, ParticipantName};
use crate::media::link::Outlet;
use crate::media::{Codec, Kind};

/// Of how many that have gone it is known which cell was theirs.
const MOST_FORMER: usize = 256;

/// A track of one kind. Without an input it is not shown or heard: nobody wants it, no pad is free, or it failed.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) codec: Codec,
    pub(super) outlet: Outlet,
    pub(super) input: Option<Input>,
    pub(super) not_before: Option<Instant>,
    /// Whether it is known that no pad is free for it.
    pub(super) is_left_out: bool,
}

/// What a layout knows of somebody.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: ParticipantId,
    /// Whose it is: their own identifier, but for a shared screen.
    pub(super) owner: ParticipantId,
    pub(super) name: ParticipantName,
    pub(super) shared: bool,
    arrival: u64,
    seat: u64,
}

#[derive(Debug)]
pub(super) struct Participant {
    pub(super) person: Person,
    pub(super) audio: Option<Track>,
    pub(super) video: Option<Track>,
}

impl Participant {
    pub(super) fn track(&mut self, kind: Kind) -> &mut Option<Track> {
        match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        }
    }
}

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct Roster {
    pub(super) all: Vec<Participant>,
    /// Who has gone, where a layout may want to know.
    former: VecDeque<Person>,
    arrivals: u64,
    spoke: Option<ParticipantId>,
}

impl Roster {
    pub(super) fn find(&mut self, id: &ParticipantId) -> Option<&mut Participant> {
        self.all.iter_mut().find(|participant| participant.person.id == *id)
    }

    /// Takes somebody in. Who comes back has their former turn.
    pub(super) fn add(&mut self, id: ParticipantId, owner: ParticipantId, name: ParticipantName) {
        if self.find(&id).is_some() {
            return;
        }
        let former = self.former.iter().position(|person| person.id == id).and_then(|at| self.former.remove(at));
        let turn = self.arrivals;
        self.arrivals += 1;
        let (arrival, seat) = former.map_or((turn, turn), |person| (person.arrival, person.seat));
        let shared = owner != id;
        let person = Person { id, owner, name, shared, arrival, seat };
        self.all.push(Participant { person, audio: None, video: None });
        self.all.sort_by_key(|participant| participant.person.arrival);
    }

    pub(super) fn remove(&mut self, id: &ParticipantId) {
        let gone = self.all.extract_if(.., |participant| participant.person.id == *id);
        self.former.extend(gone.map(|participant| participant.person));
        if self.former.len() > MOST_FORMER {
            self.former.pop_front();
        }
    }

    /// Somebody begins to speak.
    pub(super) fn speaks(&mut self, id: ParticipantId, scene: &Scene) {
        let pinned = |who: &Participant| scene.pin(&self.source(&who.person, false)).is_some();
        // Who speaks is not large then: nobody needs to move.
        let large = if self.all.iter().any(pinned) { None } else { self.large() };
        self.spoke = Some(id);
        // Only the two change their places.
        let speaker = self.all.iter().position(|participant| self.is_speaker(&participant.person));
        if let (Some(large), Some(speaker)) = (large, speaker) {
            let seats = (self.all[large].person.seat, self.all[speaker].person.seat);
            (self.all[speaker].person.seat, self.all[large].person.seat) = seats;
        }
    }

    fn large(&self) -> Option<usize> {
        let sources: Vec<_> = self.all.iter().map(|participant| self.source(&participant.person, false)).collect();
        spotlight(&sources)
    }

    fn is_speaker(&self, person: &Person) -> bool {
        !person.shared && self.spoke.as_ref() == Some(&person.id)
    }

    fn source<'a>(&'a self, person: &'a Person, gone: bool) -> Source<'a> {
        let speaks = !gone && self.is_speaker(person);
        let (id, name) = (person.owner.as_str(), person.name.as_str());
        Source { id, name, shared: person.shared, speaks, seat: person.seat, gone, pin: None }
    }

    /// Whether somebody is in the mix at all.
    pub(super) fn is_taken(&self, index: usize, scene: &Scene) -> bool {
        scene.takes(&self.source(&self.all[index].person, false))
    }

    /// What a tile says of somebody.
    pub(super) fn caption(&self, person: &Person, scene: &Scene) -> String {
        scene.caption(&self.source(person, false))
    }

    /// Where everybody is, in the order of [`Self::all`]. The mere sound of a screen is nowhere.
    pub(super) fn places(&self, scene: &Scene, canvas: Size, most: usize) -> Vec<Option<Place>> {
        let seen = |participant: &Participant| !participant.person.shared || participant.video.is_some();
        let all = self.all.iter().enumerate().filter(|(_, participant)| seen(participant));
        let mut known: Vec<(&Person, Option<usize>)> = all.map(|(index, who)| (&who.person, Some(index))).collect();
        if scene.layout.remembers() {
            known.extend(self.former.iter().map(|person| (person, None)));
            known.sort_by_key(|(person, _)| person.arrival);
        }
        known.retain(|(person, index)| scene.shows(&self.source(person, index.is_none())));
        let mut sources: Vec<_> = known.iter().map(|(person, index)| self.source(person, index.is_none())).collect();
        sources.iter_mut().for_each(|source| source.pin = scene.pin(source));
        let mut places = vec![None; self.all.len()];
        for ((_, index), place) in known.iter().zip(scene.layout.places(canvas, &sources, most)) {
            if let Some(index) = index {
                places[*index] = place;
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::layout::Layout;

    const HD: Size = Size { width: 1280, height: 720 };

    fn id(text: &str) -> ParticipantId {
        ParticipantId::from_remote(text)
    }

    fn roster(all: &[&str]) -> Roster {
        let mut roster = Roster::default();
        all.iter().for_each(|one| add(&mut roster, one, one));
        roster
    }

    fn add(roster: &mut Roster, one: &str, owner: &str) {
        roster.add(id(one), id(owner), ParticipantName::parse(owner).unwrap());
    }

    fn show(roster: &mut Roster, one: &str) {
        let track =
            Track { codec: Codec::Vp8, outlet: Outlet::new("out"), input: None, not_before: None, is_left_out: false };
        roster.find(&id(one)).unwrap().video = Some(track);
    }

    fn lefts(roster: &Roster, layout: &Layout) -> Vec<Option<u32>> {
        roster.places(&Scene::of(layout.clone()), HD, 16).into_iter().map(|place| Some(place?.placement.x)).collect()
    }

    #[test]
    fn who_speaks_swaps_with_who_was_large_and_a_screen_never_speaks() {
        gstreamer::init().unwrap();
        let mut roster = roster(&["ann", "bob", "cy"]);
        add(&mut roster, "cy-screen", "cy");
        let alone = lefts(&roster, &Layout::Speaker);
        assert_eq!(alone, [Some(0), Some(384), Some(640), None], "the mere sound of a screen has no place");
        show(&mut roster, "cy-screen");
        assert_eq!(lefts(&roster, &Layout::Speaker), [Some(0), Some(256), Some(512), Some(768)]);
        roster.speaks(id("cy"), &Scene::default());
        assert_eq!(lefts(&roster, &Layout::Speaker), [Some(512), Some(256), Some(0), Some(768)]);
        roster.speaks(id("bob"), &Scene::default());
        assert_eq!(lefts(&roster, &Layout::Speaker), [Some(512), Some(0), Some(256), Some(768)]);
        roster.speaks(id("nobody"), &Scene::default());
        roster.remove(&id("bob"));
        let someone = lefts(&roster, &Layout::Speaker);
        assert_eq!(someone.iter().filter(|left| **left == Some(0)).count(), 1, "{someone:?}");
        assert_eq!(lefts(&roster, &Layout::Single), [None, None, Some(0)], "the screen");
    }

    #[test]
    fn who_comes_back_has_the_former_cell() {
        let text = r#"{"regions": {"all": {"max_columns": 4, "max_rows": 1, "reuse": "none"}}}"#;
        let layout: Layout = serde_json::from_str(text).unwrap();
        let mut roster = roster(&["ann", "bob"]);
        roster.remove(&id("ann"));
        add(&mut roster, "cy", "cy");
        let third = Some(1280 * 2 / 3 / 2 * 2);
        assert_eq!(lefts(&roster, &layout), [Some(426), third]);
        add(&mut roster, "ann", "ann");
        assert_eq!(lefts(&roster, &layout), [Some(0), Some(426), third]);
        assert_eq!(lefts(&roster, &Layout::Grid), [Some(0), Some(640), Some(320)]);
    }
}
