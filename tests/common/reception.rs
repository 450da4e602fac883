//! What a synthetic participant saw and heard of another: packets, pictures, tones; kept in a watch that tests wait on.

use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use tokio::sync::watch;

use super::judge::goertzel;
use super::source::{Look, PITCH, SAMPLES, now};

/// How many pitches are listened for.
const PITCHES: usize = 9;
/// A picture brighter than this in all of red, green and blue is a flash.
const FLASH: f64 = 200.0;

/// The packets of one medium.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// How many came.
    pub packets: u64,
    /// The first few leaps: after how many packets, and over how many sequence numbers.
    pub leaps: Vec<(u64, i64)>,
    first: Option<u64>,
    last: u64,
}

impl Flow {
    /// How many sequence numbers between the first and the last did not come.
    pub fn lost(&self) -> u64 {
        self.first.map_or(0, |first| (self.last - first + 1).saturating_sub(self.packets))
    }

    fn count(&mut self, sequence: u16) {
        self.packets += 1;
        if self.first.is_none() {
            // One cycle of room below, for packets that come before the first one's place.
            self.last = 0x1_0000 + u64::from(sequence);
            self.first = Some(self.last);
            return;
        }
        let step = i64::from(sequence.wrapping_sub(self.last as u16) as i16);
        if step != 1 && self.leaps.len() < 8 {
            self.leaps.push((self.packets - 1, step - 1));
        }
        self.last = self.last.max(self.last.saturating_add_signed(step));
    }
}

/// All that came of one other participant.
#[derive(Debug, Clone)]
pub struct Reception {
    /// When the offer went out.
    pub offered: Instant,
    /// When the answer came.
    pub answered: Option<Instant>,
    /// When the first picture was decoded.
    pub first_frame: Option<Instant>,
    /// Packets of sound.
    pub audio: Flow,
    /// Packets of pictures.
    pub video: Flow,
    /// How many pictures were decoded.
    pub frames: u64,
    /// How often it turned white.
    pub flashes: u64,
    /// The mean colour of the newest picture that was not a flash.
    pub colour: [f64; 3],
    /// The colours in the middle of the left and of the right half of the newest picture in which they did not flash.
    pub halves: [[f64; 3]; 2],
    /// How long after the full second, when everybody flashes, each flash was seen, in seconds.
    pub delays: Vec<f64>,
    /// The loudest that each pitch has been, 1 being full scale.
    pub tones: [f64; PITCHES],
    in_flash: bool,
}

impl Reception {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            offered: Instant::now(),
            answered: None,
            first_frame: None,
            audio: Flow::default(),
            video: Flow::default(),
            frames: 0,
            flashes: 0,
            colour: [0.0; 3],
            halves: [[0.0; 3]; 2],
            delays: Vec::new(),
            tones: [0.0; PITCHES],
            in_flash: false,
        }
    }

    /// Whether the picture is the one of `look`.
    pub fn shows(&self, look: Look) -> bool {
        self.frames > 0 && self.colour.iter().zip(look.colour).all(|(seen, sent)| (seen - f64::from(sent)).abs() < 25.0)
    }

    /// Whether the beep of `look`, and no other as loud, was heard.
    pub fn sounds_like(&self, look: Look) -> bool {
        let own = (look.pitch / PITCH).round() as usize - 1;
        let others = self.tones.iter().enumerate().filter(|(index, _)| *index != own);
        self.tones[own] > 0.03 && others.map(|(_, level)| *level).fold(0.0, f64::max) < self.tones[own] / 3.0
    }

    /// Whether the picture of a mix has `left` and `right` beside each other.
    pub fn shows_both(&self, left: Look, right: Look) -> bool {
        let is = |seen: [f64; 3], look: Look| {
            seen.iter().zip(look.colour).all(|(seen, sent)| (seen - f64::from(sent)).abs() < 30.0)
        };
        self.frames > 0 && is(self.halves[0], left) && is(self.halves[1], right)
    }

    /// Whether the beep of `look` was heard, whoever else was.
    pub fn hears(&self, look: Look) -> bool {
        self.tones[(look.pitch / PITCH).round() as usize - 1] > 0.03
    }

    fn see(&mut self, colour: [f64; 3], halves: [[f64; 3]; 2]) {
        self.first_frame.get_or_insert_with(Instant::now);
        self.frames += 1;
        let flash = halves.iter().all(|half| half.iter().all(|part| *part > FLASH));
        if flash && !self.in_flash {
            self.flashes += 1;
            self.delays.push(now().fract());
        }
        self.in_flash = flash;
        if !flash {
            self.halves = halves;
        }
        if !flash {
            self.colour = colour;
        }
    }

    fn hear(&mut self, samples: &[f32]) {
        for (index, level) in self.tones.iter_mut().enumerate() {
            *level = level.max(goertzel(samples, PITCH * (index as f64 + 1.0), SAMPLES as f64));
        }
    }
}

/// Decodes what comes out of `pad` and reports it.
pub fn receive(pipeline: &gst::Pipeline, pad: &gst::Pad, report: &watch::Sender<Reception>) {
    let caps = pad.current_caps().or_else(|| pad.allowed_caps());
    let field = |name| caps.as_ref().and_then(|caps| caps.structure(0)?.get::<String>(name).ok());
    let is_video = field("media").as_deref() == Some("video");
    count(pad, is_video, report.clone());
    let description = match field("encoding-name").as_deref() {
        Some("H264") => {
            "rtph264depay wait-for-keyframe=true request-keyframe=true ! h264parse ! avdec_h264 max-threads=1 \
             ! videoconvert ! video/x-raw,format=I420 ! appsink name=end sync=false"
        }
        _ if is_video => {
            "rtpvp8depay wait-for-keyframe=true request-keyframe=true ! vp8dec ! video/x-raw,format=I420 ! appsink name=end sync=false"
        }
        _ => {
            "rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE,channels=1,layout=interleaved ! appsink name=end sync=false"
        }
    };
    let bin = gst::parse::bin_from_description(description, true).expect("the decoders are installed");
    let end = bin.by_name("end").and_downcast::<AppSink>().expect("an appsink");
    let report = report.clone();
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let map = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or(gst::FlowError::Error)?;
        if is_video {
            let size = sample.caps().and_then(|caps| gstreamer_video::VideoInfo::from_caps(caps).ok());
            let size = size.ok_or(gst::FlowError::NotNegotiated)?;
            let whole = mean_colour(&map, &size, (0.0, 0.0, 1.0, 1.0));
            let halves = [0.25, 0.75].map(|middle| mean_colour(&map, &size, (middle - 0.05, 0.45, 0.1, 0.1)));
            report.send_modify(|reception| reception.see(whole, halves));
        } else {
            let scale = f32::from(i16::MAX);
            let samples: Vec<f32> =
                map.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / scale).collect();
            report.send_modify(|reception| reception.hear(&samples));
        }
        Ok(gst::FlowSuccess::Ok)
    });
    end.set_callbacks(callbacks.build());
    pipeline.add(&bin).expect("a new bin");
    bin.sync_state_with_parent().expect("the decoders start");
    pad.link(&bin.static_pad("sink").expect("a ghost pad")).expect("the decoders take what was negotiated");
}

fn count(pad: &gst::Pad, is_video: bool, report: watch::Sender<Reception>) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(packet) =
            info.buffer().and_then(|buffer| gstreamer_rtp::RTPBuffer::from_buffer_readable(buffer).ok())
        {
            report.send_modify(|reception| {
                let flow = if is_video { &mut reception.video } else { &mut reception.audio };
                flow.count(packet.seq());
            });
        }
        gst::PadProbeReturn::Ok
    });
}

/// The mean of a part (left, top, width, height as shares) of an I420 picture, as red, green and blue of BT.601.
fn mean_colour(bytes: &[u8], info: &gstreamer_video::VideoInfo, part: (f64, f64, f64, f64)) -> [f64; 3] {
    let mean = |plane: usize| {
        let (width, height) = (f64::from(info.comp_width(plane as u8)), f64::from(info.comp_height(plane as u8)));
        let (begin, stride) = (info.offset()[plane], info.stride()[plane] as usize);
        let (left, top) = ((width * part.0) as usize, (height * part.1) as usize);
        let (width, height) = ((width * part.2) as usize, (height * part.3) as usize);
        let rows = (top..top + height).map(|row| &bytes[begin + row * stride + left..][..width]);
        rows.flatten().map(|value| u64::from(*value)).sum::<u64>() as f64 / (width * height) as f64
    };
    let (luma, blueness, redness) = (1.164 * (mean(0) - 16.0), mean(1) - 128.0, mean(2) - 128.0);
    [luma + 1.596 * redness, luma - 0.392 * blueness - 0.813 * redness, luma + 2.017 * blueness]
        .map(|v| v.clamp(0.0, 255.0))
}
