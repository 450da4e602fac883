//! Who is where, from which picture to which: pure.
//!
//! Times are counted in pictures of the output, since nothing can change between two of them. A file is on the canvas
//! from the first picture at or after its beginning to the first at or after its end.

use crate::egress::file::MediaFile;
use crate::egress::happening::{Happening, is_shared};
use crate::egress::manifest::Manifest;
use crate::id::ParticipantId;
use crate::media::Kind;
use crate::mix::layout::{Layout, Place, Size, Source, spotlight};
use crate::mix::shown_name;

/// A file of the recording, as the score sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The file.
    pub file: MediaFile,
    /// Whose it is.
    pub participant: Option<ParticipantId>,
    /// Their name.
    pub owner: String,
    /// What its tile says.
    pub name: String,
    /// Whether it is of a shared screen.
    pub shared: bool,
    /// The first picture with it.
    pub begin: u64,
    /// The first picture without it again.
    pub end: u64,
}

impl Part {
    /// Whether it has a place: all but the mere sound of a screen.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.begin < self.end && (!self.shared || self.file.has_pictures())
    }

    /// Whether it has sound.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.file.streams.iter().any(|stream| stream.codec.kind() == Kind::Audio)
    }
}

/// A time in which nothing moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Its first picture.
    pub from: u64,
    /// The first picture after it.
    pub to: u64,
    /// The parts on the canvas, by their index, and where they are.
    pub places: Vec<(usize, Place)>,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Everything in it: who came first comes first.
    pub parts: Vec<Part>,
    /// What is seen, without a gap.
    pub stretches: Vec<Stretch>,
    /// Pictures per second.
    pub fps: u32,
    /// How many pictures there are.
    pub pictures: u64,
}

impl Score {
    /// The score of an individual recording.
    #[must_use]
    pub fn of(manifest: &Manifest, layout: &Layout, canvas: Size, fps: u32) -> Self {
        let mut parts: Vec<Part> = manifest.files.iter().map(|file| part(manifest, file, fps)).collect();
        // Stable: files that begin at once keep the order of the manifest.
        parts.sort_by_key(|part| part.file.start_ms);
        let ends = parts.iter().map(|part| part.file.start_ms + part.file.duration_ms);
        let pictures = picture_at(ends.chain([manifest.duration_ms]).max().unwrap_or(0), fps);
        let speakers = if layout.follows_speaker() { speakers(manifest, fps) } else { Vec::new() };

        let mut cuts: Vec<u64> = vec![0, pictures];
        cuts.extend(parts.iter().filter(|part| part.is_shown()).flat_map(|part| [part.begin, part.end]));
        cuts.extend(speakers.iter().map(|(at, _)| *at).filter(|at| *at < pictures));
        cuts.sort_unstable();
        cuts.dedup();

        let mut seats: Vec<u64> = (0..).take(parts.len()).collect();
        let mut speaker = None;
        let mut stretches: Vec<Stretch> = Vec::new();
        for cut in cuts.windows(2) {
            let (from, to) = (cut[0], cut[1]);
            let now = speakers.iter().rfind(|(at, _)| *at <= from).map(|(_, speaker)| speaker);
            if now != speaker {
                change_seats(&mut seats, &parts, from, [speaker, now]);
                speaker = now;
            }
            let places = places(&parts, from, &seats, speaker, layout, canvas);
            match stretches.last_mut() {
                Some(last) if last.places == places => last.to = to,
                _ => stretches.push(Stretch { from, to, places }),
            }
        }
        Self { parts, stretches, fps, pictures }
    }
}

fn part(manifest: &Manifest, file: &MediaFile, fps: u32) -> Part {
    let participant = file.streams.first().and_then(|stream| stream.participant.clone());
    let shared = file.streams.iter().any(|stream| stream.source.as_deref().is_some_and(is_shared));
    let known = manifest.participants.iter().find(|attendee| Some(&attendee.id) == participant.as_ref());
    let name = known.map(|attendee| attendee.name.clone()).unwrap_or_default();
    let (begin, end) = (picture_at(file.start_ms, fps), picture_at(file.start_ms + file.duration_ms, fps));
    let (owner, name) = (name.clone(), shown_name(&name, shared));
    Part { file: file.clone(), participant, owner, name, shared, begin, end }
}

/// Who spoke last, from which picture on. When nobody speaks, that does not change.
fn speakers(manifest: &Manifest, fps: u32) -> Vec<(u64, ParticipantId)> {
    let spoke = |happening: &Happening| match happening {
        Happening::Speaker { participant } => participant.clone(),
        _ => None,
    };
    let at = manifest.events.iter().map(|moment| (picture_at(moment.at_ms, fps), spoke(&moment.happening)));
    at.filter_map(|(at, who)| Some((at, who?))).collect()
}

/// All parts as a layout sees them at the picture `at`.
fn sources<'a>(parts: &'a [Part], at: u64, seats: &[u64], speaker: Option<&ParticipantId>) -> Vec<(usize, Source<'a>)> {
    let come = parts.iter().enumerate().filter(|(_, part)| part.is_shown() && part.begin <= at);
    let source = |(index, part): (usize, &'a Part)| {
        let speaks = !part.shared && speaker.is_some() && part.participant.as_ref() == speaker;
        let id = part.participant.as_ref().map_or("", ParticipantId::as_str);
        let (shared, gone) = (part.shared, part.end <= at);
        (index, Source { id, name: &part.owner, shared, speaks: speaks && !gone, seat: seats[index], gone, pin: None })
    };
    come.map(source).collect()
}

/// Who begins to speak takes the seat of who was large before.
fn change_seats(seats: &mut [u64], parts: &[Part], at: u64, [before, now]: [Option<&ParticipantId>; 2]) {
    let (indices, then): (Vec<usize>, Vec<Source<'_>>) = sources(parts, at, seats, before).into_iter().unzip();
    let speaks = sources(parts, at, seats, now).iter().position(|(_, source)| source.speaks);
    if let (Some(large), Some(speaks)) = (spotlight(&then), speaks) {
        seats.swap(indices[large], indices[speaks]);
    }
}

fn places(
    parts: &[Part],
    at: u64,
    seats: &[u64],
    speaker: Option<&ParticipantId>,
    layout: &Layout,
    canvas: Size,
) -> Vec<(usize, Place)> {
    let mut there = sources(parts, at, seats, speaker);
    if !layout.remembers() {
        there.retain(|(_, source)| !source.gone);
    }
    let (indices, sources): (Vec<usize>, Vec<Source<'_>>) = there.into_iter().unzip();
    let places = layout.places(canvas, &sources, usize::MAX);
    indices.into_iter().zip(places).filter_map(|(index, place)| Some((index, place?))).collect()
}

/// The first picture at or after a time.
fn picture_at(ms: u64, fps: u32) -> u64 {
    ms.saturating_mul(u64::from(fps)).div_ceil(1000)
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
