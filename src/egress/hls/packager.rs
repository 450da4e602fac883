//! From what two streams give to the shelf.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::cutter::{Cut, Cutter, Sample};
use super::fragment::Tracks;
use super::playlist::PartLine;
use super::shelf::{self, Description, Shelf};
use crate::config;
use crate::egress::manifest::unix_ms;
use crate::media::Kind;
use crate::media::pipeline::Pipeline;

/// How long segments and parts are, and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::egress) struct Lengths {
    /// Of a segment: whole seconds.
    pub(in crate::egress) segment: Duration,
    /// Of a part.
    pub(in crate::egress) part: Duration,
    /// Of what is kept.
    pub(in crate::egress) kept: Duration,
}

impl From<&config::Hls> for Lengths {
    fn from(settings: &config::Hls) -> Self {
        Self {
            segment: Duration::from_secs(settings.segment_seconds),
            part: Duration::from_secs_f64(settings.part_seconds),
            kept: Duration::from_secs(settings.retention_seconds),
        }
    }
}

impl Lengths {
    /// An empty shelf for such a stream.
    pub(in crate::egress) fn shelf(&self) -> Shelf {
        let lengths = shelf::Lengths {
            segment: self.segment.as_secs(),
            // What is said must hold, and a picture may be late.
            part: self.part.as_secs_f64() * 1.1,
            kept: self.kept.as_secs(),
        };
        // Since no two begin within the same millisecond at one address.
        Shelf::new(format!("{:x}", unix_ms(SystemTime::now())), lengths)
    }
}

/// What the sound's caps say.
type Sound = (Bytes, u16, u16);
/// What the pictures' caps say.
type Pictures = (Bytes, u16, u16, u32);

struct Packager {
    /// Gone with its output, which does not wait for the pipeline's end.
    shelf: Weak<Shelf>,
    cutter: Cutter,
    pictures: Option<Pictures>,
    sound: Option<Sound>,
    tracks: Option<Tracks>,
    /// The running time at which the stream's own time begins.
    origin: Option<u64>,
    number: u32,
    bits: u64,
}

/// Lets what comes to two sinks, of H.264 and of AAC, go to `shelf`. `bits` is the most that both take a second.
pub(in crate::egress) fn install(
    pictures: &gst_app::AppSink,
    sound: &gst_app::AppSink,
    shelf: &Arc<Shelf>,
    lengths: Lengths,
    bits: u64,
) {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let packager = Packager {
        shelf: Arc::downgrade(shelf),
        cutter: Cutter::new(nanoseconds(lengths.segment), nanoseconds(lengths.part)),
        pictures: None,
        sound: None,
        tracks: None,
        origin: None,
        number: 0,
        bits,
    };
    let packager = Arc::new(Mutex::new(packager));
    for (sink, kind) in [(pictures, Kind::Video), (sound, Kind::Audio)] {
        let packager = Arc::clone(&packager);
        let take = move |sink: &gst_app::AppSink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let mut packager = packager.lock().unwrap_or_else(PoisonError::into_inner);
            packager.take(kind, &sample).map_err(|error| {
                tracing::error!(error, "a part of an HLS stream cannot be made");
                gst::FlowError::Error
            })?;
            Ok(gst::FlowSuccess::Ok)
        };
        sink.set_callbacks(gst_app::AppSinkCallbacks::builder().new_sample(take).build());
    }
}

impl Packager {
    fn take(&mut self, kind: Kind, sample: &gst::Sample) -> Result<(), String> {
        let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else { return Ok(()) };
        match kind {
            Kind::Video if self.pictures.is_none() => self.pictures = pictures(caps),
            Kind::Audio if self.sound.is_none() => self.sound = sound(caps),
            _ => {}
        }
        let Some(taken) = read(kind, buffer, sample.segment()) else { return Ok(()) };
        let whole = match kind {
            Kind::Video => self.cutter.picture(taken),
            Kind::Audio => self.cutter.sound(taken),
        };
        whole.map_or(Ok(()), |cut| self.put(&cut)).map_err(|error| error.to_string())
    }

    fn put(&mut self, cut: &Cut) -> mp4_atom::Result<()> {
        if self.tracks.is_none() {
            self.tracks = self.describe()?;
        }
        let (Some(tracks), Some(shelf)) = (&self.tracks, self.shelf.upgrade()) else { return Ok(()) };
        let origin = *self.origin.get_or_insert_with(|| cut.at());
        self.number = self.number.wrapping_add(1);
        let bytes = tracks.part(self.number, origin, cut)?;
        let ago = Pipeline::running_time().nseconds().saturating_sub(cut.at()) / 1_000_000;
        let began_ms = unix_ms(SystemTime::now()).saturating_sub(ago);
        let line = PartLine { lasts: cut.lasts as f64 / 1e9, independent: cut.is_independent() };
        shelf.put(line, bytes, began_ms, cut.ends_segment);
        Ok(())
    }

    /// What the stream is, once both tracks have said so.
    fn describe(&self) -> mp4_atom::Result<Option<Tracks>> {
        let (Some((avcc, width, height, fps)), Some((aac, rate, channels))) = (&self.pictures, &self.sound) else {
            return Ok(None);
        };
        let (width, height) = (*width, *height);
        let tracks = Tracks { avcc: avcc.clone(), width, height, aac: aac.clone(), rate: *rate, channels: *channels };
        let description = Description { codecs: tracks.codecs(), width, height, fps: *fps, bits: self.bits };
        if let Some(shelf) = self.shelf.upgrade() {
            shelf.describe(description, tracks.header()?);
        }
        Ok(Some(tracks))
    }
}

fn read(kind: Kind, buffer: &gst::BufferRef, segment: Option<&gst::Segment>) -> Option<Sample> {
    let segment = segment?.downcast_ref::<gst::ClockTime>()?;
    // An encoder may count from anywhere.
    let running = |time: Option<gst::ClockTime>| time.and_then(|time| segment.to_running_time(time));
    let shown = running(buffer.pts())?;
    // Sound is decoded when it is heard, whatever encoders say.
    let at = running(buffer.dts()).filter(|at| kind == Kind::Video && *at <= shown).unwrap_or(shown);
    let data = Bytes::copy_from_slice(&buffer.map_readable().ok()?);
    Some(Sample {
        at: at.nseconds(),
        shown_after: shown.saturating_sub(at).nseconds(),
        lasts: buffer.duration().map_or(0, gst::ClockTime::nseconds),
        keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        data,
    })
}

fn codec_data(caps: &gst::StructureRef) -> Option<Bytes> {
    let data = caps.get::<gst::Buffer>("codec_data").ok()?;
    Some(Bytes::copy_from_slice(&data.map_readable().ok()?))
}

fn number(caps: &gst::StructureRef, name: &str) -> Option<u16> {
    caps.get::<i32>(name).ok().and_then(|number| u16::try_from(number).ok())
}

fn pictures(caps: &gst::CapsRef) -> Option<Pictures> {
    let caps = caps.structure(0)?;
    let rate = caps.get::<gst::Fraction>("framerate").ok().map_or(30, |rate| rate.numer() / rate.denom().max(1));
    Some((codec_data(caps)?, number(caps, "width")?, number(caps, "height")?, u32::try_from(rate).unwrap_or(30)))
}

fn sound(caps: &gst::CapsRef) -> Option<Sound> {
    let caps = caps.structure(0)?;
    Some((codec_data(caps)?, number(caps, "rate")?, number(caps, "channels")?))
}
