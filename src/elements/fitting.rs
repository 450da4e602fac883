//! What part of a picture is seen, and how large it becomes: pure.

/// What pictures are wanted for: a rectangle of a compositor's canvas, whose pixels are square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// What becomes of the shape of a picture.
    pub shape: Shape,
}

/// What becomes of the shape of a picture that is not the rectangle's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It is kept: the compositor leaves bars beside the picture.
    Kept,
    /// The edges that do not fit are cut off.
    Cut,
    /// The picture is stretched.
    Stretched,
}

/// The size of a picture, and the shape of its pixels, of which each is `pixel.0 : pixel.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel: (u32, u32),
}

/// What is done with a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    /// How much is cut off at the left and at the right, each, and at the top and at the bottom, as parts of its sides.
    pub(super) cut: (f64, f64),
    /// How large the rest becomes.
    pub(super) width: u32,
    pub(super) height: u32,
    /// The shape of its pixels then: such that the compositor has nothing left to scale.
    pub(super) pixel: (u32, u32),
}

impl Picture {
    /// What is to be done with it; nothing if it is as it is wanted.
    pub(super) fn plan(self, aim: Aim) -> Option<Plan> {
        let Picture { width, height, pixel } = match aim.shape {
            Shape::Kept => self.within(aim.width, aim.height),
            Shape::Cut | Shape::Stretched => Picture { width: aim.width, height: aim.height, pixel: (1, 1) },
        };
        if width == 0 || height == 0 || self.width == 0 || self.height == 0 {
            // A line or a point: not worth a thought.
            return None;
        }
        let cut = if aim.shape == Shape::Cut { self.cut(aim) } else { (0.0, 0.0) };
        let is_done = self == Picture { width, height, pixel } && cut == (0.0, 0.0);
        (!is_done).then_some(Plan { cut, width, height, pixel })
    }

    /// Width by height, as seen.
    fn ratio(self) -> f64 {
        f64::from(self.width) * f64::from(self.pixel.0) / (f64::from(self.height) * f64::from(self.pixel.1))
    }

    fn cut(self, aim: Aim) -> (f64, f64) {
        let wider = self.ratio() * f64::from(aim.height) / f64::from(aim.width);
        // Less than a pixel is not seen, and would have every picture computed anew.
        let enough = |part: f64, side: u32| if part * f64::from(side) < 0.5 { 0.0 } else { part };
        if wider > 1.0 {
            (enough((1.0 - 1.0 / wider) / 2.0, self.width), 0.0)
        } else {
            (0.0, enough((1.0 - wider) / 2.0, self.height))
        }
    }

    /// What is to be given to the compositor for it, which keeps the shape of pictures within such a rectangle in steps of its
    /// own: the nearest of them that is even, since an odd one leaves a line of wrong colour at its edge.
    fn within(self, width: u32, height: u32) -> Self {
        let across = u64::from(self.width) * u64::from(self.pixel.0);
        let down = u64::from(self.height) * u64::from(self.pixel.1);
        if across == 0 || down == 0 || across * u64::from(height) == down * u64::from(width) {
            return Self { width, height, pixel: (1, 1) };
        }
        let step = u64::from(width) * down / across;
        let near = (0..FARTHEST).flat_map(|far| [step.checked_sub(far), step.checked_add(far)]).flatten();
        let sized = |step: u64| {
            let step = u32::try_from(step).ok().filter(|step| *step > 0)?;
            Some((step, shown(width, height, step)))
        };
        let mut steps = near.filter_map(sized);
        let even = steps.find(|(_, (width, height))| width % 2 == 0 && height % 2 == 0 && *width > 0 && *height > 0);
        let Some((step, (shown_width, shown_height))) = even else {
            return Self { width: 0, height: 0, pixel: (1, 1) };
        };
        // In the middle of the step, whatever is rounded on the way.
        let (across, down) =
            (2 * u64::from(width) * u64::from(shown_height), (2 * u64::from(step) + 1) * u64::from(shown_width));
        let common = gcd(across, down);
        let part = |length: u64| u32::try_from(length / common).unwrap_or(1);
        Self { width: shown_width, height: shown_height, pixel: (part(across), part(down)) }
    }
}

/// How many steps of the compositor are tried: mostly one of two or three that follow each other is even.
const FARTHEST: u64 = 8;

/// How large the policy `keep-aspect-ratio` of GStreamer's compositor shows a picture in a rectangle, which would be `step`
/// high if it were as wide as that.
fn shown(width: u32, height: u32, step: u32) -> (u32, u32) {
    let (of_picture, of_place) = (f64::from(width) / f64::from(step), f64::from(width) / f64::from(height));
    // Both are positive, and no larger than what they came from.
    if of_picture > of_place {
        (width, (f64::from(width) / of_picture) as u32)
    } else if of_picture < of_place {
        ((f64::from(height) * of_picture) as u32, height)
    } else {
        (width, height)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the compositor makes of a picture.
    fn compositor_fits(picture: Picture, width: u32, height: u32) -> (u32, u32) {
        let across = u64::from(picture.width) * u64::from(picture.pixel.0);
        let down = u64::from(picture.height) * u64::from(picture.pixel.1);
        if across * u64::from(height) == down * u64::from(width) {
            return (width, height);
        }
        shown(width, height, u32::try_from(u64::from(width) * down / across).unwrap())
    }
    fn picture(width: u32, height: u32) -> Picture {
        Picture { width, height, pixel: (1, 1) }
    }

    fn plan(picture: Picture, width: u32, height: u32, shape: Shape) -> Option<(u32, u32, f64, f64)> {
        let plan = picture.plan(Aim { width, height, shape })?;
        let pixels = |part: f64, side: u32| (part * f64::from(side) * 100.0).round() / 100.0;
        Some((plan.width, plan.height, pixels(plan.cut.0, picture.width), pixels(plan.cut.1, picture.height)))
    }

    #[test]
    fn a_picture_keeps_its_shape_or_loses_its_edges_or_is_stretched() {
        let wide = picture(640, 360);
        assert_eq!(plan(wide, 640, 360, Shape::Kept), None);
        assert_eq!(plan(wide, 320, 180, Shape::Kept), Some((320, 180, 0.0, 0.0)));
        assert_eq!(plan(wide, 360, 360, Shape::Kept), Some((360, 202, 0.0, 0.0)));
        assert_eq!(plan(wide, 360, 360, Shape::Cut), Some((360, 360, 140.0, 0.0)));
        assert_eq!(plan(wide, 360, 360, Shape::Stretched), Some((360, 360, 0.0, 0.0)));
        assert_eq!(plan(picture(288, 512), 640, 360, Shape::Cut), Some((640, 360, 0.0, 175.0)));
        let stretched = Picture { pixel: (2, 1), ..picture(320, 360) };
        assert_eq!(plan(stretched, 640, 360, Shape::Kept), Some((640, 360, 0.0, 0.0)), "seen as 16 to 9");
        assert_eq!(plan(picture(640, 361), 640, 360, Shape::Cut), Some((640, 360, 0.0, 0.5)));
        assert_eq!(plan(picture(6400, 2), 320, 180, Shape::Kept), Some((320, 2, 0.0, 0.0)), "a line");
        assert_eq!(plan(wide, 622, 342, Shape::Kept), Some((606, 342, 0.0, 0.0)), "609 is odd, 607 too");
    }

    proptest! {
        #[test]
        fn the_compositor_has_nothing_left_to_scale(
            w in 16u32..2000, h in 16u32..2000, across in 4u32..1000, down in 4u32..600, pixel in (1u32..4, 1u32..4)
        ) {
            let (across, down) = (across * 2, down * 2);
            let source = Picture { width: w, height: h, pixel };
            if let Some(plan) = source.plan(Aim { width: across, height: down, shape: Shape::Kept }) {
                let fitted = Picture { width: plan.width, height: plan.height, pixel: plan.pixel };
                prop_assert!(plan.width <= across && plan.height <= down);
                prop_assert_eq!((plan.width | plan.height) & 1, 0, "{:?}", plan);
                prop_assert_eq!(compositor_fits(fitted, across, down), (plan.width, plan.height));
                // As near as the compositor comes, in its steps.
                let (wide, high) = (source.ratio() * f64::from(down), f64::from(across) / source.ratio());
                let coarse = (FARTHEST + 1) as f64 / high;
                for (is, ideal) in [(plan.width, wide.min(f64::from(across))), (plan.height, high.min(f64::from(down)))] {
                    let off = (f64::from(is) - ideal).abs();
                    // What would be thinner than two pixels is two, as nothing else is even.
                    prop_assert!(off <= (coarse * ideal).max(2.0), "{} {:?}", off, plan);
                }
            }
        }

        #[test]
        fn what_is_left_of_a_cut_picture_has_the_shape_that_is_wanted(
            w in 16u32..2000, h in 16u32..2000, across in 8u32..1000, down in 8u32..600
        ) {
            let aim = Aim { width: across, height: down, shape: Shape::Cut };
            if let Some(Plan { cut, width, height, .. }) = picture(w, h).plan(aim) {
                prop_assert_eq!((width, height), (across, down));
                let left = (f64::from(w) * (1.0 - 2.0 * cut.0), f64::from(h) * (1.0 - 2.0 * cut.1));
                prop_assert!(cut.0 >= 0.0 && cut.1 >= 0.0 && left.0 > 0.0 && left.1 > 0.0);
                let off = (left.0 - left.1 * f64::from(across) / f64::from(down)).abs();
                prop_assert!(off <= 1.0_f64.max(f64::from(across) / f64::from(down)), "{}", off);
            }
        }
    }
}
