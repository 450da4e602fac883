//! Logging: `tracing` to standard error, with GStreamer's own log bridged into it.

use gstreamer as gst;
use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// Starts logging. GStreamer's warnings and errors become events of the target `gst`; `GST_DEBUG` selects more.
///
/// # Errors
/// When the filter cannot be parsed, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    use anyhow::Context;
    let filter = EnvFilter::try_new(&log.filter)
        .with_context(|| format!("log.filter is {:?}: use for example info or plenum=debug,warn", log.filter))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if log.json { builder.json().try_init() } else { builder.try_init() }
        .map_err(|error| anyhow::anyhow!("logging was started before: {error}"))?;
    Ok(())
}

/// Sends GStreamer's log to `tracing`. Call after `gst::init`.
pub fn bridge_gstreamer() {
    gst::log::remove_default_log_function();
    gst::log::add_log_function(|category, level, _file, _function, _line, object, message| {
        let category = category.name();
        let object = object.map(|o| o.to_string()).unwrap_or_default();
        let message = message.get().map(|m| m.to_string()).unwrap_or_default();
        match level {
            gst::DebugLevel::Error => tracing::warn!(target: "gst", category, object, "{message}"),
            gst::DebugLevel::Warning | gst::DebugLevel::Fixme => {
                tracing::debug!(target: "gst", category, object, "{message}")
            }
            gst::DebugLevel::Info => tracing::debug!(target: "gst", category, object, "{message}"),
            _ => tracing::trace!(target: "gst", category, object, "{message}"),
        }
    });
}
