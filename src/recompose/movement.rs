//! The score moves the compositor's pads.
//!
//! The compositor asks for the values of the moment right before it makes a picture, by that picture's own time: so a
//! change is exact to the picture, however fast all this runs.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_controller as gst_controller;
use gstreamer_controller::prelude::*;

use super::RecomposeError;
use super::score::Score;
use crate::elements::fitter::Fitter;
use crate::mix::layout::{Place, Placement};
use crate::mix::{depth, fill};

/// When the picture `number` shows: rounded as the compositor does.
pub(super) fn time_of(number: u64, fps: u32) -> gst::ClockTime {
    let nanoseconds = u128::from(number) * 1_000_000_000 / u128::from(fps.max(1));
    gst::ClockTime::from_nseconds(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Has `pad` show the part `index` where and when the score says so, and nothing else.
pub(super) fn conduct(pad: &gst::Pad, score: &Score, index: usize) -> Result<(), RecomposeError> {
    let moves = moves(score, index);
    let shown = moves.iter().map(|(at, place)| (*at, f64::from(u8::from(place.is_some()))));
    bind(pad, "alpha", shown)?;
    for (property, side) in SIDES {
        let placed = moves.iter().filter_map(|(at, place)| Some((*at, f64::from(side(&(*place)?.placement)))));
        bind(pad, property, placed)?;
    }
    bind(pad, "zorder", moves.iter().filter_map(|(at, place)| Some((*at, f64::from(depth((*place)?.z))))))
}

/// Has what passes `fitter` into `pad` fill its place as the score says. `begin` is when the file begins.
pub(super) fn fit(fitter: &Fitter, pad: &gst::Pad, score: &Score, index: usize, begin: gst::ClockTime) {
    let placed = moves(score, index).into_iter().filter_map(|(at, place)| Some((at, place?)));
    let placed: Vec<(gst::ClockTime, Place)> = placed.collect();
    let Some(entry) = fitter.static_pad("sink") else { return };
    let (fitter, pad) = (fitter.downgrade(), pad.downgrade());
    entry.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let pts = info.buffer().and_then(|buffer| buffer.pts());
        if let (Some(pts), Some(fitter), Some(pad)) = (pts, fitter.upgrade(), pad.upgrade()) {
            let now = placed.iter().rfind(|(at, _)| *at <= begin.saturating_add(pts)).or_else(|| placed.first());
            now.into_iter().for_each(|(_, place)| fill(&fitter, &pad, *place));
        }
        gst::PadProbeReturn::Ok
    });
}

/// When a part comes to another place, or to none.
fn moves(score: &Score, index: usize) -> Vec<(gst::ClockTime, Option<Place>)> {
    let mut moves: Vec<(gst::ClockTime, Option<Place>)> = Vec::new();
    for stretch in &score.stretches {
        let place = stretch.places.iter().find(|(part, _)| *part == index).map(|(_, place)| *place);
        if moves.last().is_none_or(|(_, last)| *last != place) {
            moves.push((time_of(stretch.from, score.fps), place));
        }
    }
    moves
}

type Side = fn(&Placement) -> u32;
const SIDES: [(&str, Side); 4] = [
    ("xpos", |place| place.x),
    ("ypos", |place| place.y),
    ("width", |place| place.width),
    ("height", |place| place.height),
];

fn bind(
    pad: &gst::Pad,
    property: &str,
    values: impl Iterator<Item = (gst::ClockTime, f64)>,
) -> Result<(), RecomposeError> {
    let source = gst_controller::InterpolationControlSource::new();
    source.set_mode(gst_controller::InterpolationMode::None);
    for (at, value) in values {
        source.set(at, value);
    }
    let binding = gst_controller::DirectControlBinding::new_absolute(pad, property, &source);
    pad.add_control_binding(&binding).map_err(|_| RecomposeError::Graph { step: "moving a picture" })
}
