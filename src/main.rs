//! The binary: arguments, configuration, logging, then the server until a signal comes.

#![warn(clippy::unwrap_used, clippy::print_stdout)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use gstreamer as gst;
use plenum::access::Access;
use plenum::access::command::Token;
use plenum::config::{Config, Overrides};
use plenum::media::description::Descriptions;
use plenum::recompose::RecomposeError;
use plenum::recompose::command::Recompose;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A bad argument or configuration (EX_USAGE).
const USAGE: u8 = 64;
/// Something that must be installed is missing (EX_UNAVAILABLE).
const UNAVAILABLE: u8 = 69;
/// Anything else that went wrong (EX_SOFTWARE).
const INTERNAL: u8 = 70;

/// A native media server for rooms: forwards, mixes and records group calls.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file; plenum.example.toml shows every key.
    #[arg(long, global = true, env = "PLENUM_CONFIG")]
    config: Option<PathBuf>,
    /// Where to serve, address and port; PLENUM_LISTEN does the same. [default: 127.0.0.1:3000]
    #[arg(long, global = true)]
    listen: Option<SocketAddr>,
    /// The folder for recordings. [default: recordings]
    #[arg(long, global = true)]
    recordings: Option<PathBuf>,
    /// A folder whose files replace those of the same name in the built-in pipelines/.
    #[arg(long, global = true)]
    pipelines: Option<PathBuf>,
    /// Let everybody do everything, although there are no keys and others than this machine can come.
    #[arg(long, global = true)]
    open: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; also without any command.
    Serve,
    /// Say which GStreamer elements are missing and which Debian package has each.
    Check,
    /// Render a layout from an individual recording into one file.
    Recompose(Recompose),
    /// Make a token with a key of the configuration.
    Token(Token),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let overrides = Overrides {
        listen: arguments.listen,
        recordings: arguments.recordings,
        pipelines: arguments.pipelines,
        open: arguments.open.then_some(true),
    };
    let config = match Config::load(arguments.config.as_deref(), overrides) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error.into()),
    };
    if let Err(error) = plenum::telemetry::start(&config.log) {
        return fail(USAGE, &error);
    }
    let log = config.log.gstreamer.clone();
    let outcome = match arguments.command.unwrap_or(Command::Serve) {
        Command::Token(order) => return token(order, &config),
        Command::Check => prepare_gstreamer(&log).and_then(|()| check(&config)),
        Command::Recompose(order) => prepare_gstreamer(&log).map(|()| recompose(order, &config)),
        Command::Serve => match Access::new(&config) {
            Ok(access) => prepare_gstreamer(&log).and_then(|()| serve(config, access)).map(|()| ExitCode::SUCCESS),
            Err(error) => return fail(USAGE, &error.into()),
        },
    };
    outcome.unwrap_or_else(|error| fail(INTERNAL, &error))
}

#[allow(clippy::print_stderr, reason = "before logging works there is nowhere else to say it")]
fn fail(code: u8, error: &anyhow::Error) -> ExitCode {
    eprintln!("plenum: {error:#}");
    ExitCode::from(code)
}

fn prepare_gstreamer(log: &str) -> anyhow::Result<()> {
    gst::init().context("GStreamer cannot start")?;
    plenum::telemetry::bridge_gstreamer(log);
    plenum::elements::register().context("our own GStreamer elements cannot be registered")
}

#[allow(clippy::print_stdout, reason = "the report is the output of this command")]
fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let mut descriptions = Descriptions::load(config.pipelines.as_deref())?;
    let encoder = plenum::mix::trial::choose(&mut descriptions, &config.mix);
    match &encoder {
        Ok(tried) => tried.iter().for_each(|trial| println!("{trial}")),
        Err(error) => println!("{error}"),
    }
    let problems = plenum::check::check(&descriptions);
    for problem in &problems {
        println!("{problem}");
    }
    if encoder.is_err() || !problems.is_empty() {
        return Ok(ExitCode::from(UNAVAILABLE));
    }
    println!("everything is here");
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout, reason = "the token is the output of this command")]
fn token(order: Token, config: &Config) -> ExitCode {
    match order.make(config) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => fail(USAGE, &error.into()),
    }
}

fn recompose(order: Recompose, config: &Config) -> ExitCode {
    match order.run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(code(&error), &error.into()),
    }
}

fn code(error: &RecomposeError) -> u8 {
    match error {
        // As a shell says it of a process that a signal ended.
        RecomposeError::Stopped { signal } => u8::try_from(128 + signal).unwrap_or(INTERNAL),
        error if error.is_of_the_order() => USAGE,
        _ => INTERNAL,
    }
}

#[tokio::main]
async fn serve(config: Config, access: Access) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}: is another server running there?", config.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    plenum::server::run(listener, config, access, stop).await
}
