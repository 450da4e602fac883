//! How long after a flash in front of a publisher those see it who watch from afar.

use serde_json::json;

use crate::Options;
use crate::common::lab::Lab;
use crate::common::source::Manner;
use crate::player::play;
use crate::report::{Goal, Report, largest, median};
use crate::scene::{Scene, Sends, blocking, pass};
use crate::viewer::{Viewer, flashes};

/// Seconds from flash to flash: longer than any delay that could be, so that each is known.
const EVERY: u64 = 6;

pub(crate) async fn run(lab: &Lab, options: &Options, report: &Report) {
    let times = options.extent(15, 6, 2);
    let manner = Manner { every: EVERY, ..Manner::default() };
    let mut scene = Scene::open(lab, 0).await;
    scene.enter(Sends::In(manner)).await;

    let port = crate::soak::free_port(lab.address);
    let url = format!("rtmp://{}:{port}/live/key", lab.address);
    let viewer = Viewer::of_rtmp(&url, None);
    crate::soak::output(&scene, &json!({"kind": "push", "url": url})).await;
    crate::soak::output(&scene, &json!({"kind": "hls"})).await;
    let hls = "/hls/tea/default/media.m3u8";
    scene
        .server
        .get_until(hls, crate::soak::PATIENCE, |list| list.as_str().is_some_and(|list| list.contains("#EXTINF")))
        .await;
    let (player, pieces) = Viewer::of_pieces();
    let clock = play(&scene.server, pieces, (EVERY * times) as f64 + 1.0).await;
    pass(1.0).await;

    let (by_rtmp, by_hls) = blocking(move || (viewer.finish(), player.finish())).await;
    let behind = |at: f64| at - (at / EVERY as f64).floor() * EVERY as f64;
    // The first are of the time before all was under way.
    let settled = |all: Vec<f64>| all.into_iter().skip(1).collect::<Vec<_>>();
    let rtmp = settled(flashes(&by_rtmp).into_iter().map(|(_, at)| behind(at)).collect());
    let hls = flashes(&by_hls);
    let in_hand = settled(hls.iter().map(|(_, at)| behind(*at)).collect());
    let fps = 30.0;
    // Shown when it is time, or when it comes if that is later.
    let shown = |(index, at): &(usize, f64)| behind(at.max(clock.begins + *index as f64 / fps));
    let shown = settled(hls.iter().map(shown).collect());
    let more = |all: &[f64]| format!("worst {:.2}, of {}", largest(all), all.len());
    let what = "flash in front of a publisher to the flash decoded by";
    report.row(
        &format!("{what} an RTMP server, median"),
        Goal::AtMost(2.0, "s", 2),
        median(rtmp.clone()),
        &more(&rtmp),
    );
    report.row(
        &format!("{what} an LL-HLS client, as soon as the part is there, median"),
        Goal::Unasked("s", 2),
        median(in_hand.clone()),
        &more(&in_hand),
    );
    report.row(
        "… and to the flash shown by a player that keeps PART-HOLD-BACK from the end, median",
        Goal::AtMost(3.0, "s", 2),
        median(shown.clone()),
        &more(&shown),
    );
}
