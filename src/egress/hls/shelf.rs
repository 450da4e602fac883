//! What of a stream can be had now: its header and its last segments, in memory, for as many as come.
//!
//! Filled by a streaming thread, read by HTTP. One short lock; what is handed out is shared, not copied. Its bound is the
//! time for which segments are kept: older ones go.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::playlist::{self, Listing, PartLine, SegmentLine, Wanted};

/// How far ahead somebody may wait for: bis, section 6.2.5.2.
const AHEAD: u64 = 2;

/// The lengths of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lengths {
    /// Of a segment, in whole seconds.
    pub(super) segment: u64,
    /// Of a part, in seconds.
    pub(super) part: f64,
    /// Of what is kept, in seconds.
    pub(super) kept: u64,
}

/// How the picture is, for those who choose by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) codecs: String,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) fps: u32,
    pub(super) bits: u64,
}

/// Why something is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// There is no such thing, or not any more.
    Unknown,
    /// It is too far ahead to wait for.
    TooFar,
    /// It did not come in time.
    Late,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    began_ms: u64,
    parts: Vec<(PartLine, Bytes)>,
    whole: bool,
}

#[derive(Debug, Default)]
struct Stock {
    description: Option<Description>,
    header: Bytes,
    segments: VecDeque<Segment>,
    ended: bool,
}

/// The shelf of one stream.
#[derive(Debug)]
pub struct Shelf {
    epoch: String,
    lengths: Lengths,
    stock: Mutex<Stock>,
    /// The part that comes next.
    next: watch::Sender<(u64, usize)>,
}

impl Shelf {
    /// An empty one. `epoch` must never have been used for this stream's address.
    pub(super) fn new(epoch: String, lengths: Lengths) -> Self {
        Self { epoch, lengths, stock: Mutex::default(), next: watch::channel((0, 0)).0 }
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        // Held only for changes that cannot panic half-way.
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what the stream is.
    pub(super) fn describe(&self, description: Description, header: Bytes) {
        let mut stock = self.stock();
        (stock.description, stock.header) = (Some(description), header);
    }

    /// Takes the next part.
    pub(super) fn put(&self, line: PartLine, bytes: Bytes, began_ms: u64, ends_segment: bool) {
        let mut stock = self.stock();
        let next = self.next.borrow().0;
        if stock.segments.back().is_none_or(|segment| segment.whole) {
            stock.segments.push_back(Segment { number: next, began_ms, parts: Vec::new(), whole: false });
        }
        let Some(segment) = stock.segments.back_mut() else { return };
        segment.parts.push((line, bytes));
        segment.whole = ends_segment;
        let next = if ends_segment { (segment.number + 1, 0) } else { (segment.number, segment.parts.len()) };
        // One more: the one that is not whole yet.
        while stock.segments.len() > self.kept() + 1 {
            stock.segments.pop_front();
        }
        drop(stock);
        self.next.send_replace(next);
    }

    /// Says that nothing more comes.
    pub(in crate::egress) fn end(&self) {
        let mut stock = self.stock();
        stock.ended = true;
        if let Some(last) = stock.segments.back_mut() {
            last.whole = true;
        }
        drop(stock);
        // Whoever waits looks again.
        self.next.send_modify(|_| {});
    }

    /// How many whole segments are kept.
    fn kept(&self) -> usize {
        usize::try_from(self.lengths.kept / self.lengths.segment.max(1)).unwrap_or(usize::MAX)
    }

    /// How many segments are listed. What is listed no longer stays there for as long as the longest list that named it, since
    /// somebody may still go by that: RFC 8216, section 6.2.2.
    fn listed(&self) -> usize {
        (self.kept() / 2).max(4)
    }

    fn listing(&self) -> Listing {
        let stock = self.stock();
        let skipped = stock.segments.len().saturating_sub(self.listed());
        let line = |segment: &Segment| SegmentLine {
            number: segment.number,
            began_ms: segment.began_ms,
            parts: segment.parts.iter().map(|(line, _)| line.clone()).collect(),
            whole: segment.whole,
        };
        let segments: Vec<_> = stock.segments.iter().skip(skipped).map(line).collect();
        // A keyframe may be late; what is said must hold for all that is listed.
        let longest = segments.iter().map(|segment| segment.parts.iter().map(|part| part.lasts).sum::<f64>());
        let target = longest.fold(self.lengths.segment as f64, f64::max).round() as u64;
        let part_target = segments.iter().flat_map(|segment| &segment.parts).map(|part| part.lasts);
        let part_target = part_target.fold(self.lengths.part, f64::max);
        Listing { epoch: self.epoch.clone(), target, part_target, segments, ended: stock.ended }
    }

    /// The list of lists, once it is known what the stream is.
    #[must_use]
    pub fn index(&self) -> Option<String> {
        let stock = self.stock();
        let Description { codecs, width, height, fps, bits } = stock.description.as_ref()?;
        Some(playlist::index(codecs, *width, *height, *fps, *bits))
    }

    /// The list of segments; with a `number` once that segment is in it, or that part of it: bis, section 6.2.5.2.
    ///
    /// # Errors
    /// When that is too far ahead, or does not come.
    pub async fn list(&self, number: Option<u64>, part: Option<usize>) -> Result<String, Missing> {
        if let Some(number) = number {
            let wanted = match part {
                Some(part) => (number, part),
                None => (number.saturating_add(1), 0),
            };
            self.come(|next, ended| ended || next > wanted || part.is_none() && next >= wanted, number).await?;
        } else if part.is_some() {
            return Err(Missing::TooFar);
        }
        Ok(self.listing().text())
    }

    /// Header, segment or part of that name; the part that comes next is waited for.
    ///
    /// # Errors
    /// When there is none of that name, or it does not come.
    pub async fn get(&self, name: &str) -> Result<Bytes, Missing> {
        match Wanted::of(&self.epoch, name).ok_or(Missing::Unknown)? {
            Wanted::Header => Some(self.stock().header.clone()).filter(|header| !header.is_empty()),
            Wanted::Segment(number) => self.segment(number),
            Wanted::Part(number, part) => {
                let next = *self.next.borrow();
                if (number, part) == next || (number, part) == (next.0 + 1, 0) {
                    self.come(|next, ended| ended || next > (number, part), number).await?;
                }
                self.part(number, part)
            }
        }
        .ok_or(Missing::Unknown)
    }

    fn segment(&self, number: u64) -> Option<Bytes> {
        let stock = self.stock();
        let segment = stock.segments.iter().find(|segment| segment.number == number && segment.whole)?;
        let parts: Vec<_> = segment.parts.iter().map(|(_, bytes)| bytes.clone()).collect();
        drop(stock);
        Some(parts.concat().into())
    }

    fn part(&self, number: u64, part: usize) -> Option<Bytes> {
        let stock = self.stock();
        let segment = stock.segments.iter().find(|segment| segment.number == number)?;
        segment.parts.get(part).map(|(_, bytes)| bytes.clone())
    }

    /// Waits until `is_there` of the next part and of whether the stream has ended.
    async fn come(&self, is_there: impl Fn((u64, usize), bool) -> bool, number: u64) -> Result<(), Missing> {
        let mut news = self.next.subscribe();
        if number > news.borrow().0.saturating_add(AHEAD) {
            return Err(Missing::TooFar);
        }
        let patience = Duration::from_secs(self.lengths.segment * 3);
        let coming = news.wait_for(|next| is_there(*next, self.stock().ended));
        match tokio::time::timeout(patience, coming).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Missing::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shelf() -> Arc<Shelf> {
        Arc::new(Shelf::new("e".into(), Lengths { segment: 2, part: 0.5, kept: 16 }))
    }

    fn put(shelf: &Shelf, index: usize) {
        let line = PartLine { lasts: 0.5, independent: index.is_multiple_of(2) };
        shelf.put(line, Bytes::from(format!("{index} ")), 0, index % 4 == 3);
    }

    #[tokio::test]
    async fn segments_are_their_parts_and_old_ones_go() {
        let shelf = shelf();
        (0..40).for_each(|index| put(&shelf, index));
        assert_eq!(shelf.get("e-9.m4s").await, Ok(Bytes::from("36 37 38 39 ")));
        assert_eq!(shelf.get("e-9.1.m4s").await, Ok(Bytes::from("37 ")));
        assert_eq!(shelf.get("e-4.m4s").await, Ok(Bytes::from("16 17 18 19 ")), "no longer listed, but there");
        assert_eq!(shelf.get("e-1.m4s").await, Ok(Bytes::from("4 5 6 7 ")), "sixteen seconds after its end");
        assert_eq!(shelf.get("e-0.m4s").await, Err(Missing::Unknown));
        assert_eq!(shelf.get("e-0.3.m4s").await, Err(Missing::Unknown));
        assert_eq!(shelf.get("e.mp4").await, Err(Missing::Unknown), "nobody said what it is");
        let text = shelf.list(None, None).await.unwrap();
        assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:6\n") && text.contains("e-10.0.m4s"), "{text}");
        put(&shelf, 40);
        assert_eq!(shelf.get("e-1.m4s").await, Err(Missing::Unknown), "and not any more");
    }

    #[tokio::test]
    async fn who_asks_for_what_comes_next_waits_for_it() {
        let shelf = shelf();
        (0..5).for_each(|index| put(&shelf, index));
        let ask = |name: &'static str| {
            let shelf = Arc::clone(&shelf);
            tokio::spawn(async move { shelf.get(name).await })
        };
        let list = |number, part| {
            let shelf = Arc::clone(&shelf);
            tokio::spawn(async move { shelf.list(Some(number), part).await })
        };
        let (part, listed, whole) = (ask("e-1.1.m4s"), list(1, Some(1)), list(1, None));
        tokio::task::yield_now().await;
        assert!(!part.is_finished() && !listed.is_finished());
        put(&shelf, 5);
        assert_eq!(part.await.unwrap(), Ok(Bytes::from("5 ")));
        assert!(listed.await.unwrap().unwrap().contains("e-1.1.m4s"));
        assert!(!whole.is_finished());
        (6..8).for_each(|index| put(&shelf, index));
        assert!(whole.await.unwrap().unwrap().contains("\ne-1.m4s\n"));
        assert_eq!(shelf.list(Some(9), Some(0)).await, Err(Missing::TooFar));
        assert_eq!(shelf.list(None, Some(0)).await, Err(Missing::TooFar));
    }

    #[tokio::test]
    async fn an_end_frees_who_waits() {
        let shelf = shelf();
        put(&shelf, 0);
        let waits = tokio::spawn({
            let shelf = Arc::clone(&shelf);
            async move { shelf.get("e-0.1.m4s").await }
        });
        tokio::task::yield_now().await;
        shelf.end();
        assert_eq!(waits.await.unwrap(), Err(Missing::Unknown));
        assert!(shelf.list(None, None).await.unwrap().ends_with("#EXT-X-ENDLIST\n"));
    }
}
