//! What the slots of one receiving endpoint carry: who was named, who came, and how well.
//!
//! Owner: the load thread. Invariant: a packet counts for who sent it, whatever slot it came by.

use std::collections::{HashMap, VecDeque};

use crate::packets::{Stamp, Track};
use crate::tally::{Tally, Window};

/// The server names a slot over TCP while its packets come over UDP: one may be so much behind the other.
const SLACK: u64 = 100_000_000;

/// One slot.
#[derive(Debug)]
struct Slot {
    track: Track,
    /// Whom the server named, and since when.
    named: Option<(u16, u64)>,
    /// Who came last.
    carries: Option<u16>,
    /// Packets of others than the named one that the next name may still explain: when they came.
    doubtful: VecDeque<u64>,
    /// Whose frames come, and when the first of them was whole.
    shown: Option<(u16, u64)>,
}

/// The slots of an endpoint, by m-line, and the tallies of all who came through them.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    tallies: HashMap<u16, Tally>,
    misnamed: u64,
    /// Times that a slot changed hands other than at a keyframe.
    pub(crate) torn: u64,
    /// Packets in no slot, or not ours.
    pub(crate) strays: u64,
}

impl Slots {
    /// An endpoint with so many slots of each kind.
    pub(crate) fn new(audio: usize, video: usize) -> Self {
        let slot = |track| Slot { track, named: None, carries: None, doubtful: VecDeque::new(), shown: None };
        let audio = (0..audio).map(|_| slot(Track::Audio));
        let slots = audio.chain((0..video).map(|_| slot(Track::Video))).collect();
        Self { slots, tallies: HashMap::new(), misnamed: 0, torn: 0, strays: 0 }
    }

    /// What each m-line carries.
    pub(crate) fn tracks(&self) -> Vec<Track> {
        self.slots.iter().map(|slot| slot.track).collect()
    }

    /// The server said what the slots carry.
    pub(crate) fn name(&mut self, names: &[Option<u16>], now: u64) {
        for (slot, name) in self.slots.iter_mut().zip(names) {
            if slot.named.map(|(name, _)| name) != *name {
                slot.named = name.map(|name| (name, now));
                slot.doubtful.retain(|came| came + SLACK < now);
                self.misnamed += slot.doubtful.drain(..).count() as u64;
            }
        }
    }

    /// Counts a packet that came by the given m-line.
    pub(crate) fn note(
        &mut self,
        line: Option<usize>,
        window: Window,
        stamp: Option<Stamp>,
        sequence: u64,
        arrived: u64,
    ) {
        let (Some(slot), Some(stamp)) = (line.and_then(|line| self.slots.get_mut(line)), stamp) else {
            self.strays += 1;
            return;
        };
        if slot.named.is_some_and(|(name, since)| name != stamp.source && stamp.sent > since + SLACK) {
            slot.doubtful.push_back(arrived);
        }
        if slot.carries != Some(stamp.source) {
            self.torn += u64::from(slot.track == Track::Video && !stamp.key);
            slot.carries = Some(stamp.source);
        }
        let tally = self.tallies.entry(stamp.source).or_default();
        let whole = tally.note(stamp.source, window, Some(stamp), sequence, arrived);
        if whole && slot.shown.is_none_or(|(who, _)| who != stamp.source) {
            slot.shown = Some((stamp.source, arrived));
        }
    }

    /// Packets that came under somebody else's name.
    pub(crate) fn misnamed(&self) -> u64 {
        self.misnamed + self.slots.iter().map(|slot| slot.doubtful.len() as u64).sum::<u64>()
    }

    /// Forgets the counts of an earlier window.
    pub(crate) fn reset(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.doubtful.clear());
        (self.misnamed, self.torn, self.strays) = (0, 0, 0);
        self.tallies.values_mut().for_each(Tally::reset);
    }

    /// What came of each publisher.
    pub(crate) fn tallies(&self) -> &HashMap<u16, Tally> {
        &self.tallies
    }

    /// When the first whole frame of a publisher came, if some slot shows that publisher.
    pub(crate) fn shows(&self, publisher: u16) -> Option<u64> {
        self.slots.iter().filter_map(|slot| slot.shown).find(|(who, _)| *who == publisher).map(|(_, at)| at)
    }

    /// How many video slots show somebody.
    pub(crate) fn showing(&self) -> usize {
        self.slots.iter().filter(|slot| slot.shown.is_some()).count()
    }
}
