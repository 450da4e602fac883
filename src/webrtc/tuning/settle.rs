//! Ends the threads of webrtcbin that only the set-up of a connection needs, once it is up.
//!
//! Runs on GStreamer's pool. Invariant: nothing is taken out of webrtcbin, which keeps pointers to its parts and sets
//! their properties to the end; a part that is done is only unlinked or made idle.

use gstreamer as gst;
use gstreamer::prelude::*;

/// Lets a connected `webrtcbin` go on with fewer threads.
pub(in crate::webrtc) fn settle(webrtcbin: &gst::Bin) {
    webrtcbin.call_async(|webrtcbin| {
        all(webrtcbin, "queue").iter().for_each(bypass_queue);
        all(webrtcbin, "dtlsenc").iter().for_each(end_handshake);
    });
}

fn all(webrtcbin: &gst::Bin, factory: &str) -> Vec<gst::Element> {
    webrtcbin.iterate_all_by_element_factory_name(factory).into_iter().flatten().collect()
}

/// The queue behind `nicesrc` holds what comes before DTLS may take it. Afterwards it is a thread, and a change of
/// threads for each packet, in front of code that never waits: what comes in then passes by it.
fn bypass_queue(queue: &gst::Element) {
    let Some((way_in, way_out)) = around(queue) else { return };
    let queue = queue.clone();
    way_in.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |way_in, _| {
        // Leaky as long as webrtcbin keeps it shut. The next packet finds it empty, else that one would overtake.
        let is_shut = queue.property_value("leaky").transform::<i32>().is_ok_and(|leaky| leaky.get() != Ok(0));
        if is_shut || queue.property::<u32>("current-level-buffers") > 0 {
            return gst::PadProbeReturn::Ok;
        }
        relink(&queue, way_in, &way_out);
        gst::PadProbeReturn::Remove
    });
}

/// The pads between which `queue` stands, if it is the one in front of the DTLS decoder.
fn around(queue: &gst::Element) -> Option<(gst::Pad, gst::Pad)> {
    let way_in = queue.static_pad("sink")?.peer()?;
    let way_out = queue.static_pad("src")?.peer()?;
    let decoder = way_out.parent_element()?.factory()?;
    (decoder.name() == "dtlssrtpdec").then_some((way_in, way_out))
}

/// Runs in the streaming thread, in a probe: GStreamer looks up where to push, and which events that place has not
/// seen, after it.
fn relink(queue: &gst::Element, way_in: &gst::Pad, way_out: &gst::Pad) {
    let (Some(sink), Some(source)) = (queue.static_pad("sink"), queue.static_pad("src")) else { return };
    let _ = way_in.unlink(&sink);
    let _ = source.unlink(way_out);
    if let Err(error) = way_in.link_full(way_out, gst::PadLinkCheck::empty()) {
        tracing::error!(%error, queue = %queue.name(), "the queue of an endpoint could not be bypassed: it hears nothing");
    }
    queue.set_locked_state(true);
    queue.call_async(|queue| {
        let _ = queue.set_state(gst::State::Null);
    });
}

/// As DTLS client we said our last word before the connection was up. As server we must repeat it if it got lost, so
/// that the thread that sends it stays.
fn end_handshake(dtlsenc: &gst::Element) {
    if dtlsenc.property::<bool>("is-client")
        && let Some(pad) = dtlsenc.static_pad("src")
    {
        let _ = pad.set_active(false);
    }
}
