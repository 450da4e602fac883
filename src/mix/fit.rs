//! How a picture fills its place: the compositor shows pictures in their own shape, or stretched; what is to cover its place
//! has its edges cut off before.
//!
//! The element cuts by the size of each picture, which a sender may change at any time.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::layout::{Fit, Place, Placement};

/// What cuts; without work to do it lets pictures pass as they are.
pub(crate) fn cropper() -> Result<gst::Element, gst::glib::BoolError> {
    gst::ElementFactory::make("aspectratiocrop").build()
}

/// Has what passes `cropper` into the compositor's `pad` fill a place.
pub(crate) fn fill(cropper: &gst::Element, pad: &gst::Pad, place: Place) {
    let Place { placement, fit, .. } = place;
    let side = |length: u32| i32::try_from(length.max(1)).unwrap_or(i32::MAX);
    let shape = match fit {
        Fit::Cover => gst::Fraction::new(side(placement.width), side(placement.height)),
        Fit::Contain | Fit::Fill => gst::Fraction::new(0, 1),
    };
    // Each setting makes it think anew, and the compositor, too.
    if cropper.property::<gst::Fraction>("aspect-ratio") != shape {
        cropper.set_property("aspect-ratio", shape);
    }
    set_policy(pad, if fit == Fit::Fill { "none" } else { "keep-aspect-ratio" });
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
