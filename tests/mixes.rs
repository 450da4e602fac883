//! Mixes that people make and change while they run, judged by what is seen and heard of them.

mod common;

use std::time::{Duration, Instant};

use common::judge::{Recording, Rect, about};
use common::lab;
use common::participant::{Options, Participant};
use common::server::Server;
use common::source::Look;
use plenum::mix::layout::{Placement, Size};
use serde_json::{Value, json};

const MIXES: &str = "/api/v1/rooms/tea/mixes";
/// How soon a change is to be in effect.
const SOON: Duration = Duration::from_millis(200);
/// How far the mix is behind the room, with room for the move of 300 ms.
const SETTLED: f64 = 1.2;

async fn send(server: &Server, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let mut request = server.http().request(method, server.url(path));
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn patch(server: &Server, mix: &str, body: Value) -> (u16, Value) {
    send(server, "PATCH", &format!("{MIXES}/{mix}"), Some(&body)).await
}

/// Where a participant of the lab is seen in a place.
fn seen_in((x, y, width, height): (u32, u32, u32, u32)) -> Rect {
    let place = Placement { x, y, width, height }.fit(Size { width: 320, height: 240 });
    let [x, y, width, height] =
        [place.x, place.y, place.width, place.height].map(|length| usize::try_from(length).expect("a side"));
    Rect { x, y, width, height }
}

/// Changes a mix, and waits until somebody's place is as wide as that. Returns when, in milliseconds since 1970.
async fn change(server: &Server, mix: &str, body: Value, participant: &str, width: u64) -> f64 {
    let begun = Instant::now();
    let (status, changed) = patch(server, mix, body).await;
    assert_eq!(status, 200, "{changed}");
    let of = |told: &Value| {
        let placements = told["placements"].as_array().cloned().unwrap_or_default();
        placements.into_iter().find(|placed| placed["participant"] == participant).map(|placed| placed["width"].clone())
    };
    loop {
        let (_, told) = server.get(&format!("{MIXES}/{mix}")).await;
        if of(&told) == Some(json!(width)) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{participant} is not {width} wide: {told}");
    }
    // Two requests are part of it.
    assert!(begun.elapsed() < SOON, "in effect only after {:?}", begun.elapsed());
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs_f64() * 1e3
}

#[test]
fn a_mix_of_ones_own_is_changed_while_it_is_recorded_and_no_other_mix_with_it() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = Vec::new();
        for index in 0..3 {
            people.push(Participant::join(&server, "tea", &format!("p{index}"), Options::of(index)).await);
        }
        people[0].wait_to_meet(&people[1]).await;
        people[0].wait_to_meet(&people[2]).await;

        let wanted =
            json!({"name": "stage", "width": 640, "height": 360, "fps": 25, "layout": "speaker", "pins": ["p1"]});
        let (status, made) = server.post(MIXES, &wanted).await;
        assert_eq!((status, &made["running"]), (201, &json!(false)), "{made}");
        let mut running = Vec::new();
        for format in [json!({"mix": "stage"}), json!({})] {
            let (status, entry) = server.post("/api/v1/rooms/tea/recordings", &format).await;
            assert_eq!(status, 201, "{entry}");
            running
                .push((entry["id"].as_str().expect("an id").to_owned(), entry["startedAt"].as_f64().expect("a time")));
        }
        let (_, told) = server.get(&format!("{MIXES}/stage")).await;
        assert_eq!((&told["running"], &told["width"]), (&json!(true), &json!(640)), "{told}");
        people[0].watch(&people[1], 4).await;

        let grid = change(&server, "stage", json!({"layout": "grid", "pins": null}), &people[0].id, 320).await;
        people[0].watch(&people[1], 4).await;
        let alone = json!({"exclude": ["p2"], "hide": ["p1"], "labels": {"p0": "Dr Zero"}});
        let alone = change(&server, "stage", alone, &people[0].id, 640).await;
        people[0].watch(&people[1], 4).await;

        let (status, refused) = patch(&server, "stage", json!({"fps": 30})).await;
        assert_eq!(
            (status, &refused["code"], &refused["field"]),
            (409, &json!("mix_runs"), &json!("fps")),
            "{refused}"
        );
        let (status, refused) = send(&server, "DELETE", &format!("{MIXES}/stage"), None).await;
        assert_eq!((status, &refused["code"]), (409, &json!("mix_in_use")), "{refused}");
        let mut films = Vec::new();
        for (id, begun) in running {
            let (status, entry) = server.post(&format!("/api/v1/recordings/{id}/stop"), &Value::Null).await;
            assert_eq!(status, 200, "{entry}");
            films.push((server.download(&format!("/api/v1/recordings/{id}/file")).await, begun));
        }
        server
            .get_until(&format!("{MIXES}/stage"), Duration::from_secs(5), |told| told["running"] == json!(false))
            .await;
        let (status, _) = send(&server, "DELETE", &format!("{MIXES}/stage"), None).await;
        assert_eq!(status, 204);
        assert_eq!(server.get(&format!("{MIXES}/stage")).await.0, 404);

        let looks = [0, 1, 2].map(Look::of);
        let (file, begun) = &films[0];
        assert_eq!(about(file.path()).1, (640, 360));
        let [grid, alone] = [grid, alone].map(|moment| (moment - begun) / 1e3);
        let places = [(0, 0, 640, 288), (0, 0, 320, 180), (320, 0, 320, 180), (160, 180, 320, 180), (0, 0, 640, 360)];
        let film = Recording::open(file.path(), &places.map(seen_in));
        // What is mixed was taken before.
        let (first, second, third) =
            ((1.5, grid - 0.6), (grid + SETTLED, alone - 0.6), (alone + SETTLED, film.duration - 0.1));
        for (tile, look, (from, to)) in [(0, 1, first), (1, 0, second), (2, 1, second), (3, 2, second), (4, 0, third)] {
            let presence = film.presence(tile, looks[look], from, to);
            assert!(presence > 0.95, "{look} in place {tile} from {from} to {to}: {presence}");
        }
        assert!(film.longest_picture() < 0.2, "{}", film.longest_picture());
        let heard = |look: usize, (from, to): (f64, f64)| {
            film.beeps(looks[look].pitch).iter().filter(|beep| (from..to).contains(*beep)).count()
        };
        assert!(heard(2, second) >= 1 && heard(2, third) == 0, "who is left out is not heard");
        assert!(heard(1, third) >= 1 && heard(0, third) >= 1, "who is hidden is heard");

        let (file, _) = &films[1];
        let places = [(0, 0), (640, 0), (320, 360)].map(|(x, y)| seen_in((x, y, 640, 360)));
        let film = Recording::open(file.path(), &places);
        for (tile, look) in looks.into_iter().enumerate() {
            let presence = film.presence(tile, look, 1.5, film.duration - 0.1);
            assert!(presence > 0.95, "{tile} stays in the default mix: {presence}");
        }
    });
}

#[test]
fn what_is_no_mix_is_refused_by_its_field() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        assert_eq!(server.get(MIXES).await.0, 404, "there is no room");
        let _ann = Participant::join(&server, "tea", "Ann", Options::of(0)).await;
        let (_, all) = server.get(MIXES).await;
        assert_eq!(all["mixes"].as_array().map(Vec::len), Some(1), "{all}");
        assert_eq!(all["mixes"][0]["name"], json!("default"));
        let regions: serde_json::Map<String, Value> = (0..3000).map(|index| (index.to_string(), json!({}))).collect();
        for (body, status, code, field) in [
            (json!({}), 400, "bad_mix", "name"),
            (json!({"name": "a/b"}), 400, "bad_mix", "name"),
            (json!({"name": "default"}), 409, "mix_exists", ""),
            (json!({"name": "speaker"}), 400, "bad_mix", "name"),
            (json!({"name": "a", "width": -2}), 400, "bad_mix", "width"),
            (json!({"name": "a", "height": 100_000}), 400, "bad_mix", "height"),
            (json!({"name": "a", "layout": "mosaic"}), 400, "bad_mix", "layout"),
            (json!({"name": "a", "layout": {"regions": regions}}), 400, "bad_mix", "layout"),
            (json!({"name": "a", "pins": "Ann"}), 400, "bad_mix", "pins"),
            (json!({"name": "a", "include": ["x".repeat(300)]}), 400, "bad_mix", "include"),
            (json!({"name": "a", "labels": {"Ann": "a\u{7}"}}), 400, "bad_mix", "labels"),
            (json!({"name": "a", "colour": "red"}), 400, "bad_mix", "colour"),
        ] {
            let (got, error) = server.post(MIXES, &body).await;
            assert_eq!((got, error["code"].as_str()), (status, Some(code)), "{error}");
            assert_eq!(error["field"].as_str().unwrap_or(""), field, "{error}");
        }
        for (method, path, body, status, code) in [
            ("PATCH", "nobody", Some(json!({})), 404, "no_such_mix"),
            ("PATCH", "default", Some(json!({"name": "other"})), 400, "bad_mix"),
            ("DELETE", "default", None, 409, "mix_stays"),
            ("DELETE", "nobody", None, 404, "no_such_mix"),
            ("GET", "a%2Fb", None, 400, "bad_mix"),
        ] {
            let (got, error) = send(&server, method, &format!("{MIXES}/{path}"), body.as_ref()).await;
            assert_eq!((got, error["code"].as_str()), (status, Some(code)), "{method} {path}: {error}");
        }
        for (path, body) in
            [("recordings", json!({"mix": "nobody"})), ("outputs", json!({"kind": "hls", "mix": "nobody"}))]
        {
            let (status, error) = server.post(&format!("/api/v1/rooms/tea/{path}"), &body).await;
            assert_eq!((status, error["code"].as_str()), (404, Some("no_such_mix")), "{path}: {error}");
        }
        let both = json!({"kind": "hls", "mix": "default", "layout": "pip"});
        let (status, error) = server.post("/api/v1/rooms/tea/outputs", &both).await;
        assert_eq!((status, &error["field"]), (400, &json!("layout")), "{error}");
    });
}
