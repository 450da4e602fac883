//! The minutes of the meeting, for recordings: what everybody is told, as far as it belongs there. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::Event;
use super::model::{Connection, Member, Source, Track};
use crate::egress::happening::{Happening, word};
use crate::id::ParticipantId;

/// The most that is kept of what happened lately.
const MOST: usize = 10_000;

/// What is known of everybody. Times are in milliseconds of the running time.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    members: Members,
    /// How long what happened may be of use to a recording that begins later.
    keep_ms: u64,
    /// How things were before what is kept.
    before: Members,
    lately: VecDeque<(u64, Event)>,
}

impl Minutes {
    /// Remembers what happened for `keep_ms`.
    pub(super) fn new(keep_ms: u64) -> Self {
        Self { keep_ms, ..Self::default() }
    }

    /// Hears what everybody is told at `now`, and says what happened by it.
    pub(super) fn hear(&mut self, now: u64, event: &Event) -> Vec<Happening> {
        let happened = self.members.hear(event);
        if !happened.is_empty() {
            self.lately.push_back((now, event.clone()));
        }
        self.settle(now);
        happened
    }

    /// What a recording has to know that begins `keep_ms` before `now` or later: how things were, at zero, and what
    /// happened since.
    pub(super) fn so_far(&mut self, now: u64) -> Vec<(u64, Happening)> {
        self.settle(now);
        let mut members = self.before.clone();
        let mut so_far: Vec<_> =
            members.all.values().flat_map(|member| changes(None, member)).map(|is| (0, is)).collect();
        // Who speaks already says so only when somebody else did meanwhile.
        so_far.extend(members.speaker.clone().map(|speaker| (0, Happening::Speaker { participant: Some(speaker) })));
        for (at, event) in &self.lately {
            so_far.extend(members.hear(event).into_iter().map(|happened| (*at, happened)));
        }
        so_far
    }

    fn settle(&mut self, now: u64) {
        while let Some((at, event)) = self.lately.front()
            && (at + self.keep_ms <= now || self.lately.len() > MOST)
        {
            self.before.hear(event);
            self.lately.pop_front();
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Members {
    all: BTreeMap<ParticipantId, Member>,
    speaker: Option<ParticipantId>,
}

impl Members {
    fn hear(&mut self, event: &Event) -> Vec<Happening> {
        match event {
            Event::ParticipantJoined(member) | Event::ParticipantChanged(member) => {
                let before = self.all.insert(member.id.clone(), member.clone());
                changes(before.as_ref(), member)
            }
            Event::ParticipantLeft(id) => {
                self.speaker.take_if(|speaker| speaker == id);
                self.all.remove(id).map(|_| Happening::Left { participant: id.clone() }).into_iter().collect()
            }
            Event::Speaker(speaker) => {
                self.speaker.clone_from(speaker);
                vec![Happening::Speaker { participant: speaker.clone() }]
            }
            Event::Chat(message) => {
                vec![Happening::Chat { participant: message.from.clone(), text: message.text.clone() }]
            }
            _ => Vec::new(),
        }
    }
}

/// What happened to somebody who was not there before, or was otherwise.
fn changes(before: Option<&Member>, now: &Member) -> Vec<Happening> {
    let participant = || now.id.clone();
    let mut changes = Vec::new();
    if before.is_none() {
        changes.push(Happening::Joined { participant: participant(), name: now.name.to_string() });
    }
    let connection = before.map_or(Connection::Connected, |before| before.connection);
    match (connection, now.connection) {
        (Connection::Connected, Connection::Reconnecting) => {
            changes.push(Happening::Reconnecting { participant: participant() });
        }
        (Connection::Reconnecting, Connection::Connected) => {
            changes.push(Happening::Reconnected { participant: participant() });
        }
        _ => {}
    }
    for source in Source::ALL {
        let find = |member: &Member| member.tracks.iter().find(|track| track.source == source).copied();
        let word = || word(&source);
        let (was, is) = (before.and_then(find), find(now));
        match (was, is) {
            (None, Some(_)) => changes.push(Happening::Published { participant: participant(), source: word() }),
            (Some(_), None) => changes.push(Happening::Unpublished { participant: participant(), source: word() }),
            _ => {}
        }
        let muted = |track: Option<Track>| track.is_some_and(|track| track.muted);
        match (muted(was), muted(is)) {
            (false, true) => changes.push(Happening::Muted { participant: participant(), source: word() }),
            (true, false) if is.is_some() => {
                changes.push(Happening::Unmuted { participant: participant(), source: word() });
            }
            _ => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::model::Role;
    use super::*;
    use crate::id::ParticipantName;

    fn member(tracks: &[(Source, bool)]) -> Member {
        Member {
            id: ParticipantId::new(),
            name: ParticipantName::parse("ann").unwrap(),
            role: Role::Participant,
            connection: Connection::Connected,
            hand: false,
            tracks: tracks.iter().map(|&(source, muted)| Track { source, muted }).collect(),
            identity: None,
            metadata: None,
        }
    }

    #[test]
    fn only_what_changed_is_noted() {
        let mut minutes = Minutes::default();
        let ann = member(&[(Source::Camera, true)]);
        let participant = || ann.id.clone();
        let (camera, microphone) = (|| "camera".to_owned(), || "microphone".to_owned());
        let all = [
            Happening::Joined { participant: participant(), name: "ann".into() },
            Happening::Published { participant: participant(), source: camera() },
            Happening::Muted { participant: participant(), source: camera() },
        ];
        assert_eq!(minutes.hear(0, &Event::ParticipantJoined(ann.clone())), all);
        assert_eq!(minutes.so_far(0), all.clone().map(|happened| (0, happened)));
        assert_eq!(minutes.hear(0, &Event::ParticipantChanged(Member { hand: true, ..ann.clone() })), []);
        let track = |source, muted| Track { source, muted };
        let now =
            Member { tracks: vec![track(Source::Microphone, false), track(Source::Camera, false)], ..ann.clone() };
        let noted = [
            Happening::Published { participant: participant(), source: microphone() },
            Happening::Unmuted { participant: participant(), source: camera() },
        ];
        assert_eq!(minutes.hear(0, &Event::ParticipantChanged(now.clone())), noted);
        let gone = Member { tracks: Vec::new(), connection: Connection::Reconnecting, ..ann.clone() };
        let noted = [
            Happening::Reconnecting { participant: participant() },
            Happening::Unpublished { participant: participant(), source: microphone() },
            Happening::Unpublished { participant: participant(), source: camera() },
        ];
        assert_eq!(minutes.hear(0, &Event::ParticipantChanged(gone.clone())), noted);
        let back = Member { connection: Connection::Connected, ..gone };
        assert_eq!(
            minutes.hear(0, &Event::ParticipantChanged(back)),
            [Happening::Reconnected { participant: participant() }]
        );
        assert_eq!(
            minutes.hear(0, &Event::ParticipantLeft(ann.id.clone())),
            [Happening::Left { participant: participant() }]
        );
        assert_eq!(minutes.hear(0, &Event::ParticipantLeft(ann.id.clone())), []);
        assert_eq!(minutes.so_far(0), []);
    }
    #[test]
    fn a_recording_that_begins_in_the_past_knows_how_things_were_then() {
        let mut minutes = Minutes::new(1000);
        let (ann, bob) = (member(&[]), member(&[]));
        let joined = |who: &Member| Happening::Joined { participant: who.id.clone(), name: "ann".into() };
        let left = |who: &Member| Happening::Left { participant: who.id.clone() };
        minutes.hear(100, &Event::ParticipantJoined(ann.clone()));
        minutes.hear(200, &Event::ParticipantJoined(bob.clone()));
        assert_eq!(minutes.so_far(900), [(100, joined(&ann)), (200, joined(&bob))]);
        assert_eq!(minutes.so_far(1150), [(0, joined(&ann)), (200, joined(&bob))]);
        minutes.hear(1500, &Event::ParticipantLeft(ann.id.clone()));
        let so_far = minutes.so_far(1600);
        let both = [(0, joined(&ann)), (0, joined(&bob))];
        assert!(both.iter().all(|noted| so_far[..2].contains(noted)) && so_far[2] == (1500, left(&ann)), "{so_far:?}");
        assert_eq!(minutes.so_far(2500), [(0, joined(&bob))]);
        let speaks = |speaker: Option<&Member>| speaker.map(|member| member.id.clone());
        minutes.hear(3000, &Event::Speaker(speaks(Some(&bob))));
        let speaking = Happening::Speaker { participant: speaks(Some(&bob)) };
        assert_eq!(minutes.so_far(9000), [(0, joined(&bob)), (0, speaking)]);
        minutes.hear(9500, &Event::Speaker(None));
        assert_eq!(minutes.so_far(19_000), [(0, joined(&bob))]);
    }
}
