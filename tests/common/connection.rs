//! One peer connection of a synthetic participant, on webrtcbin in a pipeline of its own: it offers, and either sends
//! its picture and sound or receives another's.

use std::sync::{Arc, Mutex};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_sdp::SDPMessage;
use gstreamer_webrtc::{
    WebRTCICEGatheringState, WebRTCKind, WebRTCPeerConnectionState, WebRTCRTPTransceiver,
    WebRTCRTPTransceiverDirection, WebRTCSDPType, WebRTCSessionDescription,
};
use plenum::config::VideoCodec;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::reception::{Reception, receive};
use super::replay::Clip;
use super::source::{self, Camera, Generator, Look, Manner, SAMPLES};

const OPUS: &str =
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2";
const VP8: &str = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000";
/// Constrained baseline, as browsers have it.
const H264: &str = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,\
    packetization-mode=(string)1,profile-level-id=(string)42c01f";
/// Browsers offer it beside baseline, which its decoders take, too.
const H264_MAIN: &str = "application/x-rtp,media=video,encoding-name=H264,payload=97,clock-rate=90000,\
    packetization-mode=(string)1,profile-level-id=(string)4d001f";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Named in the caps, since an offer made before the first packet would otherwise not declare them.
const AUDIO_SSRC: u32 = 0x0a0d_1000;
const VIDEO_SSRC: u32 = 0x0a0d_2000;

/// What a connection wants to be told to the server.
#[derive(Debug)]
pub enum Say {
    /// The offer, once.
    Offer(String),
    /// A candidate, as browsers write it.
    Candidate(Value),
}

/// A peer connection, ended when dropped.
#[derive(Debug)]
pub struct Connection {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    state: watch::Receiver<WebRTCPeerConnectionState>,
    generator: Option<Generator>,
    talker: Option<super::talker::Talker>,
}

impl Connection {
    /// Sends the picture, if it is to be in some codec, as a camera takes it, and the sound of `look`.
    pub fn publish(
        look: Look,
        picture: Option<(VideoCodec, Camera)>,
        say: impl Fn(Say) + Send + Sync + 'static,
    ) -> Self {
        Self::publish_in(look, Manner::default(), picture, say)
    }

    /// The same in some manner.
    pub fn publish_in(
        look: Look,
        manner: Manner,
        picture: Option<(VideoCodec, Camera)>,
        say: impl Fn(Say) + Send + Sync + 'static,
    ) -> Self {
        let mut connection = Self::new();
        let audio = connection.feed(WebRTCKind::Audio, &format!(
            "appsrc name=in is-live=true format=time caps=audio/x-raw,format=S16LE,rate={SAMPLES},channels=1,layout=interleaved \
             ! opusenc frame-size=20 ! rtpopuspay pt=111 ssrc={AUDIO_SSRC} ! capsfilter caps=\"{OPUS},ssrc=(uint){AUDIO_SSRC}\""
        ));
        let video = picture.map(|(codec, camera)| (connection.picture(codec), camera));
        connection.offer(say);
        connection.generator = Some(Generator::start(look, manner, Some(audio), video));
        connection
    }

    /// Sends what was encoded before, again and again.
    pub fn replay(clip: Arc<Clip>, say: impl Fn(Say) + Send + Sync + 'static) -> Self {
        let mut connection = Self::new();
        let audio = connection.feed(
            WebRTCKind::Audio,
            &format!(
                "appsrc name=in is-live=true format=time ! rtpopuspay pt=111 ssrc={AUDIO_SSRC} \
             ! capsfilter caps=\"{OPUS},ssrc=(uint){AUDIO_SSRC}\""
            ),
        );
        let video = connection.feed(
            WebRTCKind::Video,
            &format!(
                "appsrc name=in is-live=true format=time ! rtpvp8pay pt=96 ssrc={VIDEO_SSRC} picture-id-mode=15-bit \
             ! capsfilter caps=\"{VP8},ssrc=(uint){VIDEO_SSRC}\""
            ),
        );
        audio.set_caps(Some(&clip.sound.caps));
        video.set_caps(Some(&clip.pictures.caps));
        connection.offer(say);
        connection.generator = Some(clip.play(audio, video));
        connection
    }

    /// Sends packets of sound that no decoder would take, each with a level that the test sets: 0 is full scale, 127
    /// silence. With a look, its picture as well.
    pub fn talk(look: Option<Look>, level: super::talker::Level, say: impl Fn(Say) + Send + Sync + 'static) -> Self {
        let mut connection = Self::new();
        let source = connection.feed(
            WebRTCKind::Audio,
            &format!(
                "appsrc name=in is-live=true format=time do-timestamp=true \
             ! capsfilter caps=\"{OPUS},ssrc=(uint){AUDIO_SSRC},extmap-1=(string){AUDIO_LEVEL}\""
            ),
        );
        source.set_caps(Some(&OPUS.parse().expect("caps")));
        let shown = look.map(|look| (look, connection.picture(VideoCodec::Vp8)));
        connection.offer(say);
        connection.generator = shown
            .map(|(look, video)| Generator::start(look, Manner::default(), None, Some((video, Camera::default()))));
        connection.talker = Some(super::talker::Talker::start(level, source, AUDIO_SSRC));
        connection
    }

    /// Receives by slots, one for each of `reports`: the first `audio` are for sound, the others for pictures.
    pub fn slots(
        audio: usize,
        reports: Vec<watch::Sender<Reception>>,
        say: impl Fn(Say) + Send + Sync + 'static,
    ) -> Self {
        let connection = Self::new();
        for index in 0..reports.len() {
            let caps: gst::Caps = if index < audio { OPUS } else { VP8 }.parse().expect("caps");
            let direction = WebRTCRTPTransceiverDirection::Recvonly;
            connection.webrtcbin.emit_by_name::<WebRTCRTPTransceiver>("add-transceiver", &[&direction, &caps]);
        }
        let pipeline = connection.pipeline.downgrade();
        connection.webrtcbin.connect_pad_added(move |_, pad| {
            if let (Some(pipeline), gst::PadDirection::Src) = (pipeline.upgrade(), pad.direction()) {
                let line = pad.property::<WebRTCRTPTransceiver>("transceiver").property::<u32>("mlineindex");
                receive(&pipeline, pad, &reports[line as usize]);
            }
        });
        connection.offer(say);
        connection
    }

    /// Receives sound, and pictures in a codec, into `report`.
    pub fn watch(
        codec: VideoCodec,
        report: watch::Sender<Reception>,
        say: impl Fn(Say) + Send + Sync + 'static,
    ) -> Self {
        Self::receive([OPUS, if codec == VideoCodec::H264 { H264_MAIN } else { VP8 }], report, say)
    }

    /// Receives sound and picture into `report`.
    pub fn subscribe(report: watch::Sender<Reception>, say: impl Fn(Say) + Send + Sync + 'static) -> Self {
        Self::receive([OPUS, VP8], report, say)
    }

    fn receive(codecs: [&str; 2], report: watch::Sender<Reception>, say: impl Fn(Say) + Send + Sync + 'static) -> Self {
        let connection = Self::new();
        for caps in codecs {
            let caps: gst::Caps = caps.parse().expect("caps");
            let direction = WebRTCRTPTransceiverDirection::Recvonly;
            connection.webrtcbin.emit_by_name::<WebRTCRTPTransceiver>("add-transceiver", &[&direction, &caps]);
        }
        let pipeline = connection.pipeline.downgrade();
        connection.webrtcbin.connect_pad_added(move |_, pad| {
            if let (Some(pipeline), gst::PadDirection::Src) = (pipeline.upgrade(), pad.direction()) {
                receive(&pipeline, pad, &report);
            }
        });
        connection.offer(say);
        connection
    }

    fn new() -> Self {
        gst::init().expect("GStreamer starts");
        let webrtcbin = gst::ElementFactory::make("webrtcbin").build().expect("webrtcbin is installed");
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        webrtcbin.set_property("latency", 40u32);
        if let Some(rtpbin) = webrtcbin.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("rtpbin")) {
            // Sender reports then tell when a picture was taken, not when it left.
            rtpbin.set_property("rtcp-sync-send-time", false);
            // What waits while decoders are made is not lost: only the network and the server may lose packets here.
            rtpbin.set_property("drop-on-latency", false);
        }
        let ice = webrtcbin.property::<gst::glib::Object>("ice-agent");
        if let Some(agent) = ice.find_property("agent").map(|_| ice.property::<gst::glib::Object>("agent")) {
            agent.set_property("upnp", false);
        }
        let pipeline = gst::Pipeline::new();
        let (clock, base) = source::epoch();
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(base);
        pipeline.bus().expect("a pipeline has a bus").set_sync_handler(|_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                eprintln!("participant: {} {:?}", error.error(), error.debug());
            }
            gst::BusSyncReply::Drop
        });
        pipeline.add(&webrtcbin).expect("an empty pipeline");
        let (sender, state) = watch::channel(WebRTCPeerConnectionState::New);
        webrtcbin.connect_notify(Some("connection-state"), move |webrtcbin, _| {
            sender.send_replace(webrtcbin.property("connection-state"));
        });
        Self { pipeline, webrtcbin, state, generator: None, talker: None }
    }

    /// Adds a source of pictures that are sent in a codec.
    fn picture(&self, codec: VideoCodec) -> AppSrc {
        let encode = match codec {
            VideoCodec::Vp8 => format!(
                "vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate=300000 keyframe-max-dist=3000 error-resilient=default \
                 ! rtpvp8pay pt=96 ssrc={VIDEO_SSRC} picture-id-mode=15-bit ! capsfilter caps=\"{VP8},ssrc=(uint){VIDEO_SSRC}\""
            ),
            VideoCodec::H264 => format!(
                "x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate=300 key-int-max=3000 \
                 ! video/x-h264,profile=constrained-baseline,level=(string)3.1 \
                 ! rtph264pay pt=96 ssrc={VIDEO_SSRC} config-interval=-1 aggregate-mode=zero-latency \
                 ! capsfilter caps=\"{H264},ssrc=(uint){VIDEO_SSRC}\""
            ),
        };
        self.feed(WebRTCKind::Video, &format!("appsrc name=in is-live=true format=time ! {encode}"))
    }

    /// Adds a source that is sent, and gives back its beginning.
    fn feed(&self, kind: WebRTCKind, description: &str) -> AppSrc {
        let bin = gst::parse::bin_from_description(description, true).expect("the encoders are installed");
        self.pipeline.add(&bin).expect("a new bin");
        let sink = self.webrtcbin.request_pad_simple("sink_%u").expect("webrtcbin takes what it is sent");
        bin.static_pad("src").expect("a ghost pad").link(&sink).expect("RTP goes into webrtcbin");
        let transceiver = sink.property::<WebRTCRTPTransceiver>("transceiver");
        transceiver.set_property("direction", WebRTCRTPTransceiverDirection::Sendonly);
        // As browsers do: what got lost of the picture is sent again.
        transceiver.set_property("do-nack", kind == WebRTCKind::Video);
        bin.by_name("in").and_downcast::<AppSrc>().expect("an appsrc")
    }

    /// Starts, makes the offer and lets it and the candidates be told, the offer first.
    fn offer(&self, say: impl Fn(Say) + Send + Sync + 'static) {
        let say = Arc::new(say);
        let mids = Arc::new(Mutex::new(Vec::<String>::new()));
        let (tell, names) = (say.clone(), mids.clone());
        self.webrtcbin.connect("on-ice-candidate", false, move |values| {
            let (index, candidate) = (values[1].get::<u32>().ok()?, values[2].get::<String>().ok()?);
            let mid = names.lock().unwrap().get(index as usize).cloned();
            tell(Say::Candidate(json!({"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": index})));
            None
        });
        self.pipeline.set_state(gst::State::Playing).expect("the pipeline starts");
        let weak = self.webrtcbin.downgrade();
        let promise = gst::Promise::with_change_func(move |reply| {
            let offer = reply.ok().flatten().and_then(|reply| reply.get::<WebRTCSessionDescription>("offer").ok());
            if let (Some(webrtcbin), Some(offer)) = (weak.upgrade(), offer) {
                let text = offer.sdp().as_text().expect("an offer is text");
                *mids.lock().unwrap() =
                    text.lines().filter_map(|line| line.strip_prefix("a=mid:")).map(Into::into).collect();
                say(Say::Offer(text));
                webrtcbin.emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
            }
        });
        self.webrtcbin.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
    }

    /// The offer with all candidates in it, as those make it who send none later.
    pub async fn complete_offer(&self) -> String {
        let (say, mut gathered) = watch::channel(());
        self.webrtcbin.connect_notify(Some("ice-gathering-state"), move |_, _| say.send_replace(()));
        while self.webrtcbin.property::<WebRTCICEGatheringState>("ice-gathering-state")
            != WebRTCICEGatheringState::Complete
        {
            gathered.changed().await.expect("webrtcbin lives");
        }
        let offer = self.webrtcbin.property::<WebRTCSessionDescription>("local-description");
        offer.sdp().as_text().expect("an offer is text")
    }

    /// Takes the server's answer.
    pub fn answer(&self, sdp: &str) {
        let sdp = SDPMessage::parse_buffer(sdp.as_bytes()).expect("the server's answer is SDP");
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, sdp);
        self.webrtcbin.emit_by_name::<()>("set-remote-description", &[&answer, &None::<gst::Promise>]);
    }

    /// Takes a candidate of the server's.
    pub fn add_candidate(&self, candidate: &Value) {
        let index = candidate["sdpMLineIndex"].as_u64().unwrap_or(0) as u32;
        if let Some(text) = candidate["candidate"].as_str().filter(|text| !text.is_empty()) {
            self.webrtcbin.emit_by_name::<()>("add-ice-candidate", &[&index, &text]);
        }
    }

    /// The state of the connection.
    pub fn state(&self) -> watch::Receiver<WebRTCPeerConnectionState> {
        self.state.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        (self.generator, self.talker) = (None, None);
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
