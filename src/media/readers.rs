//! Readers of files begin last: a demuxer has its pads only once it runs, so nothing else makes it wait for what it feeds,
//! and what is not active yet refuses the first buffer, after which the demuxer pauses without a word.

use gstreamer as gst;
use gstreamer::prelude::*;

/// Elements that stay as they are when their pipeline begins, until they are let go.
#[derive(Debug)]
pub struct Readers(Vec<gst::Element>);

impl Readers {
    /// Holds `elements`, the one nearest to what they feed first.
    #[must_use]
    pub fn hold(elements: Vec<gst::Element>) -> Self {
        for element in &elements {
            element.set_locked_state(true);
        }
        Self(elements)
    }

    /// Lets them go, once their pipeline has begun.
    ///
    /// # Errors
    /// When one refuses.
    pub fn begin(&self) -> Result<(), gst::glib::BoolError> {
        for element in &self.0 {
            element.set_locked_state(false);
            element.sync_state_with_parent()?;
        }
        Ok(())
    }
}
