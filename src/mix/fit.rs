//! How a picture fills its place: a [fitter](crate::elements::fitter) makes it as large as it is shown and cuts off what is not,
//! by the size of each picture, which a sender may change at any time; the compositor puts it there.

use gstreamer as gst;
use gstreamer::prelude::*;

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
}
