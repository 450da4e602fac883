//! The part of the mix's thread that puts a style into practice: below the videos, between them, and over them.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Slot, Stage, cards};
use crate::id::ParticipantId;
use crate::mix::MixError;
use crate::mix::layout::{Fit, Place, spaced};
use crate::mix::overlay::{Overlay, Sheet, Sight};
use crate::mix::style::Look;
use crate::mix::tiles::Tile;
use crate::mix::video::Canvas;

/// How a mix looks.
#[derive(Debug)]
pub(super) struct Dress {
    look: Look,
    turn: u64,
    /// Whether the stage does not look like it yet.
    is_new: bool,
    muted: HashSet<ParticipantId>,
    overlay: Overlay,
    sheet: Sheet,
    is_laid: bool,
    late: Duration,
    /// Whether it is known that something could not be drawn.
    has_failed: bool,
}

impl Dress {
    pub(super) fn new(canvas: &Canvas) -> Result<Self, MixError> {
        let (overlay, sheet) = (Overlay::new(canvas.size(), canvas.late()), canvas.sheet()?);
        Ok(Self {
            look: Look::default(),
            turn: 0,
            is_new: false,
            muted: HashSet::new(),
            overlay,
            sheet,
            is_laid: false,
            late: canvas.late(),
            has_failed: false,
        })
    }

    pub(super) fn is_muted(&self, id: &ParticipantId) -> bool {
        self.muted.contains(id)
    }

    pub(super) fn forget(&mut self, id: &ParticipantId) {
        self.muted.remove(id);
    }

    /// When the clock goes on, if there is one.
    pub(super) fn next(&self) -> Option<Instant> {
        self.look.style.clock.as_ref()?;
        let shown = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(self.late)?;
        Some(Instant::now() + Duration::from_secs(1) - Duration::from_nanos(shown.subsec_nanos().into()))
    }
}

impl Stage {
    /// Looks otherwise from now on, unless something newer was asked for.
    pub(super) fn look(&mut self, turn: u64, look: Look) {
        if turn <= self.dress.turn {
            return;
        }
        if let Err(error) = self.dress.overlay.set_look(&look) {
            tracing::warn!(%error, "not all of a style lies over the picture");
        }
        (self.dress.turn, self.dress.look, self.dress.is_new, self.dress.has_failed) = (turn, look, true, false);
        self.places = None;
    }

    /// Somebody is muted now, or not.
    pub(super) fn mute(&mut self, id: ParticipantId, muted: bool) {
        if !muted {
            self.dress.muted.remove(&id);
        } else if self.roster.find(&id).is_some() {
            self.dress.muted.insert(id);
        }
    }

    /// Places with the gaps that the style wants.
    pub(super) fn with_gaps(&self, mut places: Vec<Option<Place>>) -> Vec<Option<Place>> {
        let (canvas, gap) = (self.canvas.size(), self.dress.look.style.gap);
        places.iter_mut().flatten().for_each(|place| place.placement = spaced(canvas, place.placement, gap));
        places
    }

    /// Draws a tile for everybody who has a place and no video that covers it, the deepest first. With a new style all that
    /// it changes holds from then on.
    pub(super) fn draw(&mut self, places: &[Option<Place>], covered: &[bool]) {
        let people = self.roster.all.iter().zip(places).filter_map(|(who, place)| Some((&who.person, place.as_ref()?)));
        let mut unseen: Vec<_> = people.zip(covered).filter(|(_, covered)| !**covered).map(|(who, _)| who).collect();
        unseen.sort_by_key(|(_, place)| place.z);
        let tiles = unseen.into_iter().map(|(person, place)| Tile {
            placement: place.placement,
            name: self.roster.caption(person, &self.scene),
            muted: self.dress.is_muted(&person.id),
        });
        let tiles = tiles.collect();
        let drawn = if std::mem::take(&mut self.dress.is_new) {
            self.slots.iter_mut().for_each(Slot::arrive);
            self.canvas.set_look(self.dress.look.clone(), tiles)
        } else {
            self.canvas.draw(tiles, Instant::now())
        };
        if let Err(error) = drawn {
            tracing::warn!(%error, "the tiles are not up to date");
        }
    }

    /// Lays over the picture what belongs to what is seen now.
    pub(super) fn lay_over(&mut self) {
        if !self.dress.look.style.lies_over() {
            if std::mem::take(&mut self.dress.is_laid) {
                self.dress.sheet.lay(Vec::new());
            }
            return;
        }
        let places = self.places.as_deref().unwrap_or_default();
        let sights = self.slots.iter().filter_map(|slot| {
            let (seen, owner) = (slot.seen()?, slot.owner()?);
            let person = self.roster.all.iter().map(|participant| &participant.person).find(|one| one.id == *owner);
            let place = Place { placement: seen.at, z: seen.z, fit: Fit::Fill };
            Some(Sight {
                seen: seen.at,
                z: seen.z,
                name: person.filter(|_| !seen.is_card).map(|person| self.roster.caption(person, &self.scene)),
                muted: self.dress.is_muted(owner),
                on_another: cards::lies_on_another(&place, places),
            })
        });
        let sights = sights.collect();
        match self.dress.overlay.update(&self.dress.look, sights) {
            Ok(Some(stamps)) => {
                self.dress.sheet.lay(stamps);
                self.dress.is_laid = true;
            }
            Ok(None) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.dress.has_failed, true) {
                    tracing::warn!(%error, "what lies over the picture is not up to date");
                }
            }
        }
    }
}
