//! Connections that elements make by GIO, as `rtmp2sink` does: where they may go, whom they trust, and how long the other
//! side may take nothing.
//!
//! Such elements look a name up themselves, and give nobody their sockets. But GIO tells of each step of each connection by
//! the signal `event` of `GSocketClient`, and signals can be watched for all objects of a class. So what was looked up is
//! checked at the moment in which it is dialled, and nothing can be changed in between.
//!
//! Threads: the hook runs in the thread that connects. Invariant: once [`keep_to`] was called, no socket is dialled that
//! the rules do not allow.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use gio::prelude::*;
use glib::subclass::SignalId;
use glib::translate::IntoGlib;

/// Whether a host of this name may be dialled at this address.
pub type Allows = Box<dyn Fn(&str, IpAddr) -> bool + Send + Sync>;

/// What connections must keep to.
pub struct Rules {
    /// Who may be dialled.
    pub allows: Allows,
    /// A file of certificates, as PEM, that are trusted beside those of the system.
    pub authorities: Option<PathBuf>,
    /// How long what was sent may wait to be taken. Without it the system keeps megabytes for minutes.
    pub patience: Duration,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("authorities", &self.authorities)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The certificates cannot be used.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// GIO does not tell of connections.
    #[error("this GIO does not tell of connections, so that they could be watched")]
    Silent,
}

static RULES: OnceLock<Rules> = OnceLock::new();

/// What TLS certificates of servers are for: RFC 5280, section 4.2.1.12.
const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// Makes all connections of this process keep to `rules`, from now on; the first call counts.
///
/// # Errors
/// When the certificates cannot be read.
pub fn keep_to(rules: Rules) -> Result<(), DialError> {
    if let Some(path) = &rules.authorities {
        let reason = match gio::TlsFileDatabase::new(path).map(|_| gio::TlsCertificate::list_new_from_file(path)) {
            Ok(Ok(all)) if !all.is_empty() => None,
            Ok(Ok(_)) => Some("there are none".to_owned()),
            Ok(Err(error)) | Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            return Err(DialError::Authorities { path: path.clone(), reason });
        }
    }
    // The class has its signals once there was an object.
    drop(gio::SocketClient::new());
    let signal = SignalId::lookup("event", gio::SocketClient::static_type()).ok_or(DialError::Silent)?;
    if RULES.set(rules).is_ok() {
        watch(signal);
    }
    Ok(())
}

#[allow(unsafe_code, reason = "glib has hooks on emissions, but no safe way to them")]
fn watch(signal: SignalId) {
    unsafe extern "C" fn hook(
        _: *mut glib::gobject_ffi::GSignalInvocationHint,
        count: std::ffi::c_uint,
        values: *const glib::gobject_ffi::GValue,
        _: glib::ffi::gpointer,
    ) -> glib::ffi::gboolean {
        // SAFETY: GLib hands over `count` values that live until this returns; `Value` is `GValue`.
        let values = unsafe { std::slice::from_raw_parts(values.cast::<glib::Value>(), count as usize) };
        if let Some(rules) = RULES.get() {
            rules.see(values);
        }
        // It stays.
        glib::ffi::GTRUE
    }
    // SAFETY: the signal exists, the hook is a function without data, and lives as long as the process.
    unsafe {
        glib::gobject_ffi::g_signal_add_emission_hook(signal.into_glib(), 0, Some(hook), std::ptr::null_mut(), None);
    }
}

impl Rules {
    /// Sees a step of a connection: the client, the step, whither, and by what. Nothing here may panic: C calls it.
    fn see(&self, values: &[glib::Value]) {
        let [_, step, whither, stream] = values else { return };
        let (Ok(step), Ok(Some(stream))) = (step.get(), stream.get::<Option<gio::IOStream>>()) else { return };
        match step {
            gio::SocketClientEvent::Connecting => {
                if let Some(connection) = stream.downcast_ref::<gio::SocketConnection>() {
                    self.dials(&host(whither), connection);
                }
            }
            gio::SocketClientEvent::TlsHandshaking => {
                if let Some(connection) = stream.downcast_ref::<gio::TlsConnection>() {
                    self.trusts(connection);
                }
            }
            _ => {}
        }
    }

    fn dials(&self, host: &str, connection: &gio::SocketConnection) {
        let socket = connection.socket();
        let address = connection.remote_address().ok().and_downcast::<gio::InetSocketAddress>();
        // What is none is no address of the network.
        let address = address.map(|address| SocketAddr::from(address).ip());
        if !address.is_some_and(|address| (self.allows)(host, address)) {
            tracing::warn!(host, ?address, "an output is kept from an address that is not allowed");
            if let Err(error) = socket.close() {
                tracing::error!(%error, host, "a socket cannot be closed");
            }
            return;
        }
        let milliseconds = u32::try_from(self.patience.as_millis()).unwrap_or(u32::MAX);
        // RFC 5482: it holds as well for a window of zero, of a receiver that has stopped reading.
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&socket, milliseconds) {
            tracing::warn!(%error, host, "an output that gets stuck is noticed late");
        }
    }

    /// Lets it accept what the further authorities vouch for. Those of the system come first.
    fn trusts(&self, connection: &gio::TlsConnection) {
        let Some(path) = self.authorities.clone() else { return };
        connection.connect_accept_certificate(move |connection, certificate, errors| {
            let client = connection.downcast_ref::<gio::TlsClientConnection>();
            if errors != gio::TlsCertificateFlags::UNKNOWN_CA {
                return false;
            }
            let verified = gio::TlsFileDatabase::new(&path).and_then(|authorities| {
                authorities.verify_chain(
                    certificate,
                    SERVER,
                    client.and_then(TlsClientConnectionExt::server_identity).as_ref(),
                    gio::TlsInteraction::NONE,
                    gio::TlsDatabaseVerifyFlags::NONE,
                    gio::Cancellable::NONE,
                )
            });
            match verified {
                Ok(errors) => errors.is_empty(),
                Err(error) => {
                    tracing::error!(%error, path = %path.display(), "the further certificates cannot be used");
                    false
                }
            }
        });
    }
}

fn host(whither: &glib::Value) -> String {
    let whither = whither.get::<Option<gio::SocketConnectable>>().ok().flatten();
    let named = whither.and_downcast::<gio::NetworkAddress>();
    named.map(|address| address.hostname().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn nothing_is_dialled_that_is_not_allowed() {
        let other: IpAddr = [127, 0, 0, 2].into();
        let allows = Box::new(move |host: &str, address| address != other && host != "::1");
        keep_to(Rules { allows, authorities: None, patience: Duration::from_secs(7) }).unwrap();
        let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = everywhere.local_addr().unwrap().port();
        let dial = |host: &str| gio::SocketClient::new().connect_to_host(host, port, gio::Cancellable::NONE);
        assert!(dial("127.0.0.2").is_err());
        everywhere.set_nonblocking(true).unwrap();
        assert!(everywhere.accept().is_err(), "nobody has come");
        let connection = dial("127.0.0.1").unwrap();
        let patience = rustix::net::sockopt::tcp_user_timeout(connection.socket()).unwrap();
        assert_eq!(patience, 7000);
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rules = |path: &std::path::Path| Rules {
            allows: Box::new(|_, _| true),
            authorities: Some(path.to_owned()),
            patience: Duration::from_secs(7),
        };
        for path in [file.path(), std::path::Path::new("/nowhere")] {
            assert!(matches!(keep_to(rules(path)), Err(DialError::Authorities { .. })));
        }
    }
}
