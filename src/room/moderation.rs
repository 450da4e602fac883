//! The part of the room's task that does what moderators ask for.

use super::actor::Actor;
use super::command::{Done, Moderation};
use super::error::RequestError;
use super::event::{Event, Removal};
use super::model::{Role, Source};
use crate::id::ParticipantId;

type Outcome = Result<Done, RequestError>;

impl Actor {
    pub(super) fn moderate(&mut self, by: &ParticipantId, action: Moderation) -> Outcome {
        let moderator = self.participants.get(by).ok_or(RequestError::NotJoined)?;
        if moderator.role != Role::Moderator {
            return Err(RequestError::Forbidden("only moderators may do that: ask one of them"));
        }
        tracing::info!(moderator = %by, ?action, "moderates");
        match action {
            Moderation::Mute(id, source) => self.mute_other(by, &id, source),
            Moderation::Remove(id) => self.send_away(&id),
            Moderation::Lock(locked) => {
                self.locked = locked;
                self.tell_settings()
            }
            Moderation::Lobby(enabled) => self.set_lobby(enabled),
            Moderation::Admit(id) => {
                let (id, newcomer) = self.waiting.remove_entry(&id).ok_or(RequestError::UnknownParticipant(id))?;
                self.admit(id, newcomer);
                Ok(Done::Nothing)
            }
            Moderation::Deny(id) => {
                let newcomer = self.waiting.remove(&id).ok_or(RequestError::UnknownParticipant(id))?;
                let _ = newcomer.events.try_send(Event::Removed(Removal::Denied));
                self.tell_waiting();
                Ok(Done::Nothing)
            }
            Moderation::Role(id, role) => self.set_role(&id, role),
            Moderation::LowerHand(id) => {
                if !self.participants.contains_key(&id) {
                    return Err(RequestError::UnknownParticipant(id));
                }
                self.set_hand(&id, false)
            }
        }
    }

    pub(super) fn set_hand(&mut self, id: &ParticipantId, raised: bool) -> Outcome {
        let participant = self.participants.get_mut(id).ok_or(RequestError::NotJoined)?;
        if std::mem::replace(&mut participant.hand, raised) != raised {
            self.tell_changed(id);
        }
        Ok(Done::Nothing)
    }

    fn mute_other(&mut self, by: &ParticipantId, id: &ParticipantId, source: Source) -> Outcome {
        if !self.participants.contains_key(id) {
            return Err(RequestError::UnknownParticipant(id.clone()));
        }
        let done = self.mute(id, source, true)?;
        self.tell(id, Event::Muted { source, by: by.clone() });
        Ok(done)
    }

    fn send_away(&mut self, id: &ParticipantId) -> Outcome {
        if !self.participants.contains_key(id) {
            return Err(RequestError::UnknownParticipant(id.clone()));
        }
        self.expel(id, Removal::Removed);
        Ok(Done::Nothing)
    }

    fn set_lobby(&mut self, enabled: bool) -> Outcome {
        self.lobby = enabled;
        if !enabled {
            for (id, newcomer) in std::mem::take(&mut self.waiting) {
                self.admit(id, newcomer);
            }
        }
        self.tell_settings()
    }

    fn set_role(&mut self, id: &ParticipantId, role: Role) -> Outcome {
        let participant = self.participants.get_mut(id).ok_or_else(|| RequestError::UnknownParticipant(id.clone()))?;
        if role == Role::Moderator && !participant.native {
            return Err(RequestError::Forbidden("their client cannot moderate: they need the page of this server"));
        }
        let before = std::mem::replace(&mut participant.role, role);
        if before == Role::Moderator && !self.is_moderated() {
            // Nobody could ever undo it.
            if let Some(participant) = self.participants.get_mut(id) {
                participant.role = before;
            }
            return Err(RequestError::Forbidden("a room needs a moderator: make somebody else one first"));
        }
        if role == Role::Viewer {
            self.silence(id);
        }
        self.tell_changed(id);
        if role == Role::Moderator && !self.waiting.is_empty() {
            self.tell_waiting();
        }
        Ok(Done::Nothing)
    }

    /// Ends all that somebody publishes, who may no longer.
    fn silence(&mut self, id: &ParticipantId) {
        let Some(participant) = self.participants.get_mut(id) else { return };
        let publishing =
            participant.endpoints.iter_mut().filter_map(|(name, held)| held.publishing_mut().map(|_| name));
        let publishing: Vec<_> = publishing.cloned().collect();
        for name in publishing {
            let _ = self.close_endpoint(id, &name);
            let message = "you may only watch from now on".to_owned();
            self.tell(id, Event::Error { code: "forbidden", message, endpoint: Some(name) });
        }
    }

    fn tell_settings(&mut self) -> Outcome {
        let event = Event::RoomChanged(self.settings());
        self.tell_all(&event);
        Ok(Done::Nothing)
    }
}
