//! The mix's own thread: it alone knows who is in the mix and changes its pipeline.
//!
//! Every change ends in [`Stage::settle`], which makes the pipeline fit the list of participants, whatever happened.

mod dressing;
mod intake;

use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};

use super::cards::{self, Cards, Wanted};
use super::decoder::Decoders;
use super::encoder::{self, Encoder};
use super::encoding::Encoding;
use super::input::FROZEN;
use super::layout::Place;
use super::roster::{Roster, Track};
use super::scene::Scene;
use super::slot::Slot;
use super::still::{self, Stills};
use super::style::Look;
use super::video::Canvas;
use super::{MixError, MixSettings, MixState, Placed, audio, pace};
use crate::id::{ParticipantId, ParticipantName};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::description::Descriptions;
use crate::media::link::Outlet;
use crate::media::pipeline::Pipeline;
use crate::media::{Codec, Kind};
use crate::metrics::metrics;
use crate::metrics::share::One;
use dressing::Dress;
use intake::{INPUT, leave_out};

/// How often the mix looks who is frozen and what failed; a first picture shows within this time, too.
const LOOK: Duration = Duration::from_millis(100);

/// What the owner asks for.
#[derive(Debug)]
pub(super) enum Command {
    Add { id: ParticipantId, owner: ParticipantId, name: ParticipantName },
    Remove { id: ParticipantId },
    Attach { id: ParticipantId, codec: Codec, outlet: Outlet },
    Detach { id: ParticipantId, kind: Kind },
    Encode { encoding: Encoding, reply: oneshot::Sender<Result<Outlet, MixError>> },
    Release { encoding: Encoding },
    Picture { reply: still::Reply },
    Arrange { scene: Scene },
    Speak { id: ParticipantId },
    Look { turn: u64, look: Look },
    Mute { id: ParticipantId, muted: bool },
}

/// Everything of one mix.
#[derive(Debug)]
pub(super) struct Stage {
    // First, so that inputs leave the pipeline before it ends.
    roster: Roster,
    cards: Cards,
    encoders: Vec<Encoder>,
    stills: Stills,
    pipeline: Pipeline,
    settings: MixSettings,
    descriptions: Descriptions,
    decoders: Decoders,
    canvas: Canvas,
    dress: Dress,
    scene: Scene,
    /// What the layout says, until somebody comes, goes or speaks.
    places: Option<Vec<Option<Place>>>,
    video_tee: gst::Element,
    audio_tee: gst::Element,
    slots: Vec<Slot>,
    audio_pads: Vec<gst::Pad>,
    placed: watch::Sender<Vec<Placed>>,
    inputs_made: u64,
    _counted: One,
}

impl Stage {
    /// Builds an empty mix, and plays it.
    pub(super) fn build(
        name: &str,
        settings: MixSettings,
        descriptions: Descriptions,
        decoders: Decoders,
        placed: watch::Sender<Vec<Placed>>,
    ) -> Result<(Self, mpsc::Receiver<BusEvent>), MixError> {
        let (pipeline, events) = Pipeline::new(&format!("mix-{name}"));
        let (canvas, slots) = Canvas::build(&descriptions, &settings.values, settings.videos)?;
        let (voices, audio_pads) = audio::build(&descriptions, &settings.values, settings.voices)?;
        let video_tee = end(&pipeline, canvas.bin())?;
        let audio_tee = end(&pipeline, &voices)?;
        if let Some(pad) = video_tee.static_pad("sink") {
            pace::time_mixer(&pad, canvas.late());
        }
        let dress = Dress::new(&canvas)?;
        pipeline.pause()?;
        canvas.start_now()?;
        audio::start_now(&voices)?;
        pipeline.play()?;
        let mut stage = Self {
            roster: Roster::default(),
            cards: Cards::default(),
            encoders: Vec::new(),
            stills: Stills::default(),
            pipeline,
            settings,
            descriptions,
            decoders,
            canvas,
            dress,
            scene: Scene::default(),
            places: None,
            video_tee,
            audio_tee,
            slots,
            audio_pads,
            placed,
            inputs_made: 0,
            _counted: One::of(&metrics().mixes.running),
        };
        stage.settle();
        Ok((stage, events))
    }

    /// Its pipeline.
    pub(super) fn pipeline(&self) -> glib::WeakRef<gst::Pipeline> {
        self.pipeline.gst().downgrade()
    }

    /// Runs until the owner is gone or the mix fails as a whole. No timers of the runtime: it may end before this thread.
    pub(super) fn run(
        mut self,
        commands: &std_mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<BusEvent>,
        state: &watch::Sender<MixState>,
    ) {
        let picture = Duration::from_secs(1) / self.settings.values.fps.max(1);
        let mut next_look = Instant::now() + LOOK;
        loop {
            let now = Instant::now();
            let is_moving = self.slots.iter().any(Slot::is_moving);
            let due = self.slots.iter().filter_map(Slot::next).chain(self.canvas.next()).chain(self.dress.next()).min();
            let next = if is_moving { next_look.min(now + picture) } else { next_look };
            let next = due.map_or(next, |due| due.min(next));
            match commands.recv_timeout(next.saturating_duration_since(now)) {
                Ok(command) => self.obey(command),
                Err(std_mpsc::RecvTimeoutError::Timeout) if Instant::now() < next_look => {
                    self.step();
                    continue;
                }
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
            self.settle();
            self.step();
        }
    }

    /// Goes on with what is moving.
    fn step(&mut self) {
        let now = Instant::now();
        self.slots.iter_mut().for_each(|slot| slot.step(now));
        self.lay_over();
        if let Err(error) = self.canvas.step(now) {
            tracing::warn!(%error, "the tiles are not up to date");
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add { id, owner, name } => {
                self.roster.add(id, owner, name);
                self.places = None;
            }
            Command::Remove { id } => {
                self.roster.remove(&id);
                self.dress.forget(&id);
                self.places = None;
            }
            Command::Arrange { scene } => {
                self.scene = scene;
                self.places = None;
            }
            Command::Speak { id } => {
                self.roster.speaks(id, &self.scene);
                self.places = None;
            }
            Command::Attach { id, codec, outlet } => match self.roster.find(&id) {
                Some(participant) => {
                    let track = participant.track(codec.kind());
                    // The old input goes before the new one comes, so that its pad is free.
                    drop(track.take());
                    *track = Some(Track { codec, outlet, input: None, not_before: None, is_left_out: false });
                    self.places = None;
                }
                None => tracing::warn!(participant = %id, "a track of nobody in this mix is not mixed"),
            },
            Command::Detach { id, kind } => {
                if let Some(participant) = self.roster.find(&id) {
                    drop(participant.track(kind).take());
                    self.places = None;
                }
            }
            Command::Encode { encoding, reply } => {
                let encoded = self.encode(encoding);
                if reply.send(encoded).is_err() {
                    self.release(encoding);
                }
            }
            Command::Release { encoding } => self.release(encoding),
            Command::Picture { reply } => self.stills.want(reply),
            Command::Look { turn, look } => self.look(turn, look),
            Command::Mute { id, muted } => self.mute(id, muted),
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

    /// An input's error ends the input; any other ends the mix.
    fn notice(&mut self, event: BusEvent) -> Result<(), String> {
        let reason = match event.kind {
            BusEventKind::Error(ref reason) => reason.clone(),
            BusEventKind::Eos => return Err("the mix came to an end by itself".into()),
        };
        let tracks = self.roster.all.iter_mut().flat_map(|p| [&mut p.audio, &mut p.video]).flatten();
        for track in tracks {
            if track.input.as_ref().is_some_and(|input| event.is_from(&input.name())) {
                leave_out(track, &reason);
                return Ok(());
            }
        }
        // One that left a moment ago.
        let has_left = event.path.first().is_some_and(|name| {
            let encodes = |encoder: &Encoder| encoder.is(name);
            name.starts_with(INPUT)
                || cards::is_one(name)
                || encoder::is_one(name) && !self.encoders.iter().any(encodes)
        });
        if has_left { Ok(()) } else { Err(reason) }
    }

    /// Makes inputs, places and tiles fit the participants.
    fn settle(&mut self) {
        let (canvas, most) = (self.canvas.size(), self.settings.videos);
        let known = self.places.take();
        let places = known.unwrap_or_else(|| self.with_gaps(self.roster.places(&self.scene, canvas, most)));
        let encodes = self.encoders.iter().any(|encoder| encoder.encoding.kind() == Kind::Video);
        let looked_at = self.stills.is_looked_at(encodes, Instant::now());
        let is_wanted = |index: usize| looked_at && places[index].is_some();
        // First out, so that pads are free for who comes in.
        for (_, hidden) in self.roster.all.iter_mut().enumerate().filter(|(index, _)| !is_wanted(*index)) {
            hidden.video.iter_mut().for_each(|track| track.input = None);
        }
        for index in 0..self.roster.all.len() {
            if self.roster.is_taken(index, &self.scene) {
                self.settle_track(index, Kind::Audio);
            } else if let Some(track) = &mut self.roster.all[index].audio {
                track.input = None;
            }
            if is_wanted(index) {
                self.settle_track(index, Kind::Video);
            }
        }
        let (placed, covered) = self.place(&places);
        self.draw(&places, &covered);
        let now = Instant::now();
        let is_complete = self.canvas.is_up_to_date(now) && still::is_complete(&self.roster, &places, &self.slots);
        self.stills.take(&self.video_tee, is_complete, now);
        self.places = Some(places);
        self.placed.send_if_modified(|current| {
            let changed = *current != placed;
            *current = placed;
            changed
        });
    }

    /// Shows every live video at its place, and the name of whoever has none where it would lie below somebody's. Hides what
    /// is not live. Says who is where, and which of them need no tile.
    fn place(&mut self, places: &[Option<Place>]) -> (Vec<Placed>, Vec<bool>) {
        let now = Instant::now();
        let mut used = vec![false; self.slots.len()];
        let (mut placed, mut wanted, mut covered) = (Vec::new(), Vec::new(), Vec::new());
        for (participant, place) in self.roster.all.iter().zip(places) {
            let Some(place) = place else { continue };
            let input = participant.video.as_ref().and_then(|track| track.input.as_ref());
            let live = input.filter(|input| input.is_fresh(FROZEN));
            let slot = live.and_then(|input| self.slots.iter().position(|slot| slot.pad() == input.pad()));
            let person = &participant.person;
            if let (Some(input), Some(slot)) = (live, slot) {
                let age = input.began().map(|began| Pipeline::running_time().saturating_sub(began).into());
                let began = age.and_then(|age| now.checked_sub(age)).unwrap_or(now);
                self.slots[slot].show(&person.id, *place, input.fitter(), began, now);
                used[slot] = true;
            }
            covered.push(slot.is_some_and(|slot| self.slots[slot].covers(now)));
            if slot.is_none() && cards::lies_on_another(place, places) {
                let name = self.roster.caption(person, &self.scene);
                wanted.push(Wanted { id: person.id.clone(), place: *place, name });
            }
            placed.push(Placed { participant: person.id.clone(), placement: place.placement, video: slot.is_some() });
        }
        let fps = self.settings.values.fps;
        self.cards.settle(&wanted, self.pipeline.gst(), fps, &mut self.slots, &mut used);
        for (slot, _) in self.slots.iter_mut().zip(used).filter(|(_, used)| !used) {
            // Where there is no tile to wait for, nothing is to be seen.
            let has_tile = placed.iter().any(|placed| slot.owner() == Some(&placed.participant));
            slot.hide(!has_tile, now);
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
