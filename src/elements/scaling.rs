//! Scaling a plane of bytes: first all columns at once, then each row.
//!
//! The filter is a triangle, as wide as a pixel of the result where that is the larger one, so that nothing of the source is
//! left out. Weights have 7 bits. Four results of a row are computed in one step, from sixteen bytes in which all they need
//! lies; that needs the vector units that most servers have had since 2013 and reductions up to a fourth. Everything else is
//! left to the library, which is as good, and slower.

use fast_image_resize::images::{TypedCroppedImage, TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

/// The sum of the weights of a result.
const WHOLE: i32 = 128;
/// How many results of a row are computed in one step, from how many bytes, and how many of them each.
const STEP: usize = 4;
const WINDOW: usize = 16;
const TAPS: usize = 4;
/// From here on the bytes of a step do not lie in a window.
const MOST: f64 = 4.0;

/// A plane in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) stride: usize,
}

/// What a result is made of: from which place on, and with which weights.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taps {
    from: usize,
    weights: Vec<i32>,
}

/// What `count` results along a line are made of: a source of `length`, of which `cut` is left out at either end.
fn taps(length: usize, cut: f64, count: usize) -> Vec<Taps> {
    let ratio = (length as f64 - 2.0 * cut) / count as f64;
    let reach = ratio.max(1.0);
    let last = length.saturating_sub(1);
    let of = |index: usize| {
        let centre = cut + (index as f64 + 0.5) * ratio - 0.5;
        let (first, end) = ((centre - reach).ceil(), (centre + reach).floor());
        let inside = |place: f64| (place.max(0.0) as usize).min(last);
        let from = inside(first);
        let mut parts = vec![0.0; inside(end) - from + 1];
        let mut place = first;
        while place <= end {
            // What lies beyond an edge is like the edge.
            parts[inside(place) - from] += (1.0 - (place - centre).abs() / reach).max(0.0);
            place += 1.0;
        }
        Taps { from, weights: whole(&parts) }
    };
    (0..count).map(of).map(trimmed).collect()
}

/// The same in whole numbers that sum up to [`WHOLE`].
fn whole(parts: &[f64]) -> Vec<i32> {
    let sum: f64 = parts.iter().sum();
    let mut weights: Vec<i32> = parts.iter().map(|part| (part / sum * f64::from(WHOLE)).round() as i32).collect();
    let rest = WHOLE - weights.iter().sum::<i32>();
    if let Some(largest) = weights.iter_mut().max() {
        *largest += rest;
    }
    weights
}

fn trimmed(mut taps: Taps) -> Taps {
    let zeros = taps.weights.iter().take_while(|weight| **weight == 0).count();
    taps.weights.drain(..zeros);
    taps.from += zeros;
    while taps.weights.last() == Some(&0) {
        taps.weights.pop();
    }
    taps
}

/// One step of a row: where its window begins, which bytes of it are of use, and how much each.
#[derive(Debug, Clone)]
struct Step {
    from: usize,
    places: [u8; WINDOW],
    weights: [i8; WINDOW],
}

/// The steps of a row; each result takes `sets` of them.
#[derive(Debug, Clone)]
struct Row {
    steps: Vec<Step>,
    sets: usize,
}

impl Row {
    /// Nothing if some window is too small.
    fn new(taps: &[Taps]) -> Option<Self> {
        let sets = taps.iter().map(|taps| taps.weights.len().div_ceil(TAPS)).max()?.max(1);
        let mut steps = Vec::new();
        for four in taps.chunks(STEP) {
            for set in 0..sets {
                let from = four[0].from + set * TAPS;
                let mut step = Step { from, places: [0; WINDOW], weights: [0; WINDOW] };
                for (result, taps) in four.iter().enumerate() {
                    for (tap, weight) in taps.weights.iter().enumerate().skip(set * TAPS).take(TAPS) {
                        let place = (taps.from + tap).checked_sub(from).filter(|place| *place < WINDOW)?;
                        let lane = result * TAPS + tap - set * TAPS;
                        step.places[lane] = u8::try_from(place).ok()?;
                        // All of it does not fit into a byte of either sign; but then its neighbour has nothing to do.
                        let rest = i8::from(*weight == WHOLE);
                        step.weights[lane] = i8::try_from(*weight - i32::from(rest)).ok()?;
                        if rest > 0 {
                            (step.places[lane + 1], step.weights[lane + 1]) = (step.places[lane], rest);
                        }
                    }
                }
                steps.push(step);
            }
        }
        Some(Self { steps, sets })
    }
}

/// From one size to another.
#[derive(Debug)]
pub(super) struct Scaling {
    from: Plane,
    to: Plane,
    cut: (f64, f64),
    quick: Option<(Vec<Taps>, Row)>,
    line: Vec<u8>,
    resizer: Resizer,
}

impl Scaling {
    /// `cut` is how much is left out at the left and at the right, each, and at the top and at the bottom.
    pub(super) fn new(from: Plane, to: Plane, cut: (f64, f64)) -> Self {
        let ratio = |from: usize, cut: f64, to: usize| (from as f64 - 2.0 * cut) / to.max(1) as f64;
        let ratios = [ratio(from.width, cut.0, to.width), ratio(from.height, cut.1, to.height)];
        let is_quick = is_able() && ratios.iter().all(|ratio| *ratio <= MOST);
        let quick = is_quick.then(|| {
            let row = Row::new(&taps(from.width, cut.0, to.width))?;
            let columns = taps(from.height, cut.1, to.height);
            columns.iter().all(|taps| taps.weights.len() <= 2 * TAPS).then_some((columns, row))
        });
        // A window may reach beyond the end.
        let line = vec![0; from.width + WINDOW * 2];
        Self { from, to, cut, quick: quick.flatten(), line, resizer: Resizer::new() }
    }

    /// Whether it is for such planes.
    pub(super) fn is_of(&self, from: Plane, to: Plane) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Scales. Says what is wrong with the sizes.
    pub(super) fn run(&mut self, source: &[u8], target: &mut [u8]) -> Result<(), String> {
        match &self.quick {
            #[cfg(target_arch = "x86_64")]
            Some((columns, row)) => {
                let (from, to) = (self.from, self.to);
                let fits =
                    |plane: Plane, bytes: usize| plane.width <= plane.stride && plane.stride * plane.height <= bytes;
                if !fits(from, source.len()) || !fits(to, target.len()) {
                    return Err("a plane is smaller than it says".to_owned());
                }
                let lines = target.chunks_exact_mut(to.stride).map(|line| &mut line[..to.width]);
                #[allow(unsafe_code, reason = "is_able has looked whether the processor can do it")]
                unsafe {
                    quick::run(columns, row, from, source, &mut self.line, lines);
                }
                Ok(())
            }
            _ => self.run_slowly(source, target).map_err(|error| error.to_string()),
        }
    }

    fn run_slowly(&mut self, source: &[u8], target: &mut [u8]) -> Result<(), Box<dyn std::error::Error>> {
        let (from, to) = (self.from, self.to);
        let number = |length: usize| u32::try_from(length);
        let source = TypedImageRef::<U8>::from_buffer(number(from.stride)?, number(from.height)?, source)?;
        let source = TypedCroppedImage::new(source, 0, 0, number(from.width)?, number(from.height)?)?;
        let target = TypedImage::<U8>::from_buffer(number(to.stride)?, number(to.height)?, target)?;
        let mut target = TypedCroppedImageMut::new(target, 0, 0, number(to.width)?, number(to.height)?)?;
        let (left, top) = self.cut;
        let (width, height) = (from.width as f64 - 2.0 * left, from.height as f64 - 2.0 * top);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Ok(self.resizer.resize_typed(&source, &mut target, &options.crop(left, top, width, height))?)
    }
}

/// Whether this processor can do it quickly.
fn is_able() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(target_arch = "x86_64")]
mod quick {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi16, _mm_cvtsi128_si64, _mm_hadd_epi16, _mm_maddubs_epi16, _mm_packus_epi16, _mm_set_epi64x,
        _mm_set1_epi16, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16,
    };

    use super::{Plane, Row, STEP, Step, Taps, WHOLE, WINDOW};

    const HALF: u16 = WHOLE as u16 / 2;
    const BITS: i32 = WHOLE.trailing_zeros() as i32;

    #[target_feature(enable = "avx2")]
    pub(super) fn run<'a>(
        columns: &[Taps],
        row: &Row,
        from: Plane,
        source: &[u8],
        line: &mut [u8],
        targets: impl Iterator<Item = &'a mut [u8]>,
    ) {
        for (taps, target) in columns.iter().zip(targets) {
            let first = taps.from * from.stride;
            let into = &mut line[..from.width];
            match taps.weights.len() {
                1 => into.copy_from_slice(&source[first..][..from.width]),
                2 => blend::<2>(&source[first..], from.stride, &taps.weights, into),
                3 => blend::<3>(&source[first..], from.stride, &taps.weights, into),
                4 => blend::<4>(&source[first..], from.stride, &taps.weights, into),
                5 => blend::<5>(&source[first..], from.stride, &taps.weights, into),
                6 => blend::<6>(&source[first..], from.stride, &taps.weights, into),
                7 => blend::<7>(&source[first..], from.stride, &taps.weights, into),
                // There are no more: see MOST.
                _ => blend::<8>(&source[first..], from.stride, &taps.weights, into),
            }
            squeeze(row, line, target);
        }
    }

    /// One row of `N`. Each its own loop, since the compiler makes good use of vectors only where it knows the number.
    #[target_feature(enable = "avx2")]
    fn blend<const N: usize>(source: &[u8], stride: usize, weights: &[i32], into: &mut [u8]) {
        let width = into.len();
        let rows: [&[u8]; N] = std::array::from_fn(|tap| &source[tap * stride..][..width]);
        let weights: [u16; N] = std::array::from_fn(|tap| weights[tap] as u16);
        for x in 0..width {
            let mut sum = HALF;
            for tap in 0..N {
                sum += u16::from(rows[tap][x]) * weights[tap];
            }
            into[x] = (sum >> BITS) as u8;
        }
    }

    /// Eight results at once, of two steps of four.
    #[target_feature(enable = "avx2")]
    fn squeeze(row: &Row, line: &[u8], target: &mut [u8]) {
        let half = _mm_set1_epi16(HALF as i16);
        for (eight, steps) in target.chunks_mut(2 * STEP).zip(row.steps.chunks(2 * row.sets)) {
            let mut sums = half;
            for set in 0..row.sets {
                let first = products(&steps[set], line);
                let second = steps.get(row.sets + set).map_or_else(|| _mm_setzero_si128(), |step| products(step, line));
                sums = _mm_add_epi16(sums, _mm_hadd_epi16(first, second));
            }
            let bytes = _mm_srli_epi16::<BITS>(sums);
            let bytes = _mm_cvtsi128_si64(_mm_packus_epi16(bytes, bytes)).to_le_bytes();
            if let Ok(eight) = <&mut [u8; 2 * STEP]>::try_from(&mut *eight) {
                *eight = bytes;
            } else {
                let count = eight.len();
                eight.copy_from_slice(&bytes[..count]);
            }
        }
    }

    #[target_feature(enable = "avx2")]
    fn products(step: &Step, line: &[u8]) -> __m128i {
        let bytes =
            line.get(step.from..).and_then(|rest| rest.first_chunk::<WINDOW>()).map_or([0; WINDOW], |some| *some);
        let picked = _mm_shuffle_epi8(vector(bytes), vector(step.places));
        _mm_maddubs_epi16(picked, vector(step.weights.map(|weight| weight as u8)))
    }

    #[target_feature(enable = "avx2")]
    fn vector(bytes: [u8; WINDOW]) -> __m128i {
        let all = u128::from_le_bytes(bytes);
        _mm_set_epi64x((all >> 64) as i64, all as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plane(width: usize, height: usize, stride: usize) -> Plane {
        Plane { width, height, stride }
    }

    fn scaled(source: &[u8], from: Plane, to: Plane, cut: (f64, f64), quickly: bool) -> Vec<u8> {
        let mut scaling = Scaling::new(from, to, cut);
        if !quickly {
            scaling.quick = None;
        }
        let mut target = vec![77; to.stride * to.height];
        scaling.run(source, &mut target).expect("sizes that fit");
        target
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_makes_but_for_rounding(
            size in (8usize..200, 8usize..120), to in (4usize..200, 4usize..120), more in 0usize..20,
            cut in (0.0f64..0.4, 0.0f64..0.4), seed in 0u64..1000
        ) {
            let from = plane(size.0, size.1, size.0 + more);
            let to = plane(to.0, to.1, to.0 + more);
            let cut = (cut.0 * size.0 as f64, cut.1 * size.1 as f64);
            // Waves, as pictures have, with an edge.
            let byte = |index: usize| {
                let (x, y) = ((index % from.stride) as f64, (index / from.stride) as f64);
                let wave = (x / (3.0 + seed as f64 / 200.0)).sin() * (y / 7.0).cos() * 60.0;
                if index % from.stride > size.0 / 2 { 190.0 + wave } else { 64.0 + wave }
            };
            let source: Vec<u8> = (0..from.stride * from.height).map(|index| byte(index) as u8).collect();
            let [quick, slow] = [true, false].map(|quickly| scaled(&source, from, to, cut, quickly));
            for (index, (a, b)) in quick.iter().zip(&slow).enumerate() {
                prop_assert!(a.abs_diff(*b) <= 5, "{index}: {a} {b}");
                prop_assert!(index % to.stride < to.width || *a == 77, "what is beside a row stays");
            }
        }

        #[test]
        fn what_is_even_stays_as_it_is(
            size in (2usize..300, 2usize..50), to in (2usize..300, 2usize..50), colour in 0u8..=255
        ) {
            let (from, to) = (plane(size.0, size.1, size.0), plane(to.0, to.1, to.0));
            let source = vec![colour; size.0 * size.1];
            let seen = scaled(&source, from, to, (0.0, 0.0), true);
            prop_assert!(seen.iter().all(|byte| *byte == colour), "{colour}: {:?}", &seen[..to.width]);
        }

        #[test]
        fn weights_are_whole(length in 1usize..500, count in 1usize..500, cut in 0.0f64..0.45) {
            let cut = cut * length as f64;
            for Taps { from, weights } in taps(length, cut, count) {
                prop_assert_eq!(weights.iter().sum::<i32>(), WHOLE);
                prop_assert!(from + weights.len() <= length && !weights.is_empty());
                prop_assert!(weights.iter().all(|weight| (0..=WHOLE).contains(weight)), "{:?}", weights);
            }
        }
    }

    #[test]
    fn common_sizes_are_quick_where_it_can_be() {
        for (from, to) in [((640, 360), (424, 238)), ((1280, 720), (320, 180)), ((320, 180), (640, 360))] {
            let scaling = Scaling::new(plane(from.0, from.1, from.0), plane(to.0, to.1, to.0), (0.0, 0.0));
            assert_eq!(scaling.quick.is_some(), is_able(), "{from:?}");
        }
    }

    #[test]
    fn a_plane_that_is_too_small_is_refused() {
        let mut scaling = Scaling::new(plane(16, 16, 16), plane(8, 8, 8), (0.0, 0.0));
        assert!(scaling.run(&[0; 16 * 15], &mut [0; 64]).is_err());
        assert!(scaling.run(&[0; 16 * 16], &mut [0; 63]).is_err());
    }
}
