//! Who speaks, and who is looked at.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;
use crate::common::talker::SILENCE;

/// A voice at a usual distance from a microphone, in dB below full scale.
const VOICE: u8 = 25;

fn has_sound(member: &Value) -> bool {
    member["tracks"] == json!([{"source": "microphone", "muted": false}])
}

#[test]
fn who_speaks_is_told_within_300_milliseconds() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let listener = Native::join(&server, "tea", "listener", 0).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let (_ann_sends, ann_level) = ann.talk("send-1").await;
        let (_bob_sends, bob_level) = bob.talk("send-1").await;
        for talker in [&ann, &bob] {
            listener.sees(&talker.id, "somebody with a microphone", has_sound).await;
        }
        ann_level.pass(50).await;
        let early = listener.client.messages();
        assert!(!early.iter().any(|message| message["event"] == "speaker"), "silence is no speech: {early:?}");
        let mut times = Vec::new();
        for turn in 0..6 {
            let (who, level, other) =
                if turn % 2 == 0 { (&ann, &ann_level, &bob_level) } else { (&bob, &bob_level, &ann_level) };
            let before = listener.client.count();
            other.set(SILENCE).await;
            let first = level.set(VOICE).await;
            let told = listener.told_since(before, "speaker", |data| data["participant"] == *who.id).await;
            times.push(first.elapsed());
            assert_eq!(told, json!({"participant": who.id}));
            // Somebody speaks for a while, and stays the speaker.
            level.pass(50).await;
            let since = listener.client.messages().split_off(before);
            let speakers = since.iter().filter(|message| message["event"] == "speaker").count();
            assert_eq!(speakers, 1, "{since:?}");
        }
        println!("speaker told after {times:?}");
        let late = times.iter().filter(|time| **time > Duration::from_millis(300)).count();
        assert_eq!(late, 0, "told after {times:?}");
        // Who comes now is told at once; and in the end nobody speaks.
        let newcomer = Native::join(&server, "tea", "newcomer", 3).await;
        assert_eq!(newcomer.welcome["speaker"], json!(bob.id));
        bob_level.set(SILENCE).await;
        listener.told("speaker", |data| data["participant"].is_null()).await;
    });
}

#[test]
fn a_muted_microphone_does_not_speak() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let listener = Native::join(&server, "tea", "listener", 0).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let (_ann_sends, ann_level) = ann.talk("send-1").await;
        let (_bob_sends, bob_level) = bob.talk("send-1").await;
        for talker in [&ann, &bob] {
            listener.sees(&talker.id, "somebody with a microphone", has_sound).await;
        }
        ann.get("mute", json!({"source": "microphone", "muted": true})).await;
        ann_level.set(VOICE).await;
        ann_level.pass(50).await;
        bob_level.set(VOICE + 10).await;
        let first = listener.told("speaker", |_| true).await;
        assert_eq!(first["participant"], *bob.id, "the louder one is muted");
    });
}

#[test]
fn a_dialogue_does_not_flap() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let listener = Native::join(&server, "tea", "listener", 0).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let (_ann_sends, ann_level) = ann.talk("send-1").await;
        let (_bob_sends, bob_level) = bob.talk("send-1").await;
        for talker in [&ann, &bob] {
            listener.sees(&talker.id, "somebody with a microphone", has_sound).await;
        }
        ann_level.set(VOICE).await;
        listener.told("speaker", |data| data["participant"] == *ann.id).await;
        // Somebody as loud joins in, both breathe now and then, and the other clears the throat, which is louder.
        let before = listener.client.count();
        bob_level.set(VOICE).await;
        for _ in 0..3 {
            for (first, second) in [(&ann_level, &bob_level), (&bob_level, &ann_level)] {
                first.pass(20).await;
                first.set(SILENCE).await;
                first.pass(3).await;
                first.set(VOICE).await;
                second.pass(5).await;
            }
        }
        bob_level.set(SILENCE).await;
        bob_level.pass(30).await;
        bob_level.set(VOICE - 15).await;
        bob_level.pass(4).await;
        bob_level.set(SILENCE).await;
        ann_level.pass(25).await;
        listener.round_trip().await;
        let since = listener.client.messages().split_off(before);
        let changes: Vec<_> = since.iter().filter(|message| message["event"] == "speaker").collect();
        assert!(changes.is_empty(), "{changes:?}");
    });
}

#[test]
fn publishers_are_told_how_large_they_are_shown() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let _sending = ann.publish("send-1").await;
        let demand = |height: u64| move |data: &Value| data["source"] == "camera" && data["height"] == height;
        // Nobody looks: told with a delay.
        ann.told("demand", demand(0)).await;
        let mut cursor = ann.client.count();
        let view = |height: u16| json!({"tracks": [{"participant": ann.id, "source": "camera", "height": height}]});
        bob.get("view", view(180)).await;
        let seen = bob.subscribe("receive-1", 1, 1).await;
        ann.told_since(cursor, "demand", demand(180)).await;
        let eye = bob.finds(&seen, &ann.id, "camera").await;
        seen.watches(eye, 5).await;
        for (height, expected) in [(720, 720), (0, 0), (360, 360), (180, 180), (0, 0), (1080, 1080)] {
            cursor = ann.client.count();
            let begun = Instant::now();
            bob.get("view", view(height)).await;
            ann.told_since(cursor, "demand", demand(expected)).await;
            println!("demand for {height} told after {:?}", begun.elapsed());
            // Less may wait, more may not: somebody waits for it.
            if [720, 360, 1080].contains(&height) {
                assert!(begun.elapsed() < Duration::from_millis(500), "{height} told after {:?}", begun.elapsed());
            }
        }
        bob.finds(&seen, &ann.id, "camera").await;
        // Another one who looks closer counts, and no longer when they go.
        let cleo = Native::join(&server, "tea", "Cleo", 2).await;
        bob.get("view", view(180)).await;
        ann.told_since(ann.client.count().saturating_sub(1), "demand", demand(180)).await;
        cleo.get("view", view(540)).await;
        let closer = cleo.subscribe("receive-1", 1, 1).await;
        ann.told("demand", demand(540)).await;
        drop(closer);
        cursor = ann.client.count();
        cleo.leave().await;
        ann.told_since(cursor, "demand", demand(180)).await;
        cursor = ann.client.count();
        bob.leave().await;
        ann.told_since(cursor, "demand", demand(0)).await;
    });
}
