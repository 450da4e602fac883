//! Turning one's eyes: from the new view to the first whole frame of the new person.
//!
//! Invariant: publishers answer a keyframe request at once, so that what is measured is the server's part.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::account::Server;
use crate::load::{Index, Load};
use crate::packets::Shape;
use crate::report::percentile;
use crate::slots::Slots;

/// So many take turns, so that nobody's last keyframe request is recent: the server asks twice a second at most.
const PUBLISHERS: usize = 5;
/// How long one looks.
const LOOK: Duration = Duration::from_millis(150);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Switching {
    switches: usize,
    first_frame_p50_ms: f64,
    first_frame_p95_ms: f64,
    slowest_ms: f64,
    /// Slots that changed hands without a keyframe, and packets under a wrong name.
    torn: u64,
    misnamed: u64,
}

impl Switching {
    /// Whether each picture began with a keyframe and under its own name.
    pub(crate) fn is_exact(&self) -> bool {
        (self.torn, self.misnamed) == (0, 0)
    }
}

/// Measures so many switches of one video slot.
pub(crate) fn switching(program: &Path, switches: usize) -> Result<Switching> {
    let server = Server::start(program)?;
    let mut load = Load::new(Server::address())?;
    let measured = measure(&mut load, switches);
    server.explain(measured)
}

fn measure(load: &mut Load, switches: usize) -> Result<Switching> {
    let mut people: Vec<Index> = Vec::new();
    for number in 0..PUBLISHERS {
        let session = load.join_native("bench", &format!("member{number}"))?;
        let publisher = load.publish_native(session, Shape::person(-30))?;
        load.wait_flowing(&[publisher])?;
        people.push(session);
    }
    let viewer = load.join_native("bench", "viewer")?;
    // All of it is measured; the window is only an end that does not come.
    load.measure(Duration::from_secs(3600));
    load.view(viewer, &people[..1])?;
    let receiver = load.receive(viewer, Slots::new(1, 1))?;
    load.wait_flowing(&[receiver])?;
    let wait = |load: &mut Load, who: usize| {
        load.run_until(&format!("a frame of publisher {who}"), |load| {
            load.slots(receiver).is_ok_and(|slots| slots.shows(who as u16).is_some())
        })
    };
    wait(load, 0)?;
    let mut times = Vec::new();
    for turn in 1..=switches {
        load.run_to(Instant::now() + LOOK)?;
        let who = turn % PUBLISHERS;
        let asked = load.moment.nanos();
        load.view(viewer, &people[who..=who])?;
        wait(load, who)?;
        let shown = load.slots(receiver)?.shows(who as u16).unwrap_or(asked);
        times.push(shown.saturating_sub(asked) as f64 / 1e6);
    }
    let slots = load.slots(receiver)?;
    Ok(Switching {
        switches,
        first_frame_p50_ms: percentile(&mut times, 0.5),
        first_frame_p95_ms: percentile(&mut times, 0.95),
        slowest_ms: percentile(&mut times, 1.0),
        torn: slots.torn,
        misnamed: slots.misnamed(),
    })
}

impl fmt::Display for Switching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "switch, {} times: view to first frame {:.1} / {:.1} / {:.1} ms (p50/p95/slowest); {} torn, {} misnamed",
            self.switches, self.first_frame_p50_ms, self.first_frame_p95_ms, self.slowest_ms, self.torn, self.misnamed
        )
    }
}
