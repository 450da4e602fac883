//! What is served by HLS, as the operator has set it.

mod common;

use std::time::Duration;

use common::lab;
use common::participant::{Options, Participant};
use common::server::Server;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);
const STREAM: &str = "/hls/tea/default";

async fn fetch(server: &Server, name: &str) -> (u16, String) {
    let url = server.url(&format!("{STREAM}/{name}"));
    let reply = server.http().get(url).timeout(PATIENCE).send().await.expect("the server answers");
    let status = reply.status().as_u16();
    (status, String::from_utf8_lossy(&reply.bytes().await.expect("a body")).into_owned())
}

/// The list, once that segment is in it.
async fn list(server: &Server, number: u64) -> String {
    let begun = std::time::Instant::now();
    loop {
        let (status, text) = fetch(server, &format!("media.m3u8?_HLS_msn={number}")).await;
        if status == 200 {
            return text;
        }
        // Late, or too far ahead to be waited for.
        assert!(begun.elapsed() < 2 * PATIENCE && [400, 503].contains(&status), "{status}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn values(text: &str, key: &str) -> Vec<f64> {
    let value = |line: &str| line.strip_prefix(key)?.split(',').next()?.parse().ok();
    text.lines().filter_map(value).collect()
}

fn names(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn segments_and_parts_are_as_long_as_set_and_old_ones_are_gone() {
    lab::run(|lab| async move {
        let config = tempfile::NamedTempFile::new().expect("a file");
        let settings = "[hls]\nsegment_seconds = 1\npart_seconds = 0.25\nretention_seconds = 8\n";
        std::fs::write(config.path(), settings).expect("written");
        let server = Server::start_with(&lab, &["--config", config.path().to_str().expect("a path")]).await;
        let person = Participant::join(&server, "tea", "p0", Options::of(0)).await;
        person.wait_until_publishing().await;
        let (status, output) = server.post("/api/v1/rooms/tea/outputs", &json!({"kind": "hls"})).await;
        assert_eq!((status, &output["url"]), (201, &json!(format!("{STREAM}/index.m3u8"))), "{output}");

        let first = list(&server, 4).await;
        let oldest = names(&first)[0].to_owned();
        for (key, expected, slack) in [("#EXTINF:", 1.0, 0.1), ("#EXT-X-PART:DURATION=", 0.25, 0.05)] {
            let lengths = values(&first, key);
            assert!(lengths.len() >= 3 && lengths.iter().all(|length| length - expected < slack), "{lengths:?}");
        }
        let whole: f64 = values(&first, "#EXTINF:").iter().sum();
        assert!(whole > 2.8, "{first}");
        assert_eq!(values(&first, "#EXT-X-TARGETDURATION:"), [1.0]);
        assert!(values(&first, "#EXT-X-PART-INF:PART-TARGET=")[0] < 0.3, "{first}");

        // Half of what is kept is listed; what has gone from the list is there for those who go by an old one.
        let later = list(&server, 7).await;
        assert!(!names(&later).contains(&oldest.as_str()) && names(&later).len() <= 4, "{later}");
        let (status, _) = fetch(&server, &oldest).await;
        assert_eq!(status, 200, "{oldest} is kept for a while");
        list(&server, 12).await;
        let (status, error) = fetch(&server, &oldest).await;
        assert_eq!(status, 404, "{oldest} is past: {error}");
        assert!(error.contains("\"not_there\""), "{error}");
        let part = oldest.replace(".m4s", ".0.m4s");
        assert_eq!(fetch(&server, &part).await.0, 404, "{part} is past");
        let (status, _) = fetch(&server, names(&later).last().expect("a segment")).await;
        assert_eq!(status, 200, "and what came later is not");
    });
}
