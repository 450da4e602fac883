//! The mix's chain by the server's own descriptions and elements, with files at its ends: nothing in it is live.

use std::path::{Path, PathBuf};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use plenum::elements::fitter::Fitter;
use plenum::media::description::{Descriptions, Values};
use plenum::media::readers::Readers;
use plenum::mix::fill;
use plenum::mix::layout::{Fit, Place};

use crate::chain::{PICTURES_A_SECOND, tiles};

/// How long it may take.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(110);

/// The numbers of the film.
pub(crate) const VALUES: Values = Values {
    width: 1280,
    height: 720,
    fps: PICTURES_A_SECOND,
    gop: PICTURES_A_SECOND,
    video_kbps: 2500,
    audio_bps: 128_000,
};

/// Makes one film of many. Panics where anything fails.
pub(crate) fn make(films: &[PathBuf], seconds: u32, output: &Path) {
    gst::init().expect("GStreamer starts");
    let descriptions = ultrafast();
    let build = |file: &str| descriptions.build(file, &VALUES).unwrap_or_else(|error| panic!("{error}"));
    let pipeline = gst::Pipeline::new();
    let picture = build("recompose/video.launch");
    pipeline.add(&picture).expect("an empty pipeline");
    let socket = |name: &str| picture.by_name(name).expect("the contract of descriptions");
    let mixer = socket("mixer");
    still(&socket("stage").downcast().expect("the contract of descriptions"), seconds);
    let readers: Vec<Readers> = films
        .iter()
        .zip(tiles(films.len()))
        .map(|(film, tile)| {
            let decode = build("decode/vp8.launch");
            let fitter = Fitter::default();
            let file = make_one("filesrc", &[("location", film.to_str().expect("a name"))]);
            let demuxer = make_one("matroskademux", &[]);
            pipeline.add_many([&file, &demuxer, decode.upcast_ref(), fitter.upcast_ref()]).expect("new elements");
            file.link(&demuxer).expect("a file for a demuxer");
            let entry = decode.static_pad("in").expect("the contract of descriptions");
            demuxer.connect_pad_added(move |_, pad| assert!(pad.link(&entry).is_ok(), "a file of VP8"));
            decode.link_pads(Some("out"), &fitter, Some("sink")).expect("pictures");
            let pad = mixer.request_pad_simple("sink_%u").expect("a compositor");
            fill(&fitter, &pad, Place { placement: tile, z: 0, fit: Fit::Fill });
            let sides = [("xpos", tile.x), ("ypos", tile.y), ("width", tile.width), ("height", tile.height)];
            sides.into_iter().for_each(|(side, length)| pad.set_property(side, i32::try_from(length).expect("a side")));
            let ghost = gst::GhostPad::with_target(&pad).expect("a pad");
            picture.add_pad(&ghost).expect("a pad of a name of its own");
            fitter.static_pad("src").expect("an element of ours").link(&ghost).expect("pictures for a compositor");
            Readers::hold(vec![demuxer, file])
        })
        .collect();

    let encode = build("encode/h264.launch");
    let [before, after] = [0; 2].map(|_| make_one("queue", &[("max-size-buffers", "8"), ("max-size-bytes", "0")]));
    let muxer = make_one("matroskamux", &[]);
    let file =
        make_one("filesink", &[("location", output.to_str().expect("a name")), ("async", "false"), ("sync", "false")]);
    pipeline.add_many([&before, encode.upcast_ref(), &after, &muxer, &file]).expect("new elements");
    picture.link_pads(Some("out"), &before, Some("sink")).expect("pictures");
    before.link_pads(Some("src"), &encode, Some("in")).expect("pictures for an encoder");
    encode.link_pads(Some("out"), &after, Some("sink")).expect("H.264");
    gst::Element::link_many([&after, &muxer, &file]).expect("H.264 in Matroska");

    pipeline.set_state(gst::State::Playing).expect("it plays");
    readers.iter().for_each(|readers| readers.begin().expect("files begin"));
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let end = bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]);
    let end = end.expect("it ends in time");
    assert!(end.type_() == gst::MessageType::Eos, "{end:?}");
    pipeline.set_state(gst::State::Null).expect("it ends");
}

/// What is built in, but for the preset of the encoder, which the figure names.
fn ultrafast() -> Descriptions {
    let name = "encode/h264-x264.launch";
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines").join(name));
    let text = text.expect("a description").replace("speed-preset=superfast", "speed-preset=ultrafast");
    assert!(text.contains("ultrafast"), "{text}");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("encode")).expect("a folder");
    std::fs::write(folder.path().join(name), text).expect("a file");
    Descriptions::with_replacements(folder.path()).unwrap_or_else(|error| panic!("{error}"))
}

/// One still picture below all others, as long as they are.
fn still(stage: &AppSrc, seconds: u32) {
    let caps = gst::Caps::builder("video/x-raw").field("format", "BGRx");
    let caps = caps.field("width", 1280).field("height", 720).field("framerate", gst::Fraction::new(0, 1));
    stage.set_caps(Some(&caps.build()));
    let mut picture = gst::Buffer::from_mut_slice(vec![0x20u8; 1280 * 720 * 4]);
    let whole = picture.make_mut();
    whole.set_pts(gst::ClockTime::ZERO);
    whole.set_duration(gst::ClockTime::SECOND * u64::from(seconds));
    stage.push_buffer(picture).expect("a new source");
    stage.end_of_stream().expect("a new source");
}

fn make_one(factory: &str, properties: &[(&str, &str)]) -> gst::Element {
    let element = gst::ElementFactory::make(factory).build().unwrap_or_else(|error| panic!("{factory}: {error}"));
    properties.iter().for_each(|(name, value)| element.set_property_from_str(name, value));
    element
}
