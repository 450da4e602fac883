//! One peer connection of the load: str0m in RTP mode on a UDP socket of its own.
//!
//! Owner: the load thread. Invariant: after every change the connection is drained, as str0m demands.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use mio::net::UdpSocket;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::headers::{Anchors, Header, Ledger, Told};
use crate::packets::{Packet, Shape, Source, Stamp, Track};
use crate::slots::Slots;
use crate::tally::{Tally, Window};

/// What the connection is for.
#[derive(Debug)]
pub(crate) enum Role {
    /// Sends a source; the schedule exists once connected.
    Publish { number: u16, shape: Shape, source: Option<Source> },
    /// Receives the source with that number.
    Subscribe { number: u16, tally: Tally },
    /// Receives whatever its slots carry.
    Receive(Slots),
}

impl Role {
    /// The m-lines of its offer.
    fn tracks(&self) -> Vec<Track> {
        match self {
            Self::Publish { .. } | Self::Subscribe { .. } => vec![Track::Audio, Track::Video],
            Self::Receive(slots) => slots.tracks().to_vec(),
        }
    }
}

/// When the steps of a join happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// The offer was handed to the websocket.
    pub(crate) offered: Instant,
    /// The answer arrived.
    pub(crate) answered: Option<Instant>,
    /// ICE and DTLS are up.
    pub(crate) connected: Option<Instant>,
    /// The first packet of media arrived.
    pub(crate) media: Option<Instant>,
}

/// A datagram out of the socket, with the time it was read.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// When it was read.
    pub(crate) arrived: Instant,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// What a peer needs to know of the load while it works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Beginning of all stamps.
    pub(crate) epoch: Instant,
    /// The measured span.
    pub(crate) window: Window,
}

impl Moment {
    /// Now, in nanoseconds since the beginning.
    pub(crate) fn nanos(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }
}

/// One connection.
pub(crate) struct Peer {
    /// Index of the session it is signalled through.
    pub(crate) session: usize,
    /// Whom it concerns in the dialect: our own id to publish, else the publisher's.
    pub(crate) user: String,
    /// Its role and what that collected.
    pub(crate) role: Role,
    /// Join times.
    pub(crate) steps: Steps,
    /// When str0m wants to be called again.
    pub(crate) wake: Instant,
    /// Its socket, registered with the poll by the load.
    pub(crate) socket: UdpSocket,
    local: SocketAddr,
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    /// The m-lines, and what each carries.
    lines: Vec<(Mid, Track)>,
    known: Vec<Ssrc>,
    /// Which m-line the answer gave to an SSRC.
    streams: HashMap<Ssrc, usize>,
    /// Set if packets are told by their headers where that is possible.
    anchors: Option<Anchors>,
    /// Packets that were decrypted, and those told by their headers.
    pub(crate) read: [u64; 2],
}

/// What goes to the server for a new connection.
#[derive(Debug)]
pub(crate) struct Opening {
    /// The offer, without candidates.
    pub(crate) offer: String,
    /// Media ids by m-line; the candidate names the first.
    pub(crate) mids: Vec<String>,
    /// Our only candidate, to be trickled.
    pub(crate) candidate: String,
}

impl Peer {
    /// Prepares a connection at `address` and its offer. All share one certificate: making 40 would measure the generator.
    pub(crate) fn open(
        session: usize,
        user: String,
        role: Role,
        address: IpAddr,
        cert: DtlsCert,
    ) -> Result<(Self, Opening)> {
        let now = Instant::now();
        let socket = UdpSocket::bind(SocketAddr::new(address, 0)).context("no UDP socket for a connection")?;
        let local = socket.local_addr()?;
        let mut rtc = RtcConfig::new()
            .set_rtp_mode(true)
            .set_dtls_cert(cert)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .clear_extension_map()
            .set_extension(1, Extension::RtpMid)
            .set_extension(2, Extension::AudioLevel)
            .build(now);
        let direction = match role {
            Role::Publish { .. } => Direction::SendOnly,
            Role::Subscribe { .. } | Role::Receive(_) => Direction::RecvOnly,
        };
        let mut changes = rtc.sdp_api();
        let add = |track: Track| {
            let kind = if track == Track::Audio { MediaKind::Audio } else { MediaKind::Video };
            (changes.add_media(kind, direction, Some("load".to_owned()), None, None), track)
        };
        let lines: Vec<(Mid, Track)> = role.tracks().into_iter().map(add).collect();
        let (offer, pending) = changes.apply().ok_or_else(|| anyhow!("str0m made no offer"))?;
        let candidate = Candidate::host(local, Protocol::Udp)?;
        let mids = lines.iter().map(|(mid, _)| mid.to_string()).collect();
        let opening = Opening { offer: offer.to_sdp_string(), mids, candidate: candidate.to_sdp_string() };
        rtc.add_local_candidate(candidate);
        let steps = Steps { offered: now, answered: None, connected: None, media: None };
        let pending = Some(pending);
        let (wake, known, streams, anchors, read) = (now, Vec::new(), HashMap::new(), None, [0; 2]);
        let peer = Self {
            session,
            user,
            role,
            steps,
            wake,
            socket,
            local,
            rtc,
            pending,
            lines,
            known,
            streams,
            anchors,
            read,
        };
        Ok((peer, opening))
    }

    /// Takes the server's answer.
    pub(crate) fn answer(&mut self, sdp: &str, moment: Moment) -> Result<()> {
        let answer = SdpAnswer::from_sdp_string(sdp).with_context(|| format!("the answer is not SDP:\n{sdp}"))?;
        let pending = self.pending.take().ok_or_else(|| anyhow!("a second answer for one offer"))?;
        self.steps.answered = Some(Instant::now());
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .with_context(|| format!("str0m refused the answer:\n{sdp}"))?;
        self.note_streams(sdp);
        self.drain(moment)
    }

    /// Notes which m-line each announced SSRC belongs to: slots of a kind share their payload type.
    fn note_streams(&mut self, sdp: &str) {
        let mut line = None;
        for text in sdp.lines() {
            if let Some(mid) = text.strip_prefix("a=mid:") {
                line = self.lines.iter().position(|(known, _)| known.to_string() == mid.trim());
            } else if let Some((ssrc, _)) = text.strip_prefix("a=ssrc:").and_then(|rest| rest.split_once(' '))
                && let (Ok(ssrc), Some(line)) = (ssrc.parse::<u32>(), line)
            {
                self.streams.insert(Ssrc::from(ssrc), line);
            }
        }
    }

    /// Takes a candidate of the server; those that our IPv4 UDP socket cannot reach are left out.
    pub(crate) fn candidate(&mut self, text: &str, moment: Moment) -> Result<()> {
        let text = text.strip_prefix("a=").unwrap_or(text);
        let Ok(candidate) = Candidate::from_sdp_string(text) else { return Ok(()) };
        if candidate.proto() == Protocol::Udp && candidate.addr().is_ipv4() == self.local.is_ipv4() {
            self.rtc.add_remote_candidate(candidate);
            self.timeout(Instant::now(), moment)?;
        }
        Ok(())
    }

    /// Whether ICE and DTLS are up.
    pub(crate) fn is_connected(&self) -> bool {
        self.steps.connected.is_some()
    }

    /// Whether the connection broke after it was up.
    pub(crate) fn is_dead(&self) -> bool {
        !self.rtc.is_alive()
    }

    /// Lets time pass.
    pub(crate) fn timeout(&mut self, now: Instant, moment: Moment) -> Result<()> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(moment)
    }

    /// Takes a datagram.
    pub(crate) fn datagram(&mut self, datagram: &Datagram, moment: Moment) -> Result<()> {
        let Ok(receive) = Receive::new(Protocol::Udp, datagram.source, self.local, &datagram.bytes) else {
            return Ok(());
        };
        self.expect_stream(&datagram.bytes);
        self.rtc.handle_input(Input::Receive(datagram.arrived, receive))?;
        self.drain(moment)
    }

    /// From now on decrypts only what headers do not tell. str0m goes on reporting, about less than what comes.
    pub(crate) fn read_headers(&mut self) {
        self.anchors = Some(Anchors::default());
    }

    /// Counts a packet by its header; false if str0m has to take the datagram.
    pub(crate) fn count_by_header(&mut self, bytes: &[u8], ledger: &Ledger, moment: Moment) -> bool {
        let (Some(anchors), Role::Receive(slots)) = (&mut self.anchors, &mut self.role) else { return false };
        let Some(header) = Header::read(bytes) else { return false };
        let ssrc = Ssrc::from(header.ssrc);
        match anchors.tell(ledger, &header) {
            Told::Packet(stamp) => {
                let line = self.streams.get(&ssrc).copied();
                slots.note(line, moment.window, Some(stamp), u64::from(stamp.counter), moment.nanos());
                self.read[1] += 1;
                true
            }
            Told::Nothing => false,
            Told::Changed(rounds) => {
                // str0m has not seen the stream wrap around.
                if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
                    stream.reset_roc(rounds);
                }
                false
            }
        }
    }

    /// Takes a stream that the answer did not announce by its payload type, as browsers do and str0m does not.
    fn expect_stream(&mut self, bytes: &[u8]) {
        let (Role::Subscribe { .. }, [0x80..=0xbf, pt, _, _, _, _, _, _, a, b, c, d, ..]) = (&self.role, bytes) else {
            return;
        };
        let ssrc = Ssrc::from(u32::from_be_bytes([*a, *b, *c, *d]));
        let pt = Pt::from(pt & 0x7f);
        if self.known.contains(&ssrc) {
            return;
        }
        // Neither: RTCP, or a retransmission, which only the answer can announce.
        let Some((mid, _)) = self.lines.iter().find(|(mid, track)| self.payload_type(*mid, *track) == Some(pt)) else {
            return;
        };
        self.known.push(ssrc);
        let mut direct = self.rtc.direct_api();
        if direct.stream_rx(&ssrc).is_none() {
            direct.expect_stream_rx(ssrc, None, *mid, None);
        }
    }

    /// Sends a packet of our source.
    pub(crate) fn send(&mut self, packet: Packet, moment: Moment) -> Result<()> {
        let track = packet.stamp.track;
        let mid = self.lines[track as usize].0;
        let level = match &self.role {
            Role::Publish { shape, .. } if track == Track::Audio => shape.level,
            _ => None,
        };
        let pt = self.payload_type(mid, track).with_context(|| format!("no payload type was agreed for {track:?}"))?;
        let mut direct = self.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None).with_context(|| format!("{track:?} was not accepted"))?;
        let sequence = u64::from(packet.stamp.counter) + 1000;
        let write = RtpWrite::new(pt, sequence.into(), packet.timestamp, Instant::now(), packet.payload)
            .marker(packet.marker)
            .ext_vals(ExtensionValues {
                audio_level: level,
                voice_activity: level.map(|level| level > -60),
                ..ExtensionValues::default()
            })
            .nackable(track == Track::Video);
        stream.write_rtp(write);
        self.drain(moment)
    }

    fn payload_type(&self, mid: Mid, track: Track) -> Option<Pt> {
        let codec = if track == Track::Audio { Codec::Opus } else { Codec::Vp8 };
        let agreed = self.rtc.media(mid)?.remote_pts();
        let params = self.rtc.codec_config().params().iter();
        params.filter(|params| params.spec().codec == codec).map(|params| params.pt()).find(|pt| agreed.contains(pt))
    }

    fn drain(&mut self, moment: Moment) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wake) => {
                    self.wake = wake;
                    return Ok(());
                }
                // A full socket buffer is a loss like any other; str0m repeats what must not get lost.
                Output::Transmit(transmit) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(event) => self.event(event, moment),
            }
        }
    }

    fn event(&mut self, event: Event, moment: Moment) {
        match event {
            Event::Connected => {
                let now = Instant::now();
                self.steps.connected = Some(now);
                if let Role::Publish { number, shape, source } = &mut self.role {
                    *source = Some(Source::new(*number, *shape, now));
                }
            }
            Event::KeyframeRequest(_) => {
                if let Role::Publish { source: Some(source), .. } = &mut self.role {
                    source.want_keyframe(Instant::now());
                }
            }
            Event::RtpPacket(packet) => self.packet(&packet, moment),
            _ => {}
        }
    }

    fn packet(&mut self, packet: &RtpPacket, moment: Moment) {
        let arrived = packet.timestamp.saturating_duration_since(moment.epoch).as_nanos() as u64;
        let stamp = Stamp::read(&packet.payload);
        match &mut self.role {
            Role::Subscribe { number, tally } => {
                tally.note(*number, moment.window, stamp, *packet.seq_no, arrived);
            }
            Role::Receive(slots) => {
                let ssrc = packet.header.ssrc;
                slots.note(self.streams.get(&ssrc).copied(), moment.window, stamp, *packet.seq_no, arrived);
                self.read[0] += 1;
                if let (Some(anchors), Some(stamp)) = (&mut self.anchors, stamp) {
                    anchors.learn(*ssrc, stamp, *packet.seq_no, packet.header.timestamp);
                    // What str0m does not get to see is not lost.
                    if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc) {
                        stream.suppress_nack(true);
                    }
                }
            }
            Role::Publish { .. } => return,
        }
        self.steps.media.get_or_insert(packet.timestamp);
    }
}
