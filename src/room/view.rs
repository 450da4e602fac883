//! What somebody looks at, and how large everybody together looks at something: pure.

use super::model::{Height, Look, TrackId};

/// More entries than any screen has room for.
pub(super) const MAX_LOOKS: usize = 256;

/// The largest that anything is asked for.
pub(super) const FULL: Height = 2160;

/// How somebody who never said what they look at is taken to look at everything.
const UNSAID: Height = 720;

/// How what is not mentioned is taken to be looked at: it is shown small, if at all.
const UNMENTIONED: Height = 180;

/// The heights that publishers are asked for: each change costs a keyframe.
const STEPS: [Height; 9] = [90, 180, 270, 360, 540, 720, 1080, 1440, FULL];

/// What somebody looks at.
#[derive(Debug, Default)]
pub(super) struct View(Option<Vec<Look>>);

impl View {
    pub(super) fn new(looks: Vec<Look>) -> Self {
        Self(Some(looks))
    }

    /// The tracks to show by importance, of those in `available`, which are in the order that serves where nothing was said.
    pub(super) fn wanted(&self, available: &[TrackId]) -> Vec<TrackId> {
        let looks = self.0.as_deref().unwrap_or_default();
        let shown = |pinned: bool| looks.iter().filter(move |look| look.height > 0 && look.pinned == pinned);
        let listed = shown(true).chain(shown(false)).map(|look| &look.track).filter(|track| available.contains(track));
        let others = available.iter().filter(|track| !looks.iter().any(|look| look.track == **track));
        listed.chain(others).cloned().collect()
    }

    /// How large a track is shown if it has a slot.
    pub(super) fn height(&self, track: &TrackId) -> Height {
        let Some(looks) = &self.0 else { return UNSAID };
        looks.iter().find(|look| look.track == *track).map_or(UNMENTIONED, |look| look.height)
    }
}

/// The step that holds `height`.
pub(super) fn step(height: Height) -> Height {
    if height == 0 {
        return 0;
    }
    STEPS.into_iter().find(|step| *step >= height).unwrap_or(FULL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ParticipantId;
    use crate::room::Source;

    fn camera(name: &str) -> TrackId {
        TrackId { participant: ParticipantId::from_remote(name), source: Source::Camera }
    }

    fn look(name: &str, height: Height, pinned: bool) -> Look {
        Look { track: camera(name), height, pinned }
    }

    #[test]
    fn pinned_then_listed_then_the_others() {
        let view =
            View::new(vec![look("b", 360, false), look("c", 0, false), look("d", 720, true), look("x", 90, false)]);
        let available = ["a", "b", "c", "d", "e"].map(camera);
        assert_eq!(view.wanted(&available), ["d", "b", "a", "e"].map(camera), "hidden and absent ones are left out");
        assert_eq!((view.height(&camera("d")), view.height(&camera("a"))), (720, UNMENTIONED));
    }

    #[test]
    fn who_says_nothing_looks_at_everything() {
        let available = ["a", "b"].map(camera);
        assert_eq!(View::default().wanted(&available), available);
        assert_eq!(View::default().height(&camera("a")), UNSAID);
    }

    #[test]
    fn heights_are_asked_for_in_steps() {
        assert_eq!([0, 1, 90, 91, 719, 720, 60_000].map(step), [0, 90, 90, 180, 720, 720, FULL]);
    }
}
