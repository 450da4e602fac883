//! Fragments that do not say how large their samples are.
//!
//! Where pictures and sound alternate, each sample is a run (`trun`) of its own. As soon as two samples differ, mp4mux
//! stops to say a default for the fragment and writes size and duration with each run, but forgets them for later runs
//! that equal the fragment's first sample. Nobody can find those, or what follows: a player shows nothing until the next
//! fragment, or refuses the file. So the default is put back as the fragment's header passes. It must not become longer,
//! since mp4mux counts the bytes of the file: the default takes the place of the absolute address of the data, which
//! can be said relative to the header instead.
//!
//! The source of what a fragment's header holds is ISO/IEC 14496-12, 8.8.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::{each_box, number};

/// Flags of a track's fragment (`tfhd`).
const BASE_DATA_OFFSET: u32 = 0x01;
const DESCRIPTION: u32 = 0x02;
const DEFAULT_DURATION: u32 = 0x08;
const DEFAULT_SIZE: u32 = 0x10;
const BASE_IS_MOOF: u32 = 0x02_0000;
/// Flags of a run (`trun`).
const DATA_OFFSET: u32 = 0x01;
const FIRST_FLAGS: u32 = 0x04;
const DURATION: u32 = 0x100;
const SIZE: u32 = 0x200;
const SAMPLE_FLAGS: u32 = 0x400;
const COMPOSITION: u32 = 0x800;
/// Tracks of mp4mux have one description.
const FIRST_DESCRIPTION: u32 = 1;
/// Of the box with the data, which mp4mux writes before the fragment's header.
const DATA_HEADER: u32 = 16;

/// Repairs the fragments that come to `sink`.
pub(in crate::egress) fn repair(sink: &gst::Element) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let is_header = buffer.map_readable().is_ok_and(|data| data.get(4..8) == Some(b"moof"));
            if is_header && let Ok(mut data) = buffer.make_mut().map_writable() {
                fill_in(&mut data);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// One track's part of a fragment.
#[derive(Default)]
struct Track<'a> {
    header: &'a mut [u8],
    runs: Vec<&'a mut [u8]>,
}

/// What all samples have that say nothing else.
#[derive(Clone, Copy)]
struct Defaults {
    duration: u32,
    size: u32,
}

/// Puts back the defaults that are missing in a fragment's header (`moof`), and leaves alone what it does not know.
fn fill_in(moof: &mut [u8]) {
    let mut tracks = Vec::new();
    each_box(moof, 8, &mut |kind, content| {
        if kind == b"traf" {
            let mut track = Track::default();
            each_box(content, 0, &mut |kind, content| match kind {
                b"tfhd" => track.header = content,
                b"trun" => track.runs.push(content),
                _ => {}
            });
            tracks.push(track);
        }
    });
    let Some(bytes) = tracks.iter().map(Track::bytes).sum::<Option<u32>>() else { return };
    let Some(before) = bytes.checked_add(DATA_HEADER).and_then(|before| i32::try_from(before).ok()) else { return };
    for track in &mut tracks {
        if track.lacks_defaults() == Some(true) {
            // None is a header that mp4mux does not write.
            let _ = track.fill_in(before);
        }
    }
}

impl Track<'_> {
    /// Whether there is a run that says neither all itself, nor has a default for it.
    fn lacks_defaults(&self) -> Option<bool> {
        let has = flags(self.header)?;
        let lacking = self.runs.iter().map(|run| {
            let says = flags(run)?;
            Some((says & SIZE == 0 && has & DEFAULT_SIZE == 0) || (says & DURATION == 0 && has & DEFAULT_DURATION == 0))
        });
        lacking.collect::<Option<Vec<_>>>().map(|all| all.contains(&true))
    }

    /// The defaults that are said, and else what the first sample has: it is what mp4mux compares with.
    fn defaults(&self) -> Option<Defaults> {
        let has = flags(self.header)?;
        let mut at = 8 + 8 * usize::from(has & BASE_DATA_OFFSET != 0) + 4 * usize::from(has & DESCRIPTION != 0);
        let duration = (has & DEFAULT_DURATION != 0).then(|| word(self.header, at)).flatten();
        at += 4 * usize::from(has & DEFAULT_DURATION != 0);
        let size = (has & DEFAULT_SIZE != 0).then(|| word(self.header, at)).flatten();
        let first = self.runs.first()?;
        let said = flags(first)?;
        let entry = entries(said);
        let duration = duration.or_else(|| word(first, entry).filter(|_| said & DURATION != 0));
        let size =
            size.or_else(|| word(first, entry + 4 * usize::from(said & DURATION != 0)).filter(|_| said & SIZE != 0));
        Some(Defaults { duration: duration?, size: size? })
    }

    /// All samples together.
    fn bytes(&self) -> Option<u32> {
        let defaults = self.defaults()?;
        let mut bytes = 0u32;
        for run in &self.runs {
            let (says, count) = (flags(run)?, word(run, 4)?);
            let length =
                [DURATION, SIZE, SAMPLE_FLAGS, COMPOSITION].iter().filter(|flag| says & **flag != 0).count() * 4;
            for sample in 0..usize::try_from(count).ok()? {
                let at = entries(says) + sample * length + 4 * usize::from(says & DURATION != 0);
                let size = if says & SIZE == 0 { defaults.size } else { word(run, at)? };
                bytes = bytes.checked_add(size)?;
            }
        }
        Some(bytes)
    }

    /// Says the defaults in place of where the data is, which then lies `before` bytes ahead of the fragment's header.
    fn fill_in(&mut self, before: i32) -> Option<()> {
        let Defaults { duration, size } = self.defaults()?;
        let has = flags(self.header)?;
        if has & BASE_DATA_OFFSET == 0 || has & (DESCRIPTION | BASE_IS_MOOF) != 0 {
            return None;
        }
        for run in &mut self.runs {
            if flags(run)? & DATA_OFFSET == 0 {
                return None;
            }
            let field = run.get_mut(8..12)?;
            let offset = i32::from_be_bytes((&*field).try_into().ok()?).checked_sub(before)?;
            field.copy_from_slice(&offset.to_be_bytes());
        }
        let mut says = (has & !BASE_DATA_OFFSET) | DEFAULT_DURATION | DEFAULT_SIZE | BASE_IS_MOOF;
        let mut fields = vec![duration, size];
        if has & (DEFAULT_DURATION | DEFAULT_SIZE) != 0 {
            // One of them was there: what remains of the address's place is filled with what holds anyway.
            says |= DESCRIPTION;
            fields.insert(0, FIRST_DESCRIPTION);
        }
        let fields = fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<_>>();
        self.header.get_mut(8..8 + fields.len())?.copy_from_slice(&fields);
        self.header.get_mut(..4)?.copy_from_slice(&says.to_be_bytes());
        Some(())
    }
}

/// Version (zero) and flags.
fn flags(content: &[u8]) -> Option<u32> {
    word(content, 0).map(|word| word & 0xff_ffff)
}

/// Where the samples of a run with these flags begin.
fn entries(flags: u32) -> usize {
    8 + [DATA_OFFSET, FIRST_FLAGS].iter().filter(|flag| flags & **flag != 0).count() * 4
}

fn word(content: &[u8], at: usize) -> Option<u32> {
    content.get(at..at + 4).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::super::tests::boxed;
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn fragment(tracks: &[(&[u32], &[&[u32]])]) -> Vec<u8> {
        let tracks = tracks.iter().flat_map(|(header, runs)| {
            let runs = runs.iter().flat_map(|run| boxed(b"trun", &words(run)));
            boxed(b"traf", &[boxed(b"tfhd", &words(header)), runs.collect()].concat())
        });
        boxed(b"moof", &tracks.collect::<Vec<_>>())
    }

    /// As mp4mux wrote it: pictures of 10, 11 and again 10 bytes, sound of 6 and 7 and again 6 bytes.
    #[test]
    fn a_run_that_equals_the_first_sample_gets_its_size_back() {
        let far = 1 << 20;
        let mut moof = fragment(&[
            (&[0x29, 1, 0, far, 100, 7], &[&[0x201, 1, 16, 10], &[0x201, 1, 32, 11], &[0x001, 1, 50], &[0x001, 1, 66]]),
            (
                &[0x21, 2, 0, far, 9],
                &[&[0x301, 1, 26, 1024, 6], &[0x305, 1, 43, 9, 1024, 7], &[0x001, 1, 60], &[0x201, 1, 76, 6]],
            ),
        ]);
        fill_in(&mut moof);
        let before = 16 + (10 + 11 + 10 + 10) + (6 + 7 + 6 + 6);
        let at = |offset: u32| offset.wrapping_sub(before);
        let repaired = fragment(&[
            (
                &[0x2_003a, 1, 1, 100, 10, 7],
                &[&[0x201, 1, at(16), 10], &[0x201, 1, at(32), 11], &[0x001, 1, at(50)], &[0x001, 1, at(66)]],
            ),
            (
                &[0x2_0038, 2, 1024, 6, 9],
                &[
                    &[0x301, 1, at(26), 1024, 6],
                    &[0x305, 1, at(43), 9, 1024, 7],
                    &[0x001, 1, at(60)],
                    &[0x201, 1, at(76), 6],
                ],
            ),
        ]);
        assert_eq!(moof, repaired);
    }

    #[test]
    fn what_is_complete_or_broken_is_left_alone() {
        let complete: &[&[u32]] = &[&[0x001, 1, 16], &[0x001, 1, 32]];
        let unsaid: &[&[u32]] = &[&[0x001, 1, 16], &[0x001, 1, 32]];
        let short: &[&[u32]] = &[&[0x301, 9, 16, 1024, 6], &[0x001, 1, 32]];
        for mut moof in [
            fragment(&[(&[0x39, 1, 0, 0, 100, 10, 7], complete)]),
            fragment(&[(&[0x01, 1, 0, 0], unsaid)]),
            fragment(&[(&[0x01, 1, 0, 0], short)]),
            fragment(&[(&[0x01, 1], short), (&[], &[&[]])]),
            boxed(b"moof", &[0, 0, 0, 99, b't', b'r', b'a', b'f']),
            boxed(b"moof", &[0, 0, 0]),
        ] {
            let before = moof.clone();
            fill_in(&mut moof);
            assert_eq!(moof, before);
        }
    }
}
