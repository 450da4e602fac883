//! A client of WHEP or WHIP: a connection whose offer goes by HTTP.

use std::sync::Arc;
use std::time::Duration;

use gstreamer_webrtc::WebRTCPeerConnectionState;
use plenum::config::VideoCodec;
use reqwest::Method;
use tokio::sync::{mpsc, watch};

use super::connection::{Connection, Say};
use super::reception::Reception;
use super::server::Server;
use super::signaling::PATIENCE;
use super::source::{Camera, Look};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Status and code of an error.
    pub fn refusal(&self) -> (u16, String) {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        (self.status, body["code"].as_str().unwrap_or("none").to_owned())
    }
}

/// Sends a request.
pub async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = server.http().request(method, server.url(path)).body(body.to_owned()).timeout(PATIENCE);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let reply = request.send().await.expect("the server answers");
    let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
    Answer { status, headers, body: reply.text().await.expect("a body") }
}

/// Posts an offer.
pub async fn post(server: &Server, path: &str, offer: &str) -> Answer {
    ask(server, Method::POST, path, &[("content-type", "application/sdp")], offer).await
}

/// A session, of which the connection ends without a word when dropped.
pub struct Session<'a> {
    server: &'a Server,
    /// Its address.
    pub path: String,
    /// What was answered to the offer.
    pub answer: Answer,
    connection: Arc<Connection>,
    candidates: mpsc::UnboundedReceiver<Say>,
}

impl<'a> Session<'a> {
    /// Watches with pictures in a codec, and reports what it sees; sends its candidates later.
    pub async fn watch(server: &'a Server, path: &str, codec: VideoCodec) -> (Self, watch::Receiver<Reception>) {
        let report = watch::Sender::new(Reception::new());
        let seen = report.subscribe();
        let session = Self::open(server, path, true, |say| Connection::watch(codec, report, say)).await;
        (session, seen)
    }

    /// Sends a picture and a sound; its offer has all its candidates, and it sends none later.
    pub async fn publish(server: &'a Server, path: &str, codec: VideoCodec, look: Look) -> Self {
        let picture = Some((codec, Camera::default()));
        Self::open(server, path, false, |say| Connection::publish(look, picture, say)).await
    }

    async fn open(
        server: &'a Server,
        path: &str,
        trickles: bool,
        connect: impl FnOnce(Box<dyn Fn(Say) + Send + Sync>) -> Connection,
    ) -> Self {
        let (say, mut said) = mpsc::unbounded_channel();
        let connection = Arc::new(connect(Box::new(move |word| drop(say.send(word)))));
        let first = tokio::time::timeout(PATIENCE, said.recv()).await.expect("an offer in time");
        let Some(Say::Offer(mut offer)) = first else { panic!("no offer: {first:?}") };
        if !trickles {
            offer = tokio::time::timeout(PATIENCE, connection.complete_offer()).await.expect("candidates in time");
        }
        let answer = post(server, path, &offer).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/sdp");
        connection.answer(&answer.body);
        let path = answer.header("location").to_owned();
        let mut session = Self { server, path, answer, connection, candidates: said };
        if trickles {
            session.trickle().await;
        }
        session.reaches(WebRTCPeerConnectionState::Connected).await;
        session
    }

    /// Sends the first candidate.
    async fn trickle(&mut self) {
        let first = tokio::time::timeout(PATIENCE, self.candidates.recv()).await.expect("a candidate in time");
        let Some(Say::Candidate(candidate)) = first else { panic!("no candidate: {first:?}") };
        let (line, mid) = (candidate["candidate"].as_str().unwrap(), candidate["sdpMid"].as_str().unwrap());
        let fragment = format!("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na={line}\r\na=end-of-candidates\r\n");
        let answer = self.patch(Some(self.answer.header("etag")), &fragment).await;
        assert_eq!((answer.status, answer.header("etag")), (204, ""), "{}", answer.body);
    }

    /// Sends a fragment.
    pub async fn patch(&self, tag: Option<&str>, fragment: &str) -> Answer {
        let mut headers = vec![("content-type", "application/trickle-ice-sdpfrag")];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        ask(self.server, Method::PATCH, &self.path, &headers, fragment).await
    }

    /// Ends it as its protocol has it.
    pub async fn delete(&self) -> Answer {
        ask(self.server, Method::DELETE, &self.path, &[], "").await
    }

    /// Waits until its connection is in a state.
    pub async fn reaches(&self, wanted: WebRTCPeerConnectionState) {
        let mut state = self.connection.state();
        let reached = tokio::time::timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await;
        assert!(reached.is_ok(), "not {wanted:?}: {:?}", *self.connection.state().borrow());
    }
}

/// Waits until what was seen is as `wanted`.
pub async fn sees(seen: &watch::Receiver<Reception>, what: &str, wanted: impl Fn(&Reception) -> bool) -> Reception {
    sees_within(PATIENCE, seen, what, wanted).await
}

/// The same with another limit of time.
pub async fn sees_within(
    patience: Duration,
    seen: &watch::Receiver<Reception>,
    what: &str,
    wanted: impl Fn(&Reception) -> bool,
) -> Reception {
    let mut seen = seen.clone();
    let found = tokio::time::timeout(patience, seen.wait_for(|seen| wanted(seen))).await;
    match found.map(|found| found.map(|seen| seen.clone())) {
        Ok(Ok(seen)) => seen,
        _ => panic!("waited {patience:?} for {what}: {:?}", seen.borrow()),
    }
}
