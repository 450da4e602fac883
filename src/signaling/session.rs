//! One connection: takes what its client says in order, and tells it what its room says. Owner: a task of its own.

use std::sync::Arc;

use serde_json::Value;
use socketioxide::extract::SocketRef;
use tokio::sync::{mpsc, oneshot};

use super::tutorial::{self, ClientMessage, ServerMessage};
use crate::config::Ice;
use crate::id::{ParticipantId, ParticipantName, RoomName};
use crate::room::{Command, EVENTS, Event, JoinError, Registry, RoomHandle};

/// A session's place in a room.
#[derive(Debug)]
struct Place {
    room: RoomHandle,
    id: ParticipantId,
    events: mpsc::Receiver<Event>,
}

/// One connected client.
#[derive(Debug)]
pub(super) struct Session {
    socket: SocketRef,
    registry: Registry,
    ice: Arc<Ice>,
    place: Option<Place>,
}

impl Session {
    pub(super) fn new(socket: SocketRef, registry: Registry, ice: Arc<Ice>) -> Self {
        Self { socket, registry, ice, place: None }
    }

    /// Runs until the client is `gone`, then leaves.
    #[tracing::instrument(name = "session", skip_all, fields(session = %self.socket.id))]
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Value>, mut gone: oneshot::Receiver<()>) {
        loop {
            let alive = tokio::select! {
                biased;
                _ = &mut gone => false,
                Some(message) = messages.recv() => self.message(message).await,
                event = next_event(&mut self.place) => self.event(event),
            };
            if !alive {
                break;
            }
        }
        self.leave().await;
        let _ = self.socket.disconnect();
    }

    async fn message(&mut self, message: Value) -> bool {
        match serde_json::from_value::<ClientMessage>(message) {
            Ok(ClientMessage::JoinRoom { user_name, room_name }) => self.join(&user_name, &room_name).await,
            Ok(ClientMessage::LeaveRoom) => {
                self.leave().await;
                true
            }
            Ok(ClientMessage::ReceiveVideoFrom { userid, sdp_offer: Some(offer) }) => {
                let sender = ParticipantId::from_remote(&userid);
                self.command(|participant| Command::Subscribe { participant, sender, offer }).await
            }
            Ok(ClientMessage::ReceiveVideoFrom { userid, sdp_offer: None }) => self.refuse(
                "bad_offer",
                "receiveVideoFrom came without sdpOffer: the browser could not make an offer",
                Some(userid),
            ),
            Ok(ClientMessage::Candidate { userid, candidate }) => {
                let sender = ParticipantId::from_remote(&userid);
                let candidate = candidate.map(|candidate| candidate.candidate).unwrap_or_default();
                self.command(|participant| Command::Candidate { participant, sender, candidate }).await
            }
            Err(error) => self.refuse("bad_message", &format!("the message was not understood: {error}"), None),
        }
    }

    async fn join(&mut self, user_name: &str, room_name: &str) -> bool {
        if self.place.is_some() {
            return self.refuse("already_joined", "this connection is in a room already: send leaveRoom first", None);
        }
        let (room, name) = match (RoomName::parse(room_name), ParticipantName::parse(user_name)) {
            (Ok(room), Ok(name)) => (room, name),
            (Err(error), _) | (_, Err(error)) => return self.refuse("bad_name", &error.to_string(), None),
        };
        let (sender, events) = mpsc::channel(EVENTS);
        match self.registry.join(&room, &name, &sender).await {
            Ok((room, id)) => {
                self.place = Some(Place { room, id, events });
                true
            }
            Err(error) => {
                let code = match error {
                    JoinError::Full(_) => "room_full",
                    JoinError::TooManyRooms(_) => "too_many_rooms",
                    JoinError::Closing => "room_closing",
                    JoinError::Media(_) => "internal",
                };
                self.refuse(code, &error.to_string(), None)
            }
        }
    }

    async fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            place.room.send(Command::Leave(place.id)).await;
        }
    }

    async fn command(&self, command: impl FnOnce(ParticipantId) -> Command) -> bool {
        match &self.place {
            Some(place) => {
                place.room.send(command(place.id.clone())).await;
                true
            }
            None => self.refuse("not_joined", "this connection is in no room: send joinRoom first", None),
        }
    }

    fn event(&mut self, event: Option<Event>) -> bool {
        match event {
            Some(event) => {
                let last = matches!(event, Event::Removed { .. });
                self.tell(&ServerMessage::from_event(event, &self.ice)) && !last
            }
            // The room dropped its end without a word.
            None => false,
        }
    }

    /// Answers bad input. Says whether the session may go on.
    fn refuse(&self, code: &'static str, message: &str, userid: Option<String>) -> bool {
        tracing::warn!(code, message, "refused");
        self.tell(&ServerMessage::Error { code, message: message.to_owned(), userid })
    }

    fn tell(&self, message: &ServerMessage) -> bool {
        // An error means that the client is gone or takes nothing any more; either ends the session.
        self.socket.emit(tutorial::EVENT, message).is_ok()
    }
}

/// The next event of the room; never, while in none.
async fn next_event(place: &mut Option<Place>) -> Option<Event> {
    match place {
        Some(place) => place.events.recv().await,
        None => std::future::pending().await,
    }
}
