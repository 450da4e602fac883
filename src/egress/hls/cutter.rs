//! Encoded pictures and sound become parts of segments: pure.
//!
//! A segment begins with a keyframe and is as long as wanted, or a little longer; a part is no longer than wanted, as long as
//! pictures are equally far apart. Times are nanoseconds of running time.

/// A frame of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// When it is decoded.
    pub(super) at: u64,
    /// How much later it is shown.
    pub(super) shown_after: u64,
    /// How long it lasts.
    pub(super) lasts: u64,
    /// Whether decoding can begin with it.
    pub(super) keyframe: bool,
    /// What it is.
    pub(super) data: bytes::Bytes,
}

/// What belongs together in one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) pictures: Vec<Sample>,
    pub(super) sound: Vec<Sample>,
    /// How long its pictures last.
    pub(super) lasts: u64,
    /// Whether it is the last part of its segment.
    pub(super) ends_segment: bool,
}

impl Cut {
    /// When it begins.
    pub(super) fn at(&self) -> u64 {
        self.pictures.first().map_or(0, |sample| sample.at)
    }

    /// Whether it begins with a keyframe.
    pub(super) fn is_independent(&self) -> bool {
        self.pictures.first().is_some_and(|sample| sample.keyframe)
    }
}

/// How far pictures may be ahead of the sound that belongs to a part, before the part goes without the rest of it.
const AHEAD: u64 = 300_000_000;
/// Pictures are not exactly as far apart as they should be.
const SLACK: u64 = 5_000_000;
/// The most frames that wait for what belongs to them: without pictures, or without sound, the oldest goes.
const MOST: usize = 1000;

/// Cuts one stream.
#[derive(Debug)]
pub(super) struct Cutter {
    segment: u64,
    part: u64,
    segment_began: Option<u64>,
    pictures: Vec<Sample>,
    sound: Vec<Sample>,
    /// Pictures of a part that lacks some of its sound, when they end, and whether the segment ends with them.
    waiting: Option<(Vec<Sample>, u64, bool)>,
}

impl Cutter {
    /// For segments and parts of these lengths.
    pub(super) fn new(segment: u64, part: u64) -> Self {
        Self { segment, part, segment_began: None, pictures: Vec::new(), sound: Vec::new(), waiting: None }
    }

    /// Takes a picture; gives a part that is now whole.
    pub(super) fn picture(&mut self, sample: Sample) -> Option<Cut> {
        let Some(segment_began) = self.segment_began else {
            if sample.keyframe {
                self.segment_began = Some(sample.at);
                // Sound from before has no picture.
                self.sound.retain(|sound| sound.at + sound.lasts > sample.at);
                self.pictures.push(sample);
            }
            return None;
        };
        let now = sample.at;
        let mut whole = None;
        let part_began = self.pictures.first().map_or(now, |first| first.at);
        if let Some(last) = self.pictures.last_mut() {
            last.lasts = now.saturating_sub(last.at);
            let step = last.lasts;
            let ends_segment = sample.keyframe && now.saturating_sub(segment_began) + SLACK >= self.segment;
            if ends_segment || now.saturating_sub(part_began) + step > self.part + SLACK {
                // One at a time: what waited goes as it is.
                whole = self.finish();
                self.waiting = Some((std::mem::take(&mut self.pictures), now, ends_segment));
                if ends_segment {
                    self.segment_began = Some(now);
                }
            }
        }
        self.pictures.push(sample);
        let overdue = self.waiting.as_ref().is_some_and(|(_, end, _)| now >= end + AHEAD) || self.pictures.len() > MOST;
        whole.or_else(|| if overdue { self.finish() } else { self.finish_if_heard() })
    }

    /// Takes sound; gives a part that is now whole.
    pub(super) fn sound(&mut self, sample: Sample) -> Option<Cut> {
        if self.sound.len() >= MOST {
            self.sound.remove(0);
        }
        self.sound.push(sample);
        self.finish_if_heard()
    }

    fn finish_if_heard(&mut self) -> Option<Cut> {
        let (_, end, _) = self.waiting.as_ref()?;
        let heard = self.sound.last().is_some_and(|last| last.at + last.lasts >= *end);
        if heard { self.finish() } else { None }
    }

    fn finish(&mut self) -> Option<Cut> {
        let (pictures, end, ends_segment) = self.waiting.take()?;
        let later = self.sound.iter().position(|sound| sound.at >= end).unwrap_or(self.sound.len());
        let sound = self.sound.drain(..later).collect();
        let lasts = end.saturating_sub(pictures.first().map_or(end, |first| first.at));
        Some(Cut { pictures, sound, lasts, ends_segment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: u64 = 33_333_333;
    const SOUND: u64 = 21_333_333;
    const SECOND: u64 = 1_000_000_000;

    fn sample(at: u64, lasts: u64, keyframe: bool) -> Sample {
        Sample { at, shown_after: 0, lasts, keyframe, data: bytes::Bytes::new() }
    }

    /// Seconds of pictures with a keyframe each second, and of sound that comes `late`.
    fn cuts(seconds: u64, late: u64) -> Vec<Cut> {
        let pictures = (0..seconds * 30).map(|n| (n * FRAME, sample(n * FRAME, FRAME, n % 30 == 0), true));
        let sound = (0..seconds * SECOND / SOUND).map(|n| (n * SOUND + late, sample(n * SOUND, SOUND, true), false));
        let mut all: Vec<_> = pictures.chain(sound).collect();
        all.sort_by_key(|(comes, ..)| *comes);
        let mut cutter = Cutter::new(2 * SECOND, SECOND / 2);
        let cut = |(_, sample, is_picture)| if is_picture { cutter.picture(sample) } else { cutter.sound(sample) };
        all.into_iter().filter_map(cut).collect()
    }

    #[test]
    fn four_parts_make_a_segment_and_each_has_its_sound() {
        let cuts = cuts(9, 40_000_000);
        assert!(cuts.len() >= 16, "{}", cuts.len());
        for (index, cut) in cuts.iter().enumerate() {
            assert_eq!(cut.pictures.len(), 15);
            assert_eq!(cut.ends_segment, index % 4 == 3, "{index}");
            assert_eq!(cut.is_independent(), index % 2 == 0, "{index}");
            let (begin, end) = (cut.at(), cut.at() + cut.lasts);
            assert!(cut.sound.iter().all(|sound| sound.at + SOUND > begin && sound.at < end));
            assert!(cut.sound.len() >= 23, "{}", cut.sound.len());
        }
    }

    #[test]
    fn sound_that_never_comes_holds_nothing_up() {
        let mut cutter = Cutter::new(2 * SECOND, SECOND / 2);
        let cuts: Vec<_> = (0..150).filter_map(|n| cutter.picture(sample(n * FRAME, FRAME, n % 30 == 0))).collect();
        assert_eq!(cuts.len(), 9);
        assert!(cuts.iter().all(|cut| cut.sound.is_empty() && cut.pictures.len() == 15));
    }

    #[test]
    fn what_comes_before_the_first_keyframe_is_left_out() {
        let mut cutter = Cutter::new(2 * SECOND, SECOND / 2);
        assert_eq!(cutter.sound(sample(0, SOUND, true)), None);
        assert_eq!(cutter.picture(sample(0, FRAME, false)), None);
        assert_eq!(cutter.picture(sample(FRAME, FRAME, true)), None);
        assert!(cutter.sound.is_empty() && cutter.pictures.len() == 1);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled_and_no_part_is_too_long(
            steps in proptest::collection::vec((20_000_000u64..60_000_000, any::<bool>()), 30..300), late in 0u64..SECOND,
        ) {
            let mut cutter = Cutter::new(2 * SECOND, SECOND / 2);
            let (mut at, mut taken, mut seen) = (0, Vec::new(), Vec::new());
            let mut begun = false;
            for (index, (step, keyframe)) in steps.iter().enumerate() {
                at += step;
                begun |= *keyframe;
                if begun { taken.push(at); }
                let mut whole: Vec<_> = cutter.picture(sample(at, *step, *keyframe)).into_iter().collect();
                if at >= late { whole.extend(cutter.sound(sample(at - late, *step, true))); }
                for cut in whole {
                    // Steps are taken to be like the one before, and here are not: by up to 40 ms.
                    let longest = SECOND / 2 + SLACK + 40_000_000;
                    prop_assert!(cut.lasts <= longest, "{} at {index}", cut.lasts);
                    seen.extend(cut.pictures.iter().map(|picture| picture.at));
                }
            }
            prop_assert_eq!(&taken[..seen.len()], &seen[..]);
        }
    }
}
