//! `plenum recompose`: arguments, signals and the word on standard error around it all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::RecomposeError;
use super::film::Film;
use super::order::Order;
use super::progress::Progress;
use crate::config::Config;
use crate::media::description::{Descriptions, Values};
use crate::mix::layout::{Layout, LayoutError, Size};

/// What can be asked for.
#[derive(Debug, Args)]
pub struct Recompose {
    /// The manifest of an individual recording: the .json file beside its media files.
    manifest: PathBuf,
    /// Who is where: grid, speaker (large), presentation (a shared screen large), pip, side-by-side, single, portrait (on a
    /// canvas that stands upright), or a .json file with regions.
    #[arg(long, default_value = "grid", value_name = "NAME|FILE.json", value_parser = layout)]
    layout: Layout,
    /// The file to write; .mp4 has H.264 and AAC, .mkv too, .webm has VP8 and Opus.
    #[arg(long)]
    output: PathBuf,
    /// Replace the file if it is there already.
    #[arg(long)]
    force: bool,
    /// Width of the picture in pixels, even. [default: mix.width of the configuration, 1280]
    #[arg(long, value_parser = side)]
    width: Option<u32>,
    /// Height of the picture in pixels, even. [default: mix.height, 720]
    #[arg(long, value_parser = side)]
    height: Option<u32>,
    /// Pictures per second. [default: mix.fps, 30]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: Option<u32>,
}

fn side(text: &str) -> Result<u32, String> {
    let fits = |side: &u32| side.is_multiple_of(2) && (64..=3840).contains(side);
    text.parse().ok().filter(fits).ok_or_else(|| "use an even number from 64 to 3840".to_owned())
}

/// A layout by its name, or by the file with its regions.
fn layout(text: &str) -> Result<Layout, String> {
    if Path::new(text).extension().is_none_or(|end| end != "json") {
        return text.parse().map_err(|error: LayoutError| format!("{error} in a .json file"));
    }
    let regions = std::fs::read(text).map_err(|error| format!("it cannot be read: {error}"))?;
    serde_json::from_slice(&regions).map_err(|error| error.to_string())
}

impl Recompose {
    /// Carries it out, in a runtime of its own.
    ///
    /// # Errors
    /// When what is asked for cannot be done, it fails underway, or a signal ends it.
    pub fn run(self, config: &Config) -> Result<(), RecomposeError> {
        let fps = self.fps.unwrap_or(config.mix.fps);
        let usual = Size { width: config.mix.width, height: config.mix.height };
        let canvas = match (self.width, self.height) {
            (None, None) => self.layout.canvas(usual),
            (width, height) => Size { width: width.unwrap_or(usual.width), height: height.unwrap_or(usual.height) },
        };
        let values = Values {
            width: canvas.width,
            height: canvas.height,
            fps,
            // Seeking is exact to two seconds in simple players.
            gop: 2 * fps,
            video_kbps: config.mix.video_kbps,
            audio_bps: config.mix.audio_kbps * 1000,
        };
        let Self { manifest, layout, output, force, .. } = self;
        let order = Order { manifest, layout, output, force, values };
        let descriptions = Descriptions::load(config.pipelines.as_deref())?;
        let runtime = tokio::runtime::Runtime::new().map_err(|_| RecomposeError::Graph { step: "starting threads" })?;
        let outcome = runtime.block_on(carry_out(order, descriptions));
        // What hangs must not keep the process.
        runtime.shutdown_background();
        outcome
    }
}

async fn carry_out(order: Order, descriptions: Descriptions) -> Result<(), RecomposeError> {
    let ended = || RecomposeError::Graph { step: "starting a thread" };
    let listening = |_| RecomposeError::Graph { step: "listening to signals" };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(listening)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(listening)?;
    let order = Arc::new(order);
    let start = {
        let order = Arc::clone(&order);
        move || {
            let checked = order.check()?;
            let film = Film::start(&order, &checked, &descriptions)?;
            Ok::<_, RecomposeError>((checked, film))
        }
    };
    let (checked, mut film) = tokio::task::spawn_blocking(start).await.map_err(|_| ended())??;
    let mut progress = Progress::new(film.length());
    let finished = tokio::select! {
        finished = film.finish(&checked.output, |at| progress.tell(at)) => finished,
        _ = interrupt.recv() => Err(stopped(SignalKind::interrupt())),
        _ = terminate.recv() => Err(stopped(SignalKind::terminate())),
    };
    // Before the file is kept or removed.
    film.end().await;
    match finished {
        Ok(()) => {
            let keep = tokio::task::spawn_blocking(move || checked.output.keep());
            let bytes = keep.await.map_err(|_| ended())??;
            progress.done(bytes, &order.output);
            Ok(())
        }
        Err(error) => {
            progress.leave();
            Err(error)
        }
    }
}

fn stopped(kind: SignalKind) -> RecomposeError {
    RecomposeError::Stopped { signal: kind.as_raw_value() }
}
