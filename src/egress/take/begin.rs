//! How a recording begins: its files are claimed, and its manifest says how things are.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use gstreamer as gst;
use tokio::task::JoinSet;

use super::Take;
use crate::egress::OutputError;
use crate::egress::catalogue::Catalogue;
use crate::egress::durable::Durable;
use crate::egress::happening::{Happening, Tile};
use crate::egress::individual::span::Span;
use crate::egress::individual::{Feed, Individual};
use crate::egress::manifest::{Manifest, manifest_path, unix_ms};
use crate::egress::mixdown::Mixdown;
use crate::egress::recording::Spec;
use crate::egress::space::{Space, megabytes};
use crate::media::description::Descriptions;
use crate::media::pipeline::Pipeline;
use crate::mix::Encoded;

impl Take {
    /// Claims the files and begins to write. Blocks.
    pub(in crate::egress) fn begin(
        spec: Spec,
        catalogue: Arc<Catalogue>,
        descriptions: &Descriptions,
        encoded: Vec<Encoded>,
    ) -> Result<Self, OutputError> {
        let folder = catalogue.folder().to_owned();
        let mut is_low = false;
        match spec.limits.look(&folder)? {
            Space::Enough => {}
            Space::Low(free) => {
                is_low = true;
                warn_of_space(free, &folder);
            }
            Space::Scarce(free) | Space::Exhausted(free) => {
                return Err(OutputError::Space { folder, free_mb: megabytes(free) });
            }
        }
        let limits = spec.limits;
        let pre_roll = spec.pre_roll;
        let mut mixdown = match encoded.is_empty() {
            true => None,
            false => Some(Mixdown::build(&folder, &spec.id, spec.format, descriptions, encoded, pre_roll)?),
        };
        let (id, format) = (spec.id.clone(), spec.format);
        let mut manifest = Manifest::new(spec.id, spec.room.to_string(), spec.format);
        manifest.layout = spec.layout;
        manifest.files.extend(mixdown.as_ref().map(Mixdown::file));
        manifest.write(&folder).inspect_err(|_| leave_nothing(&manifest, &folder))?;
        // Now, and not before the pipeline played: the mix must not be past the picture that is to be the first.
        let now = Pipeline::running_time();
        let past = now.saturating_sub(clock_time(pre_roll));
        let in_past = |from: gst::ClockTime| (from < now).then_some(from);
        let kept = match &mixdown {
            Some(mixdown) => mixdown.opening(past),
            None => spec.kept_since.map(|kept| kept.max(past)),
        };
        let from = kept.filter(|_| !pre_roll.is_zero()).unwrap_or(now).min(now);
        let started_at = unix_ms(SystemTime::now()).saturating_sub((now - from).mseconds());
        (manifest.started_at, manifest.pre_roll_ms) = (started_at, (now - from).mseconds());
        if let Some(mixdown) = &mut mixdown {
            mixdown.begin(from);
        }
        let mut layout = spec.placements.filter(|_| mixdown.is_some() && format.video_codec.is_some());
        if let Some(layout) = &mut layout {
            manifest.note(0, Happening::Layout { tiles: layout.borrow_and_update().iter().map(Tile::from).collect() });
        }
        let so_far = spec.so_far.into_iter();
        so_far.for_each(|(at, happened)| manifest.note(at.saturating_sub(from.mseconds()), happened));
        let mut span = Span::default();
        span.begin(from.nseconds());
        let span = Arc::new(Mutex::new(span));
        let individual = match format.is_individual() {
            true => {
                let feeds = spec.feeds.into_iter().map(|feed| Feed { since: in_past(from), ..feed }).collect();
                let (descriptions, span) = (descriptions.clone(), Arc::clone(&span));
                let started = Individual::start(folder.clone(), id, format, descriptions, span, feeds);
                let (individual, files) = started.inspect_err(|_| leave_nothing(&manifest, &folder))?;
                manifest.files.extend(files);
                Some(individual)
            }
            false => None,
        };
        let (rest_until, durable) = (Instant::now(), Durable::default());
        Ok(Self {
            manifest,
            catalogue,
            limits,
            is_low,
            from,
            span,
            mixdown,
            individual,
            mending: JoinSet::new(),
            lost: 0,
            layout,
            unwritten: false,
            rest_until,
            durable,
            ended: false,
            deleted: false,
        })
    }

    /// Ends it before it has run, as if it had never begun. Blocks.
    pub(in crate::egress) fn discard(self) {
        let Self { manifest, catalogue, mixdown, individual, .. } = self;
        drop((mixdown, individual));
        leave_nothing(&manifest, catalogue.folder());
    }
}

pub(super) fn warn_of_space(free: u64, folder: &Path) {
    tracing::warn!(free_mb = megabytes(free), folder = %folder.display(), "the disk is filling up: make space for recordings");
}

fn clock_time(duration: Duration) -> gst::ClockTime {
    gst::ClockTime::try_from(duration).unwrap_or(gst::ClockTime::MAX)
}

/// Nothing was recorded: nothing is left behind. Blocks.
fn leave_nothing(manifest: &Manifest, folder: &Path) {
    manifest.files.iter().for_each(|file| drop(std::fs::remove_file(file.name.within(folder))));
    let _ = std::fs::remove_file(manifest_path(folder, &manifest.id));
}
