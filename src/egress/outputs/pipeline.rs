//! One try at an output: a pipeline of links, streams, and what takes them. Building and ending block.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use tokio::sync::mpsc;

use super::Way;
use super::destination::{Destination, Route};
use crate::egress::OutputError;
use crate::egress::format::stream;
use crate::egress::hls;
use crate::media::bus::BusEvent;
use crate::media::description::{Descriptions, Values};
use crate::media::link::Link;
use crate::media::pipeline::Pipeline;
use crate::mix::{Encoded, Encoding};

/// What runs.
#[derive(Debug)]
pub(super) struct Attempt {
    links: Vec<Link>,
    events: mpsc::Receiver<BusEvent>,
    taken: Arc<Taken>,
    // After the links, so that they leave it before it ends.
    _pipeline: Pipeline,
}

/// What was taken so far by what connects.
#[derive(Debug, Default)]
pub(super) struct Taken {
    buffers: AtomicU64,
    bytes: AtomicU64,
}

impl Attempt {
    /// Builds it and lets it play. `at` is where a destination is now.
    pub(super) fn start(
        name: &str,
        way: &Way,
        at: Option<SocketAddr>,
        descriptions: &Descriptions,
        values: &Values,
        encoded: &[Encoded],
    ) -> Result<Self, OutputError> {
        let (pipeline, events) = Pipeline::new(&format!("output-{name}"));
        let taken = Arc::<Taken>::default();
        let links = match way {
            Way::Push(destination) => push(&pipeline, (destination, at), descriptions, encoded, &taken)?,
            Way::Hls { shelf, lengths } => {
                let (pictures, sound) = (sink("pictures"), sink("sound"));
                let bits = (u64::from(values.video_kbps) * 1000 + u64::from(values.audio_bps)) * 11 / 10;
                hls::install(&pictures, &sound, shelf, *lengths, bits);
                count(pictures.upcast_ref(), &taken);
                let mut links = Vec::new();
                for encoded in encoded {
                    let sink = match encoded.encoding() {
                        Encoding::H264 | Encoding::Vp8 => &pictures,
                        Encoding::Aac | Encoding::Opus => &sound,
                    };
                    pipeline.gst().add(sink).map_err(fail("filling the pipeline"))?;
                    let (link, inlet) = inlet(&pipeline, stream(encoded.encoding()), descriptions)?;
                    inlet.link_pads(Some("out"), sink, Some("sink")).map_err(fail("linking a stream"))?;
                    links.push(link);
                }
                links
            }
        };
        pipeline.play()?;
        let mut attempt = Self { links, events, taken, _pipeline: pipeline };
        for (link, encoded) in attempt.links.iter_mut().zip(encoded) {
            link.attach(encoded.outlet());
        }
        Ok(attempt)
    }

    /// What its bus says next.
    pub(super) async fn event(&mut self) -> Option<BusEvent> {
        self.events.recv().await
    }

    /// Ends the streams, and waits at most `patience` until what they went to has taken their end.
    pub(super) async fn finish(mut self, patience: Duration) {
        self.links.iter_mut().for_each(Link::end);
        // Late or broken: it ends all the same.
        let _ = tokio::time::timeout(patience, self.events.recv()).await;
    }

    /// How many buffers, and how many bytes, were taken.
    pub(super) fn taken(&self) -> (u64, u64) {
        (self.taken.buffers.load(Ordering::Relaxed), self.taken.bytes.load(Ordering::Relaxed))
    }

    /// How many frames it was too slow for.
    pub(super) fn dropped(&self) -> u64 {
        self.links.iter().map(Link::dropped).sum()
    }
}

fn fail(step: &'static str) -> impl Fn(glib::BoolError) -> OutputError {
    move |_| OutputError::Graph { step }
}

fn sink(name: &str) -> gst_app::AppSink {
    gst_app::AppSink::builder().name(name).sync(false).async_(false).enable_last_sample(false).build()
}

/// A link, and the stream behind it.
fn inlet(pipeline: &Pipeline, stream: &str, descriptions: &Descriptions) -> Result<(Link, gst::Bin), OutputError> {
    let inlet = descriptions.build(stream, &Values::default())?;
    let link = Link::new(&format!("link-{}", inlet.name()), None);
    pipeline.gst().add_many([link.element(), inlet.upcast_ref()]).map_err(fail("filling the pipeline"))?;
    link.element().link_pads(Some("src"), &inlet, Some("in")).map_err(fail("linking a stream"))?;
    Ok((link, inlet))
}

fn push(
    pipeline: &Pipeline,
    (destination, at): (&Destination, Option<SocketAddr>),
    descriptions: &Descriptions,
    encoded: &[Encoded],
    taken: &Arc<Taken>,
) -> Result<Vec<Link>, OutputError> {
    let looking = |step| OutputError::Graph { step };
    let description = match destination.route() {
        Route::Rtmp => "output/rtmp.launch",
        Route::Srt(_) => "output/srt.launch",
    };
    let bin = descriptions.build(description, &Values::default())?;
    let mux = bin.by_name("mux").ok_or_else(|| looking("looking for the muxer"))?;
    let sink = bin.by_name("sink").ok_or_else(|| looking("looking for the sink"))?;
    match destination.route() {
        // It says the name to the server, and so looks it up itself: `elements::dial` watches where that leads.
        Route::Rtmp => sink.set_property("location", destination.secret()),
        Route::Srt(srt) => {
            let at = at.ok_or_else(|| looking("looking for the address"))?;
            // With its mode in it: in the one it is an address to bind, in the other one to call.
            sink.set_property("uri", format!("srt://{at}?mode={}", if srt.listens { "listener" } else { "caller" }));
            sink.set_property("latency", srt.latency_ms);
            if let Some(id) = &srt.stream_id {
                sink.set_property("streamid", id);
            }
            if let Some(passphrase) = &srt.passphrase {
                sink.set_property("passphrase", passphrase);
                sink.set_property_from_str("pbkeylen", &srt.key_bytes.to_string());
            }
        }
    }
    count(&sink, taken);
    pipeline.gst().add(&bin).map_err(fail("filling the pipeline"))?;
    let mut links = Vec::new();
    for encoded in encoded {
        let stream = match (destination.route(), encoded.encoding()) {
            (Route::Srt(_), Encoding::H264) => "stream/h264-ts.launch",
            (Route::Srt(_), Encoding::Aac) => "stream/aac-ts.launch",
            (_, encoding) => stream(encoding),
        };
        let (link, inlet) = inlet(pipeline, stream, descriptions)?;
        let pad = match destination.route() {
            // Two muxers, two conventions.
            Route::Rtmp => encoded.encoding().kind().to_string(),
            Route::Srt(_) => "sink_%d".to_owned(),
        };
        let pad = mux.request_pad_simple(&pad).ok_or_else(|| looking("asking the muxer for a pad"))?;
        let ghost = gst::GhostPad::with_target(&pad).map_err(fail("reaching the muxer"))?;
        bin.add_pad(&ghost).map_err(fail("reaching the muxer"))?;
        inlet.link_pads(Some("out"), &bin, Some(ghost.name().as_str())).map_err(fail("linking a stream"))?;
        links.push(link);
    }
    Ok(links)
}

/// Counts what comes to a sink. It takes one thing after the other: what comes shows that the one before was taken.
fn count(sink: &gst::Element, taken: &Arc<Taken>) {
    let Some(pad) = sink.static_pad("sink") else { return };
    let taken = Arc::clone(taken);
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let bytes = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => buffer.size(),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().map(|buffer| buffer.size()).sum(),
            _ => 0,
        };
        taken.buffers.fetch_add(1, Ordering::Relaxed);
        taken.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}
