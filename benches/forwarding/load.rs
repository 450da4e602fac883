//! The load: all sessions and connections, and what can be done with and asked of them (`drive` makes them work).
//!
//! Owner: one thread. Invariant: an index is never used again, so a late event cannot reach another's connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use mio::{Interest, Poll, Token};
use str0m::config::DtlsCert;

use crate::headers::Ledger;
use crate::native::Native;
use crate::packets::{Packet, Shape, Track};
use crate::peer::{Moment, Peer, Role, Steps};
use crate::signaling::{Dialect, Session};
use crate::slots::Slots;
use crate::tally::{Tally, Window};
use crate::tutorial::Tutorial;

/// Index of a session or of a connection; never used again after it left.
pub(crate) type Index = usize;

/// What the sources did inside the window.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Packets by number of the publisher.
    pub(crate) packets: Vec<u64>,
    /// Those of video, and its frames.
    pub(crate) video: Vec<[u64; 2]>,
    /// How late the latest packet left.
    pub(crate) lag: Duration,
}

impl Sent {
    fn of(publishers: usize) -> Self {
        Self { packets: vec![0; publishers], video: vec![[0; 2]; publishers], lag: Duration::ZERO }
    }

    /// Counts a packet that leaves inside the window.
    pub(crate) fn count(&mut self, number: u16, packet: &Packet) {
        let number = usize::from(number);
        self.packets[number] += 1;
        if packet.stamp.track == Track::Video {
            self.video[number][0] += 1;
            self.video[number][1] += u64::from(packet.marker);
        }
    }
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
    /// The numbers of publishers by their ids.
    pub(crate) people: HashMap<String, u16>,
    pub(crate) sent: Sent,
    /// What the sources sent lately, to tell packets by their headers.
    pub(crate) ledger: Ledger,
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
            people: HashMap::new(),
            sent: Sent::default(),
            ledger: Ledger::default(),
        })
    }

    /// Brings a participant of the tutorial's dialect into a room and waits until it is in.
    pub(crate) fn join(&mut self, room: &str, name: &str) -> Result<Index> {
        self.enter(Box::new(Tutorial { room: room.to_owned(), name: name.to_owned() }), name)
    }

    /// Likewise in the native dialect.
    pub(crate) fn join_native(&mut self, room: &str, name: &str) -> Result<Index> {
        self.enter(Box::new(Native { room: room.to_owned(), name: name.to_owned() }), name)
    }

    fn enter(&mut self, dialect: Box<dyn Dialect>, name: &str) -> Result<Index> {
        let index = self.sessions.len();
        let session = Session::connect(self.server, self.poll.registry(), session_token(index), dialect)?;
        self.sessions.push(Some(session));
        self.run_until(&format!("{name} joins"), |load| {
            load.sessions[index].as_ref().is_some_and(|session| session.id.is_some())
        })?;
        Ok(index)
    }

    /// Offers a participant's media to its room.
    pub(crate) fn publish(&mut self, session: Index) -> Result<Index> {
        let user = self.id_of(session)?;
        self.publish_as(session, user, Shape::EVEN)
    }

    /// Likewise in the native dialect, by an endpoint named `send`.
    pub(crate) fn publish_native(&mut self, session: Index, shape: Shape) -> Result<Index> {
        self.publish_as(session, "send".to_owned(), shape)
    }

    fn publish_as(&mut self, session: Index, user: String, shape: Shape) -> Result<Index> {
        let number = self.publishers;
        self.publishers += 1;
        self.people.insert(self.id_of(session)?, number);
        self.sent = Sent::of(usize::from(self.publishers));
        self.open(session, user, Role::Publish { number, shape, source: None })
    }

    /// Opens an endpoint of the native dialect that receives by slots.
    pub(crate) fn receive(&mut self, session: Index, slots: Slots) -> Result<Index> {
        self.open(session, "receive".to_owned(), Role::Receive(slots))
    }

    /// Likewise, but only what its headers do not tell is decrypted: many such cost less than the server.
    pub(crate) fn receive_headers(&mut self, session: Index, slots: Slots) -> Result<Index> {
        let index = self.receive(session, slots)?;
        self.peers[index].iter_mut().for_each(Peer::read_headers);
        Ok(index)
    }

    /// How many packets were decrypted on a connection, and how many told by their headers.
    pub(crate) fn read_of(&self, index: Index) -> Result<[u64; 2]> {
        Ok(self.peer(index)?.read)
    }

    /// Says whom a participant looks at, by session.
    pub(crate) fn view(&mut self, session: Index, others: &[Index]) -> Result<()> {
        let ids: Vec<String> = others.iter().map(|other| self.id_of(*other)).collect::<Result<_>>()?;
        let signaling = self.sessions[session].as_mut().ok_or_else(|| anyhow!("session {session} has left"))?;
        signaling.say(Native::view(&ids))
    }

    /// What the slots of a connection carry.
    pub(crate) fn slots(&self, index: Index) -> Result<&Slots> {
        match &self.peer(index)?.role {
            Role::Receive(slots) => Ok(slots),
            _ => bail!("connection {index} has no slots"),
        }
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
        signaling.open(&peer.user, &peer.role, &opening)?;
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
            Role::Publish { .. } | Role::Receive(_) => peer.is_connected(),
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
            Role::Publish { .. } | Role::Receive(_) => None,
        })
    }

    /// Opens the window for the time to come, with all counters at zero; packets sent in it count.
    pub(crate) fn measure(&mut self, length: Duration) -> Instant {
        for peer in self.peers.iter_mut().flatten() {
            match &mut peer.role {
                Role::Subscribe { tally, .. } => tally.reset(),
                Role::Receive(slots) => slots.reset(),
                Role::Publish { .. } => {}
            }
        }
        self.sent = Sent::of(usize::from(self.publishers));
        let now = Instant::now();
        let start = self.moment.nanos();
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
