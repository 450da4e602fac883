//! What an operator may set, and nothing else: unknown keys are errors.
//!
//! Later wins: built-in defaults, the TOML file of `--config`, `PLENUM_*` environment variables (`PLENUM_ICE__PORT_MIN`
//! sets `ice.port_min`), flags. `plenum.example.toml` is the commented reference; a test keeps it equal to the defaults.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

mod encoder;
mod hls;
mod metrics;
mod outputs;
mod secret;
mod upload;

pub use encoder::Encoder;
pub use hls::Hls;
pub use metrics::Metrics;
pub use outputs::{BadPlace, Outputs, Place};
pub use secret::Secret;
pub use upload::Upload;

/// Everything an operator may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where page, API and signaling are served.
    pub listen: SocketAddr,
    /// Pages of other origins that may connect, as `https://host:port`; `*` for every page.
    pub origins: Vec<String>,
    /// The folder that holds recordings; made when missing.
    pub recordings: PathBuf,
    /// A folder whose files replace those of the same name in the built-in `pipelines/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<PathBuf>,
    /// Rooms and who may be in them.
    pub rooms: Rooms,
    /// Who watches mixes by WHEP.
    pub viewers: Viewers,
    /// How media finds its way.
    pub ice: Ice,
    /// The picture and sound that recordings hold.
    pub mix: Mix,
    /// How mixes are served by HLS.
    pub hls: Hls,
    /// How recordings begin.
    pub recording: Recording,
    /// How much space recordings leave on the disk.
    pub disk: Disk,
    /// Where finished recordings go.
    pub upload: Upload,
    /// Where outputs may go.
    pub outputs: Outputs,
    /// Where metrics are served.
    pub metrics: Metrics,
    /// What is written to standard error.
    pub log: Log,
}

/// Rooms and who may be in them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rooms {
    /// The most rooms at a time.
    pub max_rooms: usize,
    /// The most participants in a room.
    pub max_participants: usize,
    /// The video codec of every room: fixed, so that an answer never waits for a publisher.
    pub video_codec: VideoCodec,
    /// Seconds without a packet after which an endpoint counts as dead.
    pub silence_seconds: u64,
    /// How long a missing packet of a publisher's sound is waited for, in milliseconds: it may only be late. Packets in
    /// order never wait.
    pub jitter_milliseconds: u32,
    /// How long a missing packet of a publisher's picture is waited for, in milliseconds: it is asked for again, which takes
    /// a round trip, and without it nothing is to be seen until the next keyframe.
    pub repair_milliseconds: u32,
    /// How long the place of somebody who lost the connection is kept, in seconds; 0 gives it up at once.
    pub reconnect_seconds: u64,
}

/// Who watches mixes by WHEP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Viewers {
    /// The most viewers of one mix.
    pub max_per_mix: usize,
    /// The most viewers of all mixes together.
    pub max: usize,
}

/// The video codecs that a room may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// VP8: every browser has it.
    Vp8,
    /// H.264.
    H264,
}

/// How media finds its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ice {
    /// The local addresses to offer; empty for all of them.
    pub addresses: Vec<IpAddr>,
    /// The lowest UDP port for media; 0 lets the system choose.
    pub port_min: u16,
    /// The highest UDP port for media.
    pub port_max: u16,
    /// Whether to offer candidates over TCP too.
    pub tcp: bool,
    /// STUN servers as `stun:host:port`; the first serves the server itself, all go to the page.
    pub stun: Vec<String>,
    /// TURN servers, for the server and for the page.
    pub turn: Vec<Turn>,
}

/// One TURN server.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// `turn:host:port`, with `?transport=udp` or `tcp` if wanted; `turns:` for TLS.
    pub url: String,
    /// The name to log in with.
    pub username: String,
    /// The password to log in with.
    pub credential: String,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("url", &self.url).field("username", &self.username).finish_non_exhaustive()
    }
}

/// The picture and sound that recordings hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
    /// Video bitrate in kilobits per second.
    pub video_kbps: u32,
    /// Audio bitrate in kilobits per second.
    pub audio_kbps: u32,
    /// What encodes it in H.264.
    pub encoder: Encoder,
    /// The folder with the images that a style may name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assets: Option<PathBuf>,
}

/// How recordings begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// How long before it was asked for a recording begins, in seconds; 0 keeps nothing of what nobody records.
    pub pre_roll_seconds: u64,
    /// Whether that is so of the mix too, which then always runs.
    pub pre_roll_mix: bool,
}

/// How much space recordings leave on the disk, in megabytes of 1 000 000 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Below this, a recording that begins warns in the log.
    pub warn_mb: u64,
    /// Below this, no recording begins.
    pub refuse_mb: u64,
    /// Below this, recordings are ended, and no file is written anew.
    pub stop_mb: u64,
    /// Below this, the oldest recordings are deleted; 0 deletes none.
    pub make_room_mb: u64,
    /// How many days after their end recordings are deleted; 0 keeps them.
    pub keep_days: u64,
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A filter such as `info` or `plenum=debug,warn`. What GStreamer says has targets such as `gstreamer::webrtcbin`.
    pub filter: String,
    /// What GStreamer is to say, as in `GST_DEBUG`, which wins.
    pub gstreamer: String,
    /// Whether each line is a JSON object.
    pub json: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            origins: Vec::new(),
            recordings: PathBuf::from("recordings"),
            pipelines: None,
            rooms: Rooms {
                max_rooms: 1000,
                max_participants: 100,
                video_codec: VideoCodec::Vp8,
                silence_seconds: 10,
                jitter_milliseconds: 80,
                repair_milliseconds: 200,
                reconnect_seconds: 20,
            },
            viewers: Viewers { max_per_mix: 200, max: 1000 },
            ice: Ice {
                addresses: Vec::new(),
                port_min: 0,
                port_max: 0,
                tcp: false,
                stun: Vec::new(),
                turn: Vec::new(),
            },
            mix: Mix {
                width: 1280,
                height: 720,
                fps: 30,
                video_kbps: 3000,
                audio_kbps: 128,
                encoder: Encoder::Auto,
                assets: None,
            },
            hls: Hls::default(),
            recording: Recording { pre_roll_seconds: 0, pre_roll_mix: true },
            disk: Disk { warn_mb: 5_000, refuse_mb: 2_000, stop_mb: 500, make_room_mb: 0, keep_days: 0 },
            upload: Upload::default(),
            outputs: Outputs::default(),
            metrics: Metrics::default(),
            log: Log { filter: "info".into(), gstreamer: "1,GST_PIPELINE:0".into(), json: false },
        }
    }
}

/// What flags on the command line set; `None` leaves what file and environment say.
#[derive(Debug, Default, Serialize)]
pub struct Overrides {
    /// `--listen`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `--recordings`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<PathBuf>,
    /// `--pipelines`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, has the wrong type, or the file cannot be read.
    #[error("configuration: {0}")]
    Read(#[from] Box<figment::Error>),
    /// A value is out of its range.
    #[error("configuration: {key} is {value}: {remedy}")]
    Value {
        /// The key, dotted.
        key: &'static str,
        /// What it was.
        value: String,
        /// What would do.
        remedy: &'static str,
    },
}

impl Config {
    /// Reads the configuration from `file` if given, the environment and `overrides`, and checks it.
    ///
    /// # Errors
    /// When a key is unknown, a value has the wrong type or is out of its range, or the file cannot be read.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("PLENUM_").ignore(&["config"]).split("__"));
        for key in ["upload.access_key_id", "upload.secret_access_key"] {
            // As it is: one of digits alone is no number.
            if let Ok(text) = std::env::var(format!("PLENUM_{}", key.to_uppercase().replace('.', "__"))) {
                figment = figment.merge(Serialized::default(key, text));
            }
        }
        let config: Self = figment.merge(Serialized::defaults(overrides)).extract().map_err(Box::new)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: String, remedy| Err(ConfigError::Value { key, value, remedy });
        if (self.ice.port_min == 0) != (self.ice.port_max == 0) || self.ice.port_min > self.ice.port_max {
            let range = format!("{}..{}", self.ice.port_min, self.ice.port_max);
            return wrong("ice.port_min and ice.port_max", range, "set both, the lower one first, or both to 0");
        }
        for (key, value) in [("mix.width", self.mix.width), ("mix.height", self.mix.height)] {
            if value % 2 != 0 || !(64..=3840).contains(&value) {
                return wrong(key, value.to_string(), "use an even number from 64 to 3840");
            }
        }
        if !(1..=60).contains(&self.mix.fps) {
            return wrong("mix.fps", self.mix.fps.to_string(), "use 1 to 60");
        }
        if let Some(folder) = self.mix.assets.as_ref().filter(|folder| !folder.is_dir()) {
            return wrong("mix.assets", folder.display().to_string(), "name a folder that exists, or leave it out");
        }
        if self.recording.pre_roll_seconds > 60 {
            let seconds = self.recording.pre_roll_seconds.to_string();
            return wrong("recording.pre_roll_seconds", seconds, "use 0 to 60");
        }
        let Disk { warn_mb, refuse_mb, stop_mb, .. } = self.disk;
        if warn_mb < refuse_mb || refuse_mb < stop_mb {
            let bounds = format!("{warn_mb}, {refuse_mb}, {stop_mb}");
            return wrong("disk.warn_mb, refuse_mb and stop_mb", bounds, "let none be less than the next");
        }
        if self.rooms.silence_seconds < 2 {
            return wrong("rooms.silence_seconds", self.rooms.silence_seconds.to_string(), "use 2 or more");
        }
        for url in &self.ice.stun {
            if !url.starts_with("stun:") {
                return wrong("ice.stun", url.clone(), "write it as stun:host:port");
            }
        }
        for turn in &self.ice.turn {
            if !turn.url.starts_with("turn:") && !turn.url.starts_with("turns:") {
                return wrong("ice.turn.url", turn.url.clone(), "write it as turn:host:port or turns:host:port");
            }
        }
        self.hls.check()?;
        self.outputs.check()?;
        self.upload.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_the_default() {
        let text = include_str!("../plenum.example.toml");
        let example: Config = toml::from_str(text).expect("the example parses");
        assert_eq!(example, Config::default());
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plenum.toml");
        for (text, expected) in [
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("[mix]\nwidth = 641", "even"),
            ("[mix]\nassets = \"/nowhere at all\"", "mix.assets"),
            ("[ice]\nport_min = 5000", "both"),
            ("[recording]\npre_roll_seconds = 61", "0 to 60"),
            ("[mix]\nencoder = \"h264\"", "openh264"),
            ("[hls]\nsegment_seconds = 0", "1 to 10"),
            ("[hls]\npart_seconds = 3", "segment_seconds"),
            ("[hls]\nretention_seconds = 15", "8 times"),
            ("[disk]\nstop_mb = 5000", "none be less"),
            ("[ice]\nstun = [\"example.org\"]", "stun:host:port"),
            ("[outputs]\nallow = [\"rtmp://a\"]", "is no place"),
            ("[outputs]\nlisten_port_min = 0", "both"),
            ("[upload]\nurl = \"bucket\"", "s3://bucket/prefix"),
            ("[upload]\nsecret_access_key = 7300", "quotes"),
        ] {
            std::fs::write(&file, text).expect("written");
            let error = Config::load(Some(&file), Overrides::default()).expect_err(text).to_string();
            assert!(error.contains(expected) && !error.contains("7300"), "{error}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plenum.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\n[rooms]\nmax_rooms = 7").expect("written");
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 2)));
        let config = Config::load(Some(&file), Overrides { listen, ..Overrides::default() }).expect("valid");
        assert_eq!((config.listen.port(), config.rooms.max_rooms), (2, 7));
    }
}
