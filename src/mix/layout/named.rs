//! The layouts that one can ask for by name.

use std::fmt;
use std::str::FromStr;

use super::featured::{Edge, featured};
use super::{Placement, Size, grid};

/// What a layout knows of something that is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source {
    /// Whether it is a shared screen, not a camera.
    pub shared: bool,
    /// Whether it is the camera of the one who spoke last.
    pub speaks: bool,
}

/// A way to place sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Everything in equal tiles.
    Grid,
    /// Who spoke last is large, all others in a strip below.
    Speaker,
    /// The screen that was shared last is large, all others in a strip beside it; a grid where no screen is shared.
    Screen,
}

/// There is no such layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no layout {0:?}: use one of {names}", names = Layout::ALL.map(Layout::name).join(", "))]
pub struct UnknownLayout(String);

impl Layout {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Grid, Self::Speaker, Self::Screen];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Speaker => "speaker",
            Self::Screen => "screen",
        }
    }

    /// Whether it looks at who speaks.
    #[must_use]
    pub const fn follows_speaker(self) -> bool {
        matches!(self, Self::Speaker)
    }

    /// A place for each of `sources`, in their order: those that came first come first.
    #[must_use]
    pub fn places(self, canvas: Size, sources: &[Source]) -> Vec<Placement> {
        let (large, edge) = match self {
            Self::Grid => (None, Edge::Bottom),
            Self::Speaker => {
                let speaks = sources.iter().position(|source| source.speaks);
                // Nobody has spoken yet: somebody has to be large.
                let first = || sources.iter().position(|source| !source.shared);
                (speaks.or_else(first), Edge::Bottom)
            }
            Self::Screen => (sources.iter().rposition(|source| source.shared), Edge::Right),
        };
        let Some(large) = large else { return grid(canvas, sources.len()) };
        let (place, mut places) = featured(canvas, sources.len() - 1, edge);
        places.insert(large, place);
        places
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        Self::ALL.into_iter().find(|layout| layout.name() == name).ok_or_else(|| UnknownLayout(name.to_owned()))
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HD: Size = Size { width: 1280, height: 720 };
    const CAMERA: Source = Source { shared: false, speaks: false };
    const SCREEN: Source = Source { shared: true, speaks: false };
    const SPEAKER: Source = Source { shared: false, speaks: true };

    fn at(x: u32, y: u32, width: u32, height: u32) -> Placement {
        Placement { x, y, width, height }
    }

    #[test]
    fn a_name_is_that_of_its_layout_or_refused_with_all_names() {
        for layout in Layout::ALL {
            assert_eq!(layout.name().parse(), Ok(layout));
        }
        let error = "mosaic".parse::<Layout>().expect_err("unknown").to_string();
        assert_eq!(error, "there is no layout \"mosaic\": use one of grid, speaker, screen");
    }

    #[test]
    fn who_speaks_is_large_and_the_others_stand_below() {
        let places = Layout::Speaker.places(HD, &[CAMERA, SPEAKER, CAMERA]);
        assert_eq!(places, [at(384, 576, 256, 144), at(0, 0, 1280, 576), at(640, 576, 256, 144)]);
        assert_eq!(Layout::Speaker.places(HD, &[SPEAKER]), [at(0, 0, 1280, 720)]);
        let first = Layout::Speaker.places(HD, &[SCREEN, CAMERA, CAMERA]);
        assert_eq!(first[1], at(0, 0, 1280, 576), "nobody has spoken yet");
        assert_eq!(Layout::Speaker.places(HD, &[SCREEN]), grid(HD, 1));
    }

    #[test]
    fn a_screen_is_large_and_without_one_there_is_a_grid() {
        let places = Layout::Screen.places(HD, &[CAMERA, SCREEN, SPEAKER]);
        assert_eq!(places, [at(1024, 216, 256, 144), at(0, 0, 1024, 720), at(1024, 360, 256, 144)]);
        assert_eq!(Layout::Screen.places(HD, &[CAMERA, SPEAKER, CAMERA]), grid(HD, 3));
        assert_eq!(Layout::Screen.places(HD, &[SCREEN, SCREEN])[1].width, 1024, "the last one");
    }

    fn apart(a: &Placement, b: &Placement) -> bool {
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
    }

    fn sources() -> impl Strategy<Value = Vec<Source>> {
        let cameras = proptest::collection::vec(any::<bool>(), 0..60);
        (cameras, any::<proptest::sample::Index>()).prop_map(|(shared, speaker)| {
            let speaker = (!shared.is_empty()).then(|| speaker.index(shared.len()));
            let source = |(index, shared)| Source { shared, speaks: !shared && Some(index) == speaker };
            shared.into_iter().enumerate().map(source).collect()
        })
    }

    proptest! {
        #[test]
        fn every_layout_is_inside_even_and_without_overlap(
            width in 320u32..4000, height in 180u32..4000, sources in sources(), layout in 0usize..3,
        ) {
            let layout = Layout::ALL[layout];
            let places = layout.places(Size { width, height }, &sources);
            prop_assert_eq!(places.len(), sources.len());
            for (index, place) in places.iter().enumerate() {
                prop_assert!(place.width > 0 && place.height > 0);
                prop_assert!(place.x + place.width <= width && place.y + place.height <= height);
                prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
                prop_assert!(places[..index].iter().all(|other| apart(place, other)), "{:?}", places);
            }
            let large = sources.iter().position(|source| source.speaks);
            if let (Layout::Speaker, Some(large)) = (layout, large) {
                let area = |place: &Placement| u64::from(place.width) * u64::from(place.height);
                prop_assert!(places.iter().all(|place| area(place) <= area(&places[large])));
            }
        }
    }
}
