//! The state of one forwarder: its settings, its stream, its counters, and which events downstream still lacks.
//!
//! Lives under the element's lock, held for one packet or one list, and never while anything is pushed.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;

use super::assemble::{self, Header};
use super::stream::{Stream, Verdict};
use super::{ForwarderStats, KeyframeThrottle, Output};
use crate::elements::arrival;
use crate::elements::packet::Packet;
use crate::media::Kind;

/// For a forwarder that was made by name and not yet given a publication.
const INTERVAL: Duration = Duration::from_millis(500);

type Segment = gst::FormattedSegment<gst::ClockTime>;

/// A packet whose way is timed: what it is of, and the running time at which it arrived.
pub(super) type Timed = (Kind, gst::ClockTime);

/// What an element made by name lacks until it is configured; see [`Branch::set_output`].
struct Configured {
    output: Output,
    stream: Stream,
    caps: gst::Caps,
}

/// See the module.
pub(super) struct Branch {
    configured: Option<Configured>,
    open: bool,
    throttle: Arc<KeyframeThrottle>,
    incoming: Option<u32>,
    segment: Segment,
    started: bool,
    caps_sent: bool,
    segment_sent: Option<Segment>,
    stats: ForwarderStats,
    wanted: bool,
    /// Whether the source has changed and nothing of the new one has passed yet.
    switched: bool,
    began: bool,
    times: bool,
    timed: Option<Timed>,
}

impl Default for Branch {
    fn default() -> Self {
        Self {
            configured: None,
            open: false,
            throttle: KeyframeThrottle::new(INTERVAL),
            incoming: None,
            segment: Segment::new(),
            started: false,
            caps_sent: false,
            segment_sent: None,
            stats: ForwarderStats::default(),
            wanted: false,
            switched: false,
            began: false,
            times: false,
            timed: None,
        }
    }
}

impl Branch {
    pub(super) fn set_output(&mut self, output: Output) {
        let caps = caps(&output);
        let stream = match self.configured.take() {
            Some(Configured { output: before, mut stream, .. }) => {
                if (before.codec, before.ssrc) != (output.codec, output.ssrc) {
                    stream.rename(output.codec, output.ssrc);
                }
                stream
            }
            None => Stream::new(output.codec, output.ssrc),
        };
        let configured = self.configured.insert(Configured { output, stream, caps });
        configured.stream.set_open(self.open);
        self.caps_sent = false;
    }

    pub(super) fn set_open(&mut self, open: bool) {
        self.open = open;
        if let Some(configured) = &mut self.configured {
            configured.stream.set_open(open);
        }
    }

    pub(super) fn switch(&mut self, throttle: Arc<KeyframeThrottle>) {
        self.throttle = throttle;
        self.incoming = None;
        self.switched = true;
        if let Some(configured) = &mut self.configured {
            configured.stream.restart();
        }
    }

    pub(super) fn time(&mut self) {
        self.times = true;
    }

    /// The element stops: downstream will lack every event, and the source is another one. The numbers continue, as
    /// the receiving session may still know them.
    pub(super) fn reset(&mut self) {
        (self.started, self.caps_sent, self.segment_sent) = (false, false, None);
        (self.segment, self.incoming, self.wanted) = (Segment::new(), None, false);
        if let Some(configured) = &mut self.configured {
            configured.stream.restart();
        }
    }

    pub(super) fn set_segment(&mut self, segment: &gst::Segment) {
        self.segment = segment.downcast_ref().cloned().unwrap_or_else(Segment::new);
    }

    pub(super) fn stats(&self) -> ForwarderStats {
        self.stats
    }

    pub(super) fn flow_error(&mut self) {
        self.stats.flow_errors += 1;
    }

    /// The caps that leave.
    pub(super) fn caps(&self) -> Option<&gst::Caps> {
        self.configured.as_ref().map(|configured| &configured.caps)
    }

    /// The caps that may come in: any payload type and SSRC, as both are rewritten.
    pub(super) fn accepted(&self) -> Option<gst::Caps> {
        let mut caps = self.caps()?.clone();
        caps.make_mut().structure_mut(0)?.remove_fields(["payload", "ssrc"]);
        Some(caps)
    }

    /// The packet that downstream shall get in place of `input`, if any.
    pub(super) fn process(&mut self, input: &gst::BufferRef) -> Option<gst::Buffer> {
        let Some(Configured { output, stream, .. }) = &mut self.configured else {
            self.stats.gated += 1;
            return None;
        };
        let map = input.map_readable().ok();
        let Some(packet) = map.as_ref().and_then(|map| Packet::parse(map)) else {
            self.stats.malformed += 1;
            return None;
        };
        self.incoming = Some(packet.ssrc());
        let keyframe = stream.starts_keyframe(&packet);
        self.wanted |= stream.is_open() && self.throttle.packet(keyframe);
        let time = input.pts().and_then(|pts| self.segment.to_running_time(pts)).map(gst::ClockTime::nseconds);
        let (numbers, first) = match stream.judge(&packet, keyframe, time) {
            Verdict::Forward { numbers, first } => (numbers, first),
            verdict => {
                match verdict {
                    Verdict::Stale => self.stats.duplicates += 1,
                    Verdict::Empty => self.stats.padding += 1,
                    _ => self.stats.gated += 1,
                }
                self.wanted |= verdict == Verdict::Awaiting && self.throttle.may_send();
                return None;
            }
        };
        if std::mem::take(&mut self.switched) {
            self.began = true;
        }
        let header = Header::new(&packet, output.payload, numbers, &output.extensions);
        let Ok(buffer) = assemble::buffer(input, &header, packet.body(), first) else {
            self.stats.malformed += 1;
            return None;
        };
        if self.times
            && let Some(arrived) = arrival::of(input)
        {
            self.timed = Some((output.codec.kind(), arrived));
        }
        self.stats.forwarded += 1;
        self.stats.bytes += buffer.size() as u64;
        Some(buffer)
    }

    /// The events that downstream must see before the next packet, from an element of this `name`.
    pub(super) fn prelude(&mut self, name: impl FnOnce() -> glib::GString) -> [Option<gst::Event>; 3] {
        let Some(Configured { output, caps, .. }) = &self.configured else { return [None, None, None] };
        let start = (!std::mem::replace(&mut self.started, true)).then(|| {
            gst::event::StreamStart::builder(&format!("forwarder/{}/{:08x}", name(), output.ssrc))
                .group_id(gst::GroupId::next())
                .build()
        });
        let caps = (!std::mem::replace(&mut self.caps_sent, true)).then(|| gst::event::Caps::new(caps));
        let segment = (self.segment_sent.as_ref() != Some(&self.segment)).then(|| {
            self.segment_sent = Some(self.segment.clone());
            gst::event::Segment::new(&self.segment)
        });
        [start, caps, segment]
    }

    /// Whether the first packet of a new source has passed since the last call.
    pub(super) fn take_began(&mut self) -> bool {
        std::mem::take(&mut self.began)
    }

    /// The packet whose way is to be timed, if there was one since the last call.
    pub(super) fn take_timed(&mut self) -> Option<Timed> {
        self.timed.take()
    }

    /// The keyframe request to send to the publisher now, if the packets since the last call led to one.
    pub(super) fn take_request(&mut self) -> Option<gst::Event> {
        let ssrc = std::mem::take(&mut self.wanted).then_some(self.incoming).flatten()?;
        self.stats.keyframe_requests += 1;
        Some(keyframe_request(ssrc))
    }

    /// What to send to the source `ssrc` now, so that its next keyframe comes soon.
    pub(super) fn ask(&mut self, ssrc: u32) -> Option<gst::Event> {
        let Configured { output, stream, .. } = self.configured.as_ref()?;
        if ssrc == 0 || !stream.is_open() || output.codec.kind() != Kind::Video {
            return None;
        }
        self.incoming = Some(ssrc);
        self.wanted = self.throttle.request();
        self.take_request()
    }

    /// The subscriber asks for a keyframe of `ssrc`; what to send to the publisher now, if anything.
    pub(super) fn keyframe_requested(&mut self, ssrc: Option<u32>) -> Option<gst::Event> {
        let Configured { output, stream, .. } = self.configured.as_ref()?;
        let ours = ssrc.is_none_or(|ssrc| ssrc == output.ssrc);
        if !ours || !stream.is_open() || output.codec.kind() != Kind::Video {
            return None;
        }
        // Before the first packet there is nobody to name; that packet will ask by itself, as the gate waits.
        self.incoming?;
        self.wanted = self.throttle.request();
        self.take_request()
    }
}

/// The event that asks the source `ssrc` for a keyframe; to be pushed upstream.
#[must_use]
pub fn keyframe_request(ssrc: u32) -> gst::Event {
    gstreamer_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).other_field("ssrc", ssrc).build()
}

/// Only what names the stream: webrtcbin refuses caps with feedback fields that it did not negotiate.
fn caps(output: &Output) -> gst::Caps {
    gst::Caps::builder("application/x-rtp")
        .field("media", output.codec.kind().as_str())
        .field("encoding-name", output.codec.encoding_name())
        .field("payload", i32::from(output.payload))
        .field("clock-rate", output.codec.clock_rate().cast_signed())
        .field("ssrc", output.ssrc)
        .build()
}
