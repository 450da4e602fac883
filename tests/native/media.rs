//! Sending and receiving: slots, views, mutes, and both dialects in one room.

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::participant::{Options, Participant};
use crate::common::server::Server;
use crate::common::source::Look;

fn look(of: &Native, height: u16) -> Value {
    json!({"participant": of.id, "source": "camera", "height": height})
}

fn track<'a>(member: &'a Value, source: &str) -> Option<&'a Value> {
    member["tracks"].as_array()?.iter().find(|track| track["source"] == source)
}

#[test]
fn natives_and_an_old_client_see_and_hear_each_other() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (_sending, _too) = (ann.publish("send-1").await, bob.publish("send-1").await);
        // One subscribes before the old client comes, one after.
        let seen_by_ann = ann.subscribe("receive-1", 3, 3).await;
        let old = Participant::join(&server, "tea", "old", Options::of(2)).await;
        let seen_by_bob = bob.subscribe("receive-1", 3, 3).await;
        ann.meets(&seen_by_ann, &bob.id, bob.look).await;
        bob.meets(&seen_by_bob, &ann.id, ann.look).await;
        ann.meets(&seen_by_ann, &old.id, old.options.look).await;
        bob.meets(&seen_by_bob, &old.id, old.options.look).await;
        for other in [&ann, &bob] {
            let (look, id) = (other.look, other.id.as_str());
            old.wait_until(id, "their look and tone", |seen| seen.shows(look) && seen.sounds_like(look)).await;
        }
        ann.sees(&old.id, "somebody with two tracks", |member| member["tracks"].as_array().unwrap().len() == 2).await;
        let id = old.id.clone();
        old.leave().await;
        ann.told("participantLeft", |data| data["participant"] == *id).await;
        ann.misses(&seen_by_ann, &id, "camera").await;
        bob.misses(&seen_by_bob, &id, "microphone").await;
        ann.check_slots();
        bob.check_slots();
    });
}

#[test]
fn slots_follow_the_view() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = Vec::new();
        for index in 0..3 {
            let person = Native::join(&server, "tea", &format!("p{index}"), index).await;
            let sending = person.publish("send-1").await;
            people.push((person, sending));
        }
        let viewer = Native::join(&server, "tea", "viewer", 3).await;
        viewer.get("view", json!({"tracks": [look(&people[0].0, 180)]})).await;
        let seen = viewer.subscribe("receive-1", 3, 1).await;
        let picture = viewer.finds(&seen, &people[0].0.id, "camera").await;
        seen.wait_until(picture, "the first one's colour", |seen| seen.shows(Look::of(0))).await;
        for turn in 1..=9 {
            let (person, _) = &people[turn % 3];
            let before = viewer.client.count();
            let switched = std::time::Instant::now();
            viewer.get("view", json!({"tracks": [look(person, 180)]})).await;
            assert_eq!(viewer.finds(&seen, &person.id, "camera").await, picture, "there is one slot");
            let of = |data: &Value| data["slots"][picture]["track"].clone();
            let told = viewer.told_since(before, "slots", |_| true).await;
            assert!(of(&told).is_null(), "announced as empty first, not {told}");
            seen.wait_until(picture, "the next one's colour", |seen| seen.shows(person.look)).await;
            println!("switch {turn}: decoded after {:?}", switched.elapsed());
        }
        // The pinned one comes first, a hidden one not at all.
        let mut pinned = look(&people[2].0, 180);
        pinned["pinned"] = json!(true);
        viewer.get("view", json!({"tracks": [look(&people[0].0, 180), pinned]})).await;
        viewer.finds(&seen, &people[2].0.id, "camera").await;
        let all = |height: u16| -> Vec<Value> { people.iter().map(|(person, _)| look(person, height)).collect() };
        viewer.get("view", json!({"tracks": all(0)})).await;
        viewer.misses(&seen, &people[2].0.id, "camera").await;
        let ear = viewer.finds(&seen, &people[0].0.id, "microphone").await;
        // What was under way has come by the time a second of sound has.
        seen.hears(ear, 50).await;
        let before = seen.seen(picture).video.packets;
        seen.hears(ear, 50).await;
        assert_eq!(seen.seen(picture).video.packets, before, "pictures that nobody looks at");
        // What is not listed gets the slot that remains.
        viewer.get("view", json!({"tracks": [look(&people[1].0, 0), look(&people[2].0, 0)]})).await;
        viewer.finds(&seen, &people[0].0.id, "camera").await;
        seen.wait_until(picture, "the first one's colour", |seen| seen.shows(Look::of(0))).await;
        viewer.check_slots();
    });
}

#[test]
fn a_further_endpoint_has_further_slots() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = Vec::new();
        for index in 0..2 {
            let person = Native::join(&server, "tea", &format!("p{index}"), index).await;
            let sending = person.publish("send-1").await;
            people.push((person, sending));
        }
        let viewer = Native::join(&server, "tea", "viewer", 3).await;
        let first = viewer.subscribe("receive-1", 1, 1).await;
        let second = viewer.subscribe("receive-2", 1, 1).await;
        // Which of them comes by which endpoint is the server's choice.
        for (person, _) in &people {
            let by_first = viewer.meets(&first, &person.id, person.look);
            let by_second = viewer.meets(&second, &person.id, person.look);
            tokio::select! { () = by_first => {}, () = by_second => {} }
        }
        viewer.get("close", json!({"endpoint": "receive-2"})).await;
        viewer.round_trip().await;
        viewer.check_slots();
    });
}

#[test]
fn of_a_muted_track_nothing_reaches_anybody() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let _sending = ann.publish("send-1").await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        let old = Participant::join(&server, "tea", "old", Options { publish: false, ..Options::of(2) }).await;
        bob.meets(&seen, &ann.id, ann.look).await;
        old.wait_until(&ann.id, "a picture", |seen| seen.shows(Look::of(0))).await;
        let (ear, eye) = (bob.finds(&seen, &ann.id, "microphone").await, bob.finds(&seen, &ann.id, "camera").await);

        for round in 0..3 {
            ann.get("mute", json!({"source": "camera", "muted": true})).await;
            let muted = |member: &Value| track(member, "camera").is_some_and(|track| track["muted"] == true);
            bob.sees(&ann.id, "without a picture", muted).await;
            bob.misses(&seen, &ann.id, "camera").await;
            seen.hears(ear, 25).await;
            let packets = |seen: &crate::common::reception::Reception| seen.video.packets;
            let before = (packets(&seen.seen(eye)), packets(&old.reception_of(&ann.id).await.borrow()));
            seen.hears(ear, 50).await;
            let after = (packets(&seen.seen(eye)), packets(&old.reception_of(&ann.id).await.borrow()));
            assert_eq!(before, after, "media of a muted camera, in round {round}");
            ann.get("mute", json!({"source": "camera", "muted": false})).await;
            assert_eq!(bob.finds(&seen, &ann.id, "camera").await, eye);
            seen.watches(eye, 10).await;
            let frames = old.reception_of(&ann.id).await.borrow().frames;
            old.wait_until(&ann.id, "pictures again", |seen| seen.frames > frames + 10).await;
        }
        // And sound.
        ann.get("mute", json!({"source": "microphone", "muted": true})).await;
        bob.misses(&seen, &ann.id, "microphone").await;
        seen.watches(eye, 15).await;
        let before = seen.seen(ear).audio.packets;
        seen.watches(eye, 25).await;
        assert_eq!(seen.seen(ear).audio.packets, before, "media of a muted microphone");
        bob.check_slots();
    });
}

#[test]
fn what_begins_muted_is_heard_when_it_is_no_longer() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let _sending = ann.publish_by("send-1", json!({"muted": true})).await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        bob.sees(&ann.id, "muted", |member| {
            let tracks = member["tracks"].as_array().unwrap();
            tracks.len() == 2 && tracks.iter().all(|track| track["muted"] == true)
        })
        .await;
        assert_eq!((seen.seen(0).audio.packets, seen.seen(1).video.packets), (0, 0));
        for source in ["microphone", "camera"] {
            ann.get("mute", json!({"source": source, "muted": false})).await;
        }
        bob.meets(&seen, &ann.id, ann.look).await;
    });
}

#[test]
fn a_new_endpoint_takes_over_from_an_old_one() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let _first = ann.publish("send-1").await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        bob.meets(&seen, &ann.id, ann.look).await;
        let _second = ann.publish_by("send-2", json!({"replaces": "send-1"})).await;
        // The old one has ended by itself, and the new one is seen.
        let gone = |client: &Native| client.client.messages().len();
        let deadline = tokio::time::Instant::now() + crate::common::signaling::PATIENCE;
        while ann.client.ask("close", &json!({"endpoint": "send-1"})).await["error"]["code"] != "unknown_endpoint" {
            assert!(tokio::time::Instant::now() < deadline, "the old endpoint lives; {} messages", gone(&ann));
        }
        let eye = bob.finds(&seen, &ann.id, "camera").await;
        seen.watches(eye, 15).await;
        let ear = bob.finds(&seen, &ann.id, "microphone").await;
        seen.hears(ear, 25).await;
        bob.sees(&ann.id, "somebody with two tracks", |member| member["tracks"].as_array().unwrap().len() == 2).await;
    });
}

#[test]
fn a_viewer_only_watches() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let _sending = ann.publish("send-1").await;
        let viewer = json!({"room": "tea", "name": "viewer", "role": "viewer"});
        let viewer = Native::join_by(&server, &viewer, 1).await;
        ann.sees(&viewer.id, "a viewer", |member| member["role"] == "viewer").await;
        let seen = viewer.subscribe("receive-1", 1, 1).await;
        viewer.meets(&seen, &ann.id, ann.look).await;
        let offer = "v=0\r\n";
        let publish = json!({"endpoint": "send-1", "offer": offer, "tracks": []});
        let code = viewer.refused("publish", publish).await;
        assert!(["forbidden", "bad_offer"].contains(&code.as_str()), "{code}");
        // Who becomes a viewer is seen no more.
        let bob = Native::join(&server, "tea", "Bob", 2).await;
        let _sending = bob.publish("send-1").await;
        ann.sees(&bob.id, "publishing", |member| track(member, "camera").is_some()).await;
        ann.get("moderate", json!({"action": "role", "participant": bob.id, "role": "viewer"})).await;
        let is_viewer = |member: &Value| member["role"] == "viewer" && member["tracks"] == json!([]);
        ann.sees(&bob.id, "a viewer without tracks", is_viewer).await;
        bob.told("error", |data| data["code"] == "forbidden" && data["endpoint"] == "send-1").await;
    });
}
