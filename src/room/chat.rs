//! The part of the room's task that carries words.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use super::actor::Actor;
use super::command::Done;
use super::error::RequestError;
use super::event::Event;
use super::model::Message;
use crate::id::ParticipantId;

/// The longest message, in characters.
pub const MAX_CHARACTERS: usize = 2000;

/// How many messages a room remembers, for those who come back.
const REMEMBERED: usize = 200;

/// What was said in a room.
#[derive(Debug, Default)]
pub(super) struct Chat {
    messages: VecDeque<Message>,
    next: u64,
}

impl Chat {
    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// What is remembered from message number `from` on.
    pub(super) fn since(&self, from: u64) -> Vec<Message> {
        self.messages.iter().filter(|message| message.id >= from).cloned().collect()
    }

    fn add(&mut self, mut message: Message) -> Message {
        message.id = self.next;
        self.next += 1;
        self.messages.push_back(message.clone());
        if self.messages.len() > REMEMBERED {
            self.messages.pop_front();
        }
        message
    }
}

impl Actor {
    pub(super) fn say(&mut self, id: &ParticipantId, text: &str) -> Result<Done, RequestError> {
        let text = text.trim();
        let characters = text.chars().count();
        if characters == 0 || characters > MAX_CHARACTERS {
            let message = format!("a message of {characters} characters: send 1 to {MAX_CHARACTERS}");
            return Err(RequestError::Content(message));
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(RequestError::Content("the message holds control characters: send printable text".into()));
        }
        let participant = self.participants.get(id).ok_or(RequestError::NotJoined)?;
        if !participant.rights.chats {
            return Err(RequestError::Forbidden("your token does not let you write here: ask whoever gave it to you"));
        }
        let name = participant.name.clone();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let message = self.chat.add(Message { id: 0, from: id.clone(), name, text: text.to_owned(), at });
        self.tell_all(&Event::Chat(message));
        Ok(Done::Nothing)
    }
}
