//! Many tracks become one picture and one sound.
//!
//! ```text
//! decoder ─ link ─┐                    ┌ encoder ─ outlet
//! decoder ─ link ─┤ compositor ─ tee ──┴ encoder ─ outlet
//!  tiles, for ever ┘
//! ```
//!
//! Who is where is a [layout](layout::Layout)'s decision. Whoever it hides is not decoded.
//!
//! The sound alike. There is an encoder for each codec that somebody wants, and pictures are decoded only while somebody wants
//! any. A mix has a pipeline of its own, and a thread of its own that alone changes it: inputs start and
//! end there, so the caller never waits. It runs until [`Mix`] and all that is [`Encoded`] are dropped.
//!
//! A track is decoded once for all mixes that share [`Decoders`].
//!
//! Invariant: the mix's sources of its own, the tiles and the silence, never stop, so nobody's coming, going, muting or
//! failing can stop the mix. The mixers' pads are made at the start and lent to inputs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use gstreamer as gst;
use tokio::sync::{oneshot, watch};

use crate::id::{ParticipantId, ParticipantName};
use crate::media::description::{DescriptionError, Descriptions, Values};
use crate::media::graft::GraftError;
use crate::media::link::Outlet;
use crate::media::pipeline::PipelineError;
use crate::media::{Codec, Kind};

mod actor;
mod audio;
mod cards;
mod conceal;
mod cue;
mod decoder;
mod encoder;
mod encoding;
mod fit;
#[cfg(test)]
mod golden;
mod input;
pub mod layout;
mod lettering;
mod motion;
mod overlay;
mod pace;
mod plate;
mod priming;
mod roster;
pub mod scene;
mod slot;
mod still;
pub mod style;
mod tiles;
pub mod trial;
mod video;

use actor::{Command, Stage};
pub use decoder::Decoders;
pub use encoding::Encoding;
use layout::Placement;
pub(crate) use priming::undo_priming;
use scene::Scene;
use style::{Assets, Style};

/// Why there is no mix.
#[derive(Debug, thiserror::Error)]
pub enum MixError {
    /// A description is not fit for use.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The pipeline does not play.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// GStreamer refused a step in building the mix.
    #[error("the mix failed at {step}: see the log for the element that refused")]
    Graph {
        /// What was being done.
        step: &'static str,
    },
    /// An element could not be grafted onto the pipeline.
    #[error(transparent)]
    Graft(#[from] GraftError),
    /// The tiles could not be drawn.
    #[error("the tiles could not be drawn: {0}")]
    Drawing(#[from] cairo::Error),
    /// The system gives no further thread.
    #[error("no thread for the mix: {0}")]
    Thread(#[from] std::io::Error),
    /// It ended before.
    #[error("the mix has ended: start a new one")]
    Ended,
}

/// What a tile says of what is shown in it.
pub(crate) fn shown_name(owner: &str, shared: bool) -> String {
    if shared { format!("{owner}'s screen") } else { owner.to_owned() }
}

/// Somebody's name tile alone, as BGRx; [`tile_caps`] says what that is.
pub(crate) fn name_tile(size: layout::Size, name: &str) -> Result<Vec<u8>, cairo::Error> {
    let placement = Placement { x: 0, y: 0, width: size.width, height: size.height };
    draw_tiles(size, &[Tile { placement, name: name.to_owned(), muted: false }])
}

/// Tiles in the usual style, on an empty canvas, as BGRx.
pub(crate) fn draw_tiles(canvas: layout::Size, tiles: &[Tile]) -> Result<Vec<u8>, cairo::Error> {
    tiles::draw(canvas, &style::Look::default(), tiles)
}

pub(crate) use encoding::plain as plain_encoder_of;
pub use fit::fill;
pub(crate) use tiles::Tile;
pub(crate) use video::set_scales;
pub(crate) use video::{depth, picture_caps as tile_caps};

/// How large a mix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixSettings {
    /// Canvas, frame rate and bitrates.
    pub values: Values,
    /// The most videos in the picture at once; who came first is shown, and who matters most.
    pub videos: usize,
    /// The most voices in the sound at once.
    pub voices: usize,
}

impl Default for MixSettings {
    fn default() -> Self {
        Self { values: Values::default(), videos: 16, voices: 24 }
    }
}

/// How a mix fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MixState {
    /// It runs.
    Running,
    /// It failed as a whole, and is of no further use.
    Failed(String),
}

/// Somebody's place in the picture, at the end of a move.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// Who.
    pub participant: ParticipantId,
    /// Where.
    #[serde(flatten)]
    pub placement: Placement,
    /// Whether it shows live video, not the tile with the name.
    pub video: bool,
}

/// A running mix. Dropping it ends it.
#[derive(Debug)]
pub struct Mix {
    commands: mpsc::Sender<Command>,
    placed: watch::Receiver<Vec<Placed>>,
    state: watch::Receiver<MixState>,
    canvas: layout::Size,
    /// How often it was asked to look otherwise.
    looks: Arc<AtomicU64>,
    pipeline: glib::WeakRef<gst::Pipeline>,
}

/// The mix in one codec: encoded once, for as long as somebody has one of these.
#[derive(Debug)]
pub struct Encoded {
    encoding: Encoding,
    outlet: Outlet,
    commands: mpsc::Sender<Command>,
}

impl Encoded {
    /// The codec.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Where it leaves.
    #[must_use]
    pub fn outlet(&self) -> &Outlet {
        &self.outlet
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // A mix that has ended encodes nothing.
        let _ = self.commands.send(Command::Release { encoding: self.encoding });
    }
}

impl Mix {
    /// Starts an empty mix with decoders of its own. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When a description is not fit for use or the pipeline does not play.
    pub async fn start(name: &str, settings: MixSettings, descriptions: &Descriptions) -> Result<Self, MixError> {
        Self::start_sharing(name, settings, descriptions, &Decoders::default()).await
    }

    /// The same with decoders that other mixes have, too.
    ///
    /// # Errors
    /// As [`Mix::start`].
    pub async fn start_sharing(
        name: &str,
        settings: MixSettings,
        descriptions: &Descriptions,
        decoders: &Decoders,
    ) -> Result<Self, MixError> {
        // Unbounded, since a lost command would be a lost participant; each is one act of a person.
        let (commands, inbox) = mpsc::channel();
        let (placed_sender, placed) = watch::channel(Vec::new());
        let (state_sender, state) = watch::channel(MixState::Running);
        let (ready, started) = oneshot::channel();

        let canvas = layout::Size { width: settings.values.width, height: settings.values.height };
        let (name, descriptions, decoders) = (name.to_owned(), descriptions.clone(), decoders.clone());
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("mix".into()).spawn(move || {
            // For the tasks that drain the buses of pipelines: its own, and those of decoders.
            let _context = runtime.enter();
            match Stage::build(&name, settings, descriptions, decoders, placed_sender) {
                Ok((stage, events)) => {
                    let _ = ready.send(Ok(stage.pipeline()));
                    stage.run(&inbox, events, &state_sender);
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        let pipeline = started.await.map_err(|_| MixError::Ended)??;
        Ok(Self { commands, placed, state, canvas, looks: Arc::default(), pipeline })
    }

    /// Gives a participant a tile.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn add_participant(&self, id: &ParticipantId, name: &ParticipantName) -> Result<(), MixError> {
        self.send(Command::Add { id: id.clone(), owner: id.clone(), name: name.clone() })
    }

    /// Gives a screen that a participant shares a tile of its own, of which `id` is the identifier.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn add_screen(
        &self,
        id: &ParticipantId,
        owner: &ParticipantId,
        name: &ParticipantName,
    ) -> Result<(), MixError> {
        self.send(Command::Add { id: id.clone(), owner: owner.clone(), name: name.clone() })
    }

    /// Arranges picture and sound in another way; the mix begins with everybody in a grid. Whoever is seen moves to their new
    /// place.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn set_scene(&self, scene: &Scene) -> Result<(), MixError> {
        self.send(Command::Arrange { scene: scene.clone() })
    }

    /// Looks otherwise, without a move. Images of `assets` are read elsewhere, and the style holds when they are there; one
    /// that cannot be shown is left out, and the log says why ([`Assets::check`](style::Assets::check) says it before). Must
    /// be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn set_style(&self, style: &Style, assets: &Assets) -> Result<(), MixError> {
        let turn = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        if !style.has_images() {
            return self.send(Command::Look { turn, look: assets.dress(style, self.canvas).0 });
        }
        let (style, assets, canvas) = (style.clone(), assets.clone(), self.canvas);
        let (looks, commands) = (Arc::clone(&self.looks), self.commands.clone());
        tokio::task::spawn_blocking(move || {
            // Nobody waits for one that another has followed.
            if looks.load(Ordering::Relaxed) == turn {
                let (look, problem) = assets.dress(&style, canvas);
                if let Some(error) = problem {
                    tracing::warn!(%error, "an image is not shown in a mix");
                }
                // A mix that has ended looks like nothing.
                let _ = commands.send(Command::Look { turn, look });
            }
        });
        Ok(())
    }

    /// Says whether somebody is muted, for their mark.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn set_muted(&self, id: &ParticipantId, muted: bool) -> Result<(), MixError> {
        self.send(Command::Mute { id: id.clone(), muted })
    }

    /// Says who speaks now. When nobody does, who spoke last counts.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn set_speaker(&self, id: &ParticipantId) -> Result<(), MixError> {
        self.send(Command::Speak { id: id.clone() })
    }

    /// Takes a participant, or a screen, and all their tracks out.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn remove_participant(&self, id: &ParticipantId) -> Result<(), MixError> {
        self.send(Command::Remove { id: id.clone() })
    }

    /// Mixes a track: RTP in `codec`, as it leaves `outlet`. It replaces the participant's former track of that kind.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn attach(&self, id: &ParticipantId, codec: Codec, outlet: &Outlet) -> Result<(), MixError> {
        self.send(Command::Attach { id: id.clone(), codec, outlet: outlet.clone() })
    }

    /// Mixes a participant's track of a kind no longer.
    ///
    /// # Errors
    /// When the mix has ended.
    pub fn detach(&self, id: &ParticipantId, kind: Kind) -> Result<(), MixError> {
        self.send(Command::Detach { id: id.clone(), kind })
    }

    /// The mix in `encoding`, from now on.
    ///
    /// # Errors
    /// When the mix has ended, or the encoder does not start.
    pub async fn encode(&self, encoding: Encoding) -> Result<Encoded, MixError> {
        let (reply, started) = oneshot::channel();
        self.send(Command::Encode { encoding, reply })?;
        let outlet = started.await.map_err(|_| MixError::Ended)??;
        Ok(Encoded { encoding, outlet, commands: self.commands.clone() })
    }

    /// One picture as it leaves the mixer, with everybody in it whose video can be had within a few seconds; nothing is encoded.
    ///
    /// # Errors
    /// When the mix has ended, or ends before.
    pub async fn picture(&self) -> Result<gst::Sample, MixError> {
        let (reply, taken) = oneshot::channel();
        self.send(Command::Picture { reply })?;
        taken.await.map_err(|_| MixError::Ended)
    }

    /// Who is where in the picture now, and every change to it.
    #[must_use]
    pub fn placements(&self) -> watch::Receiver<Vec<Placed>> {
        self.placed.clone()
    }

    /// Its pipeline, to be looked at only.
    #[must_use]
    pub fn pipeline(&self) -> Option<gst::Pipeline> {
        self.pipeline.upgrade()
    }

    /// How it fares, and when that changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<MixState> {
        self.state.clone()
    }

    fn send(&self, command: Command) -> Result<(), MixError> {
        self.commands.send(command).map_err(|_| MixError::Ended)
    }
}
