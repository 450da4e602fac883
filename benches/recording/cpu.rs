//! What recordings cost the server, with people whose media was encoded before.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Options;
use crate::common::lab::Lab;
use crate::common::process::busy;
use crate::common::replay::Clip;
use crate::common::server::Server;
use crate::report::{Goal, Report, median};
use crate::rival;
use crate::scene::{Scene, Sends, blocking, pass};

const SIZE: (u32, u32) = (640, 360);

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let clip = blocking(|| Clip::make(SIZE, 1_000_000)).await;
    let kbit = clip.video_bits() / 1000;
    report.note(
        "people of the cpu scenario",
        &format!("VP8 of {}x{} at 30 frames and {kbit} kbit/s, Opus", SIZE.0, SIZE.1),
    );
    let (windows, seconds) = options.extent((6, 6.0), (4, 4.0), (1, 2.0));

    let mut three = Scene::open(lab, 0).await;
    for _ in 0..3 {
        three.enter(Sends::Clip(clip.clone())).await;
    }
    pass(3.0).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..windows {
        without.push(share(&three, seconds).await);
        let running = three.start(&json!({"kind": "individual"})).await;
        pass(1.0).await;
        with.push(share(&three, seconds).await);
        three.stop(&running.id).await;
        pass(1.0).await;
    }
    let differences: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with - without).collect();
    let more =
        format!("with {:.1}, without {:.1} (medians); differences {differences:.1?}", median(with), median(without));
    let goal = Goal::AtMost(5.0, "% of a core", 1);
    report.row(
        "three individual recordings of 1 Mbit/s each, the recording alone",
        goal,
        median(differences.clone()),
        &more,
    );
    drop(three);

    let mut four = Scene::open(lab, 0).await;
    for _ in 0..4 {
        four.enter(Sends::Clip(clip.clone())).await;
    }
    pass(2.0).await;
    let before = share(&four, seconds).await;
    let running = four.start(&json!({"kind": "mixed"})).await;
    pass(2.0).await;
    let mixing = share(&four, seconds * 3.0).await;
    let entry = four.stop(&running.id).await;
    let more = format!(
        "{before:.0} % before; {} kB in {} ms",
        entry["bytes"].as_u64().unwrap_or(0) / 1000,
        entry["durationMs"]
    );
    let goal = Goal::AtMost(100.0, "% of a core", 0);
    report.row("a mix of four at 1280x720 and 30 frames, recorded as H.264 and AAC", goal, mixing, &more);
    if !options.quick {
        compare(&four.server, mixing - before, seconds * 3.0, report).await;
    }
}

/// The same work by a browser and ffmpeg.
async fn compare(server: &Server, ours: f64, seconds: f64, report: &Report) {
    let what = "the same four in Chromium's page, captured and encoded by ffmpeg";
    let url = server.url("");
    match blocking(move || rival::measure(&url, seconds)).await {
        Ok(rival) => {
            let [browser, ffmpeg] = [rival.browser, rival.ffmpeg];
            let sum = browser + ffmpeg;
            let more = format!(
                "{sum:.0} % of a core: browser {browser:.0}, ffmpeg {ffmpeg:.0}, by {}, {:.1} pictures a second; {:.1} times the mix's {ours:.0} %",
                rival.method,
                rival.pictures,
                sum / ours
            );
            report.note(what, &more);
        }
        Err(reason) => report.note(what, &format!("not measured: {reason}")),
    }
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
