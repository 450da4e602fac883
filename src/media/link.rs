//! From one pipeline into another: an [`Outlet`] at the end of the source, a [`Link`] at the head of each target.
//!
//! Buffers pass with their timestamps unchanged, which is right because all pipelines share clock and base time. A
//! target that is slow, broken or gone never holds up the source: its link drops the oldest and counts.
//!
//! Threads: media passes in the streaming thread of the source as far as the link's bounded queue.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_utils::{
    ConsumptionLink, StreamProducer, streamproducer::ConsumerSettings, streamproducer::ProducerSettings,
};
use gstreamer_video as gst_video;

use super::Kind;
use super::past::Past;

/// How much media waits in a link before the oldest is dropped. More would only be late.
const BOUND: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// How many decoded pictures wait at most: they are large.
const MOST_PICTURES: u64 = 15;
/// How long somebody who wants the past waits for the source to be between two buffers.
const TURN: Duration = Duration::from_secs(1);

/// Where media leaves a pipeline. Cheap to clone; all clones are the same outlet, and equal.
#[derive(Debug, Clone)]
pub struct Outlet {
    producer: StreamProducer,
    past: Arc<OnceLock<Past>>,
}

impl Outlet {
    /// A new outlet. Its [`Outlet::element`] must be placed in the source pipeline.
    #[must_use]
    pub fn new(name: &str) -> Self {
        // Not waiting for the clock: whoever shows the media in the end does that. Not async: a source without media
        // would keep its pipeline from playing. No last sample: it would pin a buffer of the source's pool.
        let sink = gst_app::AppSink::builder().name(name).async_(false).enable_last_sample(false).build();
        sink.set_max_buffers(8);
        sink.set_drop(true);
        let producer = StreamProducer::with(&sink, ProducerSettings { sync: false });
        // The end of a source is not the end of its targets: a mix outlives every participant.
        producer.set_forward_events([]);
        Self { producer, past: Arc::default() }
    }

    /// The same for decoded media. Pictures may have any strides: all whom a link feeds understand that, and decoders need not
    /// copy them.
    #[must_use]
    pub fn decoded(name: &str) -> Self {
        let outlet = Self::new(name);
        if let Some(pad) = outlet.element().static_pad("sink") {
            pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH, |_, info| {
                match info.query_mut().map(gst::QueryRef::view_mut) {
                    Some(gst::QueryViewMut::Allocation(query)) => {
                        query.add_allocation_meta::<gst_video::VideoMeta>(None);
                        gst::PadProbeReturn::Handled
                    }
                    _ => gst::PadProbeReturn::Ok,
                }
            });
        }
        outlet
    }

    /// Keeps the last `length` of what passes from now on, for [`Link::attach_since`]; `keyframes` is how often it asks for
    /// one, where the source makes none of its own accord. The first call counts.
    pub fn keep(&self, length: Duration, keyframes: Option<Duration>) {
        let Some(pad) = self.element().static_pad("sink") else { return };
        self.past.get_or_init(|| {
            let sink = pad.downgrade();
            let ask = move || {
                if let Some(pad) = sink.upgrade() {
                    pad.push_event(keyframe_request());
                }
            };
            Past::keep(&pad, length, keyframes.map(|interval| (interval, ask)))
        });
    }

    /// The running time of what is [kept](Self::keep) and can be begun with, at `moment` or before it, or else as soon as
    /// possible after it.
    #[must_use]
    pub fn opening(&self, moment: gst::ClockTime) -> Option<gst::ClockTime> {
        self.past.get()?.opening(moment)
    }

    /// Does something while nothing passes, if the source lets it.
    fn between_buffers(&self, act: impl FnOnce()) -> bool {
        let Some(pad) = self.element().static_pad("sink").and_then(|pad| pad.peer()) else { return false };
        let (say, idle) = mpsc::sync_channel(1);
        let hold = pad.add_probe(gst::PadProbeType::IDLE, move |_, _| {
            let _ = say.try_send(());
            gst::PadProbeReturn::Ok
        });
        let is_idle = idle.recv_timeout(TURN).is_ok();
        if is_idle {
            act();
        }
        hold.into_iter().for_each(|hold| pad.remove_probe(hold));
        is_idle
    }

    /// The sink element, to be placed in the source pipeline.
    #[must_use]
    pub fn element(&self) -> &gst::Element {
        self.producer.appsink().upcast_ref()
    }

    /// Asks the source for a keyframe at once, to begin with or to repair.
    pub fn request_keyframe(&self) {
        self.request(keyframe_request());
    }

    /// Asks the source to make the picture of a running time a keyframe; encoders can do that, senders afar cannot.
    pub fn request_keyframe_at(&self, moment: gst::ClockTime) {
        self.request(gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).running_time(moment).build());
    }

    fn request(&self, event: gst::Event) {
        // On the pad: sending to the element would take its state lock, which may be held by a thread that waits for us.
        if let Some(pad) = self.element().static_pad("sink") {
            pad.push_event(event);
        }
    }

    /// What is passing: caps, once media has come.
    #[must_use]
    pub fn caps(&self) -> Option<gst::Caps> {
        self.element().static_pad("sink").and_then(|pad| pad.current_caps())
    }

    /// The same, waiting for media if it comes within that time.
    pub async fn wait_for_caps(&self, within: Duration) -> Option<gst::Caps> {
        let pad = self.element().static_pad("sink")?;
        let changed = Arc::new(tokio::sync::Notify::new());
        let say = Arc::clone(&changed);
        let handler = pad.connect_notify(Some("caps"), move |_, _| say.notify_one());
        let came = tokio::time::timeout(within, async {
            loop {
                match pad.current_caps() {
                    Some(caps) => break caps,
                    None => changed.notified().await,
                }
            }
        });
        let caps = came.await.ok();
        pad.disconnect(handler);
        caps
    }
}

impl PartialEq for Outlet {
    fn eq(&self, other: &Self) -> bool {
        self.producer == other.producer
    }
}

impl Eq for Outlet {}

fn keyframe_request() -> gst::Event {
    gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build()
}

/// Lets the target be as late as it likes. A source answers that it can be no later than it was with its first buffer:
/// less than the latency that the producer told it, and then a mixer finds no latency at all and waits for every pad.
fn allow_latency(source: &gst_app::AppSrc) {
    let Some(pad) = source.static_pad("src") else { return };
    pad.add_probe(gst::PadProbeType::QUERY_UPSTREAM | gst::PadProbeType::PULL, |_, info| {
        if let Some(gst::QueryViewMut::Latency(query)) = info.query_mut().map(gst::QueryRef::view_mut) {
            let (live, least, _) = query.result();
            query.set(live, least, gst::ClockTime::NONE);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Where media enters a pipeline. Dropping it detaches it from its outlet; the element stays where it was placed.
#[derive(Debug)]
pub struct Link {
    link: ConsumptionLink,
    /// Whether what passes makes sense from the beginning only, or from a keyframe.
    is_encoded: bool,
}

impl Link {
    /// A new link, not attached yet, so that it can be placed before media comes. `caps` may be given when they are
    /// known better here than at the source, or not to be waited for.
    #[must_use]
    pub fn new(name: &str, caps: Option<&gst::Caps>) -> Self {
        Self::with_past(name, caps, Duration::ZERO)
    }

    /// The same with room for that much of the past.
    #[must_use]
    pub fn with_past(name: &str, caps: Option<&gst::Caps>, past: Duration) -> Self {
        let max_time = BOUND + gst::ClockTime::try_from(past).unwrap_or_default();
        Self::bounded(name, caps, ConsumerSettings { max_time, ..ConsumerSettings::default() })
    }

    /// A new link for [decoded](Outlet::decoded) media, not attached yet: every picture stands for itself, so none is waited or
    /// asked for.
    #[must_use]
    pub fn decoded(name: &str, kind: Kind) -> Self {
        let max_buffer = if kind == Kind::Video { MOST_PICTURES } else { 0 };
        let link = Self::bounded(name, None, ConsumerSettings { max_time: BOUND, max_buffer, ..Default::default() });
        link.link.set_wait_for_keyframe(false);
        Self { is_encoded: false, ..link }
    }

    fn bounded(name: &str, caps: Option<&gst::Caps>, settings: ConsumerSettings) -> Self {
        let source = gst_app::AppSrc::builder().name(name).do_timestamp(false).build();
        source.set_caps(caps);
        allow_latency(&source);
        let link = ConsumptionLink::disconnected_with(source, settings.clone());
        // Else this is so only when it is attached, after the past has come in.
        StreamProducer::configure_consumer_with(link.appsrc(), settings);
        Self { link, is_encoded: true }
    }

    /// The source element, to be placed in the target pipeline.
    #[must_use]
    pub fn element(&self) -> &gst::Element {
        self.link.appsrc().upcast_ref()
    }

    /// Lets media pass, once the target plays: what comes before is lost. Encoded video begins with a keyframe, which is
    /// asked for; RTP passes as it comes, since packets do not say what they hold: a depayloader must wait for the keyframe.
    pub fn attach(&mut self, outlet: &Outlet) {
        self.connect(outlet);
        if self.is_encoded {
            outlet.request_keyframe();
        }
    }

    /// Lets media pass that the outlet has kept since the running time `from`, an [opening](Outlet::opening), and then all
    /// that comes; from now on where nothing was kept. May wait for a buffer that is just passing.
    pub fn attach_since(&mut self, outlet: &Outlet, from: gst::ClockTime) {
        let past = outlet.past.get();
        let joined = past.is_some_and(|past| {
            outlet.between_buffers(|| {
                let past = past.since(from);
                // What comes next follows what was kept.
                self.link.set_wait_for_keyframe(past.is_empty());
                for sample in &past {
                    // Refused only when the target does not play: then all is lost anyway.
                    let _ = self.link.appsrc().push_sample(sample);
                }
                self.connect(outlet);
                self.link.set_wait_for_keyframe(true);
            })
        });
        if !joined {
            self.attach(outlet);
        }
    }

    fn connect(&mut self, outlet: &Outlet) {
        // It fails only for an element attached twice to one producer; change_producer detaches first.
        if let Err(error) = self.link.change_producer(&outlet.producer, false) {
            tracing::error!(%error, link = %self.element().name(), "a link could not be attached");
        }
    }

    /// Detaches it, and ends the stream in the target after what is under way.
    pub fn end(&mut self) {
        self.link.disconnect();
        // Refused only when the target is not playing: then there is nothing to end.
        let _ = self.link.appsrc().end_of_stream();
    }

    /// Buffers that passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.link.pushed()
    }

    /// Buffers dropped, because the target was slow or waited for a keyframe.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.link.dropped()
    }
}
