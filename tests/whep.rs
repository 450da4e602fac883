//! Watching a mix by WHEP: what is seen and heard, by how many at once, how late, and what is refused.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "figures are for the reader of the report; a test may panic"
)]

mod common;

use std::time::Duration;

use common::company::mixes;
use common::exchange::{Session, ask, post, sees};
use common::lab;
use common::native::Native;
use common::server::Server;
use plenum::config::VideoCodec;
use reqwest::Method;

/// Whoever ends by a word of the server's own has this long to do so.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the log has a line with `part`.
fn logged(server: &Server, part: &str) -> usize {
    server.log().iter().filter(|line| line.contains(part)).count()
}

#[test]
fn many_watch_one_encode_and_the_mix_ends_with_the_last() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (_ann, _bob) = (ann.publish("send-1").await, bob.publish("send-1").await);
        let messages = ann.client.count();

        let (first, seen) = Session::watch(&server, "/whep/tea/default", VideoCodec::H264).await;
        let (second, also) = Session::watch(&server, "/whep/tea/default", VideoCodec::H264).await;
        let (third, other) = Session::watch(&server, "/whep/tea/default", VideoCodec::Vp8).await;
        assert!(first.answer.body.contains("H264/90000") && third.answer.body.contains("VP8/90000"));
        assert!(first.answer.body.contains("a=candidate:") && first.answer.body.contains("a=end-of-candidates"));
        assert_ne!(first.path, second.path);
        for seen in [&seen, &also, &other] {
            sees(seen, "both pictures", |seen| seen.shows_both(ann.look, bob.look)).await;
            sees(seen, "both sounds", |seen| seen.hears(ann.look) && seen.hears(bob.look)).await;
            let whole = sees(seen, "five seconds", |seen| seen.flashes >= 5).await;
            assert_eq!((whole.video.lost(), whole.audio.lost()), (0, 0), "{whole:?}");
        }
        // One for those who take H.264, one for the other.
        assert_eq!(logged(&server, "a mix is broadcast"), 2);

        let delays = sees(&seen, "ten flashes", |seen| seen.delays.len() >= 10).await.delays;
        let mut sorted = delays.clone();
        sorted.sort_by(f64::total_cmp);
        println!("from a flash to the decoder of a viewer: {delays:.3?} s, median {:.3} s", sorted[sorted.len() / 2]);
        assert!(sorted[sorted.len() / 2] < 0.45, "{delays:?}");

        mixes(&server, 1).await;
        // Nobody in the room is told of them.
        let told = ann.client.messages()[messages..].iter().any(|message| message["event"] == "participantJoined");
        assert!(!told, "{:?}", ann.client.messages());

        assert_eq!(first.delete().await.status, 200);
        assert_eq!(first.delete().await.refusal(), (404, "no_such_session".to_owned()));
        let before = also.borrow().frames;
        sees(&also, "more pictures", |seen| seen.frames > before + 30).await;
        let then = seen.borrow().frames;
        sees(&also, "yet more pictures", |seen| seen.frames > before + 60).await;
        assert_eq!(seen.borrow().frames, then, "who has ended sees nothing more");
        for session in [&second, &third] {
            assert_eq!(session.delete().await.status, 200);
        }
        mixes(&server, 0).await;
    });
}

#[test]
fn who_vanishes_is_not_watching_any_more_and_the_room_takes_all_with_it() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let _sends = ann.publish("send-1").await;
        let (gone, _) = Session::watch(&server, "/whep/tea/default", VideoCodec::Vp8).await;
        let path = gone.path.clone();
        drop(gone);
        server.wait_for_log("somebody watches no longer", Duration::from_secs(20)).await;
        let ended = ask(&server, Method::DELETE, &path, &[], "").await;
        assert_eq!(ended.refusal(), (404, "no_such_session".to_owned()));

        let (session, seen) = Session::watch(&server, "/whep/tea/single", VideoCodec::H264).await;
        sees(&seen, "a picture", |seen| seen.frames > 0).await;
        ann.leave().await;
        server.wait_for_log("a broadcast ends", PATIENCE).await;
        // A moment later the room has ended.
        server.wait_for_log(" closed", PATIENCE).await;
        assert_eq!(session.delete().await.refusal(), (404, "no_such_room".to_owned()));
    });
}

#[test]
fn what_cannot_be_is_refused_by_its_reason() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plenum.toml");
        let stun = "[ice]\nstun = [\"stun:127.0.0.1:9\"]\n[viewers]\nmax_per_mix = 2\nmax = 2\n";
        std::fs::write(&file, stun).unwrap();
        let server = Server::start_with(&lab, &["--config", file.to_str().unwrap()]).await;
        let offer = include_str!("fixtures/chromium-subscriber.sdp");
        let refused = |status: u16, code: &str| (status, code.to_owned());
        let endpoint = "/whep/tea/default";

        assert_eq!(post(&server, endpoint, offer).await.refusal(), refused(404, "no_such_room"));
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let _sends = ann.publish("send-1").await;
        assert_eq!(post(&server, "/whep/tea/mosaic", offer).await.refusal(), refused(404, "no_such_mix"));
        assert_eq!(post(&server, endpoint, "").await.refusal(), refused(400, "bad_offer"));
        assert_eq!(post(&server, endpoint, "hello").await.refusal(), refused(400, "bad_offer"));
        let without_media = offer.split("m=").next().unwrap();
        assert_eq!(post(&server, endpoint, without_media).await.refusal(), refused(422, "bad_offer"));
        let sends = offer.replace("a=recvonly", "a=sendonly");
        assert_eq!(post(&server, endpoint, &sends).await.refusal(), refused(422, "bad_offer"));
        assert_eq!(post(&server, endpoint, &"x".repeat(100_000)).await.status, 413);
        let json = ask(&server, Method::POST, endpoint, &[("content-type", "application/json")], offer).await;
        assert_eq!(json.refusal(), refused(415, "wrong_content_type"));
        assert_eq!(ask(&server, Method::PUT, endpoint, &[], "").await.refusal(), refused(405, "method_not_allowed"));
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(&server, method, endpoint, &[], "").await;
            assert_eq!((answer.status, answer.header("content-type")), (200, "application/sdp"));
        }
        let asked = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
        let preflight = ask(&server, Method::OPTIONS, endpoint, &asked, "").await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (200, "*"));
        assert_eq!(preflight.header("accept-post"), "application/sdp");
        assert!(preflight.header("access-control-allow-headers").contains("If-Match"));

        let (session, seen) = Session::watch(&server, endpoint, VideoCodec::Vp8).await;
        let exposed = session.answer.header("access-control-expose-headers");
        assert!(["Location", "ETag", "Link"].iter().all(|name| exposed.contains(name)), "{exposed}");
        assert_eq!(session.answer.header("link"), "<stun:127.0.0.1:9>; rel=\"ice-server\"");
        assert_eq!(session.answer.header("accept-patch"), "application/trickle-ice-sdpfrag");
        let tag = session.answer.header("etag").to_owned();
        let fragment = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n";
        assert_eq!(session.patch(None, fragment).await.refusal(), refused(428, "no_tag"));
        assert_eq!(session.patch(Some("\"other\""), fragment).await.refusal(), refused(412, "wrong_tag"));
        assert_eq!(session.patch(Some(&tag), "nonsense").await.refusal(), refused(400, "bad_candidate"));
        let restart = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
        assert_eq!(session.patch(Some("*"), restart).await.refusal(), refused(422, "no_ice_restart"));
        let other = ask(&server, Method::PATCH, &session.path, &[("content-type", "application/sdp")], fragment).await;
        assert_eq!(other.refusal(), refused(415, "wrong_content_type"));
        assert_eq!(ask(&server, Method::GET, &session.path, &[], "").await.status, 204);
        assert_eq!(ask(&server, Method::POST, &session.path, &[], "").await.status, 405);
        let guessed = format!("{endpoint}/{}", "0".repeat(32));
        assert_eq!(ask(&server, Method::DELETE, &guessed, &[], "").await.refusal(), refused(404, "no_such_session"));

        let (_second, _) = Session::watch(&server, endpoint, VideoCodec::Vp8).await;
        let full = post(&server, endpoint, offer).await;
        assert_eq!((full.refusal(), full.header("retry-after")), (refused(503, "too_many_viewers"), "10"));
        // After all that, who watches sees.
        sees(&seen, "a picture", |seen| seen.frames > 30).await;
        assert_eq!(session.delete().await.status, 200);
        assert_eq!(post(&server, endpoint, offer).await.status, 201, "a place is free again");
    });
}
