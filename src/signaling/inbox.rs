//! What a client said, until its session takes it.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::handler::FromMessageParts;
use socketioxide::socket::Socket;
use tokio::sync::{mpsc, oneshot};

/// What a client said.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A message of the tutorial's dialect; null if it was no JSON.
    Message(Value),
    /// Any other event: a request of the native dialect, or nonsense.
    Request {
        /// The event's name.
        event: String,
        /// Its first argument.
        data: Value,
        /// Where the outcome goes.
        ack: Acknowledgement,
    },
}

/// What a client says, and whether it has gone.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) messages: mpsc::Receiver<Inbound>,
    pub(super) gone: oneshot::Receiver<()>,
    /// The token of the handshake.
    pub(super) token: Option<String>,
}

/// Extensions of a socket hold what can be cloned, so the one inbox is taken out of a shared place.
type Shared = Arc<Mutex<Option<Inbox>>>;

impl Inbox {
    pub(super) fn leave_at(self, socket: &SocketRef) {
        socket.extensions.insert::<Shared>(Arc::new(Mutex::new(Some(self))));
    }

    pub(super) fn take_from(socket: &SocketRef) -> Option<Self> {
        socket.extensions.remove::<Shared>()?.lock().ok()?.take()
    }
}

/// An answer that a client may or may not wait for.
pub(super) struct Acknowledgement {
    sender: AckSender,
    wanted: bool,
}

impl fmt::Debug for Acknowledgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acknowledgement").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl FromMessageParts<LocalAdapter> for Acknowledgement {
    type Error = Infallible;

    fn from_message_parts(
        socket: &Arc<Socket>,
        value: &mut socketioxide::handler::Value,
        id: &Option<i64>,
    ) -> Result<Self, Infallible> {
        let sender = AckSender::from_message_parts(socket, value, id)?;
        Ok(Self { sender, wanted: id.is_some() })
    }
}

impl Acknowledgement {
    /// Whether the client waits for it.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Sends it. False when the client is gone or takes nothing any more.
    pub(super) fn send(self, reply: &impl Serialize) -> bool {
        self.sender.send(reply).is_ok()
    }
}
