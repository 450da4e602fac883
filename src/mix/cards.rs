//! Name tiles that lie on somebody's video: as videos of one picture, since all that is drawn lies below.

use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::input::leave;
use super::layout::{Place, Placement, Size};
use super::slot::Slot;
use super::video::picture_caps;
use super::{MixError, name_tile};
use crate::id::ParticipantId;

/// How the names of all cards begin.
const NAME: &str = "card-";

/// Whether the top-level element called `name` is a card.
pub(super) fn is_one(name: &str) -> bool {
    name.starts_with(NAME)
}

/// A tile that is to lie on videos.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) id: ParticipantId,
    pub(super) place: Place,
    pub(super) name: String,
}

/// All of a mix.
#[derive(Debug, Default)]
pub(super) struct Cards {
    all: Vec<Card>,
    made: u64,
}

/// A card in the mix; dropping it takes it out.
#[derive(Debug)]
struct Card {
    id: ParticipantId,
    size: Size,
    name: String,
    bin: gst::Bin,
    out: gst::Pad,
    pad: gst::Pad,
}

impl Cards {
    /// Makes the cards those that are `wanted`, and notes which slots they use. Where none is free, the tile below has to do.
    pub(super) fn settle(
        &mut self,
        wanted: &[Wanted],
        pipeline: &gst::Pipeline,
        fps: u32,
        slots: &mut [Slot],
        used: &mut [bool],
    ) {
        self.all.retain(|card| wanted.iter().any(|wanted| card.is(wanted)));
        for wanted in wanted {
            if !self.all.iter().any(|card| card.is(wanted))
                && let Some(slot) = slots.iter().find(|slot| slot.is_free())
            {
                self.made += 1;
                match Card::start(pipeline, &format!("{NAME}{}", self.made), wanted, fps, slot.pad()) {
                    Ok(card) => self.all.push(card),
                    Err(error) => tracing::warn!(%error, "a tile lies below a video"),
                }
            }
            let card = self.all.iter().find(|card| card.is(wanted));
            let slot = card.and_then(|card| slots.iter().position(|slot| *slot.pad() == card.pad));
            if let Some(slot) = slot {
                let now = Instant::now();
                slots[slot].show(&wanted.id, wanted.place, None, now, now);
                used[slot] = true;
            }
        }
    }
}

fn size(Placement { width, height, .. }: Placement) -> Size {
    Size { width, height }
}

impl Card {
    fn is(&self, wanted: &Wanted) -> bool {
        self.id == wanted.id && self.size == size(wanted.place.placement) && self.name == wanted.name
    }

    fn start(
        pipeline: &gst::Pipeline,
        name: &str,
        wanted: &Wanted,
        fps: u32,
        pad: &gst::Pad,
    ) -> Result<Self, MixError> {
        let fail = |_| MixError::Graph { step: "making a card" };
        let missing = || MixError::Graph { step: "making a card" };
        let make = gst::ElementFactory::make;
        let size = size(wanted.place.placement);
        let source =
            gst_app::AppSrc::builder().is_live(true).format(gst::Format::Time).caps(&picture_caps(size)).build();
        let convert = make("videoconvert").build().map_err(fail)?;
        // As the tiles below: see mix/video.launch.
        let colours = gst::Caps::builder("video/x-raw").field("format", "I420").field("colorimetry", "bt601").build();
        let colours = make("capsfilter").property("caps", colours).build().map_err(fail)?;
        let freeze = make("imagefreeze").property("is-live", true).build().map_err(fail)?;
        let rate = gst::Fraction::new(i32::try_from(fps.max(1)).unwrap_or(i32::MAX), 1);
        let rate = gst::Caps::builder("video/x-raw").field("framerate", rate).build();
        let rate = make("capsfilter").property("caps", rate).build().map_err(fail)?;
        let queue = make("queue").property("max-size-time", 1_000_000_000u64).property("max-size-buffers", 0u32);
        let queue = queue.property("max-size-bytes", 0u32).build().map_err(fail)?;
        let chain = [source.upcast_ref(), &convert, &colours, &freeze, &rate, &queue];
        let bin = gst::Bin::with_name(name);
        bin.add_many(chain).map_err(fail)?;
        gst::Element::link_many(chain).map_err(fail)?;
        let out = gst::GhostPad::with_target(&queue.static_pad("src").ok_or_else(missing)?).map_err(fail)?;
        bin.add_pad(&out).map_err(fail)?;
        let picture = name_tile(size, &wanted.name)?;
        pipeline.add(&bin).map_err(fail)?;
        let card =
            Self { id: wanted.id.clone(), size, name: wanted.name.clone(), bin, out: out.upcast(), pad: pad.clone() };
        card.out.link(&card.pad).map_err(|_| missing())?;
        card.bin.sync_state_with_parent().map_err(fail)?;
        source.push_buffer(gst::Buffer::from_mut_slice(picture)).map_err(|_| missing())?;
        Ok(card)
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        leave(&self.bin, &self.out, &self.pad);
    }
}

/// Whether some of `place` lies on another one.
pub(super) fn lies_on_another(place: &Place, all: &[Option<Place>]) -> bool {
    let meet = |a: Placement, b: Placement| {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    };
    all.iter().flatten().any(|other| other.z < place.z && meet(other.placement, place.placement))
}
