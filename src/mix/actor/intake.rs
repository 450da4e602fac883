//! The part of the mix's thread that takes tracks in: each has an input while it is wanted, a pad is free and it does not fail.

use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::Stage;
use crate::media::link::Outlet;
use crate::media::{Codec, Kind};
use crate::mix::MixError;
use crate::mix::input::Input;
use crate::mix::roster::Track;

/// How long a failed input waits for its next try. A sender of garbage must not keep the mix busy.
const RETRY: Duration = Duration::from_secs(2);
/// How the names of all inputs begin.
pub(super) const INPUT: &str = "input-";

impl Stage {
    /// Starts the input of a track that has none.
    pub(super) fn settle_track(&mut self, index: usize, kind: Kind) {
        let Some(track) = self.roster.all[index].track(kind) else { return };
        if let Some(reason) = track.input.as_ref().and_then(|input| input.failure()).map(str::to_owned) {
            return leave_out(track, &reason);
        }
        if track.input.is_some() || track.not_before.is_some_and(|moment| Instant::now() < moment) {
            return;
        }
        let (codec, outlet) = (track.codec, track.outlet.clone());
        let pad = self.free_pad(kind);
        let Some(track) = self.roster.all[index].track(kind) else { return };
        // Said once: it is looked for again and again.
        let was_left_out = std::mem::replace(&mut track.is_left_out, pad.is_none());
        if pad.is_none() && !was_left_out {
            tracing::warn!(mix = %self.pipeline.gst().name(), ?codec, "the mix has no place left: a track is not in it until another goes");
        }
        let Some(pad) = pad else { return };
        let started = self.start_input(index, codec, &outlet, &pad);
        let Some(track) = self.roster.all[index].track(kind) else { return };
        match started {
            Ok(input) => track.input = Some(input),
            Err(error) => {
                tracing::warn!(%error, ?codec, "a track cannot be mixed: it is tried again");
                track.not_before = Some(Instant::now() + RETRY);
            }
        }
    }

    fn start_input(&mut self, index: usize, codec: Codec, outlet: &Outlet, pad: &gst::Pad) -> Result<Input, MixError> {
        let decoder = self.decoders.get(outlet, codec, &self.descriptions)?;
        self.inputs_made += 1;
        // Numbered, since the former input of the same track may still be on its way out.
        let name = format!("{INPUT}{}-{}-{}", self.inputs_made, codec.kind(), self.roster.all[index].person.id);
        // The compositor shows what begins within a picture of its own, that is up to one too early: half of one later is
        // the nearest.
        let rounding = gst::ClockTime::SECOND / 2 / u64::from(self.settings.values.fps.max(1));
        Input::start(self.pipeline.gst(), &name, decoder, pad, rounding)
    }

    fn free_pad(&self, kind: Kind) -> Option<gst::Pad> {
        match kind {
            Kind::Audio => self.audio_pads.iter().find(|pad| !pad.is_linked()).cloned(),
            Kind::Video => {
                // Rather one in which nobody's last picture waits for a tile.
                let free = self.slots.iter().filter(|slot| slot.is_free()).min_by_key(|slot| slot.is_seen());
                free.map(|slot| slot.pad().clone())
            }
        }
    }
}

/// Ends the input of a track, for some time.
pub(super) fn leave_out(track: &mut Track, reason: &str) {
    tracing::warn!(%reason, codec = ?track.codec, "a track left the mix: it is tried again");
    track.input = None;
    track.not_before = Some(Instant::now() + RETRY);
}
