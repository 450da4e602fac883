//! Golden pictures: layouts in several styles, drawn by the code that draws a mix, and compared with those in
//! `tests/fixtures/golden/`. `PLENUM_GOLDEN=write cargo test --lib golden` draws them anew: look at them before they are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gstreamer_video as gst_video;
use image::{Rgb, RgbImage};
use serde_json::{Value, json};

use super::layout::{Layout, Place, Placement, Size, Source, spaced};
use super::overlay::{Overlay, Patch, Picture, Sight};
use super::style::{Assets, Look, Style};
use super::{Tile, cards, fit, tiles};

/// Somebody in a picture.
struct Person {
    name: &'static str,
    shared: bool,
    muted: bool,
    /// What they send: size, and a colour as BGRA.
    video: Option<((u32, u32), [u8; 4])>,
}

const WIDE: (u32, u32) = (640, 360);
const OLD: (u32, u32) = (640, 480);
const TALL: (u32, u32) = (360, 640);
const BRIGHT: [u8; 4] = [235, 235, 235, 255];
const DARK: [u8; 4] = [40, 24, 24, 255];
const GREEN: [u8; 4] = [80, 160, 60, 255];
const BLUE: [u8; 4] = [190, 110, 50, 255];

const fn person(name: &'static str, muted: bool, video: Option<((u32, u32), [u8; 4])>) -> Person {
    Person { name, shared: false, muted, video }
}

const PEOPLE: [Person; 4] = [
    person("Ann Bell", false, Some((WIDE, BRIGHT))),
    person("محمد عبد الله", true, None),
    person("Zoë Müller-Lüdenscheidt von und zu Hohenstein", true, Some((OLD, DARK))),
    person("דנה כהן", false, Some((TALL, GREEN))),
];

const SCREEN: Person = Person { name: "Ann Bell's screen", shared: true, muted: false, video: Some((WIDE, BLUE)) };

fn look(folder: &Path, canvas: Size, style: &Value) -> Look {
    let gradient = RgbImage::from_fn(160, 90, |x, y| Rgb([x as u8, 90, 60 + y as u8]));
    gradient.save(folder.join("ground.png")).unwrap();
    let logo = image::RgbaImage::from_fn(40, 40, |x, y| {
        let away = (x as i32 - 20).pow(2) + (y as i32 - 20).pow(2);
        image::Rgba([255, 180, 0, if away < 380 && away > 120 { 255 } else { 0 }])
    });
    logo.save(folder.join("ring.png")).unwrap();
    let style: Style = serde_json::from_value(style.clone()).unwrap();
    style.check(canvas).unwrap();
    let (look, problem) = Assets::new(Some(folder)).dress(&style, canvas);
    assert_eq!(problem, None);
    look
}

fn opaque(mut picture: Vec<u8>, size: Size) -> Patch {
    picture.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    Patch::from_bgra(&picture, size.width as usize * 4, size.width, size.height)
}

fn draw(canvas: Size, layout: &Layout, people: &[&Person], look: &Look) -> RgbImage {
    gstreamer::init().unwrap();
    let source = |person: &&Person| Source {
        name: person.name,
        shared: person.shared,
        speaks: person.name == PEOPLE[0].name,
        ..Source::default()
    };
    let sources: Vec<_> = people.iter().map(source).collect();
    let places = layout.places(canvas, &sources, usize::MAX).into_iter().map(|place| {
        let place = place?;
        Some(Place { placement: spaced(canvas, place.placement, look.style.gap), ..place })
    });
    let places: Vec<Option<Place>> = places.collect();
    let mut shown: Vec<(&&Person, Place)> =
        people.iter().zip(&places).filter_map(|(person, place)| Some((person, (*place)?))).collect();
    shown.sort_by_key(|(_, place)| place.z);
    let tiles: Vec<Tile> = shown
        .iter()
        .filter(|(person, _)| person.video.is_none())
        .map(|(person, place)| Tile { placement: place.placement, name: person.name.into(), muted: person.muted })
        .collect();
    let all = Placement::whole(canvas);
    let mut picture = Picture::new(canvas.width, canvas.height, [16, 128, 128]);
    picture.lay(&opaque(tiles::draw(canvas, look, &tiles).unwrap(), canvas), (0, 0), all);
    let mut sights = Vec::new();
    for (person, place) in shown {
        let Some(((width, height), colour)) = person.video else { continue };
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height).build().unwrap();
        let (placement, fit) = (place.placement, place.fit);
        // What covers its place has lost its edges before.
        let seen = if fit == super::layout::Fit::Cover { placement } else { fit::seen(placement, fit, &info) };
        let size = Size { width: (seen.width + 1) & !1, height: (seen.height + 1) & !1 };
        let video: Vec<u8> = (0..size.width * size.height).flat_map(|_| colour).collect();
        picture.lay(&opaque(video, size), (seen.x, seen.y), seen);
        let on_another = cards::lies_on_another(&Place { placement: seen, ..place }, &places);
        sights.push(Sight { seen, z: place.z, name: Some(person.name.into()), muted: person.muted, on_another });
    }
    let mut overlay = Overlay::new(canvas, Duration::ZERO);
    overlay.set_look(look).unwrap();
    let stamps = overlay.update(look, sights.clone()).unwrap().unwrap();
    assert!(overlay.update(look, sights).unwrap().is_none(), "nothing changed, so nothing is drawn");
    stamps.iter().for_each(|stamp| picture.stamp(stamp));
    let rgb = |x, y| {
        let [luma, blue, red] = picture.pixel(x, y).map(f64::from);
        let (luma, blue, red) = ((luma - 16.0) * 1.164, blue - 128.0, red - 128.0);
        Rgb([luma + 1.596 * red, luma - 0.392 * blue - 0.813 * red, luma + 2.017 * blue].map(|part| part.round() as u8))
    };
    RgbImage::from_fn(canvas.width, canvas.height, rgb)
}

/// The share of pixels that differ, where a little around them counts as well: letters may be drawn otherwise elsewhere.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let soft = |picture: &RgbImage| image::imageops::blur(picture, 1.0);
    let (a, b) = (soft(a), soft(b));
    let differs = |(a, b): &(&Rgb<u8>, &Rgb<u8>)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 24);
    a.pixels().zip(b.pixels()).filter(differs).count() as f64 / f64::from(a.width() * a.height())
}

/// More than that is another picture.
const TOLERANCE: f64 = 0.004;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(format!("{name}.png"))
}

const CANVAS: Size = Size { width: 320, height: 180 };

/// Pictures by their names.
fn scenes(folder: &Path) -> Vec<(&'static str, RgbImage)> {
    let four: Vec<&Person> = PEOPLE.iter().collect();
    let five: Vec<&Person> = PEOPLE.iter().chain([&SCREEN]).collect();
    let upright = Size { width: 180, height: 320 };
    let framed = json!({"gap": 6, "radius": 10, "labels": true, "mute_marks": true, "background": "#28405c"});
    let pictured = json!({"gap": 8, "radius": 12, "labels": true, "background": "ground.png"});
    let all = json!({
        "gap": 4, "radius": 8, "labels": true, "mute_marks": true, "background": "ground.png",
        "logo": {"image": "ring.png", "x": 281, "y": 7, "width": 32, "opacity": 0.8},
        "clock": {"format": "12:34:56", "x": 8, "y": 6, "size": 14, "color": "#ffe066"},
        "text": [{"text": "Weekly\nשלום", "x": 120, "y": 78, "size": 18}],
    });
    let regions = json!({"regions": {
        "main": {"width": 320, "height": 180, "include": ["Ann*"], "fit": "fill"},
        "low": {"x": 10, "y": 110, "width": 120, "height": 64, "z": 1, "include": ["Zoë*"], "fit": "cover"},
        "high": {"x": 90, "y": 84, "width": 90, "height": 50, "z": 2, "include": ["דנה*"], "fit": "cover"},
    }});
    let regions: Layout = serde_json::from_value(regions).unwrap();
    let scene = |name, canvas, layout: &Layout, people: &[&Person], style: &Value| {
        (name, draw(canvas, layout, people, &look(folder, canvas, style)))
    };
    vec![
        scene("grid-plain", CANVAS, &Layout::Grid, &four, &json!({})),
        scene("grid-framed", CANVAS, &Layout::Grid, &four, &framed),
        scene("grid-all", CANVAS, &Layout::Grid, &four, &all),
        scene("speaker-framed", CANVAS, &Layout::Speaker, &four, &framed),
        scene("presentation-pictured", CANVAS, &Layout::Presentation, &five, &pictured),
        scene("pip-framed", CANVAS, &Layout::Pip, &five, &framed),
        scene("side-by-side-pictured", CANVAS, &Layout::SideBySide, &five, &pictured),
        scene("single-all", CANVAS, &Layout::Single, &four, &all),
        scene("portrait-framed", upright, &Layout::Portrait, &five, &framed),
        scene("regions-labelled", CANVAS, &regions, &four, &json!({"labels": true, "mute_marks": true, "radius": 10})),
    ]
}

#[test]
fn layouts_look_as_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let writes = std::env::var("PLENUM_GOLDEN").is_ok_and(|wish| wish == "write");
    let mut wrong = Vec::new();
    for (name, picture) in scenes(folder.path()) {
        let file = file(name);
        if writes {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            picture.save(&file).unwrap();
            continue;
        }
        let golden = image::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).to_rgb8();
        let share = difference(&golden, &picture);
        if share > TOLERANCE {
            let kept = std::env::temp_dir().join(format!("plenum-golden-{name}.png"));
            picture.save(&kept).unwrap();
            wrong.push(format!("{name}: {:.1} % differ, see {}", share * 100.0, kept.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\nPLENUM_GOLDEN=write cargo test --lib golden draws them anew");
}

#[test]
fn a_tile_that_moved_a_name_that_changed_and_a_corner_that_is_square_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let style = json!({"gap": 6, "radius": 10, "labels": true});
    let drawn = |style: &Value, name: &'static str| {
        let four = [&person(name, false, PEOPLE[0].video), &PEOPLE[1], &PEOPLE[2], &PEOPLE[3]];
        draw(CANVAS, &Layout::Grid, &four, &look(folder.path(), CANVAS, style))
    };
    let before = drawn(&style, "Ann Bell");
    assert!(difference(&before, &drawn(&style, "Ann Bell")) <= 0.0);
    let mut moved = style.clone();
    moved["gap"] = json!(10);
    let mut square = style.clone();
    square["radius"] = json!(0);
    for (what, after) in [
        ("moved", drawn(&moved, "Ann Bell")),
        ("name", drawn(&style, "Bartholomew")),
        ("square", drawn(&square, "Ann Bell")),
    ] {
        let share = difference(&before, &after);
        assert!(share > TOLERANCE, "{what}: {share}");
    }
}
