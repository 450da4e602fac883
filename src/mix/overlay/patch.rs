//! A small picture that lies over the composed one: as planes of I420, premultiplied, so that laying it there costs no more
//! than its area. Pure.

use std::ops::Range;

use crate::mix::layout::Placement;

/// A picture with coverage. Its sides are even.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) width: u32,
    pub(crate) height: u32,
    luma: Vec<u8>,
    /// What is left of what lies below, 255 for all of it; the same for the chroma planes at half the resolution.
    clear: Vec<u8>,
    chroma: [Vec<u8>; 2],
    chroma_clear: Vec<u8>,
}

/// A plane of a picture.
#[derive(Debug)]
pub(crate) struct Plane<'a> {
    pub(crate) data: &'a mut [u8],
    pub(crate) stride: usize,
}

impl Patch {
    /// From what cairo draws: BGRA, premultiplied, rows of `stride` bytes. Both sides must be even.
    pub(crate) fn from_bgra(data: &[u8], stride: usize, width: u32, height: u32) -> Self {
        let (wide, high) = (width as usize, height as usize);
        let pixel = |x: usize, y: usize| {
            let four = &data[y * stride + x * 4..][..4];
            [four[0], four[1], four[2], four[3]].map(i32::from)
        };
        let (mut luma, mut clear) = (Vec::with_capacity(wide * high), Vec::with_capacity(wide * high));
        for y in 0..high {
            for x in 0..wide {
                let [blue, green, red, alpha] = pixel(x, y);
                luma.push(byte((66 * red + 129 * green + 25 * blue + 16 * 256 * alpha / 255 + 128) >> 8));
                clear.push(byte(255 - alpha));
            }
        }
        let quarter = wide * high / 4;
        let mut chroma = [Vec::with_capacity(quarter), Vec::with_capacity(quarter)];
        let mut chroma_clear = Vec::with_capacity(quarter);
        for y in (0..high).step_by(2) {
            for x in (0..wide).step_by(2) {
                let four = [pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1)];
                let mean = |part: usize| (four.iter().map(|pixel| pixel[part]).sum::<i32>() + 2) / 4;
                let [blue, green, red, alpha] = [mean(0), mean(1), mean(2), mean(3)];
                let middle = 128 * 256 * alpha / 255 + 128;
                chroma[0].push(byte((-38 * red - 74 * green + 112 * blue + middle) >> 8));
                chroma[1].push(byte((112 * red - 94 * green - 18 * blue + middle) >> 8));
                chroma_clear.push(byte(255 - alpha));
            }
        }
        Self { width, height, luma, clear, chroma, chroma_clear }
    }

    /// Lays its part `part` over a picture whose planes these are, its upper left corner at `x`, `y`. All numbers have to be
    /// even; what lies outside of the patch or the picture is left out.
    pub(crate) fn blend(&self, planes: &mut [Plane<'_>; 3], (x, y): (u32, u32), part: Placement) {
        let [luma, blue, red] = planes;
        let part = Part { at: (x, y), rectangle: part, width: self.width, height: self.height };
        lay(luma, &self.luma, &self.clear, part);
        lay(blue, &self.chroma[0], &self.chroma_clear, part.halved());
        lay(red, &self.chroma[1], &self.chroma_clear, part.halved());
    }
}

impl Patch {
    /// Lays it there as [`Self::blend`] does, in each row in the colour that is beside it, left of it or right.
    pub(crate) fn smear(&self, planes: &mut [Plane<'_>; 3], (x, y): (u32, u32), part: Placement, right: bool) {
        let [luma, blue, red] = planes;
        let part = Part { at: (x, y), rectangle: part, width: self.width, height: self.height };
        draw_out(luma, &self.clear, part, right);
        draw_out(blue, &self.chroma_clear, part.halved(), right);
        draw_out(red, &self.chroma_clear, part.halved(), right);
    }
}

/// Where which part of a plane lies.
#[derive(Debug, Clone, Copy)]
struct Part {
    at: (u32, u32),
    /// In the picture's numbers.
    rectangle: Placement,
    width: u32,
    height: u32,
}

impl Part {
    fn halved(self) -> Self {
        let Placement { x, y, width, height } = self.rectangle;
        Self {
            at: (self.at.0 / 2, self.at.1 / 2),
            rectangle: Placement { x: x / 2, y: y / 2, width: width / 2, height: height / 2 },
            width: self.width / 2,
            height: self.height / 2,
        }
    }
}

impl Part {
    /// Its rows: where each is in the patch, and where in a plane.
    fn rows(self, stride: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let Self { at: (x, y), rectangle, width, height } = self;
        let left = rectangle.x.max(x);
        let right = (rectangle.x + rectangle.width).min(x + width).min(u32::try_from(stride).unwrap_or(u32::MAX));
        let (top, bottom) = (rectangle.y.max(y), (rectangle.y + rectangle.height).min(y + height));
        let long = right.saturating_sub(left) as usize;
        (top..if long > 0 { bottom } else { top }).map(move |row| {
            let from = (row - y) as usize * width as usize + (left - x) as usize;
            let to = row as usize * stride + left as usize;
            (from..from + long, to..to + long)
        })
    }
}

fn lay(plane: &mut Plane<'_>, paint: &[u8], clear: &[u8], part: Part) {
    for (from, to) in part.rows(plane.stride) {
        let Some(below) = plane.data.get_mut(to) else { return };
        for ((below, paint), clear) in below.iter_mut().zip(&paint[from.clone()]).zip(&clear[from]) {
            *below = share(*below, *clear).saturating_add(*paint);
        }
    }
}

fn draw_out(plane: &mut Plane<'_>, clear: &[u8], part: Part, right: bool) {
    let x = part.at.0 as usize;
    let beside = if right { Some(x + part.width as usize) } else { x.checked_sub(1) };
    // At an edge there is nothing.
    let Some(beside) = beside.filter(|beside| *beside < plane.stride) else { return };
    for (from, to) in part.rows(plane.stride) {
        let row = to.start / plane.stride.max(1) * plane.stride;
        let Some(paint) = plane.data.get(row + beside).copied() else { return };
        let Some(below) = plane.data.get_mut(to) else { return };
        for (below, clear) in below.iter_mut().zip(&clear[from]) {
            *below = share(*below, *clear).saturating_add(share(paint, 255 - clear));
        }
    }
}

/// So much of `whole`, of 255 parts.
fn share(whole: u8, parts: u8) -> u8 {
    let product = u32::from(whole) * u32::from(parts) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

fn byte(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(0)
}

/// The parts of `whole` that none of `holes` covers.
pub(crate) fn without(whole: Placement, holes: &[Placement]) -> Vec<Placement> {
    let mut parts = vec![whole];
    for hole in holes {
        parts = parts.into_iter().flat_map(|part| cut(part, *hole)).collect();
    }
    parts
}

fn cut(part: Placement, hole: Placement) -> Vec<Placement> {
    let (left, right) = (hole.x.max(part.x), (hole.x + hole.width).min(part.x + part.width));
    let (top, bottom) = (hole.y.max(part.y), (hole.y + hole.height).min(part.y + part.height));
    if left >= right || top >= bottom {
        return vec![part];
    }
    let rows = bottom - top;
    [
        Placement { height: top - part.y, ..part },
        Placement { x: part.x, y: top, width: left - part.x, height: rows },
        Placement { x: right, y: top, width: part.x + part.width - right, height: rows },
        Placement { y: bottom, height: part.y + part.height - bottom, ..part },
    ]
    .into_iter()
    .filter(|part| part.width > 0 && part.height > 0)
    .collect()
}

#[cfg(test)]
pub(in crate::mix) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A picture of one colour, in planes.
    pub(in crate::mix) struct Picture {
        pub(in crate::mix) width: u32,
        pub(in crate::mix) planes: [Vec<u8>; 3],
    }

    impl Picture {
        pub(in crate::mix) fn new(width: u32, height: u32, [luma, blue, red]: [u8; 3]) -> Self {
            let area = (width * height) as usize;
            Self { width, planes: [vec![luma; area], vec![blue; area / 4], vec![red; area / 4]] }
        }

        pub(in crate::mix) fn lay(&mut self, patch: &Patch, at: (u32, u32), part: Placement) {
            let (wide, [luma, blue, red]) = (self.width as usize, &mut self.planes);
            let plane = |data, stride| Plane { data, stride };
            patch.blend(&mut [plane(luma, wide), plane(blue, wide / 2), plane(red, wide / 2)], at, part);
        }

        pub(in crate::mix) fn stamp(&mut self, stamp: &super::super::Stamp) {
            let (wide, [luma, blue, red]) = (self.width as usize, &mut self.planes);
            let plane = |data, stride| Plane { data, stride };
            stamp.lay(&mut [plane(luma, wide), plane(blue, wide / 2), plane(red, wide / 2)]);
        }

        pub(in crate::mix) fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
            let half = (y / 2 * (self.width / 2) + x / 2) as usize;
            [self.planes[0][(y * self.width + x) as usize], self.planes[1][half], self.planes[2][half]]
        }
    }

    fn plain(width: u32, height: u32, bgra: [u8; 4]) -> Patch {
        let data: Vec<u8> = (0..width * height).flat_map(|_| bgra).collect();
        Patch::from_bgra(&data, width as usize * 4, width, height)
    }

    const ALL: Placement = Placement { x: 0, y: 0, width: 64, height: 36 };

    fn near(found: [u8; 3], wanted: [u8; 3]) -> bool {
        found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 2)
    }

    #[test]
    fn what_covers_all_has_its_own_colour_and_what_is_clear_none() {
        let mut picture = Picture::new(64, 36, [100, 90, 200]);
        picture.lay(&plain(8, 4, [0, 0, 255, 255]), (10, 20), ALL);
        assert!(near(picture.pixel(10, 20), [82, 90, 240]), "red: {:?}", picture.pixel(10, 20));
        assert!(near(picture.pixel(17, 23), [82, 90, 240]));
        for (x, y) in [(9, 20), (18, 20), (10, 19), (10, 24)] {
            assert_eq!(picture.pixel(x, y), [100, 90, 200], "{x}, {y}");
        }
        let before = picture.planes.clone();
        picture.lay(&plain(64, 36, [0, 0, 0, 0]), (0, 0), ALL);
        assert_eq!(picture.planes, before);
        // Half of white over it.
        picture.lay(&plain(8, 4, [128, 128, 128, 128]), (0, 0), ALL);
        assert!(near(picture.pixel(0, 0), [168, 109, 164]), "{:?}", picture.pixel(0, 0));
    }

    #[test]
    fn what_leaves_the_picture_is_cut_off() {
        let mut picture = Picture::new(64, 36, [16, 128, 128]);
        picture.lay(&plain(8, 8, [255; 4]), (60, 32), ALL);
        picture.lay(&plain(8, 8, [255; 4]), (600, 320), ALL);
        let bright = picture.planes[0].iter().filter(|luma| **luma > 200).count();
        assert_eq!(bright, 4 * 4);
        picture.lay(&plain(8, 8, [255; 4]), (20, 10), Placement { x: 22, y: 12, width: 2, height: 4 });
        assert_eq!(picture.planes[0].iter().filter(|luma| **luma > 200).count(), 4 * 4 + 8);
    }

    fn rectangle() -> impl Strategy<Value = Placement> {
        (0u32..16, 0u32..16, 0u32..16, 0u32..16).prop_map(|(x, y, width, height)| Placement {
            x: x * 2,
            y: y * 2,
            width: width * 2,
            height: height * 2,
        })
    }

    fn holds(all: &[Placement], x: u32, y: u32) -> usize {
        let holds = |a: &&Placement| (a.x..a.x + a.width).contains(&x) && (a.y..a.y + a.height).contains(&y);
        all.iter().filter(holds).count()
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_no_hole_covers(whole in rectangle(), holes in prop::collection::vec(rectangle(), 0..4)) {
            let parts = without(whole, &holes);
            for x in 0..64 {
                for y in 0..64 {
                    let is_left = holds(&[whole], x, y) == 1 && holds(&holes, x, y) == 0;
                    prop_assert_eq!(holds(&parts, x, y), usize::from(is_left));
                }
            }
            prop_assert!(parts.iter().all(|part| (part.x | part.y | part.width | part.height) & 1 == 0));
        }
    }
}
