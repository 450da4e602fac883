//! A connection that is lost is no leave, for a while.

use std::time::{Duration, Instant};

use gstreamer_webrtc::WebRTCPeerConnectionState;
use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;
use crate::common::signaling::Client;
use crate::impatient_server;

fn connection(is: &'static str) -> impl Fn(&Value) -> bool {
    move |member| member["connection"] == is
}

/// Comes back as `who`, by another connection: the request has to work.
async fn come_back(server: &Server, who: &Native) -> (Client, Value) {
    let client = Client::connect(&server.address).await;
    let request = json!({"room": "tea", "name": "any", "resume": who.welcome["resume"]});
    let welcome = client.get("join", &request).await;
    assert_eq!(welcome["id"], *who.id, "the same as before");
    (client, welcome)
}

#[test]
fn a_lost_connection_keeps_its_place_and_its_media() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (sending, receiving) = (ann.publish("send-1").await, ann.subscribe("receive-1", 1, 1).await);
        let _bobs = bob.publish("send-1").await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        bob.meets(&seen, &ann.id, ann.look).await;
        ann.meets(&receiving, &bob.id, bob.look).await;
        let (ear, eye) = (bob.finds(&seen, &ann.id, "microphone").await, bob.finds(&seen, &ann.id, "camera").await);

        let mut connected = ann.client.clone();
        for round in 0..3 {
            let before = bob.client.count();
            connected.vanish();
            bob.told_since(before, "participantChanged", |data| connection("reconnecting")(&data["participant"])).await;
            // Media goes on, both ways.
            let lost = seen.seen(ear).audio.lost();
            seen.hears(ear, 25).await;
            seen.watches(eye, 10).await;
            receiving.watches(1, 10).await;
            bob.get("chat", json!({"text": format!("are you there? {round}")})).await;
            let before = bob.client.count();
            let (client, welcome) = come_back(&server, &ann).await;
            let mut endpoints: Vec<_> = welcome["endpoints"].as_array().unwrap().clone();
            endpoints.sort_by_key(ToString::to_string);
            assert_eq!(endpoints, ["receive-1", "send-1"], "those that live: {welcome}");
            assert_eq!(welcome["participants"].as_array().map(Vec::len), Some(2), "nobody twice");
            let said = welcome["chat"].as_array().unwrap().last().expect("what was said meanwhile");
            assert_eq!(said["text"], format!("are you there? {round}"));
            bob.told_since(before, "participantChanged", |data| connection("connected")(&data["participant"])).await;
            // The slots are told anew, since the events of the old connection may have been lost.
            client.wait_for("slots", |m| m["event"] == "slots" && m["data"]["endpoint"] == "receive-1").await;
            client.get("mute", &json!({"source": "camera", "muted": false})).await;
            seen.hears(ear, 25).await;
            seen.watches(eye, 10).await;
            assert_eq!(seen.seen(ear).audio.lost(), lost, "sound was lost on the way");
            let left = bob.client.messages().iter().filter(|m| m["event"] == "participantLeft").count();
            assert_eq!(left, 0, "nobody left");
            connected = client;
        }
        sending.reaches(WebRTCPeerConnectionState::Connected).await;
    });
}

#[test]
fn after_the_window_the_place_is_given_up() {
    lab::run(|lab| async move {
        let server = impatient_server(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        assert_eq!(ann.welcome["limits"]["reconnectSeconds"], 2);
        let bob = Native::join(&server, "tea", "Bob", 1).await;
        let _sending = ann.publish("send-1").await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        bob.meets(&seen, &ann.id, ann.look).await;
        ann.client.vanish();
        bob.sees(&ann.id, "cut off", connection("reconnecting")).await;
        let begun = Instant::now();
        bob.told("participantLeft", |data| data["participant"] == *ann.id).await;
        let waited = begun.elapsed();
        assert!(waited > Duration::from_millis(1500) && waited < Duration::from_secs(5), "given up after {waited:?}");
        bob.misses(&seen, &ann.id, "camera").await;
        // The moderator is gone for good: another one follows.
        bob.sees(&bob.id, "a moderator", |member| member["role"] == "moderator").await;
        let late = Client::connect(&server.address).await;
        let request = json!({"room": "tea", "name": "Ann", "resume": ann.welcome["resume"]});
        assert_eq!(late.refused("join", &request).await, "bad_resume");
        // Without it one comes in as somebody new.
        let welcome = late.get("join", &json!({"room": "tea", "name": "Ann"})).await;
        assert_ne!(welcome["id"], *ann.id);
    });
}

#[test]
fn who_left_or_is_of_another_room_cannot_come_back() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (token, id) = (ann.welcome["resume"].clone(), ann.id.clone());
        assert_ne!(token, bob.welcome["resume"]);
        let elsewhere = json!({"room": "coffee", "name": "Ann", "resume": token});
        let stranger = Client::connect(&server.address).await;
        assert_eq!(stranger.refused("join", &elsewhere).await, "bad_resume");
        ann.leave().await;
        bob.told("participantLeft", |data| data["participant"] == *id).await;
        let back = json!({"room": "tea", "name": "Ann", "resume": token});
        assert_eq!(stranger.refused("join", &back).await, "bad_resume");
        // Nobody is told anybody's secret.
        let heard = format!("{:?}{}", bob.client.messages(), bob.welcome["participants"]);
        assert!(!heard.contains(token.as_str().unwrap()), "{heard}");
    });
}

#[test]
fn who_comes_back_while_the_old_connection_lives_replaces_it() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (again, _) = come_back(&server, &ann).await;
        assert_eq!(ann.told("removed", |_| true).await["code"], "replaced");
        again.get("chat", &json!({"text": "it is me"})).await;
        bob.told("chat", |data| data["from"] == *ann.id).await;
        // What the old connection does no longer matters.
        assert_eq!(ann.refused("chat", json!({"text": "me too"})).await, "not_joined");
        ann.client.vanish();
        bob.round_trip().await;
        again.get("hand", &json!({"raised": true})).await;
        let member = bob.sees(&ann.id, "there with a hand up", |member| member["hand"] == true).await;
        assert_eq!(member["connection"], "connected");
    });
}

#[test]
fn an_endpoint_that_died_meanwhile_is_not_among_the_living() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let sending = ann.publish("send-1").await;
        ann.get("close", json!({"endpoint": "send-1"})).await;
        drop(sending);
        ann.client.vanish();
        bob.sees(&ann.id, "cut off", connection("reconnecting")).await;
        let (_client, welcome) = come_back(&server, &ann).await;
        assert_eq!(welcome["endpoints"], json!([]));
        let own = welcome["participants"].as_array().unwrap().iter().find(|m| m["id"] == *ann.id).cloned();
        assert_eq!(own.expect("oneself")["tracks"], json!([]));
    });
}
