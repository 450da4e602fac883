//! The pipelines of a room, drawn.

use std::process::Command;

use serde_json::json;

use crate::common::lab;
use crate::common::participant::{Options, Participant};
use crate::common::server::Server;

async fn get(server: &Server, path: &str, accept: &str) -> (u16, String, String) {
    let answer = server.http().get(server.url(path)).header("accept", accept).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap())
}

#[test]
fn a_room_can_be_looked_at() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let path = "/api/v1/rooms/tea/graph";
        assert_eq!(server.get(path).await.1["code"], "no_such_room");
        let ann = Participant::join(&server, "tea", "Ann", Options { subscribe: false, ..Options::of(0) }).await;
        ann.wait_until_publishing().await;
        assert_eq!(server.post("/api/v1/rooms/tea/recordings", &json!({})).await.0, 201);
        let (status, kind, dot) = get(&server, path, "*/*").await;
        assert_eq!((status, kind.as_str()), (200, "text/vnd.graphviz; charset=utf-8"));
        for wanted in [&format!("participant-{}", ann.id), "GstWebRTCBin", "GstCompositor", "cluster_pipeline_1"] {
            assert!(dot.contains(wanted), "{wanted} in {dot}");
        }
        assert!(!dot.contains("cluster_pipeline_2"), "a room and a mix");
        assert_eq!(get(&server, &format!("{path}?format=png"), "*/*").await.0, 400);
        let (status, kind, svg) = get(&server, path, "image/svg+xml,*/*").await;
        if Command::new("dot").arg("-V").output().is_err() {
            assert_eq!((status, svg.contains("no_graphviz")), (501, true), "{svg}");
            return;
        }
        assert_eq!((status, kind.as_str()), (200, "image/svg+xml"), "{svg}");
        assert!(svg.contains("<svg") && svg.contains("GstCompositor") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert_eq!(
            get(&server, &format!("{path}?format=dot"), "image/svg+xml").await.1,
            "text/vnd.graphviz; charset=utf-8"
        );
    });
}
