//! Encoders that take part by WHIP: who sees and hears them, how they go, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::exchange::{Session, ask, post, sees};
use common::lab;
use common::native::Native;
use common::participant::{Options, Participant};
use common::server::Server;
use common::source::Look;
use gstreamer_webrtc::WebRTCPeerConnectionState;
use plenum::config::VideoCodec;
use reqwest::Method;
use serde_json::json;

#[test]
fn an_encoder_is_seen_and_heard_by_all_until_it_leaves() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let receives = ann.subscribe("receive-1", 2, 2).await;
        let look = Look::of(3);
        let studio = Session::publish(&server, "/whip/tea?name=Studio%20A", VideoCodec::Vp8, look).await;
        assert!(studio.path.starts_with("/whip/tea/"), "{}", studio.path);
        assert!(studio.answer.body.contains("a=candidate:"), "{}", studio.answer.body);
        let joined = ann.told("participantJoined", |data| data["participant"]["name"] == "Studio A").await;
        let id = joined["participant"]["id"].as_str().unwrap().to_owned();
        assert_eq!(joined["participant"]["role"], "participant");
        ann.meets(&receives, &id, look).await;
        // Somebody of the other dialect, who comes later.
        let old = Participant::join(&server, "tea", "old", Options { publish: false, ..Options::of(1) }).await;
        old.wait_until(&id, "their look and tone", |seen| seen.shows(look) && seen.sounds_like(look)).await;
        // And who is not in the room at all.
        let (_watches, seen) = Session::watch(&server, "/whep/tea/single", VideoCodec::H264).await;
        sees(&seen, "the sound", |seen| seen.sounds_like(look)).await;

        assert_eq!(studio.delete().await.status, 200);
        ann.told("participantLeft", |data| data["participant"] == *id).await;
        assert_eq!(studio.delete().await.refusal(), (404, "no_such_session".to_owned()));
    });
}

#[test]
fn an_encoder_that_vanishes_leaves_and_opens_a_room_by_itself() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let studio = Session::publish(&server, "/whip/alone", VideoCodec::Vp8, Look::of(2)).await;
        let ann = Native::join(&server, "alone", "Ann", 0).await;
        let members = ann.welcome["participants"].as_array().unwrap();
        let encoder = members.iter().find(|member| member["name"] == "Encoder").expect("a default name");
        let id = encoder["id"].as_str().unwrap().to_owned();
        let own = members.iter().find(|member| member["id"] == *ann.id).expect("oneself");
        assert_eq!(own["role"], "moderator", "an encoder moderates nobody");
        let path = studio.path.clone();
        drop(studio);
        ann.told("participantLeft", |data| data["participant"] == *id).await;
        let gone = ask(&server, Method::DELETE, &path, &[], "").await;
        assert_eq!(gone.refusal(), (404, "no_such_session".to_owned()));
    });
}

#[test]
fn what_cannot_be_sent_is_refused_before_anybody_sees_it() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let offer = include_str!("fixtures/chromium-publisher-sendonly.sdp");
        let refused = |status: u16, code: &str| (status, code.to_owned());
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let count = ann.client.count();
        let without_vp8 = offer.replace("VP8/90000", "VP7/90000");
        assert_eq!(post(&server, "/whip/tea", &without_vp8).await.refusal(), refused(422, "bad_offer"));
        assert_eq!(post(&server, "/whip/tea", "hello").await.refusal(), refused(400, "bad_offer"));
        assert_eq!(post(&server, "/whip/tea?name=%00", offer).await.refusal(), refused(400, "bad_name"));
        assert_eq!(
            post(&server, &format!("/whip/{}", "x".repeat(99)), offer).await.refusal(),
            refused(400, "bad_name")
        );
        let text = ask(&server, Method::POST, "/whip/tea", &[("content-type", "text/plain")], offer).await;
        assert_eq!(text.refusal(), refused(415, "wrong_content_type"));
        assert_eq!(ask(&server, Method::PUT, "/whip/tea", &[], "").await.status, 405);
        ann.get("moderate", json!({"action": "lobby", "enabled": true})).await;
        assert_eq!(post(&server, "/whip/tea", offer).await.refusal(), refused(403, "lobby"));
        ann.get("moderate", json!({"action": "lock", "locked": true})).await;
        assert_eq!(post(&server, "/whip/tea", offer).await.refusal(), refused(403, "locked"));
        ann.round_trip().await;
        let joined =
            ann.client.messages()[count..].iter().filter(|message| message["event"] == "participantJoined").count();
        assert_eq!(joined, 0);
        // Candidates that come later are taken, and nobody but who has the tag sends any.
        let studio = Session::publish(&server, "/whip/coffee", VideoCodec::Vp8, Look::of(1)).await;
        let fragment = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(studio.patch(None, fragment).await.refusal(), refused(428, "no_tag"));
        assert_eq!(studio.patch(Some(studio.answer.header("etag")), fragment).await.status, 204);
        let restart = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
        assert_eq!(studio.patch(Some("*"), restart).await.refusal(), refused(422, "no_ice_restart"));
        studio.reaches(WebRTCPeerConnectionState::Connected).await;
    });
}

#[test]
fn a_room_of_h264_takes_an_encoder_of_h264() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plenum.toml");
        std::fs::write(&file, "[rooms]\nvideo_codec = \"h264\"\n").unwrap();
        let server = Server::start_with(&lab, &["--config", file.to_str().unwrap()]).await;
        let look = Look::of(4);
        let _studio = Session::publish(&server, "/whip/tea", VideoCodec::H264, look).await;
        let (_watches, seen) = Session::watch(&server, "/whep/tea/default", VideoCodec::H264).await;
        let seen = sees(&seen, "the mix", |seen| seen.flashes >= 3 && seen.sounds_like(look)).await;
        assert!(seen.frames > 30, "{seen:?}");
    });
}
