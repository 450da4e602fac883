//! One picture of a mix as JPEG: encoded when somebody asks for it, by a pipeline that ends with it.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::OutputError;
use crate::media::description::{Descriptions, Values};
use crate::media::pipeline::Ended;

/// The narrowest that is made.
pub const NARROWEST: u32 = 16;
/// How long encoding may take.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// A raw picture as JPEG, `width` pixels wide if that is not more than it has, in its own shape. Blocks.
///
/// # Errors
/// When the description is not fit for use, or gives nothing in time.
pub fn encode(picture: &gst::Sample, width: Option<u32>, descriptions: &Descriptions) -> Result<Vec<u8>, OutputError> {
    let graph = |_| OutputError::Graph { step: "building a snapshot" };
    let missing = || OutputError::Graph { step: "encoding a snapshot" };
    let (Some(buffer), Some(caps)) = (picture.buffer_owned(), picture.caps_owned()) else { return Err(missing()) };
    let own = gst_video::VideoInfo::from_caps(&caps).map_err(graph)?;
    let (width, height) = size((own.width(), own.height()), width);
    let bin = descriptions.build("encode/jpeg.launch", &Values { width, height, ..Values::default() })?;

    let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(1).build();
    let pipeline = Ended(gst::Pipeline::new());
    pipeline.0.add_many([source.upcast_ref(), bin.upcast_ref(), sink.upcast_ref::<gst::Element>()]).map_err(graph)?;
    source.link_pads(Some("src"), &bin, Some("in")).map_err(graph)?;
    bin.link_pads(Some("out"), &sink, Some("sink")).map_err(graph)?;
    pipeline.0.set_state(gst::State::Playing).map_err(|_| missing())?;
    source.push_buffer(buffer).map_err(|_| missing())?;
    let _ = source.end_of_stream();
    let sample = sink.try_pull_sample(PATIENCE).ok_or_else(missing)?;
    let data = sample.buffer().and_then(|buffer| buffer.map_readable().ok()).ok_or_else(missing)?;
    Ok(data.to_vec())
}

/// The size of a picture of `own` size that is to be `width` wide.
fn size(own: (u32, u32), width: Option<u32>) -> (u32, u32) {
    let Some(width) = width.filter(|width| *width < own.0) else { return own };
    let width = (width & !1).max(NARROWEST);
    let height = (u64::from(width) * u64::from(own.1) / u64::from(own.0.max(1))) & !1;
    (width, u32::try_from(height).unwrap_or(own.1).max(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_and_grows_never() {
        for (own, wanted, expected) in [
            ((1280, 720), None, (1280, 720)),
            ((1280, 720), Some(320), (320, 180)),
            ((1280, 720), Some(321), (320, 180)),
            ((1280, 720), Some(4000), (1280, 720)),
            ((720, 1280), Some(90), (90, 160)),
            ((1280, 64), Some(16), (16, 2)),
        ] {
            assert_eq!(size(own, wanted), expected, "{own:?} {wanted:?}");
        }
    }

    #[test]
    fn black_and_white_stay_so_in_the_size_that_was_asked_for() {
        gst::init().unwrap();
        for (luma, expected) in [(16, 0), (235, 255)] {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, 640, 360)
                .colorimetry(&"bt601".parse().unwrap())
                .build()
                .unwrap();
            let mut picture = vec![luma; 640 * 360];
            picture.resize(640 * 360 * 3 / 2, 128);
            let sample = gst::Sample::builder()
                .buffer(&gst::Buffer::from_mut_slice(picture))
                .caps(&info.to_caps().unwrap())
                .build();
            let jpeg = encode(&sample, Some(64), &Descriptions::built_in()).unwrap();
            let (size, pixels) = decoded(&jpeg);
            assert_eq!(size, (64, 36));
            assert!(pixels.iter().all(|pixel| pixel.abs_diff(expected) < 4), "{expected}: {:?}", &pixels[..12]);
        }
    }

    /// The size and the grey of a JPEG.
    fn decoded(jpeg: &[u8]) -> ((u32, u32), Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jpg");
        std::fs::write(&file, jpeg).unwrap();
        let output = |program: &str, arguments: &[&str]| {
            let output = std::process::Command::new(program).args(["-v", "error"]).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let path = file.to_str().unwrap();
        let shown = output("ffprobe", &["-show_entries", "stream=width,height", "-of", "csv=p=0", path]);
        let shown = String::from_utf8(shown).unwrap();
        let (width, height) = shown.trim().split_once(',').unwrap();
        let grey = output("ffmpeg", &["-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
        ((width.parse().unwrap(), height.parse().unwrap()), grey)
    }
}
