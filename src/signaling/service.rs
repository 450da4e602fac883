//! The Socket.IO service: its limits, and one session per connection.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo, layer::SocketIoLayer};
use tokio::sync::{mpsc, oneshot};

use super::session::Session;
use super::tutorial;
use crate::config::Ice;
use crate::room::Registry;

/// The largest message, in bytes: an SDP of 64 KiB in JSON fits with room to spare.
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
    /// What the page gets as `iceServers`.
    pub ice: Arc<Ice>,
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
        if let Some(Inbox { messages, gone }) = take_inbox(&socket) {
            let signaling = signaling.clone();
            tokio::spawn(Session::new(socket, signaling.registry, signaling.ice).run(messages, gone));
        }
        ready(())
    };
    io.ns("/", connected.with(listen));
    (layer, io)
}

/// What a client says, until its session takes it.
#[derive(Debug)]
struct Inbox {
    messages: mpsc::Receiver<Value>,
    gone: oneshot::Receiver<()>,
}

/// Extensions hold what can be cloned, so the one inbox is taken out of a shared place.
type Held = Arc<Mutex<Option<Inbox>>>;

fn take_inbox(socket: &SocketRef) -> Option<Inbox> {
    socket.extensions.remove::<Held>()?.lock().ok()?.take()
}

/// Begins to listen to a client. A middleware, because handlers of connections run after the client has been told that
/// it is connected: what it says at once would find nobody listening and be lost.
async fn listen(socket: SocketRef) -> Result<(), Infallible> {
    let (queue, messages) = mpsc::channel(MAX_WAITING);
    let (went, gone) = oneshot::channel();
    tracing::debug!(session = %socket.id, "connected");
    let take = move |socket: SocketRef, message: Value| {
        if let Err(error) = queue.try_send(message) {
            tracing::warn!(session = %socket.id, %error, "a client sends faster than its room can take: disconnected");
            let _ = socket.disconnect();
        }
    };
    let take_other = take.clone();
    // Queued before the future is made: socketioxide runs futures side by side, and the order would be lost. What is no
    // JSON object of ours becomes null, which the session refuses like any other nonsense.
    socket.on(tutorial::EVENT, move |socket: SocketRef, TryData::<Value>(message)| {
        take(socket, message.unwrap_or(Value::Null));
        ready(())
    });
    socket.on_fallback(move |socket: SocketRef| {
        take_other(socket, Value::Null);
        ready(())
    });
    let went = Arc::new(Mutex::new(Some(went)));
    socket.on_disconnect(move |socket: SocketRef| {
        tracing::debug!(session = %socket.id, "disconnected");
        if let Some(went) = went.lock().ok().and_then(|mut went| went.take()) {
            let _ = went.send(());
        }
        ready(())
    });
    socket.extensions.insert::<Held>(Arc::new(Mutex::new(Some(Inbox { messages, gone }))));
    Ok(())
}
