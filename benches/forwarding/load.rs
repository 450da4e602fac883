//! The load: all sessions and connections, driven by one thread and one poll.
//!
//! Invariant: datagrams are read from all ready sockets before any is decrypted, so that a burst to forty viewers
//! is stamped when it arrived and not when the viewer before it was done.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use mio::{Events, Interest, Poll, Token};
use str0m::config::DtlsCert;

use crate::peer::{Datagram, Moment, Peer, Role, Steps};
use crate::signaling::{Heard, Session};
use crate::tally::{Tally, Window};

/// Index of a session or of a connection; never used again after it left.
pub(crate) type Index = usize;

/// What the sources did inside the window.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Packets by number of the publisher.
    pub(crate) packets: Vec<u64>,
    /// How late the latest packet left.
    pub(crate) lag: Duration,
}

/// Everything the client side owns.
pub(crate) struct Load {
    server: SocketAddr,
    poll: Poll,
    cert: DtlsCert,
    moment: Moment,
    sessions: Vec<Option<Session>>,
    peers: Vec<Option<Peer>>,
    publishers: u16,
    sent: Sent,
}

fn session_token(index: Index) -> Token {
    Token(index * 2)
}

fn peer_token(index: Index) -> Token {
    Token(index * 2 + 1)
}

impl Load {
    /// An empty load against a server; its connections use the server's own address.
    pub(crate) fn new(server: SocketAddr) -> Result<Self> {
        let cert = str0m::crypto::from_feature_flags()
            .dtls_provider
            .generate_certificate()
            .ok_or_else(|| anyhow!("no DTLS certificate for the load"))?;
        Ok(Self {
            server,
            poll: Poll::new()?,
            cert,
            moment: Moment { epoch: Instant::now(), window: Window::default() },
            sessions: Vec::new(),
            peers: Vec::new(),
            publishers: 0,
            sent: Sent::default(),
        })
    }

    /// Brings a participant into a room and waits until it is in.
    pub(crate) fn join(&mut self, room: &str, name: &str) -> Result<Index> {
        let index = self.sessions.len();
        let session = Session::connect(self.server, self.poll.registry(), session_token(index), room, name)?;
        self.sessions.push(Some(session));
        self.run_until(&format!("{name} joins {room}"), |load| {
            load.sessions[index].as_ref().is_some_and(|session| session.id.is_some())
        })?;
        Ok(index)
    }

    /// Offers a participant's media to its room.
    pub(crate) fn publish(&mut self, session: Index) -> Result<Index> {
        let user = self.id_of(session)?;
        let number = self.publishers;
        self.publishers += 1;
        self.sent.packets.push(0);
        self.open(session, user, Role::Publish { number, source: None })
    }

    /// Asks for the media that `publisher`, a publishing connection, sends.
    pub(crate) fn subscribe(&mut self, session: Index, publisher: Index) -> Result<Index> {
        let peer = self.peer(publisher)?;
        let Role::Publish { number, .. } = peer.role else { bail!("connection {publisher} does not publish") };
        let user = peer.user.clone();
        self.open(session, user, Role::Subscribe { number, tally: Tally::default() })
    }

    fn open(&mut self, session: Index, user: String, role: Role) -> Result<Index> {
        let index = self.peers.len();
        let (mut peer, opening) = Peer::open(session, user, role, self.server.ip(), self.cert.clone())?;
        self.poll.registry().register(&mut peer.socket, peer_token(index), Interest::READABLE)?;
        let signaling = self.sessions[session].as_mut().ok_or_else(|| anyhow!("session {session} has left"))?;
        peer.steps.offered = Instant::now();
        signaling.offer(&peer.user, opening.offer)?;
        signaling.candidate(&peer.user, &opening.mid, opening.candidate)?;
        self.peers.push(Some(peer));
        Ok(index)
    }

    /// Ends a participant: its connections fall silent and its websocket closes, as when a tab closes.
    pub(crate) fn leave(&mut self, session: Index) {
        for slot in &mut self.peers {
            if let Some(mut peer) = slot.take_if(|peer| peer.session == session) {
                let _ = self.poll.registry().deregister(&mut peer.socket);
            }
        }
        if let Some(session) = self.sessions[session].take() {
            session.leave(self.poll.registry());
        }
    }

    fn id_of(&self, session: Index) -> Result<String> {
        let session = self.sessions[session].as_ref();
        session.and_then(|session| session.id.clone()).ok_or_else(|| anyhow!("the participant is not in a room"))
    }

    fn peer(&self, index: Index) -> Result<&Peer> {
        self.peers[index].as_ref().ok_or_else(|| anyhow!("connection {index} has left"))
    }

    /// Join times of a connection.
    pub(crate) fn steps(&self, index: Index) -> Result<Steps> {
        Ok(self.peer(index)?.steps)
    }

    /// Whether a connection is up and, if it receives, whether audio and video have come.
    pub(crate) fn is_flowing(&self, index: Index) -> bool {
        self.peers[index].as_ref().is_some_and(|peer| match &peer.role {
            Role::Publish { .. } => peer.is_connected(),
            Role::Subscribe { tally, .. } => tally.heard() == [true, true],
        })
    }

    /// Whether any media has come on a connection.
    pub(crate) fn has_media(&self, index: Index) -> bool {
        self.peers[index]
            .as_ref()
            .is_some_and(|peer| matches!(&peer.role, Role::Subscribe { tally, .. } if tally.heard() != [false, false]))
    }

    /// Tallies of all subscriptions, with the number of the publisher.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (u16, &Tally)> {
        self.peers.iter().flatten().filter_map(|peer| match &peer.role {
            Role::Subscribe { number, tally } => Some((*number, tally)),
            Role::Publish { .. } => None,
        })
    }

    /// Opens the window for the time to come, with all counters at zero; packets sent in it count.
    pub(crate) fn measure(&mut self, length: Duration) -> Instant {
        for peer in self.peers.iter_mut().flatten() {
            if let Role::Subscribe { tally, .. } = &mut peer.role {
                tally.reset();
            }
        }
        self.sent = Sent { packets: vec![0; self.sent.packets.len()], lag: Duration::ZERO };
        let now = Instant::now();
        let start = self.nanos(now);
        self.moment.window = Window { start, end: start + length.as_nanos() as u64 };
        now + length
    }

    /// What was sent inside the window.
    pub(crate) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Local ports of the connections, to find their sockets in the kernel's tables.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.peers.iter().flatten().filter_map(|peer| peer.socket.local_addr().ok()).map(|addr| addr.port()).collect()
    }

    fn nanos(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.moment.epoch).as_nanos() as u64
    }

    /// Works until the condition holds; an error names what was waited for.
    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            if Instant::now() > deadline {
                bail!("waited 20 s in vain: {what} ({})", self.state());
            }
            self.step(Instant::now() + Duration::from_millis(50)).with_context(|| what.to_owned())?;
        }
        Ok(())
    }

    /// How far the connections have come, for the error of a wait.
    fn state(&self) -> String {
        let count = |condition: fn(&Peer) -> bool| self.peers.iter().flatten().filter(|peer| condition(peer)).count();
        let heard = |peer: &Peer, at: usize| matches!(&peer.role, Role::Subscribe { tally, .. } if tally.heard()[at]);
        let heard = |at: usize| self.peers.iter().flatten().filter(|peer| heard(peer, at)).count();
        format!(
            "{} connections: {} answered, {} connected, {} with audio, {} with video",
            count(|_| true),
            count(|peer| peer.steps.answered.is_some()),
            count(Peer::is_connected),
            heard(0),
            heard(1),
        )
    }

    /// Works until a time.
    pub(crate) fn run_to(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end {
            self.step(end)?;
        }
        Ok(())
    }

    /// Sends what is due, lets time pass, then waits for sockets, at most until `end`.
    fn step(&mut self, end: Instant) -> Result<()> {
        let mut wake = end;
        for index in 0..self.peers.len() {
            wake = wake.min(self.tend(index)?);
        }
        let mut events = Events::with_capacity(1024);
        let wait = wake.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error).context("the poll failed"),
            _ => {}
        }
        let mut datagrams = Vec::new();
        for event in &events {
            let Token(token) = event.token();
            if token % 2 == 1 {
                self.read(token / 2, &mut datagrams)?;
            } else {
                self.listen(token / 2)?;
            }
        }
        for (index, datagram) in datagrams {
            if let Some(peer) = &mut self.peers[index] {
                peer.datagram(&datagram, self.moment)?;
            }
        }
        Ok(())
    }

    /// Sends the due packets of one connection and returns when it wants attention again.
    fn tend(&mut self, index: Index) -> Result<Instant> {
        let far = Instant::now() + Duration::from_secs(1);
        let moment = self.moment;
        let Some(peer) = &mut self.peers[index] else { return Ok(far) };
        if peer.is_dead() {
            bail!("the connection that concerns {} died", peer.user);
        }
        let mut next = far;
        loop {
            let now = Instant::now();
            let Role::Publish { source: Some(source), .. } = &mut peer.role else { break };
            let sent = now.saturating_duration_since(moment.epoch).as_nanos() as u64;
            let number = source.number();
            let Some(packet) = source.take_due(now, sent) else {
                next = source.due();
                break;
            };
            if moment.window.contains(sent) {
                self.sent.packets[usize::from(number)] += 1;
                self.sent.lag = self.sent.lag.max(now.saturating_duration_since(packet.due));
            }
            peer.send(packet, moment)?;
        }
        let now = Instant::now();
        if peer.wake <= now {
            peer.timeout(now, moment)?;
        }
        Ok(next.min(peer.wake))
    }

    fn read(&mut self, index: Index, datagrams: &mut Vec<(Index, Datagram)>) -> Result<()> {
        let Some(peer) = &self.peers[index] else { return Ok(()) };
        let mut buffer = [0; 2048];
        loop {
            match peer.socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    let datagram = Datagram { source, arrived: Instant::now(), bytes: buffer[..length].to_vec() };
                    datagrams.push((index, datagram));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // An ICMP error of an earlier send; the connection decides for itself whether it is dead.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error).context("a UDP socket failed"),
            }
        }
    }

    fn listen(&mut self, index: Index) -> Result<()> {
        let Some(session) = &mut self.sessions[index] else { return Ok(()) };
        for heard in session.receive()? {
            match heard {
                Heard::Answer { user, sdp } => {
                    let moment = self.moment;
                    self.of(index, &user).map_or(Ok(()), |peer| peer.answer(&sdp, moment))?;
                }
                Heard::Candidate { user, candidate } => {
                    let moment = self.moment;
                    self.of(index, &user).map_or(Ok(()), |peer| peer.candidate(&candidate, moment))?;
                }
                Heard::Refused(message) => bail!("the server refused: {message}"),
                Heard::Closed => bail!("the server closed the connection of participant {index}"),
            }
        }
        Ok(())
    }

    fn of(&mut self, session: Index, user: &str) -> Option<&mut Peer> {
        self.peers.iter_mut().flatten().find(|peer| peer.session == session && peer.user == user)
    }
}
