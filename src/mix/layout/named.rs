//! The layouts, by the names by which one can ask for them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::cells::filled;
use super::featured::{Edge, featured};
use super::regions::Regions;
use super::wire::LayoutError;
use super::{Fit, Place, Placement, Size, even, grid};

/// What a layout knows of something that is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source<'a> {
    /// Whose it is.
    pub id: &'a str,
    /// Their name.
    pub name: &'a str,
    /// Whether it is a shared screen, not a camera.
    pub shared: bool,
    /// Whether it is the camera of the one who spoke last.
    pub speaks: bool,
    /// Its turn where who speaks changes seats with who spoke before, if that is not its turn among all.
    pub seat: u64,
    /// Whether it is there no longer. That matters only where [`Layout::remembers`] says so.
    pub gone: bool,
    /// Where it stands among those that have the large place, whoever speaks; the least has it.
    pub pin: Option<(usize, u8)>,
}

/// A way to place sources.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Everything in equal tiles.
    #[default]
    Grid,
    /// Who spoke last is large, all others in a strip below.
    Speaker,
    /// The screen that was shared last is large, all others in a strip beside it; a grid where no screen is shared.
    Presentation,
    /// The screen that was shared last, or who spoke last, is everywhere, and somebody else's camera small in the corner.
    Pip,
    /// The screen that was shared last and who spoke last, or else the two who came first, have half of the picture each.
    SideBySide,
    /// The screen that was shared last, or else who spoke last, alone.
    Single,
    /// For a canvas that stands upright: the screen that was shared last above, and below it everybody's camera.
    Portrait,
    /// Whoever its regions say.
    Regions(Arc<Regions>),
}

/// A corner picture has this part of each side of the canvas, and stands that part of it away from the edges.
const SMALL: u32 = 4;
const MARGIN: u32 = 40;

impl Layout {
    /// All that have a name.
    pub const NAMED: [Self; 7] =
        [Self::Grid, Self::Speaker, Self::Presentation, Self::Pip, Self::SideBySide, Self::Single, Self::Portrait];

    /// Its name, or what it is.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Speaker => "speaker",
            Self::Presentation => "presentation",
            Self::Pip => "pip",
            Self::SideBySide => "side-by-side",
            Self::Single => "single",
            Self::Portrait => "portrait",
            Self::Regions(_) => "regions",
        }
    }

    /// Whether it looks at who speaks.
    #[must_use]
    pub const fn follows_speaker(&self) -> bool {
        !matches!(self, Self::Grid | Self::Presentation | Self::Portrait | Self::Regions(_))
    }

    /// Whether those who have gone are to be among its sources.
    #[must_use]
    pub fn remembers(&self) -> bool {
        matches!(self, Self::Regions(regions) if regions.remembers())
    }

    /// The canvas to use where `usual` is what others have: one layout wants it upright.
    #[must_use]
    pub fn canvas(&self, usual: Size) -> Size {
        match self {
            Self::Portrait => Size { width: usual.width.min(usual.height), height: usual.width.max(usual.height) },
            _ => usual,
        }
    }

    /// Refuses what does not lie inside the canvas.
    ///
    /// # Errors
    /// When a region does not.
    pub fn check(&self, canvas: Size) -> Result<(), LayoutError> {
        match self {
            Self::Regions(regions) => regions.check(canvas),
            _ => Ok(()),
        }
    }

    /// A place for each of `sources` that is to be seen, in their order: those that came first come first. No more than `most`
    /// are seen.
    #[must_use]
    pub fn places(&self, canvas: Size, sources: &[Source<'_>], most: usize) -> Vec<Option<Place>> {
        if let Self::Regions(regions) = self {
            let mut places = regions.places(canvas, sources);
            places.iter_mut().filter(|place| place.is_some()).skip(most).for_each(|place| *place = None);
            return places;
        }
        let cast = Cast::of(sources, most);
        let mut places = vec![None; sources.len()];
        for (index, place) in self.arrange(canvas, &cast) {
            let fit = if sources[index].shared { Fit::Contain } else { place.fit };
            places[index] = Some(Place { fit, ..place });
        }
        places
    }

    fn arrange(&self, canvas: Size, cast: &Cast) -> Vec<(usize, Place)> {
        let whole = Placement::whole(canvas);
        let equal = || in_order(&cast.all, grid(canvas, cast.all.len()), Fit::Contain);
        match self {
            Self::Grid | Self::Regions(_) => equal(),
            Self::Speaker => cast
                .pinned()
                .or(cast.speaker)
                .map_or_else(equal, |large| with_strip(canvas, &cast.seated, large, Edge::Bottom)),
            Self::Presentation => cast
                .pinned()
                .or(cast.screen)
                .map_or_else(equal, |large| with_strip(canvas, &cast.all, large, Edge::Right)),
            Self::Single => cast.main().map(|only| (only, Place::plain(whole))).into_iter().collect(),
            Self::Pip => {
                let Some(large) = cast.main() else { return Vec::new() };
                let corner =
                    cast.beside(large).map(|small| (small, Place { placement: corner(canvas), z: 1, fit: Fit::Cover }));
                [(large, Place::plain(whole))].into_iter().chain(corner).collect()
            }
            Self::SideBySide => {
                let left = cast.pinned().or(cast.screen).or_else(|| cast.cameras.first().copied());
                let Some(left) = left else { return Vec::new() };
                match cast.beside(left) {
                    Some(right) => in_order(&[left, right], halves(canvas).to_vec(), Fit::Cover),
                    None => vec![(left, Place::plain(whole))],
                }
            }
            Self::Portrait => {
                let Some(screen) = cast.pinned().or(cast.screen) else {
                    return in_order(&cast.all, filled(whole, cast.all.len()), Fit::Cover);
                };
                let others: Vec<usize> = cast.all.iter().copied().filter(|index| *index != screen).collect();
                if others.is_empty() {
                    return vec![(screen, Place::plain(whole))];
                }
                // The usual shape of screens, but never more than half.
                let above = even((whole.width * 9 / 16).min(whole.height / 2));
                let below = Placement { y: above, height: whole.height - above, ..whole };
                let mut places = in_order(&others, filled(below, others.len()), Fit::Cover);
                places.push((screen, Place::plain(Placement { height: above, ..whole })));
                places
            }
        }
    }
}

fn in_order(all: &[usize], places: Vec<Placement>, fit: Fit) -> Vec<(usize, Place)> {
    let place = |placement| Place { placement, z: 0, fit };
    all.iter().copied().zip(places.into_iter().map(place)).collect()
}

fn with_strip(canvas: Size, all: &[usize], large: usize, edge: Edge) -> Vec<(usize, Place)> {
    let (place, mut places) = featured(canvas, all.len().saturating_sub(1), edge);
    let at = all.iter().position(|index| *index == large).unwrap_or(0);
    places.insert(at, place);
    in_order(all, places, Fit::Contain)
}

/// Who is large where who speaks is: they change [seats](Source::seat) with whoever speaks next, so that nobody else moves.
#[must_use]
pub fn spotlight(sources: &[Source<'_>]) -> Option<usize> {
    Cast::of(sources, usize::MAX).speaker
}

/// The lower right corner.
fn corner(canvas: Size) -> Placement {
    let (width, height) = (even(canvas.width / SMALL), even(canvas.height / SMALL));
    let margin = even(canvas.width.min(canvas.height) / MARGIN);
    Placement { x: even(canvas.width) - width - margin, y: even(canvas.height) - height - margin, width, height }
}

fn halves(canvas: Size) -> [Placement; 2] {
    let (width, height) = (even(canvas.width / 2), even(canvas.height));
    [0, width].map(|x| Placement { x, y: 0, width, height })
}

/// Who may be seen, by their index.
#[derive(Debug)]
struct Cast {
    all: Vec<usize>,
    /// The same in the order of their seats.
    seated: Vec<usize>,
    cameras: Vec<usize>,
    /// Those that are to be large, the first before the others.
    pins: Vec<usize>,
    /// The screen that was shared last.
    screen: Option<usize>,
    /// The camera of who spoke last, or of the first as long as nobody has.
    speaker: Option<usize>,
}

impl Cast {
    fn of(sources: &[Source<'_>], most: usize) -> Self {
        let there: Vec<usize> = (0..sources.len()).filter(|index| !sources[*index].gone).collect();
        let screen = there.iter().copied().rfind(|index| sources[*index].shared);
        let spoke = there.iter().copied().find(|index| sources[*index].speaks);
        // Of too many the first are seen, and whoever matters most.
        let mut pins: Vec<usize> = there.iter().copied().filter(|index| sources[*index].pin.is_some()).collect();
        pins.sort_by_key(|index| sources[*index].pin);
        let matter = pins.iter().copied().chain(screen).chain(spoke);
        let mut all: Vec<usize> = matter.chain(there.iter().copied()).collect();
        let mut seen = vec![false; sources.len()];
        all.retain(|index| !std::mem::replace(&mut seen[*index], true));
        all.truncate(most);
        all.sort_unstable();
        pins.retain(|index| all.contains(index));
        let mut seated = all.clone();
        seated.sort_by_key(|index| sources[*index].seat);
        let cameras: Vec<usize> = all.iter().copied().filter(|index| !sources[*index].shared).collect();
        let first = || seated.iter().copied().find(|index| !sources[*index].shared);
        let speaker = spoke.filter(|index| all.contains(index)).or_else(first);
        Self { screen: screen.filter(|index| all.contains(index)), speaker, cameras, pins, seated, all }
    }

    /// Whoever is to be large.
    fn pinned(&self) -> Option<usize> {
        self.pins.first().copied()
    }

    /// Whoever there is most to see of.
    fn main(&self) -> Option<usize> {
        self.pinned().or(self.screen).or(self.speaker)
    }

    /// Whom to show with `main`: who is pinned as well; who speaks, where `main` is large for another reason; or else who
    /// came first.
    fn beside(&self, main: usize) -> Option<usize> {
        let second = self.pins.iter().copied().find(|index| *index != main);
        let is_given = self.screen == Some(main) || self.pinned() == Some(main);
        let speaker = self.speaker.filter(|speaker| is_given && *speaker != main);
        let other = || self.cameras.iter().chain(&self.all).copied().find(|index| *index != main);
        second.or(speaker).or_else(other)
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(name: &str) -> Result<Self, LayoutError> {
        // What it was called before there were many.
        let name = if name == "screen" { "presentation" } else { name };
        Self::NAMED.into_iter().find(|layout| layout.name() == name).ok_or_else(|| LayoutError::unknown(name))
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
#[path = "named_tests.rs"]
pub(super) mod tests;
