//! Logging: `tracing` to standard error, with GStreamer's own log bridged into it.

mod gstreamer;

use tracing_subscriber::EnvFilter;

use crate::config::Log;

pub use self::gstreamer::bridge as bridge_gstreamer;

/// What GStreamer says is chosen in GStreamer, by category, so that what is not wanted costs nothing. It passes then,
/// unless the operator's filter says otherwise. What Socket.IO says below `info` has everybody's tokens in it.
const ALWAYS: &str = "gstreamer=trace,socketioxide=info,engineioxide=info,";

/// Starts logging.
///
/// # Errors
/// When the filter cannot be parsed, or logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(&log.filter)?).with_writer(std::io::stderr);
    if log.json { builder.json().try_init() } else { builder.try_init() }
        .map_err(|error| anyhow::anyhow!("logging was started before: {error}"))?;
    Ok(())
}

fn filter(wanted: &str) -> anyhow::Result<EnvFilter> {
    use anyhow::Context;
    EnvFilter::try_new(format!("{ALWAYS}{wanted}"))
        .with_context(|| format!("log.filter is {wanted:?}: use for example info or plenum=debug,warn"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_has_the_last_word_about_gstreamer() {
        assert!(filter("info").unwrap().to_string().contains("gstreamer=trace"));
        let off = filter("info,gstreamer=off").unwrap().to_string();
        assert!(off.contains("gstreamer=off") && !off.contains("trace"), "{off}");
        assert!(filter("plenum=loud").is_err());
    }
}
