//! The server under test: the built binary, in a process of its own, stopped by its pid when dropped.

use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;

use super::lab::Lab;
use super::process::{self, Holdings};

/// How long the server may take to answer its first request, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: String,
    recordings: tempfile::TempDir,
    log: watch::Receiver<Vec<String>>,
    http: reqwest::Client,
}

impl Server {
    /// Starts a server with the usual configuration on a free port, and waits until it says that it is well.
    pub async fn start(lab: &Lab) -> Self {
        Self::start_with(lab, &[]).await
    }

    /// As [`Server::start`], with further arguments.
    pub async fn start_with(lab: &Lab, arguments: &[&str]) -> Self {
        let recordings = tempfile::tempdir().expect("a directory for recordings");
        Self::start_in(lab, recordings, arguments).await
    }

    /// As [`Server::start_with`], on the recordings that another server left.
    pub async fn start_in(lab: &Lab, recordings: tempfile::TempDir, arguments: &[&str]) -> Self {
        // The lab is ours alone: nobody else comes, and so most tests need no tokens.
        Self::start_by(lab, recordings, arguments, &[("PLENUM_OPEN", "true")]).await
    }

    /// As [`Server::start_with`], with what the environment says: keys, for example.
    pub async fn start_guarded(lab: &Lab, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let recordings = tempfile::tempdir().expect("a directory for recordings");
        Self::start_by(lab, recordings, arguments, environment).await
    }

    async fn start_by(
        lab: &Lab,
        recordings: tempfile::TempDir,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let address = format!("{}:{}", lab.address, free_port(lab.address));
        let mut command = Command::new("setpriv");
        // The server must not outlive a test that is killed.
        command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_plenum"), "--listen", &address, "--recordings"]);
        // By a relative path, as most people run it.
        command
            .current_dir(recordings.path().parent().expect("a folder above"))
            .arg(recordings.path().file_name().expect("a name"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let (lines, log) = watch::channel(Vec::new());
        follow(child.stdout.take().expect("piped"), lines.clone());
        follow(child.stderr.take().expect("piped"), lines);
        let mut server = Self { child, address, recordings, log, http: reqwest::Client::new() };
        server.wait_until_well().await;
        server
    }

    async fn wait_until_well(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let url = self.url("/healthz");
        loop {
            if let Ok(reply) = self.http.get(&url).timeout(Duration::from_secs(1)).send().await
                && reply.status().is_success()
            {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended ({status}) before it served");
            }
            assert!(Instant::now() < deadline, "the server did not serve {url} within {PATIENCE:?}");
            // A refused connection is the only sign that it does not listen yet.
            let _ = tokio::time::timeout(Duration::from_millis(50), self.log.changed()).await;
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of a page or of a call of the API.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where it keeps its recordings.
    pub fn recordings(&self) -> PathBuf {
        self.recordings.path().to_owned()
    }

    /// What it holds.
    pub fn holdings(&self) -> Holdings {
        Holdings::of(self.pid())
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// What it logs, also when it is no longer ours.
    pub fn follow_log(&self) -> watch::Receiver<Vec<String>> {
        self.log.clone()
    }

    /// Waits for a line of the log that contains `part`.
    pub async fn wait_for_log(&self, part: &str, patience: Duration) -> String {
        let mut log = self.log.clone();
        let found = |lines: &Vec<String>| lines.iter().any(|line| line.contains(part));
        let lines = tokio::time::timeout(patience, log.wait_for(found)).await;
        let lines =
            lines.unwrap_or_else(|_| panic!("no {part:?} in the log within {patience:?}")).expect("the log is open");
        lines.iter().find(|line| line.contains(part)).cloned().unwrap_or_default()
    }

    /// `GET path`: the status and the JSON that came.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        reply(self.http.get(self.url(path))).await
    }

    /// `POST path` with a JSON body: the status and the JSON that came.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        reply(self.http.post(self.url(path)).json(body)).await
    }

    /// Asks `GET path` until the answer is as `wanted`: for what no event tells.
    pub async fn get_until(&self, path: &str, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut turns = tokio::time::interval(Duration::from_millis(50));
        let deadline = Instant::now() + patience;
        loop {
            turns.tick().await;
            let (_, value) = self.get(path).await;
            if wanted(&value) {
                return value;
            }
            assert!(Instant::now() < deadline, "GET {path} still says after {patience:?}: {value}");
        }
    }

    /// Downloads `path` into a file.
    pub async fn download(&self, path: &str) -> tempfile::NamedTempFile {
        let reply = self.http.get(self.url(path)).timeout(PATIENCE).send().await.expect("the server answers");
        assert_eq!(reply.status().as_u16(), 200, "GET {path}");
        let bytes = reply.bytes().await.expect("the whole file");
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
        std::fs::write(file.path(), &bytes).expect("room for it");
        // For whoever wants to look at what the judge condemned.
        if let Ok(folder) = std::env::var("LAB_KEEP") {
            let name = path.replace('/', "_") + ".mp4";
            std::fs::write(PathBuf::from(folder).join(name), &bytes).expect("LAB_KEEP is a folder");
        }
        file
    }

    /// The client for requests of other kinds.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends it a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        process::signal(self.pid(), signal);
    }

    /// Waits until its process has ended, and gives back its recordings.
    pub async fn ended(mut self, patience: Duration) -> (ExitStatus, tempfile::TempDir) {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                let empty = tempfile::tempdir().expect("a directory");
                return (status, std::mem::replace(&mut self.recordings, empty));
            }
            assert!(Instant::now() < deadline, "the server did not end within {patience:?}");
            // Its log closes when it ends; until then this is a bounded wait.
            if tokio::time::timeout(Duration::from_millis(50), self.log.changed()).await.is_ok_and(|open| open.is_err())
            {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_alive() {
            process::signal(self.pid(), "KILL");
        }
        let _ = self.child.wait();
    }
}

async fn reply(request: reqwest::RequestBuilder) -> (u16, Value) {
    let reply = request.timeout(PATIENCE).send().await.expect("the server answers");
    let status = reply.status().as_u16();
    let text = reply.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Shows what the server says among the test's own words, and keeps it.
fn follow(stream: impl Read + Send + 'static, lines: watch::Sender<Vec<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            eprintln!("server: {line}");
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

fn free_port(address: IpAddr) -> u16 {
    // The lab is ours alone, so a port that is free now stays free.
    let probe = std::net::TcpListener::bind((address, 0)).expect("the lab has its address");
    probe.local_addr().expect("a bound socket").port()
}
