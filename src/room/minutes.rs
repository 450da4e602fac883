//! The minutes of the meeting, for recordings: what everybody is told, as far as it belongs there. Pure.

use std::collections::BTreeMap;

use super::Event;
use super::model::{Connection, Member, Source, Track};
use crate::egress::happening::{Happening, word};
use crate::id::ParticipantId;

/// What is known of everybody.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    members: BTreeMap<ParticipantId, Member>,
}

impl Minutes {
    /// Hears what everybody is told, and says what happened by it.
    pub(super) fn hear(&mut self, event: &Event) -> Vec<Happening> {
        match event {
            Event::ParticipantJoined(member) | Event::ParticipantChanged(member) => {
                let before = self.members.insert(member.id.clone(), member.clone());
                changes(before.as_ref(), member)
            }
            Event::ParticipantLeft(id) => match self.members.remove(id) {
                Some(_) => vec![Happening::Left { participant: id.clone() }],
                None => Vec::new(),
            },
            Event::Speaker(speaker) => vec![Happening::Speaker { participant: speaker.clone() }],
            Event::Chat(message) => {
                vec![Happening::Chat { participant: message.from.clone(), text: message.text.clone() }]
            }
            _ => Vec::new(),
        }
    }

    /// How things are, for a recording that begins.
    pub(super) fn so_far(&self) -> Vec<Happening> {
        self.members.values().flat_map(|member| changes(None, member)).collect()
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
        assert_eq!(minutes.hear(&Event::ParticipantJoined(ann.clone())), all);
        assert_eq!(minutes.so_far(), all);
        assert_eq!(minutes.hear(&Event::ParticipantChanged(Member { hand: true, ..ann.clone() })), []);
        let track = |source, muted| Track { source, muted };
        let now =
            Member { tracks: vec![track(Source::Microphone, false), track(Source::Camera, false)], ..ann.clone() };
        let noted = [
            Happening::Published { participant: participant(), source: microphone() },
            Happening::Unmuted { participant: participant(), source: camera() },
        ];
        assert_eq!(minutes.hear(&Event::ParticipantChanged(now.clone())), noted);
        let gone = Member { tracks: Vec::new(), connection: Connection::Reconnecting, ..ann.clone() };
        let noted = [
            Happening::Reconnecting { participant: participant() },
            Happening::Unpublished { participant: participant(), source: microphone() },
            Happening::Unpublished { participant: participant(), source: camera() },
        ];
        assert_eq!(minutes.hear(&Event::ParticipantChanged(gone.clone())), noted);
        let back = Member { connection: Connection::Connected, ..gone };
        assert_eq!(
            minutes.hear(&Event::ParticipantChanged(back)),
            [Happening::Reconnected { participant: participant() }]
        );
        assert_eq!(
            minutes.hear(&Event::ParticipantLeft(ann.id.clone())),
            [Happening::Left { participant: participant() }]
        );
        assert_eq!(minutes.hear(&Event::ParticipantLeft(ann.id.clone())), []);
        assert_eq!(minutes.so_far(), []);
    }
}
