//! The part of the room's task that mixes: the mix runs only while something wants it.

use gstreamer::prelude::*;

use super::actor::Actor;
use super::{Member, Source};
use crate::config;
use crate::id::{ParticipantId, ParticipantName};
use crate::media::description::Values;
use crate::mix::{Mix, MixError, MixSettings, MixState};

/// The room's mix, if there is one.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    mix: Option<Mix>,
}

impl Mixing {
    /// The mix.
    pub(super) fn mix(&self) -> Option<&Mix> {
        self.mix.as_ref()
    }

    /// Gives somebody a tile.
    pub(super) fn add(&self, member: &Member) {
        self.tell(|mix| mix.add_participant(&member.id, &member.name));
    }

    /// Takes somebody out.
    pub(super) fn remove(&self, id: &ParticipantId) {
        self.tell(|mix| mix.remove_participant(id));
    }

    fn tell(&self, say: impl FnOnce(&Mix) -> Result<(), MixError>) {
        if let Some(Err(error)) = self.mix.as_ref().map(say) {
            tracing::warn!(%error, "the mix does not listen");
        }
    }

    /// Resolves when the mix has failed as a whole; never without one.
    pub(super) async fn failed(&self) -> String {
        let Some(mix) = &self.mix else { return std::future::pending().await };
        let mut state = mix.state();
        loop {
            if let MixState::Failed(reason) = &*state.borrow_and_update() {
                return reason.clone();
            }
            if state.changed().await.is_err() {
                return "the mix ended by itself".into();
            }
        }
    }
}

impl Actor {
    pub(super) async fn start_mix(&mut self) -> Result<(), MixError> {
        if self.mixing.mix.is_some() {
            return Ok(());
        }
        let settings = MixSettings { values: values(&self.context.config.mix), ..MixSettings::default() };
        let name = format!("mix-{}", self.pipeline.gst().name());
        let mix = Mix::start(&name, settings, &self.context.descriptions).await?;
        for participant in self.participants.values() {
            mix.add_participant(&participant.id, &participant.name)?;
        }
        self.mixing.mix = Some(mix);
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            for source in Source::ALL {
                self.feed_mix(&id, source);
            }
        }
        self.ask_publishers();
        Ok(())
    }

    /// Gives a track to the mix and to recordings that want it, if it is there and not muted.
    pub(super) fn feed(&mut self, id: &ParticipantId, source: Source) {
        self.feed_mix(id, source);
        self.feed_recordings(id, source);
    }

    /// Gives the mix a track, if there are both and it is not muted.
    fn feed_mix(&mut self, id: &ParticipantId, source: Source) {
        let Some(mix) = &self.mixing.mix else { return };
        let Some(participant) = self.participants.get_mut(id) else { return };
        let name = participant.name.clone();
        let Some(publication) = participant.publications.get_mut(&source).filter(|publication| !publication.muted)
        else {
            return;
        };
        let tile = tile(id, source);
        let codec = publication.codec();
        let fed = publication.tap(self.pipeline.gst()).map_err(|error| error.to_string()).and_then(|outlet| {
            if source.is_shared() {
                mix.add_participant(&tile, &shared_name(&name)).map_err(|error| error.to_string())?;
            }
            mix.attach(&tile, codec, outlet).map_err(|error| error.to_string())
        });
        if let Err(error) = fed {
            tracing::warn!(participant = %id, ?source, %error, "a track is not in the mix");
        }
    }

    /// Takes a track out of the mix, if it is there.
    pub(super) fn starve_mix(&self, id: &ParticipantId, source: Source) {
        let tile = tile(id, source);
        self.mixing.tell(|mix| mix.detach(&tile, source.kind()));
        if source == Source::Screen {
            self.mixing.tell(|mix| mix.remove_participant(&tile));
        }
    }

    pub(super) fn end_mix(&mut self) {
        self.mixing.mix = None;
        for publication in self.participants.values_mut().flat_map(|participant| participant.publications.values_mut())
        {
            publication.close_tap();
        }
    }
}

/// The tile that shows a track: a shared screen has one beside its owner's.
fn tile(id: &ParticipantId, source: Source) -> ParticipantId {
    if source.is_shared() { ParticipantId::from_remote(&format!("{id}-screen")) } else { id.clone() }
}

fn shared_name(name: &ParticipantName) -> ParticipantName {
    ParticipantName::parse(&format!("{name}'s screen")).unwrap_or_else(|_| name.clone())
}

fn values(mix: &config::Mix) -> Values {
    Values {
        width: mix.width,
        height: mix.height,
        fps: mix.fps,
        gop: mix.fps,
        video_kbps: mix.video_kbps,
        audio_bps: mix.audio_kbps * 1000,
    }
}
