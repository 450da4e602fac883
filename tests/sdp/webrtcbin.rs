//! The canonical offer and a real webrtcbin: what it answers, and what the client gets of that.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp::SDPMessage;
use gstreamer_webrtc::{WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection, WebRTCSDPType, WebRTCSessionDescription};
use plenum::media::Codec;
use plenum::webrtc::sdp::{
    AUDIO_LEVEL, Offer, Policy, Role, SdpError, TRANSPORT_CC, finish_answer, parse_offer, with_candidates,
};

use super::{fixture, fixtures, parse};

const DEADLINE: Duration = Duration::from_secs(10);

/// A webrtcbin in a pipeline of its own, stopped when dropped.
struct Lab {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Lab {
    fn new() -> Self {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let webrtcbin =
            gst::ElementFactory::make("webrtcbin").property_from_str("bundle-policy", "max-bundle").build().unwrap();
        pipeline.add(&webrtcbin).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, webrtcbin }
    }

    /// Answers the offer as an endpoint will, and applies the answer.
    fn answer(&self, offer: &Offer) -> String {
        if offer.role == Role::Subscriber {
            for index in 0..offer.sections.len() {
                let caps = offer.preferences(index, Some(1000 + index as u32));
                let direction = WebRTCRTPTransceiverDirection::Sendonly;
                let transceiver =
                    self.webrtcbin.emit_by_name::<WebRTCRTPTransceiver>("add-transceiver", &[&direction, &caps]);
                transceiver.set_property("do-nack", true);
            }
        } else {
            let offer = Arc::new(offer.clone());
            self.webrtcbin.connect_closure(
                "on-new-transceiver",
                false,
                glib::closure!(move |_: &gst::Element, transceiver: &WebRTCRTPTransceiver| {
                    let index = transceiver.property::<u32>("mlineindex");
                    transceiver.set_property("codec-preferences", offer.preferences(index as usize, None));
                    transceiver.set_property("do-nack", true);
                }),
            );
        }
        let message = SDPMessage::parse_buffer(offer.to_sdp().as_bytes()).unwrap();
        self.call("set-remote-description", Some(&WebRTCSessionDescription::new(WebRTCSDPType::Offer, message)));
        let reply = self.call("create-answer", None).expect("create-answer replies");
        let answer = reply.get::<WebRTCSessionDescription>("answer").unwrap_or_else(|_| panic!("{reply:?}"));
        let text = answer.sdp().as_text().unwrap();
        self.call("set-local-description", Some(&answer));
        text
    }

    fn call(&self, signal: &str, description: Option<&WebRTCSessionDescription>) -> Option<gst::Structure> {
        let (sender, receiver) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let _ = sender.send(reply.map(|reply| reply.map(ToOwned::to_owned)).map_err(|error| format!("{error:?}")));
        });
        match description {
            Some(description) => self.webrtcbin.emit_by_name::<()>(signal, &[description, &promise]),
            None => self.webrtcbin.emit_by_name::<()>(signal, &[&None::<gst::Structure>, &promise]),
        }
        let reply = receiver.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{signal} did not end")).unwrap();
        if let Some(error) = reply.as_ref().and_then(|reply| reply.get::<glib::Error>("error").ok()) {
            panic!("{signal}: {error}");
        }
        reply
    }
}

/// The m-lines of a description, each with its attributes.
fn split(sdp: &str) -> Vec<&str> {
    let starts: Vec<_> = sdp.match_indices("\nm=").map(|(at, _)| at + 1).chain([sdp.len()]).collect();
    starts.windows(2).map(|pair| &sdp[pair[0]..pair[1]]).collect()
}

#[test]
fn a_publisher_is_answered_with_one_codec_and_congestion_control() {
    for (name, payload, rtx, id) in [
        ("chromium-publisher-data.sdp", 96, 97, 3),
        ("firefox-publisher-max-bundle.sdp", 120, 124, 7),
        ("chrome2019-publisher.sdp", 96, 97, 5),
    ] {
        let offer = parse(name, Role::Publisher, Codec::Vp8).unwrap();
        let answer = Lab::new().answer(&offer);
        let finished = finish_answer(&answer, &offer, "stream").unwrap();
        let lines = split(&finished);
        assert_eq!(lines.len(), offer.lines(), "{name}");
        let [audio, video] = [lines[0], lines[1]];
        assert!(video.starts_with(&format!("m=video 9 UDP/TLS/RTP/SAVPF {payload} {rtx}\r\n")), "{name}: {video}");
        for wanted in [
            "a=recvonly\r\n".to_owned(),
            format!("a=extmap:{id} {TRANSPORT_CC}\r\n"),
            format!("a=rtcp-fb:{payload} transport-cc\r\n"),
            format!("a=rtcp-fb:{payload} nack pli\r\n"),
            format!("a=rtcp-fb:{payload} nack\r\n"),
            format!("a=rtpmap:{payload} VP8/90000\r\n"),
            format!("a=fmtp:{rtx} apt={payload}\r\n"),
            "a=rtcp-mux\r\n".to_owned(),
            "a=setup:active\r\n".to_owned(),
            "a=ice-options:trickle\r\n".to_owned(),
        ] {
            assert!(video.contains(&wanted), "{name} lacks {wanted} in {video}");
        }
        assert!(audio.contains("a=recvonly\r\n") && audio.contains(" OPUS/48000/2\r\n"), "{name}: {audio}");
        assert!(audio.contains(&format!(" {AUDIO_LEVEL}\r\n")), "{name}: {audio}");
        assert!(audio.contains("useinbandfec=1"), "{name}: {audio}");
        assert!(!finished.contains("a=msid:"), "{name}: {finished}");
        if let Some(data) = lines.get(2) {
            assert!(data.starts_with("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{name}: {data}");
            assert!(data.contains("a=mid:2\r\n"));
            assert!(finished.contains("a=group:BUNDLE 0 1\r\n"), "{name}: {finished}");
        }
        SDPMessage::parse_buffer(finished.as_bytes()).unwrap();
    }
}

#[test]
fn a_subscriber_is_answered_with_our_ssrcs_in_one_stream() {
    for name in [
        "chromium-subscriber.sdp",
        "firefox-subscriber.sdp",
        "chrome2019-subscriber.sdp",
        "chromium-subscriber-slots.sdp",
    ] {
        let offer = parse(name, Role::Subscriber, Codec::Vp8).unwrap();
        let answer = Lab::new().answer(&offer);
        let finished = finish_answer(&answer, &offer, "stream").unwrap();
        let lines = split(&finished);
        assert_eq!(lines.len(), offer.lines(), "{name}");
        for (index, line) in lines.iter().enumerate() {
            assert!(line.contains("a=sendonly\r\n"), "{name}: {line}");
            assert!(line.contains(&format!("a=msid:stream stream-{index}\r\n")), "{name}: {line}");
            assert!(line.contains(&format!("a=ssrc:{} cname:", 1000 + index)), "{name}: {line}");
            assert!(!line.contains("a=extmap:"), "{name}: {line}");
            let foreign =
                line.split("\r\n").find(|line| line.contains(" msid:") && !line.contains(" msid:stream stream-"));
            assert_eq!(foreign, None, "{name}");
        }
        assert!(finished.contains("a=msid-semantic: WMS stream\r\n"), "{name}: {finished}");
    }
}

#[test]
fn every_offer_can_be_answered() {
    for (name, role, text) in fixtures() {
        let Ok(offer) = parse_offer(&text, role, &Policy::new(Codec::Vp8)) else { continue };
        let answer = Lab::new().answer(&offer);
        let finished = finish_answer(&answer, &offer, "s").unwrap_or_else(|error| panic!("{name}: {error}\n{answer}"));
        assert!(!finished.contains("a=inactive") || !offer.refused.is_empty(), "{name}: {finished}");
    }
}

#[test]
fn h264_is_answered_in_the_clients_profile() {
    for (name, role) in [("safari-publisher.sdp", Role::Publisher), ("chromium-subscriber.sdp", Role::Subscriber)] {
        let offer = parse(name, role, Codec::H264).unwrap();
        let finished = finish_answer(&Lab::new().answer(&offer), &offer, "s").unwrap();
        let video = split(&finished)[1].to_owned();
        assert!(video.contains(" H264/90000\r\n"), "{video}");
        assert!(video.contains("profile-level-id=42e01f") && video.contains("packetization-mode=1"), "{video}");
    }
}

#[test]
fn one_section_without_a_bundle_is_answered_without_one() {
    let text = fixture("chromium-publisher-sendonly.sdp");
    let video = text.match_indices("m=").nth(1).unwrap().0;
    let text = text[..video].replace("a=group:BUNDLE 0 1\r\n", "");
    let offer = parse_offer(&text, Role::Publisher, &Policy::new(Codec::Vp8)).unwrap();
    let finished = finish_answer(&Lab::new().answer(&offer), &offer, "s").unwrap();
    assert!(!finished.contains("a=group"), "{finished}");
}

#[test]
fn candidates_stand_in_the_first_accepted_section() {
    // The first m-line of the client is refused here.
    let text = fixture("chromium-publisher-data.sdp");
    let at: Vec<_> = text.match_indices("m=").map(|(at, _)| at).collect();
    let text = format!("{}{}{}", &text[..at[0]], &text[at[2]..], &text[at[0]..at[2]]);
    let offer = parse_offer(&text, Role::Publisher, &Policy::new(Codec::Vp8)).unwrap();
    let finished = finish_answer(&Lab::new().answer(&offer), &offer, "s").unwrap();
    let ours = "candidate:1 1 UDP 2015363327 192.0.2.7 40000 typ host".to_owned();
    let whole = with_candidates(&finished, &offer, &[ours]).unwrap();
    let lines = split(&whole);
    let has = lines.iter().map(|line| line.contains("a=candidate:1 1 UDP 2015363327 192.0.2.7 40000 typ host\r\n"));
    assert_eq!(has.collect::<Vec<_>>(), [false, true, false], "{whole}");
    assert_eq!(whole.matches("a=end-of-candidates\r\n").count(), 1);
    SDPMessage::parse_buffer(whole.as_bytes()).unwrap();
    assert!(matches!(with_candidates("hello", &offer, &[]), Err(SdpError::Answer(_))));
}

#[test]
fn a_foreign_answer_is_refused() {
    let offer = parse("chromium-subscriber.sdp", Role::Subscriber, Codec::Vp8).unwrap();
    let answer = Lab::new().answer(&offer);
    for wrong in [String::new(), answer.replace("a=mid:1", "a=mid:9"), answer.replace("m=video", "m=audio")] {
        assert!(matches!(finish_answer(&wrong, &offer, "s"), Err(SdpError::Answer(_))));
    }
    assert!(matches!(finish_answer(&answer, &offer, "a b"), Err(SdpError::StreamId(_))));
}
