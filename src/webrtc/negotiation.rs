//! The one offer and the one answer of an endpoint: a task that walks webrtcbin through its promises, answering a client or
//! offering to a server.

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
    let offer = read("reading the offer", gst_webrtc::WebRTCSDPType::Offer, offer)?;
    step("setting the offer", |promise| {
        webrtcbin.emit_by_name::<()>("set-remote-description", &[&offer, promise]);
    })
    .await?;
    prepare(webrtcbin);
    let answer =
        describe(webrtcbin, ["create-answer", "answer"], ["creating the answer", "setting the answer"]).await?;
    write("writing the answer", &answer)
}

/// Has webrtcbin offer what its transceivers send, and returns the raw offer once it is set: gathering has begun then.
pub(super) async fn offer(webrtcbin: &gst::Element) -> Result<String, EndpointError> {
    let offer = describe(webrtcbin, ["create-offer", "offer"], ["creating the offer", "setting the offer"]).await?;
    write("writing the offer", &offer)
}

/// Has webrtcbin describe itself, by a signal and the name of what it replies with, and sets that.
async fn describe(
    webrtcbin: &gst::Element,
    [signal, reply]: [&'static str; 2],
    [creating, setting]: [&'static str; 2],
) -> Result<gst_webrtc::WebRTCSessionDescription, EndpointError> {
    let described = step(creating, |promise| {
        webrtcbin.emit_by_name::<()>(signal, &[&None::<gst::Structure>, promise]);
    })
    .await?
    .and_then(|structure| structure.get::<gst_webrtc::WebRTCSessionDescription>(reply).ok())
    .ok_or_else(|| EndpointError::Negotiation { step: creating, detail: "there is none".into() })?;
    step(setting, |promise| {
        webrtcbin.emit_by_name::<()>("set-local-description", &[&described, promise]);
    })
    .await?;
    Ok(described)
}

/// Gives webrtcbin the remote `answer` to its offer.
pub(super) async fn accept(webrtcbin: &gst::Element, answer: &str) -> Result<(), EndpointError> {
    let answer = read("reading the answer", gst_webrtc::WebRTCSDPType::Answer, answer)?;
    step("setting the answer", |promise| {
        webrtcbin.emit_by_name::<()>("set-remote-description", &[&answer, promise]);
    })
    .await
    .map(drop)
}

fn read(
    step: &'static str,
    kind: gst_webrtc::WebRTCSDPType,
    text: &str,
) -> Result<gst_webrtc::WebRTCSessionDescription, EndpointError> {
    let message = gst_sdp::SDPMessage::parse_buffer(text.as_bytes())
        .map_err(|error| EndpointError::Negotiation { step, detail: error.to_string() })?;
    Ok(gst_webrtc::WebRTCSessionDescription::new(kind, message))
}

fn write(step: &'static str, description: &gst_webrtc::WebRTCSessionDescription) -> Result<String, EndpointError> {
    description.sdp().as_text().map_err(|error| EndpointError::Negotiation { step, detail: error.to_string() })
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
