//! Who may do what: the first moderates, the door, and what moderators do to others.

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;
use crate::common::signaling::Client;

fn role(is: &'static str) -> impl Fn(&Value) -> bool {
    move |member| member["role"] == is
}

/// Knocks: asks to come in, and gives the connection and what came of it.
async fn knock(server: &Server, name: &str) -> (Client, Value) {
    let client = Client::connect(&server.address).await;
    let reply = client.ask("join", &json!({"room": "tea", "name": name})).await;
    (client, reply)
}

async fn waiter(moderator: &Native, name: &str) -> Value {
    let waits = |data: &Value| data["waiting"].as_array().unwrap().iter().any(|waiter| waiter["name"] == *name);
    let lobby = moderator.told("lobby", waits).await;
    let waiting = lobby["waiting"].as_array().unwrap();
    waiting.iter().find(|waiter| waiter["name"] == *name).unwrap()["id"].clone()
}

#[test]
fn the_first_moderates_and_when_the_last_goes_the_longest_there_does() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let viewer = Native::join_by(&server, &json!({"room": "tea", "name": "V", "role": "viewer"}), 1).await;
        let bob = Native::join(&server, "tea", "Bob", 2).await;
        let cleo = Native::join(&server, "tea", "Cleo", 3).await;
        let roles: Vec<_> =
            cleo.welcome["participants"].as_array().unwrap().iter().map(|m| m["role"].clone()).collect();
        assert_eq!(roles, ["moderator", "viewer", "participant", "participant"], "in the order in which they came");
        assert_eq!(bob.refused("moderate", json!({"action": "lock", "locked": true})).await, "forbidden");

        // A second moderator keeps the office; without one, whoever has been there longest and may speak has it.
        ann.get("moderate", json!({"action": "role", "participant": cleo.id, "role": "moderator"})).await;
        bob.sees(&cleo.id, "a moderator", role("moderator")).await;
        let id = ann.id.clone();
        ann.leave().await;
        bob.told("participantLeft", |data| data["participant"] == *id).await;
        cleo.get("moderate", json!({"action": "lock", "locked": false})).await;
        bob.sees(&bob.id, "no moderator", role("participant")).await;
        cleo.leave().await;
        bob.sees(&bob.id, "a moderator", role("moderator")).await;
        viewer.sees(&bob.id, "a moderator", role("moderator")).await;
        bob.get("moderate", json!({"action": "lock", "locked": true})).await;
        viewer.told("roomChanged", |data| data["room"]["locked"] == true).await;
    });
}

#[test]
fn a_locked_room_lets_nobody_in() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        ann.get("moderate", json!({"action": "lock", "locked": true})).await;
        let told = ann.told("roomChanged", |_| true).await;
        assert_eq!((&told["room"]["locked"], &told["room"]["lobby"]), (&json!(true), &json!(false)));
        let (late, reply) = knock(&server, "late").await;
        assert_eq!(reply["error"]["code"], "locked", "{reply}");
        // Another room is not locked, and neither is the way of the old dialect around it.
        late.get("join", &json!({"room": "coffee", "name": "late"})).await;
        let old = Client::connect(&server.address).await;
        let refused = old.provoke(&json!({"event": "joinRoom", "userName": "old", "roomName": "tea"})).await;
        assert_eq!(refused["code"], "locked", "{refused}");
        ann.get("moderate", json!({"action": "lock", "locked": false})).await;
        knock(&server, "late").await.1["result"]["id"].as_str().expect("let in");
        // A lock goes with the room.
        ann.get("moderate", json!({"action": "lock", "locked": true})).await;
    });
}

#[test]
fn the_lobby_admits_denies_and_opens() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        ann.get("moderate", json!({"action": "lobby", "enabled": true})).await;
        let (cleo, reply) = knock(&server, "Cleo").await;
        assert_eq!(reply["result"], json!({"waiting": true}));
        // Who waits can do nothing yet, and is nobody to the others.
        assert_eq!(cleo.refused("chat", &json!({"text": "let me in"})).await, "not_joined");
        assert_eq!(cleo.refused("join", &json!({"room": "tea", "name": "Cleo"})).await, "already_joined");
        let id = waiter(&ann, "Cleo").await;
        assert_eq!(bob.refused("moderate", json!({"action": "admit", "participant": id})).await, "forbidden");
        ann.get("moderate", json!({"action": "admit", "participant": id})).await;
        let admitted = cleo.wait_for_event("admitted").await;
        assert_eq!(admitted["data"]["id"], id);
        assert_eq!(admitted["data"]["participants"].as_array().map(Vec::len), Some(3));
        bob.sees(id.as_str().unwrap(), "somebody", |_| true).await;
        ann.told("lobby", |data| data["waiting"] == json!([])).await;
        cleo.get("chat", &json!({"text": "thanks"})).await;
        bob.told("chat", |data| data["text"] == "thanks" && data["from"] == id).await;

        let (dan, _) = knock(&server, "Dan").await;
        let id = waiter(&ann, "Dan").await;
        ann.get("moderate", json!({"action": "deny", "participant": id})).await;
        assert_eq!(dan.wait_for_event("removed").await["data"]["code"], "denied");
        // Denied is not banned, and who goes while waiting waits no longer.
        assert_eq!(dan.ask("join", &json!({"room": "tea", "name": "Dan"})).await["result"], json!({"waiting": true}));
        let id = waiter(&ann, "Dan").await;
        let before = ann.client.count();
        dan.vanish();
        ann.told_since(before, "lobby", |data| data["waiting"] == json!([])).await;
        let admit = json!({"action": "admit", "participant": id});
        assert_eq!(ann.refused("moderate", admit).await, "unknown_participant");

        let (eve, _) = knock(&server, "Eve").await;
        waiter(&ann, "Eve").await;
        ann.get("moderate", json!({"action": "lobby", "enabled": false})).await;
        eve.wait_for_event("admitted").await;
        let bobs = bob.client.messages();
        assert!(!bobs.iter().any(|message| message["event"] == "lobby"), "only moderators hear who waits");
    });
}

#[test]
fn who_waits_at_the_door_of_the_deserted_comes_in() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        ann.get("moderate", json!({"action": "lobby", "enabled": true})).await;
        let (cleo, _) = knock(&server, "Cleo").await;
        waiter(&ann, "Cleo").await;
        ann.leave().await;
        // Let in or turned away, but not left standing.
        cleo.wait_for("an end of waiting", |message| message["event"] == "admitted" || message["event"] == "removed")
            .await;
    });
}

#[test]
fn moderators_mute_remove_and_lower_hands() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let _sending = bob.publish("send-1").await;
        let seen = ann.subscribe("receive-1", 1, 1).await;
        ann.meets(&seen, &bob.id, bob.look).await;
        ann.get("moderate", json!({"action": "mute", "participant": bob.id, "source": "microphone"})).await;
        let muted = bob.told("muted", |_| true).await;
        assert_eq!(muted, json!({"source": "microphone", "by": ann.id}));
        ann.misses(&seen, &bob.id, "microphone").await;
        // They may unmute it themselves.
        bob.get("mute", json!({"source": "microphone", "muted": false})).await;
        let ear = ann.finds(&seen, &bob.id, "microphone").await;
        seen.hears(ear, 10).await;

        bob.get("hand", json!({"raised": true})).await;
        ann.sees(&bob.id, "somebody with a hand up", |member| member["hand"] == true).await;
        ann.get("moderate", json!({"action": "lowerHand", "participant": bob.id})).await;
        bob.sees(&bob.id, "somebody with the hand down", |member| member["hand"] == false).await;

        ann.get("moderate", json!({"action": "remove", "participant": bob.id})).await;
        let removed = bob.told("removed", |_| true).await;
        assert_eq!(removed["code"], "removed");
        ann.told("participantLeft", |data| data["participant"] == *bob.id).await;
        ann.misses(&seen, &bob.id, "camera").await;
        // Out, also by the back door.
        assert_eq!(bob.refused("chat", json!({"text": "hm"})).await, "not_joined");
        let back = json!({"room": "tea", "name": "Bob", "resume": bob.welcome["resume"]});
        assert_eq!(bob.refused("join", back).await, "bad_resume");
    });
}

#[test]
fn chat_reaches_everybody_and_is_kept_for_those_who_were_there() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let text = "<b>é</b> 😀\n".to_owned() + &"x".repeat(1900);
        ann.get("chat", json!({"text": text})).await;
        for person in [&ann, &bob] {
            let said = person.told("chat", |_| true).await;
            assert_eq!((&said["from"], &said["name"], &said["text"]), (&json!(ann.id), &json!("Ann"), &json!(text)));
        }
        bob.get("chat", json!({"text": "two"})).await;
        let second = ann.told("chat", |data| data["text"] == "two").await;
        assert!(second["id"].as_u64() > ann.told("chat", |_| true).await["id"].as_u64());
        // What was said before one came is not for one's ears.
        let late = Native::join(&server, "tea", "late", 2).await;
        assert_eq!(late.welcome["chat"], json!([]));
    });
}
