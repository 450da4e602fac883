//! Requests can be found in the log, and GStreamer's words are in it.

use std::time::Duration;

use serde_json::Value;

use crate::common::lab;
use crate::common::participant::{Options, Participant};
use crate::common::server::Server;
use crate::scrape::Watched;

const PATIENCE: Duration = Duration::from_secs(10);

async fn id_of(server: &Server, sent: Option<&str>) -> String {
    let request = server.http().get(server.url("/healthz"));
    let request = sent.into_iter().fold(request, |request, id| request.header("x-request-id", id));
    request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
}

#[test]
fn a_request_has_an_identifier_that_the_log_knows() {
    lab::run(|lab| async move {
        let watched = Watched::start_with(&lab, "[log]\njson = true\n").await;
        let server = &watched.server;
        assert_eq!(id_of(server, Some("proxy-1:42")).await, "proxy-1:42");
        let (first, second) = (id_of(server, None).await, id_of(server, Some("a b")).await);
        assert!(first.len() == 26 && second.len() == 26 && first != second, "{first} {second}");
        std::fs::rename(server.recordings(), server.recordings().with_extension("aside")).unwrap();
        let request = server.http().get(server.url("/readyz?token=secret")).header("x-request-id", "find-me");
        assert_eq!(request.send().await.unwrap().status(), 503);
        let line = server.wait_for_log("not ready", PATIENCE).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["span"]["request"], &line["span"]["path"]), (&"find-me".into(), &"/readyz".into()), "{line}");
        assert!(server.log().iter().all(|line| !line.contains("secret")));
        std::fs::rename(server.recordings().with_extension("aside"), server.recordings()).unwrap();
    });
}

#[test]
fn what_happens_in_a_room_names_room_and_participant() {
    lab::run(|lab| async move {
        let watched = Watched::start_with(&lab, "[log]\njson = true\n").await;
        let ann =
            Participant::join(&watched.server, "tea", "Ann", Options { subscribe: false, ..Options::of(0) }).await;
        let line = watched.server.wait_for_log("\"published\"", PATIENCE).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["fields"]["participant"], &line["spans"][0]["room"]),
            (&ann.id.as_str().into(), &"tea".into()),
            "{line}"
        );
    });
}

#[test]
fn gstreamer_is_quiet_unless_it_is_asked() {
    lab::run(|lab| async move {
        let quiet = Watched::start(&lab).await;
        let ann = Participant::join(&quiet.server, "tea", "Ann", Options::of(0)).await;
        ann.wait_until_publishing().await;
        ann.leave().await;
        quiet.scrape_until("an empty house", |scrape| scrape.value("plenum_rooms") == 0.0).await;
        let said: Vec<_> = quiet.server.log().into_iter().filter(|line| line.contains("gstreamer::")).collect();
        assert!(said.is_empty(), "{said:#?}");
        drop(quiet);
        let asked = Watched::start_with(&lab, "[log]\njson = true\ngstreamer = \"1,webrtcbin:4,GST_*:4\"\n").await;
        let ann = Participant::join(&asked.server, "tea", "Ann", Options::of(0)).await;
        ann.wait_until_publishing().await;
        let line = asked.server.wait_for_log("\"target\":\"gstreamer::webrtcbin\"", PATIENCE).await;
        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["fields"]["object"].as_str().is_some_and(|name| name.contains("endpoint-")), "{line}");
        assert!(line["fields"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
        // GST_* at that level is hundreds of lines for one call: no more than its share of them is logged.
        let said = asked.server.log().iter().filter(|line| line.contains("\"gstreamer::")).count();
        println!("{said} lines of GStreamer's");
        asked.server.wait_for_log("GStreamer says more than is logged", PATIENCE).await;
    });
}
