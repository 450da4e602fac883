//! The mix in one codec, encoded once for all who want it.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::encoding::{self, Encoding};
use super::priming::undo_priming;
use super::{MixError, pace};
use crate::media::Kind;
use crate::media::description::{Descriptions, Values};
use crate::media::graft::{self, Branch};
use crate::media::link::Outlet;
use crate::metrics::metrics;
use crate::metrics::share::One;

/// How much may wait for an encoder that is too slow, before pictures or sound are left out.
const PICTURES: u32 = 15;
const SOUND: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// How the names of all encoders begin.
const NAME: &str = "encoder-";

/// Whether the top-level element called `name` is an encoder.
pub(super) fn is_one(name: &str) -> bool {
    name.starts_with(NAME)
}

/// An encoder at work. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) encoding: Encoding,
    pub(super) outlet: Outlet,
    /// How many want it.
    pub(super) users: usize,
    bin: gst::Bin,
    branch: Option<Branch>,
    _counted: One,
}

impl Encoder {
    /// Encodes what leaves `tee`, for one user.
    pub(super) fn start(
        pipeline: &gst::Pipeline,
        tee: &gst::Element,
        encoding: Encoding,
        descriptions: &Descriptions,
        values: &Values,
    ) -> Result<Self, MixError> {
        let fail = |_| MixError::Graph { step: "building an encoder" };
        let encode = descriptions.build(encoding::description(encoding), values)?;
        let queue = gst::ElementFactory::make("queue").property_from_str("leaky", "downstream");
        let queue = queue.property("max-size-bytes", 0u32);
        let queue = match encoding.kind() {
            Kind::Video => queue.property("max-size-buffers", PICTURES).property("max-size-time", 0u64),
            Kind::Audio => queue.property("max-size-buffers", 0u32).property("max-size-time", SOUND),
        };
        let queue = queue.build().map_err(fail)?;
        let outlet = Outlet::new("outlet");
        let bin = gst::Bin::builder().name(format!("{NAME}{encoding:?}-{}", ulid::Ulid::generate())).build();
        bin.add_many([&queue, encode.upcast_ref(), outlet.element()]).map_err(fail)?;
        queue.link_pads(Some("src"), &encode, Some("in")).map_err(fail)?;
        if encoding == Encoding::Aac {
            let out = encode.static_pad("out").ok_or(MixError::Graph { step: "looking for an encoder's pad" })?;
            undo_priming(&out);
        }
        encode.link_pads(Some("out"), outlet.element(), Some("sink")).map_err(fail)?;
        if let Some(out) = outlet.element().static_pad("sink") {
            pace::time_encoder(&queue, &out, encoding);
        }
        let entry = queue.static_pad("sink").ok_or(MixError::Graph { step: "looking for a queue's sink" })?;
        graft::add(pipeline.upcast_ref(), &bin)?;
        let counted = One::of(&metrics().mixes.encoders.get_or_create(&encoding.into()));
        let mut encoder = Self { encoding, outlet, users: 1, bin, branch: None, _counted: counted };
        encoder.branch = Some(Branch::new(tee, Some(&encoder.bin), &entry)?);
        Ok(encoder)
    }

    /// Whether its top-level element is called `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.bin.name() == name
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.branch = None;
        graft::remove(&self.bin);
    }
}
