//! Media that needs no codec: packets shaped like Opus and VP8, each carrying who sent it, which one it is and when.
//!
//! Owner: the load thread. Invariant: the same source sends the same packets in every run; only the stamp differs.

use std::time::{Duration, Instant};

/// Time between two video frames; a generator later than this makes a sample void.
pub(crate) const FRAME: Duration = Duration::from_micros(33_333);
const AUDIO_FRAME: Duration = Duration::from_millis(20);
const KEYFRAME_EVERY: u64 = 90;
const AUDIO_BYTES: usize = 120;
const STAMP_BYTES: usize = 24;

/// What a publisher's packets are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Packets of a keyframe, and of the frames between, three in turn.
    key: u8,
    delta: [u8; 3],
    /// Payload of a video packet.
    bytes: usize,
    /// Whether a wanted keyframe comes at once, or in the place of the next frame.
    at_once: bool,
    /// The level of the sound, as its header extension tells it: 0 is full scale, -127 silence.
    pub(crate) level: Option<i8>,
}

impl Shape {
    /// About 1 Mbit/s in 100 packets a second: 30 frames of 3, 3 and 4 packets in turn, keyframes too.
    pub(crate) const EVEN: Self = Self { key: 3, delta: [3, 3, 4], bytes: 1200, at_once: false, level: None };

    /// A person in a call: 500 kbit/s, keyframes four times as large as other frames, and a voice of some level.
    pub(crate) fn person(level: i8) -> Self {
        Self { key: 8, delta: [2; 3], bytes: 1000, at_once: true, level: Some(level) }
    }
}

/// Which of a publisher's two tracks a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Track {
    Audio,
    Video,
}

/// What stands at the tail of each payload, so that a viewer can judge the packet alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Number of the publisher.
    pub(crate) source: u16,
    /// Its track.
    pub(crate) track: Track,
    /// Position of the packet in that track, from 0.
    pub(crate) counter: u32,
    /// Nanoseconds since the load began.
    pub(crate) sent: u64,
    /// Position of its frame in that track, from 0.
    pub(crate) frame: u32,
    /// How many packets the frame has.
    pub(crate) of: u8,
    /// Whether it is a keyframe.
    pub(crate) key: bool,
}

impl Stamp {
    fn write(&self, payload: &mut [u8]) {
        let tail = payload.len() - STAMP_BYTES;
        payload[tail..tail + 2].copy_from_slice(&self.source.to_be_bytes());
        payload[tail + 2] = self.track as u8;
        payload[tail + 4..tail + 8].copy_from_slice(&self.counter.to_be_bytes());
        payload[tail + 8..tail + 16].copy_from_slice(&self.sent.to_be_bytes());
        payload[tail + 16..tail + 20].copy_from_slice(&self.frame.to_be_bytes());
        payload[tail + 20..].copy_from_slice(&[self.of, u8::from(self.key), 0, 0]);
    }

    /// Reads the stamp back, or nothing if the payload is too short to be one of ours.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let tail = payload.last_chunk::<STAMP_BYTES>()?;
        let track = match tail[2] {
            0 => Track::Audio,
            1 => Track::Video,
            _ => return None,
        };
        Some(Self {
            source: u16::from_be_bytes(tail[..2].try_into().ok()?),
            track,
            counter: u32::from_be_bytes(tail[4..8].try_into().ok()?),
            sent: u64::from_be_bytes(tail[8..16].try_into().ok()?),
            frame: u32::from_be_bytes(tail[16..20].try_into().ok()?),
            of: tail[20],
            key: tail[21] == 1,
        })
    }
}

/// A packet whose time has come. Sequence number and counter are the same thing here.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Its identity.
    pub(crate) stamp: Stamp,
    /// RTP timestamp in the clock of its track.
    pub(crate) timestamp: u32,
    /// Last packet of a frame.
    pub(crate) marker: bool,
    /// When it should have left.
    pub(crate) due: Instant,
    /// RTP payload with the stamp at its tail.
    pub(crate) payload: Vec<u8>,
}

/// One publisher's schedule.
#[derive(Debug)]
pub(crate) struct Source {
    number: u16,
    shape: Shape,
    start: Instant,
    /// When the next frame is due: it moves when a keyframe is wanted at once.
    frame_due: Instant,
    audio_counter: u32,
    frame: u64,
    packet_in_frame: u8,
    video_counter: u32,
    frame_is_key: bool,
    /// The time on the frame's packets: one for all, so that a frame is in a window or is not.
    frame_sent: u64,
    keyframe_wanted: bool,
}

impl Source {
    /// A schedule that begins at `start`; publishers with other numbers are offset within the frame, as real ones are.
    pub(crate) fn new(number: u16, shape: Shape, start: Instant) -> Self {
        let start = start + Duration::from_micros(u64::from(number) * 5_300 % 33_000);
        Self {
            number,
            shape,
            start,
            frame_due: start,
            audio_counter: 0,
            frame: 0,
            packet_in_frame: 0,
            video_counter: 0,
            frame_is_key: true,
            frame_sent: 0,
            keyframe_wanted: false,
        }
    }

    /// Number of this publisher in the stamps.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Makes the next frame a keyframe, as an encoder does on a PLI.
    pub(crate) fn want_keyframe(&mut self, now: Instant) {
        self.keyframe_wanted = true;
        if self.shape.at_once && self.packet_in_frame == 0 {
            self.frame_due = self.frame_due.min(now).max(self.start);
        }
    }

    fn audio_due(&self) -> Instant {
        self.start + AUDIO_FRAME * self.audio_counter
    }

    /// When the next packet should leave.
    pub(crate) fn due(&self) -> Instant {
        self.audio_due().min(self.frame_due)
    }

    /// The next packet if its time has come; `sent` is the time to stamp on it.
    pub(crate) fn take_due(&mut self, now: Instant, sent: u64) -> Option<Packet> {
        let due = self.due();
        if due > now {
            return None;
        }
        Some(if self.frame_due == due { self.video(sent) } else { self.audio(due, sent) })
    }

    fn audio(&mut self, due: Instant, sent: u64) -> Packet {
        let counter = self.audio_counter;
        let stamp =
            Stamp { source: self.number, track: Track::Audio, counter, sent, frame: counter, of: 1, key: false };
        let mut payload = vec![0x5a; AUDIO_BYTES];
        payload[0] = 0xfc; // Opus TOC: CELT fullband, 20 ms, stereo, one frame
        stamp.write(&mut payload);
        self.audio_counter += 1;
        Packet { stamp, timestamp: counter.wrapping_mul(960), marker: counter == 0, due, payload }
    }

    fn video(&mut self, sent: u64) -> Packet {
        let due = self.frame_due;
        let first = self.packet_in_frame == 0;
        if first {
            self.frame_sent = sent;
            self.frame_is_key = self.frame.is_multiple_of(KEYFRAME_EVERY) || std::mem::take(&mut self.keyframe_wanted);
        }
        let of = if self.frame_is_key { self.shape.key } else { self.shape.delta[(self.frame % 3) as usize] };
        let stamp = Stamp {
            source: self.number,
            track: Track::Video,
            counter: self.video_counter,
            sent: self.frame_sent,
            frame: self.frame as u32,
            of,
            key: self.frame_is_key,
        };
        let mut payload = vec![0xa5; self.shape.bytes];
        // Payload descriptor with a 15-bit picture id; S marks the start of the partition.
        let picture = (self.frame as u16) | 0x8000;
        payload[..4].copy_from_slice(&[if first { 0x90 } else { 0x80 }, 0x80, (picture >> 8) as u8, picture as u8]);
        if first {
            self.write_frame_header(&mut payload[4..]);
        }
        stamp.write(&mut payload);
        // In ticks of 90 kHz, rounded.
        let timestamp = (((due - self.start).as_nanos() * 9 + 50_000) / 100_000) as u32;
        self.video_counter += 1;
        self.packet_in_frame += 1;
        let marker = self.packet_in_frame == of;
        if marker {
            self.frame += 1;
            self.packet_in_frame = 0;
            self.frame_due += FRAME;
        }
        Packet { stamp, timestamp, marker, due, payload }
    }

    fn write_frame_header(&self, frame: &mut [u8]) {
        // Frame tag: bit 0 says "not a key frame", bit 4 "show"; then start code and 640x360 on key frames only.
        frame[..3].copy_from_slice(&[if self.frame_is_key { 0x10 } else { 0x11 }, 0x40, 0x00]);
        if self.frame_is_key {
            frame[3..10].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        }
    }
}
