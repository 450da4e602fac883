//! What a recording's manifest says of what happened.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;

/// How loud somebody is who speaks.
const VOICE: u8 = 25;

#[test]
fn the_manifest_tells_what_happened_and_when_and_follows_its_schema() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let _sending = [ann.publish("send-1").await, bob.publish("send-1").await];
        for who in [&ann, &bob] {
            ann.sees(&who.id, "on air", |member| member["tracks"].as_array().is_some_and(|all| all.len() == 2)).await;
        }
        bob.get("mute", json!({"source": "camera", "muted": true})).await;
        // Cleo speaks, and goes on with it.
        let cleo = Native::join(&server, "tea", "Cleo", 3).await;
        let (_talking, level) = cleo.talk("send-1").await;
        ann.sees(&cleo.id, "on air", |member| member["tracks"].as_array().is_some_and(|all| all.len() == 1)).await;
        level.set(VOICE).await;
        ann.told("speaker", |data| data["participant"] == *cleo.id).await;
        let (status, recording) = server.post("/api/v1/rooms/tea/recordings", &json!({})).await;
        assert_eq!(status, 201, "{recording}");
        let begun = Instant::now();
        let path = format!("/api/v1/recordings/{}", recording["id"].as_str().unwrap());

        let watching = bob.subscribe("receive-1", 2, 2).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 30).await;
        ann.get("mute", json!({"source": "microphone", "muted": true})).await;
        let muted = begun.elapsed();
        watching.watches(slot, 60).await;
        ann.get("chat", json!({"text": "hello <b>"})).await;
        server.post(&format!("{path}/pause"), &json!({})).await;
        ann.get("chat", json!({"text": "not for the record"})).await;
        ann.get("mute", json!({"source": "microphone", "muted": false})).await;
        server.post(&format!("{path}/resume"), &json!({})).await;
        let bob_id = bob.id.clone();
        bob.leave().await;
        ann.told("participantLeft", |data| data["participant"] == *bob_id).await;
        let (_, entry) = server.post(&format!("{path}/stop"), &json!({})).await;
        assert_eq!((&entry["state"], &entry["events"]), (&json!("complete"), &Value::Null), "the answer is short");

        let whole = |manifest: &Value| manifest["files"][0]["sha256"].is_string();
        let manifest = server.get_until(&format!("{path}/manifest"), Duration::from_secs(10), whole).await;
        let (_, schema) = server.get("/api/v1/schemas/recording").await;
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&manifest).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(!validator.is_valid(&json!({"id": "x"})), "the schema forbids something");

        let events = manifest["events"].as_array().unwrap();
        let about = |who: &str| {
            let mine = events.iter().filter(|event| event["participant"] == *who && event["type"] != "speaker");
            mine.map(|event| {
                let more = ["source", "text", "name"].iter().find_map(|key| event[*key].as_str()).unwrap_or_default();
                format!("{} {more}", event["type"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
        };
        let anns = [
            "joined Ann",
            "published microphone",
            "published camera",
            "muted microphone",
            "chat hello <b>",
            "unmuted microphone",
        ];
        assert_eq!(about(&ann.id), anns, "{events:?}");
        let bobs = ["joined Bob", "published microphone", "published camera", "muted camera"];
        let (began, rest) = (about(&bob_id)[..4].to_vec(), about(&bob_id)[4..].to_vec());
        assert_eq!(began, bobs, "{events:?}");
        assert_eq!(rest.last().map(String::as_str), Some("left "), "{events:?}");
        let shown = |event: &Value| {
            let of = |tile: &Value| (tile["participant"] == *ann.id, tile["live"] == true, tile["width"].as_u64());
            event["tiles"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        let layouts: Vec<_> = events.iter().filter(|event| event["type"] == "layout").map(shown).collect();
        let both = vec![(true, true, Some(640)), (false, false, Some(640)), (false, false, Some(640))];
        assert!(layouts.contains(&both), "Ann is seen, Bob's name is: {layouts:?}");
        let speaker = events.iter().find(|event| event["type"] == "speaker").expect("somebody spoke");
        assert_eq!((&speaker["participant"], &speaker["atMs"]), (&json!(cleo.id), &json!(0)), "{events:?}");
        let at = |index: usize| events[index]["atMs"].as_u64().unwrap();
        assert!((1..events.len()).all(|index| at(index - 1) <= at(index)), "{events:?}");
        let mute = events.iter().position(|event| event["type"] == "muted" && event["source"] == "microphone").unwrap();
        let (told, was) = (at(mute) as f64 / 1e3, muted.as_secs_f64());
        assert!((told - was).abs() < 0.5, "muted {was} s after the beginning, told as {told}");
    });
}
