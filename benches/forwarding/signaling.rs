//! The tutorial dialect over Socket.IO, as an old client speaks it: one websocket per participant.
//!
//! Owner: the load thread, which reads it when the socket is ready. Invariant: a session never blocks after `connect`.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mio::{Interest, Registry, Token};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Something the server said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The answer for the connection that concerns this participant.
    Answer { user: String, sdp: String },
    /// A candidate for that connection.
    Candidate { user: String, candidate: String },
    /// The server refused something.
    Refused(String),
    /// The connection ended.
    Closed,
}

/// One participant's websocket.
#[derive(Debug)]
pub(crate) struct Session {
    socket: WebSocket<TcpStream>,
    watch: mio::net::TcpStream,
    room: String,
    name: String,
    /// Our id, once the server told us.
    pub(crate) id: Option<String>,
}

impl Session {
    /// Opens the websocket and asks for the default namespace; joining follows by itself.
    pub(crate) fn connect(
        server: SocketAddr,
        registry: &Registry,
        token: Token,
        room: &str,
        name: &str,
    ) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, Duration::from_secs(2))
            .with_context(|| format!("no connection to the server at {server}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let url = format!("ws://{server}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = tungstenite::client(url, stream).context("the websocket was refused")?;
        socket.send(Message::text("40"))?;
        socket.get_ref().set_nonblocking(true)?;
        // The poll watches a second handle of the same socket; the first stays inside the websocket.
        let mut watch = mio::net::TcpStream::from_std(socket.get_ref().try_clone()?);
        registry.register(&mut watch, token, Interest::READABLE)?;
        Ok(Self { socket, watch, room: room.to_owned(), name: name.to_owned(), id: None })
    }

    /// Stops watching; dropping the session then closes the connection.
    pub(crate) fn leave(mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.watch);
        // Best effort: the peer may be gone already.
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }

    /// Offers media: to the room if `user` is our own id, else from that participant.
    pub(crate) fn offer(&mut self, user: &str, sdp: String) -> Result<()> {
        self.emit(json!({"event": "receiveVideoFrom", "userid": user, "roomName": self.room, "sdpOffer": sdp}))
    }

    /// Trickles one candidate of the connection that concerns `user`.
    pub(crate) fn candidate(&mut self, user: &str, mid: &str, candidate: String) -> Result<()> {
        let candidate = json!({"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": 0});
        self.emit(json!({"event": "candidate", "userid": user, "roomName": self.room, "candidate": candidate}))
    }

    fn emit(&mut self, message: Value) -> Result<()> {
        self.send(format!("42{}", json!(["message", message])))
    }

    fn send(&mut self, text: String) -> Result<()> {
        match self.socket.send(Message::text(text)) {
            Ok(()) => Ok(()),
            // Queued inside the websocket; the next read flushes it.
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error).context("a message could not be sent to the server"),
        }
    }

    /// Reads all that has arrived.
    pub(crate) fn receive(&mut self) -> Result<Vec<Heard>> {
        let mut heard = Vec::new();
        loop {
            let text = match self.socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(Message::Close(_)) => {
                    heard.push(Heard::Closed);
                    return Ok(heard);
                }
                Ok(_) => continue,
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(heard),
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Io(_)) => {
                    heard.push(Heard::Closed);
                    return Ok(heard);
                }
                Err(error) => return Err(error).context("the websocket broke"),
            };
            heard.extend(self.packet(&text)?);
        }
    }

    /// Engine.IO type, then Socket.IO type, then JSON.
    fn packet(&mut self, text: &str) -> Result<Option<Heard>> {
        if let Some(event) = text.strip_prefix("42") {
            return self.event(event);
        }
        if text.starts_with("40") {
            self.emit(json!({"event": "joinRoom", "userName": self.name, "roomName": self.room}))?;
        } else if text.starts_with("44") {
            bail!("the server refused the namespace: {text}");
        } else if text == "2" {
            self.send("3".to_owned())?;
        } else if text.starts_with("41") || text == "1" {
            return Ok(Some(Heard::Closed));
        }
        Ok(None)
    }

    fn event(&mut self, text: &str) -> Result<Option<Heard>> {
        let (_, message): (String, Value) =
            serde_json::from_str(text).with_context(|| format!("an event is not [name, object]: {text}"))?;
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        Ok(match message["event"].as_str().unwrap_or_default() {
            "existingParticipants" => {
                self.id = Some(field("userid"));
                None
            }
            "receiveVideoAnswer" => Some(Heard::Answer { user: field("senderid"), sdp: field("sdpAnswer") }),
            "candidate" => {
                let candidate = message["candidate"]["candidate"].as_str().unwrap_or_default().to_owned();
                Some(Heard::Candidate { user: field("userid"), candidate })
            }
            other if other.to_lowercase().contains("error") => Some(Heard::Refused(message.to_string())),
            // Arrivals, departures and extensions: the scenarios know who is there.
            _ => None,
        })
    }
}
