//! How a picture fills its place: the compositor shows pictures in their own shape, or stretched; what is to cover its place
//! has its edges cut off before.
//!
//! The element cuts by the size of each picture, which a sender may change at any time.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::layout::{Fit, Place};

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

fn set_policy(pad: &gst::Pad, policy: &str) {
    let current = pad.property_value("sizing-policy").serialize().ok();
    if current.is_none_or(|current| current != policy) {
        pad.set_property_from_str("sizing-policy", policy);
    }
}
