use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::mix::layout::Placement;

const HD: Size = Size { width: 1280, height: 720 };

/// A manifest of files: when each begins, how long it is, whether it is of a screen.
fn manifest(files: &[(u64, u64, bool)], speakers: &[(u64, usize)]) -> Manifest {
    let id = "01JZX3Q9D6T0000000000000RC";
    let file = |(index, (start, long, shared)): (usize, &(u64, u64, bool))| {
        let source = if *shared { ["screen", "screenAudio"] } else { ["camera", "microphone"] };
        json!({
            "name": format!("{id}-{index}.webm"), "startMs": start, "durationMs": long, "bytes": 1, "sha256": null,
            "streams": [
                {"codec": "vp8", "participant": format!("p{index}"), "source": source[0]},
                {"codec": "opus", "participant": format!("p{index}"), "source": source[1]},
            ],
        })
    };
    let speaker = |(at, who): &(u64, usize)| json!({"atMs": at, "type": "speaker", "participant": format!("p{who}")});
    let value = json!({
        "id": id, "room": "tea", "kind": "individual", "container": "webm", "videoCodec": "vp8", "audioCodec": "opus",
        "state": "complete", "startedAt": 0, "endedAt": 1, "durationMs": 0, "bytes": 1, "error": null,
        "participants": [{"id": "p0", "name": "Ann"}, {"id": "p1", "name": "Bob"}],
        "files": files.iter().enumerate().map(file).collect::<Vec<_>>(),
        "events": speakers.iter().map(speaker).collect::<Vec<_>>(),
    });
    serde_json::from_value(value).expect("a manifest")
}

fn outline(score: &Score) -> Vec<(u64, u64, Vec<usize>)> {
    let of = |stretch: &Stretch| (stretch.from, stretch.to, stretch.places.iter().map(|(part, _)| *part).collect());
    score.stretches.iter().map(of).collect()
}

#[test]
fn everybody_is_there_while_their_file_lasts() {
    let told = manifest(&[(0, 4000, false), (1000, 2000, false), (1500, 500, true)], &[]);
    let score = Score::of(&told, &Layout::Grid, HD, 25);
    assert_eq!(score.pictures, 100);
    let wanted =
        [(0, 25, vec![0]), (25, 38, vec![0, 1]), (38, 50, vec![0, 1, 2]), (50, 75, vec![0, 1]), (75, 100, vec![0])];
    assert_eq!(outline(&score), wanted);
    let names: Vec<_> = score.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["Ann", "Bob", "'s screen"]);
    assert_eq!(score.stretches[0].places[0].1, Place::plain(Placement::whole(HD)));
}

#[test]
fn a_time_without_anybody_is_one_of_the_film() {
    let score = Score::of(&manifest(&[(2000, 1000, false), (0, 1000, false)], &[]), &Layout::Presentation, HD, 10);
    assert_eq!(outline(&score), [(0, 10, vec![0]), (10, 20, vec![]), (20, 30, vec![1])]);
}

#[test]
fn who_speaks_becomes_large_and_stays_so_in_silence() {
    let mut told = manifest(&[(0, 4000, false), (0, 4000, false)], &[(1000, 1), (3000, 0)]);
    let silence = json!({"atMs": 2000, "type": "speaker", "participant": null});
    told.events.insert(1, serde_json::from_value(silence).expect("an event"));
    let score = Score::of(&told, &Layout::Speaker, HD, 10);
    let widths = |stretch: &Stretch| stretch.places.iter().map(|(_, place)| place.placement.width).collect::<Vec<_>>();
    let large: Vec<_> = score.stretches.iter().map(|stretch| (stretch.from, widths(stretch))).collect();
    assert_eq!(large, [(0, vec![1280, 256]), (10, vec![256, 1280]), (30, vec![1280, 256])]);
}

#[test]
fn who_begins_to_speak_swaps_with_who_spoke_before_and_nobody_else_moves() {
    let files = [(0, 4000, false); 4];
    let score = Score::of(&manifest(&files, &[(1000, 2), (2000, 3), (3000, 2)]), &Layout::Speaker, HD, 10);
    let lefts = |stretch: &Stretch| stretch.places.iter().map(|(_, place)| place.placement.x).collect::<Vec<_>>();
    let lefts: Vec<_> = score.stretches.iter().map(lefts).collect();
    let (large, strip) = (0, [256, 512, 768]);
    assert_eq!(lefts[0], [large, strip[0], strip[1], strip[2]]);
    assert_eq!(lefts[1], [strip[1], strip[0], large, strip[2]]);
    assert_eq!(lefts[2], [strip[1], strip[0], strip[2], large]);
    assert_eq!(lefts[3], lefts[1]);
}

#[test]
fn a_cell_that_is_not_used_again_stays_empty() {
    let text = r#"{"regions": {"all": {"max_columns": 2, "max_rows": 1, "reuse": "none"}}}"#;
    let layout: Layout = serde_json::from_str(text).expect("a layout");
    let score = Score::of(&manifest(&[(0, 1000, false), (0, 3000, false), (2000, 1000, false)], &[]), &layout, HD, 10);
    assert_eq!(outline(&score), [(0, 10, vec![0, 1]), (10, 30, vec![1])]);
    assert_eq!(score.stretches[1].places[0].1.placement.x, 640);
}

fn apart(a: &Placement, b: &Placement) -> bool {
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
}

proptest! {
    #[test]
    fn a_score_is_whole_and_everything_has_its_place(
        files in proptest::collection::vec((0u64..20_000, 0u64..20_000, any::<bool>()), 1..12),
        speakers in proptest::collection::vec((0u64..40_000, 0usize..12), 0..8),
        layout in 0usize..7,
        fps in 1u32..61,
    ) {
        let mut speakers = speakers;
        speakers.sort_unstable();
        let layout = &Layout::NAMED[layout];
        let score = Score::of(&manifest(&files, &speakers), layout, HD, fps);
        let mut allowed: Vec<u64> = score.parts.iter().flat_map(|part| [part.begin, part.end]).collect();
        if layout.follows_speaker() {
            allowed.extend(speakers.iter().map(|(at, _)| picture_at(*at, fps)));
        }
        let mut at = 0;
        for stretch in &score.stretches {
            prop_assert_eq!(stretch.from, at);
            prop_assert!(stretch.to > stretch.from);
            at = stretch.to;
            prop_assert!(stretch.from == 0 || allowed.contains(&stretch.from), "something moves without a reason");
            for (index, part) in score.parts.iter().enumerate() {
                let placed = stretch.places.iter().filter(|(of, _)| *of == index).count();
                if part.begin == part.end {
                    prop_assert_eq!(placed, 0, "shorter than a picture");
                    continue;
                }
                let hides = matches!(layout, Layout::Pip | Layout::SideBySide | Layout::Single);
                if hides && placed == 0 {
                    continue;
                }
                let there = part.begin <= stretch.from && stretch.to <= part.end;
                let gone = stretch.to <= part.begin || part.end <= stretch.from;
                prop_assert!(there || gone, "{:?} in {:?}", part, stretch);
                prop_assert_eq!(placed, usize::from(there));
            }
            for (index, (_, place)) in stretch.places.iter().enumerate() {
                let Place { placement, z, .. } = place;
                let Placement { x, y, width, height } = *placement;
                prop_assert!(x + width <= HD.width && y + height <= HD.height);
                let is_apart = |other: &Place| other.z != *z || apart(placement, &other.placement);
                prop_assert!(stretch.places[..index].iter().all(|(_, other)| is_apart(other)));
            }
        }
        prop_assert_eq!(at, score.pictures);
        let longest = files.iter().map(|(start, long, _)| start + long).max().unwrap_or(0);
        prop_assert!((score.pictures * 1000 / u64::from(fps)).abs_diff(longest) <= 1000 / u64::from(fps) + 1);
    }
}
