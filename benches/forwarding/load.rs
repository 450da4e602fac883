//! The load: all sessions and connections, and what can be done with and asked of them (`drive` makes them work).
//!
//! Owner: one thread. Invariant: an index is never used again, so a late event cannot reach another's connection.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use mio::{Interest, Poll, Token};
use str0m::config::DtlsCert;

use crate::peer::{Moment, Peer, Role, Steps};
use crate::signaling::Session;
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
    pub(crate) poll: Poll,
    cert: DtlsCert,
    pub(crate) moment: Moment,
    pub(crate) sessions: Vec<Option<Session>>,
    pub(crate) peers: Vec<Option<Peer>>,
    publishers: u16,
    pub(crate) sent: Sent,
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

    /// Brings a participant into a room and waits until it sends.
    pub(crate) fn join_and_publish(&mut self, room: &str, name: &str) -> Result<Index> {
        let session = self.join(room, name)?;
        let publisher = self.publish(session)?;
        self.wait_flowing(&[publisher])?;
        Ok(publisher)
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

    /// Whether all these connections have their answer.
    pub(crate) fn are_answered(&self, connections: &[Index]) -> bool {
        connections.iter().all(|index| self.steps(*index).is_ok_and(|steps| steps.answered.is_some()))
    }

    /// Waits until all these connections are up and media flows on them.
    pub(crate) fn wait_flowing(&mut self, connections: &[Index]) -> Result<()> {
        let what = format!("{} connections are up and media flows", connections.len());
        self.run_until(&what, |load| connections.iter().all(|index| load.is_flowing(*index)))
    }

    /// Local ports of the connections, to find their sockets in the kernel's tables.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.peers.iter().flatten().filter_map(|peer| peer.socket.local_addr().ok()).map(|addr| addr.port()).collect()
    }

    fn nanos(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.moment.epoch).as_nanos() as u64
    }

    /// How far the connections have come, for the error of a wait.
    pub(crate) fn state(&self) -> String {
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
}
