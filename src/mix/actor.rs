//! The mix's own thread: it alone knows who is in the mix and changes its pipeline.
//!
//! Every change ends in [`Stage::settle`], which makes the pipeline fit the list of participants, whatever happened.

use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};

use super::cue::Cues;
use super::encoder::{self, Encoder};
use super::encoding::Encoding;
use super::input::{FROZEN, Input};
use super::layout::{self, Placement};
use super::tiles::Tile;
use super::video::Canvas;
use super::{MixError, MixSettings, MixState, Placed, audio};
use crate::id::{ParticipantId, ParticipantName};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::Descriptions;
use crate::media::link::Outlet;
use crate::media::pipeline::Pipeline;
use crate::media::{Codec, Kind};

/// How often the mix looks who is frozen and what failed; a first picture shows within this time, too.
const LOOK: Duration = Duration::from_millis(100);
/// How long a failed input waits for its next try. A sender of garbage must not keep the mix busy.
const RETRY: Duration = Duration::from_secs(2);

/// What the owner asks for.
#[derive(Debug)]
pub(super) enum Command {
    Add { id: ParticipantId, name: ParticipantName },
    Remove { id: ParticipantId },
    Attach { id: ParticipantId, codec: Codec, outlet: Outlet },
    Detach { id: ParticipantId, kind: Kind },
    Encode { encoding: Encoding, reply: oneshot::Sender<Result<Outlet, MixError>> },
    Release { encoding: Encoding },
}

/// A participant's track of one kind. Without an input it is not shown or heard: no pad is free, or it failed.
#[derive(Debug)]
struct Track {
    codec: Codec,
    outlet: Outlet,
    input: Option<Input>,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Participant {
    id: ParticipantId,
    name: ParticipantName,
    audio: Option<Track>,
    video: Option<Track>,
}

impl Participant {
    fn track(&mut self, kind: Kind) -> &mut Option<Track> {
        match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        }
    }
}

/// Everything of one mix.
#[derive(Debug)]
pub(super) struct Stage {
    // First, so that inputs leave the pipeline before it ends.
    participants: Vec<Participant>,
    encoders: Vec<Encoder>,
    pipeline: Pipeline,
    settings: MixSettings,
    descriptions: Descriptions,
    canvas: Canvas,
    video_tee: gst::Element,
    audio_tee: gst::Element,
    video_pads: Vec<gst::Pad>,
    cues: Cues,
    audio_pads: Vec<gst::Pad>,
    placed: watch::Sender<Vec<Placed>>,
    inputs_made: u64,
}

impl Stage {
    /// Builds an empty mix, and plays it.
    pub(super) fn build(
        name: &str,
        settings: MixSettings,
        descriptions: Descriptions,
        placed: watch::Sender<Vec<Placed>>,
    ) -> Result<(Self, mpsc::Receiver<BusEvent>), MixError> {
        let (pipeline, events) = Pipeline::new(&format!("mix-{name}"));
        let (canvas, video_pads) = Canvas::build(&descriptions, &settings.values, settings.videos)?;
        let (voices, audio_pads) = audio::build(&descriptions, &settings.values, settings.voices)?;
        let video_tee = end(&pipeline, canvas.bin())?;
        let audio_tee = end(&pipeline, &voices)?;
        pipeline.play()?;
        let cues = Cues::new(&video_pads, canvas.late());
        let mut stage = Self {
            participants: Vec::new(),
            encoders: Vec::new(),
            pipeline,
            settings,
            descriptions,
            canvas,
            video_tee,
            audio_tee,
            video_pads,
            cues,
            audio_pads,
            placed,
            inputs_made: 0,
        };
        stage.settle();
        Ok((stage, events))
    }

    /// Runs until the owner is gone or the mix fails as a whole. No timers of the runtime: it may end before this thread.
    pub(super) fn run(
        mut self,
        commands: &std_mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<BusEvent>,
        state: &watch::Sender<MixState>,
    ) {
        let mut next_look = Instant::now() + LOOK;
        loop {
            let next = self.cues.next().map_or(next_look, |cue| cue.min(next_look));
            match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(command) => self.obey(command),
                Err(std_mpsc::RecvTimeoutError::Timeout) => next_look = Instant::now() + LOOK,
                Err(std_mpsc::RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(event) = events.try_recv() {
                if let Err(reason) = self.notice(event) {
                    tracing::error!(mix = %self.pipeline.gst().name(), %reason, "the mix failed");
                    state.send_replace(MixState::Failed(reason));
                    return;
                }
            }
            self.cues.play(Instant::now());
            self.settle();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add { id, name } => {
                if self.find(&id).is_none() {
                    self.participants.push(Participant { id, name, audio: None, video: None });
                }
            }
            Command::Remove { id } => self.participants.retain(|participant| participant.id != id),
            Command::Attach { id, codec, outlet } => match self.find(&id) {
                Some(participant) => {
                    let track = participant.track(codec.kind());
                    // The old input goes before the new one comes, so that its pad is free.
                    drop(track.take());
                    *track = Some(Track { codec, outlet, input: None, not_before: None });
                }
                None => tracing::warn!(participant = %id, "a track of nobody in this mix is not mixed"),
            },
            Command::Detach { id, kind } => {
                if let Some(participant) = self.find(&id) {
                    drop(participant.track(kind).take());
                }
            }
            Command::Encode { encoding, reply } => {
                let encoded = self.encode(encoding);
                if reply.send(encoded).is_err() {
                    self.release(encoding);
                }
            }
            Command::Release { encoding } => self.release(encoding),
        }
    }

    fn encode(&mut self, encoding: Encoding) -> Result<Outlet, MixError> {
        if let Some(encoder) = self.encoders.iter_mut().find(|encoder| encoder.encoding == encoding) {
            encoder.users += 1;
            return Ok(encoder.outlet.clone());
        }
        let tee = match encoding.kind() {
            Kind::Video => &self.video_tee,
            Kind::Audio => &self.audio_tee,
        };
        let (descriptions, values) = (&self.descriptions, &self.settings.values);
        let encoder = Encoder::start(self.pipeline.gst(), tee, encoding, descriptions, values)?;
        let outlet = encoder.outlet.clone();
        self.encoders.push(encoder);
        Ok(outlet)
    }

    fn release(&mut self, encoding: Encoding) {
        if let Some(encoder) = self.encoders.iter_mut().find(|encoder| encoder.encoding == encoding) {
            encoder.users = encoder.users.saturating_sub(1);
        }
        self.encoders.retain(|encoder| encoder.users > 0);
    }

    fn find(&mut self, id: &ParticipantId) -> Option<&mut Participant> {
        self.participants.iter_mut().find(|participant| participant.id == *id)
    }

    /// An input's error ends the input; any other ends the mix.
    fn notice(&mut self, event: BusEvent) -> Result<(), String> {
        let reason = match event.kind {
            BusEventKind::Error(ref reason) => reason.clone(),
            BusEventKind::Eos => return Err("the mix came to an end by itself".into()),
        };
        let tracks = self.participants.iter_mut().flat_map(|p| [&mut p.audio, &mut p.video]).flatten();
        for track in tracks {
            if track.input.as_ref().is_some_and(|input| event.is_from(&input.name())) {
                tracing::warn!(%reason, codec = ?track.codec, "a track left the mix: it is tried again");
                track.input = None;
                track.not_before = Some(Instant::now() + RETRY);
                return Ok(());
            }
        }
        // One that left a moment ago.
        let has_left = event.path.first().is_some_and(|name| {
            let encodes = |encoder: &Encoder| encoder.is(name);
            name.starts_with(INPUT) || encoder::is_one(name) && !self.encoders.iter().any(encodes)
        });
        if has_left { Ok(()) } else { Err(reason) }
    }

    /// Makes inputs, places and tiles fit the participants.
    fn settle(&mut self) {
        let shown = self.participants.len().min(self.settings.videos);
        let looked_at = self.encoders.iter().any(|encoder| encoder.encoding.kind() == Kind::Video);
        let places = layout::grid(self.canvas.size(), shown);
        for index in 0..self.participants.len() {
            let is_shown = index < shown;
            for kind in Kind::ALL {
                self.settle_track(index, kind, is_shown && looked_at || kind == Kind::Audio);
            }
        }
        let (placed, covered) = self.place(&places);
        let tiles = self.participants.iter().zip(placed.iter().zip(covered)).filter(|(_, (_, covered))| !covered);
        let tiles =
            tiles.map(|(who, (placed, _))| Tile { placement: placed.placement, name: who.name.to_string() }).collect();
        if let Err(error) = self.canvas.draw(tiles) {
            tracing::warn!(%error, "the tiles are not up to date");
        }
        self.placed.send_if_modified(|current| {
            let changed = *current != placed;
            *current = placed;
            changed
        });
    }

    fn settle_track(&mut self, index: usize, kind: Kind, wanted: bool) {
        let Some(track) = self.participants[index].track(kind) else { return };
        if !wanted {
            track.input = None;
            return;
        }
        if track.input.is_some() || track.not_before.is_some_and(|moment| Instant::now() < moment) {
            return;
        }
        let (codec, outlet) = (track.codec, track.outlet.clone());
        let Some(pad) = self.free_pad(kind) else { return };
        let started = self.start_input(index, codec, &outlet, &pad);
        let Some(track) = self.participants[index].track(kind) else { return };
        match started {
            Ok(input) => track.input = Some(input),
            Err(error) => {
                tracing::warn!(%error, ?codec, "a track cannot be mixed: it is tried again");
                track.not_before = Some(Instant::now() + RETRY);
            }
        }
    }

    fn start_input(&mut self, index: usize, codec: Codec, outlet: &Outlet, pad: &gst::Pad) -> Result<Input, MixError> {
        let decode = self.descriptions.build(description_of(codec), &self.settings.values)?;
        self.inputs_made += 1;
        // Numbered, since the former input of the same track may still be on its way out.
        let name = format!("{INPUT}{}-{}-{}", self.inputs_made, codec.kind(), self.participants[index].id);
        // The compositor shows what begins within a picture of its own, that is up to one too early: half of one later is
        // the nearest.
        let rounding = gst::ClockTime::SECOND / 2 / u64::from(self.settings.values.fps.max(1));
        Input::start(self.pipeline.gst(), &name, codec.kind(), &decode, outlet, pad, rounding)
    }

    fn free_pad(&self, kind: Kind) -> Option<gst::Pad> {
        let pads = match kind {
            Kind::Audio => &self.audio_pads,
            Kind::Video => &self.video_pads,
        };
        pads.iter().find(|pad| !pad.is_linked()).cloned()
    }

    /// Has every video move to its place, and what is not live go. Says who is where, and who needs no tile.
    fn place(&mut self, places: &[Placement]) -> (Vec<Placed>, Vec<bool>) {
        let now = Instant::now();
        let (mut lent, mut placed, mut covered) = (Vec::new(), Vec::new(), Vec::new());
        for (participant, placement) in self.participants.iter().zip(places) {
            let input = participant.video.as_ref().and_then(|track| track.input.as_ref());
            let live = input.filter(|input| input.is_fresh(FROZEN));
            if let Some(input) = live {
                let age = input.began().map(|began| Pipeline::running_time().saturating_sub(began).into());
                let began = age.and_then(|age| now.checked_sub(age)).unwrap_or(now);
                self.cues.show(input.pad(), *placement, began, now);
                lent.push(input.pad());
            }
            placed.push(Placed { participant: participant.id.clone(), placement: *placement, video: live.is_some() });
            covered.push(live.is_some_and(|input| self.cues.covers(input.pad(), now)));
        }
        for pad in self.video_pads.iter().filter(|pad| !lent.contains(pad)) {
            self.cues.hide(pad, now);
        }
        (placed, covered)
    }
}

/// A tee at the end of what `mixed` gives, which encoders come to and leave.
fn end(pipeline: &Pipeline, mixed: &gst::Bin) -> Result<gst::Element, MixError> {
    let fail = |_| MixError::Graph { step: "joining a mixer with its tee" };
    let tee = gst::ElementFactory::make("tee").property("allow-not-linked", true).build().map_err(fail)?;
    pipeline.gst().add_many([mixed.upcast_ref(), &tee]).map_err(fail)?;
    mixed.link_pads(Some("out"), &tee, Some("sink")).map_err(fail)?;
    Ok(tee)
}

/// How the names of all inputs begin.
const INPUT: &str = "input-";

fn description_of(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "input/audio-opus.launch",
        Codec::Vp8 => "input/video-vp8.launch",
        Codec::H264 => "input/video-h264.launch",
    }
}
