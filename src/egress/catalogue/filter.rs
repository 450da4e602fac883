//! Which recordings somebody asks for, and in which portions: pure.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::egress::format::{Container, Content};
use crate::egress::manifest::{Manifest, State};
use crate::id::RecordingId;

/// The most recordings in a page.
const LARGEST_PAGE: u32 = 1000;

/// Which recordings, the newest first. Moments in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Of that room.
    pub room: Option<String>,
    /// In that state.
    pub state: Option<State>,
    /// Of that kind.
    pub kind: Option<Content>,
    /// In that container.
    pub container: Option<Container>,
    /// With somebody of that name or identifier.
    pub participant: Option<String>,
    /// Begun then or later.
    pub from: Option<u64>,
    /// Begun before.
    pub until: Option<u64>,
    /// After this one: what a page says of the next.
    #[serde(deserialize_with = "cursor")]
    pub cursor: Option<(u64, RecordingId)>,
    /// How many at most.
    #[serde(deserialize_with = "limit")]
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            room: None,
            state: None,
            kind: None,
            container: None,
            participant: None,
            from: None,
            until: None,
            cursor: None,
            limit: 100,
        }
    }
}

/// Some of the recordings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The recordings, the newest first.
    pub recordings: Vec<Manifest>,
    /// The `cursor` of the next page, if there are more.
    pub next: Option<String>,
}

impl Page {
    /// A page of `limit` from `found`, which has one more if there are more.
    pub(super) fn new(mut found: Vec<Manifest>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| format!("{}-{}", last.started_at, last.id));
        Self { recordings: found, next }
    }
}

fn cursor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(u64, RecordingId)>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parts = text.split_once('-').and_then(|(at, id)| Some((at.parse().ok()?, RecordingId::from_remote(id))));
    parts.map(Some).ok_or_else(|| D::Error::custom("cursor is not what a page said of the next"))
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let limit = u32::deserialize(deserializer)?;
    if (1..=LARGEST_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(D::Error::custom(format!("limit is {limit}: say 1 to {LARGEST_PAGE}")))
    }
}
