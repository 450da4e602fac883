use proptest::prelude::*;

use super::*;

const HD: Size = Size { width: 1280, height: 720 };
const TALL: Size = Size { width: 720, height: 1280 };
const CAMERA: Source<'_> = Source { id: "", name: "", shared: false, speaks: false, seat: 0, gone: false, pin: None };
const SCREEN: Source<'_> = Source { shared: true, ..CAMERA };
const SPEAKER: Source<'_> = Source { speaks: true, ..CAMERA };

fn at(x: u32, y: u32, width: u32, height: u32) -> Placement {
    Placement { x, y, width, height }
}

/// Where everybody is, who all are.
fn all(layout: &Layout, canvas: Size, sources: &[Source<'_>]) -> Vec<Placement> {
    some(layout, canvas, sources).into_iter().map(|place| place.expect("a place")).collect()
}

fn some(layout: &Layout, canvas: Size, sources: &[Source<'_>]) -> Vec<Option<Placement>> {
    layout.places(canvas, sources, usize::MAX).into_iter().map(|place| Some(place?.placement)).collect()
}

fn fits(layout: &Layout, sources: &[Source<'_>]) -> Vec<Option<(i32, Fit)>> {
    layout.places(HD, sources, usize::MAX).into_iter().map(|place| place.map(|place| (place.z, place.fit))).collect()
}

#[test]
fn a_name_is_that_of_its_layout_or_refused_with_all_names() {
    for layout in Layout::NAMED {
        assert_eq!(layout.name().parse(), Ok(layout));
    }
    assert_eq!("screen".parse(), Ok(Layout::Presentation), "its former name");
    let error = "mosaic".parse::<Layout>().expect_err("unknown").to_string();
    let names = "grid, speaker, presentation, pip, side-by-side, single, portrait";
    assert_eq!(error, format!("layout \"mosaic\" is unknown: use one of {names}, or an object with regions"));
    assert!("regions".parse::<Layout>().is_err());
}

#[test]
fn who_speaks_is_large_and_the_others_stand_below() {
    let places = all(&Layout::Speaker, HD, &[CAMERA, SPEAKER, CAMERA]);
    assert_eq!(places, [at(384, 576, 256, 144), at(0, 0, 1280, 576), at(640, 576, 256, 144)]);
    assert_eq!(all(&Layout::Speaker, HD, &[SPEAKER]), [at(0, 0, 1280, 720)]);
    let first = all(&Layout::Speaker, HD, &[SCREEN, CAMERA, CAMERA]);
    assert_eq!(first[1], at(0, 0, 1280, 576), "nobody has spoken yet");
    assert_eq!(all(&Layout::Speaker, HD, &[SCREEN]), grid(HD, 1));
}

#[test]
fn a_screen_is_large_and_without_one_there_is_a_grid() {
    let places = all(&Layout::Presentation, HD, &[CAMERA, SCREEN, SPEAKER]);
    assert_eq!(places, [at(1024, 216, 256, 144), at(0, 0, 1024, 720), at(1024, 360, 256, 144)]);
    assert_eq!(all(&Layout::Presentation, HD, &[CAMERA, SPEAKER, CAMERA]), grid(HD, 3));
    assert_eq!(all(&Layout::Presentation, HD, &[SCREEN, SCREEN])[1].width, 1024, "the last one");
}

#[test]
fn the_small_picture_lies_on_the_large_one() {
    let (whole, corner) = (Some(at(0, 0, 1280, 720)), Some(at(942, 522, 320, 180)));
    assert_eq!(some(&Layout::Pip, HD, &[CAMERA, SCREEN, SPEAKER]), [None, whole, corner]);
    assert_eq!(some(&Layout::Pip, HD, &[CAMERA, SPEAKER, CAMERA]), [corner, whole, None]);
    assert_eq!(some(&Layout::Pip, HD, &[SPEAKER, CAMERA, CAMERA]), [whole, corner, None]);
    assert_eq!(some(&Layout::Pip, HD, &[CAMERA]), [whole]);
    assert_eq!(some(&Layout::Pip, HD, &[SCREEN, SCREEN]), [corner, whole]);
    let small = Some((1, Fit::Cover));
    assert_eq!(fits(&Layout::Pip, &[CAMERA, SCREEN]), [small, Some((0, Fit::Contain))]);
    assert_eq!(fits(&Layout::Pip, &[SCREEN, SCREEN])[0], Some((1, Fit::Contain)), "nothing of a screen is cut off");
}

#[test]
fn two_stand_side_by_side() {
    let (left, right) = (Some(at(0, 0, 640, 720)), Some(at(640, 0, 640, 720)));
    assert_eq!(some(&Layout::SideBySide, HD, &[CAMERA, CAMERA, SPEAKER]), [left, right, None], "nobody jumps");
    assert_eq!(some(&Layout::SideBySide, HD, &[CAMERA, SPEAKER, SCREEN]), [None, right, left]);
    assert_eq!(some(&Layout::SideBySide, HD, &[CAMERA]), [Some(at(0, 0, 1280, 720))]);
    let (cover, contain) = (Some((0, Fit::Cover)), Some((0, Fit::Contain)));
    assert_eq!(fits(&Layout::SideBySide, &[CAMERA, SCREEN]), [cover, contain]);
    assert_eq!(fits(&Layout::SideBySide, &[CAMERA]), [contain]);
}

#[test]
fn one_is_alone() {
    let whole = Some(at(0, 0, 1280, 720));
    assert_eq!(some(&Layout::Single, HD, &[CAMERA, SPEAKER]), [None, whole]);
    assert_eq!(some(&Layout::Single, HD, &[CAMERA, SPEAKER, SCREEN]), [None, None, whole]);
    assert_eq!(some(&Layout::Single, HD, &[CAMERA, CAMERA]), [whole, None]);
}

#[test]
fn a_tall_canvas_is_filled_from_above() {
    assert_eq!(Layout::Portrait.canvas(HD), TALL);
    assert_eq!(Layout::Grid.canvas(HD), HD);
    assert_eq!(all(&Layout::Portrait, TALL, &[CAMERA]), [at(0, 0, 720, 1280)]);
    assert_eq!(all(&Layout::Portrait, TALL, &[CAMERA, SPEAKER]), [at(0, 0, 720, 640), at(0, 640, 720, 640)]);
    let five = all(&Layout::Portrait, TALL, &[CAMERA; 5]);
    assert_eq!((five[1], five[4]), (at(360, 0, 360, 426), at(180, 852, 360, 426)));
    let places = all(&Layout::Portrait, TALL, &[CAMERA, SCREEN, CAMERA]);
    assert_eq!(places, [at(0, 404, 720, 438), at(0, 0, 720, 404), at(0, 842, 720, 438)]);
    assert_eq!(all(&Layout::Portrait, TALL, &[SCREEN]), [at(0, 0, 720, 1280)]);
}

#[test]
fn of_too_many_the_first_are_seen_and_whoever_speaks_or_shares() {
    let mut many = vec![CAMERA; 20];
    (many[12], many[18]) = (SPEAKER, SCREEN);
    for layout in [Layout::Speaker, Layout::Presentation, Layout::Grid] {
        let places = layout.places(HD, &many, 6);
        let seen: Vec<usize> = (0..20).filter(|index| places[*index].is_some()).collect();
        assert_eq!(seen, [0, 1, 2, 3, 12, 18], "{layout}");
    }
}

pub(in crate::mix::layout) fn apart(a: &Placement, b: &Placement) -> bool {
    a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
}

fn sources() -> impl Strategy<Value = Vec<Source<'static>>> {
    let cameras = proptest::collection::vec((any::<bool>(), 0..8), 0..60);
    (cameras, any::<proptest::sample::Index>()).prop_map(|(all, speaker)| {
        let speaker = (!all.is_empty()).then(|| speaker.index(all.len()));
        let source = |(index, (shared, gone))| {
            let gone = gone == 0;
            Source { shared, speaks: !shared && !gone && Some(index) == speaker, gone, ..CAMERA }
        };
        all.into_iter().enumerate().map(source).collect()
    })
}

proptest! {
    #[test]
    fn every_layout_is_inside_even_and_without_overlap(
        width in 320u32..4000, height in 180u32..4000, sources in sources(), layout in 0usize..7, most in 1usize..40,
    ) {
        let layout = Layout::NAMED[layout].clone();
        let places = layout.places(Size { width, height }, &sources, most);
        prop_assert_eq!(places.len(), sources.len());
        let there = sources.iter().filter(|source| !source.gone).count();
        let seen: Vec<Place> = places.iter().copied().flatten().collect();
        let wanted = match layout {
            Layout::Single => there.min(1),
            Layout::Pip | Layout::SideBySide => there.min(2),
            _ => there,
        };
        prop_assert_eq!(seen.len(), wanted.min(most));
        for (index, Place { placement: place, z, .. }) in seen.iter().enumerate() {
            prop_assert!(place.width > 0 && place.height > 0);
            prop_assert!(place.x + place.width <= width && place.y + place.height <= height);
            prop_assert_eq!((place.x | place.y | place.width | place.height) & 1, 0);
            let is_apart = |other: &Place| apart(place, &other.placement) || other.z != *z;
            prop_assert!(seen[..index].iter().all(is_apart), "{:?}", places);
        }
        for (source, place) in sources.iter().zip(&places) {
            prop_assert!(!source.gone || place.is_none());
            prop_assert!(!source.shared || place.is_none_or(|place| place.fit == Fit::Contain));
        }
        let large = sources.iter().position(|source| source.speaks).and_then(|large| places[large]);
        if let (Layout::Speaker, Some(large)) = (&layout, large) {
            let area = |place: &Place| u64::from(place.placement.width) * u64::from(place.placement.height);
            prop_assert!(seen.iter().all(|place| area(place) <= area(&large)));
        }
    }

    #[test]
    fn nobody_jumps_because_somebody_else_speaks(
        count in 2usize..20, turns in proptest::collection::vec(0usize..20, 1..8), layout in 0usize..7,
    ) {
        let layout = Layout::NAMED[layout].clone();
        let mut sources: Vec<_> = (0..count as u64).map(|seat| Source { seat, ..CAMERA }).collect();
        for turn in turns {
            let (from, to) = (spotlight(&sources).expect("somebody"), turn % count);
            let before = layout.places(HD, &sources, usize::MAX);
            let seats = (sources[from].seat, sources[to].seat);
            (sources[to].seat, sources[from].seat) = seats;
            sources.iter_mut().enumerate().for_each(|(index, source)| source.speaks = index == to);
            let after = layout.places(HD, &sources, usize::MAX);
            if layout == Layout::Speaker {
                prop_assert_eq!((before[from], before[to]), (after[to], after[from]), "they swap");
            }
            if !matches!(layout, Layout::Pip | Layout::Single) {
                let others = (0..count).filter(|index| ![from, to].contains(index));
                prop_assert!(others.into_iter().all(|index| before[index] == after[index]));
            }
        }
    }
}
