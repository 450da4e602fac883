//! A server of WHIP that had no part in sending, on another stack (str0m): it answers an offer, loses packets, asks for keyframes,
//! and keeps what it gets.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{KeyframeRequestKind, MediaData, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig, RtcError};
use tokio::sync::watch;

use crate::ingest::{Asked, Say};

/// It loses each such packet of pictures, the first time that it comes.
const LOSES: u32 = 40;
/// How long after a keyframe it asks for the next one: they come once a second by themselves.
const ASKS_AFTER: Duration = Duration::from_millis(300);

/// What came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    /// The stream of pictures, as H.264 is written to files.
    pub(crate) pictures: Vec<u8>,
    /// How many pictures, and how many pieces of sound.
    pub(crate) counts: [u64; 2],
    /// Between which pictures something was missing.
    pub(crate) gaps: u64,
    /// How many packets it has lost.
    pub(crate) lost: u64,
    /// The times of keyframes, in seconds of the stream.
    pub(crate) keyframes: Vec<f64>,
}

/// Answers an offer, and follows what comes in a thread that ends with the connection.
pub(crate) fn answer(asked: &Asked, address: IpAddr, taken: &Arc<watch::Sender<Taken>>) -> Say {
    if asked.method != "POST" {
        return Say::this(200, "", "");
    }
    let mut rtc = RtcConfig::new().clear_codecs().enable_opus(true, false).enable_h264(true).build(Instant::now());
    let socket = UdpSocket::bind((address, 0)).unwrap();
    let candidate = Candidate::host(socket.local_addr().unwrap(), Protocol::Udp).unwrap();
    rtc.add_local_candidate(candidate);
    let offer = SdpOffer::from_sdp_string(&asked.body).unwrap();
    let answer = rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string();
    let server = Foreign { rtc, local: socket.local_addr().unwrap(), socket, passed: 0, pictures: None, asked: None };
    let taken = Arc::clone(taken);
    std::thread::spawn(move || server.run(&taken));
    Say::this(201, "location: /session\r\n", &answer)
}

struct Foreign {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    /// Packets of pictures so far.
    passed: u32,
    /// Where pictures come, and when the last keyframe came.
    pictures: Option<(Mid, Instant)>,
    /// When a keyframe was last asked for.
    asked: Option<Instant>,
}

impl Foreign {
    fn run(mut self, taken: &watch::Sender<Taken>) {
        let mut part = vec![0; 2000];
        while self.rtc.is_alive() {
            let Ok(wake) = self.drain(taken) else { return };
            let patience =
                wake.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), ASKS_AFTER / 10);
            self.socket.set_read_timeout(Some(patience)).unwrap();
            let now = Instant::now();
            match self.socket.recv_from(&mut part) {
                Ok((length, _)) if self.loses(&part[..length]) => taken.send_modify(|taken| taken.lost += 1),
                Ok((length, source)) => {
                    let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, &part[..length]) else {
                        continue;
                    };
                    let _ = self.rtc.handle_input(Input::Receive(now, receive));
                }
                Err(_) => drop(self.rtc.handle_input(Input::Timeout(now))),
            }
            self.ask(now);
        }
    }

    fn drain(&mut self, taken: &watch::Sender<Taken>) -> Result<Instant, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wake) => return Ok(wake),
                Output::Transmit(transmit) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::MediaData(data)) => self.note(&data, taken),
                Output::Event(_) => {}
            }
        }
    }

    /// Whether this one gets lost.
    fn loses(&mut self, packet: &[u8]) -> bool {
        // RTP of the payload type that the offer has for pictures.
        let is_picture = matches!(packet, [128..=191, kind, ..] if kind & 0x7f == 96);
        self.passed += u32::from(is_picture);
        is_picture && self.passed.is_multiple_of(LOSES)
    }

    fn note(&mut self, data: &MediaData, taken: &watch::Sender<Taken>) {
        let is_picture = data.params.spec().codec == Codec::H264;
        let is_key = is_picture && data.data.windows(4).any(|four| four[..3] == [0, 0, 1] && four[3] & 0x1f == 5);
        if is_key {
            self.pictures = Some((data.mid, Instant::now()));
            self.asked = None;
        }
        taken.send_modify(|taken| {
            taken.counts[usize::from(!is_picture)] += 1;
            if is_picture {
                taken.gaps += u64::from(!data.contiguous && !taken.pictures.is_empty());
                taken.pictures.extend_from_slice(&data.data);
            }
            if is_key {
                taken.keyframes.push(data.time.as_seconds());
            }
        });
    }

    fn ask(&mut self, now: Instant) {
        let Some((mid, last)) = self.pictures else { return };
        if self.asked.is_none() && now.duration_since(last) > ASKS_AFTER {
            self.asked = Some(now);
            let mut writer = self.rtc.writer(mid).expect("a line of pictures");
            writer.request_keyframe(None, KeyframeRequestKind::Pli).expect("keyframes can be asked for");
        }
    }
}
