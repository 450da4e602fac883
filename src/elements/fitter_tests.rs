//! The fitter in a harness.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use gstreamer_check::Harness;

const GREY: &str = "video/x-raw,format=I420,width=64,height=32,framerate=30/1,pixel-aspect-ratio=1/1";

fn fitter() -> (Fitter, Harness) {
    gst::init().unwrap();
    let fitter = Fitter::default();
    let harness = Harness::with_element(&fitter, Some("sink"), Some("src"));
    (fitter, harness)
}

/// A picture whose left half is dark, with a stripe of light at its left and right edges.
fn picture(caps: &str) -> gst::Buffer {
    let info = gst_video::VideoInfo::from_caps(&caps.parse::<gst::Caps>().unwrap()).unwrap();
    let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
    buffer.get_mut().unwrap().set_pts(gst::ClockTime::SECOND);
    let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer.get_mut().unwrap(), &info).unwrap();
    for plane in 0..frame.n_planes() {
        let (width, stride) = (frame.comp_width(plane) as usize, frame.plane_stride()[plane as usize] as usize);
        for row in frame.plane_data_mut(plane).unwrap().chunks_exact_mut(stride) {
            for (x, byte) in row.iter_mut().enumerate() {
                let is_edge = x < width / 8 || x >= width - width / 8;
                *byte = if is_edge {
                    250
                } else if x < width / 2 {
                    50
                } else {
                    150
                };
            }
        }
    }
    drop(frame);
    buffer
}

/// The size of what leaves, and a row of each of its planes.
fn seen(harness: &mut Harness) -> ((u32, u32), Vec<Vec<u8>>) {
    let buffer = harness.pull().unwrap();
    assert_eq!(buffer.pts(), Some(gst::ClockTime::SECOND));
    let caps = harness.sinkpad().unwrap().current_caps().unwrap();
    let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &info).unwrap();
    let row = |plane: u32| {
        let stride = frame.plane_stride()[plane as usize] as usize;
        let middle = frame.comp_height(plane) as usize / 2 * stride;
        frame.plane_data(plane).unwrap()[middle..middle + frame.comp_width(plane) as usize].to_vec()
    };
    ((info.width(), info.height()), (0..frame.n_planes()).map(row).collect())
}

fn aim(width: u32, height: u32, shape: Shape) -> Option<Aim> {
    Some(Aim { width, height, shape })
}

#[test]
fn pictures_are_scaled_from_the_next_on_and_all_planes_alike() {
    let (fitter, mut harness) = fitter();
    harness.set_src_caps_str(GREY);
    harness.push(picture(GREY)).unwrap();
    assert_eq!(seen(&mut harness).0, (64, 32));
    fitter.aim(aim(30, 20, Shape::Kept));
    harness.push(picture(GREY)).unwrap();
    let (size, rows) = seen(&mut harness);
    assert_eq!(size, (30, 14));
    for row in rows {
        let at = |part: f64| row[(part * row.len() as f64) as usize];
        assert_eq!((at(0.3), at(0.7)), (50, 150), "{row:?}");
        assert!(row[0] > 200 && row[row.len() - 1] > 200, "{row:?}");
    }
    fitter.aim(None);
    harness.push(picture(GREY)).unwrap();
    assert_eq!(seen(&mut harness).0, (64, 32));
}

#[test]
fn edges_are_cut_off() {
    let (fitter, mut harness) = fitter();
    harness.set_src_caps_str(GREY);
    fitter.aim(aim(80, 80, Shape::Cut));
    harness.push(picture(GREY)).unwrap();
    let (size, rows) = seen(&mut harness);
    assert_eq!(size, (80, 80));
    for row in rows {
        assert_eq!((row[0], row[row.len() - 1]), (50, 150), "{row:?}");
    }
}

#[test]
fn a_sender_may_change_its_size() {
    let (fitter, mut harness) = fitter();
    fitter.aim(aim(32, 32, Shape::Kept));
    for (size, fitted) in [((64, 32), (32, 16)), ((32, 64), (16, 32)), ((32, 32), (32, 32)), ((6, 4), (32, 20))] {
        let caps = format!("video/x-raw,format=I420,width={},height={},framerate=30/1", size.0, size.1);
        harness.set_src_caps_str(&caps);
        harness.push(picture(&caps)).unwrap();
        assert_eq!(seen(&mut harness).0, fitted);
    }
}

#[test]
fn what_cannot_be_scaled_here_passes() {
    let (fitter, mut harness) = fitter();
    fitter.aim(aim(32, 32, Shape::Kept));
    for format in ["BGRx", "NV12", "I420_10LE"] {
        let caps = format!("video/x-raw,format={format},width=64,height=32,framerate=30/1");
        harness.set_src_caps_str(&caps);
        let mut buffer = gst::Buffer::with_size(64 * 32 * 4).unwrap();
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::SECOND);
        harness.push(buffer).unwrap();
        assert_eq!(harness.pull().unwrap().size(), 64 * 32 * 4);
        let leaves = harness.sinkpad().unwrap().current_caps().unwrap();
        assert_eq!(leaves.structure(0).unwrap().get::<i32>("width"), Ok(64));
    }
}
