//! Where a mix is pushed to: an address, checked before anything is opened, and never shown with its secrets. Pure.

use std::fmt;

use url::Url;

/// An address that a mix can be pushed to.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// The whole address, secrets included.
    url: Url,
    route: Route,
}

/// How it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// RTMP, or RTMP over TLS: the whole address says how.
    Rtmp,
    /// SRT.
    Srt(Srt),
}

/// What SRT needs to know.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Srt {
    /// The address without what follows.
    pub(super) uri: String,
    /// Whether receivers come here, instead of being called.
    pub(super) listens: bool,
    pub(super) stream_id: Option<String>,
    pub(super) passphrase: Option<String>,
    /// The length of the key, in bytes.
    pub(super) key_bytes: i32,
    /// How long what is lost is waited for, in milliseconds.
    pub(super) latency_ms: i32,
}

impl fmt::Debug for Srt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srt").field("uri", &self.uri).field("listens", &self.listens).finish_non_exhaustive()
    }
}

/// Why an address is none to push to. Never says it: it may hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// It cannot be read.
    #[error("url cannot be read ({0}): use rtmp://host/app/key, rtmps://host/app/key or srt://host:port")]
    Unreadable(String),
    /// Another protocol.
    #[error("url begins with {0:?}: use rtmp, rtmps or srt")]
    Scheme(String),
    /// Something is missing.
    #[error("url has no {0}")]
    Lacks(&'static str),
    /// A setting behind the question mark is unknown, or has no fit value.
    #[error("url sets {name:?} wrongly: {remedy}")]
    Setting {
        /// Which.
        name: String,
        /// What would do.
        remedy: &'static str,
    },
}

/// The longest address.
const LONGEST: usize = 2048;
/// What SRT allows of passphrases.
const PASSPHRASE: std::ops::RangeInclusive<usize> = 10..=79;
const LATENCY_MS: std::ops::RangeInclusive<i32> = 20..=8000;

impl Destination {
    /// Checks an address.
    ///
    /// # Errors
    /// When nothing can be pushed there.
    pub fn parse(text: &str) -> Result<Self, BadDestination> {
        if text.len() > LONGEST {
            return Err(BadDestination::Unreadable("it is too long".into()));
        }
        let url = Url::parse(text.trim()).map_err(|error| BadDestination::Unreadable(error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BadDestination::Lacks("host"));
        }
        let route = match url.scheme() {
            "rtmp" | "rtmps" => rtmp(&url)?,
            "srt" => Route::Srt(srt(&url)?),
            other => return Err(BadDestination::Scheme(other.to_owned())),
        };
        Ok(Self { url, route })
    }

    /// How it is reached.
    pub(super) fn route(&self) -> &Route {
        &self.route
    }

    /// All of it, for the element that connects.
    pub(super) fn secret(&self) -> &str {
        self.url.as_str()
    }

    /// `rtmp`, `rtmps` or `srt`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }
}

/// Without what is secret: name, password, key, settings.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        match self.route {
            Route::Rtmp => write!(f, "/{}/…", self.url.path().split('/').nth(1).unwrap_or_default()),
            Route::Srt(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}

fn rtmp(url: &Url) -> Result<Route, BadDestination> {
    let mut path = url.path().trim_start_matches('/').splitn(2, '/');
    match (path.next().unwrap_or_default(), path.next().unwrap_or_default()) {
        ("", _) => Err(BadDestination::Lacks("application: write rtmp://host/app/key")),
        (_, "") => Err(BadDestination::Lacks("key: write rtmp://host/app/key")),
        _ => Ok(Route::Rtmp),
    }
}

fn srt(url: &Url) -> Result<Srt, BadDestination> {
    let port = url.port().ok_or(BadDestination::Lacks("port: write srt://host:port"))?;
    let host = url.host_str().unwrap_or_default();
    let mut srt = Srt {
        uri: format!("srt://{host}:{port}"),
        listens: false,
        stream_id: None,
        passphrase: None,
        key_bytes: 16,
        latency_ms: 120,
    };
    for (name, value) in url.query_pairs() {
        let wrong = |remedy| BadDestination::Setting { name: name.chars().take(32).collect(), remedy };
        match &*name {
            "mode" => {
                srt.listens = match &*value {
                    "caller" => false,
                    "listener" => true,
                    _ => return Err(wrong("mode is caller or listener")),
                }
            }
            "streamid" if value.len() <= 512 => srt.stream_id = Some(value.into_owned()),
            "streamid" => return Err(wrong("a stream id has at most 512 bytes")),
            "passphrase" if PASSPHRASE.contains(&value.len()) => srt.passphrase = Some(value.into_owned()),
            "passphrase" => return Err(wrong("a passphrase has 10 to 79 characters")),
            "pbkeylen" => {
                let bytes = value.parse().ok().filter(|bytes| [16, 24, 32].contains(bytes));
                srt.key_bytes = bytes.ok_or_else(|| wrong("pbkeylen is 16, 24 or 32"))?;
            }
            "latency" => {
                let ms = value.parse().ok().filter(|ms| LATENCY_MS.contains(ms));
                srt.latency_ms = ms.ok_or_else(|| wrong("latency is 20 to 8000 milliseconds"))?;
            }
            _ => return Err(wrong("there are mode, streamid, passphrase, pbkeylen and latency")),
        }
    }
    Ok(srt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_pushed_to_is_taken_and_shown_without_its_secrets() {
        for (text, shown) in [
            ("rtmp://live.example.org/app/s3cret?token=s3cret", "rtmp://live.example.org/app/…"),
            ("rtmps://me:s3cret@live.example.org:4443/app/a/s3cret", "rtmps://live.example.org:4443/app/…"),
            ("srt://[::1]:7001?streamid=s3cret&passphrase=s3cret-s3cret&pbkeylen=32&latency=200", "srt://[::1]:7001"),
            ("srt://0.0.0.0:7001?mode=listener", "srt://0.0.0.0:7001"),
        ] {
            let destination = Destination::parse(text).unwrap();
            assert_eq!(destination.to_string(), shown);
            assert!(!format!("{destination:?} {:?}", destination.route()).contains("s3cret"));
        }
    }

    #[test]
    fn what_cannot_is_refused_with_what_would_do_and_without_its_secrets() {
        for (text, said) in [
            ("", "cannot be read"),
            ("live.example.org/app/s3cret", "cannot be read"),
            ("http://live.example.org/app/s3cret", "use rtmp, rtmps or srt"),
            ("file:///etc/passwd", "no host"),
            ("rtmp://live.example.org", "no application"),
            ("rtmp://live.example.org/app", "no key"),
            ("rtmp://live.example.org/app/", "no key"),
            ("srt://live.example.org", "no port"),
            ("srt://live.example.org:1?mode=rendezvous", "caller or listener"),
            ("srt://live.example.org:1?passphrase=s3cret", "10 to 79"),
            ("srt://live.example.org:1?latency=1e9", "20 to 8000"),
            ("srt://live.example.org:1?pbkeylen=17", "16, 24 or 32"),
            ("srt://live.example.org:1?bind=s3cret", "streamid, passphrase"),
        ] {
            let error = Destination::parse(text).expect_err(text).to_string();
            assert!(error.contains(said) && !error.contains("s3cret"), "{text}: {error}");
        }
        let long = format!("rtmp://live.example.org/app/{}", "k".repeat(3000));
        assert!(Destination::parse(&long).is_err());
    }
}
