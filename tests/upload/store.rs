//! A store that speaks as much S3 as an upload needs, and fails as it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// In how many pieces a slow store brings something.
const PIECES: usize = 4;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing does.
    None,
    /// It is answered with 500.
    Error,
    /// It is never answered.
    Silence,
    /// The connection ends in the middle of what is sent.
    Cut,
    /// What is stored differs from what came.
    Corrupt,
    /// Nobody may do that, and the answer quotes what was sent.
    Forbidden,
}

/// What a test knows of the store.
#[derive(Debug, Default)]
struct Inner {
    objects: BTreeMap<String, Bytes>,
    parts: BTreeMap<String, BTreeMap<u32, Bytes>>,
    faults: VecDeque<Fault>,
    always: Option<Fault>,
    /// Whether nothing can be deleted.
    keeps: bool,
    /// How long it takes to give a piece of what is asked for.
    pace: Duration,
}

/// The store. It stands until the test ends.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    /// The requests that came, as `PUT /bucket/…`.
    seen: watch::Sender<Vec<String>>,
}

impl Store {
    /// A store at `address`.
    pub(super) async fn start(address: IpAddr) -> Self {
        let listener = tokio::net::TcpListener::bind((address, 0)).await.unwrap();
        let store = Self {
            address: listener.local_addr().unwrap(),
            inner: Arc::default(),
            seen: watch::Sender::new(Vec::new()),
        };
        let serving = store.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let store = serving.clone();
                let service = service_fn(move |request| {
                    let store = store.clone();
                    async move { store.serve(request).await }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        store
    }

    /// What goes wrong with the next requests that send something.
    pub(super) fn fail(&self, faults: &[Fault]) {
        self.inner.lock().unwrap().faults.extend(faults);
    }

    /// What goes wrong with all of them from now on, if anything does.
    pub(super) fn fail_always(&self, fault: Option<Fault>) {
        self.inner.lock().unwrap().always = fault;
    }

    /// Whether what is stored can be deleted from now on.
    pub(super) fn keep_everything(&self, keeps: bool) {
        self.inner.lock().unwrap().keeps = keeps;
    }

    /// From now on what is asked for comes in pieces, one after each `pace`.
    pub(super) fn slow_down(&self, pace: Duration) {
        self.inner.lock().unwrap().pace = pace;
    }

    /// How many faults have not happened yet.
    pub(super) fn faults_left(&self) -> usize {
        self.inner.lock().unwrap().faults.len()
    }

    /// What is stored, by bucket and key.
    pub(super) fn objects(&self) -> BTreeMap<String, Bytes> {
        self.inner.lock().unwrap().objects.clone()
    }

    /// How many uploads of several parts were neither completed nor dropped.
    pub(super) fn unfinished(&self) -> usize {
        self.inner.lock().unwrap().parts.len()
    }

    /// The requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }

    /// Waits until `wanted` is true of the requests so far.
    pub(super) async fn wait_for(&self, wanted: impl Fn(&[String]) -> bool) {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(super::PATIENCE, seen.wait_for(|seen| wanted(seen))).await;
        waited.unwrap_or_else(|_| panic!("only this came: {:?}", self.seen())).unwrap();
    }

    async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
        let (head, mut body) = request.into_parts();
        let sends = head.method == Method::PUT;
        let fault = {
            let mut inner = self.inner.lock().unwrap();
            let next = if sends { inner.faults.pop_front() } else { None };
            next.or_else(|| inner.always.filter(|_| sends))
        };
        if fault == Some(Fault::Cut) {
            let _ = body.frame().await;
        }
        self.seen.send_modify(|seen| seen.push(format!("{} {}", head.method, head.uri)));
        match fault {
            Some(Fault::Silence) => std::future::pending::<()>().await,
            Some(Fault::Cut) => return Err(std::io::Error::other("cut")),
            _ => {}
        }
        let Ok(body) = body.collect().await else { return Err(std::io::Error::other("the sender left")) };
        match fault {
            Some(Fault::Error) => return Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, "<Error>out of order</Error>")),
            Some(Fault::Forbidden) => {
                let quoted = head.headers["authorization"].to_str().unwrap();
                let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message>";
                return Ok(answer(
                    StatusCode::FORBIDDEN,
                    format!("{xml}<CanonicalRequest>{quoted}</CanonicalRequest></Error>"),
                ));
            }
            _ => {}
        }
        let body = body.to_bytes();
        if sends && !is_intact(&head.headers, &body) {
            return Ok(answer(StatusCode::BAD_REQUEST, "<Error><Code>BadDigest</Code></Error>"));
        }
        let body = if fault == Some(Fault::Corrupt) {
            let mut bytes = body.to_vec();
            bytes[0] ^= 1;
            bytes.into()
        } else {
            body
        };
        Ok(self.keep(&head.method, head.uri.path(), head.uri.query().unwrap_or_default(), body))
    }

    fn keep(&self, method: &Method, path: &str, query: &str, body: Bytes) -> Response<Body> {
        let mut inner = self.inner.lock().unwrap();
        let of = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let key = path.trim_start_matches('/').to_owned();
        match (method, of("uploadId"), of("partNumber")) {
            (&Method::POST, None, _) => {
                let id = format!("u{}", inner.parts.len());
                inner.parts.insert(id.clone(), BTreeMap::new());
                let (bucket, key) = key.split_once('/').unwrap();
                answer(
                    StatusCode::OK,
                    format!(
                        "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key>\
                         <UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                    ),
                )
            }
            (&Method::PUT, Some(id), Some(number)) => {
                let number = number.parse().unwrap();
                inner.parts.get_mut(id).unwrap().insert(number, body);
                answer(StatusCode::OK, "")
            }
            (&Method::POST, Some(id), _) => {
                let parts = inner.parts.remove(id).unwrap();
                let whole: Vec<Bytes> = parts.into_values().collect();
                inner.objects.insert(key, whole.concat().into());
                answer(
                    StatusCode::OK,
                    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>",
                )
            }
            (&Method::DELETE, Some(id), _) => {
                inner.parts.remove(id);
                answer(StatusCode::NO_CONTENT, "")
            }
            (&Method::PUT, ..) => {
                inner.objects.insert(key, body);
                answer(StatusCode::OK, "")
            }
            (&Method::GET | &Method::HEAD, ..) => match inner.objects.get(&key) {
                Some(object) if method == Method::GET => dribble(object.clone(), inner.pace),
                Some(object) => {
                    let mut reply = answer(StatusCode::OK, "");
                    reply.headers_mut().insert("content-length", object.len().into());
                    reply
                }
                None => answer(StatusCode::NOT_FOUND, ""),
            },
            (&Method::DELETE, ..) if inner.keeps => {
                answer(StatusCode::INTERNAL_SERVER_ERROR, "<Error>out of order</Error>")
            }
            (&Method::DELETE, ..) => {
                inner.objects.remove(&key);
                answer(StatusCode::NO_CONTENT, "")
            }
            _ => answer(StatusCode::BAD_REQUEST, "<Error>unknown</Error>"),
        }
    }
}

/// As S3 does: what comes with a checksum is compared with it. Everything has to come with one.
fn is_intact(headers: &HeaderMap, body: &Bytes) -> bool {
    let told = headers.get("x-amz-checksum-sha256").expect("a checksum").as_bytes();
    told == BASE64_STANDARD.encode(Sha256::digest(body)).as_bytes()
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    reply(status, Full::new(body.into()).boxed_unsync())
}

/// An object as a slow network brings it.
fn dribble(object: Bytes, pace: Duration) -> Response<Body> {
    if pace.is_zero() {
        return answer(StatusCode::OK, object);
    }
    let length = object.len();
    let pieces: Vec<Bytes> =
        object.chunks(length.div_ceil(PIECES).max(1)).map(|piece| object.slice_ref(piece)).collect();
    let pieces = futures_util::stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pace).await;
        Ok(Frame::data(piece))
    });
    let mut reply = reply(StatusCode::OK, StreamBody::new(pieces).boxed_unsync());
    reply.headers_mut().insert("content-length", length.into());
    reply
}

fn reply(status: StatusCode, body: Body) -> Response<Body> {
    let reply = Response::builder().status(status).header("etag", "\"e\"");
    reply.header("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT").body(body).unwrap()
}
