//! What nobody can want, or may: each is told in the answer, with the field that is wrong, and makes nothing.

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;
use crate::{DEADLINE, OUTPUTS, free_port, server_with};

/// What is asked, the status, and the code and the field of the answer.
type Row = (&'static str, Value, u16, &'static str, Option<&'static str>);

fn region(of: Value) -> Value {
    json!({"kind": "hls", "layout": {"regions": {"a": of}}})
}

fn rows() -> Vec<Row> {
    let push = |url: &str| json!({"kind": "push", "url": url});
    let whip = |url: &str| json!({"kind": "whip", "url": url});
    let many: serde_json::Map<String, Value> = (0..2000).map(|at| (format!("r{at}"), json!({"x": 0}))).collect();
    let long = format!("rtmp://a/b/{}", "k".repeat(4000));
    vec![
        ("no object", json!([1, 2]), 400, "bad_output", None),
        ("no kind", json!({}), 400, "bad_output", Some("kind")),
        ("an unknown kind", json!({"kind": "fax"}), 400, "bad_output", Some("kind")),
        ("a kind that is no text", json!({"kind": {"a": 1}}), 400, "bad_output", Some("kind")),
        ("a mistyped field", json!({"kind": "hls", "layuot": "grid"}), 400, "bad_output", Some("layuot")),
        ("no address", json!({"kind": "push"}), 400, "bad_output", Some("url")),
        ("an address of HLS", json!({"kind": "hls", "url": "rtmp://a/b/c"}), 400, "bad_output", Some("url")),
        ("an address that is none", push("live"), 400, "bad_output", Some("url")),
        ("an empty address", push(""), 400, "bad_output", Some("url")),
        ("a long address", push(&long), 400, "bad_output", Some("url")),
        ("an address that is no text", json!({"kind": "push", "url": 7}), 400, "bad_output", Some("url")),
        ("http", push("http://127.0.0.1/a/b"), 400, "bad_output", Some("url")),
        ("a file", push("file:///etc/passwd"), 400, "bad_output", Some("url")),
        ("no host", push("rtmp:///app/key"), 400, "bad_output", Some("url")),
        ("no key", push("rtmp://127.0.0.1/app"), 400, "bad_output", Some("url")),
        ("no port", push("srt://127.0.0.1"), 400, "bad_output", Some("url")),
        ("an unknown mode", push("srt://127.0.0.1:7001?mode=rendezvous"), 400, "bad_output", Some("url")),
        ("an unknown setting", push("srt://127.0.0.1:7001?bind=1"), 400, "bad_output", Some("url")),
        ("link-local", push("rtmp://169.254.169.254/a/b"), 400, "bad_output", Some("url")),
        ("link-local, in disguise", push("rtmp://[::ffff:169.254.169.254]/a/b"), 400, "bad_output", Some("url")),
        ("link-local, as a number", push("rtmp://2852039166/a/b"), 400, "bad_output", Some("url")),
        ("no address of WHIP", json!({"kind": "whip"}), 400, "bad_output", Some("url")),
        ("WHIP by RTMP", whip("rtmp://127.0.0.1/a/b"), 400, "bad_output", Some("url")),
        ("WHIP with a password", whip("https://a:b@127.0.0.1/a"), 400, "bad_output", Some("url")),
        ("WHIP without a host", whip("https://"), 400, "bad_output", Some("url")),
        ("WHIP, link-local", whip("http://169.254.169.254/latest"), 400, "bad_output", Some("url")),
        ("WHIP, link-local, as a number", whip("http://2852039166/latest"), 400, "bad_output", Some("url")),
        (
            "a token that is no text",
            json!({"kind": "whip", "url": "https://a/b", "token": 7}),
            400,
            "bad_output",
            Some("token"),
        ),
        (
            "a token of two lines",
            json!({"kind": "whip", "url": "https://a/b", "token": "a\r\nb"}),
            400,
            "bad_output",
            Some("token"),
        ),
        ("a token of HLS", json!({"kind": "hls", "token": "a"}), 400, "bad_output", Some("token")),
        (
            "a token of RTMP",
            json!({"kind": "push", "url": "rtmp://a/b/c", "token": "a"}),
            400,
            "bad_output",
            Some("token"),
        ),
        ("a port of the system's", push("srt://0.0.0.0:161?mode=listener"), 400, "bad_output", Some("url")),
        ("a mix that is no name", json!({"kind": "hls", "mix": "a b"}), 400, "bad_output", Some("mix")),
        ("a mix that is no text", json!({"kind": "hls", "mix": 7}), 400, "bad_output", Some("mix")),
        ("an unknown mix", json!({"kind": "hls", "mix": "stage"}), 404, "no_such_mix", Some("mix")),
        (
            "a mix and a layout",
            json!({"kind": "hls", "mix": "default", "layout": "pip"}),
            400,
            "bad_output",
            Some("layout"),
        ),
        ("an unknown layout", json!({"kind": "hls", "layout": "mosaic"}), 400, "bad_output", Some("layout")),
        ("a layout that is a number", json!({"kind": "hls", "layout": 7}), 400, "bad_output", Some("layout")),
        ("no regions", json!({"kind": "hls", "layout": {"regions": {}}}), 400, "bad_output", Some("layout.regions")),
        (
            "thousands of regions",
            json!({"kind": "hls", "layout": {"regions": many}}),
            400,
            "bad_output",
            Some("layout.regions"),
        ),
        ("a negative size", region(json!({"width": -1})), 400, "bad_output", Some("layout.regions.a.width")),
        ("a huge size", region(json!({"height": 1e9})), 400, "bad_output", Some("layout.regions.a.height")),
        ("a place outside", region(json!({"x": 8000})), 400, "bad_output", Some("layout.regions.a.x")),
        ("a negative place", region(json!({"y": -1})), 400, "bad_output", Some("layout.regions.a.y")),
        ("depth without end", region(json!({"z": 100_000})), 400, "bad_output", Some("layout.regions.a.z")),
        ("an unknown fit", region(json!({"fit": "stretch"})), 400, "bad_output", Some("layout.regions.a.fit")),
        ("an unknown field", region(json!({"colour": "red"})), 400, "bad_output", Some("layout.regions.a.colour")),
        ("the same twice", region(json!({"x": 0, "x_pos": 0})), 400, "bad_output", Some("layout.regions.a.x_pos")),
        (
            "a list without end",
            region(json!({"include": vec!["a"; 1000]})),
            400,
            "bad_output",
            Some("layout.regions.a.include"),
        ),
        ("a size beyond the picture", region(json!({"x": 1200, "width": 400})), 400, "bad_output", Some("layout")),
    ]
}

fn is_told(what: &str, (status, answer): &(u16, Value), row: (u16, &str, Option<&str>)) {
    let told = (*status, answer["code"].as_str().unwrap_or_default(), answer["field"].as_str());
    assert_eq!(told, row, "{what}: {answer}");
    assert!(answer["message"].as_str().is_some_and(|message| message.len() > 10), "{what}: {answer}");
}

async fn has_none(server: &Server) {
    assert_eq!(server.get(OUTPUTS).await.1, json!({"outputs": []}));
}

#[test]
fn what_nobody_can_want_is_told_by_its_field() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let hls = json!({"kind": "hls"});
        is_told("no room", &server.post(OUTPUTS, &hls).await, (404, "no_such_room", None));
        let _ann = Native::join(&server, "tea", "ann", 0).await;
        for (what, body, status, code, field) in rows() {
            is_told(what, &server.post(OUTPUTS, &body).await, (status, code, field));
        }
        has_none(&server).await;

        // Whatever is no request for an output at all.
        let http = server.http();
        let outputs = server.url(OUTPUTS);
        let one = server.url(&format!("{OUTPUTS}/01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        for (what, request, row) in [
            ("no body", http.post(&outputs), (400, "bad_output", None)),
            ("no JSON", http.post(&outputs).body("kind=hls"), (400, "bad_output", None)),
            ("no text", http.post(&outputs).body(vec![0xff; 64]), (400, "bad_output", None)),
            ("cut off", http.post(&outputs).body(r#"{"kind": "hls""#), (400, "bad_output", None)),
            ("deep", http.post(&outputs).body("[".repeat(60_000)), (400, "bad_output", None)),
            ("huge", http.post(&outputs).body("x".repeat(200_000)), (413, "too_large", None)),
            ("another method", http.put(&outputs).body("{}"), (405, "method_not_allowed", None)),
            ("another method of one", http.post(&one).body("{}"), (405, "method_not_allowed", None)),
            ("an unknown one", http.get(&one), (404, "no_such_output", None)),
            ("an unknown one to stop", http.delete(&one), (404, "no_such_output", None)),
            ("one of no room", http.get(one.replace("/tea/", "/coffee/")), (404, "no_such_room", None)),
            ("none of no room", http.get(outputs.replace("/tea/", "/coffee/")), (404, "no_such_room", None)),
            ("no room at all", http.get(outputs.replace("/tea/", "/%ff%00/")), (404, "no_such_room", None)),
        ] {
            let reply = request.timeout(DEADLINE).send().await.unwrap();
            let status = reply.status().as_u16();
            let text = reply.text().await.unwrap();
            let answer = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: no JSON: {text}"));
            is_told(what, &(status, answer), row);
        }
        has_none(&server).await;

        // And of those who would watch.
        let stream = |rest: &str| server.url(&format!("/hls/tea/default/{rest}"));
        let nothing = http.get(stream("index.m3u8")).send().await.unwrap();
        assert_eq!(nothing.status().as_u16(), 404);
        let (status, output) = server.post(OUTPUTS, &hls).await;
        assert_eq!(status, 201, "{output}");
        is_told("a second one", &server.post(OUTPUTS, &hls).await, (409, "already_served", None));
        let list = stream("media.m3u8");
        server
            .get_until("/hls/tea/default/media.m3u8", DEADLINE, |list| list.to_string().contains("EXT-X-PART:"))
            .await;
        for (what, request, status, code) in [
            ("a number that is none", http.get(format!("{list}?_HLS_msn=x")), 400, "bad_query"),
            ("a negative number", http.get(format!("{list}?_HLS_msn=-1")), 400, "bad_query"),
            ("a part of nothing", http.get(format!("{list}?_HLS_part=0")), 400, "not_there"),
            ("what is far ahead", http.get(format!("{list}?_HLS_msn=99999999999")), 400, "not_there"),
            ("an unknown piece", http.get(stream("x-0.m4s")), 404, "not_there"),
            ("a path", http.get(stream("..%2f..%2fetc%2fpasswd")), 404, "not_there"),
            ("another method", http.post(&list), 405, "method_not_allowed"),
        ] {
            let reply = request.timeout(DEADLINE).send().await.unwrap();
            let answer = (reply.status().as_u16(), reply.json::<Value>().await.unwrap());
            is_told(what, &answer, (status, code, None));
        }
    });
}

#[test]
fn outputs_go_where_the_operator_lets_them() {
    lab::run(|lab| async move {
        let here = lab.address;
        let port = free_port(here);
        let lines = format!(
            "[outputs]\nallow = [\"{here}\", \"localhost\", \"*.example.org\"]\ndeny = [\"127.0.0.2\"]\n\
             listen_addresses = [\"{here}\"]\nlisten_port_min = {port}\nlisten_port_max = {port}\n"
        );
        let server = server_with(&lab, &lines).await;
        let _ann = Native::join(&server, "tea", "ann", 0).await;
        let push = |url: String| {
            let server = &server;
            async move { server.post(OUTPUTS, &json!({"kind": "push", "url": url})).await }
        };
        for url in [
            "rtmp://192.0.2.1/live/s3cret",
            "rtmps://192.0.2.1/live/s3cret",
            "srt://192.0.2.1:7001?passphrase=s3cret-s3cret",
            "rtmp://127.0.0.1/live/s3cret",
            "rtmp://127.0.0.2/live/s3cret",
            "rtmp://0/live/s3cret",
            "rtmp://2130706433/live/s3cret",
        ] {
            let answer = push(url.to_owned()).await;
            is_told(url, &answer, (400, "bad_output", Some("url")));
            assert!(!answer.1.to_string().contains("s3cret"), "{}", answer.1);
        }
        for url in ["https://192.0.2.1/s3cret", "http://127.0.0.1/s3cret", "http://2130706433/s3cret"] {
            let answer = server.post(OUTPUTS, &json!({"kind": "whip", "url": url, "token": "s3cret"})).await;
            is_told(url, &answer, (400, "bad_output", Some("url")));
            assert!(!answer.1.to_string().contains("s3cret"), "{}", answer.1);
        }
        for at in [format!("0.0.0.0:{port}"), format!("{here}:{}", port.wrapping_add(1).max(1024))] {
            is_told(&at, &push(format!("srt://{at}?mode=listener")).await, (400, "bad_output", Some("url")));
        }
        // What is allowed is tried. A name that means nothing now may mean something later.
        for (url, state) in [
            (format!("rtmp://{here}:{}/live/key", free_port(here)), "waiting"),
            ("rtmp://nowhere.example.org/live/key".to_owned(), "waiting"),
            (format!("srt://{here}:{port}?mode=listener"), "live"),
        ] {
            let (status, output) = push(url.clone()).await;
            assert_eq!(status, 201, "{url}: {output}");
            let one = format!("{OUTPUTS}/{}", output["id"].as_str().unwrap());
            let now = server.get_until(&one, DEADLINE, |output| output["state"] == state).await;
            println!("{url}: {now}");
        }
    });
}
