//! The part of the room's task that knows who is here: coming in, waiting at the door, being cut off, coming back, going.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::actor::Actor;
use super::command::{Newcomer, Wanted};
use super::error::JoinError;
use super::event::{Event, Removal};
use super::held::Held;
use super::model::{Quality, Role, Settings, Snapshot, Waiter};
use super::participant::Participant;
use crate::access::grants::Moderates;
use crate::access::is_same;
use crate::id::{EndpointName, ParticipantId};

/// Those who wait to be admitted.
pub(super) type Waiting = BTreeMap<ParticipantId, Newcomer>;

impl Actor {
    pub(super) fn join(&mut self, newcomer: Newcomer) -> Result<ParticipantId, JoinError> {
        let limit = self.context.config.rooms.max_participants;
        if self.closing {
            return Err(JoinError::Closing);
        }
        self.forget_waiting_twin(&newcomer);
        // Who takes the place of the same person takes no other.
        let others = self.participants.values().filter(|known| !known.is_same_as(&newcomer)).count();
        if others + self.waiting.len() >= limit {
            return Err(JoinError::Full(limit));
        }
        let id = ParticipantId::new();
        let moderates = newcomer.entry.rights.moderates;
        // A door without a keeper stands open, unless nobody who comes can become one. Who keeps it by a token passes.
        if moderates != Moderates::Yes && (self.is_moderated() || moderates == Moderates::No) {
            if self.locked {
                return Err(JoinError::Locked);
            }
            if self.lobby {
                tracing::info!(participant = %id, name = %newcomer.entry.name, "waits to be admitted");
                let _ = newcomer.events.try_send(Event::Waiting);
                self.waiting.insert(id.clone(), newcomer);
                self.tell_waiting();
                return Ok(id);
            }
        }
        self.enter(id.clone(), newcomer)?;
        Ok(id)
    }

    /// One person waits once: else a single token fills the room from outside.
    fn forget_waiting_twin(&mut self, newcomer: &Newcomer) {
        let identity = &newcomer.entry.identity;
        let is_twin = |known: &Newcomer| identity.is_some() && known.entry.identity == *identity;
        let twin = self.waiting.iter().find(|(_, known)| is_twin(known)).map(|(id, _)| id.clone());
        if let Some(twin) = twin.and_then(|id| self.waiting.remove(&id)) {
            let _ = twin.events.try_send(Event::Removed(Removal::Replaced));
            self.tell_waiting();
        }
    }

    /// Lets somebody in.
    pub(super) fn enter(&mut self, id: ParticipantId, newcomer: Newcomer) -> Result<(), JoinError> {
        let rights = &newcomer.entry.rights;
        // Who speaks the tutorial's dialect has no words for it.
        let moderates = newcomer.native
            && match rights.moderates {
                Moderates::Yes => true,
                Moderates::ByTurn => newcomer.role != Role::Viewer && !self.is_moderated(),
                Moderates::No => false,
            };
        let role = match newcomer.role {
            _ if moderates => Role::Moderator,
            Role::Viewer => Role::Viewer,
            _ if rights.sources.is_nothing() => Role::Viewer,
            _ => Role::Participant,
        };
        let twin = self.participants.values().find(|known| known.is_same_as(&newcomer)).map(|known| known.id.clone());
        if let Some(twin) = twin {
            self.expel(&twin, Removal::Replaced);
        }
        let participant = Participant::new(self.pipeline.gst(), id.clone(), newcomer, role, self.chat.next())
            .map_err(|error| JoinError::Media(error.to_string()))?;
        tracing::info!(participant = %id, name = %participant.name, ?role, "joined");
        let (member, hidden) = (participant.member(), participant.rights.hidden);
        self.participants.insert(id.clone(), participant);
        // Both words are queued before anybody else's turn comes: each pair is announced exactly once.
        self.tell_joined(&id);
        if !hidden {
            self.mixing.add(&member);
            self.tell_others(&id, &Event::ParticipantJoined(member));
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, resume: &str, events: mpsc::Sender<Event>) -> Result<ParticipantId, JoinError> {
        let id = self.holder_of(resume).ok_or(JoinError::Resume)?;
        let Some(participant) = self.participants.get_mut(&id) else { return Err(JoinError::Resume) };
        let before = std::mem::replace(&mut participant.events, events);
        let _ = before.try_send(Event::Removed(Removal::Replaced));
        participant.session += 1;
        participant.lost = None;
        tracing::info!(participant = %id, "came back");
        self.tell_joined(&id);
        let Some(participant) = self.participants.get(&id) else { return Err(JoinError::Resume) };
        let slots = participant.endpoints.iter().filter(|(_, held)| held.receiving().is_some());
        let slots: Vec<_> =
            slots.map(|(name, held)| Event::Slots { endpoint: name.clone(), slots: held.shown() }).collect();
        let video = participant.publications.iter().filter(|(source, _)| source.kind() == crate::media::Kind::Video);
        let demands: Vec<_> = video
            .map(|(source, publication)| Event::Demand { source: *source, height: publication.demand.told() })
            .collect();
        for event in slots.into_iter().chain(demands) {
            self.tell(&id, event);
        }
        self.tell_changed(&id);
        Ok(id)
    }

    /// Whose secret this is.
    fn holder_of(&self, resume: &str) -> Option<ParticipantId> {
        let mut natives = self.participants.values().filter(|participant| participant.native);
        natives.find(|participant| is_same(&participant.resume, resume)).map(|participant| participant.id.clone())
    }

    /// Somebody goes without a session. Says whether there was such a place.
    pub(super) fn depart(&mut self, resume: &str) -> bool {
        let holder = self.holder_of(resume);
        if let Some(id) = &holder {
            self.remove(id);
        }
        holder.is_some()
    }

    /// A session went without a word.
    pub(super) fn disconnected(&mut self, id: &ParticipantId, session: u64) {
        let Some(participant) = self.participants.get_mut(id).filter(|participant| participant.native) else {
            return self.leave(id, session);
        };
        if participant.session == session && participant.lost.is_none() {
            participant.lost = Some(Instant::now());
            tracing::info!(participant = %id, "connection lost");
            self.tell_changed(id);
        }
    }

    pub(super) fn leave(&mut self, id: &ParticipantId, session: u64) {
        if self.waiting.remove(id).is_some() {
            self.tell_waiting();
        } else if self.participants.get(id).is_some_and(|participant| participant.session == session) {
            self.remove(id);
        }
    }

    pub(super) fn remove(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.remove(id) else { return };
        tracing::info!(participant = %id, "left");
        for source in participant.publications.keys() {
            self.starve_mix(id, *source);
        }
        self.mixing.remove(id);
        for other in self.participants.values_mut() {
            let of_the_gone = |held: &Held| held.receiving().is_some_and(|r| r.wanted == Wanted::Of(id.clone()));
            other.endpoints.retain(|_, held| !of_the_gone(held));
            other.forget(&participant);
        }
        let hidden = participant.rights.hidden;
        drop(participant);
        if !hidden {
            self.tell_others(id, &Event::ParticipantLeft(id.clone()));
        }
        self.succeed();
        self.arrange_all();
    }

    /// Ends a participant for a reason of the server's.
    pub(super) fn expel(&mut self, id: &ParticipantId, removal: Removal) {
        tracing::warn!(participant = %id, reason = %removal, "removed");
        self.tell(id, Event::Removed(removal));
        self.remove(id);
    }

    /// Gives up the places of those who did not come back in time.
    pub(super) fn give_up_lost(&mut self) {
        let patience = Duration::from_secs(self.context.config.rooms.reconnect_seconds);
        let late = |participant: &&Participant| participant.lost.is_some_and(|since| since.elapsed() >= patience);
        let late: Vec<_> = self.participants.values().filter(late).map(|participant| participant.id.clone()).collect();
        for id in late {
            self.remove(&id);
        }
    }

    pub(super) fn close(&mut self) {
        tracing::info!("closing");
        self.closing = true;
        for (_, newcomer) in std::mem::take(&mut self.waiting) {
            let _ = newcomer.events.try_send(Event::Removed(Removal::Closing));
        }
        let everybody: Vec<_> = self.participants.keys().cloned().collect();
        for id in everybody {
            self.expel(&id, Removal::Closing);
        }
    }

    pub(super) fn is_moderated(&self) -> bool {
        self.participants.values().any(|participant| participant.role == Role::Moderator)
    }

    /// When the last moderator is gone, whoever has been here longest moderates; if that is nobody, who waits longest.
    fn succeed(&mut self) {
        if self.is_moderated() {
            return;
        }
        let turn = Moderates::ByTurn;
        let may = |participant: &&mut Participant| {
            participant.native && participant.role != Role::Viewer && participant.rights.moderates == turn
        };
        if let Some(heir) = self.participants.values_mut().find(may) {
            heir.role = Role::Moderator;
            let id = heir.id.clone();
            self.tell_changed(&id);
            return self.tell_waiting();
        }
        let may = |newcomer: &Newcomer| {
            newcomer.native && newcomer.role != Role::Viewer && newcomer.entry.rights.moderates == turn
        };
        let next = self.waiting.iter().find(|(_, newcomer)| may(newcomer)).map(|(id, _)| id.clone());
        if let Some((id, newcomer)) = next.and_then(|id| self.waiting.remove_entry(&id)) {
            self.admit(id, newcomer);
        }
    }

    /// Lets in who waited.
    pub(super) fn admit(&mut self, id: ParticipantId, newcomer: Newcomer) {
        let events = newcomer.events.clone();
        if let Err(error) = self.enter(id, newcomer) {
            let _ = events.try_send(Event::Removed(Removal::Lost(error.to_string())));
        }
        self.tell_waiting();
    }

    pub(super) fn settings(&self) -> Settings {
        let recordings = self.recordings.running();
        Settings { name: self.name.clone(), locked: self.locked, lobby: self.lobby, recordings }
    }

    fn tell_joined(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.get(id) else { return };
        let snapshot = Snapshot {
            id: id.clone(),
            resume: participant.native.then(|| participant.resume.clone()),
            session: participant.session,
            members: self
                .participants
                .values()
                .filter(|them| them.id == *id || !them.rights.hidden)
                .map(Participant::member)
                .collect(),
            settings: self.settings(),
            speaker: self.speaker(),
            chat: self.chat.since(participant.chat_from),
            endpoints: participant.endpoints.keys().cloned().collect::<Vec<EndpointName>>(),
            sends: participant.sends(),
        };
        let moderates = participant.role == Role::Moderator;
        self.tell(id, Event::Joined(Box::new(snapshot)));
        let shown = self.participants.values().filter(|participant| !participant.rights.hidden);
        let worse = shown.filter(|participant| participant.quality != Quality::Good);
        let worse: Vec<_> = worse.map(|p| Event::Quality(p.id.clone(), p.quality)).collect();
        for event in worse {
            self.tell(id, event);
        }
        if moderates && !self.waiting.is_empty() {
            self.tell(id, Event::Lobby(self.waiters()));
        }
    }

    /// Tells everybody what somebody is like now.
    pub(super) fn tell_changed(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.get(id) else { return };
        let (event, hidden) = (Event::ParticipantChanged(participant.member()), participant.rights.hidden);
        if hidden { self.tell(id, event) } else { self.tell_all(&event) }
    }

    /// Tells moderators who waits.
    pub(super) fn tell_waiting(&mut self) {
        let event = Event::Lobby(self.waiters());
        let moderators = self.participants.values().filter(|participant| participant.role == Role::Moderator);
        let moderators: Vec<_> = moderators.map(|participant| participant.id.clone()).collect();
        for id in moderators {
            self.tell(&id, event.clone());
        }
    }

    fn waiters(&self) -> Vec<Waiter> {
        let waiter =
            |(id, newcomer): (&ParticipantId, &Newcomer)| Waiter { id: id.clone(), name: newcomer.entry.name.clone() };
        self.waiting.iter().map(waiter).collect()
    }
}
