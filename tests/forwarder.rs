//! The forwarder, driven from both of its ends by a harness, and once with real encoders and decoders.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_check::Harness;
use gstreamer_video::UpstreamForceKeyUnitEvent;
use plenum::elements::forwarder::{FACTORY, Forwarder, KeyframeThrottle, Output};
use plenum::media::Codec;

const OUT: u32 = 0xcafe;
const IN: u32 = 0x1111;
/// VP8: a descriptor without extension, then a frame header.
const KEY: [u8; 4] = [0x10, 0x00, 0xaa, 0xbb];
const DELTA: [u8; 4] = [0x10, 0x01, 0xcc, 0xdd];

/// A packet to send, or one that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rtp {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    csrcs: Vec<u32>,
    extension: Option<(u16, Vec<u8>)>,
    payload: Vec<u8>,
    padding: u8,
}

fn rtp(sequence: u16, payload: &[u8]) -> Rtp {
    Rtp {
        payload_type: 120,
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 100,
        ssrc: IN,
        csrcs: Vec::new(),
        extension: None,
        payload: payload.to_vec(),
        padding: 0,
    }
}

impl Rtp {
    fn bytes(&self) -> Vec<u8> {
        let flags = u8::from(self.padding > 0) << 5 | u8::from(self.extension.is_some()) << 4;
        let mut bytes = vec![0x80 | flags | self.csrcs.len() as u8, u8::from(self.marker) << 7 | self.payload_type];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        self.csrcs.iter().for_each(|csrc| bytes.extend(csrc.to_be_bytes()));
        if let Some((profile, block)) = &self.extension {
            assert_eq!(block.len() % 4, 0);
            bytes.extend(profile.to_be_bytes());
            bytes.extend((block.len() as u16 / 4).to_be_bytes());
            bytes.extend(block);
        }
        bytes.extend(&self.payload);
        if self.padding > 0 {
            bytes.extend(vec![0; usize::from(self.padding) - 1]);
            bytes.push(self.padding);
        }
        bytes
    }

    fn at(&self, time: gst::ClockTime) -> gst::Buffer {
        let mut buffer = gst::Buffer::from_slice(self.bytes());
        buffer.get_mut().unwrap().set_pts(time);
        buffer
    }

    fn buffer(&self) -> gst::Buffer {
        self.at(gst::ClockTime::from_mseconds(u64::from(self.sequence)))
    }

    fn read(buffer: &gst::BufferRef) -> Self {
        let map = buffer.map_readable().unwrap();
        let word = |at: usize| u32::from_be_bytes(map[at..at + 4].try_into().unwrap());
        let half = |at: usize| u16::from_be_bytes(map[at..at + 2].try_into().unwrap());
        let csrcs: Vec<_> = (0..usize::from(map[0] & 15)).map(|index| word(12 + 4 * index)).collect();
        let mut body = 12 + 4 * csrcs.len();
        let mut extension = None;
        if map[0] & 0x10 != 0 {
            let end = body + 4 + 4 * usize::from(half(body + 2));
            extension = Some((half(body), map[body + 4..end].to_vec()));
            body = end;
        }
        let padding = if map[0] & 0x20 != 0 { map[map.len() - 1] } else { 0 };
        Self {
            payload_type: map[1] & 0x7f,
            marker: map[1] & 0x80 != 0,
            sequence: half(2),
            timestamp: word(4),
            ssrc: word(8),
            csrcs,
            extension,
            payload: map[body..map.len() - usize::from(padding)].to_vec(),
            padding,
        }
    }
}

/// A forwarder between a harness, and a clock for its throttle in milliseconds.
struct Bench {
    harness: Harness,
    forwarder: Forwarder,
    clock: Arc<AtomicU64>,
    throttle: Arc<KeyframeThrottle>,
}

fn output(codec: Codec, extensions: &[(u8, u8)]) -> Output {
    Output { codec, payload: 96, ssrc: OUT, extensions: extensions.to_vec() }
}

impl Bench {
    fn closed(codec: Codec, extensions: &[(u8, u8)]) -> Self {
        gst::init().unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let now = Arc::clone(&clock);
        let throttle = KeyframeThrottle::with_clock(Duration::from_millis(500), move || {
            Duration::from_millis(now.load(Ordering::Relaxed))
        });
        let forwarder = Forwarder::new("forwarder", output(codec, extensions), Arc::clone(&throttle));
        let mut harness = Harness::with_element(&forwarder, Some("sink"), Some("src"));
        harness.set_src_caps_str(&format!(
            "application/x-rtp,media={},encoding-name={},payload=120,ssrc=(uint)4369,clock-rate={},rtcp-fb-nack-pli=true",
            codec.kind(),
            codec.encoding_name(),
            codec.clock_rate()
        ));
        let mut bench = Self { harness, forwarder, clock, throttle };
        bench.events_upstream();
        bench
    }

    fn open(codec: Codec) -> Self {
        let bench = Self::closed(codec, &[]);
        bench.forwarder.set_open(true);
        bench
    }

    fn push(&mut self, buffer: gst::Buffer) -> Option<Rtp> {
        assert_eq!(self.harness.push(buffer), Ok(gst::FlowSuccess::Ok));
        self.pull()
    }

    fn send(&mut self, packet: &Rtp) -> Option<Rtp> {
        self.push(packet.buffer())
    }

    fn pull(&mut self) -> Option<Rtp> {
        (self.harness.buffers_in_queue() > 0).then(|| Rtp::read(&self.harness.pull().unwrap()))
    }

    /// What reached the publisher since the last call.
    fn events_upstream(&mut self) -> Vec<gst::Event> {
        (0..self.harness.upstream_events_in_queue()).map(|_| self.harness.pull_upstream_event().unwrap()).collect()
    }

    /// The SSRCs of the keyframe requests among them, which must be all there is.
    fn requests(&mut self) -> Vec<u32> {
        let events = self.events_upstream();
        events
            .iter()
            .map(|event| {
                assert!(UpstreamForceKeyUnitEvent::parse(event).unwrap().all_headers, "{event:?}");
                event.structure().unwrap().get("ssrc").unwrap()
            })
            .collect()
    }

    /// The subscriber lost its picture.
    fn ask(&mut self, ssrc: u32) {
        let event = UpstreamForceKeyUnitEvent::builder().all_headers(false).other_field("ssrc", ssrc).build();
        assert!(self.harness.push_upstream_event(event));
    }

    fn set_time(&self, milliseconds: u64) {
        self.clock.store(milliseconds, Ordering::Relaxed);
    }
}

#[test]
fn is_made_by_name() {
    gst::init().unwrap();
    plenum::elements::register().unwrap();
    plenum::elements::register().unwrap();
    let element = gst::ElementFactory::make(FACTORY).build().unwrap();
    assert!(element.is::<Forwarder>());
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_src_caps_str("application/x-rtp");
    assert!(harness.push(rtp(1, &KEY).buffer()).is_ok(), "not yet configured, it drops");
    assert_eq!(harness.buffers_in_queue(), 0);
}

#[test]
fn a_closed_gate_drops_everything_and_asks_for_nothing() {
    let mut bench = Bench::closed(Codec::Vp8, &[]);
    assert_eq!(bench.send(&rtp(1, &KEY)), None);
    assert_eq!(bench.send(&rtp(2, &DELTA)), None);
    bench.ask(OUT);
    assert_eq!(bench.requests(), [] as [u32; 0]);
    assert_eq!(bench.forwarder.stats().gated, 2);
    assert_eq!(bench.harness.events_in_queue(), 0, "no event before the first packet");
}

#[test]
fn video_opens_at_a_keyframe_and_asks_for_it() {
    for (codec, key, delta) in [(Codec::Vp8, KEY, DELTA), (Codec::H264, [0x7c, 0x85, 1, 2], [0x61, 1, 2, 3])] {
        let mut bench = Bench::open(codec);
        assert_eq!(bench.send(&rtp(1, &delta)), None);
        assert_eq!(bench.requests(), [IN]);
        assert_eq!(bench.send(&rtp(2, &delta)), None);
        assert_eq!(bench.requests(), [] as [u32; 0], "throttled");
        bench.set_time(500);
        assert_eq!(bench.send(&rtp(3, &delta)), None);
        assert_eq!(bench.requests(), [IN], "the answer was lost");
        let first = bench.send(&rtp(4, &key)).unwrap();
        let second = bench.send(&rtp(5, &delta)).unwrap();
        assert_eq!(second.sequence, first.sequence.wrapping_add(1));
        bench.forwarder.set_open(false);
        assert_eq!(bench.send(&rtp(6, &key)), None);
        bench.forwarder.set_open(true);
        assert_eq!(bench.send(&rtp(7, &delta)), None, "a keyframe again");
        assert_eq!(bench.send(&rtp(8, &key)).unwrap().sequence, second.sequence.wrapping_add(1));
        let stats = bench.forwarder.stats();
        assert_eq!((stats.forwarded, stats.gated, stats.bytes, stats.keyframe_requests), (3, 5, 3 * 16, 2));
    }
}

#[test]
fn sound_needs_no_keyframe() {
    let mut bench = Bench::open(Codec::Opus);
    assert!(bench.send(&rtp(1, &[1])).is_some());
    bench.ask(OUT);
    assert_eq!(bench.requests(), [] as [u32; 0]);
}

#[test]
fn rewrites_the_header_and_nothing_else() {
    let mut bench = Bench::open(Codec::Opus);
    let sent = Rtp { marker: true, csrcs: vec![1, 2], padding: 4, ..rtp(100, b"sound") };
    let first = bench.send(&sent).unwrap();
    let expected =
        Rtp { payload_type: 96, ssrc: OUT, sequence: first.sequence, timestamp: first.timestamp, ..sent.clone() };
    assert_eq!(first, expected);
    assert!(first.sequence < 1 << 15, "SRTP starts safely in the lower half");
    let second = bench.send(&Rtp { timestamp: 10_960, ..rtp(101, b"more") }).unwrap();
    assert_eq!(second.sequence, first.sequence + 1);
    assert_eq!(second.timestamp, first.timestamp.wrapping_add(960));
}

#[test]
fn shares_the_payload_and_leaves_the_input_alone() {
    let mut bench = Bench::open(Codec::Opus);
    let packet = Rtp { extension: Some((0xbede, vec![0x10, 1, 0, 0])), ..rtp(7, b"payload") };
    let input = packet.at(gst::ClockTime::from_seconds(3));
    assert_eq!(bench.harness.push(input.clone()), Ok(gst::FlowSuccess::Ok));
    let out = bench.harness.pull().unwrap();
    assert_eq!(out.pts(), input.pts());
    assert!(out.flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(out.n_memory(), 2);
    let (before, after) = (input.map_readable().unwrap(), out.peek_memory(1).map_readable().unwrap());
    assert_eq!(before[20..].as_ptr(), after.as_ptr(), "the same bytes, not a copy");
    assert_eq!(after.as_slice(), b"payload");
    assert_eq!(before.as_slice(), packet.bytes());
}

#[test]
fn numbers_wrap_around() {
    let mut bench = Bench::open(Codec::Opus);
    let (mut sequence, mut timestamp) = (65_534_u16, u32::MAX - 100);
    let mut before = bench.send(&Rtp { timestamp, ..rtp(sequence, b"x") }).unwrap();
    // More than once around, so that input and output both wrap, wherever the output began.
    for _ in 0..70_000 {
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(96_000);
        let out = bench.send(&Rtp { timestamp, ..rtp(sequence, b"x") }).unwrap();
        assert_eq!(out.sequence, before.sequence.wrapping_add(1));
        assert_eq!(out.timestamp, before.timestamp.wrapping_add(96_000));
        before = out;
    }
    assert_eq!(bench.forwarder.stats().duplicates, 0);
}

#[test]
fn drops_duplicates_and_old_packets_and_keeps_losses() {
    let mut bench = Bench::open(Codec::Opus);
    let mut sent = Vec::new();
    for sequence in [65_534, 65_534, 65_535, 2, 1, 65_535, 0, 3] {
        sent.extend(bench.send(&rtp(sequence, b"x")).map(|out| out.sequence));
    }
    let steps: Vec<_> = sent.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert_eq!(steps, [1, 3, 1]);
    assert_eq!(bench.forwarder.stats().duplicates, 4);
}

#[test]
fn padding_alone_goes_without_a_gap() {
    let mut bench = Bench::open(Codec::Vp8);
    let probe = |sequence| Rtp { padding: 200, ..rtp(sequence, &[]) };
    assert_eq!(bench.send(&probe(9)), None);
    let first = bench.send(&rtp(10, &KEY)).unwrap().sequence;
    assert_eq!(bench.send(&probe(11)), None);
    assert_eq!(bench.send(&probe(12)), None);
    assert_eq!(bench.send(&probe(12)), None, "a duplicate does not shift again");
    assert_eq!(bench.send(&rtp(13, &DELTA)).unwrap().sequence, first + 1);
    assert_eq!(bench.send(&rtp(16, &DELTA)).unwrap().sequence, first + 4, "losses stay");
    assert_eq!((bench.forwarder.stats().padding, bench.forwarder.stats().duplicates), (3, 1));
}

#[test]
fn what_is_no_rtp_is_dropped() {
    let mut bench = Bench::open(Codec::Opus);
    for bytes in [vec![], vec![0x80; 5], vec![0; 20], vec![0x90; 15], [vec![0xa0; 12], vec![9]].concat()] {
        assert_eq!(bench.push(gst::Buffer::from_slice(bytes)), None);
    }
    assert_eq!(bench.forwarder.stats().malformed, 5);
    assert!(bench.send(&rtp(1, b"x")).is_some());
}

#[test]
fn maps_negotiated_extensions_and_strips_the_rest() {
    let mut bench = Bench::closed(Codec::Opus, &[(3, 1), (20, 2)]);
    bench.forwarder.set_open(true);
    let one = Rtp { extension: Some((0xbede, vec![0x10, 9, 0x31, 7, 8, 0, 0, 0])), ..rtp(1, b"x") };
    let out = bench.send(&one).unwrap();
    assert_eq!((out.extension, out.payload), (Some((0xbede, vec![0x11, 7, 8, 0])), b"x".to_vec()));
    let two = Rtp { extension: Some((0x1000, vec![20, 1, 5, 3, 2, 7, 8, 4, 1, 1, 0, 0])), ..rtp(2, b"x") };
    assert_eq!(bench.send(&two).unwrap().extension, Some((0xbede, vec![0x20, 5, 0x11, 7, 8, 0, 0, 0])));
    let none = Rtp { extension: Some((0xbede, vec![0x10, 9, 0, 0])), ..rtp(3, b"x") };
    assert_eq!(bench.send(&none).unwrap().extension, None);
    bench.forwarder.set_output(output(Codec::Opus, &[]));
    let out = bench.send(&Rtp { sequence: 4, ..one }).unwrap();
    assert_eq!((out.extension, out.payload), (None, b"x".to_vec()));
}

#[test]
fn another_source_continues_the_stream() {
    let mut bench = Bench::open(Codec::Vp8);
    let other = |sequence, payload: &[u8]| Rtp { ssrc: 0x2222, timestamp: 5, ..rtp(sequence, payload) };
    let second = gst::ClockTime::SECOND;
    let first = bench.push(rtp(1, &KEY).at(second)).unwrap();
    // Announced: through another publication's throttle.
    bench.forwarder.switch(KeyframeThrottle::new(Duration::from_secs(3600)));
    assert_eq!(bench.push(other(60_000, &DELTA).at(2 * second)), None);
    assert_eq!(bench.requests(), [0x2222], "requested at once");
    let next = bench.push(other(60_001, &KEY).at(3 * second)).unwrap();
    assert_eq!(next.sequence, first.sequence + 1);
    assert_eq!(next.timestamp, first.timestamp.wrapping_add(2 * 90_000));
    // Not announced: the SSRC tells.
    assert_eq!(bench.push(rtp(9, &DELTA).at(4 * second)), None);
    let last = bench.push(rtp(10, &KEY).at(4 * second)).unwrap();
    assert_eq!((last.sequence, last.ssrc), (next.sequence + 1, OUT));
    assert_eq!(last.timestamp, next.timestamp.wrapping_add(90_000));
}

#[test]
fn a_keyframe_request_reaches_the_publisher_translated() {
    let mut bench = Bench::open(Codec::Vp8);
    bench.send(&rtp(1, &KEY));
    bench.ask(OUT);
    assert_eq!(bench.requests(), [IN]);
    bench.ask(0xdead);
    for event in [
        gst::event::Reconfigure::new(),
        gst::event::Latency::new(gst::ClockTime::SECOND),
        gst::event::Qos::new(gst::QOSType::Overflow, 1.0, 0, gst::ClockTime::ZERO),
    ] {
        assert!(bench.harness.push_upstream_event(event));
    }
    assert_eq!(bench.requests(), [] as [u32; 0], "neither another's request nor other events");
}

#[test]
fn an_early_request_is_remembered_until_a_keyframe() {
    let mut bench = Bench::open(Codec::Vp8);
    bench.send(&rtp(1, &KEY));
    bench.ask(OUT);
    assert_eq!(bench.requests(), [IN]);
    bench.set_time(100);
    bench.ask(OUT);
    bench.send(&rtp(2, &DELTA));
    assert_eq!(bench.requests(), [] as [u32; 0]);
    bench.set_time(500);
    bench.send(&rtp(3, &DELTA));
    assert_eq!(bench.requests(), [IN], "the next packet after the interval sends it");
    bench.ask(OUT);
    bench.send(&rtp(4, &KEY));
    bench.set_time(1500);
    bench.send(&rtp(5, &DELTA));
    assert_eq!(bench.requests(), [] as [u32; 0], "a keyframe answered it");
    assert_eq!(bench.forwarder.stats().keyframe_requests, 2);
}

#[test]
fn one_publication_is_asked_once_for_all_viewers() {
    let mut bench = Bench::open(Codec::Vp8);
    let other = Forwarder::new("other", output(Codec::Vp8, &[]), Arc::clone(&bench.throttle));
    other.set_open(true);
    let mut second = Harness::with_element(&other, Some("sink"), Some("src"));
    second.set_src_caps_str("application/x-rtp");
    let before = second.upstream_events_received();
    bench.send(&rtp(1, &DELTA));
    second.push(rtp(1, &DELTA).buffer()).unwrap();
    assert_eq!(bench.requests(), [IN]);
    assert_eq!(second.upstream_events_received(), before);
}

#[test]
fn a_list_stays_a_list_and_opens_in_its_middle() {
    let mut bench = Bench::open(Codec::Vp8);
    let lists = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lists);
    bench.forwarder.static_pad("src").unwrap().add_probe(
        gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST,
        move |_, info| {
            seen.lock().unwrap().push(info.buffer_list().map(|list| list.len()));
            gst::PadProbeReturn::Ok
        },
    );
    let list = |packets: &[Rtp]| packets.iter().map(Rtp::buffer).collect::<gst::BufferList>();
    let source = bench.harness.srcpad().unwrap();
    let gated = list(&[rtp(1, &DELTA), rtp(2, &DELTA)]);
    let opening = list(&[rtp(3, &DELTA), rtp(4, &KEY), rtp(4, &KEY), rtp(5, &DELTA), rtp(6, &DELTA)]);
    assert_eq!(source.push_list(gated), Ok(gst::FlowSuccess::Ok));
    assert_eq!(source.push_list(opening), Ok(gst::FlowSuccess::Ok));
    assert_eq!(*lists.lock().unwrap(), [Some(3)]);
    let out: Vec<_> = std::iter::from_fn(|| bench.pull()).map(|packet| packet.sequence).collect();
    assert_eq!(out, [out[0], out[0] + 1, out[0] + 2]);
    assert_eq!(bench.forwarder.stats().forwarded, 3);
}

#[test]
fn its_own_events_go_right_before_the_first_packet() {
    let mut bench = Bench::open(Codec::Vp8);
    assert!(bench.harness.push_event(gst::event::CustomDownstream::new(gst::Structure::new_empty("lost"))));
    bench.send(&rtp(1, &DELTA));
    assert_eq!(bench.harness.events_in_queue(), 0);
    bench.send(&rtp(2, &KEY));
    bench.send(&rtp(3, &DELTA));
    let events: Vec<_> = std::iter::from_fn(|| bench.harness.try_pull_event()).collect();
    let types: Vec<_> = events.iter().map(|event| event.type_()).collect();
    assert_eq!(types, [gst::EventType::StreamStart, gst::EventType::Caps, gst::EventType::Segment]);
    let gst::EventView::Caps(caps) = events[1].view() else { unreachable!() };
    let minimal = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000,ssrc=(uint)51966";
    assert!(caps.caps().is_strictly_equal(&minimal.parse::<gst::Caps>().unwrap()), "{caps:?}");

    bench.forwarder.set_output(Output { payload: 97, ..output(Codec::Vp8, &[]) });
    assert!(bench.harness.events_in_queue() == 0, "not before there is a packet");
    assert_eq!(bench.send(&rtp(4, &DELTA)).unwrap().payload_type, 97);
    let event = bench.harness.pull_event().unwrap();
    assert!(
        matches!(event.view(), gst::EventView::Caps(caps) if caps.caps().structure(0).unwrap().get("payload") == Ok(97))
    );
}

#[test]
fn the_segment_is_the_publishers() {
    let mut bench = Bench::open(Codec::Opus);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(5));
    segment.set_base(gst::ClockTime::from_seconds(1));
    bench.harness.push_event(gst::event::Segment::new(&segment));
    bench.push(rtp(1, b"x").at(gst::ClockTime::from_seconds(6)));
    let sticky = bench.forwarder.static_pad("src").unwrap().sticky_event::<gst::event::Segment>(0).unwrap();
    assert_eq!(sticky.segment().downcast_ref::<gst::ClockTime>(), Some(&segment));
}

#[test]
fn the_publishers_end_is_not_the_subscribers() {
    let mut bench = Bench::open(Codec::Opus);
    bench.send(&rtp(1, b"x"));
    while bench.harness.try_pull_event().is_some() {}
    for event in [gst::event::FlushStart::new(), gst::event::FlushStop::new(true), gst::event::Eos::new()] {
        assert!(bench.harness.push_event(event));
    }
    assert_eq!(bench.harness.events_in_queue(), 0);
    // Another publisher's tee begins with its sticky events, which lift the pad's end.
    assert!(bench.harness.push_event(gst::event::StreamStart::new("another")));
    bench.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    assert!(bench.send(&Rtp { ssrc: 3, ..rtp(1, b"y") }).is_some());
    assert_eq!(bench.harness.events_in_queue(), 0, "the segment is the same");
}

#[test]
fn queries_are_answered_for_the_publisher_and_passed_for_latency() {
    let mut bench = Bench::open(Codec::Vp8);
    let source = bench.harness.srcpad().unwrap();
    let caps = source.peer_query_caps(None);
    let expected = "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000".parse::<gst::Caps>().unwrap();
    assert!(caps.is_strictly_equal(&expected), "{caps}");
    let any = "application/x-rtp,media=audio,encoding-name=OPUS".parse::<gst::Caps>().unwrap();
    assert!(source.peer_query_accept_caps(&any));
    assert!(!source.peer_query(&mut gst::query::Allocation::new(Some(&any), true)));
    let out = bench.forwarder.static_pad("src").unwrap().query_caps(None);
    assert_eq!(out.structure(0).unwrap().get("ssrc"), Ok(OUT));
    bench.harness.set_upstream_latency(gst::ClockTime::from_mseconds(42));
    assert_eq!(bench.harness.query_latency(), Some(gst::ClockTime::from_mseconds(42)));
}

/// A forwarder whose downstream answers with `result`.
fn before(result: Result<gst::FlowSuccess, gst::FlowError>) -> (Harness, Forwarder, gst::Pad, Arc<AtomicUsize>) {
    gst::init().unwrap();
    let throttle = KeyframeThrottle::new(Duration::from_millis(500));
    let forwarder = Forwarder::new("forwarder", output(Codec::Opus, &[]), throttle);
    forwarder.set_open(true);
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let sink = gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function(move |_, _, _| {
            count.fetch_add(1, Ordering::Relaxed);
            result
        })
        .event_function(|_, _, _| true)
        .build();
    sink.set_active(true).unwrap();
    let mut harness = Harness::with_element(&forwarder, Some("sink"), None);
    forwarder.static_pad("src").unwrap().link(&sink).unwrap();
    harness.set_src_caps_str("application/x-rtp");
    harness.play();
    (harness, forwarder, sink, taken)
}

#[test]
fn a_failed_viewer_does_not_stop_the_publisher() {
    let (mut harness, forwarder, _sink, taken) = before(Err(gst::FlowError::Error));
    let deaths = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&deaths);
    let weak = forwarder.downgrade();
    forwarder.on_dead(move || {
        assert!(weak.upgrade().unwrap().is_dead() && weak.upgrade().unwrap().stats().flow_errors == 1, "no lock held");
        count.fetch_add(1, Ordering::Relaxed);
    });
    for sequence in 1..10 {
        assert_eq!(harness.push(rtp(sequence, b"x").buffer()), Ok(gst::FlowSuccess::Ok));
    }
    assert!(forwarder.is_dead());
    assert_eq!((deaths.load(Ordering::Relaxed), taken.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(forwarder.stats().flow_errors, 1);
    let count = Arc::clone(&deaths);
    forwarder.on_dead(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(deaths.load(Ordering::Relaxed), 2, "who comes late is told at once");

    forwarder.set_state(gst::State::Ready).unwrap();
    assert!(!forwarder.is_dead(), "stopping resets");
}

#[test]
fn other_refusals_are_counted_and_outlived() {
    for error in [gst::FlowError::Flushing, gst::FlowError::Eos, gst::FlowError::NotLinked] {
        let (mut harness, forwarder, _sink, taken) = before(Err(error));
        for sequence in 1..4 {
            assert_eq!(harness.push(rtp(sequence, b"x").buffer()), Ok(gst::FlowSuccess::Ok));
        }
        assert!(!forwarder.is_dead());
        assert_eq!((forwarder.stats().flow_errors, taken.load(Ordering::Relaxed)), (3, 3), "{error}");
    }
    let (mut harness, forwarder, sink, _) = before(Ok(gst::FlowSuccess::Ok));
    forwarder.static_pad("src").unwrap().unlink(&sink).unwrap();
    assert_eq!(harness.push(rtp(1, b"x").buffer()), Ok(gst::FlowSuccess::Ok), "not linked at all");
    assert_eq!(forwarder.stats().flow_errors, 1);
}

#[test]
fn after_a_stop_everything_is_announced_again_and_numbers_continue() {
    let mut bench = Bench::open(Codec::Opus);
    let first = bench.send(&rtp(1, b"x")).unwrap();
    bench.forwarder.set_state(gst::State::Ready).unwrap();
    while bench.harness.try_pull_event().is_some() {}
    bench.forwarder.set_state(gst::State::Playing).unwrap();
    bench.harness.push_event(gst::event::StreamStart::new("again"));
    bench.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    assert_eq!(bench.send(&rtp(1, b"x")).unwrap().sequence, first.sequence + 1);
    let types: Vec<_> = std::iter::from_fn(|| bench.harness.try_pull_event()).map(|event| event.type_()).collect();
    assert_eq!(types, [gst::EventType::StreamStart, gst::EventType::Caps, gst::EventType::Segment]);
}

#[test]
fn downstream_may_call_back_while_it_is_pushed_to() {
    let mut bench = Bench::open(Codec::Vp8);
    let sink = bench.harness.sinkpad().unwrap();
    let forwarder = bench.forwarder.clone();
    sink.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        let ask = UpstreamForceKeyUnitEvent::builder().all_headers(true).other_field("ssrc", OUT).build();
        assert!(pad.push_event(ask));
        forwarder.set_open(true);
        gst::PadProbeReturn::Ok
    });
    assert!(bench.send(&rtp(1, &KEY)).is_some());
    assert_eq!(bench.requests(), [IN]);
}

/// Real encoders that make a keyframe at the start and on request only, and a viewer who comes when that is over.
#[test]
fn a_real_stream_decodes_from_the_keyframe_it_asked_for() {
    gst::init().unwrap();
    plenum::elements::register().unwrap();
    for (codec, encoder, decoder) in [
        (
            Codec::Vp8,
            "vp8enc deadline=1 keyframe-max-dist=100000 ! rtpvp8pay picture-id-mode=15-bit mtu=300",
            "rtpvp8depay ! vp8dec",
        ),
        (
            Codec::H264,
            "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=100000 ! rtph264pay mtu=300 config-interval=-1",
            "rtph264depay ! avdec_h264",
        ),
    ] {
        let pipeline = gst::parse::launch(&format!(
            "videotestsrc pattern=ball ! video/x-raw,width=160,height=120,framerate=30/1 ! {encoder} ! tee name=tee \
             ! {FACTORY} name=forwarder ! {decoder} ! fakesink name=sink sync=false signal-handoffs=true"
        ))
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
        let forwarder = pipeline.by_name("forwarder").unwrap().downcast::<Forwarder>().unwrap();
        forwarder.set_output(output(codec, &[]));
        let (packets, late) = (AtomicUsize::new(0), forwarder.clone());
        forwarder.static_pad("sink").unwrap().add_probe(gst::PadProbeType::DATA_DOWNSTREAM, move |_, info| {
            let data = matches!(info.data, Some(gst::PadProbeData::Buffer(_) | gst::PadProbeData::BufferList(_)));
            if data && packets.fetch_add(1, Ordering::Relaxed) == 30 {
                late.set_open(true);
            }
            gst::PadProbeReturn::Ok
        });
        let (frames, decoded) = std::sync::mpsc::sync_channel(1);
        pipeline.by_name("sink").unwrap().connect("handoff", false, move |_| {
            let _ = frames.try_send(());
            None
        });
        // The sink gets nothing until the gate opens, so the state change ends later.
        pipeline.set_state(gst::State::Playing).unwrap();
        for _ in 0..5 {
            decoded
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("{codec:?}: {:?}", forwarder.stats()));
        }
        let stats = forwarder.stats();
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(stats.gated >= 30 && stats.keyframe_requests >= 1 && stats.flow_errors == 0, "{codec:?}: {stats:?}");
    }
}
