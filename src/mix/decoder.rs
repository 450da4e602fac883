//! Tracks made raw, each once, for all mixes of a room that show or sound it.
//!
//! ```text
//!                                       ┌ link → input of one mix
//! outlet of a track ─ link ─ decoder ─ outlet
//!                                       └ link → input of another
//! ```
//!
//! A decoder is a pipeline of its own: what fails in it ends the inputs that take from it, and no mix. It runs for as long as
//! somebody has it.
//!
//! Threads: those of the mixes. Whoever wants one waits while another makes one, which takes milliseconds.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use gstreamer::prelude::*;

use super::MixError;
use super::conceal::conceal;
use crate::media::bus::BusEventKind;
use crate::media::description::{Descriptions, Values};
use crate::media::link::{Link, Outlet};
use crate::media::pipeline::Pipeline;
use crate::media::{Codec, Kind};

/// The decoders of a room. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Decoders {
    all: Arc<Mutex<Vec<Weak<Decoder>>>>,
}

impl Decoders {
    /// How many run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().iter().filter(|decoder| decoder.strong_count() > 0).count()
    }

    /// What decodes `track`, made if nobody has it yet or if it failed. Must be called within a Tokio runtime.
    pub(super) fn get(
        &self,
        track: &Outlet,
        codec: Codec,
        descriptions: &Descriptions,
    ) -> Result<Arc<Decoder>, MixError> {
        // Kept until there is one, so that two mixes at the same moment get the same.
        let mut all = self.lock();
        all.retain(|decoder| decoder.strong_count() > 0);
        let fits =
            |decoder: &Arc<Decoder>| decoder.codec == codec && decoder.track == *track && decoder.failure().is_none();
        if let Some(decoder) = all.iter().filter_map(Weak::upgrade).find(fits) {
            return Ok(decoder);
        }
        let decoder = Arc::new(Decoder::start(track, codec, descriptions)?);
        all.push(Arc::downgrade(&decoder));
        Ok(decoder)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Decoder>>> {
        // Changed by single steps only.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A track that is decoded; dropping the last of it ends it.
#[derive(Debug)]
pub(super) struct Decoder {
    // First, so that nothing comes into a pipeline that ends.
    _link: Link,
    outlet: Outlet,
    track: Outlet,
    codec: Codec,
    failure: Arc<OnceLock<String>>,
    _pipeline: Pipeline,
}

impl Decoder {
    fn start(track: &Outlet, codec: Codec, descriptions: &Descriptions) -> Result<Self, MixError> {
        let fail = |_| MixError::Graph { step: "building a decoder" };
        // Mixes of several sizes take from it: the numbers of none count.
        let decode = descriptions.build(description_of(codec), &Values::default())?;
        if codec.kind() == Kind::Audio
            && let Some(frames) = decode.by_name("rtp").and_then(|unpack| unpack.static_pad("src"))
        {
            conceal(&frames);
        }
        let mut link = Link::new("rtp", track.caps().as_ref());
        let outlet = Outlet::decoded("raw");
        let (pipeline, mut events) = Pipeline::new(&format!("decoder-{}-{}", codec.kind(), ulid::Ulid::generate()));
        pipeline.gst().add_many([link.element(), decode.upcast_ref(), outlet.element()]).map_err(fail)?;
        link.element().link_pads(Some("src"), &decode, Some("rtp")).map_err(fail)?;
        decode.link_pads(Some("out"), outlet.element(), Some("sink")).map_err(fail)?;
        pipeline.play()?;
        // Only now: what comes before it plays would be lost, and with it the first keyframe.
        link.attach(track);
        let failure = Arc::new(OnceLock::new());
        let failed = Arc::clone(&failure);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let reason = match event.kind {
                    BusEventKind::Error(reason) => reason,
                    BusEventKind::Eos => "the decoder came to an end by itself".to_owned(),
                };
                // The first is the reason for all that follow.
                let _ = failed.set(reason);
            }
        });
        Ok(Self { _link: link, outlet, track: track.clone(), codec, failure, _pipeline: pipeline })
    }

    /// Where it leaves, raw.
    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// What it decodes.
    pub(super) fn kind(&self) -> Kind {
        self.codec.kind()
    }

    /// Why nothing more will come, if that is so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}

fn description_of(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "input/audio-opus.launch",
        Codec::Vp8 => "input/video-vp8.launch",
        Codec::H264 => "input/video-h264.launch",
    }
}
