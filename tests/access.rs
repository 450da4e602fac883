//! Who may do what, where there are keys: each address of the API and each way into a room × no token, one for another room,
//! one that has expired, and the right one.

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::exchange::{Answer, ask};
use common::lab::{self, Lab};
use common::native::{Native, tracks};
use common::server::Server;
use common::signaling::{Client, Revision};
use plenum::access::mint::{self, Order};
use plenum::access::{Grants, Need};
use plenum::http::needs::{Asks, ROUTES};
use reqwest::Method;
use serde_json::{Value, json};

const KEY: (&str, &str) = ("app", "t3st: a secret of 32 characters or more");
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that has keys, and says all that it ever says.
async fn guarded(lab: &Lab, arguments: &[&str]) -> Server {
    let environment = [("PLENUM_KEYS__app", KEY.1), ("PLENUM_LOG__FILTER", "info,plenum=debug")];
    Server::start_guarded(lab, arguments, &environment).await
}

/// A token that is good for so many seconds from now.
fn token_for(seconds: i64, identity: &str, grants: Value) -> String {
    let grants: Grants = serde_json::from_value(grants).expect("grants");
    let (begun, lasts) = if seconds < 0 { (seconds.unsigned_abs() + 60, 60) } else { (0, seconds.unsigned_abs()) };
    let order = Order {
        identity: Some(identity.to_owned()),
        name: None,
        metadata: None,
        grants,
        lasts: Duration::from_secs(lasts),
    };
    let begun = SystemTime::now() - Duration::from_secs(begun);
    mint::mint(KEY.0, &KEY.1.into(), &order, begun).expect("a token")
}

fn token(identity: &str, grants: Value) -> String {
    token_for(600, identity, grants)
}

/// What lets one into the room, with more or less.
fn joining(room: &str, more: Value) -> Value {
    let mut grants = json!({"room": room, "roomJoin": true});
    let more = more.as_object().expect("an object").clone();
    grants.as_object_mut().expect("an object").extend(more);
    grants
}

async fn asked(server: &Server, method: &str, path: &str, token: Option<&str>) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let method = method.parse().expect("a method");
    ask(server, method, path, &headers, "{}").await
}

/// Comes in with a token, and has to be let in.
async fn comes_in(server: &Server, identity: &str, grants: Value, index: usize) -> Native {
    let request = json!({"room": "tea", "name": "said", "token": token(identity, grants)});
    Native::join_by(server, &request, index).await
}

fn member<'a>(welcome: &'a Value, name: &str) -> &'a Value {
    let members = welcome["participants"].as_array().expect("members");
    members.iter().find(|member| member["name"] == name).unwrap_or_else(|| panic!("no {name} in {welcome}"))
}

/// Nobody is to read secrets and tokens in the log.
fn kept_secret(server: &Server, tokens: &[&str]) {
    for line in server.log() {
        let told = std::iter::once(KEY.1).chain(tokens.iter().copied()).any(|secret| line.contains(secret));
        assert!(!told, "a secret in the log: {line}");
    }
}

#[test]
fn every_address_asks_for_its_grant() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let _ann = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        let all = |room: &str| joining(room, json!({"roomAdmin": true, "roomRecord": true, "canSubscribe": true}));
        let (right, wrong) = (token("bot", all("tea")), token("bot", all("coffee")));
        let (list, expired) = (token("bot", json!({"roomList": true})), token_for(-60, "bot", all("tea")));
        let begun = asked(&server, "POST", "/api/v1/rooms/tea/recordings", Some(&right)).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let manifest: Value = serde_json::from_str(&begun.body).expect("a manifest");
        let id = manifest["id"].as_str().expect("an identifier");

        let mut looked_at = 0;
        for route in ROUTES {
            let path = route.path.replace("{room}", "tea").replace("{mix}", "default").replace("{id}", id);
            let path = path.replace("{output}", "none").replace("{session}", "none").replace("{name}", "none.mp4");
            let path = if matches!(route.asks, Asks::OfQuery(_)) { format!("{path}?room=tea") } else { path };
            let method = if route.method == "*" { "DELETE" } else { route.method };
            let what = format!("{method} {path}");
            if route.asks == Asks::Nothing {
                let answer = asked(&server, method, &path, None).await;
                assert!(![401, 403].contains(&answer.status), "{what}: {}", answer.body);
                continue;
            }
            let none = asked(&server, method, &path, None).await;
            assert_eq!(none.refusal(), (401, "token_required".into()), "{what}");
            assert_eq!(none.header("www-authenticate"), "Bearer realm=\"plenum\"", "{what}");
            let late = asked(&server, method, &path, Some(&expired)).await;
            assert_eq!(late.refusal(), (401, "token_expired".into()), "{what}");
            assert!(late.header("www-authenticate").contains("invalid_token"), "{what}");
            let bad = asked(&server, method, &path, Some("nonsense")).await;
            assert_eq!(bad.refusal(), (401, "bad_token".into()), "{what}");
            let (other, good) = match route.asks {
                Asks::Grant(Need::Any) => (None, &wrong),
                Asks::Grant(Need::List) => (Some(&right), &list),
                _ => (Some(&wrong), &right),
            };
            if let Some(other) = other {
                let refused = asked(&server, method, &path, Some(other)).await;
                assert_eq!(refused.refusal(), (403, "forbidden".into()), "{what}");
                assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{what}");
            }
            let answer = asked(&server, method, &path, Some(good)).await;
            assert!(![401, 403].contains(&answer.status), "{what}: {}", answer.body);
            let by_query =
                ask(&server, method.parse().expect("a method"), &format!("{path}?token={good}"), &[], "").await;
            assert_eq!(by_query.status != 401, route.by_query, "{what}: {}", by_query.body);
            looked_at += 1;
        }
        assert!(looked_at > 20, "{looked_at}");

        // All recordings are for who may see all.
        assert_eq!(
            asked(&server, "GET", "/api/v1/recordings", Some(&right)).await.refusal(),
            (403, "forbidden".into())
        );
        assert_eq!(asked(&server, "GET", "/api/v1/recordings", Some(&list)).await.status, 200);
        assert_eq!(asked(&server, "GET", &format!("/api/v1/recordings/{id}/file"), Some(&list)).await.status, 200);
        let deleted = asked(&server, "DELETE", &format!("/api/v1/recordings/{id}"), Some(&list)).await;
        assert_eq!(deleted.refusal(), (403, "forbidden".into()));
        let file = asked(&server, "GET", &format!("/api/v1/recordings/{id}/file"), Some(&right)).await;
        assert_eq!((file.status, file.header("cache-control")), (200, "private, no-cache"));
        assert_eq!(asked(&server, "DELETE", &format!("/api/v1/recordings/{id}"), Some(&right)).await.status, 204);
        // What is not known is not there, whoever asks.
        assert_eq!(asked(&server, "GET", "/api/v1/secrets", Some(&right)).await.status, 404);
        assert_eq!(asked(&server, "GET", "/", None).await.status, 200);
        assert_eq!(server.get("/healthz").await.0, 200);
        kept_secret(&server, &[&right, &wrong, &list, &expired]);
    });
}

#[test]
fn a_token_says_who_comes_in_and_as_what() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let door = Client::connect(&server.address).await;
        let tries = [
            ("token_required", None),
            ("bad_token", Some("nonsense".to_owned())),
            ("token_expired", Some(token_for(-60, "ann", joining("tea", json!({}))))),
            ("forbidden", Some(token("ann", joining("coffee", json!({}))))),
            ("forbidden", Some(token("ann", json!({"room": "tea", "roomAdmin": true})))),
            ("forbidden", Some(token("", joining("tea", json!({}))))),
        ];
        for (code, token) in tries {
            let mut request = json!({"room": "tea", "name": "Mallory"});
            if let Some(token) = token {
                request["token"] = token.into();
            }
            assert_eq!(door.refused("join", &request).await, code, "{request}");
        }

        // Who comes first moderates no more: who the token says does.
        let ann = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        let me = member(&ann.welcome, "ann");
        assert_eq!((&me["role"], &me["identity"]), (&json!("participant"), &json!("ann")));
        let boss = comes_in(&server, "boss", joining("tea", json!({"roomAdmin": true})), 1).await;
        assert_eq!(member(&boss.welcome, "boss")["role"], "moderator");
        boss.get("moderate", json!({"action": "lock", "locked": true})).await;
        let request = json!({"room": "tea", "name": "Cleo", "token": token("cleo", joining("tea", json!({})))});
        assert_eq!(door.refused("join", &request).await, "locked");
        // Nobody inherits the room, and its lock stays.
        boss.get("leave", json!({})).await;
        ann.told("participantLeft", |data| data["participant"] == boss.id.as_str()).await;
        assert_eq!(ann.refused("moderate", json!({"action": "lock", "locked": false})).await, "forbidden");
        assert_eq!(door.refused("join", &request).await, "locked");
        let boss = comes_in(&server, "boss", joining("tea", json!({"roomAdmin": true})), 1).await;
        boss.get("moderate", json!({"action": "lock", "locked": false})).await;

        // The same person comes once: the older session is over.
        let again = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        assert_eq!(ann.told("removed", |_| true).await["code"], "replaced");
        boss.told("participantLeft", |data| data["participant"] == ann.id.as_str()).await;
        assert_ne!(again.id, ann.id);
        kept_secret(&server, &[request["token"].as_str().expect("text")]);
    });
}

#[test]
fn one_may_do_in_a_room_what_is_granted() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let ann = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        let offer = fixture("chromium-publisher-sendonly.sdp");
        let publish =
            |endpoint: &str, offer: &str| json!({"endpoint": endpoint, "offer": offer, "tracks": tracks(offer, false)});
        let receive = json!({"endpoint": "receive-1", "offer": fixture("chromium-subscriber-slots.sdp")});
        let chat = json!({"text": "Hello"});

        let mute =
            comes_in(&server, "mute", joining("tea", json!({"canPublish": false, "canPublishData": false})), 1).await;
        assert_eq!(member(&mute.welcome, "mute")["role"], "viewer");
        assert_eq!((&mute.welcome["sends"], &ann.welcome["sends"]), (&json!([]), &Value::Null));
        assert_eq!(mute.refused("publish", publish("send-1", &offer)).await, "forbidden");
        assert_eq!(mute.refused("chat", chat.clone()).await, "forbidden");
        mute.get("subscribe", receive.clone()).await;

        let deaf = joining("tea", json!({"canSubscribe": false, "canPublishSources": ["microphone"]}));
        let deaf = comes_in(&server, "deaf", deaf, 2).await;
        assert_eq!(member(&deaf.welcome, "deaf")["role"], "participant");
        assert_eq!(deaf.welcome["sends"], json!(["microphone"]));
        assert_eq!(deaf.refused("subscribe", receive).await, "forbidden");
        deaf.get("chat", chat.clone()).await;
        let reply = deaf.client.ask("publish", &publish("send-1", &offer)).await;
        assert_eq!(reply["error"]["code"], "forbidden", "{reply}");
        assert!(reply["error"]["message"].as_str().is_some_and(|words| words.contains("Camera")), "{reply}");
        let _talking = deaf.talk("send-2").await;
        ann.sees(&deaf.id, "heard", |member| member["tracks"] == json!([{"source": "microphone", "muted": false}]))
            .await;

        // Nobody is told of who is hidden.
        let before = ann.client.count();
        let hidden = comes_in(&server, "ghost", joining("tea", json!({"hidden": true, "roomAdmin": true})), 3).await;
        assert_eq!(member(&hidden.welcome, "ghost")["id"], hidden.id.as_str());
        assert_eq!(hidden.refused("publish", publish("send-1", &offer)).await, "forbidden");
        assert_eq!(hidden.refused("chat", chat.clone()).await, "forbidden");
        hidden.get("hand", json!({"raised": true})).await;
        hidden.get("moderate", json!({"action": "lowerHand", "participant": hidden.id.as_str()})).await;
        let late = comes_in(&server, "late", joining("tea", json!({})), 4).await;
        assert!(!late.welcome.to_string().contains(&hidden.id), "{}", late.welcome);
        late.get("chat", chat).await;
        hidden.told("chat", |data| data["name"] == "late").await;
        hidden.get("leave", json!({})).await;
        late.get("leave", json!({})).await;
        ann.told("participantLeft", |data| data["participant"] == late.id.as_str()).await;
        let told = ann.client.messages()[before..].iter().any(|message| message.to_string().contains(&hidden.id));
        assert!(!told, "{:?}", ann.client.messages());
    });
}

#[test]
fn who_is_in_stays_in_when_the_token_ends() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        // Good until the clocks may no longer differ: ten seconds after its end.
        let soon_over = token_for(-4, "ann", joining("tea", json!({})));
        let request = json!({"room": "tea", "name": "Ann", "token": soon_over});
        let ann = Native::join_by(&server, &request, 0).await;
        let bob = comes_in(&server, "bob", joining("tea", json!({})), 1).await;
        let door = Client::connect(&server.address).await;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            // For another room, so that whoever tries does not take her place.
            let reply = door.ask("join", &json!({"room": "other", "name": "Ann", "token": soon_over})).await;
            match reply["error"]["code"].as_str() {
                Some("token_expired") => break,
                Some("forbidden") => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => panic!("{reply}"),
            }
            assert!(tokio::time::Instant::now() < deadline, "the token does not end");
        }
        ann.get("chat", json!({"text": "still here"})).await;
        bob.told("chat", |data| data["text"] == "still here").await;
        assert_eq!(door.refused("join", &request).await, "token_expired");
        let mut back = request.clone();
        back["resume"] = ann.welcome["resume"].clone();
        ann.client.vanish();
        bob.sees(&ann.id, "cut off", |member| member["connection"] == "reconnecting").await;
        let again = Native::join_by(&server, &back, 0).await;
        assert_eq!(again.id, ann.id);
    });
}

#[test]
fn old_clients_bring_their_token_when_they_connect() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let stranger = Client::connect_by(&server.address, Revision::Three).await;
        let join = json!({"event": "joinRoom", "userName": "Mallory", "roomName": "tea"});
        assert_eq!(stranger.provoke(&join).await["code"], "token_required");
        let query = format!("&token={}", token("u7", joining("tea", json!({"canPublishSources": ["microphone"]}))));
        let old = Client::connect_with(&server.address, Revision::Three, &query).await;
        let wrong = json!({"event": "joinRoom", "userName": "Ann", "roomName": "coffee"});
        assert_eq!(old.provoke(&wrong).await["code"], "forbidden");
        let welcome = old.join("tea", "Ann").await;
        let bob = comes_in(&server, "bob", joining("tea", json!({})), 1).await;
        assert_eq!(member(&bob.welcome, "u7")["id"], welcome["userid"]);
        let offer = fixture("chromium-publisher-sendonly.sdp");
        let publish =
            json!({"event": "receiveVideoFrom", "userid": welcome["userid"], "roomName": "tea", "sdpOffer": offer});
        assert_eq!(old.provoke(&publish).await["code"], "forbidden");
        let query = format!("&token={}", token("u8", joining("tea", json!({}))));
        Client::connect_with(&server.address, Revision::Four, &query).await.join("tea", "Cleo").await;
    });
}

#[test]
fn an_encoder_comes_in_with_a_token_and_sees_no_more_than_it_says() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let ann = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        let offer = fixture("chromium-publisher-sendonly.sdp");
        let post = async |token: &str| {
            let headers = [("content-type", "application/sdp"), ("authorization", &*format!("Bearer {token}"))];
            ask(&server, Method::POST, "/whip/tea?name=Said", &headers, &offer).await
        };
        for (code, grants) in [
            ("forbidden", joining("tea", json!({"canPublish": false}))),
            ("forbidden", joining("tea", json!({"canPublishSources": ["microphone"]}))),
            ("forbidden", joining("tea", json!({"hidden": true}))),
            ("forbidden", json!({"room": "tea", "roomAdmin": true})),
        ] {
            assert_eq!(post(&token("encoder", grants.clone())).await.refusal(), (403, code.into()), "{grants}");
        }
        let refused = post("nonsense").await;
        // A page of another origin has to be able to read why.
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, "*"));
        let created = post(&token("encoder", joining("tea", json!({})))).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let joined = ann.told("participantJoined", |data| data["participant"]["name"] == "encoder").await;
        assert_eq!(joined["participant"]["identity"], "encoder");
        // The address is the secret: no token has to live as long as the session.
        assert_eq!(ask(&server, Method::DELETE, created.header("location"), &[], "").await.status, 200);
        ann.told("participantLeft", |data| data["participant"] == joined["participant"]["id"]).await;
    });
}

#[test]
fn lists_of_hls_carry_the_token_on() {
    lab::run(|lab| async move {
        let server = guarded(&lab, &[]).await;
        let ann = comes_in(&server, "ann", joining("tea", json!({})), 0).await;
        let _sent = ann.publish("send-1").await;
        let admin = token("bot", json!({"room": "tea", "roomAdmin": true}));
        let headers = [("authorization", &*format!("Bearer {admin}"))];
        let begun = ask(&server, Method::POST, "/api/v1/rooms/tea/outputs", &headers, r#"{"kind": "hls"}"#).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let watch = token("", json!({"room": "tea", "canSubscribe": true}));
        let base = "/hls/tea/default/";
        // As a player does: what a list names is loaded as it is named.
        let load = async |name: &str| {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let answer = ask(&server, Method::GET, &format!("{base}{name}"), &[], "").await;
                if answer.status != 503 && answer.status != 404 {
                    return answer;
                }
                assert!(tokio::time::Instant::now() < deadline, "{name}: {}", answer.body);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let index = load(&format!("index.m3u8?token={watch}")).await;
        assert_eq!((index.status, index.header("cache-control")), (200, "private, no-cache"), "{}", index.body);
        let media = index.body.lines().find(|line| line.starts_with("media.m3u8")).expect("a list of segments");
        assert_eq!(media, format!("media.m3u8?token={watch}"));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let list = loop {
            let list = load(media).await;
            assert_eq!(list.status, 200, "{}", list.body);
            if list.body.contains("#EXTINF") {
                break list;
            }
            assert!(tokio::time::Instant::now() < deadline, "no segment: {}", list.body);
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let segment =
            list.body.lines().find(|line| line.contains(".m4s") && !line.starts_with('#')).expect("a segment");
        let header = list.body.split("URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a header");
        for name in [segment, header] {
            assert!(name.ends_with(&watch), "{name}");
            let loaded = load(name).await;
            assert_eq!((loaded.status, loaded.header("cache-control")), (200, "private, max-age=31536000, immutable"));
            let bare = name.split('?').next().expect("a name");
            let refused = ask(&server, Method::GET, &format!("{base}{bare}"), &[], "").await;
            assert_eq!(refused.refusal(), (401, "token_required".into()));
            assert_eq!(refused.header("access-control-allow-origin"), "*");
        }
        let elsewhere = token("", json!({"room": "coffee", "canSubscribe": true}));
        assert_eq!(load(&format!("index.m3u8?token={elsewhere}")).await.refusal(), (403, "forbidden".into()));
    });
}

#[test]
fn pages_of_listed_origins_may_use_the_api() {
    lab::run(|lab| async move {
        let config = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(config.path(), "origins = [\"https://app.example.org\"]\n").expect("written");
        let server = guarded(&lab, &["--config", config.path().to_str().expect("text")]).await;
        let path = "/api/v1/rooms/tea/mixes";
        let preflight = [("origin", "https://app.example.org"), ("access-control-request-method", "POST")];
        let told = ask(&server, Method::OPTIONS, path, &preflight, "").await;
        assert_eq!((told.status, told.header("access-control-allow-origin")), (204, "https://app.example.org"));
        assert!(told.header("access-control-allow-headers").contains("Authorization"));
        let bearer = format!("Bearer {}", token("bot", json!({"room": "tea", "roomAdmin": true})));
        let listed = [("origin", "https://app.example.org"), ("authorization", bearer.as_str())];
        let answer = ask(&server, Method::GET, path, &listed, "").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, "https://app.example.org"));
        let refused = ask(&server, Method::GET, path, &listed[..1], "").await;
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, "https://app.example.org"));
        let evil = [("origin", "https://evil.example"), ("authorization", bearer.as_str())];
        let answer = ask(&server, Method::GET, path, &evil, "").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, ""));
        assert_eq!(ask(&server, Method::POST, path, &evil, "{}").await.refusal(), (403, "origin_refused".into()));
        let polling = "/socket.io/?EIO=4&transport=polling";
        assert_eq!(ask(&server, Method::GET, polling, &evil[..1], "").await.refusal(), (403, "origin_refused".into()));
        assert_eq!(ask(&server, Method::GET, polling, &listed[..1], "").await.status, 200);
    });
}

#[test]
fn everybody_logs_in_at_turn_by_a_name_of_their_own() {
    lab::run(|lab| async move {
        let config = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(config.path(), "[ice]\nturn_urls = [\"turn:192.0.2.1:3478\"]\nturn_ttl_seconds = 600\n")
            .expect("written");
        let environment = [("PLENUM_OPEN", "true"), ("PLENUM_ICE__TURN_SECRET", "12345678")];
        let server =
            Server::start_guarded(&lab, &["--config", config.path().to_str().expect("text")], &environment).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        for native in [&ann, &bob] {
            let given = &native.welcome["iceServers"][0];
            assert_eq!(given["urls"], "turn:192.0.2.1:3478");
            let username = given["username"].as_str().expect("a name");
            let (end, whom) = username.split_once(':').expect("an end");
            assert_eq!(whom, native.id);
            let end: u64 = end.parse().expect("seconds");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
            assert!((now + 590..=now + 600).contains(&end), "{end} at {now}");
            let end = UNIX_EPOCH + Duration::from_secs(end);
            let made = plenum::access::turn::Credential::new(&"12345678".into(), whom, end);
            assert_eq!(given["credential"], made.password);
        }
        let headers = [("content-type", "application/sdp")];
        let created =
            ask(&server, Method::POST, "/whip/tea", &headers, &fixture("chromium-publisher-sendonly.sdp")).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let link = created.header("link");
        assert!(link.contains("<turn:192.0.2.1:3478>") && link.contains("credential-type=\"password\""), "{link}");
        assert!(server.log().iter().all(|line| !line.contains("12345678")));
    });
}

#[test]
fn a_door_is_left_open_by_no_mistake() {
    lab::run(|lab| async move {
        let run = |arguments: &[&str], environment: &[(&str, &str)]| {
            let mut command = std::process::Command::new("timeout");
            command.args(["--signal=KILL", "20", env!("CARGO_BIN_EXE_plenum")]).args(arguments);
            let output = command.envs(environment.iter().copied()).output().expect("it runs");
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned(), words)
        };
        let listen = format!("{}:0", lab.address);
        let (code, _, words) = run(&["--listen", &listen], &[]);
        assert_eq!(code, Some(64), "{words}");
        assert!(words.contains("--open") && words.contains("PLENUM_KEYS__"), "{words}");
        let (code, _, words) = run(&["--open"], &[("PLENUM_KEYS__app", KEY.1)]);
        assert!(code == Some(64) && words.contains("take one of the two out"), "{words}");
        let (code, _, words) = run(&[], &[("PLENUM_KEYS__app", "short")]);
        assert!(code == Some(64) && words.contains("keys.app") && words.contains("32 characters"), "{words}");

        let server = Server::start_with(&lab, &[]).await;
        server.wait_for_log("whoever reaches this address may do everything", PATIENCE).await;
        drop(server);

        // What the command makes, the server takes; by whatever key, as it is written.
        let keys = [("PLENUM_KEYS__app", KEY.1), ("PLENUM_KEYS__APIwLeah7", "another secret of 32 characters!!")];
        let server = Server::start_guarded(&lab, &[], &keys).await;
        let made = ["token", "--room", "tea", "--identity", "ann", "--name", "Ann", "--key", "APIwLeah7"];
        let (code, token, words) = run(&made, &keys);
        assert_eq!(code, Some(0), "{words}");
        let ann = Native::join_by(&server, &json!({"room": "tea", "name": "x", "token": token}), 0).await;
        assert_eq!(member(&ann.welcome, "Ann")["identity"], "ann");
        let (code, _, words) = run(&["token", "--room", "tea"], &keys);
        assert!(code == Some(64) && words.contains("--identity"), "{words}");
    });
}

/// What a browser offered once.
fn fixture(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).expect("a fixture")
}
