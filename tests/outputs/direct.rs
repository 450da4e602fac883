//! A mix as streams, judged by what receivers get: ffmpeg by RTMP and SRT, and what HLS serves.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gstreamer as gst;
use plenum::config::Config;
use plenum::egress::hls::{Shelf, Shelves};
use plenum::egress::outputs::{Destination, Output, Plan, Reach, State, Target};
use plenum::id::{MixName, RoomName};
use plenum::media::description::{Descriptions, Values};
use plenum::mix::{Mix, MixSettings};

use crate::receiver::{Receiver, judge};
use crate::{DEADLINE, free_port};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Scene {
    mix: Mix,
    descriptions: Descriptions,
    shelves: Shelves,
    room: RoomName,
}

impl Scene {
    async fn open() -> Self {
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        gst::init().unwrap();
        let descriptions = Descriptions::built_in();
        let mix = Mix::start("test", MixSettings::default(), &descriptions).await.unwrap();
        Self {
            mix,
            descriptions,
            shelves: Shelves::new(&plenum::config::Hls::default()),
            room: RoomName::parse("tea").unwrap(),
        }
    }

    async fn output(&self, target: &Target) -> Output {
        let plan = Plan::make(target, &self.room, &MixName::default(), &self.shelves).unwrap();
        let mut encoded = Vec::new();
        for encoding in plan.encodings() {
            encoded.push(self.mix.encode(encoding).await.unwrap());
        }
        plan.start(&self.descriptions, Values::default(), &Config::default().ice, encoded)
    }

    async fn push(&self, url: &str) -> Output {
        self.output(&Target::Push(Destination::parse(url, &Reach::default()).unwrap())).await
    }
}

async fn until(output: &Output, state: State) {
    let begun = std::time::Instant::now();
    while output.status().state != state {
        assert!(begun.elapsed() < DEADLINE, "not {state:?}: {:?}", output.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rtmp_and_srt_arrive_and_one_that_is_refused_or_wedged_disturbs_nobody() {
    let scene = Scene::open().await;
    let folder = tempfile::tempdir().unwrap();
    let (rtmp, called, listening) = (free_port(HERE), free_port(HERE), free_port(HERE));
    let files = ["rtmp.mkv", "called.mkv", "listening.mkv"].map(|name| folder.path().join(name));

    let refused = scene.push(&format!("rtmp://127.0.0.1:{}/live/key", free_port(HERE))).await;
    // It takes connections, and never reads or says a word.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wedged = scene.push(&format!("rtmp://127.0.0.1:{}/live/key", deaf.local_addr().unwrap().port())).await;

    let mut first = Receiver::start(&format!("rtmp://127.0.0.1:{rtmp}/live/key"), &["-listen", "1"], "3", &files[0]);
    let mut second = Receiver::start(
        &format!("srt://127.0.0.1:{called}?mode=listener"),
        &["-analyzeduration", "2M"],
        "3",
        &files[1],
    );
    let pushed = scene.push(&format!("rtmp://127.0.0.1:{rtmp}/live/key")).await;
    let calls = scene.push(&format!("srt://127.0.0.1:{called}")).await;
    let listens = scene.push(&format!("srt://127.0.0.1:{listening}?mode=listener")).await;
    until(&listens, State::Live).await;
    let mut third =
        Receiver::start(&format!("srt://127.0.0.1:{listening}"), &["-analyzeduration", "2M"], "3", &files[2]);
    until(&pushed, State::Live).await;
    until(&calls, State::Live).await;
    first.done().await;
    second.done().await;
    third.done().await;
    files.iter().for_each(|file| judge(file));

    // Who has gone is called again.
    until(&pushed, State::Waiting).await;
    assert!(pushed.status().error.is_some() && pushed.status().retries >= 1);
    until(&refused, State::Waiting).await;
    until(&wedged, State::Waiting).await;
    assert!(refused.status().bytes == 0);
    let mut again = Receiver::start(&format!("rtmp://127.0.0.1:{rtmp}/live/key"), &["-listen", "1"], "3", &files[0]);
    until(&pushed, State::Live).await;
    again.done().await;
    judge(&files[0]);
    for output in [refused, wedged, pushed, calls, listens] {
        let ended = tokio::time::timeout(DEADLINE, output.stop()).await.expect("it ends");
        assert_eq!(ended.state, State::Ended);
        assert_eq!(ended.dropped, 0, "{ended:?}");
    }
}

/// What is listed now, written into one file as a player would have it.
async fn download(shelf: &Shelf, list: &str, file: &Path) {
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let header = list.lines().find(|line| line.starts_with("#EXT-X-MAP")).and_then(quoted).unwrap();
    let segments = list.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
    let mut bytes = Vec::new();
    for name in std::iter::once(header).chain(segments) {
        bytes.extend_from_slice(&shelf.get(&name).await.unwrap());
    }
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hls_is_listed_part_by_part_and_plays() {
    let scene = Scene::open().await;
    let output = scene.output(&Target::Hls).await;
    let shelf = scene.shelves.get(&scene.room, "default").expect("it is known");
    assert!(Plan::make(&Target::Hls, &scene.room, &MixName::default(), &scene.shelves).is_err(), "one is enough");

    let patient = |number, part| tokio::time::timeout(DEADLINE, shelf.list(Some(number), part));
    let begun = std::time::Instant::now();
    for part in 0..3 {
        // As a player asks: for the next part, and again for the next.
        while patient(0, Some(part)).await.unwrap().is_err() {
            assert!(begun.elapsed() < DEADLINE, "nothing comes");
        }
    }
    let list = patient(1, None).await.unwrap().unwrap();
    println!("{list}");
    assert!(shelf.index().unwrap().contains("CODECS=\"avc1.42C0"), "{:?}", shelf.index());
    let lengths: Vec<f64> =
        list.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok()).collect();
    assert!(lengths.len() >= 2 && lengths.iter().all(|length| (length - 2.0).abs() < 0.1), "{lengths:?}");
    assert!(list.contains("INDEPENDENT=YES") && list.contains("#EXT-X-PRELOAD-HINT"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.mp4");
    download(&shelf, &list, &file).await;
    if let Ok(keep) = std::env::var("KEEP_FILM") {
        std::fs::copy(&file, keep).unwrap();
    }
    judge(&file);
    let decoded = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&file).args(["-f", "null", "-"]).output();
    let said = String::from_utf8(decoded.unwrap().stderr).unwrap();
    assert!(said.is_empty(), "{said}");

    until(&output, State::Live).await;
    output.stop().await;
    assert!(shelf.list(None, None).await.unwrap().ends_with("#EXT-X-ENDLIST\n"));
    drop(shelf);
    assert!(scene.shelves.get(&scene.room, "default").is_none(), "it is forgotten");
}
