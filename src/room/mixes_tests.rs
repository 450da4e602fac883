//! What mixes are, and become.

use super::*;

fn change(text: &str) -> Change {
    serde_json::from_str(text).expect(text)
}

fn usual() -> config::Mix {
    config::Config::default().mix
}

#[test]
fn a_change_changes_what_it_names() {
    let first = change(r#"{"layout": "speaker", "fps": 15, "pins": ["Ann"], "labels": {"Ann": "Dr Ann"}}"#);
    let first = first.of(&Definition::default()).unwrap();
    let then = change(r#"{"layout": "pip", "pins": null}"#).of(&first).unwrap();
    assert_eq!((&then.scene.layout, then.fps, then.scene.pins.len()), (&Layout::Pip, Some(15), 0));
    assert_eq!(then.scene.labels, first.scene.labels);
    assert_eq!(first.fixed(&then), None);
    assert_eq!(then.fixed(&change(r#"{"fps": null}"#).of(&then).unwrap()), Some("fps"));
    assert_eq!(change("{}").of(&first), Ok(first.clone()));
    let styled = change(r#"{"style": {"gap": 8, "labels": true}}"#).of(&first).unwrap();
    let styled = change(r#"{"style": {"gap": null, "radius": 4}}"#).of(&styled).unwrap();
    assert_eq!((styled.style.gap, styled.style.radius, styled.style.labels), (0, 4, true));
    assert_eq!(change(r#"{"style": null}"#).of(&styled), Ok(first));
}

#[test]
fn what_cannot_be_had_is_refused_by_its_field() {
    for (text, field) in [
        (r#"{"width": 641}"#, "width"),
        (r#"{"height": 8}"#, "height"),
        (r#"{"fps": 0}"#, "fps"),
        (r#"{"videoKbps": 1}"#, "videoKbps"),
        (r#"{"style": {"gap": -1}}"#, "style.gap"),
        (r#"{"style": {"text": [{"text": "a", "x": 5000}]}}"#, "style.text[0].x"),
        (r#"{"layout": {"regions": {"a": {"x": 700}}}, "width": 640}"#, "layout"),
    ] {
        let refused = change(text).of(&Definition::default()).and_then(|mix| mix.check(&usual()));
        assert!(matches!(&refused, Err(MixesError::Refused { field: said, .. }) if said == field), "{refused:?}");
    }
    assert!(serde_json::from_str::<Change>(r#"{"colour": 1}"#).is_err());
}

#[test]
fn a_layout_has_a_mix_for_all_who_want_it() {
    let mut mixes = Mixes::default();
    let of = |layout: &str| Pick { mix: None, layout: Some(serde_json::from_str(layout).expect(layout)) };
    let by_name = |name: &str| Pick { mix: MixName::parse(name).ok(), layout: None };
    assert!(mixes.pick(Pick::default()).unwrap().is_default());
    let speaker = mixes.pick(of("\"speaker\"")).unwrap();
    assert_eq!(mixes.pick(by_name("speaker")), Ok(speaker.clone()));
    let (one, two) = (r#"{"regions": {"a": {"x": 2}}}"#, r#"{"regions": {"a": {"x": 4}}}"#);
    let regions = mixes.pick(of(one)).unwrap();
    assert_eq!(mixes.pick(of(one)), Ok(regions.clone()));
    assert_ne!(mixes.pick(of(two)), Ok(regions));
    assert!(matches!(mixes.pick(by_name("stage")), Err(MixesError::Unknown(_))));
    assert!(mixes.pick(Pick { mix: Some(MixName::default()), layout: Some(Layout::Pip) }).is_err());
    assert!(mixes.implied().any(|name| *name == speaker));
    mixes.forget(&speaker);
    assert_eq!(mixes.implied().count(), 2);
}

#[test]
fn a_mix_has_a_name_of_its_own() {
    let mut mixes = Mixes::default();
    let name = |text: &str| MixName::parse(text).unwrap();
    assert_eq!(mixes.make(name("stage"), Definition::default()), Ok(()));
    assert!(matches!(mixes.make(name("stage"), Definition::default()), Err(MixesError::Exists(_))));
    assert!(matches!(mixes.make(name("default"), Definition::default()), Err(MixesError::Exists(_))));
    for reserved in ["speaker", "regions-1"] {
        assert!(matches!(mixes.make(name(reserved), Definition::default()), Err(MixesError::Refused { .. })));
    }
    mixes.forget(&name("stage"));
    assert!(matches!(mixes.made(&name("stage")), Err(MixesError::Unknown(_))));
}

#[test]
fn an_upright_layout_has_an_upright_canvas_unless_a_size_is_said() {
    let upright = change(r#"{"layout": "portrait"}"#).of(&Definition::default()).unwrap();
    let Values { width, height, .. } = upright.values(&usual());
    assert_eq!((width, height), (720, 1280));
    let Values { width, height, .. } = change(r#"{"width": 640}"#).of(&upright).unwrap().values(&usual());
    assert_eq!((width, height), (640, 720));
}
