//! The Socket.IO service: its limits, and one session per connection.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use socketioxide::extract::{Event, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo, layer::SocketIoLayer};
use tokio::sync::{mpsc, oneshot};

use super::inbox::{Acknowledgement, Inbound, Inbox};
use super::native::Request;
use super::session::Session;
use super::tutorial;
use crate::access::Access;
use crate::config::Config;
use crate::metrics::metrics;
use crate::metrics::share::One;
use crate::room::Registry;

/// The largest message, in bytes: an SDP of 192 KiB in JSON fits with room to spare.
const MAX_MESSAGE: usize = 256 * 1024;

/// How many messages of one client may wait; a browser that joins a full room sends some hundreds.
const MAX_WAITING: usize = 2048;

/// A dead client is found after interval + timeout: 13 s, within the 15 s that we promise.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(8);

/// What sessions need.
#[derive(Debug, Clone)]
pub struct Signaling {
    /// All rooms.
    pub registry: Registry,
    /// What the operator set.
    pub config: Arc<Config>,
    /// Who may come in.
    pub access: Arc<Access>,
}

/// The Socket.IO service, to be laid around the HTTP service. Speaks Engine.IO 3 and 4 by polling and websocket.
#[must_use]
pub fn layer(signaling: Signaling) -> (SocketIoLayer, SocketIo) {
    let parser = ParserConfig::common()
        .max_incoming_binaries(0)
        .max_incoming_binary_buf_size(MAX_MESSAGE)
        .packet_completion_timeout(Duration::from_secs(5));
    let (layer, io) = SocketIo::builder()
        .with_parser(parser)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(MAX_MESSAGE as u64)
        .ws_max_message_size(MAX_MESSAGE)
        .ws_max_frame_size(MAX_MESSAGE)
        .max_buffer_size(1024)
        .connect_timeout(Duration::from_secs(10))
        .build_layer();
    let connected = move |socket: SocketRef| {
        // The session begins when it may answer; what its client said before waits in the queue.
        if let Some(inbox) = Inbox::take_from(&socket) {
            let (session, counted) = (Session::new(socket, signaling.clone()), One::of(&metrics().server.sessions));
            tokio::spawn(async move {
                session.run(inbox).await;
                drop(counted);
            });
        }
        ready(())
    };
    io.ns("/", connected.with(listen));
    (layer, io)
}

/// Begins to listen to a client. A middleware, because handlers of connections run after the client has been told that
/// it is connected: what it says at once would find nobody listening and be lost.
async fn listen(socket: SocketRef, TryData(auth): TryData<Value>) -> Result<(), Infallible> {
    let token = token(&socket, auth.unwrap_or_default());
    let (queue, messages) = mpsc::channel(MAX_WAITING);
    let (went, gone) = oneshot::channel();
    tracing::debug!(session = %socket.id, "connected");
    let take = move |socket: &SocketRef, said: Inbound| {
        if let Err(error) = queue.try_send(said) {
            tracing::warn!(session = %socket.id, %error, "a client sends faster than its room can take: disconnected");
            let _ = socket.clone().disconnect();
        }
    };
    // Queued before the future is made: socketioxide runs futures side by side, and the order would be lost. What is no
    // JSON becomes null, which the session refuses like any other nonsense.
    let take_message = take.clone();
    socket.on(tutorial::EVENT, move |socket: SocketRef, TryData::<Value>(message)| {
        take_message(&socket, Inbound::Message(message.unwrap_or(Value::Null)));
        ready(())
    });
    let take_request = move |socket: SocketRef, event: &str, data: Result<Value, _>, ack: Acknowledgement| {
        let data = data.unwrap_or(Value::Null);
        take(&socket, Inbound::Request { event: event.to_owned(), data, ack });
        ready(())
    };
    let take_other = take_request.clone();
    for event in Request::NAMES {
        let take = take_request.clone();
        socket.on(event, move |socket: SocketRef, TryData::<Value>(data), ack: Acknowledgement| {
            take(socket, event, data, ack)
        });
    }
    socket.on_fallback(move |socket: SocketRef, Event(event): Event, TryData::<Value>(data), ack: Acknowledgement| {
        take_other(socket, &event, data, ack)
    });
    let went = Arc::new(Mutex::new(Some(went)));
    socket.on_disconnect(move |socket: SocketRef| {
        tracing::debug!(session = %socket.id, "disconnected");
        if let Some(went) = went.lock().ok().and_then(|mut went| went.take()) {
            let _ = went.send(());
        }
        ready(())
    });
    Inbox { messages, gone, token }.leave_at(&socket);
    Ok(())
}

/// What a handshake may say.
#[derive(Debug, Default, Deserialize)]
struct Handshake {
    token: Option<String>,
}

/// The token of a handshake: for clients whose dialect has no word for it. Clients of Socket.IO 2 have the query only.
fn token(socket: &SocketRef, auth: Value) -> Option<String> {
    let query = socket.req_parts().uri.query().unwrap_or_default();
    let of_query = || serde_html_form::from_str::<Handshake>(query).ok()?.token;
    serde_json::from_value::<Handshake>(auth).ok().and_then(|auth| auth.token).or_else(of_query)
}
