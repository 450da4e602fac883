//! The sound: an audiomixer over a silence that is always there.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::MixError;
use super::video::{self, pad, socket};
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Pipeline;

/// Lets what [`build`] made begin at the present, once it is paused.
pub(super) fn start_now(bin: &gst::Bin) -> Result<(), MixError> {
    // It counts from zero, and would first hurry through all the time that has passed since the process began.
    let offset = i64::try_from(Pipeline::running_time().nseconds()).unwrap_or(0);
    socket(bin, "silence")?.set_property("timestamp-offset", offset);
    video::start_now(&socket(bin, "mixer")?)
}

/// Builds the sound's half of the mix with `pads` places for voices, which are handed out as well.
pub(super) fn build(
    descriptions: &Descriptions,
    values: &Values,
    pads: usize,
) -> Result<(gst::Bin, Vec<gst::Pad>), MixError> {
    let bin = descriptions.build("mix/audio.launch", values)?;
    let mixer = socket(&bin, "mixer")?;
    let pads = (0..pads).map(|index| pad(&bin, &mixer, index).map(|(_, ghost)| ghost)).collect::<Result<_, _>>()?;
    Ok((bin, pads))
}
