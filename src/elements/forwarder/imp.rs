//! The element itself: pads, events, queries and flow. Decides nothing about packets; [`Branch`] does.
//!
//! Runs in the publisher's streaming thread (sink pad) and the subscriber's threads (events and queries of the source
//! pad). Invariant: the branch's lock is never held while anything leaves either pad.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;

use super::branch::{Branch, Timed};
use crate::elements::pads;
use crate::media::pipeline::Pipeline;
use crate::metrics::metrics;

type Listener = Arc<dyn Fn() + Send + Sync>;

/// The implementation of [`super::Forwarder`].
pub struct Forwarder {
    sink: gst::Pad,
    src: gst::Pad,
    branch: Mutex<Branch>,
    dead: AtomicBool,
    listener: Mutex<Option<Listener>>,
    began: OnceLock<Listener>,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarder").field("dead", &self.dead).finish_non_exhaustive()
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Forwarder {
    const NAME: &'static str = "PlenumForwarder";
    type Type = super::Forwarder;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        // The templates are ours and static, so they are there; a pad without one works all the same.
        let pad = |name: &str, direction| match class.pad_template(name) {
            Some(template) => gst::Pad::builder_from_template(&template),
            None => gst::Pad::builder(direction).name(name),
        };
        let sink = pad("sink", gst::PadDirection::Sink)
            .chain_function(|_, parent, buffer| guarded(parent, |this| this.chain(&buffer)))
            .chain_list_function(|_, parent, list| guarded(parent, |this| this.chain_list(&list)))
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(&event))
            })
            .query_function(|_, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(query))
            })
            .build();
        let src = pad("src", gst::PadDirection::Src)
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_event(&event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
            })
            .build();
        Self {
            sink,
            src,
            branch: Mutex::default(),
            dead: AtomicBool::new(false),
            listener: Mutex::default(),
            began: OnceLock::new(),
        }
    }
}

impl ObjectImpl for Forwarder {
    fn constructed(&self) {
        self.parent_constructed();
        pads::add(&*self.obj(), [&self.sink, &self.src]);
    }
}

impl GstObjectImpl for Forwarder {}

impl ElementImpl for Forwarder {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "RTP forwarder",
                "Filter/Network/RTP",
                "Forwards one RTP stream to one subscriber under the subscriber's numbers",
                "The plenum developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| pads::templates(&rtp()));
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            self.branch().reset();
            self.dead.store(false, Ordering::Release);
        }
        Ok(success)
    }
}

impl Forwarder {
    /// The state. A panic elsewhere cannot have left it half-changed in a way that matters: the next packet continues.
    pub(super) fn branch(&self) -> MutexGuard<'_, Branch> {
        self.branch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(super) fn on_dead(&self, listener: Listener) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        if self.is_dead() {
            self.tell();
        }
    }

    pub(super) fn request_keyframe(&self, ssrc: u32) {
        let request = self.branch().ask(ssrc);
        self.send(request, None);
    }

    pub(super) fn on_began(&self, listener: Listener) {
        // One owner sets one listener.
        let _ = self.began.set(listener);
    }

    fn announce(&self, began: bool) {
        if began && let Some(listener) = self.began.get() {
            listener();
        }
    }

    /// Takes the listener, so that it hears of a death once, whoever comes first.
    fn tell(&self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            listener();
        }
    }

    fn chain(&self, input: &gst::Buffer) {
        let (buffer, events, request, began, timed) = {
            let mut branch = self.branch();
            let buffer = branch.process(input);
            let events = buffer.is_some().then(|| branch.prelude(|| self.obj().name()));
            (buffer, events, branch.take_request(), branch.take_began(), branch.take_timed())
        };
        self.announce(began);
        self.send(request, events);
        if let Some(buffer) = buffer {
            self.judge(self.src.push(buffer));
            timed.into_iter().for_each(note_delay);
        }
    }

    fn chain_list(&self, input: &gst::BufferList) {
        let mut list = gst::BufferList::new_sized(input.len());
        let (events, request, began, timed) = {
            let mut branch = self.branch();
            if let Some(list) = list.get_mut() {
                input.iter().filter_map(|buffer| branch.process(buffer)).for_each(|buffer| list.add(buffer));
            }
            let events = (!list.is_empty()).then(|| branch.prelude(|| self.obj().name()));
            (events, branch.take_request(), branch.take_began(), branch.take_timed())
        };
        self.announce(began);
        self.send(request, events);
        if !list.is_empty() {
            self.judge(self.src.push_list(list));
            timed.into_iter().for_each(note_delay);
        }
    }

    fn send(&self, request: Option<gst::Event>, events: Option<[Option<gst::Event>; 3]>) {
        if let Some(request) = request {
            self.sink.push_event(request);
        }
        for event in events.into_iter().flatten().flatten() {
            self.src.push_event(event);
        }
    }

    fn judge(&self, result: Result<gst::FlowSuccess, gst::FlowError>) {
        let Err(error) = result else { return };
        self.branch().flow_error();
        let lasting =
            matches!(error, gst::FlowError::Error | gst::FlowError::NotNegotiated | gst::FlowError::NotSupported);
        if lasting && !self.dead.swap(true, Ordering::AcqRel) {
            tracing::debug!(forwarder = %self.obj().name(), %error, "downstream failed: the branch is dead");
            self.tell();
        }
    }

    /// Nothing of the publisher's events passes: the subscriber's stream is its own and outlives any source.
    fn sink_event(&self, event: &gst::Event) -> bool {
        if let gst::EventView::Segment(segment) = event.view() {
            self.branch().set_segment(segment.segment());
        }
        true
    }

    /// Of a subscriber's events, only the wish for a keyframe concerns the publisher.
    fn src_event(&self, event: &gst::Event) -> bool {
        if gstreamer_video::ForceKeyUnitEvent::is(event) {
            let ssrc = event.structure().and_then(|structure| structure.get::<u32>("ssrc").ok());
            let request = self.branch().keyframe_requested(ssrc);
            self.send(request, None);
        }
        true
    }

    /// What upstream wants to know ends here: an allocation proposed by one subscriber must not bind all.
    fn sink_query(&self, query: &mut gst::QueryRef) -> bool {
        let accepted = || self.branch().accepted().unwrap_or_else(rtp);
        answer_caps(query, accepted)
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let caps = || self.branch().caps().cloned().unwrap_or_else(rtp);
        answer_caps(query, caps) || gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }
}

/// Notes how long a packet took that has just been handed on: there is no queue on the way to the socket.
fn note_delay((kind, arrived): Timed) {
    let took = Pipeline::running_time().saturating_sub(arrived);
    metrics().packets.delay.get_or_create(&kind.into()).observe(took.seconds_f64());
}

/// Answers a query about caps; whether it was one.
fn answer_caps(query: &mut gst::QueryRef, caps: impl FnOnce() -> gst::Caps) -> bool {
    match query.view_mut() {
        gst::QueryViewMut::Caps(query) => {
            let caps = caps();
            let result = match query.filter() {
                Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
                None => caps,
            };
            query.set_result(&result);
            true
        }
        gst::QueryViewMut::AcceptCaps(query) => {
            query.set_result(true);
            true
        }
        _ => false,
    }
}

/// Takes a packet or a list, unless the branch is dead, and says that all is well, whatever happens: a failure here must
/// not reach the publisher.
fn guarded(parent: Option<&gst::Object>, work: impl FnOnce(&Forwarder)) -> Result<gst::FlowSuccess, gst::FlowError> {
    Forwarder::catch_panic_pad_function(
        parent,
        || (),
        |this| {
            if !this.is_dead() {
                work(this);
            }
        },
    );
    Ok(gst::FlowSuccess::Ok)
}

fn rtp() -> gst::Caps {
    gst::Caps::new_empty_simple("application/x-rtp")
}
