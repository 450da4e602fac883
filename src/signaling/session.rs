//! One connection: takes what its client says in order, and tells it what its room says. Owner: a task of its own.
//!
//! Knows no dialect's words: [`tutorial`] and [`native`] translate. Which one a client speaks is known from how it joins.

use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Serialize;
use serde_json::Value;
use socketioxide::extract::SocketRef;
use tokio::sync::{mpsc, oneshot};

use super::flood::{Flood, Judgement};
use super::inbox::{Acknowledgement, Inbound, Inbox};
use super::native::request::{Done, Empty, Join, Waiting};
use super::native::{self, translate};
use super::service::Signaling;
use super::tutorial::{self, ClientMessage, ServerMessage};
use crate::access::Entry;
use crate::id::{EndpointName, ParticipantId, RoomName};
use crate::room::{self, Command, EVENTS, Event, JoinError, Newcomer, RequestError, Role, RoomHandle};

/// A session's place in a room.
#[derive(Debug)]
struct Place {
    room: RoomHandle,
    id: ParticipantId,
    /// Which of the participant's sessions this is.
    session: u64,
    events: mpsc::Receiver<Event>,
    dialect: Dialect,
}

/// How a client speaks.
#[derive(Debug)]
enum Dialect {
    Tutorial,
    /// With the acknowledgement of `join` until it is sent.
    Native(Option<Acknowledgement>),
}

/// Who hears what came of a request.
#[derive(Debug)]
enum Asker {
    /// By a message that names the sender.
    Tutorial(String),
    Native(Acknowledgement),
}

/// A request that the room has not answered yet.
type Pending = Pin<Box<dyn Future<Output = (Asker, Result<room::Done, RequestError>)> + Send>>;

/// One connected client.
pub(super) struct Session {
    socket: SocketRef,
    signaling: Signaling,
    place: Option<Place>,
    pending: FuturesUnordered<Pending>,
    /// By dialect, as what is usual in one is a flood in the other.
    floods: [Flood; 2],
    /// The token of the handshake.
    token: Option<String>,
}

impl Session {
    pub(super) fn new(socket: SocketRef, signaling: Signaling) -> Self {
        let floods = [Flood::tutorial(), Flood::native()];
        Self { socket, signaling, place: None, pending: FuturesUnordered::new(), floods, token: None }
    }

    /// Runs until the client is gone, then leaves.
    #[tracing::instrument(name = "session", skip_all, fields(session = %self.socket.id))]
    pub(super) async fn run(mut self, inbox: Inbox) {
        let Inbox { mut messages, mut gone, token } = inbox;
        self.token = token;
        loop {
            let alive = tokio::select! {
                biased;
                // Before the end: what was said last may be a farewell.
                Some(said) = messages.recv() => self.said(said).await,
                _ = &mut gone => false,
                Some((asker, outcome)) = self.pending.next() => self.outcome(asker, outcome),
                event = next_event(&mut self.place) => self.event(event),
            };
            if !alive {
                break;
            }
        }
        self.disconnected().await;
        let _ = self.socket.disconnect();
    }

    async fn said(&mut self, said: Inbound) -> bool {
        match said {
            Inbound::Message(message) => match self.floods[0].judge() {
                Judgement::Take => self.message(message).await,
                Judgement::Refuse => self.refuse_message("too_many_requests", TOO_MANY, None),
                Judgement::End => false,
            },
            Inbound::Request { event, data, ack } => match self.floods[1].judge() {
                Judgement::Take => self.request(&event, data, ack).await,
                Judgement::Refuse => self.refuse(ack, "too_many_requests", &TOO_MANY),
                Judgement::End => false,
            },
        }
    }

    /// A message of the tutorial's dialect.
    async fn message(&mut self, message: Value) -> bool {
        match serde_json::from_value::<ClientMessage>(message) {
            Ok(ClientMessage::JoinRoom { user_name, room_name }) => self.join_room(&user_name, &room_name).await,
            Ok(ClientMessage::LeaveRoom) => {
                self.leave().await;
                true
            }
            Ok(ClientMessage::ReceiveVideoFrom { userid, sdp_offer: Some(offer) }) => match &self.place {
                Some(place) => {
                    let request = tutorial::offer(&place.id, &userid, offer);
                    self.ask(request, Asker::Tutorial(userid)).await
                }
                None => self.refuse_message("not_joined", NOT_JOINED, Some(userid)),
            },
            Ok(ClientMessage::ReceiveVideoFrom { userid, sdp_offer: None }) => self.refuse_message(
                "bad_offer",
                "receiveVideoFrom came without sdpOffer: the browser could not make an offer",
                Some(userid),
            ),
            Ok(ClientMessage::Candidate { userid, candidate }) => {
                let endpoint = EndpointName::of(&ParticipantId::from_remote(&userid));
                let candidate = candidate.map(|candidate| candidate.candidate).unwrap_or_default();
                self.ask(room::Request::Candidate { endpoint, candidate }, Asker::Tutorial(userid)).await
            }
            Err(error) => self.refuse_message("bad_message", &format!("the message was not understood: {error}"), None),
        }
    }

    /// A request of the native dialect, or nonsense.
    async fn request(&mut self, event: &str, data: Value, ack: Acknowledgement) -> bool {
        let request = match translate::read(event, data) {
            Ok(native::Request::Join(join)) => return self.join(join, ack).await,
            Ok(native::Request::Leave(_)) if self.place.is_some() => {
                self.leave().await;
                return ack.send(&native::Reply::Result(Done::Nothing(Empty {})));
            }
            Ok(request) => translate::to_room(request),
            Err(error) => Err(error),
        };
        match request {
            Ok(Some(request)) => self.ask(request, Asker::Native(ack)).await,
            Ok(None) => self.refuse(ack, "not_joined", &NOT_JOINED),
            Err(error) => self.refuse(ack, error.code(), &error),
        }
    }

    /// Comes in by the tutorial's dialect.
    async fn join_room(&mut self, user_name: &str, room_name: &str) -> bool {
        if self.place.is_some() {
            return self.refuse_message("already_joined", ALREADY_JOINED, None);
        }
        let (room, entry) = match self.entry(room_name, user_name, None) {
            Ok(entry) => entry,
            Err((code, message)) => return self.refuse_message(code, &message, None),
        };
        let (sender, events) = mpsc::channel(EVENTS);
        let newcomer =
            || Newcomer { entry: entry.clone(), role: Role::Participant, native: false, events: sender.clone() };
        match self.signaling.registry.join(&room, newcomer).await {
            Ok((room, id)) => {
                self.place = Some(Place { room, id, session: 0, events, dialect: Dialect::Tutorial });
                true
            }
            Err(error) => self.refuse_message(error.code(), &error.to_string(), None),
        }
    }

    /// Comes in, or comes back, by the native dialect.
    async fn join(&mut self, join: Join, ack: Acknowledgement) -> bool {
        if self.place.is_some() {
            return self.refuse(ack, "already_joined", &ALREADY_JOINED);
        }
        let (sender, events) = mpsc::channel(EVENTS);
        let joined: Result<_, JoinError> = if let Some(resume) = join.resume {
            // The secret is of one who was let in: a token may have ended since.
            match RoomName::parse(&join.room) {
                Ok(room) => self.signaling.registry.resume(&room, resume, sender).await,
                Err(error) => return self.refuse(ack, "bad_name", &error),
            }
        } else {
            let (room, entry) = match self.entry(&join.room, &join.name, join.token.as_deref()) {
                Ok(entry) => entry,
                Err((code, message)) => return self.refuse(ack, code, &message),
            };
            let role = join.role.unwrap_or(Role::Participant);
            let newcomer = || Newcomer { entry: entry.clone(), role, native: true, events: sender.clone() };
            self.signaling.registry.join(&room, newcomer).await
        };
        match joined {
            Ok((room, id)) => {
                self.place = Some(Place { room, id, session: 0, events, dialect: Dialect::Native(Some(ack)) });
                true
            }
            Err(error) => self.refuse(ack, error.code(), &error),
        }
    }

    /// As whom one comes into which room; else the code and the message of the refusal.
    fn entry(&self, room: &str, said: &str, token: Option<&str>) -> Result<(RoomName, Entry), (&'static str, String)> {
        let room = RoomName::parse(room).map_err(|error| ("bad_name", error.to_string()))?;
        let pass = self.signaling.access.admit(token.or(self.token.as_deref()));
        let pass = pass.map_err(|denied| (denied.code(), denied.to_string()))?;
        let entry = pass.enter(&room, said).map_err(|error| (error.code(), error.to_string()))?;
        Ok((room, entry))
    }

    async fn ask(&mut self, request: room::Request, asker: Asker) -> bool {
        let Some(place) = &self.place else {
            return match asker {
                Asker::Tutorial(userid) => self.refuse_message("not_joined", NOT_JOINED, Some(userid)),
                Asker::Native(ack) => self.refuse(ack, "not_joined", &NOT_JOINED),
            };
        };
        let (reply, outcome) = oneshot::channel();
        place.room.send(Command::Request { participant: place.id.clone(), request, reply }).await;
        self.pending.push(Box::pin(async move { (asker, outcome.await.unwrap_or(Err(RequestError::NotJoined))) }));
        true
    }

    fn outcome(&mut self, asker: Asker, outcome: Result<room::Done, RequestError>) -> bool {
        match (asker, outcome) {
            (Asker::Native(ack), Err(error)) => self.refuse(ack, error.code(), &error),
            (Asker::Native(ack), outcome) => ack.send(&translate::reply(outcome)),
            (Asker::Tutorial(senderid), Ok(room::Done::Answer(sdp_answer))) => {
                self.tell(tutorial::EVENT, &ServerMessage::ReceiveVideoAnswer { senderid, sdp_answer })
            }
            (Asker::Tutorial(_), Ok(room::Done::Nothing)) => true,
            (Asker::Tutorial(userid), Err(error)) => {
                self.refuse_message(error.code(), &error.to_string(), Some(userid))
            }
        }
    }

    /// Gives the place up. The room may have told of a coming back, with its number, what was not yet read here.
    fn take_place(&mut self) -> Option<Place> {
        let mut place = self.place.take()?;
        while let Ok(event) = place.events.try_recv() {
            if let Event::Joined(snapshot) = event {
                place.session = snapshot.session;
            }
        }
        Some(place)
    }

    async fn leave(&mut self) {
        if let Some(Place { room, id, session, .. }) = self.take_place() {
            room.send(Command::Leave { participant: id, session }).await;
        }
    }

    async fn disconnected(&mut self) {
        if let Some(Place { room, id, session, .. }) = self.take_place() {
            room.send(Command::Disconnected { participant: id, session }).await;
        }
    }

    fn event(&mut self, event: Option<Event>) -> bool {
        // The room dropped its end without a word.
        let (Some(event), Some(place)) = (event, &mut self.place) else { return false };
        let config = &self.signaling.config;
        match (&mut place.dialect, event) {
            (Dialect::Tutorial, event) => {
                let last = matches!(event, Event::Removed(_));
                let message = ServerMessage::from_event(event, &config.ice);
                message.is_none_or(|message| self.tell(tutorial::EVENT, &message)) && !last
            }
            (Dialect::Native(ack), Event::Joined(snapshot)) => {
                place.session = snapshot.session;
                match ack.take() {
                    Some(ack) => {
                        let joined = translate::joined(*snapshot, config);
                        ack.send(&native::Reply::Result(Done::Joined(Box::new(joined))))
                    }
                    None => self.tell_native(Event::Joined(snapshot)),
                }
            }
            (Dialect::Native(ack), Event::Waiting) => {
                ack.take().is_none_or(|ack| ack.send(&native::Reply::Result(Done::Waiting(Waiting { waiting: true }))))
            }
            (Dialect::Native(_), Event::Removed(removal)) => {
                // The connection stays: its client may come in again.
                self.place = None;
                self.tell_native(Event::Removed(removal))
            }
            (Dialect::Native(_), event) => self.tell_native(event),
        }
    }

    fn tell_native(&self, event: Event) -> bool {
        let Some(event) = translate::event(event, &self.signaling.config) else { return true };
        match serde_json::to_value(&event) {
            Ok(mut tagged) => {
                let name = tagged["event"].as_str().unwrap_or_default().to_owned();
                self.tell(&name, &tagged["data"].take())
            }
            Err(error) => {
                tracing::error!(%error, "an event could not be written");
                true
            }
        }
    }

    /// Answers bad input of the tutorial's dialect. Says whether the session may go on.
    fn refuse_message(&self, code: &'static str, message: &str, userid: Option<String>) -> bool {
        let reason = readable(message);
        tracing::debug!(code, reason, "refused");
        self.tell(tutorial::EVENT, &ServerMessage::Error { code, message: message.to_owned(), userid })
    }

    /// Answers a request that is not done; by an event when the client waits for no answer.
    fn refuse(&self, ack: Acknowledgement, code: &'static str, error: &impl ToString) -> bool {
        let reason = readable(&error.to_string());
        tracing::debug!(code, reason, "refused");
        if ack.is_wanted() {
            return ack.send(&translate::refuse(code, error));
        }
        if matches!(self.place, Some(Place { dialect: Dialect::Native(_), .. })) {
            return self.tell_native(Event::Error { code, message: error.to_string(), endpoint: None });
        }
        self.refuse_message(code, &error.to_string(), None)
    }

    fn tell(&self, event: &str, data: &impl Serialize) -> bool {
        // An error means that the client is gone or takes nothing any more; either ends the session.
        self.socket.emit(event, data).is_ok()
    }
}

/// How much of what a client made us say goes into the log, in characters.
const LOGGED: usize = 300;
const ALREADY_JOINED: &str = "this connection is in a room already: leave it first";
const NOT_JOINED: &str = "this connection is in no room: join one first";
const TOO_MANY: &str = "more requests than any client needs: this one was not looked at; send fewer";

/// The next event of the room; never, while in none.
async fn next_event(place: &mut Option<Place>) -> Option<Event> {
    match place {
        Some(place) => place.events.recv().await,
        None => std::future::pending().await,
    }
}

/// What a client made us say, as a log can hold it: it may quote them, at length.
fn readable(message: &str) -> String {
    message.chars().filter(|character| !character.is_control()).take(LOGGED).collect()
}
