//! What a mix costs the server, with people whose media was encoded before.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Options;
use crate::common::lab::Lab;
use crate::common::process::busy;
use crate::common::replay::Clip;
use crate::process::Ended;
use crate::report::{Goal, Report, median};
use crate::scene::{Scene, Sends, blocking, pass};

const SIZE: (u32, u32) = (640, 360);
const PEOPLE: usize = 6;
/// How long something new runs before it is measured.
const CALM: f64 = 3.0;

async fn people(lab: &Lab, clip: &Arc<Clip>) -> Scene {
    let mut scene = Scene::open(lab, 0).await;
    for _ in 0..PEOPLE {
        scene.enter(Sends::Clip(clip.clone())).await;
    }
    pass(CALM).await;
    scene
}

async fn clip(report: &Report) -> Arc<Clip> {
    let clip = blocking(|| Clip::make(SIZE, 1_000_000)).await;
    let kbit = clip.video_bits() / 1000;
    report.note(
        "people of the live scenarios",
        &format!("{PEOPLE}, VP8 of {}x{} at 30 pictures and {kbit} kbit/s, Opus", SIZE.0, SIZE.1),
    );
    clip
}

/// One output more of a mix, and one mix more.
pub(crate) async fn second(lab: &Lab, options: &Options, report: &Report) {
    let clip = clip(report).await;
    let scene = people(lab, &clip).await;
    let seconds = if options.quick { 2.0 } else { 6.0 };
    let call = share(&scene, seconds).await;
    let first = scene.start(&json!({"kind": "mixed"})).await;
    pass(CALM).await;
    let (mut hls, mut recorded, mut mixed, mut alone) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.times() {
        let before = share(&scene, seconds).await;
        let served = output(&scene, &json!({"kind": "hls"})).await;
        pass(CALM).await;
        let with = share(&scene, seconds).await;
        end_output(&scene, &served).await;
        hls.push(100.0 * (with / before - 1.0));

        let more = scene.start(&json!({"kind": "mixed", "container": "mkv"})).await;
        pass(CALM).await;
        let with = share(&scene, seconds).await;
        scene.stop(&more.id).await;
        recorded.push(100.0 * (with / before - 1.0));

        let other = scene.start(&json!({"kind": "mixed", "layout": "speaker"})).await;
        pass(CALM).await;
        let with = share(&scene, seconds).await;
        scene.stop(&other.id).await;
        mixed.push(with - before);
        alone.push(before - call);
        pass(1.0).await;
    }
    scene.stop(&first.id).await;
    let first = median(alone);
    let goal = Goal::AtMost(5.0, "% more", 1);
    let more = format!("of {:.0} % of a core, of which the call is {call:.0}; each time {hls:.1?}", call + first);
    report.row("a second output of the same mix, HLS", goal, median(hls.clone()), &more);
    let more = format!("each time {recorded:.1?}");
    report.row("a second output of the same mix, a recording", goal, median(recorded.clone()), &more);
    let more = format!("the first: {first:.0} %; each time {mixed:.0?}");
    let goal = Goal::Unasked("% of a core", 0);
    report.row("a second mix of the same people, in another layout, recorded", goal, median(mixed.clone()), &more);
}

/// A mix and all kinds of outputs.
pub(crate) async fn all(lab: &Lab, options: &Options, report: &Report) {
    let clip = clip(report).await;
    let scene = people(lab, &clip).await;
    let seconds = if options.quick { 3.0 } else { 15.0 };
    let call = share(&scene, seconds).await;
    let running = scene.start(&json!({"kind": "mixed"})).await;
    let port = TcpListener::bind((lab.address, 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
    let url = format!("rtmp://{}:{port}/live/key", lab.address);
    let _receiver = take(&url, &["-listen", "1"]);
    let pushed = output(&scene, &json!({"kind": "push", "url": url})).await;
    let served = output(&scene, &json!({"kind": "hls"})).await;
    for id in [&pushed, &served] {
        let path = format!("/api/v1/rooms/tea/outputs/{id}");
        scene.server.get_until(&path, Duration::from_secs(20), |status| status["state"] == "live").await;
    }
    let _player = take(&scene.server.url("/hls/tea/default/index.m3u8"), &["-re"]);
    pass(CALM).await;
    let mut shares = Vec::new();
    for _ in 0..options.times().min(4) {
        shares.push(share(&scene, seconds).await);
    }
    for id in [&pushed, &served] {
        let (_, status) = scene.server.get(&format!("/api/v1/rooms/tea/outputs/{id}")).await;
        assert_eq!((&status["state"], &status["dropped"]), (&json!("live"), &json!(0)), "{status}");
    }
    let entry = scene.stop(&running.id).await;
    let more = format!(
        "the call alone {call:.0} %; each time {shares:.0?}; {} kB recorded in {} ms",
        entry["bytes"].as_u64().unwrap_or(0) / 1000,
        entry["durationMs"]
    );
    report.row(
        "a call of six, and its mix at 1280x720 and 30 pictures, recorded, served by HLS and pushed by RTMP",
        Goal::AtMost(130.0, "% of a core", 0),
        median(shares.clone()),
        &more,
    );
}

/// ffmpeg, which takes what is at an address.
fn take(url: &str, options: &[&str]) -> Ended {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error"]).args(options).args(["-i", url, "-c", "copy", "-f", "null", "-"]);
    Ended(command.stdin(Stdio::null()).spawn().expect("ffmpeg runs"))
}

async fn output(scene: &Scene, wanted: &Value) -> String {
    let (status, output) = scene.server.post("/api/v1/rooms/tea/outputs", wanted).await;
    assert_eq!(status, 201, "{output}");
    output["id"].as_str().expect("an id").to_owned()
}

async fn end_output(scene: &Scene, id: &str) {
    let url = scene.server.url(&format!("/api/v1/rooms/tea/outputs/{id}"));
    let ended = scene.server.http().delete(url).send().await.expect("the server answers");
    assert!(ended.status().is_success(), "{ended:?}");
}

/// How much of a core the server takes for some seconds, in percent.
async fn share(scene: &Scene, seconds: f64) -> f64 {
    let reading = || (busy(scene.server.pid()).expect("it runs"), Instant::now());
    let (before, begun) = reading();
    pass(seconds).await;
    let (after, ended) = reading();
    let spent: Duration = after - before;
    100.0 * spent.as_secs_f64() / (ended - begun).as_secs_f64()
}
