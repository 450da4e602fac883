//! A player of HLS with low latency: it asks for the next part before that is there, and again for the next.

use std::io::Write;
use std::process::ChildStdin;
use std::time::Duration;

use crate::common::server::Server;
use crate::common::source;

const PATIENCE: Duration = Duration::from_secs(20);

/// A part, as a list has it.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    name: String,
    lasts: f64,
    independent: bool,
}

/// What a list says.
#[derive(Debug, Default)]
struct List {
    header: String,
    /// How far from the end players keep, in seconds.
    hold_back: f64,
    parts: Vec<Part>,
}

impl List {
    fn read(text: &str) -> Self {
        let mut list = Self::default();
        for line in text.lines() {
            let Some((tag, rest)) = line.split_once(':') else { continue };
            let value = |name: &str| {
                let found = rest.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
                found.map(|value| value.trim_matches('"').to_owned())
            };
            match tag {
                "#EXT-X-MAP" => list.header = value("URI").unwrap_or_default(),
                "#EXT-X-SERVER-CONTROL" => {
                    list.hold_back = value("PART-HOLD-BACK").and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
                }
                "#EXT-X-PART" => list.parts.push(Part {
                    name: value("URI").unwrap_or_default(),
                    lasts: value("DURATION").and_then(|text| text.parse().ok()).unwrap_or(0.0),
                    independent: value("INDEPENDENT").is_some(),
                }),
                _ => {}
            }
        }
        list
    }

    /// The number and part that come next, from the name of the last: `epoch-segment.part.m4s`.
    fn next(&self) -> Option<(u64, usize)> {
        let numbers = self.parts.last()?.name.rsplit_once('-')?.1.strip_suffix(".m4s")?;
        let (segment, part) = numbers.split_once('.')?;
        Some((segment.parse().ok()?, part.parse::<usize>().ok()? + 1))
    }
}

/// When a player that keeps as far from the end as the list says shows what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// By the clock of the sources, when it shows the first picture that it fetched; it may not have shown that at all.
    pub(crate) begins: f64,
}

async fn get(server: &Server, path: &str) -> Vec<u8> {
    let url = server.url(&format!("/hls/tea/default/{path}"));
    let reply = server.http().get(url).timeout(PATIENCE).send().await.expect("the server answers");
    assert!(reply.status().is_success(), "{path}: {}", reply.status());
    reply.bytes().await.expect("a body").to_vec()
}

async fn list(server: &Server, query: &str) -> List {
    List::read(&String::from_utf8_lossy(&get(server, &format!("media.m3u8{query}")).await))
}

/// Plays for some seconds: parts go into `pieces` as soon as they are there.
pub(crate) async fn play(server: &Server, mut pieces: ChildStdin, seconds: f64) -> Clock {
    let first = list(server, "").await;
    let begun = source::now();
    let from = first.parts.iter().rposition(|part| part.independent).expect("a keyframe in the last segments");
    let listed: f64 = first.parts[from..].iter().map(|part| part.lasts).sum();
    let clock = Clock { begins: begun + first.hold_back - listed };
    let mut write = |bytes: Vec<u8>| pieces.write_all(&bytes).and_then(|()| pieces.flush());
    write(get(server, &first.header).await).expect("ffmpeg reads");
    let (mut taken, mut now) = (Vec::<String>::new(), first);
    now.parts.drain(..from);
    loop {
        for part in &now.parts {
            if !taken.contains(&part.name) {
                write(get(server, &part.name).await).expect("ffmpeg reads");
                taken.push(part.name.clone());
            }
        }
        if source::now() > begun + seconds {
            return clock;
        }
        let (segment, part) = now.next().expect("parts have numbers");
        now = list(server, &format!("?_HLS_msn={segment}&_HLS_part={part}")).await;
        // What was listed before we came, and not taken.
        let known = now.parts.iter().position(|part| taken.contains(&part.name)).unwrap_or(0);
        now.parts.drain(..known);
    }
}
