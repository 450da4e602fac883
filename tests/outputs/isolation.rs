//! Outputs beside others that fail in every way: what those receive, and what is recorded, lacks no frame.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::judge::{Recording, locate};
use crate::common::lab;
use crate::common::native::Native;
use crate::common::replay::Clip;
use crate::common::server::Server;
use crate::receiver::{Receiver, judge_flow};
use crate::wire::Wire;
use crate::{DEADLINE, OUTPUTS, free_port};

/// How long after a server stopped reading that must be noticed: what is on its way fills its window first.
const NOTICED: Duration = Duration::from_secs(20);
/// How much more memory the server may hold after that, in bytes.
const GROWTH: usize = 24 << 20;

/// Asks for an output, and gives its address in the API.
async fn push(server: &Server, url: &str) -> String {
    let (status, output) = server.post(OUTPUTS, &json!({"kind": "push", "url": url})).await;
    assert_eq!(status, 201, "{output}");
    format!("{OUTPUTS}/{}", output["id"].as_str().unwrap())
}

async fn is(server: &Server, output: &str, state: &str) -> Value {
    server.get_until(output, DEADLINE, |output| output["state"] == state).await
}

/// What HLS lists now, as a player has it in the end.
async fn download(server: &Server, file: &Path) {
    let list = server.http().get(server.url("/hls/tea/default/media.m3u8")).send().await.unwrap().text().await.unwrap();
    let header = list.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).unwrap().trim_end_matches('"');
    let mut bytes = Vec::new();
    for name in std::iter::once(header).chain(list.lines().filter(|line| !line.starts_with('#'))) {
        let part = server.http().get(server.url(&format!("/hls/tea/default/{name}"))).send().await.unwrap();
        bytes.extend_from_slice(&part.bytes().await.unwrap());
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn servers_that_are_stuck_refuse_or_die_cost_the_others_no_frame() {
    lab::run_for(Duration::from_secs(180), |lab| async move {
        let server = Server::start(&lab).await;
        let ann = Native::join(&server, "tea", "ann", 0).await;
        let _sending = ann.publish("send-1").await;
        // Somebody lively: what the system of a server takes that has stopped reading would last a still picture for minutes.
        let bob = Native::join(&server, "tea", "bob", 1).await;
        let _moving = bob.replay("send-1", Clip::make((640, 360), 1_500_000)).await;
        let folder = tempfile::tempdir().unwrap();
        let at = |port: u16| SocketAddr::new(lab.address, port);
        let file = |name: &str| folder.path().join(name);
        let rtmp = |port: u16, name: &str| Receiver::rtmp(&format!("rtmp://{}/live/key", at(port)), &file(name));
        let url = |port: u16| format!("rtmp://{}/live/key", at(port));
        let [good, called, stuck, frozen, asleep, dies] = [(); 6].map(|()| free_port(lab.address));

        let (status, recording) = server.post("/api/v1/rooms/tea/recordings", &json!({"kind": "mixed"})).await;
        assert_eq!(status, 201, "{recording}");
        assert_eq!(server.post(OUTPUTS, &json!({"kind": "hls"})).await.0, 201);
        let (by_rtmp, by_srt) = (rtmp(good, "rtmp.mkv"), Receiver::srt(called, &file("srt.mkv")));
        let (good, called) =
            (push(&server, &url(good)).await, push(&server, &format!("srt://127.0.0.1:{called}")).await);
        // A receiver that was not there yet at the first try may have cost its own output a frame.
        let lost = [&good, &called].map(|output| is(&server, output, "live"));
        let lost = futures_util::future::join_all(lost).await;
        let begun = Instant::now();
        let before = server.holdings();

        // One in front of which nobody reads any more, two that sleep, one that dies, and one that was never there.
        let wire = Wire::to(at(stuck)).await;
        let (_reads, sleeper, mortal) = (rtmp(stuck, "stuck.mkv"), rtmp(frozen, "frozen.mkv"), rtmp(dies, "dies.mkv"));
        let dreamer = Receiver::srt(asleep, &file("asleep.mkv"));
        let refused = push(&server, &url(free_port(lab.address))).await;
        let stuck = push(&server, &wire.url("rtmp", lab.address)).await;
        let (frozen, died) = (push(&server, &url(frozen)).await, push(&server, &url(dies)).await);
        let asleep = push(&server, &format!("srt://127.0.0.1:{asleep}")).await;
        for output in [&stuck, &frozen, &asleep, &died] {
            is(&server, output, "live").await;
        }
        let failed = is(&server, &refused, "waiting").await;
        assert!(
            failed["retries"].as_u64() >= Some(1) && failed["bytes"] == 0 && failed["error"].is_string(),
            "{failed}"
        );
        wire.stop_reading();
        sleeper.signal("STOP");
        dreamer.signal("STOP");
        mortal.signal("KILL");
        let stopped = Instant::now();

        // Who dies is called again, and found when back.
        let gone = is(&server, &died, "waiting").await;
        assert!(gone["error"].is_string() && gone["bytes"].as_u64() > Some(0), "{gone}");
        drop(mortal);
        let back = rtmp(dies, "back.mkv");
        is(&server, &died, "live").await;

        // Who takes nothing is given up, and tried again, however long.
        let mut tried = Vec::new();
        for output in [&stuck, &frozen, &asleep] {
            let noticed = is(&server, output, "waiting").await;
            println!("{output} noticed after {:?}: {}", stopped.elapsed(), noticed["error"]);
            assert!(stopped.elapsed() < NOTICED, "{noticed}");
            tried.push((output, noticed["retries"].as_u64().unwrap()));
        }
        for (output, times) in tried {
            server.get_until(output, DEADLINE * 2, |output| output["retries"].as_u64() >= Some(times + 2)).await;
        }
        let after = server.holdings();
        println!("before: {before}; with five that failed: {after}");
        assert!(after.memory < before.memory + GROWTH, "{before}, then {after}");

        // The others have had everything meanwhile.
        let length = begun.elapsed().as_secs_f64() - 3.0;
        download(&server, &file("hls.mp4")).await;
        is(&server, &died, "live").await;
        for (output, then) in [&good, &called].into_iter().zip(lost) {
            let status = server.get(output).await.1;
            assert_eq!((&status["state"], &status["dropped"]), (&json!("live"), &then["dropped"]), "{status}");
        }
        let id = recording["id"].as_str().unwrap();
        assert_eq!(server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await.0, 200);
        let recorded = server.download(&format!("/api/v1/recordings/{id}/file")).await;
        let files = [by_rtmp.finish().await, by_srt.finish().await, file("hls.mp4"), recorded.path().to_owned()];
        drop((sleeper, dreamer, back));
        for file in &files {
            judge_flow(file, length.min(50.0));
        }
        let calm = [10.0, 10.25, 10.5, 10.75];
        let tile = calm.into_iter().find_map(|time| locate(&files[0], time, &[ann.look])[0]).expect("ann is seen");
        let film = Recording::open(&files[0], &[tile]);
        let flashes = film.flashes(0);
        let late =
            flashes.windows(2).map(|pair| pair[1] - pair[0] - 1.0).fold(0.0, |most: f64, late| most.max(late.abs()));
        println!("{} flashes, each a second after the one before, within {:.0} ms", flashes.len(), late * 1e3);
        assert!(flashes.len() as f64 >= length && late < 0.1, "{flashes:?}");
    });
}
