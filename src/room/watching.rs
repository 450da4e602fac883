//! The part of the room's task that lets people watch a mix by WHEP: many, from one encode, without being in the room.
//!
//! A broadcast is a mix in one codec of pictures; it runs while somebody watches it. Who comes waits until there is a
//! mix and it is encoded, of which the room is told by [`News::Broadcast`]. A viewer's identifier is a secret: who knows
//! it may end the viewer, so it is in no log.

use std::time::Duration;

use gstreamer::prelude::*;
use tokio::sync::OwnedSemaphorePermit;

use super::actor::Actor;
use super::broadcast::{self, Program};
use super::error::WatchError;
use super::mixes::Pick;
use super::recordings::News;
use super::starting::START_WITHIN;
use super::viewers::{Broadcast, Phase, Reply, Viewer, Waiting, Watch, Watching};
use crate::id::{MixName, ViewerId};
use crate::media::bus::{BusEvent, BusEventKind};
use crate::media::{Codec, Kind};
use crate::metrics::metrics;
use crate::mix::{Encoded, Encoding, Mix, MixError};
use crate::webrtc::sdp::{self, Fragment, Offer, Policy, Profile, Refusal, Role};
use crate::webrtc::{Endpoint, EndpointError, EndpointEvent, EndpointEventKind};

/// How many m-lines a viewer may offer: it gets one picture and one sound.
const MAX_SECTIONS: usize = 8;
/// How long the encoder may take for its first picture, which says what it is.
const FIRST_PICTURE_WITHIN: Duration = Duration::from_secs(5);
/// The one media stream of a viewer (RFC 8830): browsers keep its sound with its picture.
const STREAM: &str = "mix";

impl Actor {
    pub(super) fn watch_command(&mut self, command: Watch) {
        match command {
            Watch::Begin { mix, offer, reply } => self.begin_watching(mix, offer, reply),
            Watch::Trickle { viewer, fragment, reply } => drop(reply.send(self.trickle_viewer(&viewer, &fragment))),
            Watch::End { viewer, reply } => {
                let ended = self.viewers.remove(&viewer).map(drop).ok_or(WatchError::Unknown);
                self.end_unwatched();
                let _ = reply.send(ended);
            }
        }
    }

    fn begin_watching(&mut self, mix: MixName, offer: String, reply: Reply) {
        match self.admissible(mix, &offer) {
            Ok((mix, codec, permit)) => {
                self.viewers.wait(&mix, codec, Waiting { offer, reply, permit });
                self.start_mix(&mix);
                self.begin_broadcasts();
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Whether one more may watch, which mix, and with which codec to try.
    fn admissible(&mut self, mix: MixName, offer: &str) -> Result<(MixName, Codec, OwnedSemaphorePermit), WatchError> {
        let mix = self.pick_mix(Pick { mix: Some(mix), layout: None })?;
        let most = self.context.config.viewers.max_per_mix;
        if self.viewers.count(&mix) >= most {
            return Err(WatchError::Full(most));
        }
        // The encoder says only later which H.264 it makes.
        let is_h264 = self.read(offer, Codec::H264, Profile::Any).is_ok_and(|offer| has_all(&offer));
        let codec = if is_h264 { Codec::H264 } else { Codec::Vp8 };
        self.read(offer, codec, Profile::Any).map_err(WatchError::Offer)?;
        let permit = std::sync::Arc::clone(&self.context.viewers).try_acquire_owned();
        Ok((mix, codec, permit.map_err(|_| WatchError::Full(self.context.config.viewers.max))?))
    }

    fn read(&self, offer: &str, video: Codec, profile: Profile) -> Result<Offer, sdp::SdpError> {
        let policy = Policy { profile, max_sections: MAX_SECTIONS, ..Policy::new(video) };
        sdp::parse_offer(offer, Role::Subscriber, &policy)
    }

    /// Has those encoded whose mix is there, and lets in who waits for one that runs.
    pub(super) fn begin_broadcasts(&mut self) {
        let keys: Vec<_> = self.viewers.broadcasts.iter().map(|known| (known.mix.clone(), known.codec)).collect();
        for (mix, codec) in keys {
            let handle = self.mixing.handle(&mix);
            let Some(broadcast) = self.broadcast(&mix, codec) else { continue };
            match (&broadcast.phase, handle) {
                (Phase::Waits, Some(handle)) => {
                    broadcast.phase = Phase::Starts;
                    let news = self.recordings.news.clone();
                    tokio::spawn(async move {
                        let encoded = tokio::time::timeout(START_WITHIN, encode(&handle, codec)).await;
                        let encoded = encoded.unwrap_or(Err(MixError::Ended));
                        let _ = news.send(News::Broadcast(mix, codec, encoded)).await;
                    });
                }
                (Phase::Runs { .. }, _) => self.let_in(&mix, codec),
                _ => {}
            }
        }
    }

    fn broadcast(&mut self, mix: &MixName, codec: Codec) -> Option<&mut Broadcast> {
        self.viewers.broadcasts.iter_mut().find(|known| known.mix == *mix && known.codec == codec)
    }

    /// What is to be broadcast is encoded now, or is not. Nobody may want it any more.
    pub(super) fn broadcast_encoded(&mut self, mix: &MixName, codec: Codec, encoded: Result<Vec<Encoded>, MixError>) {
        let starts =
            |known: &Broadcast| known.mix == *mix && known.codec == codec && matches!(known.phase, Phase::Starts);
        let Some(index) = self.viewers.broadcasts.iter().position(starts) else { return self.end_idle_mixes() };
        match encoded {
            Ok(encoded) => {
                let profile = encoded.iter().find_map(profile_of);
                tracing::info!(%mix, ?codec, ?profile, "a mix is broadcast");
                self.viewers.broadcasts[index].phase = Phase::Runs { program: Program::new(encoded), profile };
                self.let_in(mix, codec);
                self.end_unwatched();
            }
            Err(error) => {
                tracing::error!(%mix, ?codec, %error, "a mix cannot be broadcast");
                self.viewers.broadcasts.remove(index).refuse_all(&WatchError::Media(error.to_string()));
                self.end_idle_mixes();
            }
        }
    }

    /// Opens endpoints for those who wait for a broadcast that runs. Who does not decode its H.264 waits for VP8 instead.
    fn let_in(&mut self, mix: &MixName, codec: Codec) {
        let Some(broadcast) = self.broadcast(mix, codec) else { return };
        let waiting = std::mem::take(&mut broadcast.waiting);
        let Phase::Runs { profile, .. } = &broadcast.phase else { return };
        let profile = *profile;
        let mut others = Vec::new();
        for waiting in waiting {
            let offer = match (codec, profile) {
                (Codec::H264, None) => None,
                _ => Some(self.read(&waiting.offer, codec, profile.unwrap_or(Profile::Any))),
            };
            match offer {
                Some(Ok(offer)) if has_all(&offer) => self.open(mix, codec, offer, waiting),
                Some(Err(error)) if codec != Codec::H264 => drop(waiting.reply.send(Err(WatchError::Offer(error)))),
                Some(Ok(_)) if codec != Codec::H264 => {
                    let lacks = "its pictures are neither in H264 as this mix has it nor in VP8".to_owned();
                    let _ = waiting.reply.send(Err(WatchError::Offer(sdp::SdpError::NothingAccepted(lacks))));
                }
                _ => others.push(waiting),
            }
        }
        if !others.is_empty() {
            others.into_iter().for_each(|waiting| self.viewers.wait(mix, Codec::Vp8, waiting));
            self.begin_broadcasts();
        }
    }

    fn open(&mut self, mix: &MixName, codec: Codec, offer: Offer, waiting: Waiting) {
        let context = self.gathering();
        let (pipeline, values) = (self.pipeline.gst().clone(), self.mix_values(mix));
        let descriptions = std::sync::Arc::clone(&self.context.descriptions);
        let Some(broadcast) = self.broadcast(mix, codec) else { return };
        let lane = broadcast.free_lane();
        let Phase::Runs { program, .. } = &mut broadcast.phase else { return };
        let streams = program.lane(lane, &pipeline, &descriptions, &values);
        let opened = streams.and_then(|streams| {
            let failed = |error: &dyn std::fmt::Display| WatchError::Media(error.to_string());
            let endpoint = Endpoint::subscriber(pipeline.upcast_ref(), offer, STREAM, &context);
            let endpoint = endpoint.map_err(|error| failed(&error))?;
            let mut branches = Vec::new();
            for stream in streams {
                // Whoever offers several gets one.
                if let Some(slot) = endpoint.slots().iter().find(|slot| slot.kind() == stream.kind()) {
                    branches.push(stream.feed(slot).map_err(|error| failed(&error))?);
                }
            }
            Ok((endpoint, branches))
        });
        match opened {
            Ok((endpoint, branches)) => {
                tracing::info!(endpoint = %endpoint.id(), %mix, ?codec, "somebody watches");
                let reply = Some(waiting.reply);
                let viewer = Viewer { _branches: branches, endpoint, lane, reply, _permit: waiting.permit };
                broadcast.viewers.insert(ViewerId::new(), viewer);
            }
            Err(error) => drop(waiting.reply.send(Err(error))),
        }
    }

    fn trickle_viewer(&mut self, id: &ViewerId, fragment: &Fragment) -> Result<(), WatchError> {
        let viewer = self.viewers.find(id).ok_or(WatchError::Unknown)?;
        fragment.belongs_to(viewer.endpoint.offer()).map_err(WatchError::Fragment)?;
        fragment.candidates.iter().for_each(|candidate| viewer.endpoint.add_candidate(candidate));
        Ok(())
    }

    /// What an endpoint says that is no participant's.
    pub(super) fn viewer_event(&mut self, event: EndpointEvent) {
        let Some(id) = self.viewers.owner_of(&event.endpoint) else { return };
        match event.kind {
            EndpointEventKind::Answer(answer) => {
                let Some(viewer) = self.viewers.find(&id) else { return };
                let watching = Watching { viewer: id.clone(), answer };
                let taken = viewer.reply.take().is_some_and(|reply| reply.send(Ok(watching)).is_ok());
                if !taken {
                    // Whoever asked has gone, and nobody else knows of it.
                    self.end_viewer(&id);
                }
            }
            EndpointEventKind::Connected => {
                if let Some(viewer) = self.viewers.find(&id) {
                    viewer.endpoint.set_connected();
                }
            }
            EndpointEventKind::Returned => {
                let watched = self.viewers.broadcasts.iter().find(|broadcast| broadcast.viewers.contains_key(&id));
                watched.into_iter().for_each(Broadcast::request_keyframe);
            }
            EndpointEventKind::Failed(error) => self.viewer_failed(&id, &error),
            EndpointEventKind::Candidate(_) | EndpointEventKind::Track(_) | EndpointEventKind::Began(_) => {}
        }
    }

    fn viewer_failed(&mut self, id: &ViewerId, error: &EndpointError) {
        if let Some(viewer) = self.viewers.remove(id) {
            metrics().calls.failures.get_or_create(&error.into()).inc();
            tracing::info!(endpoint = %viewer.endpoint.id(), %error, "somebody watches no longer");
            if let Some(reply) = viewer.reply {
                let _ = reply.send(Err(WatchError::Media(error.to_string())));
            }
        }
        self.end_unwatched();
    }

    fn end_viewer(&mut self, id: &ViewerId) {
        drop(self.viewers.remove(id));
        self.end_unwatched();
    }

    /// Ends what nobody watches any more.
    fn end_unwatched(&mut self) {
        self.viewers.broadcasts.retain(Broadcast::is_wanted);
        self.end_idle_mixes();
    }

    /// Ends viewers that did not connect in time or fell silent.
    pub(super) fn end_overdue_viewers(&mut self) {
        let silence = Duration::from_secs(self.context.config.rooms.silence_seconds);
        let overdue = self.viewers.all().filter_map(|(id, endpoint)| Some((id.clone(), endpoint.overdue(silence)?)));
        for (id, error) in overdue.collect::<Vec<_>>() {
            self.viewer_failed(&id, &error);
        }
    }

    /// Ends whom the event concerns, if it is about watching.
    pub(super) fn viewer_bus_event(&mut self, event: &BusEvent) -> bool {
        let BusEventKind::Error(reason) = &event.kind else { return false };
        let viewer = self.viewers.all().find(|(_, endpoint)| endpoint.owns(event)).map(|(id, _)| id.clone());
        if let Some(id) = viewer {
            self.viewer_failed(&id, &EndpointError::Media(reason.clone()));
            return true;
        }
        let owns = |broadcast: &Broadcast| match &broadcast.phase {
            Phase::Runs { program, .. } => program.owns(event),
            Phase::Waits | Phase::Starts => false,
        };
        if let Some(index) = self.viewers.broadcasts.iter().position(owns) {
            tracing::error!(reason, "a broadcast failed");
            self.viewers.broadcasts.remove(index).refuse_all(&WatchError::Media(reason.clone()));
            self.end_idle_mixes();
            return true;
        }
        broadcast::is_from_one(event)
    }

    /// Ends all who watch a mix, which is of no use, or everybody.
    pub(super) fn end_viewers(&mut self, mix: Option<&MixName>, reason: &str) {
        let ended = |broadcast: &mut Broadcast| mix.is_none_or(|mix| broadcast.mix == *mix);
        let error = WatchError::Media(reason.to_owned());
        for broadcast in self.viewers.broadcasts.extract_if(.., ended) {
            tracing::info!(mix = %broadcast.mix, codec = ?broadcast.codec, reason, "a broadcast ends");
            broadcast.refuse_all(&error);
        }
    }
}

/// Whether every picture that was offered to be received can be sent.
fn has_all(offer: &Offer) -> bool {
    let lacks = |media: &str, why| media == Kind::Video.as_str() && why == Refusal::Codec;
    !offer.refused.iter().any(|refused| lacks(&refused.media, refused.why))
}

/// What the H.264 of a mix turned out to be.
fn profile_of(encoded: &Encoded) -> Option<Profile> {
    let caps = encoded.outlet().caps().filter(|_| encoded.encoding() == Encoding::H264)?;
    Profile::of(caps.structure(0)?.get::<&str>("profile").ok()?)
}

/// The picture of a mix in a codec, and its sound.
async fn encode(mix: &Mix, codec: Codec) -> Result<Vec<Encoded>, MixError> {
    let video = if codec == Codec::H264 { Encoding::H264 } else { Encoding::Vp8 };
    let encoded = vec![mix.encode(video).await?, mix.encode(Encoding::Opus).await?];
    encoded[0].outlet().wait_for_caps(FIRST_PICTURE_WITHIN).await;
    Ok(encoded)
}
