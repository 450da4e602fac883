//! The picture: a compositor over a still picture that is always there.
//!
//! The compositor's pads are made once, before it plays. A pad without a live video is transparent, and the tile below
//! it shows.
//!
//! The stage runs ahead of the videos, so that a new look shows at once. Tiles come and go as late as their videos: they wait here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_base as gst_base;
use gstreamer_base::prelude::*;
use gstreamer_video as gst_video;

use super::MixError;
use super::layout::Size;
use super::overlay::Sheet;
use super::slot::Slot;
use super::style::Look;
use super::tiles::{self, Tile};
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Pipeline;

/// How much earlier than the mixer needs them the stage's pictures come.
const EARLY: Duration = Duration::from_millis(60);
/// How long tiles take to be drawn, and to be passed on.
const DRAWING: Duration = Duration::from_millis(100);

/// The picture's half of the mix.
#[derive(Debug)]
pub(super) struct Canvas {
    bin: gst::Bin,
    stage: gst_app::AppSrc,
    size: Size,
    /// How far the picture is behind what comes in, and by how much of that the stage is ahead.
    late: Duration,
    ahead: Duration,
    look: Look,
    drawn: Option<Vec<Tile>>,
    due: VecDeque<(Instant, Vec<Tile>)>,
    drawn_at: Instant,
}

impl Canvas {
    /// Builds it with `slots` places for videos, which are handed out as well.
    pub(super) fn build(
        descriptions: &Descriptions,
        values: &Values,
        slots: usize,
    ) -> Result<(Self, Vec<Slot>), MixError> {
        let bin = descriptions.build("mix/video.launch", values)?;
        let (mixer, stage) = (socket(&bin, "mixer")?, socket(&bin, "stage")?);
        let stage =
            stage.downcast::<gst_app::AppSrc>().map_err(|_| MixError::Graph { step: "looking for the stage" })?;
        let size = Size { width: values.width, height: values.height };
        stage.set_caps(Some(&picture_caps(size)));
        let late = match mixer.find_property("min-upstream-latency") {
            Some(_) => Duration::from_nanos(mixer.property("min-upstream-latency")),
            None => Duration::ZERO,
        };
        let ahead = late.saturating_sub(EARLY);
        // The only one there is, so far.
        if let Some(pad) = mixer.sink_pads().first() {
            bring_forward(pad, ahead);
        }
        let slots = (0..slots).map(|index| request(&bin, &mixer, index, late)).collect::<Result<_, _>>()?;
        let (look, due) = (Look::default(), VecDeque::new());
        Ok((Self { bin, stage, size, late, ahead, look, drawn: None, due, drawn_at: Instant::now() }, slots))
    }

    /// Lets it begin at the present, once it is paused.
    pub(super) fn start_now(&self) -> Result<(), MixError> {
        start_now(&socket(&self.bin, "mixer")?)
    }

    /// What is to lie over the picture.
    pub(super) fn sheet(&self) -> Result<Sheet, MixError> {
        Sheet::over(&socket(&self.bin, "mixer")?)
    }

    /// How far the picture is behind what comes in.
    pub(super) fn late(&self) -> Duration {
        self.late
    }

    /// The bin, to be placed in the mix's pipeline; its `out` pad gives the picture.
    pub(super) fn bin(&self) -> &gst::Bin {
        &self.bin
    }

    /// The canvas.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Puts `tiles` below the videos, unless they are there already: when the videos of now are there.
    pub(super) fn draw(&mut self, tiles: Vec<Tile>, now: Instant) -> Result<(), MixError> {
        if self.due.back().map(|(_, tiles)| tiles).or(self.drawn.as_ref()) == Some(&tiles) {
            return Ok(());
        }
        if self.drawn.is_none() {
            return self.put(tiles);
        }
        self.due.push_back((now + self.ahead, tiles));
        Ok(())
    }

    /// Looks otherwise, with these tiles, from now on.
    pub(super) fn set_look(&mut self, look: Look, tiles: Vec<Tile>) -> Result<(), MixError> {
        self.look = look;
        self.due.clear();
        self.put(tiles)
    }

    /// Puts the tiles there that are due.
    pub(super) fn step(&mut self, now: Instant) -> Result<(), MixError> {
        let passed = self.due.iter().take_while(|(at, _)| *at <= now).count();
        let last = self.due.drain(..passed).next_back();
        last.map_or(Ok(()), |(_, tiles)| self.put(tiles))
    }

    /// When tiles are due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.front().map(|(at, _)| *at)
    }

    fn put(&mut self, tiles: Vec<Tile>) -> Result<(), MixError> {
        let picture = tiles::draw(self.size, &self.look, &tiles)?;
        let buffer = gst::Buffer::from_mut_slice(picture);
        self.stage.push_buffer(buffer).map_err(|_| MixError::Graph { step: "drawing the tiles" })?;
        (self.drawn, self.drawn_at) = (Some(tiles), Instant::now());
        Ok(())
    }

    /// Whether the tiles that were drawn last are seen.
    pub(super) fn is_up_to_date(&self, now: Instant) -> bool {
        self.due.is_empty() && now >= self.drawn_at + self.late.saturating_sub(self.ahead) + DRAWING
    }
}

/// Makes what comes to `pad` earlier. An offset of the pad would do the same, but the mixer aborts the process where that leads
/// to before the beginning.
fn bring_forward(pad: &gst::Pad, by: Duration) {
    let by = gst::ClockTime::from_nseconds(u64::try_from(by.as_nanos()).unwrap_or(0));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut()
            && let Some(pts) = buffer.pts()
        {
            buffer.make_mut().set_pts(pts.saturating_sub(by));
        }
        gst::PadProbeReturn::Ok
    });
}

/// Where `z` is among the compositor's pads. The tiles are below all.
pub(crate) fn depth(z: i32) -> u32 {
    // No layout goes deeper than 99.
    u32::try_from(z.saturating_add(100)).unwrap_or(1)
}

/// Makes a mixer begin at the present, not at the time when the first pipeline of this process began. It has to be paused: it
/// forgets its position before, and later it hurries through all that time, if it looks at the clock before its first
/// picture comes.
pub(super) fn start_now(mixer: &gst::Element) -> Result<(), MixError> {
    let now = Pipeline::running_time();
    mixer.set_property_from_str("start-time-selection", "set");
    mixer.set_property("start-time", now);
    let mixer = mixer.downcast_ref::<gst_base::Aggregator>().ok_or(MixError::Graph { step: "looking for a mixer" })?;
    mixer.set_position(now);
    Ok(())
}

/// The element that a description names.
pub(super) fn socket(bin: &gst::Bin, name: &str) -> Result<gst::Element, MixError> {
    bin.by_name(name).ok_or(MixError::Graph { step: "looking for a socket" })
}

/// A new pad of `mixer`, made reachable from outside of `bin`.
pub(super) fn pad(bin: &gst::Bin, mixer: &gst::Element, index: usize) -> Result<(gst::Pad, gst::Pad), MixError> {
    let fail = MixError::Graph { step: "making the pads of a mixer" };
    let Some(inside) = mixer.request_pad_simple("sink_%u") else { return Err(fail) };
    let ghost = gst::GhostPad::builder_with_target(&inside).map(|ghost| ghost.name(format!("slot_{index}")).build());
    let Ok(ghost) = ghost else { return Err(fail) };
    bin.add_pad(&ghost).map_err(|_| fail)?;
    Ok((inside, ghost.upcast()))
}

fn request(bin: &gst::Bin, mixer: &gst::Element, index: usize, late: Duration) -> Result<Slot, MixError> {
    let (inside, ghost) = pad(bin, mixer, index)?;
    inside.set_property("alpha", 0.0);
    inside.set_property_from_str("sizing-policy", "keep-aspect-ratio");
    Ok(Slot::new(ghost, inside, late))
}

/// Says whether a compositor's pad will have to scale pictures: then it is to cost little. Where all have the right size it must
/// not be so, or each picture is copied once more.
pub(crate) fn set_scales(pad: &gst::Pad, scales: bool) {
    let was_set = pad.property::<Option<gst::Structure>>("converter-config").is_some();
    // Each setting makes the compositor think anew.
    if was_set == scales {
        return;
    }
    if !scales {
        return pad.set_property("converter-config", None::<gst::Structure>);
    }
    let mut scaling = gst_video::VideoConverterConfig::new();
    scaling.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
    // Browsers send BT.601, whatever decoders guess from the size: nothing to convert, and much to save.
    scaling.set_matrix_mode(gst_video::VideoMatrixMode::None);
    pad.set_property("converter-config", gst::Structure::from(scaling));
}

/// What a drawn canvas of `size` is.
pub(crate) fn picture_caps(size: Size) -> gst::Caps {
    let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "BGRx")
        .field("width", side(size.width))
        .field("height", side(size.height))
        .field("framerate", gst::Fraction::new(0, 1))
        .build()
}
