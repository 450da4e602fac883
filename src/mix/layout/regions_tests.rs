use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::named::Layout;
use super::super::{Fit, Placement};
use super::*;

const HD: Size = Size { width: 1280, height: 720 };

fn layout(text: &Value) -> Layout {
    serde_json::from_value(text.clone()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn source<'a>(name: &'a str, id: &'a str) -> Source<'a> {
    Source { id, name, ..Source::default() }
}

fn places(text: &Value, sources: &[Source<'_>]) -> Vec<Option<(u32, u32, u32, u32)>> {
    let all = layout(text).places(HD, sources, usize::MAX);
    let numbers = |Placement { x, y, width, height }| (x, y, width, height);
    all.into_iter().map(|place| Some(numbers(place?.placement))).collect()
}

#[test]
fn who_is_meant_most_exactly_is_in_that_region() {
    let wanted = json!({"regions": {
        "row": {"y": 560, "height": 160, "max_rows": 1, "exclude": ["Bot*"]},
        "main": {"width": 960, "height": 560, "include": ["screen"], "z": -2},
        "teacher": {"x": 960, "width": 320, "height": 180, "include": ["Zoë"], "fit": "cover"},
    }});
    let zoe = source("Zoë", "1");
    let all = [source("Ann", "2"), zoe, Source { shared: true, ..zoe }, source("Botany", "3"), source("Cy", "4")];
    let found = places(&wanted, &all);
    let row = |x| Some((x, 560, 640, 160));
    assert_eq!(found, [row(0), Some((960, 0, 320, 180)), Some((0, 0, 960, 560)), None, row(640)]);
    let all = layout(&wanted).places(HD, &all, usize::MAX);
    assert_eq!(all[1].map(|place| (place.z, place.fit)), Some((0, Fit::Cover)));
    assert_eq!(all[2].map(|place| (place.z, place.fit)), Some((-2, Fit::Contain)));
    assert!(!layout(&wanted).follows_speaker() && !layout(&wanted).remembers());
}

#[test]
fn what_one_region_has_no_cell_for_is_in_the_next_that_takes_it() {
    let wanted = json!({"regions": {
        "main": {"width": 960, "max_columns": 1, "max_rows": 1},
        "side": {"x": 960, "max_columns": 1, "max_rows": 2},
    }});
    let all = [source("a", "1"), source("b", "2"), source("c", "3"), source("d", "4")];
    let found = places(&wanted, &all);
    assert_eq!(found, [Some((0, 0, 960, 720)), Some((960, 0, 320, 360)), Some((960, 360, 320, 360)), None]);
}

#[test]
fn what_twilio_takes_is_taken_as_it_is() {
    let wanted = json!({"video_layout": {
        "transcode": {
            "x_pos": 0, "y_pos": 0, "z_pos": 0, "width": 1280, "height": 0, "max_columns": 0, "max_rows": null,
            "cells_excluded": [], "reuse": "show_oldest", "video_sources": ["*"], "video_sources_excluded": ["teacher-*"],
        },
        "pip": {"x_pos": 1000, "y_pos": 30, "z_pos": 1, "width": 240, "height": 180, "video_sources": ["teacher-*"]},
    }});
    let found = places(&wanted, &[source("Ann", "teacher-1"), source("Bob", "student-1")]);
    assert_eq!(found, [Some((1000, 30, 240, 180)), Some((0, 0, 1280, 720))]);
}

#[test]
fn the_example_of_the_documentation_is_a_layout() {
    #[derive(serde::Deserialize)]
    struct Body {
        layout: Layout,
    }
    let text = include_str!("../../../docs/layouts.md");
    let body = text.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).expect("an example");
    let layout = serde_json::from_str::<Body>(body).expect("a layout").layout;
    assert_eq!(layout.check(HD), Ok(()));
    assert!(matches!(layout, Layout::Regions(regions) if regions.all().len() == 3));
}

#[test]
fn cells_stay_empty_are_given_on_or_go_round() {
    let wanted = |reuse: &str| json!({"regions": {"all": {"max_columns": 2, "max_rows": 1, "reuse": reuse}}});
    let gone = Source { gone: true, ..source("a", "1") };
    let (left, right) = (Some((0, 0, 640, 720)), Some((640, 0, 640, 720)));
    let all = [gone, source("b", "2"), source("c", "3"), source("d", "4")];
    assert_eq!(places(&wanted("none"), &all), [None, right, None, None]);
    assert!(layout(&wanted("none")).remembers());
    assert_eq!(places(&wanted("show_oldest"), &all), [None, left, right, None]);
    assert_eq!(places(&wanted("show_newest"), &all), [None, None, right, left], "the last took the cell of the first");
    let excluded = json!({"regions": {"all": {"max_columns": 2, "max_rows": 2, "cells_excluded": [1, 0, 1]}}});
    assert_eq!(places(&excluded, &all[1..]), [Some((0, 360, 640, 360)), Some((640, 360, 640, 360)), None]);
}

#[test]
fn a_layout_survives_its_way_through_a_manifest() {
    let texts = [
        json!("side-by-side"),
        json!({"regions": {"b": {"x": 100, "fit": "fill", "exclude": ["a"]}, "a": {"max_rows": 1, "reuse": "none"}}}),
        json!({"regions": {"é \"": {"y": 8, "z": 3, "height": 16, "width": 20, "cells_excluded": [1]}}}),
    ];
    for text in texts {
        let wanted = layout(&text);
        let written = serde_json::to_string(&wanted).expect("JSON");
        assert_eq!(serde_json::from_str::<Layout>(&written).expect("the same"), wanted, "{written}");
        let schema = serde_json::to_value(schemars::schema_for!(Layout)).expect("JSON");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert!(jsonschema::is_valid(&schema, &written), "{written}");
    }
    // In the order in which they were given.
    let named = serde_json::from_str::<Layout>(r#"{"regions": {"b": {}, "a": {}}}"#).expect("a layout");
    assert_eq!(serde_json::to_string(&named).expect("JSON").find("\"b\""), Some(12));
}

#[test]
fn what_is_no_layout_is_refused_by_the_name_of_the_field() {
    let one = |region: &str| format!(r#"{{"regions": {{"main": {region}}}}}"#);
    let many: Vec<String> = (0..5000).map(|index| format!("\"r{index}\": {{}}")).collect();
    for (text, words) in [
        (r#""mosaic""#.to_owned(), &["layout \"mosaic\"", "side-by-side"][..]),
        ("7".to_owned(), &["layout", "regions"]),
        ("{}".to_owned(), &["layout.regions", "missing"]),
        (r#"{"regions": {}}"#.to_owned(), &["layout.regions", "at least one"]),
        (r#"{"regions": []}"#.to_owned(), &["layout.regions", "object"]),
        (r#"{"regions": {"a": {}}, "video_layout": {"a": {}}}"#.to_owned(), &["layout.video_layout", "once"]),
        (r#"{"colour": "red"}"#.to_owned(), &["layout.colour", "regions"]),
        (r#"{"regions": {"a": {}, "b": {}, "a": {"x": 2}}}"#.to_owned(), &["layout.regions.a", "twice"]),
        (format!("{{\"regions\": {{{}}}}}", many.join(",")), &["layout.regions", "at most 64"]),
        (r#"{"regions": {"": {}}}"#.to_owned(), &["layout.regions.", "name"]),
        (one("4"), &["layout.regions.main", "object"]),
        (one(r#"{"x": -2}"#), &["layout.regions.main.x", "is -2", "from 0"]),
        (one(r#"{"x": 1e99}"#), &["layout.regions.main.x", "whole number"]),
        (one(r#"{"width": -100}"#), &["layout.regions.main.width", "from 16"]),
        (one(r#"{"width": 4000000000}"#), &["layout.regions.main.width", "to 7680"]),
        (one(r#"{"height": "tall"}"#), &["layout.regions.main.height", "tall"]),
        (one(r#"{"x": 1, "x_pos": 1}"#), &["layout.regions.main.x", "same again"]),
        (one(r#"{"z": 100}"#), &["layout.regions.main.z", "from -99 to 99"]),
        (one(r#"{"fit": "squash"}"#), &["layout.regions.main.fit", "contain, cover or fill"]),
        (one(r#"{"reuse": "always"}"#), &["layout.regions.main.reuse", "show_newest"]),
        (one(r#"{"include": "Ann"}"#), &["layout.regions.main.include", "list"]),
        (one(r#"{"include": [7]}"#), &["layout.regions.main.include", "has 7"]),
        (one(r#"{"cells_excluded": [-1]}"#), &["layout.regions.main.cells_excluded", "-1"]),
        (one(r#"{"max_rows": 1001}"#), &["layout.regions.main.max_rows", "1000"]),
        (one(r#"{"colour": "red"}"#), &["layout.regions.main.colour", "cells_excluded"]),
    ] {
        let error = serde_json::from_str::<Layout>(&text).expect_err(&text).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{text:.100}: {error}");
    }
    for (region, words) in [
        (r#"{"x": 1270}"#, "layout.regions.main.x is 1270, outside of the canvas of 1280×720: use at most 1264"),
        (
            r#"{"y": 700, "height": 40}"#,
            "layout.regions.main.height is 40, which ends outside of the canvas of 1280×720: use at most 20",
        ),
        (
            r#"{"width": 1282}"#,
            "layout.regions.main.width is 1282, which ends outside of the canvas of 1280×720: use at most 1280",
        ),
    ] {
        let layout: Layout = serde_json::from_str(&one(region)).expect("a layout");
        assert_eq!(layout.check(HD).expect_err(region).to_string(), words);
        assert_eq!(layout.check(Size { width: 1920, height: 1080 }), Ok(()));
    }
}

proptest! {
    #[test]
    fn a_region_keeps_its_cells_inside_even_and_apart(
        (x, y, width, height) in (0u32..1264, 0u32..704, 16u32..1280, 16u32..720),
        columns in proptest::option::of(1u32..9), rows in proptest::option::of(1u32..9),
        excluded in proptest::collection::vec(0u32..40, 0..6),
        reuse in prop_oneof!["none", "show_oldest", "show_newest"],
        gone in proptest::collection::vec(any::<bool>(), 0..40),
    ) {
        let (width, height) = (width.min(1280 - x), height.min(720 - y));
        let region = json!({
            "x": x, "y": y, "width": width, "height": height, "max_columns": columns, "max_rows": rows,
            "cells_excluded": excluded, "reuse": reuse,
        });
        let wanted = layout(&json!({"regions": {"all": region}}));
        prop_assert!(wanted.check(HD).is_ok());
        let sources: Vec<_> = gone.iter().map(|gone| Source { gone: *gone, ..Source::default() }).collect();
        let places = wanted.places(HD, &sources, usize::MAX);
        let seen: Vec<Placement> = places.iter().flatten().map(|place| place.placement).collect();
        let room = match (columns, rows) {
            (Some(columns), Some(rows)) => (columns * rows) as usize,
            _ => usize::MAX,
        };
        prop_assert!(seen.len() <= room);
        for (index, cell) in seen.iter().enumerate() {
            prop_assert!(cell.width > 0 && cell.height > 0);
            prop_assert_eq!((cell.x | cell.y | cell.width | cell.height) & 1, 0);
            prop_assert!(cell.x + 1 >= x && cell.y + 1 >= y, "{:?}", cell);
            prop_assert!(cell.x + cell.width <= x + width && cell.y + cell.height <= y + height);
            prop_assert!(seen[..index].iter().all(|other| super::super::named::tests::apart(cell, other)));
        }
    }
}
