//! Where everybody is in the picture: pure geometry.
//!
//! All numbers are even, since the chroma planes of I420 have half the resolution; placements lie inside the canvas, and
//! overlap only where one is meant to lie on another. Nobody jumps because somebody else speaks: the order is that of arrival,
//! and who speaks only swaps the large place.

mod cells;
mod featured;
mod gap;
mod named;
mod pattern;
mod region;
mod regions;
mod wire;

pub use gap::spaced;
pub use named::{Layout, Source, spotlight};
pub use pattern::{Pattern, PatternError};
pub use region::{Region, Reuse};
pub use regions::{MOST_REGIONS, Regions};
pub use wire::LayoutError;

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// A rectangle on the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Placement {
    /// The distance from the left edge of the canvas.
    pub x: u32,
    /// The distance from the top edge of the canvas.
    pub y: u32,
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// How a picture fills a placement of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// All of it is seen, with bars beside it.
    #[default]
    Contain,
    /// The placement is full, and the picture's edges are cut off.
    Cover,
    /// The placement is full, and the picture is stretched.
    Fill,
}

/// A placement, how deep it lies, and how a picture fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub placement: Placement,
    /// The higher lies on the lower.
    pub z: i32,
    /// How.
    pub fit: Fit,
}

impl Place {
    /// A place where all of a picture is seen, on the ground.
    #[must_use]
    pub const fn plain(placement: Placement) -> Self {
        Self { placement, z: 0, fit: Fit::Contain }
    }
}

/// `count` equal tiles in rows, the last row centred: 1 column for one, 2 for up to four, 3 for up to nine, and so on.
#[must_use]
pub fn grid(canvas: Size, count: usize) -> Vec<Placement> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    if count == 0 {
        return Vec::new();
    }
    let columns = count.isqrt() + u32::from(count.isqrt().pow(2) < count);
    let rows = count.div_ceil(columns);
    let cell = Size { width: even(canvas.width / columns), height: even(canvas.height / rows) };
    // With fewer rows than columns the cells are taller than the canvas' own shape; the tiles are not.
    let tile = contain(canvas, cell);
    let top = even((canvas.height - tile.height * rows) / 2);
    (0..count)
        .map(|index| {
            let (column, row) = (index % columns, index / columns);
            let in_row = (count - row * columns).min(columns);
            let left = even((canvas.width - tile.width * in_row) / 2);
            Placement {
                x: left + column * tile.width,
                y: top + row * tile.height,
                width: tile.width,
                height: tile.height,
            }
        })
        .collect()
}

/// The largest even size of the shape of `source` that fits into `space`.
#[must_use]
pub fn contain(source: Size, space: Size) -> Size {
    let (sw, sh) = (u64::from(source.width.max(1)), u64::from(source.height.max(1)));
    let (width, height) = (u64::from(space.width), u64::from(space.height));
    let fitted = if width * sh <= height * sw { (width, width * sh / sw) } else { (height * sw / sh, height) };
    let to_even = |length: u64| even(u32::try_from(length).unwrap_or(u32::MAX));
    Size { width: to_even(fitted.0), height: to_even(fitted.1) }
}

impl Placement {
    /// All of the canvas.
    #[must_use]
    pub const fn whole(canvas: Size) -> Self {
        Self { x: 0, y: 0, width: even(canvas.width), height: even(canvas.height) }
    }

    /// Where a picture of size `source` lies when it fills this placement as far as its shape allows.
    #[must_use]
    pub fn fit(self, source: Size) -> Self {
        let size = contain(source, Size { width: self.width, height: self.height });
        Self {
            x: self.x + even((self.width - size.width) / 2),
            y: self.y + even((self.height - size.height) / 2),
            width: size.width,
            height: size.height,
        }
    }
}

const fn even(length: u32) -> u32 {
    length & !1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HD: Size = Size { width: 1280, height: 720 };

    fn at(x: u32, y: u32, width: u32, height: u32) -> Placement {
        Placement { x, y, width, height }
    }

    #[test]
    fn few_participants_have_the_places_that_one_expects() {
        assert_eq!(grid(HD, 0), []);
        assert_eq!(grid(HD, 1), [at(0, 0, 1280, 720)]);
        assert_eq!(grid(HD, 2), [at(0, 180, 640, 360), at(640, 180, 640, 360)]);
        assert_eq!(grid(HD, 3), [at(0, 0, 640, 360), at(640, 0, 640, 360), at(320, 360, 640, 360)]);
        assert_eq!(grid(HD, 9).len(), 9);
        assert_eq!(grid(HD, 16)[15], at(960, 540, 320, 180));
    }

    #[test]
    fn a_portrait_stands_in_the_middle_of_its_tile() {
        assert_eq!(at(640, 0, 640, 360).fit(Size { width: 720, height: 1280 }), at(858, 0, 202, 360));
        assert_eq!(at(0, 0, 640, 360).fit(Size { width: 640, height: 480 }), at(80, 0, 480, 360));
    }

    fn apart(a: &Placement, b: &Placement) -> bool {
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
    }

    proptest! {
        #[test]
        fn a_grid_is_inside_even_and_without_overlap(width in 320u32..4000, height in 180u32..4000, count in 1usize..50) {
            let places = grid(Size { width, height }, count);
            prop_assert_eq!(places.len(), count);
            for (index, place) in places.iter().enumerate() {
                prop_assert!(place.width > 0 && place.height > 0);
                prop_assert!(place.x + place.width <= width && place.y + place.height <= height);
                prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
                prop_assert_eq!((place.width, place.height), (places[0].width, places[0].height));
                prop_assert!(places[..index].iter().all(|other| apart(place, other)));
            }
        }

        #[test]
        fn a_fitted_picture_keeps_its_shape_inside(w in 16u32..4000, h in 16u32..4000) {
            let place = at(320, 180, 640, 360);
            let fitted = place.fit(Size { width: w, height: h });
            prop_assert!(fitted.x >= 320 && fitted.y >= 180);
            prop_assert!(fitted.x + fitted.width <= 960 && fitted.y + fitted.height <= 540);
            prop_assert!(fitted.width >= 638 || fitted.height >= 358, "it touches two edges: {:?}", fitted);
        }
    }
}
