//! The same work by other means: a browser that shows the room's page, and ffmpeg that captures and encodes what it shows.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::process::{busy, family, signal};

/// What it took, in percent of a core.
#[derive(Debug)]
pub(crate) struct Rival {
    pub(crate) browser: f64,
    pub(crate) ffmpeg: f64,
    /// How the picture came from one to the other.
    pub(crate) method: String,
    /// Pictures a second in the encoder.
    pub(crate) pictures: f64,
}

/// Ends the script, which ends the browser and ffmpeg; the lab ends what it does not.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            for pid in family(self.0.id()).into_iter().rev() {
                // Some may have ended meanwhile.
                if busy(pid).is_some() {
                    let _ = std::panic::catch_unwind(|| signal(pid, "KILL"));
                }
            }
        }
        let _ = self.0.wait();
    }
}

/// Lets `capture.mjs` show the room at `url` and capture it. Blocks for `seconds` and the start of a browser.
pub(crate) fn measure(url: &str, seconds: f64) -> Result<Rival, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/recording/capture.mjs");
    let mut command = Command::new("node");
    command.args([script, url, "tea"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = Script(command.spawn().map_err(|error| format!("node does not run: {error}"))?);
    let mut words = BufReader::new(script.0.stdout.take().expect("piped")).lines();
    let mut hear = || -> Result<Value, String> {
        let line = words.next().ok_or("the script ended without a word")?.map_err(|error| error.to_string())?;
        let said: Value = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        said["error"].as_str().map_or_else(|| Ok(said.clone()), |error| Err(error.to_owned()))
    };
    let ready = hear()?;
    let encoder = ready["encoder"].as_u64().and_then(|pid| u32::try_from(pid).ok()).ok_or("no encoder")?;
    let own = script.0.id();
    let reading = || {
        let others = family(own).into_iter().filter(|pid| *pid != encoder);
        let others: Duration = others.filter_map(busy).sum();
        (others, busy(encoder).unwrap_or_default(), Instant::now())
    };
    let before = reading();
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let after = reading();
    // The end of its input tells the script to end.
    drop(script.0.stdin.take());
    let counted = hear()?;
    let wall = (after.2 - before.2).as_secs_f64();
    let share = |spent: Duration| 100.0 * spent.as_secs_f64() / wall;
    Ok(Rival {
        browser: share(after.0.saturating_sub(before.0)),
        ffmpeg: share(after.1.saturating_sub(before.1)),
        method: ready["method"].as_str().unwrap_or("?").to_owned(),
        pictures: counted["pictures"].as_f64().unwrap_or(f64::NAN),
    })
}
