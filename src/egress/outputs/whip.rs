//! One try at a push by WHIP (RFC 9725): links, payloaders and a connection that offers; and the course of what has to happen
//! until media passes, and while it does.
//!
//! ```text
//! outlet of the mix ─ link ─ payloader ─ forwarder ─┬─ webrtcbin ─ server
//! outlet of the mix ─ link ─ payloader ─ forwarder ─┘
//! ```
//!
//! The forwarders are shut until the server has proved who it is. Owner: the task of the output, which lets the course go on
//! while it waits for it. Invariant: what a server was asked for is given back, however the try ends.

mod exchange;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::sync::watch;

use super::Material;
use super::destination::Destination;
use super::pipeline::inlet;
use crate::config::Ice;
use crate::egress::OutputError;
use crate::media::Codec;
use crate::media::link::{Link, Outlet};
use crate::media::pipeline::Pipeline;
use crate::mix::{Encoded, Encoding};
use crate::webrtc::sdp::{Answer, AnswerPolicy, profile_level_id};
use crate::webrtc::{EndpointError, Sender};

/// How long the encoder may take for its first picture, which says what it is.
const FIRST_PICTURE_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take from the answer until the connection is up.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long nothing may be heard of a server: it reports every 2 to 6 seconds (RFC 3550, section 6.3.1), and one report may get
/// lost.
const SILENCE: Duration = Duration::from_millis(12_500);
/// The shortest time between two keyframes that a server asks for: all outputs of the mix get each.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How far the exchange with the server has come.
#[derive(Debug)]
enum Posted {
    /// Nothing was sent, or nothing came of it.
    Nothing,
    /// The server may have made a session, and has not said so yet.
    Pending,
    /// There is a session, which is to be deleted there.
    Session(Destination),
}

type Course = Pin<Box<dyn Future<Output = String> + Send>>;

/// A try under way.
pub(super) struct Whip {
    sender: Arc<Sender>,
    /// Resolves to why it failed.
    course: Course,
    posted: watch::Receiver<Posted>,
}

impl std::fmt::Debug for Whip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whip").field("sender", &self.sender).finish_non_exhaustive()
    }
}

impl Whip {
    /// Fills a pipeline with all that it takes, and gives the links, which are not attached yet. `at` is where the server is now.
    pub(super) fn begin(
        pipeline: &Pipeline,
        (destination, at): (&Destination, SocketAddr),
        material: &Material,
        encoded: &[Encoded],
    ) -> Result<(Self, Vec<Link>), OutputError> {
        let sender = Arc::new(Sender::new(pipeline.gst().upcast_ref(), &material.ice, KEYFRAME_INTERVAL)?);
        let (mut links, mut pictures) = (Vec::new(), None);
        for encoded in encoded {
            let (codec, payloader) = match encoded.encoding() {
                Encoding::H264 => (Codec::H264, "rtp/h264.launch"),
                Encoding::Opus => (Codec::Opus, "rtp/opus.launch"),
                Encoding::Vp8 | Encoding::Aac => continue,
            };
            if codec == Codec::H264 {
                pictures = Some(encoded.outlet().clone());
            }
            let (link, payloader) = inlet(pipeline, payloader, &material.descriptions)?;
            let sink = sender.sink(codec).ok_or(OutputError::Graph { step: "looking for a forwarder" })?;
            let out = payloader.static_pad("out").ok_or(OutputError::Graph { step: "looking for a payloader" })?;
            out.link(&sink).map_err(|_| OutputError::Graph { step: "linking a payloader" })?;
            links.push(link);
        }
        let pictures = pictures.ok_or(OutputError::Graph { step: "looking for the pictures" })?;
        let (say, posted) = watch::channel(Posted::Nothing);
        let (sending, ice, destination) = (Arc::clone(&sender), material.ice.clone(), destination.clone());
        let course = async move {
            let begun = begin(&sending, &pictures, &ice, (&destination, at), &say).await;
            match begun {
                Ok(()) => sending.lost(SILENCE).await.to_string(),
                Err(reason) => reason,
            }
        };
        Ok((Self { sender, course: Box::pin(course), posted }, links))
    }

    /// Goes on until it fails, and says why. May be called again where it was not waited for.
    pub(super) async fn failed(&mut self) -> String {
        self.course.as_mut().await
    }

    /// How many packets were sent, and how many bytes.
    pub(super) fn sent(&self) -> (u64, u64) {
        self.sender.sent()
    }

    /// Gives the session back, if there is one or will be in a moment.
    pub(super) async fn goodbye(self, patience: Duration) {
        let Self { mut course, mut posted, .. } = self;
        let goodbye = async {
            if matches!(*posted.borrow(), Posted::Pending) {
                tokio::select! {
                    _ = posted.wait_for(|posted| !matches!(posted, Posted::Pending)) => {}
                    _ = &mut course => {}
                }
            }
            let session = match &*posted.borrow() {
                Posted::Session(session) => session.clone(),
                Posted::Nothing | Posted::Pending => return,
            };
            if let Err(error) = exchange::delete(&session).await {
                tracing::info!(%session, error, "a server keeps a session of WHIP until it notices itself");
            }
        };
        if tokio::time::timeout(patience, goodbye).await.is_err() {
            tracing::info!("a server of WHIP did not answer when its session was to be deleted");
        }
    }
}

/// From nothing to a connection by which media passes.
async fn begin(
    sender: &Sender,
    pictures: &Outlet,
    ice: &Ice,
    (destination, at): (&Destination, SocketAddr),
    posted: &watch::Sender<Posted>,
) -> Result<(), String> {
    let caps = pictures.wait_for_caps(FIRST_PICTURE_WITHIN).await;
    let caps = caps.ok_or_else(|| format!("the mix has no picture within {FIRST_PICTURE_WITHIN:?}"))?;
    let offer = sender.offer(&h264(&caps)?).await.map_err(|error| error.to_string())?;
    posted.send_replace(Posted::Pending);
    let noted = |session| drop(posted.send_replace(Posted::Session(session)));
    let answered = exchange::post(destination, at, offer.text(), noted).await;
    posted.send_if_modified(|posted| {
        let is_pending = matches!(posted, Posted::Pending);
        if is_pending {
            *posted = Posted::Nothing;
        }
        is_pending
    });
    let answered = answered?;
    // Who is allowed by name vouches for where its media goes; what is denied stays so.
    let allows = |address| answered.by.allows(address);
    let answer = Answer::parse(&answered.body, &offer, AnswerPolicy { tcp: ice.tcp, allows: &allows });
    let answer = answer.map_err(|error| error.to_string())?;
    let connected = async {
        sender.accept(&answer).await?;
        sender.connect(&answer, CONNECT_WITHIN).await
    };
    connected.await.map_err(|error: EndpointError| error.to_string())
}

/// The `profile-level-id` of what an encoder makes.
fn h264(caps: &gst::CapsRef) -> Result<String, String> {
    let field = |name: &str| caps.structure(0).and_then(|caps| caps.get::<&str>(name).ok()).unwrap_or_default();
    let (profile, level) = (field("profile"), field("level"));
    profile_level_id(profile, level).ok_or_else(|| {
        format!("the mix's H.264 is of the profile {profile:?} and the level {level:?}, which WebRTC has no name for: see pipelines/encode")
    })
}
