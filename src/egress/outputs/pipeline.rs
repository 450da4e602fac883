//! One try at an output: a pipeline of links, streams, and what takes them. Building and ending block.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use tokio::sync::mpsc;

use super::destination::{Destination, Route, Srt};
use super::whip::Whip;
use super::{Material, Way};
use crate::egress::OutputError;
use crate::egress::format::stream;
use crate::egress::hls;
use crate::media::bus::{BusEvent, BusEventKind};
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
    /// What makes the connection, where that takes more than a sink.
    whip: Option<Whip>,
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
        material: &Material,
        encoded: &[Encoded],
    ) -> Result<Self, OutputError> {
        let (pipeline, events) = Pipeline::new(&format!("output-{name}"));
        let taken = Arc::<Taken>::default();
        let Material { descriptions, values, .. } = material;
        let mut whip = None;
        let links = match way {
            Way::Push(destination) => {
                let at = at.ok_or(OutputError::Graph { step: "looking for the address" })?;
                match destination.route() {
                    Route::Rtmp => push(&pipeline, destination, None, descriptions, encoded, &taken)?,
                    Route::Srt(srt) => push(&pipeline, destination, Some((srt, at)), descriptions, encoded, &taken)?,
                    Route::Whip { .. } => {
                        let (begun, links) = Whip::begin(&pipeline, (destination, at), material, encoded)?;
                        whip = Some(begun);
                        links
                    }
                }
            }
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
        let mut attempt = Self { links, events, taken, whip, _pipeline: pipeline };
        for (link, encoded) in attempt.links.iter_mut().zip(encoded) {
            link.attach(encoded.outlet());
        }
        Ok(attempt)
    }

    /// Waits until it fails, and says why.
    pub(super) async fn failed(&mut self) -> String {
        let whip = async {
            match &mut self.whip {
                Some(whip) => whip.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.events.recv() => match event.map(|event| event.kind) {
                Some(BusEventKind::Error(reason)) => reason,
                Some(BusEventKind::Eos) | None => "it ended by itself".to_owned(),
            },
            reason = whip => reason,
        }
    }

    /// Whether it fails by itself where the other side takes nothing.
    pub(super) fn watches_itself(&self) -> bool {
        self.whip.is_some()
    }

    /// Lets the other side know, where it would not notice, that nothing more comes; for at most `patience`.
    pub(super) async fn give_up(self, patience: Duration) {
        if let Some(whip) = self.whip {
            whip.goodbye(patience).await;
        }
    }

    /// Ends the streams, and waits at most `patience` until what they went to has taken their end.
    pub(super) async fn finish(mut self, patience: Duration) {
        if self.whip.is_some() {
            return self.give_up(patience).await;
        }
        self.links.iter_mut().for_each(Link::end);
        // Late or broken: it ends all the same.
        let _ = tokio::time::timeout(patience, self.events.recv()).await;
    }

    /// How many buffers, and how many bytes, were taken.
    pub(super) fn taken(&self) -> (u64, u64) {
        if let Some(whip) = &self.whip {
            return whip.sent();
        }
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
pub(super) fn inlet(
    pipeline: &Pipeline,
    stream: &str,
    descriptions: &Descriptions,
) -> Result<(Link, gst::Bin), OutputError> {
    let inlet = descriptions.build(stream, &Values::default())?;
    let link = Link::new(&format!("link-{}", inlet.name()), None);
    pipeline.gst().add_many([link.element(), inlet.upcast_ref()]).map_err(fail("filling the pipeline"))?;
    link.element().link_pads(Some("src"), &inlet, Some("in")).map_err(fail("linking a stream"))?;
    Ok((link, inlet))
}

/// By SRT, with where that is now, or else by RTMP.
fn push(
    pipeline: &Pipeline,
    destination: &Destination,
    srt: Option<(&Srt, SocketAddr)>,
    descriptions: &Descriptions,
    encoded: &[Encoded],
    taken: &Arc<Taken>,
) -> Result<Vec<Link>, OutputError> {
    let looking = |step| OutputError::Graph { step };
    let description = if srt.is_some() { "output/srt.launch" } else { "output/rtmp.launch" };
    let bin = descriptions.build(description, &Values::default())?;
    let mux = bin.by_name("mux").ok_or_else(|| looking("looking for the muxer"))?;
    let sink = bin.by_name("sink").ok_or_else(|| looking("looking for the sink"))?;
    match srt {
        // It says the name to the server, and so looks it up itself: `elements::dial` watches where that leads.
        None => sink.set_property("location", destination.secret()),
        Some((srt, at)) => {
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
        let stream = match (srt, encoded.encoding()) {
            (Some(_), Encoding::H264) => "stream/h264-ts.launch",
            (Some(_), Encoding::Aac) => "stream/aac-ts.launch",
            (_, encoding) => stream(encoding),
        };
        let (link, inlet) = inlet(pipeline, stream, descriptions)?;
        // Two muxers, two conventions.
        let pad = if srt.is_some() { "sink_%d".to_owned() } else { encoded.encoding().kind().to_string() };
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
