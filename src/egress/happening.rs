//! What happens in a room while it is recorded, on the recording's own clock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ParticipantId;
use crate::mix::Placed;
use crate::mix::layout::Placement;

/// Something that happened. Sources are `microphone`, `camera`, `screen` or `screenAudio`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Happening {
    /// Somebody came, or was there when it began.
    Joined {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// Their name.
        name: String,
    },
    /// Somebody went.
    Left {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
    },
    /// Somebody lost the connection; their place is kept for a while.
    Reconnecting {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
    },
    /// Somebody is back.
    Reconnected {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
    },
    /// Somebody sends something new.
    Published {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// What.
        source: String,
    },
    /// Somebody no longer sends something.
    Unpublished {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// What.
        source: String,
    },
    /// Something is silenced or blanked.
    Muted {
        /// Whose.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// What.
        source: String,
    },
    /// It is no longer.
    Unmuted {
        /// Whose.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// What.
        source: String,
    },
    /// Somebody else speaks, or nobody.
    Speaker {
        /// Who.
        #[schemars(with = "Option<String>")]
        participant: Option<ParticipantId>,
    },
    /// Somebody wrote something.
    Chat {
        /// Who.
        #[schemars(with = "String")]
        participant: ParticipantId,
        /// What.
        text: String,
    },
    /// The picture of the mix is arranged anew, or shows something else in a tile.
    Layout {
        /// Who is where.
        tiles: Vec<Tile>,
    },
}

/// A place in the picture of the mix, in pixels from its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tile {
    /// Who is there; a shared screen is its owner's with `-screen` behind.
    #[schemars(with = "String")]
    pub participant: ParticipantId,
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Whether it shows what they send, not their name.
    pub live: bool,
}

impl From<&Placed> for Tile {
    fn from(placed: &Placed) -> Self {
        let Placement { x, y, width, height } = placed.placement;
        Self { participant: placed.participant.clone(), x, y, width, height, live: placed.video }
    }
}

impl Happening {
    /// Whether it says how things are from then on, and so matters even where it happened in a pause.
    #[must_use]
    pub fn lasts(&self) -> bool {
        !matches!(self, Self::Chat { .. })
    }
}

/// When something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// How far the recording had come, in milliseconds.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// The word that stands for a value in JSON.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Whether a source is of a shared screen.
pub(crate) fn is_shared(source: &str) -> bool {
    source.starts_with("screen")
}
