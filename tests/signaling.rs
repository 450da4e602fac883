//! What the server makes of clients that are wrong, rude, racing or gone: a clear `error`, nobody else disturbed, and a
//! server that lives on.

#![allow(clippy::print_stdout, reason = "the second process speaks to the first by its standard output")]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use common::lab::{self, Lab};
use common::participant::{Options, Participant};
use common::process;
use common::server::Server;
use common::signaling::{Client, Revision};
use serde_json::{Value, json};

/// A server, and somebody in the room `tea` who must not notice what goes on beside her.
async fn server_with_bystander(lab: &Lab) -> (Server, Client) {
    let server = Server::start(lab).await;
    let bystander = Client::connect(&server.address).await;
    bystander.join("tea", "bystander").await;
    (server, bystander)
}

/// After the wrongs: the server serves, and the bystander has heard only of those who came and went.
async fn all_is_well(mut server: Server, bystander: &Client) {
    assert!(server.is_alive(), "the server has ended");
    bystander.round_trip().await;
    let disturbed: Vec<Value> = bystander
        .messages()
        .into_iter()
        .filter(|message| message["event"] == "error" && !message["message"].to_string().contains("roundTrip"))
        .collect();
    assert!(disturbed.is_empty(), "somebody else's mistakes reached the bystander: {disturbed:?}");
    let newcomer = Client::connect(&server.address).await;
    newcomer.join("tea", "newcomer").await;
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[test]
fn both_revisions_speak_the_tutorials_dialect() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let old = Client::connect_by(&server.address, Revision::Three).await;
        let welcome = old.join("tea", "Émilie 😀").await;
        assert_eq!(welcome["existingUsers"], json!([]));
        let new = Client::connect_by(&server.address, Revision::Four).await;
        let welcome = new.join("tea", "bob").await;
        assert_eq!(welcome["existingUsers"][0]["name"], "Émilie 😀");
        let arrived = old.wait_for_event("newParticipantArrived").await;
        assert_eq!((&arrived["username"], &arrived["userid"]), (&json!("bob"), &welcome["userid"]));
        new.leave();
        let left = old.wait_for_event("participantLeft").await;
        assert_eq!(left["userid"], welcome["userid"]);
    });
}

#[test]
fn messages_before_joining_are_refused() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let early = Client::connect(&server.address).await;
        for message in [
            json!({"event": "candidate", "userid": "x", "roomName": "tea", "candidate": {"candidate": "candidate:1"}}),
            json!({"event": "receiveVideoFrom", "userid": "x", "roomName": "tea", "sdpOffer": "v=0"}),
            json!({"event": "receiveVideoFrom", "userid": "x", "roomName": "tea"}),
        ] {
            early.provoke(&message).await;
        }
        early.join("tea", "early").await;
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn messages_of_no_known_shape_are_refused() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let client = Client::connect(&server.address).await;
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        for message in [
            json!({"event": "no such verb"}),
            json!({"event": 7}),
            json!({"no": "event"}),
            json!("text"),
            json!(17),
            json!(null),
            json!([]),
            json!({"event": "joinRoom"}),
            json!({"event": "joinRoom", "userName": 1, "roomName": {}}),
            json!({"event": "joinRoom", "userName": null, "roomName": null}),
            json!({"event": "candidate", "userid": [], "candidate": deep}),
        ] {
            client.provoke(&message).await;
        }
        client.send_event("no such event", &json!({}));
        client.send_event("message", &json!({"event": "joinRoom", "userName": "late", "roomName": "tea"}));
        client.wait_for_event("existingParticipants").await;
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn frames_that_are_not_socket_io_end_their_own_connection_at_most() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        for frame in [
            "42",
            "42[",
            "42{}",
            "42[]",
            "42[7]",
            "99",
            "451-[\"message\",{\"_placeholder\":true,\"num\":0}]",
            "{}",
            "",
        ] {
            let client = Client::connect(&server.address).await;
            client.send_raw(frame);
            client.send_binary(&[0xff; 64]);
            // Whether it is heard or thrown out, it is gone then; a new one is served.
            client.vanish();
        }
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn names_with_markup_or_paths_are_refused_or_carried_unharmed() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let long = "r".repeat(10_000);
        for (user, room) in [("ann", long.as_str()), (long.as_str(), "tea"), ("", "tea"), ("ann", "")] {
            let client = Client::connect(&server.address).await;
            client.provoke(&json!({"event": "joinRoom", "userName": user, "roomName": room})).await;
            client.join("tea2", "ann").await;
        }
        for (index, odd) in
            ["<img src=x onerror=alert(1)>", "../../etc/passwd", "a/b", "..", "%2e%2e%2f", "nul\u{0}", "\u{202e}txt"]
                .iter()
                .enumerate()
        {
            // As a user's name: refused, or the very same text for the others.
            let client = Client::connect(&server.address).await;
            let room = format!("odd{index}");
            client.ask_to_join(&room, odd);
            let reply =
                client.wait_for("an answer", |m| m["event"] == "existingParticipants" || m["event"] == "error").await;
            if reply["event"] == "existingParticipants" {
                let other = Client::connect(&server.address).await;
                let seen = other.join(&room, "witness").await;
                assert_eq!(seen["existingUsers"][0]["name"], **odd);
            }
            // As a room's name: refused, or a room like any other. Its recording may not leave the folder.
            let client = Client::connect(&server.address).await;
            client.ask_to_join(odd, "ann");
            client.wait_for("an answer", |m| m["event"] == "existingParticipants" || m["event"] == "error").await;
        }
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn joining_twice_is_refused_and_changes_nothing() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let client = Client::connect(&server.address).await;
        client.join("tea", "ann").await;
        for room in ["tea", "coffee"] {
            client.provoke(&json!({"event": "joinRoom", "userName": "ann", "roomName": room})).await;
        }
        client.round_trip().await;
        let welcomes = client.messages().iter().filter(|message| message["event"] == "existingParticipants").count();
        assert_eq!(welcomes, 1);
        bystander.round_trip().await;
        let arrivals =
            bystander.messages().iter().filter(|message| message["event"] == "newParticipantArrived").count();
        assert_eq!(arrivals, 1);
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn bad_offers_get_an_error_and_not_an_answer() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let client = Client::connect(&server.address).await;
        let id = client.join("tea", "ann").await["userid"].clone();
        let header = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
        let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\n";
        let many: String = (0..2000).map(|index| format!("{video}a=mid:{index}\r\n")).collect();
        for offer in [
            json!(""),
            json!("not sdp"),
            json!("v=0"),
            json!(header),
            json!(format!("{header}{video}")),
            json!(format!("{header}m=video 9 RTP/AVP 96\r\na=mid:0\r\n")),
            json!(format!("{header}m=video -1 UDP/TLS/RTP/SAVPF banana\r\n")),
            json!(format!("{header}{video}a=mid:0\r\n{video}a=mid:0\r\n")),
            json!(format!("{header}{many}")),
            json!("v=0\r\n".repeat(20_000)),
            json!(format!("{header}{}", "\u{0}".repeat(500))),
            json!(7),
            json!(null),
        ] {
            let message = json!({"event": "receiveVideoFrom", "userid": id, "roomName": "tea", "sdpOffer": offer});
            client.provoke(&message).await;
        }
        client.round_trip().await;
        assert!(!client.messages().iter().any(|message| message["event"] == "receiveVideoAnswer"));
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn a_message_too_large_does_not_reach_the_room() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let client = Client::connect(&server.address).await;
        let id = client.join("tea", "ann").await["userid"].clone();
        let offer = "a".repeat(20_000_000);
        client.send(&json!({"event": "receiveVideoFrom", "userid": id, "roomName": "tea", "sdpOffer": offer}));
        // What exceeds the transport's own limit ends the transport.
        client.wait_until_closed().await;
        bystander.wait_for_event("participantLeft").await;
        assert!(server.holdings().memory < 1 << 30, "{}", server.holdings());
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn offers_and_candidates_for_nobody_are_refused() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let client = Client::connect(&server.address).await;
        let id = client.join("tea", "ann").await["userid"].clone();
        let stranger = Client::connect(&server.address).await;
        let elsewhere = stranger.join("coffee", "cara").await["userid"].clone();
        for other in [json!("nobody"), json!(""), json!("x".repeat(10_000)), elsewhere] {
            let offer = json!({"event": "receiveVideoFrom", "userid": other, "roomName": "tea", "sdpOffer": "v=0\r\n"});
            client.provoke(&offer).await;
            let candidate =
                json!({"candidate": "candidate:1 1 UDP 1 10.99.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0});
            client.send(&json!({"event": "candidate", "userid": other, "roomName": "tea", "candidate": candidate}));
        }
        for candidate in
            [json!("x"), json!({"candidate": "garbage"}), json!({"candidate": "x".repeat(100_000)}), json!(null)]
        {
            client.send(&json!({"event": "candidate", "userid": id, "roomName": "tea", "candidate": candidate}));
        }
        client.round_trip().await;
        stranger.round_trip().await;
        let reached: Vec<_> =
            stranger.messages().into_iter().filter(|message| message["event"] == "candidate").collect();
        assert!(reached.is_empty(), "another room heard {reached:?}");
        all_is_well(server, &bystander).await;
    });
}

#[test]
fn each_of_twenty_racing_joiners_is_announced_to_each_exactly_once() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut clients = Vec::new();
        for index in 0..20 {
            let revision = if index % 2 == 0 { Revision::Three } else { Revision::Four };
            clients.push(Client::connect_by(&server.address, revision).await);
        }
        for (index, client) in clients.iter().enumerate() {
            client.ask_to_join("race", &format!("p{index}"));
        }
        let mut ids = Vec::new();
        for client in &clients {
            let welcome = client.wait_for_event("existingParticipants").await;
            ids.push(welcome["userid"].as_str().expect("an id").to_owned());
        }
        for (client, own) in clients.iter().zip(&ids) {
            // All are in: what the server had to say to this one has been said.
            client.round_trip().await;
            let messages = client.messages();
            assert_eq!(messages[0]["event"], "existingParticipants", "the first word to a joiner is who is there");
            let mut told: HashMap<String, usize> = HashMap::new();
            for message in &messages {
                let existing = message["existingUsers"].as_array().into_iter().flatten().map(|user| &user["id"]);
                let arrived = (message["event"] == "newParticipantArrived").then_some(&message["userid"]);
                for id in existing.chain(arrived).filter_map(Value::as_str) {
                    *told.entry(id.to_owned()).or_default() += 1;
                }
            }
            let expected: HashMap<String, usize> =
                ids.iter().filter(|id| *id != own).map(|id| (id.clone(), 1)).collect();
            assert_eq!(told, expected);
        }
    });
}

#[test]
fn a_client_that_drops_its_socket_has_left() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        for revision in [Revision::Three, Revision::Four] {
            let client = Client::connect_by(&server.address, revision).await;
            let id = client.join("tea", "ann").await["userid"].clone();
            client.vanish();
            bystander.wait_for("participantLeft", |m| m["event"] == "participantLeft" && m["userid"] == id).await;
        }
        let late = Client::connect(&server.address).await;
        let there = late.join("tea", "late").await;
        assert_eq!(there["existingUsers"].as_array().map(Vec::len), Some(1), "no ghosts: {there}");
        all_is_well(server, &bystander).await;
    });
}

/// What the test below stops: somebody who publishes, in a process of their own.
#[test]
#[ignore = "a part of another test"]
fn somebody_who_freezes() {
    let address = std::env::var("LAB_SERVER").expect("run by another test");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let person = Participant::join_at(&address, "tea", "frozen", Options::of(0)).await;
        person.wait_until_publishing().await;
        println!("publishing as {}", person.id);
        std::future::pending::<()>().await;
    });
}

#[test]
fn a_participant_who_freezes_is_gone_within_fifteen_seconds() {
    lab::run(|lab| async move {
        let (server, bystander) = server_with_bystander(&lab).await;
        let mut child = lab::second_process("somebody_who_freezes", &[("LAB_SERVER", &server.address)]);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let id = tokio::task::spawn_blocking(move || {
            lines.find_map(|line| line.split_once("publishing as ").map(|(_, id)| id.to_owned()))
        });
        let id = id.await.expect("a thread").expect("the participant publishes");
        process::signal(child.id(), "STOP");
        let left = |message: &Value| message["event"] == "participantLeft" && message["userid"] == *id;
        // If it fails, the lab ends and the frozen process with it.
        bystander.wait_long_for(Duration::from_secs(15), "the frozen one to be gone", left).await;
        process::signal(child.id(), "KILL");
        let _ = child.wait();
        all_is_well(server, &bystander).await;
    });
}
