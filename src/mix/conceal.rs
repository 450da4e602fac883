//! Sound that got lost on the way is made up by the decoder: it has to be told, for a link hands on packets and no events.
//!
//! Were it told of a break instead, opusdec 1.22 would end what it has, decode the next packet twice, and give all that
//! follows 20 ms late.

use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

/// How long packets are that do not say so.
const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(20);
/// Less is no loss.
const LEAST: gst::ClockTime = gst::ClockTime::from_mseconds(5);
/// Longer than that nobody can make it up.
const MOST: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Tells what hangs on `pad`, a source of frames, of the gaps between them.
pub(super) fn conceal(pad: &gst::Pad) {
    // When the last frame ended, in nanoseconds; 0 before the first.
    let ended = AtomicU64::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some((buffer, begin)) = info.buffer_mut().and_then(|buffer| buffer.pts().map(|begin| (buffer, begin)))
        else {
            return gst::PadProbeReturn::Ok;
        };
        let end = begin + buffer.duration().unwrap_or(FRAME);
        let since = gst::ClockTime::from_nseconds(ended.swap(end.nseconds(), Ordering::Relaxed));
        buffer.make_mut().unset_flags(gst::BufferFlags::DISCONT);
        let gap = begin.saturating_sub(since);
        if (LEAST..=MOST).contains(&gap) {
            pad.push_event(gst::event::Gap::builder(since).duration(gap).build());
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::description::{Descriptions, Values};
    use gstreamer_check::Harness;

    const RATE: u64 = 48_000;
    const STEP: u64 = 20;
    const LOST: std::ops::RangeInclusive<u64> = 30..=30;

    /// A tone as packets of 20 ms.
    fn packets(count: u64) -> Vec<gst::Buffer> {
        let mut encoder = Harness::new_parse("opusenc inband-fec=true ! rtpopuspay");
        encoder.set_src_caps_str("audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved");
        for step in 0..count {
            let samples = step * RATE * STEP / 1000..(step + 1) * RATE * STEP / 1000;
            let tone = samples.flat_map(|sample| {
                let level = (std::f64::consts::TAU * 440.0 * sample as f64 / RATE as f64).sin() * 8000.0;
                [level as i16; 2].into_iter().flat_map(i16::to_le_bytes)
            });
            let mut buffer = gst::Buffer::from_mut_slice(tone.collect::<Vec<_>>());
            let whole = buffer.make_mut();
            whole.set_pts(gst::ClockTime::from_mseconds(step * STEP));
            whole.set_duration(gst::ClockTime::from_mseconds(STEP));
            encoder.push(buffer).unwrap();
        }
        std::iter::from_fn(|| encoder.try_pull()).collect()
    }

    /// What the decoder gives of them: when each part begins and ends, and how loud it is.
    fn decoded(packets: &[gst::Buffer]) -> Vec<(f64, f64, f64)> {
        let decode = Descriptions::built_in().build("input/audio-opus.launch", &Values::default()).unwrap();
        conceal(&decode.by_name("rtp").and_then(|unpack| unpack.static_pad("src")).unwrap());
        let mut decoder = Harness::with_element(&decode, Some("rtp"), Some("out"));
        decoder.set_src_caps_str("application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=96");
        for packet in packets {
            decoder.push(packet.clone()).unwrap();
        }
        let parts = std::iter::from_fn(|| decoder.try_pull()).map(|part| {
            let seconds = |time: Option<gst::ClockTime>| time.unwrap().nseconds() as f64 / 1e9;
            let begin = seconds(part.pts());
            let map = part.map_readable().unwrap();
            let samples = map.chunks_exact(2).map(|two| f64::from(i16::from_le_bytes([two[0], two[1]])));
            let loudness = (samples.map(|sample| sample * sample).sum::<f64>() / (map.len() as f64 / 2.0)).sqrt();
            (begin, begin + map.len() as f64 / 4.0 / RATE as f64, loudness)
        });
        parts.collect()
    }

    #[test]
    fn what_is_lost_is_made_up_and_what_follows_is_in_time() {
        gst::init().unwrap();
        let all = packets(60);
        let whole = decoded(&all);
        let (mut left, mut index) = (all, 0);
        left.retain(|_| {
            index += 1;
            !LOST.contains(&(index - 1))
        });
        let mended = decoded(&left);
        let end = |parts: &[(f64, f64, f64)]| parts.last().unwrap().1;
        assert!((end(&whole) - end(&mended)).abs() < 0.0005, "{} s, {} s", end(&whole), end(&mended));
        // The encoder's first packet is shorter than its sound.
        for pair in mended[1..].windows(2) {
            assert!((pair[1].0 - pair[0].1).abs() < 0.001, "from {} to {}", pair[0].1, pair[1].0);
        }
        let lost = mended.iter().find(|part| (part.0 - *LOST.start() as f64 * 0.02).abs() < 0.011).unwrap();
        assert!(lost.2 > 2000.0, "as loud as {} instead of 5657", lost.2);
    }
}
