//! Health, and where metrics are served.

use std::time::{Duration, Instant};

use crate::common::lab;
use crate::common::server::Server;
use crate::scrape::Watched;

#[test]
fn a_server_without_its_folder_lives_and_is_not_ready() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let server = &watched.server;
        assert_eq!(server.get("/healthz").await, (200, "ok".into()));
        assert_eq!(server.get("/readyz").await, (200, serde_json::json!({"status": "ready"})));
        let (folder, aside) = (server.recordings(), server.recordings().with_extension("aside"));
        std::fs::rename(&folder, &aside).unwrap();
        let (status, body) = server.get("/readyz").await;
        assert_eq!(
            (status, &body["code"], &body["failing"]),
            (503, &"not_ready".into(), &serde_json::json!(["catalogue"]))
        );
        assert!(!body.to_string().contains(folder.to_str().unwrap()), "{body}");
        assert_eq!(server.get("/healthz").await.0, 200);
        std::fs::rename(&aside, &folder).unwrap();
        assert_eq!(server.get("/readyz").await.0, 200);
        assert_eq!(watched.request("/readyz").send().await.unwrap().status(), 200, "beside the metrics too");
    });
}

#[test]
fn metrics_are_only_where_they_were_asked_for() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        assert_eq!(watched.server.get("/metrics").await.0, 404, "not where the page is");
        assert_eq!(watched.request("/").send().await.unwrap().status(), 404, "and the page is not there");
        let plain = watched.request("/metrics").send().await.unwrap();
        assert_eq!(plain.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let open = watched.request("/metrics").header("accept", accept).send().await.unwrap();
        let kind = open.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
        assert!(open.text().await.unwrap().ends_with("# EOF\n"));
        let scrape = watched.scrape().await;
        let process = crate::common::process::Holdings::of(watched.server.pid());
        let threads = scrape.value("process_threads");
        assert!((threads - process.threads as f64).abs() <= 4.0, "{threads} threads, not {process}");
        let memory = scrape.value("process_resident_memory_bytes");
        assert!((memory / process.memory as f64 - 1.0).abs() < 0.2, "{memory} bytes, not {process}");
        assert!(scrape.value("process_cpu_seconds_total") > 0.0);
        let started = scrape.value("process_start_time_seconds");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - started).abs() < 120.0, "started at {started}, now {now}");
        assert!(scrape.value("plenum_http_requests_total{code=\"2xx\"}") >= 1.0);
        assert!(scrape.value("plenum_http_requests_total{code=\"4xx\"}") >= 1.0, "the 404 from above");
    });
}

#[test]
fn a_server_without_metrics_has_no_second_door() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        assert_eq!(server.get("/metrics").await.0, 404);
        let sockets = std::fs::read_to_string(format!("/proc/{}/net/tcp", server.pid())).unwrap();
        // The state 0A is LISTEN.
        let listening = sockets.lines().filter(|line| line.split_whitespace().nth(3) == Some("0A")).count();
        assert_eq!(listening, 1, "{sockets}");
    });
}

#[test]
fn a_slow_client_of_metrics_keeps_nobody_out() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let mut idle = Vec::new();
        for _ in 0..20 {
            idle.push(tokio::net::TcpStream::connect((lab.address, 9464)).await.unwrap());
        }
        let begun = Instant::now();
        watched.scrape().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    });
}
