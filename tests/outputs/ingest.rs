//! A server of WHIP made by hand: it hears what it is asked, and answers what a test wants, or what another server says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use plenum::config::VideoCodec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::DEADLINE;

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    head: String,
    pub(crate) body: String,
}

impl Asked {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let is = |line: &&str| line.split(':').next().is_some_and(|known| known.eq_ignore_ascii_case(name));
        self.head.lines().find(is).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    }
}

/// What a server says; nothing at all, for one that never does.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// Status, further headers, body.
    This(u16, String, String),
    /// It waits.
    Nothing,
}

impl Say {
    pub(crate) fn this(status: u16, headers: &str, body: &str) -> Self {
        Self::This(status, headers.to_owned(), body.to_owned())
    }

    /// Elsewhere.
    pub(crate) fn moved(to: &str) -> Self {
        Self::This(307, format!("location: {to}\r\n"), String::new())
    }
}

/// The server, which ends with the runtime that it was made in.
pub(crate) struct Ingest {
    pub(crate) at: SocketAddr,
    asked: watch::Receiver<Vec<Asked>>,
}

impl Ingest {
    /// One that answers by itself.
    pub(crate) async fn start(address: IpAddr, answer: impl Fn(&Asked) -> Say + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::serve(address, move |asked| {
            let answer = Arc::clone(&answer);
            async move { answer(&asked) }
        })
        .await
    }

    /// One in front of another, whose answers to offers are changed on their way. Sessions are at `/session` here.
    pub(crate) async fn before(target: String, change: impl Fn(String) -> String + Send + Sync + 'static) -> Self {
        let address = target.split("//").nth(1).unwrap().split([':', '/']).next().unwrap().parse().unwrap();
        let (change, session) = (Arc::new(change), Arc::new(std::sync::Mutex::new(String::new())));
        Self::serve(address, move |asked| {
            let (change, session, target) = (Arc::clone(&change), Arc::clone(&session), target.clone());
            async move {
                let http = reqwest::Client::new();
                if asked.method == "DELETE" {
                    let url = session.lock().unwrap().clone();
                    let status = http.delete(url).send().await.unwrap().status().as_u16();
                    return Say::this(status, "", "");
                }
                let offer = http.post(&target).header("content-type", "application/sdp").body(asked.body);
                let answer = offer.send().await.unwrap();
                let status = answer.status().as_u16();
                let location = answer.headers().get("location").map_or("", |location| location.to_str().unwrap());
                *session.lock().unwrap() = answer.url().join(location).unwrap().to_string();
                Say::this(status, "location: /session?key=s3cret-session\r\n", &change(answer.text().await.unwrap()))
            }
        })
        .await
    }

    async fn serve<A>(address: IpAddr, answer: impl Fn(Asked) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = Say> + Send + 'static,
    {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let (say, asked) = watch::channel(Vec::new());
        let (say, answer) = (Arc::new(say), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (say, answer) = (Arc::clone(&say), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    // Whoever does not send a whole request is none of ours.
                    let Some(asked) = read(&mut stream).await else { return };
                    say.send_modify(|all| all.push(asked.clone()));
                    match answer(asked).await {
                        Say::Nothing => std::future::pending().await,
                        Say::This(status, headers, body) => {
                            let length = body.len();
                            let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n");
                            let whole = format!("{head}connection: close\r\n\r\n{body}");
                            let _ = stream.write_all(whole.as_bytes()).await;
                            let _ = stream.shutdown().await;
                        }
                    }
                });
            }
        });
        Self { at, asked }
    }

    /// Its address for a stream.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits until it is asked by a method, for the first time.
    pub(crate) async fn is_asked(&self, method: &str) -> Asked {
        let mut asked = self.asked.clone();
        let is = |all: &Vec<Asked>| all.iter().any(|asked| asked.method == method);
        let all = tokio::time::timeout(DEADLINE, asked.wait_for(is)).await;
        let all = all.unwrap_or_else(|_| panic!("no {method}: {:?}", self.asked())).unwrap();
        all.iter().find(|asked| asked.method == method).unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut words = head.split(' ');
            let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
            let asked = Asked { method, path, head: head.to_owned(), body: body.to_owned() };
            if body.len() >= asked.header("content-length").parse().unwrap_or(0) {
                return Some(asked);
            }
        }
        if stream.read_buf(&mut all).await.ok()? == 0 {
            return None;
        }
    }
}

/// How the configuration of a server begins that takes the H.264 of mixes.
pub(crate) const TAKES_H264: &str = "[rooms]\nvideo_codec = \"h264\"\n";
/// In which codec such a server is watched.
pub(crate) const H264: VideoCodec = VideoCodec::H264;
