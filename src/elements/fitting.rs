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
}

impl Picture {
    /// What is to be done with it; nothing if it is as it is wanted.
    pub(super) fn plan(self, aim: Aim) -> Option<Plan> {
        let (width, height) = match aim.shape {
            Shape::Kept => self.within(aim.width, aim.height),
            Shape::Cut | Shape::Stretched => (aim.width, aim.height),
        };
        if width == 0 || height == 0 || self.width == 0 || self.height == 0 {
            // A line or a point: not worth a thought.
            return None;
        }
        let cut = if aim.shape == Shape::Cut { self.cut(aim) } else { (0.0, 0.0) };
        let is_done = (self.width, self.height) == (width, height) && self.is_square() && cut == (0.0, 0.0);
        (!is_done).then_some(Plan { cut, width, height })
    }

    fn is_square(self) -> bool {
        self.pixel.0 == self.pixel.1
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

    /// The size at which the compositor shows it within such a rectangle: if it is that already, nothing is left to scale.
    fn within(self, width: u32, height: u32) -> (u32, u32) {
        let mut fitted = compositor_fits(self, width, height);
        // Rounding may move it by a pixel again: it soon comes to rest.
        for _ in 0..8 {
            let again = compositor_fits(Picture { width: fitted.0, height: fitted.1, pixel: (1, 1) }, width, height);
            if again == fitted || fitted.0 == 0 || fitted.1 == 0 {
                break;
            }
            fitted = again;
        }
        fitted
    }
}

/// What the policy `keep-aspect-ratio` of GStreamer's compositor makes of a picture, with its rounding.
fn compositor_fits(picture: Picture, width: u32, height: u32) -> (u32, u32) {
    let across = u64::from(picture.width) * u64::from(picture.pixel.0);
    let down = u64::from(picture.height) * u64::from(picture.pixel.1);
    if across == 0 || down == 0 || across * u64::from(height) == down * u64::from(width) {
        return (width, height);
    }
    let as_high = u64::from(width) * down / across;
    if as_high == 0 {
        return (0, 0);
    }
    let (of_picture, of_place) = (f64::from(width) / as_high as f64, f64::from(width) / f64::from(height));
    // Both are positive, and no larger than what they came from.
    if of_picture > of_place {
        (width, (f64::from(width) / of_picture) as u32)
    } else if of_picture < of_place {
        ((f64::from(height) * of_picture) as u32, height)
    } else {
        (width, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(plan(picture(6400, 2), 320, 180, Shape::Kept), None, "a line");
    }

    proptest! {
        #[test]
        fn the_compositor_has_nothing_left_to_scale(
            w in 16u32..2000, h in 16u32..2000, across in 4u32..1000, down in 4u32..600, pixel in (1u32..4, 1u32..4)
        ) {
            let (across, down) = (across * 2, down * 2);
            let source = Picture { width: w, height: h, pixel };
            if let Some(plan) = source.plan(Aim { width: across, height: down, shape: Shape::Kept }) {
                let fitted = picture(plan.width, plan.height);
                prop_assert!(plan.width <= across && plan.height <= down);
                prop_assert_eq!(compositor_fits(fitted, across, down), (plan.width, plan.height));
                prop_assert_eq!(fitted.plan(Aim { width: across, height: down, shape: Shape::Kept }), None);
            }
        }

        #[test]
        fn what_is_left_of_a_cut_picture_has_the_shape_that_is_wanted(
            w in 16u32..2000, h in 16u32..2000, across in 8u32..1000, down in 8u32..600
        ) {
            let aim = Aim { width: across, height: down, shape: Shape::Cut };
            if let Some(Plan { cut, width, height }) = picture(w, h).plan(aim) {
                prop_assert_eq!((width, height), (across, down));
                let left = (f64::from(w) * (1.0 - 2.0 * cut.0), f64::from(h) * (1.0 - 2.0 * cut.1));
                prop_assert!(cut.0 >= 0.0 && cut.1 >= 0.0 && left.0 > 0.0 && left.1 > 0.0);
                let off = (left.0 - left.1 * f64::from(across) / f64::from(down)).abs();
                prop_assert!(off <= 1.0_f64.max(f64::from(across) / f64::from(down)), "{}", off);
            }
        }
    }
}
