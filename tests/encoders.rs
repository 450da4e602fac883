//! The encoders of H.264 that the Debian packages have: what is mixed by each, and how one is chosen.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::judge::{Recording, keyframes};
use common::lab;
use common::participant::{Options, Participant};
use common::server::Server;
use common::source::Look;
use common::tiles::{calm, tiles};
use serde_json::json;

fn settings(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("a path")
}

/// A folder of replacements with one in it.
fn overlay(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join(file).parent().expect("a folder")).expect("made");
    std::fs::write(folder.path().join(file), text).expect("written");
    folder
}

/// What the server says when it is told something: the code with which it ended, and its words.
fn told(arguments: &[&str]) -> (Option<i32>, String) {
    let recordings = tempfile::tempdir().expect("a folder");
    let mut server = Command::new("timeout");
    server.args(["--signal=KILL", "30", env!("CARGO_BIN_EXE_plenum")]).args(arguments);
    let output = server.arg("--recordings").arg(recordings.path()).output().expect("the server runs");
    let words = [output.stdout, output.stderr].map(|words| String::from_utf8_lossy(&words).into_owned());
    (output.status.code(), words.concat())
}

/// Codecs, and how many pictures there are.
fn probe(file: &Path) -> String {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,profile,nb_read_frames"]);
    let output = ffprobe.args(["-of", "csv=p=0"]).arg(file).output().expect("ffprobe runs");
    String::from_utf8(output.stdout).expect("text")
}

/// What HLS lists now, as a player would have it in one file.
async fn served(server: &Server) -> tempfile::NamedTempFile {
    let fetch = async |name: &str| {
        let reply = server.http().get(server.url(&format!("/hls/tea/default/{name}"))).send().await.expect("an answer");
        assert!(reply.status().is_success(), "{name}: {}", reply.status());
        reply.bytes().await.expect("a body")
    };
    let list = String::from_utf8(fetch("media.m3u8").await.to_vec()).expect("text");
    let header = list.lines().find(|line| line.starts_with("#EXT-X-MAP")).and_then(|line| line.split('"').nth(1));
    let segments = list.lines().filter(|line| !line.starts_with('#'));
    let mut bytes = Vec::new();
    for name in header.into_iter().chain(segments) {
        bytes.extend_from_slice(&fetch(name).await);
    }
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    file
}

/// What a decoder complains of.
fn complaints(file: &Path) -> String {
    let mut ffmpeg = Command::new("ffmpeg");
    let output = ffmpeg.args(["-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output().expect("ffmpeg runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A call with an encoder of the operator's choice, recorded, served and pushed all at once.
async fn mixed_by(lab: lab::Lab, encoder: &str) {
    let file = settings(&format!("[mix]\nencoder = \"{encoder}\"\n"));
    let server = Server::start_with(&lab, &["--config", path(&file)]).await;
    server.wait_for_log(&format!("H.264 is encoded by {encoder}"), Duration::from_secs(1)).await;
    let ann = Participant::join(&server, "tea", "p0", Options::of(0)).await;
    let bob = Participant::join(&server, "tea", "p1", Options::of(1)).await;
    ann.wait_to_meet(&bob).await;
    ann.watch(&bob, 4).await;

    let pushed = tempfile::Builder::new().suffix(".mkv").tempfile().expect("a file");
    let url = format!("rtmp://{}:19350/live/key", lab.address);
    let mut receiver = Command::new("timeout");
    receiver.args(["--signal=KILL", "60", "ffmpeg", "-v", "error", "-y", "-listen", "1", "-i", &url, "-t", "4"]);
    let mut receiver =
        receiver.args(["-c", "copy"]).arg(pushed.path()).stdin(Stdio::null()).spawn().expect("ffmpeg runs");
    let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &json!({})).await;
    assert_eq!(status, 201, "{entry}");
    for output in [json!({"kind": "hls"}), json!({"kind": "push", "url": url})] {
        let (status, output) = server.post("/api/v1/rooms/tea/outputs", &output).await;
        assert_eq!(status, 201, "{output}");
    }
    ann.watch(&bob, 8).await;
    let received = tokio::task::spawn_blocking(move || receiver.wait().expect("ffmpeg ends")).await.expect("it ends");
    assert!(received.success(), "the other side of the push: {received}");
    let index = server.http().get(server.url("/hls/tea/default/index.m3u8")).send().await.expect("an answer");
    let index = index.text().await.expect("text");
    // Constrained baseline: what every browser takes by WebRTC too.
    assert!(["avc1.42C0", "avc1.42E0"].iter().any(|codec| index.contains(codec)), "{index}");
    let streamed = served(&server).await;
    let shown = probe(streamed.path());
    println!("{encoder} by HLS: {shown}");
    assert!(shown.contains("h264,Constrained Baseline") && complaints(streamed.path()).is_empty(), "{shown}");
    let id = entry["id"].as_str().expect("an id");
    let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
    assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");

    let shown = probe(pushed.path());
    println!("{encoder} by RTMP: {shown}");
    assert!(shown.contains("h264,Constrained Baseline") && shown.contains("aac"), "{shown}");
    let media = server.download(&format!("/api/v1/recordings/{id}/file")).await;
    assert_eq!(complaints(media.path()), "");
    let looks = [0, 1].map(Look::of);
    let places = tiles(media.path(), calm(media.path(), &looks), &looks);
    let film = Recording::open(media.path(), &places);
    assert_eq!(film.codecs, ["aac", "h264"]);
    assert!(film.longest_picture() < 0.2, "a picture of {} s", film.longest_picture());
    for (tile, look) in looks.into_iter().enumerate() {
        let offset = film.offset(tile, look.pitch).expect("flashes and beeps");
        assert!(offset.pairs >= 3 && offset.most <= 0.08, "{tile}: {offset:?}");
    }
    let keys = keyframes(media.path());
    println!("{encoder}: keyframes at {keys:?}");
    let gaps: Vec<f64> = keys.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 4 && gaps.iter().all(|gap| *gap < 1.1), "{keys:?}");
    // Outputs that came later asked for their own, between those of each second.
    assert!(gaps.iter().any(|gap| *gap < 0.9), "{keys:?}");
}

#[test]
fn a_call_is_mixed_by_openh264() {
    lab::run(|lab| mixed_by(lab, "openh264"));
}

#[test]
fn a_call_is_mixed_by_x264() {
    lab::run(|lab| mixed_by(lab, "x264"));
}

#[test]
fn what_is_chosen_and_why_is_said_and_what_cannot_be_used_ends_the_server() {
    let (code, words) = told(&["check"]);
    let said = words.contains("H.264 is encoded by ") && words.contains("\neverything is here\n");
    assert!(code == Some(0) && said, "{code:?}: {words}");
    let openh264 = settings("[mix]\nencoder = \"openh264\"\n");
    let (code, words) = told(&["check", "--config", path(&openh264)]);
    assert!(
        code == Some(0) && words.starts_with("H.264 is encoded by openh264 (encode/h264-openh264.launch)\n"),
        "{words}"
    );

    // Of those that are not wanted none must be there, or right.
    let broken = "queue name=in ! nothere name=out";
    let folder = overlay("encode/h264-nvenc.launch", broken);
    let folder_path = folder.path().to_str().expect("a path");
    let (code, words) = told(&["check", "--config", path(&openh264), "--pipelines", folder_path]);
    assert_eq!(code, Some(0), "{words}");
    // Where the best is taken, it is said why another is not.
    let (code, words) = told(&["check", "--pipelines", folder_path]);
    let reason = "not by nvenc (encode/h264-nvenc.launch): no element \"nothere\"";
    assert!(code == Some(0) && words.contains(reason), "{words}");

    let nvenc = settings("[mix]\nencoder = \"nvenc\"\n");
    for arguments in [&["check"][..], &["--listen", "127.0.0.1:0"]] {
        let (code, words) = told(&[arguments, &["--config", path(&nvenc), "--pipelines", folder_path]].concat());
        let named =
            words.contains("encode/h264-nvenc.launch") && words.contains("nothere") && words.contains("mix.encoder");
        assert!(matches!(code, Some(69 | 70)) && named, "{code:?}: {words}");
    }
    for (file, text, problem) in [
        ("stream/aac.launch", broken, "stream/aac.launch: no element \"nothere\""),
        ("output/mp4.launch", "mp4mux ! filesink name=sink", "output/mp4.launch: the element named \"mux\" is missing"),
        ("encode/h265.launch", broken, "replaces none of the built-in descriptions"),
    ] {
        let folder = overlay(file, text);
        let folder = folder.path().to_str().expect("a path");
        let (code, words) = told(&["--listen", "127.0.0.1:0", "--pipelines", folder]);
        assert!(code == Some(70) && words.contains(problem), "{code:?}: {words}");
    }
}
