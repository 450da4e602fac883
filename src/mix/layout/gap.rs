//! Space between tiles, and between them and the edges: all of a layout is drawn together by half a gap, and each tile gives
//! up half of one on each side.

use super::{Placement, Size, even};

/// A gap takes no more than this part of the canvas' shorter side.
const MOST: u32 = 8;
/// What is smaller gives nothing up.
const LEAST: u32 = 16;

/// Where a tile lies that lay at `place` before there was a gap of `gap` pixels. Tiles that met are so far apart then, and
/// those at an edge of the canvas so far away from it; a tile that a gap would halve keeps half of its size.
#[must_use]
pub fn spaced(canvas: Size, place: Placement, gap: u32) -> Placement {
    let gap = even(gap.min(canvas.width.min(canvas.height) / MOST));
    if gap == 0 || place.width < LEAST || place.height < LEAST {
        return place;
    }
    let (x, width) = side(even(canvas.width), place.x, place.width, gap);
    let (y, height) = side(even(canvas.height), place.y, place.height, gap);
    Placement { x, y, width, height }
}

fn side(whole: u32, from: u32, length: u32, gap: u32) -> (u32, u32) {
    let (before, after) = (gap - even(gap / 2), even(gap / 2));
    // The edges of the canvas end up half a gap from where they were, and the tiles' another half.
    let drawn = |at: u32| {
        let at = u64::from(at) * u64::from(whole.saturating_sub(gap)) / u64::from(whole.max(1));
        after + even(u32::try_from(at).unwrap_or(whole))
    };
    let (left, right) = (drawn(from), drawn(from + length));
    let room = right.saturating_sub(left);
    if gap <= room / 2 {
        return (left + before, room - gap);
    }
    let given = even(room / 2);
    (left + even(given / 2), room - given)
}

#[cfg(test)]
mod tests {
    use super::super::grid;
    use super::*;
    use proptest::prelude::*;

    const HD: Size = Size { width: 1280, height: 720 };

    fn at(x: u32, y: u32, width: u32, height: u32) -> Placement {
        Placement { x, y, width, height }
    }

    #[test]
    fn the_gap_is_the_same_between_tiles_and_at_the_edges() {
        let four: Vec<_> = grid(HD, 4).into_iter().map(|place| spaced(HD, place, 16)).collect();
        assert_eq!(four, [at(16, 16, 616, 336), at(648, 16, 616, 336), at(16, 368, 616, 336), at(648, 368, 616, 336)]);
        assert_eq!(spaced(HD, Placement::whole(HD), 16), at(16, 16, 1248, 688));
        assert_eq!(spaced(HD, at(0, 0, 640, 360), 0), at(0, 0, 640, 360));
        assert_eq!(spaced(HD, at(0, 0, 640, 360), 1), at(0, 0, 640, 360), "no even half");
        assert_eq!(spaced(HD, at(640, 0, 14, 360), 16), at(640, 0, 14, 360), "too small");
        let narrow = spaced(HD, at(0, 0, 32, 360), 90);
        assert!((14..=16).contains(&narrow.width), "{narrow:?}");
    }

    proptest! {
        #[test]
        fn spaced_tiles_are_inside_even_and_apart_by_the_gap(
            width in 64u32..4000, height in 64u32..4000, count in 1usize..20, gap in 0u32..200,
        ) {
            let canvas = Size { width, height };
            let before = grid(canvas, count);
            prop_assume!(before.iter().all(|place| place.width >= LEAST && place.height >= LEAST));
            let wanted = even(gap.min(width.min(height) / MOST));
            let after: Vec<_> = before.iter().map(|place| spaced(canvas, *place, gap)).collect();
            for (index, place) in after.iter().enumerate() {
                prop_assert!(place.width > 0 && place.height > 0);
                prop_assert!(place.x + place.width <= width && place.y + place.height <= height);
                prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
                // At least half of what the smaller canvas leaves.
                prop_assert!(place.width * 5 >= before[index].width * 2 || place.width + 4 >= before[index].width / 2);
                for other in &after[..index] {
                    let beside = |a: u32, long: u32, b: u32| b.checked_sub(a + long);
                    let apart = [
                        beside(place.x, place.width, other.x),
                        beside(other.x, other.width, place.x),
                        beside(place.y, place.height, other.y),
                        beside(other.y, other.height, place.y),
                    ];
                    let distance = apart.into_iter().flatten().max();
                    prop_assert!(distance.is_some(), "{:?} lies on {:?}", place, other);
                    let is_roomy = before.iter().all(|place| place.width.min(place.height) > 3 * wanted + 8);
                    prop_assert!(!is_roomy || distance >= Some(wanted), "{:?} and {:?}", place, other);
                }
                let is_roomy = before[index].width.min(before[index].height) > 3 * wanted + 8;
                prop_assert!(!is_roomy || place.x >= wanted && place.y >= wanted);
                prop_assert!(!is_roomy || place.x + place.width + wanted <= even(width));
                prop_assert!(!is_roomy || place.y + place.height + wanted <= even(height));
            }
        }
    }
}
