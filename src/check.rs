//! What this machine lacks: GStreamer elements, named with the Debian package that has them, and descriptions that
//! would not run.

use std::fmt;

use gstreamer as gst;

use crate::media::description::{DescriptionError, Descriptions};

/// The elements that the server cannot do without, by Debian 12 package. Those of descriptions are listed too, since
/// "no element" is of more help with the package's name.
const NEEDED: &[(&str, &[&str])] = &[
    ("libgstreamer1.0-0", &["queue", "tee", "filesink", "fakesink", "identity", "capsfilter"]),
    (
        "gstreamer1.0-plugins-base",
        &[
            "appsrc",
            "appsink",
            "audioconvert",
            "audiomixer",
            "audioresample",
            "audiotestsrc",
            "compositor",
            "opusdec",
            "opusenc",
            "videoconvert",
            "videotestsrc",
        ],
    ),
    (
        "gstreamer1.0-plugins-good",
        &[
            "aacparse",
            "imagefreeze",
            "jpegenc",
            "mp4mux",
            "rtpbin",
            "rtph264depay",
            "rtph264pay",
            "rtpjitterbuffer",
            "rtpopusdepay",
            "rtpopuspay",
            "rtpvp8depay",
            "rtpvp8pay",
            "vp8dec",
            "vp8enc",
        ],
    ),
    ("gstreamer1.0-plugins-bad", &["dtlsdec", "dtlsenc", "h264parse", "srtpdec", "srtpenc", "webrtcbin"]),
    ("gstreamer1.0-plugins-ugly", &["x264enc"]),
    ("gstreamer1.0-libav", &["avdec_h264", "avenc_aac"]),
    ("gstreamer1.0-nice", &["nicesink", "nicesrc"]),
];

/// Something that keeps the server from working.
#[derive(Debug)]
pub enum Problem {
    /// An element is not installed.
    Element {
        /// Its name.
        name: &'static str,
        /// The Debian 12 package that has it.
        package: &'static str,
    },
    /// A description would not run.
    Description(DescriptionError),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element { name, package } => {
                write!(f, "GStreamer element {name} is missing: apt-get install {package}")
            }
            Self::Description(error) => write!(f, "{error}"),
        }
    }
}

/// The elements that are missing, each with its package. GStreamer must be initialised.
#[must_use]
pub fn missing() -> Vec<String> {
    missing_elements().map(|problem| problem.to_string()).collect()
}

fn missing_elements() -> impl Iterator<Item = Problem> {
    let elements = NEEDED.iter().flat_map(|(package, names)| names.iter().map(move |name| (*package, *name)));
    let missing = elements.filter(|(_, name)| gst::ElementFactory::find(name).is_none());
    missing.map(|(package, name)| Problem::Element { name, package })
}

/// Everything that keeps the server from working here; nothing, if it can. GStreamer must be initialised.
#[must_use]
pub fn check(descriptions: &Descriptions) -> Vec<Problem> {
    missing_elements().chain(descriptions.check().into_iter().map(Problem::Description)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_runs_the_tests_can_run_the_server() {
        gst::init().unwrap();
        let problems = check(&Descriptions::built_in());
        assert!(problems.is_empty(), "{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_missing_element_is_named_with_its_package() {
        let problem = Problem::Element { name: "x264enc", package: "gstreamer1.0-plugins-ugly" };
        assert_eq!(
            problem.to_string(),
            "GStreamer element x264enc is missing: apt-get install gstreamer1.0-plugins-ugly"
        );
    }
}
