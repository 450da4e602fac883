//! Packets of sound whose level a test sets, by the audio-level header extension (RFC 6464) that browsers send.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_app::AppSrc;

/// The level of silence.
pub const SILENCE: u8 = 127;
const PACKET: Duration = Duration::from_millis(20);

/// How loud somebody is, and when the first packet of that left.
#[derive(Debug, Clone)]
pub struct Level(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    sent: Mutex<(u8, u64, Instant)>,
    changed: Condvar,
}

impl Level {
    /// Silence.
    pub fn silent() -> Self {
        let sent = Mutex::new((SILENCE, 0, Instant::now()));
        Self(Arc::new(Shared { level: AtomicU8::new(SILENCE), sent, changed: Condvar::new() }))
    }

    /// Sets the level, in dB below full scale, and waits until the first packet with it leaves; gives when that was.
    pub async fn set(&self, level: u8) -> Instant {
        self.0.level.store(level, Ordering::Relaxed);
        self.wait(move |sent| sent.0 == level).await
    }

    /// Waits until so many packets more have left.
    pub async fn pass(&self, packets: u64) {
        let count = self.0.sent.lock().unwrap().1 + packets;
        self.wait(move |sent| sent.1 >= count).await;
    }

    async fn wait(&self, done: impl Fn(&(u8, u64, Instant)) -> bool + Send + 'static) -> Instant {
        let shared = self.0.clone();
        let waited = tokio::task::spawn_blocking(move || {
            let sent = shared.sent.lock().unwrap();
            let patience = Duration::from_secs(20);
            let (sent, late) = shared.changed.wait_timeout_while(sent, patience, |sent| !done(sent)).unwrap();
            assert!(!late.timed_out(), "no packet left in {patience:?}");
            sent.2
        });
        waited.await.expect("packets leave")
    }
}

/// The thread that sends, ended when dropped.
#[derive(Debug)]
pub struct Talker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    /// Begins to push packets into `source`.
    pub fn start(level: Level, source: AppSrc, ssrc: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            for number in 0u32.. {
                // The rhythm of a microphone, not a wait for something.
                std::thread::park_timeout((start + PACKET * number).saturating_duration_since(Instant::now()));
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let loud = level.0.level.load(Ordering::Relaxed);
                let _ = source.push_buffer(gst::Buffer::from_mut_slice(packet(number, ssrc, loud)));
                let mut sent = level.0.sent.lock().unwrap();
                // The time of the first packet of this level stays.
                let since = if sent.0 == loud { sent.2 } else { Instant::now() };
                *sent = (loud, sent.1 + 1, since);
                level.0.changed.notify_all();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// One RTP packet with a one-byte header extension of id 1: voice activity, and the level.
fn packet(number: u32, ssrc: u32, level: u8) -> Vec<u8> {
    let mut bytes = vec![0x90, 111];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend((number.wrapping_mul(960)).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    let voice = if level < 60 { 0x80 } else { 0 };
    bytes.extend([0xbe, 0xde, 0, 1, 0x10, voice | level, 0, 0]);
    // Opus: one frame of 20 ms, and nothing in it that a decoder would like.
    bytes.push(0xfc);
    bytes.extend([0x5a; 40]);
    bytes
}
