//! When a video comes and goes. The compositor runs late: what is decided now waits until it has come to the pictures of
//! now. Otherwise a video would go before its tile comes, and show what it showed last before it shows anything new. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A tile comes so long before its video goes, and goes so long after it came: it takes a picture or two to be drawn.
const OVERLAP: Duration = Duration::from_millis(100);
/// What was shown last is seen no longer when the first new picture has been on the canvas for so long.
const PICTURE: Duration = Duration::from_millis(35);

/// What is decided for one video, and not put into practice yet. `T` is how it is shown.
#[derive(Debug)]
pub(super) struct Cue<T> {
    late: Duration,
    wanted: Option<T>,
    /// Since when it is wanted.
    since: Instant,
    due: VecDeque<(Instant, Option<T>)>,
}

impl<T: Clone + PartialEq> Cue<T> {
    /// For a compositor that runs so late.
    pub(super) fn new(late: Duration) -> Self {
        Self { late, wanted: None, since: Instant::now(), due: VecDeque::new() }
    }

    /// It is to be shown, with pictures that began at `began`. Says whether it was wanted before in another way: it changes at
    /// once, where it is shown already.
    pub(super) fn show(&mut self, how: T, began: Instant, now: Instant) -> bool {
        if self.wanted.as_ref() == Some(&how) {
            return false;
        }
        let is_change = self.wanted.is_some();
        if is_change {
            // What waits is done in the new way.
            self.due.iter_mut().for_each(|(_, due)| *due = due.take().map(|_| how.clone()));
        } else {
            self.since = now;
            self.plan(began + self.late + PICTURE, Some(how.clone()));
        }
        self.wanted = Some(how);
        is_change
    }

    /// It is not to be seen any more.
    pub(super) fn hide(&mut self, now: Instant) {
        if self.wanted.take().is_some() {
            self.plan(now + self.late + OVERLAP, None);
        }
    }

    /// Nothing is wanted, and nothing waits.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
        self.due.clear();
    }

    fn plan(&mut self, at: Instant, how: Option<T>) {
        self.due.retain(|(due, _)| *due < at);
        self.due.push_back((at, how));
    }

    /// What is to be done by now, if anything: to show it, or not.
    pub(super) fn take(&mut self, now: Instant) -> Option<Option<T>> {
        let passed = self.due.iter().take_while(|(at, _)| *at <= now).count();
        self.due.drain(..passed).next_back().map(|(_, how)| how)
    }

    /// Whether it will be there when the tile below it goes, if that goes now.
    pub(super) fn covers(&self, now: Instant) -> bool {
        self.wanted.is_some() && now >= self.since + OVERLAP
    }

    /// When something is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Duration = Duration::from_millis(300);

    fn cue() -> (Cue<u32>, impl Fn(u64) -> Instant) {
        let begin = Instant::now();
        (Cue::new(LATE), move |milliseconds| begin + Duration::from_millis(milliseconds))
    }

    #[test]
    fn what_is_decided_waits_for_the_compositor_and_a_video_for_its_tile() {
        let (mut cue, after) = cue();
        assert!(!cue.show(0, after(1000), after(1100)));
        assert!(!cue.show(0, after(1000), after(1200)), "nothing new");
        assert_eq!((cue.covers(after(1199)), cue.covers(after(1200))), (false, true));
        assert_eq!((cue.take(after(1300)), cue.take(after(1340))), (None, Some(Some(0))));
        assert!(cue.show(5, after(1000), after(1400)), "it moves at once");
        assert_eq!(cue.next(), None);
        cue.hide(after(1500));
        cue.hide(after(1600));
        assert_eq!((cue.take(after(1899)), cue.take(after(1900))), (None, Some(None)));
        cue.hide(after(2000));
        assert_eq!(cue.take(after(9000)), None);
    }

    #[test]
    fn whose_video_comes_back_at_once_is_not_hidden() {
        let (mut cue, after) = cue();
        cue.show(0, after(0), after(0));
        assert_eq!(cue.take(after(400)), Some(Some(0)));
        cue.hide(after(1000));
        cue.show(7, after(1020), after(1050));
        assert_eq!((cue.take(after(1349)), cue.take(after(2000)), cue.next()), (None, Some(Some(7)), None));
    }

    #[test]
    fn what_changes_while_it_waits_comes_in_the_new_way() {
        let (mut cue, after) = cue();
        cue.show(0, after(0), after(10));
        assert!(cue.show(1, after(0), after(20)));
        assert_eq!(cue.take(after(400)), Some(Some(1)));
        cue.show(2, after(0), after(500));
        cue.forget();
        assert_eq!((cue.covers(after(9000)), cue.next()), (false, None));
    }
}
