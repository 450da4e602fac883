//! One table of bad input: each line is refused with its code, and neither the session nor anybody else minds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::{Native, tracks};
use crate::common::server::Server;
use crate::common::signaling::{Client, code_of, shorten};

/// A well-formed request of each kind, with the fields that it cannot do without.
fn examples() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let offer = offer("sendonly", 2);
    let candidate = json!({"candidate": "candidate:1 1 UDP 1 10.99.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0});
    let look = json!({"participant": "somebody", "source": "camera", "height": 180});
    vec![
        ("join", json!({"room": "elsewhere", "name": "Ann"}), &["room", "name"]),
        (
            "publish",
            json!({"endpoint": "send-9", "offer": offer, "tracks": tracks(&offer, false)}),
            &["endpoint", "offer", "tracks"],
        ),
        ("subscribe", json!({"endpoint": "receive-9", "offer": self::offer("recvonly", 2)}), &["endpoint", "offer"]),
        ("candidate", json!({"endpoint": "send-9", "candidate": candidate}), &["endpoint"]),
        ("close", json!({"endpoint": "send-9"}), &["endpoint"]),
        ("mute", json!({"source": "camera", "muted": true}), &["source", "muted"]),
        ("view", json!({"tracks": [look]}), &["tracks"]),
        ("chat", json!({"text": "Hello"}), &["text"]),
        ("hand", json!({"raised": true}), &["raised"]),
        ("moderate", json!({"action": "lock", "locked": true}), &["action", "locked"]),
        ("leave", json!({}), &[]),
    ]
}

/// An offer of some m-lines, sound first, that a server could answer.
fn offer(direction: &str, lines: usize) -> String {
    let fingerprint = ["AB"; 32].join(":");
    let mut text = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE".to_owned();
    (0..lines).for_each(|mid| text.push_str(&format!(" {mid}")));
    text.push_str("\r\n");
    for mid in 0..lines {
        let (kind, codec) = if mid == 0 { ("audio", "111 opus/48000/2") } else { ("video", "96 VP8/90000") };
        let payload = codec.split(' ').next().unwrap();
        text.push_str(&format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {payload}\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:{codec}\r\na=mid:{mid}\r\na={direction}\r\n\
             a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\n"
        ));
        if direction == "sendonly" {
            text.push_str(&format!("a=ssrc:{} cname:lab\r\n", 1000 + mid));
        }
    }
    text
}

/// One line of the table: the arguments of an event, and the code that they get.
struct Line(String, Vec<Value>, &'static str);

fn line(event: &str, data: Value, code: &'static str) -> Line {
    Line(event.to_owned(), vec![data], code)
}

/// What is wrong by shape alone, in a room or out of it.
fn shapes() -> Vec<Line> {
    let mut lines = Vec::new();
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for (event, good, needed) in examples() {
        if !needed.is_empty() {
            lines.push(Line(event.to_owned(), Vec::new(), "bad_message"));
            lines.push(line(event, Value::Null, "bad_message"));
            lines.push(line(event, json!({}), "bad_message"));
        }
        for odd in [json!(7), json!("text"), json!(true), json!([]), json!([good]), deep.clone()] {
            lines.push(line(event, odd, "bad_message"));
        }
        lines.push(Line(event.to_owned(), vec![json!(7), good.clone()], "bad_message"));
        let with = |field: &str, value: Value| {
            let mut data = good.clone();
            data[field] = value;
            data
        };
        lines.push(line(event, with("surprise", json!(1)), "bad_message"));
        lines.push(line(event, with("__proto__", json!({})), "bad_message"));
        for field in needed {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(*field);
            lines.push(line(event, without, "bad_message"));
            for odd in [json!(null), json!(-1.5), json!({"odd": [1]}), deep.clone()] {
                lines.push(line(event, with(field, odd), "bad_message"));
            }
        }
    }
    let long = "e".repeat(10_000);
    for event in ["nonsense", "Join", "JOIN", " join", "__proto__", "constructor", "événement", &long] {
        lines.push(line(event, json!({}), "unknown_event"));
    }
    lines
}

/// What is wrong before one has joined.
fn outside() -> Vec<Line> {
    let mut lines: Vec<Line> =
        examples().into_iter().skip(1).map(|(event, data, _)| line(event, data, "not_joined")).collect();
    let join = |field: &str, value: Value| {
        let mut data = json!({"room": "tea", "name": "Ann"});
        data[field] = value;
        data
    };
    for field in ["room", "name"] {
        for bad in ["", "   ", "a\u{0}b", "\u{202e}txt", "line\nbreak", &"x".repeat(65), &"x".repeat(100_000)] {
            lines.push(line("join", join(field, json!(bad)), "bad_name"));
        }
    }
    for role in ["king", "", "Viewer"] {
        lines.push(line("join", join("role", json!(role)), "bad_message"));
    }
    for resume in ["", "nonsense", &"x".repeat(100_000)] {
        lines.push(line("join", join("resume", json!(resume)), "bad_resume"));
    }
    lines
}

/// What is wrong inside of a room, for its only moderator. `send` is an endpoint that lives.
fn inside(own: &str, other: &str) -> Vec<Line> {
    let sending = offer("sendonly", 2);
    let named = tracks(&sending, false);
    let mut lines = vec![
        line("join", json!({"room": "tea", "name": "Ann"}), "already_joined"),
        line("join", json!({"room": "coffee", "name": "Ann"}), "already_joined"),
    ];
    for endpoint in ["", "a b", "../x", "é", "a\u{0}", &"e".repeat(33), &"e".repeat(100_000)] {
        let publish = json!({"endpoint": endpoint, "offer": sending, "tracks": named});
        lines.push(line("publish", publish, "bad_message"));
        lines.push(line("subscribe", json!({"endpoint": endpoint, "offer": offer("recvonly", 2)}), "bad_message"));
        lines.push(line("candidate", json!({"endpoint": endpoint, "candidate": null}), "bad_message"));
        lines.push(line("close", json!({"endpoint": endpoint}), "bad_message"));
    }
    let header = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    for bad in [
        String::new(),
        "not sdp".to_owned(),
        "v=0".to_owned(),
        header.to_owned(),
        "\u{0}".repeat(500),
        "v=0\r\n".repeat(20_000),
        offer("sendrecv", 200),
        sending.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        sending.replace("a=mid:1", "a=mid:0"),
        sending.replace("sha-256", "sha-999"),
        sending.replace("a=ice-ufrag:abcd", "a=ice-ufrag:a"),
    ] {
        lines.push(line("publish", json!({"endpoint": "new", "offer": bad, "tracks": named}), "bad_offer"));
        lines.push(line("subscribe", json!({"endpoint": "new", "offer": bad}), "bad_offer"));
    }
    let publish = |tracks: Value| json!({"endpoint": "new", "offer": sending, "tracks": tracks});
    for (tracks, code) in [
        (json!([]), "bad_offer"),
        (json!([{"mid": "0", "source": "microphone"}]), "bad_offer"),
        (json!([{"mid": "0", "source": "microphone"}, {"mid": "7", "source": "camera"}]), "bad_offer"),
        (json!([{"mid": "0", "source": "camera"}, {"mid": "1", "source": "microphone"}]), "bad_offer"),
        (json!([{"mid": "0", "source": "microphone"}, {"mid": "1", "source": "nose"}]), "bad_message"),
        (json!([{"mid": "0", "source": "microphone"}, {"mid": 1, "source": "camera"}]), "bad_message"),
        (json!([{"mid": "0", "source": "microphone"}, {"mid": "1"}]), "bad_message"),
        (json!([{"mid": "0", "source": "microphone"}, {"mid": "1", "source": "camera", "odd": 1}]), "bad_message"),
        (json!(["0", "1"]), "bad_message"),
    ] {
        lines.push(line("publish", publish(tracks), code));
    }
    let twice = json!([{"mid": "0", "source": "microphone"}, {"mid": "0", "source": "camera"}, {"mid": "1", "source": "screen"}]);
    lines.push(line("publish", publish(twice), "bad_message"));
    lines.push(line("publish", json!({"endpoint": "send", "offer": sending, "tracks": named}), "endpoint_exists"));
    lines.push(line("subscribe", json!({"endpoint": "send", "offer": offer("recvonly", 2)}), "endpoint_exists"));

    let candidate = |endpoint: &str, candidate: Value| json!({"endpoint": endpoint, "candidate": candidate});
    for bad in ["garbage", "candidate:1 1 UDP 1 10.99.0.1", "candidate:1 1 UDP x 10.99.0.1 9 typ host"] {
        lines.push(line("candidate", candidate("send", json!({"candidate": bad})), "bad_candidate"));
    }
    let long = format!("candidate:1 1 UDP 1 10.99.0.1 9 typ host {}", "x".repeat(100_000));
    lines.push(line("candidate", candidate("send", json!({"candidate": long})), "bad_candidate"));
    lines.push(line("candidate", candidate("send", json!("candidate:1")), "bad_message"));
    lines.push(line("candidate", candidate("send", json!({"candidate": 7})), "bad_message"));
    lines.push(line("candidate", candidate("none", Value::Null), "unknown_endpoint"));
    lines.push(line("close", json!({"endpoint": "none"}), "unknown_endpoint"));

    lines.push(line("mute", json!({"source": "screen", "muted": true}), "unknown_track"));
    lines.push(line("mute", json!({"source": "nose", "muted": true}), "bad_message"));

    let look = |height: Value| json!({"tracks": [{"participant": other, "source": "camera", "height": height}]});
    for height in [json!(-1), json!(1.5), json!(70_000), json!("180"), Value::Null] {
        lines.push(line("view", look(height), "bad_message"));
    }
    let many: Vec<Value> =
        (0..2000).map(|n| json!({"participant": format!("p{n}"), "source": "camera", "height": 1})).collect();
    lines.push(line("view", json!({"tracks": many}), "bad_message"));

    for text in ["", "  \n ", "nul\u{0}", &"x".repeat(2001), &"x".repeat(200_000)] {
        lines.push(line("chat", json!({"text": text}), "bad_message"));
    }

    for nobody in ["nobody", "", "../x", &"x".repeat(100_000)] {
        for (action, field, value) in [
            ("mute", "source", json!("camera")),
            ("remove", "participant", json!(nobody)),
            ("admit", "participant", json!(nobody)),
            ("deny", "participant", json!(nobody)),
            ("role", "role", json!("viewer")),
            ("lowerHand", "participant", json!(nobody)),
        ] {
            let mut data = json!({"action": action, "participant": nobody});
            data[field] = value;
            lines.push(line("moderate", data, "unknown_participant"));
        }
    }
    for (data, code) in [
        (json!({"action": "explode"}), "bad_message"),
        (json!({"action": "mute", "participant": other}), "bad_message"),
        (json!({"action": "mute", "participant": other, "source": "camera"}), "unknown_track"),
        (json!({"action": "role", "participant": other, "role": "king"}), "bad_message"),
        (json!({"action": "admit", "participant": other}), "unknown_participant"),
        (json!({"action": "role", "participant": own, "role": "participant"}), "forbidden"),
        (json!({"action": "lock", "locked": true, "participant": other}), "bad_message"),
        (json!({"action": "lobby", "enabled": "yes"}), "bad_message"),
    ] {
        lines.push(line("moderate", data, code));
    }
    lines
}

/// What somebody who is no moderator may not do.
fn forbidden(other: &str) -> Vec<Line> {
    [
        json!({"action": "mute", "participant": other, "source": "camera"}),
        json!({"action": "remove", "participant": other}),
        json!({"action": "lock", "locked": true}),
        json!({"action": "lobby", "enabled": true}),
        json!({"action": "admit", "participant": other}),
        json!({"action": "deny", "participant": other}),
        json!({"action": "role", "participant": other, "role": "moderator"}),
        json!({"action": "lowerHand", "participant": other}),
    ]
    .into_iter()
    .map(|data| line("moderate", data, "forbidden"))
    .collect()
}

/// Asks for every line, and for something that works after each. A burst of requests is not what this is about, so it
/// goes at the pace of the answers, and a new client comes for every fifty lines.
async fn refuse(server: &Server, lines: Vec<Line>, room: Option<&str>, faults: &mut Vec<String>) {
    for chunk in lines.chunks(50) {
        let client = Client::connect(&server.address).await;
        if let Some(room) = room {
            client.get("join", &json!({"room": room, "name": "rude"})).await;
        }
        refuse_all(&client, chunk, room, faults).await;
    }
}

async fn refuse_all(client: &Client, lines: &[Line], room: Option<&str>, faults: &mut Vec<String>) {
    for Line(event, arguments, expected) in lines {
        let what = shorten(&format!("{event} {}", Value::Array(arguments.clone())));
        let reply = client.reply(client.request(event, arguments)).await;
        // All faults at once tell more than the first.
        if reply.get("error").is_none() {
            faults.push(format!("{what}: not refused but {}", shorten(&reply.to_string())));
        } else if code_of(&reply, &what) != *expected {
            faults.push(format!("{what}: not {expected} but {}", shorten(&reply.to_string())));
        }
        let after = client.ask("hand", &json!({"raised": false})).await;
        match room {
            Some(room) if after.get("result").is_none() => {
                faults.push(format!("{what}: afterwards {after}"));
                client.ask("join", &json!({"room": room, "name": "rude"})).await;
            }
            None if after["error"]["code"] != "not_joined" => {
                faults.push(format!("{what}: afterwards {after}"));
                client.ask("leave", &json!({})).await;
            }
            _ => {}
        }
    }
}

#[test]
fn all_bad_input_is_refused_with_its_code() {
    lab::run(|lab| async move {
        let mut server = Server::start(&lab).await;
        let bystander = Native::join(&server, "tea", "bystander", 0).await;
        let mut faults = Vec::new();
        refuse(&server, shapes(), None, &mut faults).await;
        refuse(&server, shapes(), Some("tea"), &mut faults).await;
        refuse(&server, outside(), None, &mut faults).await;
        refuse(&server, forbidden(&bystander.id), Some("tea"), &mut faults).await;

        // In a room of her own she moderates, and `send` is an endpoint.
        let sending = offer("sendonly", 2);
        let mut lines = inside("", "").len();
        let mut done = 0;
        while done < lines {
            let room = format!("rude{done}");
            let (rude, other) =
                (Native::join(&server, &room, "rude", 1).await, Native::join(&server, &room, "other", 2).await);
            rude.get("publish", json!({"endpoint": "send", "offer": sending, "tracks": tracks(&sending, false)})).await;
            let table = inside(&rude.id, &other.id);
            lines = table.len();
            let chunk = &table[done..(done + 50).min(lines)];
            refuse_all(&rude.client, chunk, Some(&room), &mut faults).await;
            done += chunk.len();
        }
        println!("{} lines", 2 * shapes().len() + outside().len() + forbidden("").len() + lines);
        assert!(faults.is_empty(), "{} lines got something else:\n{}", faults.len(), faults.join("\n"));

        assert!(server.is_alive());
        bystander.round_trip().await;
        let heard: BTreeSet<String> = bystander
            .client
            .messages()
            .iter()
            .filter_map(|message| message["event"].as_str().map(ToOwned::to_owned))
            .collect();
        let expected = ["participantJoined", "participantChanged", "participantLeft"].map(ToOwned::to_owned);
        assert!(heard.is_subset(&expected.into()), "the bystander heard {heard:?}");
    });
}

#[test]
fn endpoints_are_bounded_and_their_names_are_free_again_after_closing() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let person = Native::join(&server, "tea", "person", 0).await;
        let most = person.welcome["limits"]["endpoints"].as_u64().expect("a limit");
        let request = |number: u64| json!({"endpoint": format!("receive-{number}"), "offer": offer("recvonly", 2)});
        for number in 0..most {
            person.get("subscribe", request(number)).await;
        }
        assert_eq!(person.refused("subscribe", request(most)).await, "too_many_endpoints");
        person.get("close", json!({"endpoint": "receive-0"})).await;
        person.get("subscribe", request(most)).await;
        assert_eq!(person.refused("close", json!({"endpoint": "receive-0"})).await, "unknown_endpoint");
        person.round_trip().await;
    });
}

#[test]
fn requests_without_an_acknowledgement_work_and_their_refusals_are_told() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let person = Native::join(&server, "tea", "person", 0).await;
        person.client.send_event("chat", &json!({"text": "said without waiting"}));
        person.told("chat", |data| data["text"] == "said without waiting").await;
        person.client.send_event("chat", &json!({"text": ""}));
        person.told("error", |data| data["code"] == "bad_message").await;
    });
}
