//! The load at work: one thread and one poll drive all sessions and connections.
//!
//! Invariant: datagrams are read from all ready sockets before any is decrypted, so that a burst to forty viewers
//! is stamped when it arrived and not when the viewer before it was done; what is told by its header is told at once.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Token};

use crate::load::{Index, Load};
use crate::peer::{Datagram, Peer, Role};
use crate::signaling::Heard;

impl Load {
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
            self.ledger.record(&packet);
            if moment.window.contains(packet.stamp.sent) {
                self.sent.count(number, &packet);
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
        let Some(peer) = &mut self.peers[index] else { return Ok(()) };
        let mut buffer = [0; 2048];
        loop {
            match peer.socket.recv_from(&mut buffer) {
                Ok((length, _)) if peer.count_by_header(&buffer[..length], &self.ledger, self.moment) => {}
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
                Heard::Joined(id) => {
                    if let Some(session) = &mut self.sessions[index] {
                        session.id = Some(id);
                    }
                }
                Heard::Answer { user, sdp } => {
                    let moment = self.moment;
                    self.of(index, &user).map_or(Ok(()), |peer| peer.answer(&sdp, moment))?;
                }
                Heard::Candidate { user, candidate } => {
                    let moment = self.moment;
                    self.of(index, &user).map_or(Ok(()), |peer| peer.candidate(&candidate, moment))?;
                }
                Heard::Slots { user, names } => {
                    let number = |id: Option<String>| id.and_then(|id| self.people.get(&id).copied());
                    let names: Vec<Option<u16>> = names.into_iter().map(number).collect();
                    let now = self.moment.nanos();
                    if let Some(Peer { role: Role::Receive(slots), .. }) = self.of(index, &user) {
                        slots.name(&names, now);
                    }
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
