//! Pipelines as a drawing, in the language of Graphviz: for people who want to see what runs.
//!
//! Names, states and kinds of media only. No properties and no caps: among those are passwords of TURN servers.

use std::fmt::Write;

use gstreamer as gst;
use gstreamer::prelude::*;

/// How many elements are drawn at most; each takes about two kilobytes.
pub const MOST: usize = 10_000;

/// There is more than anybody could look at.
#[derive(Debug, thiserror::Error)]
#[error("there are more than {MOST} elements: nobody could read the drawing")]
pub struct TooLarge;

/// Draws `pipelines` side by side. May take its time: call it where one may wait.
///
/// # Errors
/// When there is too much.
pub fn draw(pipelines: &[gst::Pipeline]) -> Result<String, TooLarge> {
    let elements = pipelines.iter().flat_map(|pipeline| pipeline.iterate_recurse());
    if elements.take(MOST + 1).count() > MOST {
        return Err(TooLarge);
    }
    let details = gst::DebugGraphDetails::MEDIA_TYPE | gst::DebugGraphDetails::STATES;
    let texts = pipelines.iter().map(|pipeline| pipeline.debug_to_dot_data(details));
    Ok(side_by_side(texts))
}

/// One graph of several, each a box in it. Nodes of different pipelines have different names: GStreamer takes addresses.
fn side_by_side(texts: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut all = String::from("digraph room {\n  rankdir=LR;\n  newrank=true;\n");
    for (index, text) in texts.enumerate() {
        let inner = text.as_ref().split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
        if let Some((inner, _)) = inner {
            let _ = writeln!(all, "  subgraph cluster_pipeline_{index} {{{inner}}}");
        }
    }
    all.push_str("}\n");
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_are_drawn_in_boxes_without_their_properties() {
        gst::init().unwrap();
        let pipelines = ["one", "two"].map(|name| {
            let pipeline = gst::parse::launch("fakesrc name=a ! filesink name=b location=/a/secret").unwrap();
            let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
            pipeline.set_property("name", name);
            pipeline
        });
        let text = draw(&pipelines).unwrap();
        assert_eq!(text.matches("digraph").count(), 1);
        for wanted in ["subgraph cluster_pipeline_0", "subgraph cluster_pipeline_1", "one", "two", "GstFileSink"] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn what_nobody_could_read_is_not_drawn() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        for _ in 0..=MOST {
            pipeline.add(&gst::Bin::new()).unwrap();
        }
        assert!(draw(&[pipeline]).is_err());
    }
}
