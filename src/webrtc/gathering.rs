//! Local candidates for an answer that holds all of them, for clients that cannot be told any later (RFC 9725, section 4.3).
//!
//! They come in threads of webrtcbin; the task that makes the answer waits for them, within a bound.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;
use tokio::sync::watch;

/// What a webrtcbin gathers. Begin to watch it before it has an answer.
#[derive(Debug, Clone)]
pub(super) struct Gathering {
    found: Arc<Mutex<Vec<String>>>,
    complete: watch::Receiver<bool>,
    within: Duration,
}

impl Gathering {
    /// Collects what `webrtcbin` finds; nobody waits for it longer than `within`.
    pub(super) fn watch(webrtcbin: &gst::Bin, within: Duration) -> Self {
        let found = Arc::new(Mutex::new(Vec::new()));
        let finds = Arc::clone(&found);
        webrtcbin.connect("on-ice-candidate", false, move |values| {
            let candidate = values.get(2)?.get::<String>().ok()?;
            finds.lock().unwrap_or_else(PoisonError::into_inner).push(candidate);
            None
        });
        let (say, complete) = watch::channel(false);
        webrtcbin.connect_notify(Some("ice-gathering-state"), move |webrtcbin, _| {
            let state = webrtcbin.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state");
            say.send_replace(state == gst_webrtc::WebRTCICEGatheringState::Complete);
        });
        Self { found, complete, within }
    }

    /// All candidates, or those that were found in time.
    pub(super) async fn candidates(mut self) -> Vec<String> {
        // It also ends when webrtcbin does.
        if tokio::time::timeout(self.within, self.complete.wait_for(|complete| *complete)).await.is_err() {
            tracing::debug!(within = ?self.within, "an answer does not wait for further candidates");
        }
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
