//! What recordings, mixes and outputs show as.

use serde_json::json;

use crate::common::lab;
use crate::common::participant::{Options, Participant};
use crate::scrape::Watched;

#[test]
fn a_recording_shows_with_its_mix_and_its_encoders() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let server = &watched.server;
        let ann = Participant::join(server, "tea", "Ann", Options { subscribe: false, ..Options::of(0) }).await;
        ann.wait_until_publishing().await;
        let (status, manifest) = server.post("/api/v1/rooms/tea/recordings", &json!({})).await;
        assert_eq!(status, 201, "{manifest}");
        let id = manifest["id"].as_str().unwrap();
        let runs =
            watched.scrape_until("a recording", |scrape| scrape.value("plenum_recordings{state=\"recording\"}") == 1.0);
        let runs = runs.await;
        for (series, value) in [
            ("plenum_mixes", 1.0),
            ("plenum_encoders{codec=\"h264\"}", 1.0),
            ("plenum_encoders{codec=\"aac\"}", 1.0),
            ("plenum_encoders{codec=\"vp8\"}", 0.0),
            ("plenum_recordings{state=\"paused\"}", 0.0),
        ] {
            assert_eq!(runs.value(series), value, "{series}");
        }
        // Thirty pictures a second leave the mixer, and each is encoded.
        let (mixed, encoded) =
            ("plenum_mix_frame_lateness_seconds_count", "plenum_encode_seconds_count{codec=\"h264\"}");
        let later = watched.scrape_until("90 pictures", |scrape| scrape.rise(&runs, encoded) >= 90.0).await;
        let (mixed, encoded) = (later.rise(&runs, mixed), later.rise(&runs, encoded));
        assert!((mixed - encoded).abs() <= 30.0, "{mixed} pictures were mixed, {encoded} encoded");
        let mean = |name: &str, labels: &str| {
            let [sum, count] = ["sum", "count"].map(|part| later.rise(&runs, &format!("plenum_{name}_{part}{labels}")));
            sum / count
        };
        let (late, encode) = (mean("mix_frame_lateness_seconds", ""), mean("encode_seconds", "{codec=\"h264\"}"));
        println!("pictures are {:.1} ms late and take {:.1} ms to encode", late * 1000.0, encode * 1000.0);
        assert!((0.000_01..0.5).contains(&late) && (0.000_1..0.5).contains(&encode), "{late} {encode}");
        let path = format!("/api/v1/recordings/{id}");
        assert_eq!(server.post(&format!("{path}/pause"), &json!({})).await.0, 200);
        watched.scrape_until("a held one", |scrape| scrape.value("plenum_recordings{state=\"paused\"}") == 1.0).await;
        assert_eq!(server.post(&format!("{path}/stop"), &json!({})).await.0, 200);
        let over = watched.scrape_until("its end", |scrape| {
            ["plenum_mixes", "plenum_encoders{codec=\"h264\"}", "plenum_recordings{state=\"paused\"}"]
                .iter()
                .all(|series| scrape.value(series) == 0.0)
        });
        let over = over.await;
        assert_eq!(over.value("plenum_recordings_ended_total{result=\"complete\"}"), 1.0);
        assert_eq!(over.value("plenum_recordings_ended_total{result=\"failed\"}"), 0.0);
        assert_eq!(over.value("plenum_upload_queue"), 0.0);
        let (size, free) = (over.value("plenum_disk_size_bytes"), over.value("plenum_disk_free_bytes"));
        assert!(0.0 < free && free <= size, "{free} of {size}");
    });
}

#[test]
fn an_output_that_finds_nobody_shows_as_waiting() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let server = &watched.server;
        let ann = Participant::join(server, "tea", "Ann", Options { subscribe: false, ..Options::of(0) }).await;
        ann.wait_until_publishing().await;
        let hls = server.post("/api/v1/rooms/tea/outputs", &json!({"kind": "hls"})).await;
        assert_eq!(hls.0, 201, "{}", hls.1);
        let url = format!("rtmp://{}:9/live/key", lab.address);
        let rtmp = server.post("/api/v1/rooms/tea/outputs", &json!({"kind": "push", "url": url})).await;
        assert_eq!(rtmp.0, 201, "{}", rtmp.1);
        watched
            .scrape_until("one that lives and one that waits", |scrape| {
                scrape.value("plenum_outputs{kind=\"hls\",state=\"live\"}") == 1.0
                    && scrape.value("plenum_outputs{kind=\"rtmp\",state=\"waiting\"}") == 1.0
            })
            .await;
    });
}
