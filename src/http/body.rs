//! The body of a request: of a bounded size, within a bounded time, with or without its length said before.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyExt;
use hyper::body::Body;
use warp::Filter;
use warp::reject::{Reject, Rejection};

/// No request of ours comes near it.
pub(super) const MAX: usize = 64 * 1024;
/// So much of a larger one is read and thrown away: who is answered while still sending does not read the answer, since the
/// connection is closed under them.
const HEARD_OUT: usize = 16 * MAX;
/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body is larger than [`MAX`].
#[derive(Debug)]
pub(super) struct TooLarge;

/// The body did not come, or not in time.
#[derive(Debug)]
pub(super) struct Broken;

impl Reject for TooLarge {}
impl Reject for Broken {}

/// The whole body.
pub(super) fn limited() -> impl Filter<Extract = (Bytes,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::body::stream().and_then(|parts| async move {
        let whole = tokio::time::timeout(PATIENCE, collect(parts)).await;
        whole.unwrap_or_else(|_| Err(warp::reject::custom(Broken)))
    })
}

/// Reads a body that nobody wants, as far as whoever sends it may need that to hear the answer.
pub async fn hear_out(mut body: impl Body<Data: Buf> + Unpin) {
    let heard = async {
        let mut length = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.data_ref().map_or(0, Buf::remaining));
            if length > HEARD_OUT {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, heard).await;
}

async fn collect(parts: impl Stream<Item = Result<impl Buf, warp::Error>>) -> Result<Bytes, Rejection> {
    let mut parts = std::pin::pin!(parts);
    let mut whole = BytesMut::new();
    let mut length = 0_usize;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| warp::reject::custom(Broken))?;
        length = length.saturating_add(part.remaining());
        if length > HEARD_OUT {
            break;
        }
        if length <= MAX {
            whole.put(part);
        }
    }
    if length > MAX { Err(warp::reject::custom(TooLarge)) } else { Ok(whole.freeze()) }
}
