//! The one offer and the one answer of an endpoint: a task that walks webrtcbin through its promises.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp as gst_sdp;
use gstreamer_webrtc as gst_webrtc;
use tokio::sync::oneshot;

use super::endpoint::EndpointError;

/// How long webrtcbin may take for one step. It takes milliseconds, or it hangs.
const STEP_DEADLINE: Duration = Duration::from_secs(10);

/// Gives webrtcbin the remote `offer`, lets `prepare` add transceivers, and returns the raw answer once it is set.
pub(super) async fn answer(
    webrtcbin: &gst::Element,
    offer: &str,
    prepare: impl FnOnce(&gst::Element),
) -> Result<String, EndpointError> {
    let message = gst_sdp::SDPMessage::parse_buffer(offer.as_bytes())
        .map_err(|error| EndpointError::Negotiation { step: "reading the offer", detail: error.to_string() })?;
    let offer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, message);
    step("setting the offer", |promise| {
        webrtcbin.emit_by_name::<()>("set-remote-description", &[&offer, promise]);
    })
    .await?;
    prepare(webrtcbin);
    let answer = step("creating the answer", |promise| {
        webrtcbin.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, promise]);
    })
    .await?
    .and_then(|reply| reply.get::<gst_webrtc::WebRTCSessionDescription>("answer").ok())
    .ok_or_else(|| EndpointError::Negotiation { step: "creating the answer", detail: "there is none".into() })?;
    step("setting the answer", |promise| {
        webrtcbin.emit_by_name::<()>("set-local-description", &[&answer, promise]);
    })
    .await?;
    answer
        .sdp()
        .as_text()
        .map_err(|error| EndpointError::Negotiation { step: "writing the answer", detail: error.to_string() })
}

async fn step(step: &'static str, begin: impl FnOnce(&gst::Promise)) -> Result<Option<gst::Structure>, EndpointError> {
    let (sender, receiver) = oneshot::channel();
    let promise = gst::Promise::with_change_func(move |reply| {
        let reply = reply.map(|structure| structure.map(ToOwned::to_owned)).map_err(|error| format!("{error:?}"));
        let _ = sender.send(reply);
    });
    begin(&promise);
    let failed = |detail: String| EndpointError::Negotiation { step, detail };
    let reply = tokio::time::timeout(STEP_DEADLINE, receiver)
        .await
        .map_err(|_| failed(format!("no reply within {STEP_DEADLINE:?}")))?
        .map_err(|_| failed("webrtcbin dropped the promise".into()))?
        .map_err(failed)?;
    if let Some(error) = reply.as_ref().and_then(|reply| reply.get::<glib::Error>("error").ok()) {
        return Err(failed(error.to_string()));
    }
    Ok(reply)
}
