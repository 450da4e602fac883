//! One stream of a file: decides under a short lock what is written, and hands it to the muxer's queue.
//!
//! Threads: frames come in a streaming thread, ticks in the recording's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::intake::Frame;
use super::span::Span;
use super::strand::{FRAME, Gap, Picture, Silence, Sound, Verdict};
use super::tile::Tile;
use crate::mix::Encoding;
use crate::mix::layout::Size;

/// What waits for a disk before something is left out.
const BOUND: gst::ClockTime = gst::ClockTime::from_seconds(30);
/// A frame of silence, and half a one: RFC 6716, section 3.1, CELT over the full band in one frame of 20 and of 10 ms, of
/// which nothing is coded.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
const HALF_SILENCE: [u8; 3] = [0xf0, 0xff, 0xfe];

/// A stream of a file.
#[derive(Debug, Clone)]
pub(super) struct Track {
    span: Arc<Mutex<Span>>,
    /// Where the file begins on the recording's clock.
    start: u64,
    source: gst_app::AppSrc,
    strand: Arc<Mutex<Strand>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Strand {
    Sound(Sound),
    Picture { picture: Picture, size: Option<Size> },
}

impl Track {
    pub(super) fn new(encoding: Encoding, span: &Arc<Mutex<Span>>, start: u64) -> Self {
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).is_live(true).max_bytes(0).build();
        let strand = match encoding {
            Encoding::H264 | Encoding::Vp8 => Strand::Picture { picture: Picture::new(), size: None },
            Encoding::Aac | Encoding::Opus => {
                source.set_caps(Some(&silence_caps()));
                Strand::Sound(Sound::default())
            }
        };
        Self { span: Arc::clone(span), start, source, strand: Arc::new(Mutex::new(strand)), dropped: Arc::default() }
    }

    pub(super) fn element(&self) -> &gst::Element {
        gst::prelude::Cast::upcast_ref(&self.source)
    }

    /// Takes what came. Returns whether a keyframe is wanted.
    pub(super) fn take(&self, frame: Frame) -> bool {
        let Some(at) = lock(&self.span).place(frame.at.nseconds()) else { return false };
        let Some(at) = at.checked_sub(self.start) else { return false };
        let Frame { buffer, caps, .. } = frame;
        let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        if self.is_full() {
            // The newest, not what waits: of that nothing is to be missing. What comes next begins with a keyframe, and
            // silence or a tile stands in.
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.cut();
            return false;
        }
        match &mut *self.strand() {
            Strand::Sound(sound) => {
                let duration = buffer.duration().map_or(FRAME, gst::ClockTime::nseconds);
                let (silence, at) = sound.packet(at, duration);
                self.be_silent(silence);
                if let Some(at) = at {
                    self.push(buffer, at, Some(duration), None);
                }
                false
            }
            Strand::Picture { picture, size } => match picture.frame(at, keyframe) {
                Verdict::Write(at) => {
                    *size = size_of(&caps).or(*size);
                    self.push(buffer, at, None, Some(&caps));
                    false
                }
                Verdict::Drop => false,
                Verdict::WantKeyframe => true,
            },
        }
    }

    /// Lets silence or a tile stand in for what did not come until the running time `now`; `tile` gives one of a size.
    pub(super) fn fill(&self, now: u64, tile: impl FnOnce(Option<Size>) -> Option<Tile>) {
        if self.is_full() {
            return;
        }
        let (so_far, runs) = {
            let span = lock(&self.span);
            (span.so_far(now), span.runs())
        };
        let now = so_far.saturating_sub(self.start);
        match &mut *self.strand() {
            Strand::Sound(sound) => {
                let silence = sound.idle(now);
                self.be_silent(silence);
            }
            Strand::Picture { picture, size } if runs => {
                if let Some(at) = picture.tile(now)
                    && let Some(tile) = tile(*size)
                {
                    self.push(tile.buffer, at, None, Some(&tile.caps));
                }
            }
            Strand::Picture { .. } => {}
        }
    }

    /// Nothing comes from now on.
    pub(super) fn mute(&self, now: u64) {
        let now = lock(&self.span).so_far(now).saturating_sub(self.start);
        if let Strand::Picture { picture, .. } = &mut *self.strand() {
            picture.mute(now);
        }
    }

    /// Something comes again.
    pub(super) fn show(&self) {
        if let Strand::Picture { picture, .. } = &mut *self.strand() {
            picture.show();
        }
    }

    /// What comes next does not follow what came last.
    pub(super) fn cut(&self) {
        if let Strand::Picture { picture, .. } = &mut *self.strand() {
            picture.cut();
        }
    }

    /// How many packets were left out, since the disk was too slow for them.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.source.current_level_time() >= BOUND
    }

    /// Whether more silence is to be made than at once, before the file may end at `end`, on the recording's clock.
    pub(super) fn lacks(&self, end: u64) -> bool {
        let end = end.saturating_sub(self.start);
        match &*self.strand() {
            Strand::Sound(sound) => sound.lacks(end),
            Strand::Picture { .. } => false,
        }
    }

    /// Ends the stream at `end` on the recording's clock.
    pub(super) fn close(&self, end: u64) {
        let end = end.saturating_sub(self.start);
        if let Strand::Sound(sound) = &mut *self.strand() {
            let silence = sound.close(end);
            self.be_silent(silence);
        }
        // Refused only by a pipeline that has failed.
        let _ = self.source.end_of_stream();
    }

    /// When something stood in for what did not come, in a file that ends at `end` on the recording's clock.
    pub(super) fn gaps(&self, end: u64) -> Vec<Gap> {
        match &mut *self.strand() {
            Strand::Sound(sound) => sound.gaps().to_vec(),
            Strand::Picture { picture, .. } => picture.gaps(end.saturating_sub(self.start)).to_vec(),
        }
    }

    fn be_silent(&self, silence: Silence) {
        for (at, length) in silence.frames() {
            let frame = if length < FRAME { HALF_SILENCE } else { SILENCE };
            self.push(gst::Buffer::from_slice(frame), at, Some(length), None);
        }
    }

    fn push(&self, mut buffer: gst::Buffer, at: u64, duration: Option<u64>, caps: Option<&gst::Caps>) {
        let writable = buffer.make_mut();
        writable.set_pts(gst::ClockTime::from_nseconds(at));
        writable.set_dts(gst::ClockTime::NONE);
        if let Some(duration) = duration {
            writable.set_duration(gst::ClockTime::from_nseconds(duration));
        }
        let caps = caps.map(plain);
        if caps.is_some() && self.source.caps() != caps {
            self.source.set_caps(caps.as_ref());
        }
        // Refused only by a pipeline that has ended or failed.
        let _ = self.source.push_buffer(buffer);
    }

    fn strand(&self) -> MutexGuard<'_, Strand> {
        lock(&self.strand)
    }
}

/// What of `caps` a file has to know: muxers refuse other fields that change.
fn plain(caps: &gst::Caps) -> gst::Caps {
    let Some(known) = caps.structure(0) else { return caps.clone() };
    let mut plain = gst::Structure::new_empty(known.name().as_str());
    for field in ["width", "height", "stream-format", "alignment", "codec_data"] {
        if let Ok(value) = known.value(field) {
            plain.set_value(field, value.clone());
        }
    }
    // WebM's muxer insists on one.
    plain.set("framerate", gst::Fraction::new(0, 1));
    gst::Caps::from(plain)
}

fn silence_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-opus")
        .field("rate", 48_000)
        .field("channels", 2)
        .field("channel-mapping-family", 0)
        .build()
}

fn size_of(caps: &gst::Caps) -> Option<Size> {
    let known = caps.structure(0)?;
    let side = |name| u32::try_from(known.get::<i32>(name).ok()?).ok();
    Some(Size { width: side("width")?, height: side("height")? })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is held is changed by single steps: a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gstreamer::prelude::*;

    #[test]
    fn what_does_not_fit_is_counted_and_pictures_go_on_with_a_keyframe() {
        gst::init().unwrap();
        let mut span = Span::default();
        span.begin(0);
        let track = Track::new(Encoding::Vp8, &Arc::new(Mutex::new(span)), 0);
        let pipeline = gst::Pipeline::new();
        let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
        pipeline.add_many([track.element(), &sink]).unwrap();
        track.element().link(&sink).unwrap();
        // A disk that hangs.
        let pad = track.element().static_pad("src").unwrap();
        let hold = pad.add_probe(gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER, |_, _| gst::PadProbeReturn::Ok);
        pipeline.set_state(gst::State::Playing).unwrap();
        let caps = gst::Caps::builder("video/x-vp8").field("width", 320).field("height", 240).build();
        let frame = |index: u64, keyframe: bool| {
            let mut buffer = gst::Buffer::from_slice([0; 10]);
            if !keyframe {
                buffer.get_mut().unwrap().set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            track.take(Frame { buffer, caps: caps.clone(), at: gst::ClockTime::from_mseconds(100 * index) })
        };
        (0..400).for_each(|index| assert!(!frame(index, index == 0)));
        let dropped = track.dropped();
        assert!((80..=110).contains(&dropped), "{dropped} of 400 pictures, of which 300 fit");
        // The disk goes on.
        hold.into_iter().for_each(|hold| pad.remove_probe(hold));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while track.is_full() {
            assert!(std::time::Instant::now() < deadline, "the queue does not drain");
            std::thread::yield_now();
        }
        assert!(frame(401, false), "a picture that builds on what was dropped is none: a keyframe is asked for");
        assert!(!frame(402, true));
        assert_eq!(track.dropped(), dropped);
        pipeline.set_state(gst::State::Null).unwrap();
    }
}
