//! How a picture fills its place: a [fitter](crate::elements::fitter) makes it as large as it is shown and cuts off what is not,
//! by the size of each picture, which a sender may change at any time; the compositor puts it there.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::layout::{Fit, Place, Placement};
use crate::elements::fitter::{Aim, Fitter, Shape};

/// Has what passes `fitter` into the compositor's `pad` fill a place.
pub fn fill(fitter: &Fitter, pad: &gst::Pad, place: Place) {
    let Placement { width, height, .. } = place.placement;
    let shape = match place.fit {
        Fit::Contain => Shape::Kept,
        Fit::Cover => Shape::Cut,
        Fit::Fill => Shape::Stretched,
    };
    fitter.aim(Some(Aim { width, height, shape }));
    set_policy(pad, if place.fit == Fit::Fill { "none" } else { "keep-aspect-ratio" });
}

/// `place` for pictures that are on their way there from `from`: as large as they are on the way, since what is too large is
/// soon made smaller, but not the other way round.
pub(super) fn on_the_way(place: Place, from: Placement) -> Place {
    let to = place.placement;
    let (across, down) = (u64::from(from.width) * u64::from(to.height), u64::from(from.height) * u64::from(to.width));
    // In the shape of the place itself.
    let (width, height) = if across >= down {
        (from.width, part(to.height, from.width, to.width))
    } else {
        (part(to.width, from.height, to.height), from.height)
    };
    if width <= to.width {
        return place;
    }
    Place { placement: Placement { width, height, ..to }, ..place }
}

/// `length` times `by`, divided by `of`: even.
fn part(length: u32, by: u32, of: u32) -> u32 {
    let part = u64::from(length) * u64::from(by) / u64::from(of.max(1));
    u32::try_from(part).unwrap_or(u32::MAX) & !1
}

/// What of `placement` a picture covers that the compositor shows there, as it reckons: in the picture's own shape, in the middle,
/// from even numbers on.
pub(super) fn seen(placement: Placement, fit: Fit, picture: &gst_video::VideoInfo) -> Placement {
    let Placement { x, y, width, height } = placement;
    let (wide, high) = (f64::from(width), f64::from(height));
    let pixel = picture.par();
    let shape = f64::from(picture.width()) * f64::from(pixel.numer())
        / (f64::from(picture.height().max(1)) * f64::from(pixel.denom().max(1)));
    if fit == Fit::Fill || shape <= 0.0 || width == 0 || height == 0 {
        return placement;
    }
    let whole = |length: f64, most: u32| (length as u32).clamp(1, most);
    // It makes whole numbers of the shape first.
    let shape = wide / (wide / shape).floor().max(1.0);
    let (shown_wide, shown_high) = match shape > wide / high {
        true => (width, whole((wide / shape).round(), height)),
        false => (whole(high * shape, width), height),
    };
    let start = |from: u32, room: u32| (from + room / 2 + 1) & !1;
    let (left, top) = (start(x, width - shown_wide), start(y, height - shown_high));
    // Rounding may have moved it.
    let (most_wide, most_high) = ((x + width).saturating_sub(left), (y + height).saturating_sub(top));
    Placement { x: left, y: top, width: shown_wide.min(most_wide), height: shown_high.min(most_high) }
}

fn set_policy(pad: &gst::Pad, policy: &str) {
    let current = pad.property_value("sizing-policy").serialize().ok();
    // Each setting makes the compositor think anew.
    if current.is_none_or(|current| current != policy) {
        pad.set_property_from_str("sizing-policy", policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info(width: u32, height: u32, par: (i32, i32)) -> gst_video::VideoInfo {
        gstreamer::init().unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height);
        info.par(gst::Fraction::new(par.0, par.1)).build().unwrap()
    }

    #[test]
    fn what_is_seen_has_the_shape_of_the_picture() {
        let place = Placement { x: 640, y: 0, width: 640, height: 360 };
        let seen = |width, height, par, fit| {
            let Placement { x, y, width, height } = seen(place, fit, &info(width, height, par));
            (x, y, width, height)
        };
        assert_eq!(seen(1280, 720, (1, 1), Fit::Contain), (640, 0, 640, 360));
        assert_eq!(seen(640, 480, (1, 1), Fit::Contain), (720, 0, 480, 360));
        assert_eq!(seen(288, 512, (1, 1), Fit::Contain), (860, 0, 202, 360));
        assert_eq!(seen(640, 480, (1, 1), Fit::Fill), (640, 0, 640, 360));
        assert_eq!(seen(1280, 360, (1, 1), Fit::Contain), (640, 90, 640, 180));
        assert_eq!(seen(640, 360, (1, 2), Fit::Contain), (800, 0, 320, 360));
    }

    fn size(width: u32, height: u32) -> Placement {
        Placement { x: 0, y: 0, width, height }
    }

    #[test]
    fn who_becomes_smaller_is_large_on_the_way() {
        let way = |from: (u32, u32), to: (u32, u32)| {
            let Placement { width, height, .. } =
                on_the_way(Place::plain(size(to.0, to.1)), size(from.0, from.1)).placement;
            (width, height)
        };
        assert_eq!(way((320, 180), (640, 360)), (640, 360));
        assert_eq!(way((640, 360), (320, 180)), (640, 360));
        assert_eq!(way((640, 360), (200, 200)), (640, 640));
        assert_eq!(way((200, 640), (300, 300)), (640, 640));
        assert_eq!(way((200, 200), (200, 200)), (200, 200));
    }

    proptest! {
        #[test]
        fn it_lies_inside_of_its_place(w in 2u32..4000, h in 2u32..4000, wide in 8u32..2000, high in 8u32..2000) {
            let place = Placement { x: 10, y: 20, width: wide * 2, height: high * 2 };
            let seen = seen(place, Fit::Contain, &info(w, h, (1, 1)));
            prop_assert!(seen.x >= place.x && seen.y >= place.y);
            prop_assert!(seen.x + seen.width <= place.x + place.width && seen.y + seen.height <= place.y + place.height);
            prop_assert_eq!((seen.x | seen.y) & 1, 0);
        }
    }
}
