//! Socket.IO over one websocket per participant; what is said in it is for the dialects to know.
//!
//! Owner: the load thread, which reads it when the socket is ready. Invariant: a session never blocks after `connect`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mio::{Interest, Registry, Token};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::peer::{Opening, Role};

/// Something the server said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// We are in, under this id.
    Joined(String),
    /// The answer for the connection that concerns this participant.
    Answer { user: String, sdp: String },
    /// A candidate for that connection.
    Candidate { user: String, candidate: String },
    /// Whom the slots of that connection carry now, by m-line.
    Slots { user: String, names: Vec<Option<String>> },
    /// The server refused something.
    Refused(String),
    /// The connection ended.
    Closed,
}

/// Something to say to the server.
#[derive(Debug)]
pub(crate) struct Said {
    /// The event.
    pub(crate) event: &'static str,
    /// Its argument.
    pub(crate) data: Value,
    /// What the acknowledgement will be for, if one is wanted.
    pub(crate) wants: Option<String>,
}

/// How a dialect says things, and what the server's words mean in it. `user` is what the dialect calls a connection by.
pub(crate) trait Dialect: std::fmt::Debug {
    /// Come into the room.
    fn join(&mut self) -> Said;
    /// Open a connection.
    fn open(&mut self, user: &str, role: &Role, opening: &Opening) -> Said;
    /// Tell a candidate of ours.
    fn candidate(&mut self, user: &str, candidate: Value) -> Said;
    /// Understand an event.
    fn event(&mut self, name: &str, data: &Value) -> Option<Heard>;
    /// Understand an acknowledgement by what was wanted.
    fn acknowledged(&mut self, wanted: &str, reply: &Value) -> Option<Heard>;
}

/// One participant's websocket.
#[derive(Debug)]
pub(crate) struct Session {
    socket: WebSocket<TcpStream>,
    watch: mio::net::TcpStream,
    dialect: Box<dyn Dialect>,
    /// What the acknowledgements to come are for.
    wanted: HashMap<u64, String>,
    asked: u64,
    /// Our id, once the server told us.
    pub(crate) id: Option<String>,
}

impl Session {
    /// Opens the websocket and asks for the default namespace; joining follows by itself.
    pub(crate) fn connect(
        server: SocketAddr,
        registry: &Registry,
        token: Token,
        dialect: Box<dyn Dialect>,
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
        Ok(Self { socket, watch, dialect, wanted: HashMap::new(), asked: 0, id: None })
    }

    /// Stops watching; dropping the session then closes the connection.
    pub(crate) fn leave(mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.watch);
        // Best effort: the peer may be gone already.
        let _ = self.socket.close(None);
        let _ = self.socket.flush();
    }

    /// Offers a connection, and trickles its one candidate.
    pub(crate) fn open(&mut self, user: &str, role: &Role, opening: &Opening) -> Result<()> {
        let offer = self.dialect.open(user, role, opening);
        self.say(offer)?;
        let mid = opening.mids.first();
        let candidate = json!({"candidate": opening.candidate, "sdpMid": mid, "sdpMLineIndex": 0});
        let candidate = self.dialect.candidate(user, candidate);
        self.say(candidate)
    }

    /// Says something.
    pub(crate) fn say(&mut self, said: Said) -> Result<()> {
        let number = said.wants.map(|wants| {
            self.asked += 1;
            self.wanted.insert(self.asked, wants);
            self.asked
        });
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        self.send(format!("42{number}{}", json!([said.event, said.data])))
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
            let (name, data): (String, Value) =
                serde_json::from_str(event).with_context(|| format!("an event is not [name, object]: {event}"))?;
            return Ok(self.dialect.event(&name, &data));
        }
        if let Some(reply) = text.strip_prefix("43") {
            return self.acknowledgement(reply);
        }
        if text.starts_with("40") {
            let join = self.dialect.join();
            self.say(join)?;
        } else if text.starts_with("44") {
            bail!("the server refused the namespace: {text}");
        } else if text == "2" {
            self.send("3".to_owned())?;
        } else if text.starts_with("41") || text == "1" {
            return Ok(Some(Heard::Closed));
        }
        Ok(None)
    }

    fn acknowledgement(&mut self, text: &str) -> Result<Option<Heard>> {
        let (number, reply) = text.split_at(text.find('[').unwrap_or(text.len()));
        let wanted = number.parse().ok().and_then(|number: u64| self.wanted.remove(&number));
        let wanted = wanted.with_context(|| format!("an acknowledgement of nothing: {text}"))?;
        let (reply,): (Value,) =
            serde_json::from_str(reply).with_context(|| format!("an acknowledgement is not [object]: {text}"))?;
        Ok(self.dialect.acknowledged(&wanted, &reply))
    }
}
