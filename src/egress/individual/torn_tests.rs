//! A file that was cut off while its pictures changed their size becomes whole.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::intake::Frame;
use super::tile::Tile;
use super::track::Track;
use super::*;
use crate::egress::file::{FileName, MediaFile, Stream};
use crate::egress::format::{Choice, Container, Content};
use crate::egress::manifest::Manifest;
use crate::egress::repair::repair;
use crate::media::description::Values;
use crate::media::pipeline::Pipeline;
use crate::mix::Encoding;
use crate::mix::layout::Size;
use gstreamer::prelude::*;

const SIZES: [Size; 2] = [Size { width: 320, height: 180 }, Size { width: 640, height: 360 }];
/// Of each size.
const PICTURES: usize = 30;
const PICTURE: gst::ClockTime = gst::ClockTime::from_mseconds(40);

/// Writes pictures of several sizes, and silence, as an individual file has them, and ends without a word.
async fn write_and_cut_off(path: &Path) {
    let descriptions = Descriptions::built_in();
    let tiles = SIZES.map(|size| Tile::make("Ann", size, Encoding::H264, &descriptions).unwrap());
    let mut span = Span::default();
    span.begin(0);
    let span = Arc::new(Mutex::new(span));
    let tracks = [Encoding::H264, Encoding::Opus].map(|encoding| Track::new(encoding, &span, 0));
    let writer = descriptions.build(Container::Mkv.description(), &Values::default()).unwrap();
    writer.by_name("sink").unwrap().set_property("location", path);
    let mux = writer.by_name("mux").unwrap();
    let (pipeline, _events) = Pipeline::new("torn");
    pipeline.gst().add(&writer).unwrap();
    for (track, kind) in tracks.iter().zip([Kind::Video, Kind::Audio]) {
        let ghost = gst::GhostPad::with_target(&mux.request_pad_simple(&format!("{kind}_%u")).unwrap()).unwrap();
        writer.add_pad(&ghost).unwrap();
        pipeline.gst().add(track.element()).unwrap();
        track.element().link_pads(Some("src"), &writer, Some(ghost.name().as_str())).unwrap();
    }
    pipeline.play().unwrap();
    for index in 0..SIZES.len() * PICTURES {
        let at = PICTURE * index as u64;
        let Tile { buffer, caps, .. } = tiles[index / PICTURES].clone();
        assert!(!tracks[0].take(Frame { buffer, caps, at }));
    }
    tracks[1].fill((PICTURE * (SIZES.len() * PICTURES) as u64 + gst::ClockTime::SECOND).nseconds(), |_| None);
    let last = tiles[1].buffer.map_readable().unwrap();
    let written = |bytes: &[u8]| bytes.windows(last.len()).filter(|part| *part == last.as_slice()).count();
    let deadline = Instant::now() + Duration::from_secs(20);
    // The muxer keeps a picture until it has the next one.
    while std::fs::read(path).map_or(0, |bytes| written(&bytes)) + 1 < PICTURES {
        assert!(Instant::now() < deadline, "the pictures are not written");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    pipeline.end();
}

/// The sizes of the pictures that a player decodes.
fn seen(path: &Path) -> Vec<String> {
    let probe = ["-v", "error", "-select_streams", "v", "-show_entries", "frame=width,height", "-of", "csv=p=0"];
    let output = Command::new("ffprobe").args(probe).arg(path).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_several_sizes_are_all_in_the_file_that_is_made_whole() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let choice = Choice { kind: Content::Individual, ..Choice::default() };
    let mut manifest = Manifest::new(RecordingId::new(), "tea".into(), choice.resolve(Codec::H264).unwrap());
    let stream = |codec| Stream { codec, participant: Some(ParticipantId::new()), source: None };
    let streams = [Encoding::H264, Encoding::Opus].map(stream).to_vec();
    let name = FileName::numbered(&manifest.id, 1, "mkv");
    let path = name.within(folder.path());
    manifest.files.push(MediaFile::new(name, streams, 0));
    write_and_cut_off(&path).await;
    let before = seen(&path);

    let (files, failure) = repair(&manifest, folder.path(), 0).await;
    assert_eq!(failure, None);
    let after = seen(&path);
    assert_eq!(after, before, "nothing is lost");
    for size in SIZES {
        let same = after.iter().filter(|seen| **seen == format!("{},{}", size.width, size.height)).count();
        assert!(same + 1 >= PICTURES, "{same} of {size:?}");
    }
    assert!(files[0].duration_ms > 2 * 40 * (PICTURES as u64 - 2), "{:?}", files[0]);
    let bytes = std::fs::read(&path).unwrap();
    // The cues, by which players seek: only a file that was ended has them.
    assert!(bytes.windows(4).any(|part| part == [0x1c, 0x53, 0xbb, 0x6b]));
}
