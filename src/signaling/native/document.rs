//! Holds `docs/protocol.md` against the types: every example is read and written again, every name and code is there.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::event::ServerEvent;
use super::request::{Done, Refusal, Request};

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The examples: what kind of, of what name, and the JSON.
fn examples() -> Vec<(String, String, Value)> {
    let mut examples = Vec::new();
    for block in DOCUMENT.split("```json ").skip(1) {
        let (head, rest) = block.split_once('\n').expect("a fence has a line of its own");
        let text = rest.split("```").next().expect("a fence ends");
        let mut words = head.split(' ').map(str::to_owned);
        let kind = words.next().unwrap_or_default();
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{head}: {error}: {text}"));
        examples.push((kind, words.next().unwrap_or_default(), value));
    }
    examples
}

/// Reads as `T` and writes the very same.
fn survives<T: DeserializeOwned + Serialize>(what: &str, value: &Value) {
    let read: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{what}: {error}: {value}"));
    assert_eq!(serde_json::to_value(&read).expect("JSON"), *value, "{what}");
}

#[test]
fn every_example_is_what_the_types_say() {
    for (kind, name, value) in examples() {
        let tagged = || json!({"event": name, "data": value});
        match kind.as_str() {
            "request" => survives::<Request>(&name, &tagged()),
            "event" => survives::<ServerEvent>(&name, &tagged()),
            "result" => survives::<Done>(&name, &value),
            "refusal" => survives::<Refusal>(&name, &value),
            other => panic!("an example of an unknown kind: {other}"),
        }
    }
}

#[test]
fn nothing_is_left_out() {
    let examples = examples();
    let shown = |kind: &str, name: &str| examples.iter().any(|(k, n, _)| k == kind && n == name);
    let missing: Vec<_> = Request::NAMES.iter().filter(|name| !shown("request", name)).collect();
    assert!(missing.is_empty(), "requests without an example: {missing:?}");
    let missing: Vec<_> = ServerEvent::NAMES.iter().filter(|name| !shown("event", name)).collect();
    assert!(missing.is_empty(), "events without an example: {missing:?}");
}

#[test]
fn a_result_is_told_from_another() {
    for (kind, name, value) in examples().into_iter().filter(|(kind, ..)| kind == "result") {
        let done: Done = serde_json::from_value(value).unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        let right = matches!(
            (name.as_str(), &done),
            ("joined", Done::Joined(_)) | ("waiting", Done::Waiting(_)) | ("answer", Done::Answer(_))
        );
        assert!(right, "{name} is read as {done:?}");
    }
}

#[test]
fn every_code_is_listed() {
    let source = [
        include_str!("../../room/error.rs"),
        include_str!("../../room/event.rs"),
        include_str!("../../access/mod.rs"),
        include_str!("../session.rs"),
        include_str!("translate.rs"),
    ];
    let arrows = source.iter().flat_map(|text| text.split("=> \"").skip(1)).filter_map(|rest| rest.split('"').next());
    let codes: std::collections::BTreeSet<_> =
        arrows.filter(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).collect();
    assert!(codes.len() > 15, "the codes were not found: {codes:?}");
    let missing: Vec<_> = codes.iter().filter(|code| !DOCUMENT.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/protocol.md does not name {missing:?}");
}
