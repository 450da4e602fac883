//! The part of the room's task that mixes: each of its mixes runs only while something wants it, or might want what has been.

use std::sync::Arc;

use futures_util::future::select_all;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::actor::Actor;
use super::keeping::Kept;
use super::mixes::{Definition, Mixes, Pick};
use super::participant::Participant;
use super::publication::Publication;
use super::recordings::News;
use super::starting::START_WITHIN;
use super::{Member, MixesError, Source};
use crate::egress::format::Format;
use crate::id::{MixName, ParticipantId};
use crate::media::description::Values;
use crate::mix::style::Assets;
use crate::mix::{Decoders, Mix, MixError, MixSettings, MixState, Placed};

/// How many mixes of a room may run at once: each encodes.
const MOST_MIXES: usize = 8;

/// The room's mixes.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    /// What they are.
    pub(super) known: Mixes,
    running: Vec<Running>,
    /// They all decode with these.
    decoders: Decoders,
    /// Those that are about to run.
    starting: Vec<MixName>,
    /// What is kept of `default`.
    pub(super) kept: Kept,
    /// Who spoke last.
    spoke: Option<ParticipantId>,
}

#[derive(Debug)]
struct Running {
    name: MixName,
    values: Values,
    /// Whether it has to be told who speaks.
    listens: bool,
    mix: Arc<Mix>,
}

impl Mixing {
    /// The mix of a name.
    pub(super) fn handle(&self, name: &MixName) -> Option<Arc<Mix>> {
        self.find(name).map(|running| Arc::clone(&running.mix))
    }

    fn find(&self, name: &MixName) -> Option<&Running> {
        self.running.iter().find(|running| running.name == *name)
    }

    /// With what a mix runs, and who is where in it.
    pub(super) fn runs_as(&self, name: &MixName) -> Option<(Values, Vec<Placed>)> {
        self.find(name).map(|running| (running.values, running.mix.placements().borrow().clone()))
    }

    /// Whether a mix runs, or is about to.
    pub(super) fn is_used(&self, name: &MixName) -> bool {
        self.find(name).is_some() || self.starting.contains(name)
    }

    /// Lets a mix be another, if it runs.
    pub(super) fn rearrange(&mut self, name: &MixName, Definition { scene, style, .. }: &Definition, assets: &Assets) {
        let Some(running) = self.running.iter_mut().find(|running| running.name == *name) else { return };
        let listened = std::mem::replace(&mut running.listens, scene.layout.follows_speaker());
        let told = running.mix.set_scene(scene).and_then(|()| running.mix.set_style(style, assets));
        let told = told.and_then(|()| match &self.spoke {
            Some(speaker) if !listened && running.listens => running.mix.set_speaker(speaker),
            _ => Ok(()),
        });
        if let Err(error) = told {
            tracing::warn!(%error, mix = %name, "the mix does not listen");
        }
    }

    /// Whether there is any.
    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// The pipelines of those that run.
    pub(super) fn pipelines(&self) -> impl Iterator<Item = gst::Pipeline> {
        self.running.iter().filter_map(|running| running.mix.pipeline())
    }

    /// Whether one has to be told who speaks.
    pub(super) fn follows_speaker(&self) -> bool {
        self.running.iter().any(|running| running.listens)
    }

    /// Gives somebody a tile.
    pub(super) fn add(&self, member: &Member) {
        self.tell(|mix| mix.add_participant(&member.id, &member.name));
    }

    /// Takes somebody out.
    pub(super) fn remove(&self, id: &ParticipantId) {
        self.tell(|mix| mix.remove_participant(id));
    }

    /// Somebody else speaks. In silence, who spoke last counts.
    pub(super) fn hear(&mut self, speaker: ParticipantId) {
        for running in self.running.iter().filter(|running| running.listens) {
            if let Err(error) = running.mix.set_speaker(&speaker) {
                tracing::warn!(%error, mix = %running.name, "the mix does not listen");
            }
        }
        self.spoke = Some(speaker);
    }

    fn tell(&self, say: impl Fn(&Mix) -> Result<(), MixError>) {
        for Running { name, mix, .. } in &self.running {
            if let Err(error) = say(mix) {
                tracing::warn!(%error, mix = %name, "the mix does not listen");
            }
        }
    }

    /// Resolves when a mix has failed as a whole; never without one.
    pub(super) async fn failed(&self) -> (MixName, String) {
        let failed = |running: &Running| {
            let (name, mut state) = (running.name.clone(), running.mix.state());
            Box::pin(async move {
                loop {
                    if let MixState::Failed(reason) = &*state.borrow_and_update() {
                        return (name, reason.clone());
                    }
                    if state.changed().await.is_err() {
                        return (name, "the mix ended by itself".into());
                    }
                }
            })
        };
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.running.iter().map(failed)).await.0
    }
}

impl Actor {
    /// The mix that a recording takes, if it takes one: what was picked.
    pub(super) fn mix_for(&mut self, format: Format, pick: Pick) -> Result<Option<MixName>, MixesError> {
        if format.encodings().is_empty() {
            return Ok(None);
        }
        self.pick_mix(pick).map(Some)
    }

    /// The mix that is meant, if it can run.
    pub(super) fn pick_mix(&mut self, pick: Pick) -> Result<MixName, MixesError> {
        if self.participants.is_empty() {
            return Err(MixesError::NoRoom(self.name.to_string()));
        }
        // Of those that were refused after they were picked.
        self.forget_untaken();
        let name = self.mixing.known.pick(pick)?;
        let definition = self.mixing.known.get(&name).ok_or_else(|| MixesError::Unknown(name.clone()))?;
        definition.check(&self.context.config.mix)?;
        if !self.mixing.is_used(&name) && self.mixing.running.len() + self.mixing.starting.len() >= MOST_MIXES {
            return Err(MixesError::TooManyRun(MOST_MIXES));
        }
        Ok(name)
    }

    /// Whether something takes a mix, or is about to.
    pub(super) fn takes(&self, mix: &MixName) -> bool {
        self.recordings.takes(mix) || self.outputs.takes(mix) || self.viewers.takes(mix) || self.snapshots.takes(mix)
    }

    /// Forgets the mixes without a name of their own that nothing takes.
    fn forget_untaken(&mut self) {
        let untaken = |name: &&MixName| !self.takes(name) && !self.mixing.is_used(name);
        let untaken: Vec<_> = self.mixing.known.implied().filter(untaken).cloned().collect();
        untaken.iter().for_each(|name| self.mixing.known.forget(name));
    }

    /// The numbers of a mix that runs.
    pub(super) fn mix_values(&self, name: &MixName) -> Values {
        self.mixing.find(name).map(|running| running.values).unwrap_or_default()
    }

    /// Starts a mix, unless that is done or under way. It takes its time: the room is told by [`News::Mix`].
    pub(super) fn start_mix(&mut self, name: &MixName) {
        let Some(definition) = self.mixing.known.get(name) else { return };
        if self.mixing.is_used(name) {
            return;
        }
        let values = definition.values(&self.context.config.mix);
        let settings = MixSettings { values, ..MixSettings::default() };
        self.mixing.starting.push(name.clone());
        let title = format!("{name}-{}", self.pipeline.gst().name());
        let (descriptions, news) = (Arc::clone(&self.context.descriptions), self.recordings.news.clone());
        let (name, decoders) = (name.clone(), self.mixing.decoders.clone());
        tokio::spawn(async move {
            let start = Mix::start_sharing(&title, settings, &descriptions, &decoders);
            let started = tokio::time::timeout(START_WITHIN, start).await;
            let started = started.unwrap_or(Err(MixError::Ended)).map(|mix| (mix, values));
            let _ = news.send(News::Mix(name, started)).await;
        });
    }

    /// A mix has started, or has not: what waits for it begins, or does not.
    pub(super) fn mix_started(&mut self, name: &MixName, started: Result<(Mix, Values), MixError>) {
        self.mixing.starting.retain(|starting| starting != name);
        if let Err(error) = started.and_then(|(mix, values)| self.fill_mix(name, mix, values)) {
            tracing::error!(%error, mix = %name, "there is no mix");
            self.mixing.kept.rest();
            self.end_outputs(Some(name), &error.to_string());
            self.end_viewers(Some(name), &error.to_string());
            self.end_snapshots(Some(name), &error.to_string());
            return self.refuse_recordings(name, &error);
        }
        self.begin_recordings();
        self.begin_outputs();
        self.begin_broadcasts();
        self.begin_snapshots();
        self.keep_mix();
        if !self.keeps_mix() {
            self.end_idle_mixes();
        }
    }

    fn fill_mix(&mut self, name: &MixName, mix: Mix, values: Values) -> Result<(), MixError> {
        // It may have been changed since it was asked for.
        let Definition { scene, style, .. } = self.mixing.known.get(name).ok_or(MixError::Ended)?;
        let listens = scene.layout.follows_speaker();
        mix.set_scene(scene)?;
        mix.set_style(style, &self.assets())?;
        for participant in self.participants.values().filter(|participant| !participant.rights.hidden) {
            mix.add_participant(&participant.id, &participant.name)?;
            mix.set_muted(&participant.id, is_mute(participant))?;
        }
        if let Some(speaker) = &self.mixing.spoke {
            mix.set_speaker(speaker)?;
        }
        self.mixing.running.push(Running { name: name.clone(), values, listens, mix: Arc::new(mix) });
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            for source in Source::ALL {
                self.feed_mixes(&id, source, Some(name));
            }
        }
        self.ask_publishers();
        Ok(())
    }

    /// Gives a track to the mix and to recordings that want it, if it is there and not muted.
    pub(super) fn feed(&mut self, id: &ParticipantId, source: Source) {
        if self.keeps_past() {
            self.keep_track(id, source);
        }
        self.feed_mixes(id, source, None);
        self.feed_recordings(id, source);
    }

    /// Gives all mixes a track, or only one of them, if it is there and not muted.
    fn feed_mixes(&mut self, id: &ParticipantId, source: Source, only: Option<&MixName>) {
        let wanted = |running: &&Running| only.is_none_or(|only| running.name == *only);
        let mixes: Vec<&Mix> = self.mixing.running.iter().filter(wanted).map(|running| &*running.mix).collect();
        if mixes.is_empty() {
            return;
        }
        let Some(participant) = self.participants.get_mut(id) else { return };
        let name = participant.name.clone();
        let Some(publication) = participant.publications.get_mut(&source).filter(|publication| !publication.muted)
        else {
            return;
        };
        let tile = tile(id, source);
        let codec = publication.codec();
        let outlet = match publication.tap(self.pipeline.gst()) {
            Ok(outlet) => outlet,
            Err(error) => {
                return tracing::warn!(participant = %id, ?source, %error, "a track is not in any mix");
            }
        };
        let feed = |mix: &Mix| {
            if source.is_shared() {
                mix.add_screen(&tile, id, &name)?;
            }
            mix.attach(&tile, codec, outlet)
        };
        // One that has failed keeps nothing from the others.
        for error in mixes.into_iter().filter_map(|mix| feed(mix).err()) {
            tracing::warn!(participant = %id, ?source, %error, "a track is not in a mix");
        }
    }

    /// The images that styles may name.
    pub(super) fn assets(&self) -> Assets {
        Assets::new(self.context.config.mix.assets.as_deref())
    }

    /// Marks somebody as muted in all mixes, or not, as it is.
    pub(super) fn mark_muted(&self, id: &ParticipantId) {
        if let Some(participant) = self.participants.get(id) {
            self.mixing.tell(|mix| mix.set_muted(id, is_mute(participant)));
        }
    }

    /// Takes a track out of all mixes, if it is there.
    pub(super) fn starve_mix(&mut self, id: &ParticipantId, source: Source) {
        let tile = tile(id, source);
        self.mixing.tell(|mix| mix.detach(&tile, source.kind()));
        if source == Source::Screen {
            self.mixing.tell(|mix| mix.remove_participant(&tile));
        }
        // Nothing is kept of what nobody may hear.
        let publication = self.participants.get_mut(id).and_then(|them| them.publications.get_mut(&source));
        publication.into_iter().for_each(Publication::close_tap);
    }

    /// Ends the mixes that nothing wants any more.
    pub(super) fn end_idle_mixes(&mut self) {
        let keeps = self.mixing.kept.wants_mix();
        let names = self.mixing.running.iter().map(|running| &running.name);
        let idle = |name: &&MixName| !(self.takes(name) || keeps && name.is_default());
        let idle: Vec<_> = names.filter(idle).cloned().collect();
        self.mixing.running.retain(|running| !idle.contains(&running.name));
        self.forget_untaken();
        if self.mixing.is_running() || self.recordings.is_active() || self.keeps_past() {
            return;
        }
        for publication in self.participants.values_mut().flat_map(|participant| participant.publications.values_mut())
        {
            publication.close_tap();
        }
    }

    /// Ends a mix that is of no further use, and what takes it.
    pub(super) fn mix_failed(&mut self, name: &MixName, reason: &str) {
        tracing::error!(reason, mix = %name, "the mix failed: what records it ends");
        self.end_recordings_of(name, reason);
        self.end_outputs(Some(name), reason);
        self.end_viewers(Some(name), reason);
        self.end_snapshots(Some(name), reason);
        self.mixing.running.retain(|running| running.name != *name);
        if name.is_default() {
            self.mixing.kept.fail();
        }
    }
}

/// Whether somebody has a microphone that is muted.
fn is_mute(participant: &Participant) -> bool {
    participant.publications.get(&Source::Microphone).is_some_and(|microphone| microphone.muted)
}

/// The tile that shows a track: a shared screen has one beside its owner's.
fn tile(id: &ParticipantId, source: Source) -> ParticipantId {
    if source.is_shared() { ParticipantId::from_remote(&format!("{id}-screen")) } else { id.clone() }
}
