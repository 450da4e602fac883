//! What a token grants, in LiveKit's words, and what may be done by it. Pure.
//!
//! What is not granted is not allowed, with LiveKit's exceptions: who may join a room may send and receive in it unless
//! the token says no. Grants that mean nothing here, and those of later days, are passed over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::RoomName;

/// The claim `video` of a token. Null is as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Grants {
    /// The room that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// Be in that room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_join: Option<bool>,
    /// Moderate that room, record it, and direct what is mixed of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_admin: Option<bool>,
    /// Record that room and give its mixes away; without a room, all rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_record: Option<bool>,
    /// See what there is on the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_list: Option<bool>,
    /// Send; yes unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// Send these only: `camera`, `microphone`, `screen_share`, `screen_share_audio`; none or an empty list for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_sources: Option<Vec<String>>,
    /// Receive; yes unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// Write in the chat; yes unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// Be there without the others being told, and send nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// What LiveKit calls a track by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrackSource {
    /// `camera`
    Camera,
    /// `microphone`
    Microphone,
    /// `screen_share`
    ScreenShare,
    /// `screen_share_audio`
    ScreenShareAudio,
}

/// What somebody may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// Everything.
    All,
    /// These; nothing, if there are none.
    Only(BTreeSet<TrackSource>),
}

/// Whether somebody moderates a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moderates {
    /// When it is their turn: who comes first, or has been there longest.
    ByTurn,
    /// From the beginning.
    Yes,
    /// Only if a moderator makes them one.
    No,
}

/// What somebody may do in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Moderate.
    pub moderates: Moderates,
    /// Send.
    pub sources: Sources,
    /// Receive.
    pub subscribes: bool,
    /// Write in the chat.
    pub chats: bool,
    /// Be there without the others being told.
    pub hidden: bool,
}

/// What something asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A token of this server, whatever it grants.
    Any,
    /// Watch a mix.
    Watch,
    /// Send to a room, without being a session of it.
    Send,
    /// Change what is mixed, recorded and given away.
    Direct,
    /// See recordings.
    Recordings,
    /// See what there is on the whole server.
    List,
}

impl Need {
    /// What a token has to have for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Any => "any token of this server",
            Self::Watch => "roomJoin or canSubscribe",
            Self::Send => "roomJoin and canPublish",
            Self::Direct => "roomAdmin or roomRecord",
            Self::Recordings => "roomAdmin, roomRecord or roomList",
            Self::List => "roomList",
        }
    }
}

impl TrackSource {
    /// Reads LiveKit's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        // Some SDKs write enums in capitals.
        Some(match word.to_ascii_lowercase().as_str() {
            "camera" => Self::Camera,
            "microphone" => Self::Microphone,
            "screen_share" => Self::ScreenShare,
            "screen_share_audio" => Self::ScreenShareAudio,
            _ => return None,
        })
    }
}

impl Sources {
    /// Whether that may be sent.
    #[must_use]
    pub fn allows(&self, source: TrackSource) -> bool {
        match self {
            Self::All => true,
            Self::Only(sources) => sources.contains(&source),
        }
    }

    /// Whether nothing may be sent.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Only(sources) if sources.is_empty())
    }
}

impl Rights {
    /// Of everybody where there are no tokens.
    #[must_use]
    pub fn open() -> Self {
        Self { moderates: Moderates::ByTurn, sources: Sources::All, subscribes: true, chats: true, hidden: false }
    }
}

impl Grants {
    /// Whether they are for `room`.
    fn is_of(&self, room: Option<&RoomName>) -> bool {
        // A room's name is cleaned when it is read: so is this one.
        let own = self.room.as_deref().and_then(|own| RoomName::parse(own).ok());
        room.is_some_and(|room| own.as_ref() == Some(room))
    }

    /// Whether they let one into `room`.
    #[must_use]
    pub fn joins(&self, room: &RoomName) -> bool {
        self.room_join == Some(true) && self.is_of(Some(room))
    }

    /// Whether that may be done in `room`, or on the whole server.
    #[must_use]
    pub fn may(&self, need: Need, room: Option<&RoomName>) -> bool {
        let granted = |grant: Option<bool>| grant == Some(true);
        let is_of = self.is_of(room);
        let admin = granted(self.room_admin) && is_of;
        // As LiveKit's clients of egress ask for it: without a room.
        let everywhere = self.room.as_ref().is_none_or(String::is_empty);
        let records = granted(self.room_record) && (is_of || everywhere);
        match need {
            Need::Any => true,
            Need::Watch => {
                let there = granted(self.room_join) || granted(self.can_subscribe);
                admin || records || (is_of && there && self.can_subscribe != Some(false))
            }
            Need::Send => is_of && granted(self.room_join) && !self.sources().is_nothing(),
            Need::Direct => admin || records,
            Need::Recordings => admin || records || granted(self.room_list),
            Need::List => granted(self.room_list),
        }
    }

    /// What may be done in the room.
    #[must_use]
    pub fn rights(&self) -> Rights {
        let hidden = self.hidden == Some(true);
        Rights {
            moderates: if self.room_admin == Some(true) { Moderates::Yes } else { Moderates::No },
            sources: if hidden { Sources::Only(BTreeSet::new()) } else { self.sources() },
            subscribes: self.can_subscribe != Some(false),
            chats: self.can_publish_data != Some(false) && !hidden,
            hidden,
        }
    }

    fn sources(&self) -> Sources {
        match &self.can_publish_sources {
            _ if self.can_publish == Some(false) => Sources::Only(BTreeSet::new()),
            Some(words) if !words.is_empty() => {
                Sources::Only(words.iter().filter_map(|word| TrackSource::parse(word)).collect())
            }
            _ => Sources::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn grants(value: serde_json::Value) -> Grants {
        serde_json::from_value(value).expect("grants")
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).expect("a name")
    }

    #[test]
    fn what_is_granted_may_be_done_there_and_nowhere_else() {
        use Need::{Any, Direct, List, Recordings, Send, Watch};
        let all = [Any, Watch, Send, Direct, Recordings, List];
        for (claim, here, there, everywhere) in [
            (json!({}), &[Any][..], &[Any][..], &[Any][..]),
            (json!({"roomJoin": true}), &[Any], &[Any], &[Any]),
            (json!({"room": "tea"}), &[Any], &[Any], &[Any]),
            (json!({"room": "tea", "roomJoin": true}), &[Any, Watch, Send], &[Any], &[Any]),
            (json!({"room": "tea", "roomJoin": null, "later": 7}), &[Any], &[Any], &[Any]),
            (json!({"room": "tea", "roomJoin": true, "canPublish": false}), &[Any, Watch], &[Any], &[Any]),
            (json!({"room": "tea", "roomJoin": true, "canSubscribe": false}), &[Any, Send], &[Any], &[Any]),
            (json!({"room": "tea", "canSubscribe": true}), &[Any, Watch], &[Any], &[Any]),
            (json!({"room": "tea", "roomJoin": true, "canPublishSources": ["fax"]}), &[Any, Watch], &[Any], &[Any]),
            (json!({"room": "tea", "roomAdmin": true}), &[Any, Watch, Direct, Recordings], &[Any], &[Any]),
            (json!({"roomAdmin": true}), &[Any], &[Any], &[Any]),
            (json!({"room": "tea", "roomRecord": true}), &[Any, Watch, Direct, Recordings], &[Any], &[Any]),
            (
                json!({"roomRecord": true}),
                &[Any, Watch, Direct, Recordings],
                &[Any, Watch, Direct, Recordings],
                &[Any, Watch, Direct, Recordings],
            ),
            (json!({"roomList": true}), &[Any, Recordings, List], &[Any, Recordings, List], &[Any, Recordings, List]),
        ] {
            let grants = grants(claim.clone());
            let may =
                |room: Option<&RoomName>| all.into_iter().filter(|need| grants.may(*need, room)).collect::<Vec<_>>();
            assert_eq!(may(Some(&room("tea"))), here, "{claim}");
            assert_eq!(may(Some(&room("coffee"))), there, "{claim}");
            assert_eq!(may(None), everywhere, "{claim}");
        }
    }

    #[test]
    fn who_may_join_may_do_all_but_what_is_taken_away() {
        let rights = |value| grants(value).rights();
        let usual = rights(json!({"roomJoin": true}));
        assert_eq!(usual, Rights { moderates: Moderates::No, ..Rights::open() });
        assert_eq!(rights(json!({"roomAdmin": true})).moderates, Moderates::Yes);
        assert!(rights(json!({"canPublish": false, "canPublishSources": ["camera"]})).sources.is_nothing());
        assert_eq!(rights(json!({"canPublish": true, "canPublishSources": []})).sources, Sources::All);
        let some = rights(json!({"canPublishSources": ["MICROPHONE", "screen_share", "unknown"]})).sources;
        let allowed =
            [TrackSource::Camera, TrackSource::Microphone, TrackSource::ScreenShare, TrackSource::ScreenShareAudio]
                .map(|source| some.allows(source));
        assert_eq!(allowed, [false, true, true, false]);
        assert!(!rights(json!({"canSubscribe": false})).subscribes);
        assert!(!rights(json!({"canPublishData": false})).chats);
        let hidden = rights(json!({"hidden": true, "canPublish": true}));
        assert!(hidden.hidden && hidden.sources.is_nothing() && !hidden.chats && hidden.subscribes);
    }

    #[test]
    fn rooms_are_compared_as_they_are_read() {
        assert!(grants(json!({"room": " tea ", "roomJoin": true})).joins(&room("tea")));
        assert!(!grants(json!({"room": "Tea", "roomJoin": true})).joins(&room("tea")));
        assert!(!grants(json!({"room": "te", "roomJoin": true})).joins(&room("tea")));
    }
}
