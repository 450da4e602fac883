//! What is not served.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::server::Server;

/// `GET` of a path as it stands: clients would tidy it up.
async fn raw(server: &Server, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).await.expect("the server listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("an answer");
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{path}: {reply}")), reply)
}

/// A recording serves its own files by their names, and nothing else by any other.
pub(crate) async fn ask_for_what_is_nobodys(server: &Server, id: &str, other: &str) {
    let path = |name: &str| format!("/api/v1/recordings/{id}/files/{name}");
    let (status, own) = raw(server, &path(&format!("{id}.mp4"))).await;
    assert!(status == 200 && own.contains("ftyp"), "its own file");
    for known in ["catalogue.sqlite", &format!("{id}.json"), &format!("{other}.m4a")] {
        assert!(server.recordings().join(known).exists(), "{known} is there to be stolen");
    }
    let folder = server.recordings();
    let absolute = folder.join("catalogue.sqlite").to_str().expect("text").to_owned();
    let encoded = absolute.replace('/', "%2f");
    let names = [
        "..".to_owned(),
        "%2e%2e".to_owned(),
        "%2e%2e%2fcatalogue.sqlite".to_owned(),
        "../catalogue.sqlite".to_owned(),
        "../../../../../../../../etc/passwd".to_owned(),
        "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd".to_owned(),
        "%252e%252e%252fcatalogue.sqlite".to_owned(),
        "..%5ccatalogue.sqlite".to_owned(),
        "%2fetc%2fpasswd".to_owned(),
        format!("/{absolute}"),
        encoded,
        "catalogue.sqlite".to_owned(),
        "catalogue.sqlite-wal".to_owned(),
        format!("{id}.json"),
        format!("{id}.mp4%00.json"),
        format!("{id}.mp4%2f..%2f{id}.json"),
        format!("{other}.m4a"),
        format!("..%2f{other}.m4a"),
        "*".to_owned(),
        "%00".to_owned(),
    ];
    for name in names {
        let (status, reply) = raw(server, &path(&name)).await;
        assert_eq!(status, 404, "{name}: {reply}");
        let body = reply.split_once("\r\n\r\n").expect("a head").1;
        let error: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{name}: {reply}"));
        assert!(error["code"].is_string() && error.as_object().map(|all| all.len()) == Some(2), "{name}: {error}");
        let leaks = [folder.to_str().expect("text"), "root:", "SQLite", "startedAt"];
        assert!(!leaks.iter().any(|leak| body.contains(leak)), "{name}: {error}");
    }
}
