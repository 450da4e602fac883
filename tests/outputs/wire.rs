//! A relay of TCP in front of a server: it can stop reading, as servers do that are stuck, and speak TLS.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A relay, which ends with the runtime that it was made in.
pub(crate) struct Wire {
    pub(crate) port: u16,
    reads: watch::Sender<bool>,
}

impl Wire {
    /// In front of what listens at `target`.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        Self::open(target, None).await
    }

    /// The same, behind which no TLS is needed.
    pub(crate) async fn of_tls(target: SocketAddr, config: ServerConfig) -> Self {
        Self::open(target, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn open(target: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((target.ip(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let reads = watch::Sender::new(true);
        let may_read = reads.subscribe();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, may_read) = (tls.clone(), may_read.clone());
                tokio::spawn(async move {
                    match tls {
                        None => carry(stream, target, may_read).await,
                        // Whoever does not trust us goes.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                carry(stream, target, may_read).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, reads }
    }

    /// From now on nothing is read of what comes, by those who are there or who come.
    pub(crate) fn stop_reading(&self) {
        self.reads.send_replace(false);
    }

    /// Where it is, for a stream called `key`.
    pub(crate) fn url(&self, scheme: &str, address: IpAddr) -> String {
        format!("{scheme}://{address}:{}/live/key", self.port)
    }
}

async fn carry(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    target: SocketAddr,
    mut may_read: watch::Receiver<bool>,
) {
    let (mut from, mut back) = tokio::io::split(stream);
    if may_read.wait_for(|reads| *reads).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut answers, mut to) = server.into_split();
    let answering = async {
        let _ = tokio::io::copy(&mut answers, &mut back).await;
    };
    let asking = async {
        let mut part = vec![0; 16 * 1024];
        while may_read.wait_for(|reads| *reads).await.is_ok() {
            match from.read(&mut part).await {
                Ok(size) if size > 0 && to.write_all(&part[..size]).await.is_ok() => {}
                _ => return,
            }
        }
    };
    tokio::select! {
        () = answering => {}
        () = asking => {}
    }
}
