//! What is noted of a recording while it runs: what happened and when, and its pauses.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use gstreamer as gst;
use tokio::sync::{mpsc, oneshot, watch};

use super::{LAYOUTS, REST, Take};
use crate::egress::happening::{Happening, Tile, is_shared};
use crate::egress::individual::Individual;
use crate::egress::individual::span::Span;
use crate::egress::manifest::{Manifest, Pause, State};
use crate::media::Kind;
use crate::media::pipeline::Pipeline;
use crate::mix::Placed;

impl Take {
    /// Notes what happened at a running time.
    pub(super) fn note(&mut self, moment: gst::ClockTime, happening: Happening) {
        let heard = self.individual.as_ref().is_none_or(|individual| hear(individual, &happening));
        self.count_lost(u64::from(!heard));
        if self.manifest.state == State::Paused && !happening.lasts() {
            return;
        }
        let at = self.span().so_far(moment.nseconds());
        self.manifest.note(at / 1_000_000, happening);
        self.unwritten = true;
    }

    /// So much of what happened will never be noted.
    pub(super) fn count_lost(&mut self, lost: u64) {
        self.manifest.events_lost += lost;
        self.unwritten |= lost > 0;
    }

    pub(super) fn span(&self) -> MutexGuard<'_, Span> {
        // It is changed by single steps: a panic elsewhere leaves it whole.
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A running time as manifests have moments, whatever has become of the clock on the wall since the beginning.
    pub(super) fn unix_ms(&self, moment: gst::ClockTime) -> u64 {
        self.manifest.started_at + moment.saturating_sub(self.from).mseconds()
    }

    /// Writes what was noted, but does not spend its time with it when the manifest has become long.
    pub(super) async fn write_notes(&mut self) {
        if self.unwritten && Instant::now() >= self.rest_until {
            let began = Instant::now();
            self.unwritten = !self.write().await;
            self.rest_until = Instant::now() + began.elapsed() * REST;
        }
    }

    pub(super) async fn pause(
        &mut self,
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
        report: &watch::Sender<Manifest>,
    ) {
        if self.manifest.state == State::Recording {
            self.mixdown.iter().for_each(|mixdown| mixdown.pause(moment));
            self.span().pause(moment.nseconds());
            self.manifest.state = State::Paused;
            let from = self.unix_ms(moment);
            self.manifest.pauses.push(Pause { from, to: None });
        }
        self.tell(done, report).await;
    }

    pub(super) async fn resume(
        &mut self,
        moment: gst::ClockTime,
        done: oneshot::Sender<Manifest>,
        report: &watch::Sender<Manifest>,
    ) {
        if self.manifest.state == State::Paused {
            self.mixdown.iter().for_each(|mixdown| mixdown.resume(moment));
            self.span().begin(moment.nseconds());
            self.individual.iter().for_each(Individual::cut);
            self.manifest.state = State::Recording;
            self.end_pause_at(moment);
        }
        self.tell(done, report).await;
    }

    pub(super) fn end_pause(&mut self) {
        self.end_pause_at(Pipeline::running_time());
    }

    pub(super) fn end_pause_at(&mut self, moment: gst::ClockTime) {
        let to = self.unix_ms(moment);
        if let Some(pause) = self.manifest.pauses.last_mut() {
            pause.to.get_or_insert(to);
        }
    }

    pub(super) async fn tell(&mut self, done: oneshot::Sender<Manifest>, report: &watch::Sender<Manifest>) {
        self.write().await;
        report.send_replace(self.manifest.brief());
        // Whoever asked may have gone.
        let _ = done.send(self.manifest.brief());
    }
}

/// How the picture is arranged anew, and when: a slow disk must not shift that. Must be called within a Tokio runtime.
pub(super) fn stamped(layout: Option<watch::Receiver<Vec<Placed>>>) -> mpsc::Receiver<(gst::ClockTime, Vec<Tile>)> {
    let (sender, stamped) = mpsc::channel(LAYOUTS);
    if let Some(mut placed) = layout {
        tokio::spawn(async move {
            while placed.changed().await.is_ok() {
                let now = Pipeline::running_time();
                let tiles = placed.borrow_and_update().iter().map(Tile::from).collect();
                if sender.send((now, tiles)).await.is_err() {
                    break;
                }
            }
        });
    }
    stamped
}

/// What happened may end a track. False if that is lost.
fn hear(individual: &Individual, happening: &Happening) -> bool {
    match happening {
        Happening::Muted { participant, source } | Happening::Unpublished { participant, source } => {
            let kind = if source.starts_with("camera") || source == "screen" { Kind::Video } else { Kind::Audio };
            individual.starve(participant.clone(), is_shared(source), kind)
        }
        Happening::Left { participant } => individual.left(participant.clone()),
        _ => true,
    }
}
