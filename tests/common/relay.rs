//! A bad network between people and the server, for the kernel may have none: a relay of datagrams that loses and delays.
//! They come out in the order in which they went in, as those of `tests/browser/relay.mjs`, or not at all.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::native::Detour;

/// What happens to datagrams, both ways.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// In a hundred, so many are lost.
    pub loss: f64,
    /// All are delayed by this,
    pub delay: Duration,
    /// and each by up to this more.
    pub jitter: Duration,
}

/// A relay, which ends with the runtime that it was made in.
#[derive(Debug)]
pub struct Relay {
    address: IpAddr,
    conditions: Conditions,
    fronts: Mutex<HashMap<SocketAddr, SocketAddr>>,
}

impl Relay {
    pub fn new(address: IpAddr, conditions: Conditions) -> Arc<Self> {
        Arc::new(Self { address, conditions, fronts: Mutex::default() })
    }

    fn bind(address: IpAddr) -> Arc<UdpSocket> {
        let socket = std::net::UdpSocket::bind((address, 0)).expect("the lab has its address");
        socket.set_nonblocking(true).expect("sockets can do that");
        Arc::new(UdpSocket::from_std(socket).expect("there is a runtime"))
    }
}

impl Detour for Relay {
    fn instead_of(&self, server: SocketAddr) -> Option<SocketAddr> {
        let mut fronts = self.fronts.lock().expect("nobody panics here");
        let front = fronts.entry(server).or_insert_with(|| {
            let front = Self::bind(self.address);
            let at = front.local_addr().expect("a bound socket");
            tokio::spawn(serve(front, server, self.conditions, u64::from(at.port())));
            at
        });
        Some(*front)
    }
}

/// Relays between everybody who sends to `front`, and the server; each has a socket towards it, as at a NAT.
async fn serve(front: Arc<UdpSocket>, server: SocketAddr, conditions: Conditions, seed: u64) {
    let mut people: HashMap<SocketAddr, mpsc::UnboundedSender<Vec<u8>>> = HashMap::new();
    let mut datagram = vec![0; 65_536];
    loop {
        // An error of an earlier datagram is one that got lost.
        let Ok((size, from)) = front.recv_from(&mut datagram).await else { continue };
        let way = people.entry(from).or_insert_with(|| {
            let back = Relay::bind(front.local_addr().expect("a bound socket").ip());
            let (forth, returning) = (way(conditions, seed, (back.clone(), server)), (front.clone(), from));
            tokio::spawn(come_back(back, way(conditions, seed + 1, returning)));
            forth
        });
        let _ = way.send(datagram[..size].to_vec());
    }
}

async fn come_back(back: Arc<UdpSocket>, way: mpsc::UnboundedSender<Vec<u8>>) {
    let mut datagram = vec![0; 65_536];
    loop {
        let Ok((size, _)) = back.recv_from(&mut datagram).await else { continue };
        let _ = way.send(datagram[..size].to_vec());
    }
}

/// One way: what goes in comes out of a socket, later or never.
fn way(conditions: Conditions, seed: u64, (out, to): (Arc<UdpSocket>, SocketAddr)) -> mpsc::UnboundedSender<Vec<u8>> {
    let (entry, mut inside) = mpsc::unbounded_channel::<Vec<u8>>();
    let (due, mut queue) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        let (mut state, mut last) = (seed, Instant::now());
        while let Some(datagram) = inside.recv().await {
            let (fate, wait) = (roll(&mut state), roll(&mut state));
            if fate * 100.0 < conditions.loss {
                continue;
            }
            last = last.max(Instant::now() + conditions.delay + conditions.jitter.mul_f64(wait));
            let _ = due.send((last, datagram));
        }
    });
    tokio::spawn(async move {
        while let Some((moment, datagram)) = queue.recv().await {
            tokio::time::sleep_until(moment).await;
            let _ = out.send_to(&datagram, to).await;
        }
    });
    entry
}

/// A number from 0 to 1 that depends on the state alone (splitmix64).
fn roll(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
