//! The table of descriptions: their texts as built in, and the sockets that the code needs of each.

/// An element that a description must name.
#[derive(Debug)]
pub(super) enum Socket {
    /// Media enters through its `sink` pad.
    Inlet(&'static str),
    /// Media leaves through its `src` pad.
    Outlet(&'static str),
    /// The code needs the element itself, made by `factory` if it depends on that.
    Element {
        /// The element's name.
        name: &'static str,
        /// The element's factory, where only that one will do.
        factory: Option<&'static str>,
    },
}

impl Socket {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Inlet(name) | Self::Outlet(name) | Self::Element { name, .. } => name,
        }
    }
}

/// One description.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name below `pipelines/`.
    pub(super) file: &'static str,
    /// Its text as built in.
    pub(super) text: &'static str,
    /// What it must name.
    pub(super) sockets: &'static [Socket],
}

macro_rules! entry {
    ($file:literal, $($socket:expr),+) => {
        Entry {
            file: $file,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pipelines/", $file)),
            sockets: &[$($socket),+],
        }
    };
}

const STAGE: Socket = Socket::Element { name: "stage", factory: Some("appsrc") };
const COMPOSITOR: Socket = Socket::Element { name: "mixer", factory: Some("compositor") };
const AUDIOMIXER: Socket = Socket::Element { name: "mixer", factory: Some("audiomixer") };
const SILENCE: Socket = Socket::Element { name: "silence", factory: Some("audiotestsrc") };
const SINK: Socket = Socket::Element { name: "sink", factory: None };
const MUX: Socket = Socket::Element { name: "mux", factory: None };

/// The name by which the one is built that was chosen of [`VARIANTS`].
pub(super) const CHOSEN: &str = "encode/h264.launch";
/// Of these one is used. The first is if nobody chooses.
pub(super) const VARIANTS: [&str; 5] = [
    "encode/h264-x264.launch",
    "encode/h264-openh264.launch",
    "encode/h264-vaapi.launch",
    "encode/h264-vaapi-lp.launch",
    "encode/h264-nvenc.launch",
];

pub(super) const CONTRACT: &[Entry] = &[
    entry!("input/video-vp8.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("input/video-h264.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("input/audio-opus.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("mix/video.launch", STAGE, COMPOSITOR, Socket::Outlet("out")),
    entry!("mix/audio.launch", SILENCE, AUDIOMIXER, Socket::Outlet("out")),
    entry!("encode/h264-x264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/h264-openh264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/h264-vaapi.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/h264-vaapi-lp.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/h264-nvenc.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/aac.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/vp8.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/opus.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("encode/jpeg.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("stream/h264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("stream/vp8.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("stream/aac.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("stream/opus.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("rtp/h264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("rtp/vp8.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("rtp/opus.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("track/vp8.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("track/h264.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("track/opus.launch", Socket::Inlet("rtp"), Socket::Outlet("out")),
    entry!("decode/vp8.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("decode/h264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("decode/opus.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("recompose/video.launch", STAGE, COMPOSITOR, Socket::Outlet("out")),
    entry!("recompose/audio.launch", SILENCE, AUDIOMIXER, Socket::Outlet("out")),
    entry!("recompose/h264.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("recompose/vp8.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("recompose/aac.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("recompose/opus.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("output/mp4.launch", MUX, SINK),
    entry!("output/mkv.launch", MUX, SINK),
    entry!("output/webm.launch", MUX, SINK),
    entry!("stream/h264-ts.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("stream/aac-ts.launch", Socket::Inlet("in"), Socket::Outlet("out")),
    entry!("output/rtmp.launch", MUX, SINK),
    entry!("output/srt.launch", MUX, SINK),
];
