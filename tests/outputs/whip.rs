//! WHIP: what a server gets, and what becomes of those that refuse, mislead or fall silent.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::certificates::Authority;
use crate::common::exchange::{Session, sees};
use crate::common::lab;
use crate::common::native::Native;
use crate::common::replay::Clip;
use crate::common::server::Server;
use crate::foreign::{self, Taken};
use crate::ingest::{Asked, H264, Ingest, Say, TAKES_H264};
use crate::wire::Wire;
use crate::{DEADLINE, OUTPUTS, server_with};

/// How long after a server fell silent that must be noticed.
const NOTICED: Duration = Duration::from_secs(20);

/// What a server has or wants instead, what it says to an offer, and what is told of that.
type Refusal = (&'static str, fn(&Asked) -> Say, &'static str);

/// Asks for an output, and gives its address in the API.
async fn send(server: &Server, url: &str, token: Option<&str>) -> String {
    let (status, output) = server.post(OUTPUTS, &json!({"kind": "whip", "url": url, "token": token})).await;
    assert_eq!((status, &output["kind"]), (201, &json!("whip")), "{output}");
    assert!(!output.to_string().contains("s3cret"), "{output}");
    format!("{OUTPUTS}/{}", output["id"].as_str().unwrap())
}

async fn is(server: &Server, output: &str, state: &str) -> Value {
    server.get_until(output, DEADLINE, |output| output["state"] == state).await
}

/// Ends an output, and waits until it has ended.
async fn end(server: &Server, output: &str) -> Value {
    let ended = server.http().delete(server.url(output)).timeout(DEADLINE).send().await.unwrap();
    let ended: Value = ended.json().await.unwrap();
    assert_eq!(ended["state"], "ended", "{ended}");
    ended
}

/// The room in which it arrives: Eve is in it to be told, and not in the mix that can be watched there.
async fn destination(server: &Server) -> Native {
    let eve = Native::join(server, "coffee", "Eve", 2).await;
    let mix = json!({"name": "seen", "layout": "grid", "hide": ["Eve"]});
    let (status, mix) = server.post("/api/v1/rooms/coffee/mixes", &mix).await;
    assert_eq!(status, 201, "{mix}");
    eve
}

#[test]
fn a_mix_is_a_participant_of_another_room_until_it_ends() {
    lab::run(|lab| async move {
        let server = server_with(&lab, TAKES_H264).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 0).await, Native::join(&server, "tea", "Bob", 1).await);
        let (_ann, _bob) = (ann.publish_h264("send-1").await, bob.publish_h264("send-1").await);
        let eve = destination(&server).await;

        let output = send(&server, &server.url("/whip/coffee?name=Relay"), None).await;
        let live = is(&server, &output, "live").await;
        assert_eq!(live["url"], format!("http://{}/…", server.address), "{live}");
        let joined = eve.told("participantJoined", |data| data["participant"]["name"] == "Relay").await;
        let relay = joined["participant"]["id"].as_str().unwrap().to_owned();
        let (_watches, seen) = Session::watch(&server, "/whep/coffee/seen", H264).await;
        sees(&seen, "both pictures", |seen| seen.shows_both(ann.look, bob.look)).await;
        sees(&seen, "both sounds", |seen| seen.hears(ann.look) && seen.hears(bob.look)).await;
        let whole = sees(&seen, "five flashes", |seen| seen.flashes >= 5).await;
        assert_eq!((whole.video.lost(), whole.audio.lost()), (0, 0), "{whole:?}");
        println!("from a flash to the decoder behind both rooms: {:.3?} s", whole.delays);

        let now = server.get(&output).await.1;
        let bytes = now["bytes"].as_u64().unwrap();
        assert!(bytes > 50_000 && now["dropped"] == 0 && now["retries"] == 0, "{now}");
        let ended = end(&server, &output).await;
        assert!(ended["bytes"].as_u64() >= Some(bytes) && ended["error"].is_null(), "{ended}");
        eve.told("participantLeft", |data| data["participant"] == *relay).await;
    });
}

#[test]
fn a_server_of_another_kind_gets_all_and_its_wishes_for_packets_and_keyframes_are_met() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        // Lively, so that a picture is many packets.
        let _moving = ann.replay("send-1", Clip::make((640, 360), 1_500_000)).await;
        let (say, mut taken) = watch::channel(Taken::default());
        let (say, address) = (Arc::new(say), lab.address);
        let ingest = Ingest::start(address, move |asked| foreign::answer(asked, address, &say)).await;
        let output = send(&server, &ingest.url("/whip"), None).await;
        let some = |taken: &Taken| taken.counts[0] >= 240 && taken.counts[1] >= 400;
        let whole = tokio::time::timeout(DEADLINE, taken.wait_for(some)).await;
        let whole = whole.map(|taken| taken.unwrap().clone()).unwrap_or_else(|_| panic!("not all: {output}"));
        let steps: Vec<f64> = whole.keyframes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        println!(
            "{:?} with {} packets lost, {} gaps; keyframes {steps:.2?} s apart",
            whole.counts, whole.lost, whole.gaps
        );
        assert!(whole.lost > 10 && whole.gaps == 0, "lost for good: {} of {}", whole.gaps, whole.lost);
        // Each was asked for after 0.3 s, would else have come after a second, and may come each half second. Before, those come in
        // between that links and the encoder itself ask for.
        let asked = &steps[steps.len() / 3..];
        let step = asked.iter().sum::<f64>() / asked.len() as f64;
        assert!(asked.len() >= 5 && (0.45..0.8).contains(&step), "{steps:?}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken.h264");
        std::fs::write(&file, whole_pictures(&whole.pictures)).unwrap();
        let decoded = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&file).args(["-f", "null", "-"]).output();
        let said = String::from_utf8(decoded.unwrap().stderr).unwrap();
        assert!(said.is_empty(), "{said}");
        assert_eq!(is(&server, &output, "live").await["retries"], 0);
        end(&server, &output).await;
        ingest.is_asked("DELETE").await;
    });
}

#[test]
fn what_a_server_says_instead_of_an_answer_is_told_without_secrets() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let _ann = Native::join(&server, "tea", "Ann", 0).await;
        let begun = Instant::now();
        let deaf = Ingest::start(lab.address, |_| Say::Nothing).await;
        let slow = send(&server, &deaf.url("/whip/s3cret-path?key=s3cret-key"), Some("s3cret-token")).await;
        let unused = format!(
            "http://{}/whip/s3cret-path",
            std::net::SocketAddr::new(lab.address, crate::free_port(lab.address))
        );

        let refused: [Refusal; 10] = [
            ("a token", |asked| Say::this(401, "", &format!("no {} here", asked.header("authorization"))), "401"),
            ("an address", |asked| Say::this(404, "", &asked.path), "check the address"),
            ("nothing", |_| Say::this(503, "retry-after: 5\r\n", "{\"detail\": \"full\"}"), "full"),
            ("a GET", |_| Say::this(302, "location: /other\r\n", ""), "no use for"),
            ("no whereto", |_| Say::this(307, "", ""), "without saying whereto"),
            ("a metadata service", |_| Say::moved("http://169.254.169.254/s3cret-path"), "may not go"),
            ("another protocol", |_| Say::moved("ftp://127.0.0.1/s3cret-path"), "https or http"),
            ("itself", |asked| Say::moved(&format!("{}+", asked.path)), "more than 3 times"),
            ("no SDP", |_| Say::this(201, "location: /session/s3cret\r\n", "v=0\r\nhello"), "answer cannot be used"),
            ("too much", |_| Say::this(201, "location: /session/s3cret\r\n", &"a".repeat(100_000)), "more than 65536"),
        ];
        for (what, answer, said) in refused {
            let ingest = Ingest::start(lab.address, answer).await;
            let output = send(&server, &ingest.url("/whip/s3cret-path?key=s3cret-key"), Some("s3cret-token")).await;
            let waiting = is(&server, &output, "waiting").await;
            let error = waiting["error"].as_str().unwrap();
            println!("{what}: {error}");
            assert!(error.contains(said) && !waiting.to_string().contains("s3cret"), "{what}: {waiting}");
            assert!(waiting["bytes"] == 0 && waiting["retries"] == 1, "{what}: {waiting}");
            let offer = ingest.is_asked("POST").await;
            assert_eq!(offer.path, "/whip/s3cret-path?key=s3cret-key", "{what}");
            assert_eq!(offer.header("authorization"), "Bearer s3cret-token", "{what}");
            assert_eq!(offer.header("content-type"), "application/sdp", "{what}");
            assert!(offer.body.contains("m=video 9") && offer.body.contains("a=end-of-candidates"), "{}", offer.body);
            if said.contains("answer") || said.contains("65536") {
                // It has made a session, for nothing.
                let deleted = ingest.is_asked("DELETE").await;
                let deleted = (deleted.path.as_str(), deleted.header("authorization"));
                assert_eq!(deleted, ("/session/s3cret", "Bearer s3cret-token"), "{what}");
            }
            end(&server, &output).await;
        }
        let nobody = send(&server, &unused, None).await;
        let error = is(&server, &nobody, "waiting").await["error"].as_str().unwrap().to_owned();
        assert!(error.contains("refused") && !error.contains("s3cret"), "{error}");

        let waiting = is(&server, &slow, "waiting").await;
        let error = waiting["error"].as_str().unwrap();
        println!("nothing after {:?}: {error}", begun.elapsed());
        assert!(error.contains("answer") && !error.contains("s3cret"), "{waiting}");
        assert!(!server.log().iter().any(|line| line.contains("s3cret")), "a secret is in the log");
    });
}

#[test]
fn a_server_is_found_where_it_sends_to_trusted_if_it_is_the_one_and_told_of_the_end() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let (ours, others) = (Authority::new("our authority"), Authority::new("another authority"));
        let ca_file = folder.path().join("ca.pem");
        ours.write(&ca_file);
        let server = server_with(&lab, &format!("[outputs]\nca_file = {ca_file:?}\ndeny = [\"192.0.2.0/24\"]\n")).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let _sending = ann.publish("send-1").await;
        let far = server_with(&lab, TAKES_H264).await;
        let eve = destination(&far).await;

        // Another certificate than the one that is promised: nothing is sent.
        let changed = Ingest::before(far.url("/whip/coffee?name=Changed"), |answer| {
            let at = answer.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
            let other = if answer[at..].starts_with('0') { "1" } else { "0" };
            let first = answer[at..=at].to_owned();
            answer.replace(&format!("a=fingerprint:sha-256 {first}"), &format!("a=fingerprint:sha-256 {other}"))
        })
        .await;
        let output = send(&server, &changed.url("/whip"), None).await;
        let waiting = is(&server, &output, "waiting").await;
        assert!(waiting["error"].as_str().unwrap().contains("certificate") && waiting["bytes"] == 0, "{waiting}");
        changed.is_asked("DELETE").await;
        end(&server, &output).await;

        // Media that would go where nothing may go.
        let address = lab.address.to_string();
        let elsewhere = Ingest::before(far.url("/whip/coffee?name=Elsewhere"), move |answer| {
            let lines = answer.split_inclusive('\n').map(|line| match line.starts_with("a=candidate") {
                true => line.replace(&address, "192.0.2.7"),
                false => line.to_owned(),
            });
            lines.collect()
        })
        .await;
        let output = send(&server, &elsewhere.url("/whip"), None).await;
        let waiting = is(&server, &output, "waiting").await;
        assert!(waiting["error"].as_str().unwrap().contains("192.0.2.7"), "{waiting}");
        elsewhere.is_asked("DELETE").await;
        end(&server, &output).await;

        // By TLS, and on from there to where the sessions are; the token goes along.
        let last = Ingest::before(far.url("/whip/coffee?name=Relay"), |answer| answer).await;
        let names = [&*lab.address.to_string()];
        let there = Wire::of_tls(last.at, ours.server(&names)).await.url("https", lab.address);
        let first = Ingest::start(lab.address, move |_| Say::moved(&there)).await;
        let vouched = Wire::of_tls(first.at, ours.server(&names)).await;
        let stranger = Wire::of_tls(first.at, others.server(&names)).await;
        let output = send(&server, &stranger.url("https", lab.address), Some("s3cret-token")).await;
        let waiting = is(&server, &output, "waiting").await;
        println!("{}", waiting["error"]);
        assert!(waiting["error"].as_str().unwrap().contains("certificate"), "{waiting}");
        assert!(first.asked().is_empty(), "whoever is not trusted hears nothing");
        end(&server, &output).await;

        let output = send(&server, &vouched.url("https", lab.address), Some("s3cret-token")).await;
        is(&server, &output, "live").await;
        let joined = eve.told("participantJoined", |data| data["participant"]["name"] == "Relay").await;
        let relay = joined["participant"]["id"].as_str().unwrap().to_owned();
        let (_watches, seen) = Session::watch(&far, "/whep/coffee/seen", H264).await;
        sees(&seen, "the tone", |seen| seen.sounds_like(ann.look)).await;
        sees(&seen, "three flashes", |seen| seen.flashes >= 3).await;
        assert_eq!(last.is_asked("POST").await.header("authorization"), "Bearer s3cret-token");
        end(&server, &output).await;
        let deleted = last.is_asked("DELETE").await;
        assert_eq!(
            (&*deleted.path, deleted.header("authorization")),
            ("/session?key=s3cret-session", "Bearer s3cret-token")
        );
        eve.told("participantLeft", |data| data["participant"] == *relay).await;
        assert!(!server.log().iter().any(|line| line.contains("s3cret")), "a secret is in the log");
    });
}

#[test]
fn a_server_that_falls_silent_is_noticed_and_found_again() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "Ann", 0).await;
        let _sending = ann.publish("send-1").await;
        let far = server_with(&lab, TAKES_H264).await;
        let output = send(&server, &far.url("/whip/coffee?name=Relay"), None).await;
        let live = is(&server, &output, "live").await;
        assert_eq!(live["retries"], 0, "{live}");
        far.signal("STOP");
        let stopped = Instant::now();
        let silent = is(&server, &output, "waiting").await;
        println!("noticed after {:?}: {}", stopped.elapsed(), silent["error"]);
        assert!(stopped.elapsed() < NOTICED && silent["error"].as_str().unwrap().contains("heard"), "{silent}");
        far.signal("CONT");
        let back = server.get_until(&output, 2 * DEADLINE, |output| output["state"] == "live").await;
        assert!(back["retries"].as_u64() >= Some(1), "{back}");
        let (_watches, seen) = Session::watch(&far, "/whep/coffee/single", H264).await;
        sees(&seen, "the tone", |seen| seen.sounds_like(ann.look)).await;
        end(&server, &output).await;
    });
}

/// H.264 up to its last picture: what comes before the next one, its parameter sets, may have come already.
fn whole_pictures(stream: &[u8]) -> &[u8] {
    let units: Vec<usize> =
        stream.windows(4).enumerate().filter(|(_, four)| four[..3] == [0, 0, 1]).map(|(at, _)| at).collect();
    let is_picture = |at: usize| matches!(stream[at + 3] & 0x1f, 1 | 5);
    let after = units.iter().rev().take_while(|at| !is_picture(**at)).last();
    // The zero before belongs to the start code.
    after.map_or(stream, |end| stream[..*end].strip_suffix(&[0]).unwrap_or(&stream[..*end]))
}
