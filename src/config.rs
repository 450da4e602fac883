//! What an operator may set, and nothing else: unknown keys are errors.
//!
//! Later wins: built-in defaults, the TOML file of `--config`, `PLENUM_*` environment variables (`PLENUM_ICE__PORT_MIN`
//! sets `ice.port_min`), flags. `plenum.example.toml` is the commented reference; a test keeps it equal to the defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

mod encoder;
mod hls;
mod ice;
mod keys;
mod metrics;
mod outputs;
mod secret;
mod upload;

pub use encoder::Encoder;
pub use hls::Hls;
pub use ice::{Ice, Turn};
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
    /// Whether everybody may do everything although others than this machine can come.
    pub open: bool,
    /// Secrets that sign tokens, by their names; without any, everybody may do everything.
    pub keys: BTreeMap<String, Secret>,
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
            open: false,
            keys: BTreeMap::new(),
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
            ice: Ice::default(),
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
    /// `--open`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
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
    /// A key cannot be used.
    #[error("configuration: keys.{name} is {value}: {remedy}")]
    Key {
        /// Its name.
        name: String,
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
        let environment = Env::prefixed("PLENUM_").ignore(&["config"]).filter(|key| !keys::is_one(key.as_str()));
        figment = figment.merge(environment.split("__"));
        for key in ["upload.access_key_id", "upload.secret_access_key", "ice.turn_secret"] {
            // As it is: one of digits alone is no number.
            if let Ok(text) = std::env::var(format!("PLENUM_{}", key.to_uppercase().replace('.', "__"))) {
                figment = figment.merge(Serialized::default(key, text));
            }
        }
        for (name, secret) in keys::of_environment() {
            figment = figment.merge(("keys", BTreeMap::from([(name, secret)])));
        }
        let config: Self = figment.merge(Serialized::defaults(overrides)).extract().map_err(Box::new)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: String, remedy| Err(ConfigError::Value { key, value, remedy });
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
        keys::check(&self.keys, self.open)?;
        self.ice.check()?;
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
            ("[ice]\nturn_urls = [\"turn:example.org\"]", "turn_secret"),
            ("[ice]\nturn_secret = 7300", "quotes"),
            ("[keys]\napp = \"7300\"", "32 characters"),
            ("[keys]\napp = 7300", "quotes"),
            ("[keys]\n\"a b\" = \"a secret of 32 characters or more\"", "letters"),
            ("open = true\n[keys]\napp = \"a secret of 32 characters or more\"", "take one of the two out"),
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
