//! GStreamer's log as events of `tracing`, with the target `gstreamer::<category>`.
//!
//! Called by any thread of GStreamer's, some of which carry media: what would be too much is left out, and counted.
//! `tracing` wants descriptions of events that live for ever. Ours are made when first needed, one for each category and
//! level that there is in the process, so they are bounded.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use gstreamer as gst;
use tracing::callsite::{Callsite, Identifier};
use tracing::field::{FieldSet, Value};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};

use crate::metrics::label::Severity;
use crate::metrics::metrics;

/// So many messages a second are logged, and so many more at once after a silence.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(100).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// What is known of a message: its text must be the first.
const FIELDS: &[&str] = &["message", "object"];

/// Sends GStreamer's log to `tracing`: as much of it as `wanted` says, which has the form of the variable `GST_DEBUG`; that
/// wins if it is set. Call after `gst::init`.
pub fn bridge(wanted: &str) {
    static LIMIT: LazyLock<DefaultDirectRateLimiter> =
        LazyLock::new(|| RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(AT_ONCE)));
    static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
    if std::env::var_os("GST_DEBUG").is_none() {
        gst::log::set_threshold_from_string(wanted, true);
    }
    gst::log::remove_default_log_function();
    gst::log::add_log_function(|category, severity, _file, _function, _line, object, message| {
        let level = match severity {
            gst::DebugLevel::Error => Level::ERROR,
            gst::DebugLevel::Warning | gst::DebugLevel::Fixme => Level::WARN,
            gst::DebugLevel::Info => Level::INFO,
            gst::DebugLevel::Debug => Level::DEBUG,
            _ => Level::TRACE,
        };
        let complaint = match level {
            Level::ERROR => Some(Severity::Error),
            Level::WARN => Some(Severity::Warning),
            _ => None,
        };
        if let Some(severity) = complaint {
            metrics().server.complaints.get_or_create(&severity).inc();
        }
        let about = about(category.name(), level);
        if !tracing::dispatcher::get_default(|dispatch| dispatch.enabled(about)) {
            return;
        }
        if LIMIT.check().is_err() {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let left_out = LEFT_OUT.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(left_out, "GStreamer says more than is logged");
        }
        let message = message.get().map(|message| message.to_string()).unwrap_or_default();
        log(about, &message, object.map(ToString::to_string).as_deref());
    });
}

/// Says a message.
fn log(about: &'static Metadata<'static>, message: &str, object: Option<&str>) {
    let fields = about.fields();
    let mut names = fields.iter();
    let (Some(first), Some(second)) = (names.next(), names.next()) else { return };
    let message = format_args!("{message}");
    let object = object.as_ref().map(|object| object as &dyn Value);
    Event::dispatch(about, &fields.value_set(&[(&first, Some(&message as &dyn Value)), (&second, object)]));
}

/// Where all these messages come from, for `tracing`.
struct Bridge;

static BRIDGE: Bridge = Bridge;
static BRIDGED: Metadata<'static> = describe("gstreamer", Level::TRACE);

impl Callsite for Bridge {
    // Filters are asked for each message anew: they are few.
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &BRIDGED
    }
}

const fn describe(target: &'static str, level: Level) -> Metadata<'static> {
    let fields = FieldSet::new(FIELDS, Identifier(&BRIDGE));
    Metadata::new("gstreamer", target, level, None, None, None, fields, Kind::EVENT)
}

/// The description of the messages of a category on one level.
fn about(category: &str, level: Level) -> &'static Metadata<'static> {
    type Known = RwLock<HashMap<Level, HashMap<String, &'static Metadata<'static>>>>;
    static KNOWN: LazyLock<Known> = LazyLock::new(RwLock::default);
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(about) = known.get(&level).and_then(|categories| categories.get(category)) {
        return about;
    }
    drop(known);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    // Somebody else may have come first.
    known.entry(level).or_default().entry(category.to_owned()).or_insert_with(|| {
        let target = Box::leak(format!("gstreamer::{category}").into_boxed_str());
        Box::leak(Box::new(describe(target, level)))
    })
}
