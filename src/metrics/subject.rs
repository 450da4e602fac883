//! The metrics themselves, by subject. The table of `docs/metrics.md` says the same for people; a test compares them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::label::{
    Answer, Codec, Connection, Direction, Dropped, Failure, Medium, Output, OutputPhase, Phase, Recording,
    RecordingEnd, Refusal, Role, Severity, Upload,
};
use super::register::{Histograms, Register, pairs};

/// What people wait for: from what nobody notices to what everybody gives up on.
fn waits() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Round trips and their variation.
fn trips() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0])
}

/// What the server itself takes for a packet or a picture.
fn moments() -> Histogram {
    Histogram::new([0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.25, 0.5, 1.0])
}

/// Shares of packets.
fn shares() -> Histogram {
    Histogram::new([0.0, 0.005, 0.01, 0.02, 0.05, 0.08, 0.15, 0.3, 0.5])
}

/// Rooms and who is in them.
#[derive(Debug)]
pub struct Calls {
    /// Rooms that are open.
    pub rooms: Gauge,
    /// People in rooms.
    pub participants: Gauge,
    /// People who wait to be admitted.
    pub waiting: Gauge,
    /// Tracks that are published.
    pub tracks: Family<Medium, Gauge>,
    /// Peer connections.
    pub endpoints: Family<(Role, Phase), Gauge>,
    /// Peer connections that ended of themselves.
    pub failures: Family<Failure, Counter>,
    /// How long a join took.
    pub joins: Histogram,
    /// Joins that were refused.
    pub refusals: Family<Refusal, Counter>,
    /// How long it took from an offer to connected media.
    pub connects: Histograms<Role>,
    /// How long a picture took to appear.
    pub first_frames: Histograms<Connection>,
}

impl Calls {
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
            rooms: register.gauge("rooms", "Rooms that are open"),
            participants: register.gauge("participants", "Participants in all rooms"),
            waiting: register.gauge("participants_waiting", "People who wait to be admitted to a room"),
            tracks: register.gauges("tracks", "Tracks that are published", Medium::ALL),
            endpoints: register.gauges(
                "endpoints",
                "Peer connections by what they are for and how far they are",
                &pairs(Role::ALL, Phase::ALL),
            ),
            failures: register.counters(
                "endpoint_failures",
                "Peer connections that ended otherwise than by being closed",
                Failure::ALL,
            ),
            joins: register.histogram(
                "join_seconds",
                "From a request to join until the room has taken somebody in, or lets them wait; one for each join",
                waits,
            ),
            refusals: register.counters("join_refusals", "Requests to join that were refused", Refusal::ALL),
            connects: register.histograms(
                "connect_seconds",
                "From an offer until ICE and DTLS are up and the certificate was verified",
                &[Role::Publisher, Role::Subscriber],
                waits,
            ),
            first_frames: register.histograms(
                "first_frame_seconds",
                "From when a receiver is to have a picture until the first keyframe is sent to it",
                Connection::ALL,
                waits,
            ),
        }
    }
}

/// What passes from publishers to receivers.
#[derive(Debug)]
pub struct Packets {
    /// Packets of publishers that came, or came when they were asked for again.
    pub received: Family<Medium, Counter>,
    /// Their bytes.
    pub received_bytes: Family<Medium, Counter>,
    /// Packets of publishers that never came.
    pub missing: Family<Medium, Counter>,
    /// Packets sent to receivers.
    pub forwarded: Family<Medium, Counter>,
    /// Their bytes.
    pub forwarded_bytes: Family<Medium, Counter>,
    /// Packets that receivers were not sent.
    pub dropped: Family<Dropped, Counter>,
    /// How often publishers were asked for a keyframe.
    pub keyframe_requests: Counter,
    /// How long packets took through the server.
    pub delay: Histograms<Medium>,
}

impl Packets {
    pub(super) fn new(register: &mut Register) -> Self {
        let all = Medium::ALL;
        Self {
            received: register.counters(
                "received_packets",
                "RTP packets of publishers, without those that only repeat others",
                all,
            ),
            received_bytes: register.counters("received_bytes", "Bytes of these packets, RTP headers included", all),
            missing: register.counters(
                "missing_packets",
                "RTP packets of publishers that were lost and did not come when asked for again either",
                all,
            ),
            forwarded: register.counters("forwarded_packets", "RTP packets sent to receivers", all),
            forwarded_bytes: register.counters("forwarded_bytes", "Bytes of these packets, RTP headers included", all),
            dropped: register.counters(
                "dropped_packets",
                "RTP packets that a receiver was not sent although its slot has the track",
                Dropped::ALL,
            ),
            keyframe_requests: register
                .counter("keyframe_requests", "Keyframes that publishers were asked for because a receiver needs one"),
            delay: register.histograms(
                "forward_delay_seconds",
                "From a packet's arrival until it is handed to the receiver's socket, of one in 256 packets; waiting for \
                 lost ones is in it",
                all,
                moments,
            ),
        }
    }
}

/// What RTCP says of the way there. Sampled every few seconds.
#[derive(Debug)]
pub struct Network {
    /// Packets of publishers that were lost, before repair.
    pub lost: Counter,
    /// The share of packets that a receiver says it lost.
    pub loss: Histogram,
    /// Requests for lost packets.
    pub nacks: Family<Direction, Counter>,
    /// Requests for keyframes.
    pub plis: Family<Direction, Counter>,
    /// Round trips to receivers.
    pub round_trips: Histogram,
    /// How unevenly packets come.
    pub jitter: Histograms<Direction>,
}

impl Network {
    pub(super) fn new(register: &mut Register) -> Self {
        let all = Direction::ALL;
        Self {
            lost: register.counter(
                "lost_packets",
                "RTP packets of publishers that did not come the first time; those that never came are plenum_missing_packets",
            ),
            loss: register.histogram(
                "receiver_loss_ratio",
                "The share of packets that receivers say they lost since their last report, sampled",
                shares,
            ),
            nacks: register.counters("nacks", "Requests for lost packets (RTCP NACK), by who got them", all),
            plis: register.counters("plis", "Requests for keyframes (RTCP PLI), by who got them", all),
            round_trips: register.histogram(
                "round_trip_seconds",
                "Round trips to receivers by their RTCP reports, sampled",
                trips,
            ),
            jitter: register.histograms(
                "jitter_seconds",
                "Interarrival jitter (RFC 3550) of publishers' packets here, and of ours at receivers, sampled",
                all,
                trips,
            ),
        }
    }
}

/// Mixes and their encoders.
#[derive(Debug)]
pub struct Mixes {
    /// Mixes that run.
    pub running: Gauge,
    /// How late pictures leave the mixer.
    pub lateness: Histogram,
    /// Encoders that run.
    pub encoders: Family<Codec, Gauge>,
    /// How long a picture takes to encode.
    pub encoding: Histograms<Codec>,
    /// Pictures and sound that an encoder was too slow for.
    pub skipped: Family<Codec, Counter>,
}

impl Mixes {
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
            running: register.gauge("mixes", "Mixes that run"),
            lateness: register.histogram(
                "mix_frame_lateness_seconds",
                "How much later than it was due a picture left the mixer",
                moments,
            ),
            encoders: register.gauges("encoders", "Encoders of mixes that run", Codec::ALL),
            encoding: register.histograms(
                "encode_seconds",
                "From a picture's way into the encoder until it leaves encoded; the sum is the time encoders are busy",
                &[Codec::H264, Codec::Vp8],
                moments,
            ),
            skipped: register.counters(
                "encoder_skipped",
                "Times that an encoder was too slow, and pictures or sound were left out",
                Codec::ALL,
            ),
        }
    }
}

/// Recordings and outputs.
#[derive(Debug)]
pub struct Stores {
    /// Recordings that have not ended.
    pub recordings: Family<Recording, Gauge>,
    /// Recordings that ended.
    pub ended: Family<RecordingEnd, Counter>,
    /// Outputs that run.
    pub outputs: Family<(Output, OutputPhase), Gauge>,
    /// Tries to upload.
    pub uploads: Family<Upload, Counter>,
    /// Recordings that wait for their upload.
    pub upload_queue: Gauge,
    /// Bytes of the disk of recordings.
    pub disk_size: Gauge,
    /// Those that are free.
    pub disk_free: Gauge,
}

impl Stores {
    pub(super) fn new(register: &mut Register) -> Self {
        Self {
            recordings: register.gauges("recordings", "Recordings that have not ended", Recording::ALL),
            ended: register.counters("recordings_ended", "Recordings that ended, by how", RecordingEnd::ALL),
            outputs: register.gauges(
                "outputs",
                "Outputs that run, by where they go and how they fare",
                &pairs(Output::ALL, OutputPhase::ALL),
            ),
            uploads: register.counters("uploads", "Tries to upload a recording, by what came of them", Upload::ALL),
            upload_queue: register.gauge("upload_queue", "Recordings that wait for their upload"),
            disk_size: register.gauge("disk_size_bytes", "Size of the file system that holds the recordings"),
            disk_free: register.gauge("disk_free_bytes", "What is free of it"),
        }
    }
}

/// The server itself.
#[derive(Debug)]
pub struct Server {
    /// Requests by HTTP.
    pub requests: Family<Answer, Counter>,
    /// Connections of Socket.IO.
    pub sessions: Gauge,
    /// What GStreamer complained about.
    pub complaints: Family<Severity, Counter>,
}

impl Server {
    pub(super) fn new(register: &mut Register) -> Self {
        let build = register.gauges("build_info", "1, with the version", &[[("version", env!("CARGO_PKG_VERSION"))]]);
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION"))]).set(1);
        Self {
            requests: register.counters("http_requests", "Requests by HTTP, by their answer", Answer::ALL),
            sessions: register.gauge("sessions", "Signaling connections"),
            complaints: register.counters(
                "gstreamer_messages",
                "Errors and warnings in GStreamer's log, as far as it is bridged",
                Severity::ALL,
            ),
        }
    }
}
