//! Pictures of mixes, judged by the colours at the places of those who are in them.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::company::{company, mixes};
use common::judge::{Rect, about, locate};
use common::lab;
use common::native::Native;
use common::participant::{Options, Participant};
use common::server::Server;
use common::source::Look;
use plenum::mix::layout::{Placement, Size};
use serde_json::{Value, json};

/// How long a picture may take, the start of its mix and the first pictures of everybody included.
const PATIENCE: Duration = Duration::from_secs(14);

async fn fetch(server: &Server, path: &str) -> reqwest::Response {
    let url = server.url(&format!("/api/v1/rooms/{path}"));
    server.http().get(url).timeout(PATIENCE).send().await.expect("the server answers")
}

/// The bytes of a picture.
async fn picture(server: &Server, path: &str) -> Vec<u8> {
    let begun = Instant::now();
    let reply = fetch(server, path).await;
    let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
    let body = reply.bytes().await.expect("a body").to_vec();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    assert_eq!(headers["content-type"], "image/jpeg", "{headers:?}");
    assert_eq!(headers["cache-control"], "no-store", "{headers:?}");
    println!("{path}: {} bytes after {:?}", body.len(), begun.elapsed());
    body
}

fn saved(jpeg: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".jpg").tempfile().expect("a file");
    std::fs::write(file.path(), jpeg).expect("written");
    file
}

/// Where the looks are in a picture, and its size.
fn seen(jpeg: &[u8], looks: &[Look]) -> (Vec<Option<Rect>>, (usize, usize)) {
    let file = saved(jpeg);
    (locate(file.path(), 0.0, looks), about(file.path()).1)
}

/// A picture in which nobody flashes, and where everybody is: one in ten has a flash.
async fn calm(server: &Server, path: &str, looks: &[Look]) -> (Vec<Rect>, (usize, usize)) {
    for _ in 0..5 {
        let (tiles, size) = seen(&picture(server, path).await, looks);
        if let Some(tiles) = tiles.into_iter().collect() {
            return (tiles, size);
        }
    }
    panic!("no picture shows all of {looks:?}");
}

/// Where a picture of the lab's cameras is seen in a place.
fn in_place(place: Placement) -> Rect {
    let Placement { x, y, width, height } = place.fit(Size { width: 320, height: 240 });
    let [x, y, width, height] = [x, y, width, height].map(|length| usize::try_from(length).expect("a side"));
    Rect { x, y, width, height }
}

fn assert_at(tile: Rect, place: Rect) {
    let near = |a: usize, b: usize| a.abs_diff(b) <= 4;
    let fits = near(tile.x, place.x) && near(tile.y, place.y);
    assert!(fits && near(tile.width, place.width) && near(tile.height, place.height), "{tile:?} is not at {place:?}");
}

#[test]
fn a_picture_shows_everybody_and_its_mix_lives_no_longer_than_it_is_wanted() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let people = company(&server, 2).await;
        let looks: Vec<Look> = people.iter().map(|person| person.options.look).collect();

        let (tiles, size) = calm(&server, "tea/mixes/default/snapshot.jpg", &looks).await;
        assert_eq!(size, (1280, 720));
        for (tile, x) in tiles.into_iter().zip([0, 640]) {
            assert_at(tile, in_place(Placement { x, y: 180, width: 640, height: 360 }));
        }
        mixes(&server, 0).await;

        // Another mix, in another size: whoever speaks, or came first, is large.
        let (tiles, size) = calm(&server, "tea/mixes/speaker/snapshot.jpg?width=640&again=1", &looks).await;
        assert_eq!(size, (640, 360));
        let areas: Vec<usize> = tiles.iter().map(|tile| tile.width * tile.height).collect();
        let (small, large) = (areas.iter().min().expect("two"), areas.iter().max().expect("two"));
        assert!(large > &(small * 8), "{tiles:?}");
        mixes(&server, 0).await;

        // All at once: the same picture for the same wish, and one mix for both sizes.
        let (one, other, small) = tokio::join!(
            picture(&server, "tea/mixes/default/snapshot.jpg"),
            picture(&server, "tea/mixes/default/snapshot.jpg"),
            picture(&server, "tea/mixes/default/snapshot.jpg?width=160"),
        );
        assert!(one == other, "{} and {} bytes", one.len(), other.len());
        assert_eq!((seen(&one, &[]).1, seen(&small, &[]).1), ((1280, 720), (160, 90)));
        mixes(&server, 0).await;

        // One that runs goes on, and gives its picture at once.
        let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &json!({})).await;
        assert_eq!(status, 201, "{entry}");
        calm(&server, "tea/mixes/default/snapshot.jpg", &looks).await;
        let begun = Instant::now();
        picture(&server, "tea/mixes/grid/snapshot.jpg?width=320").await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        mixes(&server, 1).await;
        let id = entry["id"].as_str().expect("an id");
        let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &json!({})).await;
        assert_eq!((status, &entry["state"]), (200, &json!("complete")), "{entry}");
        mixes(&server, 0).await;
    });
}

#[test]
fn who_asks_for_what_is_not_there_is_told_so() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let person = Participant::join(&server, "tea", "p0", Options::of(0)).await;
        person.wait_until_publishing().await;
        for (path, status, code) in [
            ("coffee/mixes/default/snapshot.jpg", 404, "no_such_room"),
            ("tea/mixes/mosaic/snapshot.jpg", 404, "no_such_mix"),
            ("tea/mixes/a%2fb/snapshot.jpg", 400, "bad_mix"),
            ("tea/mixes/default/snapshot.jpg?width=0", 400, "bad_query"),
            ("tea/mixes/default/snapshot.jpg?width=wide", 400, "bad_query"),
            ("tea/mixes/default/snapshot.png", 404, "not_found"),
        ] {
            let reply = fetch(&server, path).await;
            let seen = reply.status().as_u16();
            let error: Value = serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON");
            assert_eq!((seen, &error["code"]), (status, &json!(code)), "{path}: {error}");
            assert!(error["message"].is_string(), "{error}");
        }
        mixes(&server, 0).await;
    });
}

#[test]
fn a_mix_that_gives_no_picture_is_given_up_in_time() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("mix")).expect("made");
        let text = include_str!("../pipelines/mix/video.launch");
        let shut = text.replace("! capsfilter name=out", "! valve drop=true ! capsfilter name=out");
        assert_ne!(text, shut);
        std::fs::write(folder.path().join("mix/video.launch"), shut).expect("written");
        let server = Server::start_with(&lab, &["--pipelines", folder.path().to_str().expect("text")]).await;
        let person = Participant::join(&server, "tea", "p0", Options::of(0)).await;
        person.wait_until_publishing().await;
        let reply = fetch(&server, "tea/mixes/default/snapshot.jpg").await;
        assert_eq!((reply.status().as_u16(), &reply.headers()["cache-control"] == "no-store"), (503, true));
        let error: Value = serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON");
        assert_eq!(error["code"], json!("late"), "{error}");
        mixes(&server, 0).await;
        person.leave().await;
    });
}

/// The share of a picture that is as bright as letters.
fn bright(jpeg: &[u8]) -> f64 {
    let file = saved(jpeg);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(file.path()).args(["-pix_fmt", "gray", "-f", "rawvideo", "-"]);
    let grey = ffmpeg.output().expect("ffmpeg runs").stdout;
    grey.iter().filter(|pixel| **pixel > 180).count() as f64 / grey.len() as f64
}

#[test]
fn who_has_no_camera_is_in_it_by_name_and_who_freezes_is_waited_for_no_longer_than_a_moment() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let silent = Options { video: false, ..Options::of(0) };
        let ann = Participant::join(&server, "tea", "Wilhelmina", silent).await;
        ann.wait_until_publishing().await;
        let begun = Instant::now();
        let jpeg = picture(&server, "tea/mixes/default/snapshot.jpg").await;
        assert!(begun.elapsed() < Duration::from_secs(3), "there is nobody to wait for: {:?}", begun.elapsed());
        assert!(bright(&jpeg) > 0.003, "no name: {} of it are letters", bright(&jpeg));
        mixes(&server, 0).await;

        let bob = Native::join(&server, "tea", "Bob", 1).await;
        let _sending = bob.publish("send-1").await;
        let look = Look::of(1);
        calm(&server, "tea/mixes/default/snapshot.jpg", &[look]).await;
        bob.camera.freeze();
        let begun = Instant::now();
        let jpeg = picture(&server, "tea/mixes/default/snapshot.jpg").await;
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        assert_eq!(seen(&jpeg, &[look]).0, [None]);
        assert!(bright(&jpeg) > 0.003, "his name stands in for him: {}", bright(&jpeg));
        ann.leave().await;
        bob.leave().await;
    });
}
