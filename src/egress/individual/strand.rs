//! A stream without holes: what stands in for what does not come, and when. Pure; times in nanoseconds from the
//! beginning of the file.
//!
//! ```text
//! sound    ▂▂▂▂ silence ▂▂▂▂▂▂   silence as soon as nothing can come any more for that time
//! picture  ▆▆▆▆▆▆ tile  tile ▆▆   the name tile when muted, or when nothing came for a while, until the next keyframe
//! ```

/// How long a usual frame of sound is.
pub(super) const FRAME: u64 = 20_000_000;
/// The shortest silence: a frame may be half as long.
const HALF: u64 = FRAME / 2;
/// Sound that is this far from its time, on average over [`STEADY`] packets, is put right. More than half of what that
/// moves it by, so that it does not go to and fro.
const ASTRAY: i64 = 7_000_000;
const STEADY: i64 = 64;
/// Packets may be this late: lost ones are sent again, and jitter buffers wait.
const LATE: u64 = 500_000_000;
/// A picture may stand still for so long; as often a tile is shown again, so that one finds a keyframe.
const STILL: u64 = 1_000_000_000;
/// So much silence is made at once where much is missing, so that no queue overflows.
const PORTION: u64 = 10_000_000_000;
/// How many gaps are kept.
const MOST_GAPS: usize = 10_000;

/// When a stream had nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) begin: u64,
    pub(super) end: u64,
}

#[derive(Debug, Default)]
struct Gaps(Vec<Gap>);

impl Gaps {
    /// Notes one, which may go on the last one.
    fn note(&mut self, begin: u64, end: u64) {
        let count = self.0.len();
        match self.0.last_mut() {
            Some(last) if last.end >= begin => last.end = last.end.max(end),
            _ if count < MOST_GAPS => self.0.push(Gap { begin, end }),
            _ => {}
        }
    }
}

/// A silence of whole halves of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) from: u64,
    pub(super) length: u64,
}

impl Silence {
    const fn none(at: u64) -> Self {
        Self { from: at, length: 0 }
    }

    /// When each of its frames sounds, and how long it is: as long as they can be.
    pub(super) fn frames(self) -> impl Iterator<Item = (u64, u64)> {
        (0..self.length).step_by(FRAME as usize).map(move |at| (self.from + at, FRAME.min(self.length - at)))
    }
}

/// The sound.
#[derive(Debug, Default)]
pub(super) struct Sound {
    end: u64,
    /// By how much packets came after their place in the file lately. Clocks of senders run differently, and a single
    /// packet's time is only known to some milliseconds.
    behind: i64,
    gaps: Gaps,
}

impl Sound {
    /// A packet that came: the silence before it, and when it sounds, if it does. Packets follow each other to the sample,
    /// since players often do not look at their times: what amounts to most of a frame is corrected at once, what
    /// remains, by and by.
    pub(super) fn packet(&mut self, at: u64, duration: u64) -> (Silence, Option<u64>) {
        let silence = self.silence(at);
        // Its place is taken if it comes this late.
        if at + FRAME <= self.end {
            return (silence, None);
        }
        self.behind += (at.cast_signed() - self.end.cast_signed() - self.behind) / STEADY;
        if self.behind.abs() <= ASTRAY || silence.length > 0 {
            let at = self.end;
            self.end += duration;
            return (silence, Some(at));
        }
        // A pause that is longer by half a frame; or, in place of a whole frame, half a one of silence.
        let silence = Silence { from: self.end, length: HALF };
        self.end += HALF;
        if self.behind < 0 {
            self.behind += HALF.cast_signed();
            return (silence, None);
        }
        self.behind -= HALF.cast_signed();
        let at = self.end;
        self.end += duration;
        (silence, Some(at))
    }

    /// The silence that is certain at `now`.
    pub(super) fn idle(&mut self, now: u64) -> Silence {
        self.silence(now.saturating_sub(LATE))
    }

    /// The silence up to the end of the file at `end`: all of it, unless it [lacks](Self::lacks) too much.
    pub(super) fn close(&mut self, end: u64) -> Silence {
        self.silence(end)
    }

    fn silence(&mut self, until: u64) -> Silence {
        let from = self.end;
        let missing = until.saturating_sub(from).min(PORTION);
        // Less than that is how times are known, not a packet that is missing.
        if missing + FRAME / 4 < FRAME {
            return Silence::none(from);
        }
        let length = (missing + HALF / 2) / HALF * HALF;
        self.end = from + length;
        self.behind = 0;
        self.gaps.note(from, self.end);
        Silence { from, length }
    }

    /// Whether [`close`](Self::close) would not come as far as `end`, so that [`idle`](Self::idle) must go on before.
    pub(super) fn lacks(&self, end: u64) -> bool {
        end.saturating_sub(self.end) > PORTION
    }

    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps.0
    }
}

/// What to do with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is shown then.
    Write(u64),
    /// It is not shown.
    Drop,
    /// It cannot be shown without the pictures before it.
    WantKeyframe,
}

/// The picture.
#[derive(Debug, Default)]
pub(super) struct Picture {
    muted: bool,
    /// Whether the next picture may build on the last.
    live: bool,
    last: Option<u64>,
    /// When the next tile shows if nothing else does, and when that is certain.
    tile_at: u64,
    due: u64,
    gap: Option<u64>,
    gaps: Gaps,
}

impl Picture {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self { due: LATE, ..Self::default() }
    }

    /// A picture that came.
    pub(super) fn frame(&mut self, at: u64, keyframe: bool) -> Verdict {
        if self.muted {
            return Verdict::Drop;
        }
        if !self.live && !keyframe {
            return Verdict::WantKeyframe;
        }
        let at = self.after_last(at);
        self.live = true;
        if let Some(begin) = self.gap.take() {
            self.gaps.note(begin, at);
        }
        (self.tile_at, self.due) = (at + STILL, at + STILL + LATE);
        Verdict::Write(at)
    }

    /// Nothing will come from `now` on, until it is [shown](Self::show) again.
    pub(super) fn mute(&mut self, now: u64) {
        (self.muted, self.live) = (true, false);
        (self.tile_at, self.due) = (now, now);
    }

    /// Pictures will come, beginning with a keyframe.
    pub(super) fn show(&mut self) {
        (self.muted, self.live) = (false, false);
    }

    /// Pictures are missing before the next ones: those must begin with a keyframe.
    pub(super) fn cut(&mut self) {
        self.live = false;
    }

    /// When a tile shows, if one is due at `now`.
    pub(super) fn tile(&mut self, now: u64) -> Option<u64> {
        if now < self.due {
            return None;
        }
        let at = self.after_last(self.tile_at);
        self.live = false;
        self.gap.get_or_insert(at);
        (self.tile_at, self.due) = (at + STILL, at + STILL);
        Some(at)
    }

    /// The gaps until the file ends at `end`.
    pub(super) fn gaps(&mut self, end: u64) -> &[Gap] {
        if let Some(begin) = self.gap.take().filter(|begin| *begin < end) {
            self.gaps.note(begin, end);
        }
        &self.gaps.0
    }

    fn after_last(&mut self, at: u64) -> u64 {
        let at = self.last.map_or(at, |last| at.max(last + 1_000_000));
        self.last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn sound_that_does_not_come_is_silence() {
        let mut sound = Sound::default();
        assert_eq!(sound.packet(3 * MS, FRAME), (Silence::none(0), Some(0)));
        assert_eq!(sound.packet(23 * MS, FRAME).1, Some(20 * MS));
        // One is lost.
        assert_eq!(sound.packet(63 * MS, FRAME), (Silence { from: 40 * MS, length: 20 * MS }, Some(60 * MS)));
        assert_eq!(sound.idle(400 * MS).length, 0, "it may still come");
        assert_eq!(sound.idle(700 * MS), Silence { from: 80 * MS, length: 120 * MS });
        assert_eq!(sound.packet(100 * MS, FRAME).1, None, "too late");
        assert_eq!(sound.gaps(), [Gap { begin: 40 * MS, end: 60 * MS }, Gap { begin: 80 * MS, end: 200 * MS }]);
    }

    #[test]
    fn a_file_whose_sound_does_not_come_ends() {
        for silent in [0, 10, 30, 600, 25_000] {
            let mut sound = Sound::default();
            sound.packet(0, FRAME);
            let end = (20 + silent) * MS;
            let mut looks = 0;
            while sound.lacks(end) {
                sound.idle(end);
                looks += 1;
                assert!(looks < 5, "{silent} ms of silence are never made");
            }
            sound.close(end);
            assert!(sound.end.abs_diff(end) < FRAME, "{} of {end}", sound.end);
        }
    }

    #[test]
    fn silence_is_made_of_whole_frames_and_half_a_one() {
        let silence = Silence { from: 5 * MS, length: 50 * MS };
        let frames: Vec<_> = silence.frames().collect();
        assert_eq!(frames, [(5 * MS, FRAME), (25 * MS, FRAME), (45 * MS, HALF)]);
        assert_eq!(Silence::none(5 * MS).frames().count(), 0);
    }

    /// Puts packets of half an hour, of a clock that is `ppm` millionths too fast, with times known to `noise`. Returns how
    /// far sound was from its time at most, after the first seconds, and how often it was corrected.
    fn drift(ppm: i64, noise: u64, seed: u64) -> (u64, usize) {
        let mut sound = Sound::default();
        let (mut worst, mut corrected, mut random) = (0, 0, seed | 1);
        for index in 0..90_000i64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let exact = (index * (FRAME.cast_signed() - FRAME.cast_signed() * ppm / 1_000_000)).cast_unsigned() + noise;
            let (silence, written) = sound.packet(exact - noise + random % (2 * noise + 1), FRAME);
            corrected += usize::from(silence.length > 0);
            if let Some(at) = written.filter(|_| index > 500) {
                worst = worst.max(at.abs_diff(exact));
            }
        }
        (worst, corrected)
    }

    #[test]
    fn a_clock_that_runs_differently_is_followed_and_noise_is_not() {
        for ppm in [-100, -20, 0, 20, 100] {
            let (worst, corrected) = drift(ppm, 6 * MS, 7);
            assert!(worst <= 9 * MS, "{worst} ns off with {ppm} ppm");
            // So much of a drift of half an hour, in steps of half a frame, and one at the beginning.
            let due = ppm.unsigned_abs() as usize * 1800 / 10_000 + 2;
            assert!(corrected <= due, "corrected {corrected} times, {due} were due, with {ppm} ppm");
        }
    }

    #[test]
    fn a_muted_camera_is_a_tile_until_the_next_keyframe() {
        let mut picture = Picture::new();
        assert_eq!(picture.tile(400 * MS), None);
        assert_eq!(picture.frame(100 * MS, false), Verdict::WantKeyframe);
        assert_eq!(picture.frame(130 * MS, true), Verdict::Write(130 * MS));
        assert_eq!(picture.frame(160 * MS, false), Verdict::Write(160 * MS));
        picture.mute(200 * MS);
        assert_eq!(picture.tile(210 * MS), Some(200 * MS));
        assert_eq!(picture.frame(190 * MS, false), Verdict::Drop);
        assert_eq!(picture.tile(1100 * MS), None);
        assert_eq!(picture.tile(1250 * MS), Some(1200 * MS));
        picture.show();
        assert_eq!(picture.frame(1400 * MS, false), Verdict::WantKeyframe);
        assert_eq!(picture.frame(1430 * MS, true), Verdict::Write(1430 * MS));
        assert_eq!(picture.gaps(2000 * MS), [Gap { begin: 200 * MS, end: 1430 * MS }]);
    }

    #[test]
    fn a_frozen_camera_and_one_that_never_came_are_tiles() {
        let mut picture = Picture::new();
        assert_eq!(picture.tile(500 * MS), Some(0));
        assert_eq!(picture.frame(600 * MS, true), Verdict::Write(600 * MS));
        assert_eq!(picture.tile(2000 * MS), None);
        assert_eq!(picture.tile(2100 * MS), Some(1600 * MS));
        assert_eq!(picture.frame(2200 * MS, false), Verdict::WantKeyframe);
    }

    proptest! {
        #[test]
        fn sound_has_no_hole_and_never_goes_back(gone in proptest::collection::vec(any::<bool>(), 1..400), jitter in 0u64..9) {
            let mut sound = Sound::default();
            let mut end = 0;
            for (index, gone) in gone.into_iter().enumerate() {
                let index = index as u64;
                let came = index * FRAME + (index * 7 % (jitter + 1)) * MS;
                let (silence, written) = if gone { (sound.idle(came), None) } else { sound.packet(came, FRAME) };
                if silence.length > 0 {
                    prop_assert_eq!(silence.from, end);
                    end = silence.from + silence.length;
                }
                if let Some(at) = written {
                    prop_assert_eq!(at, end);
                    prop_assert!(at.abs_diff(came) <= FRAME, "{} is written at {}", came, at);
                    end = at + FRAME;
                }
            }
        }

        #[test]
        fn pictures_never_go_back(steps in proptest::collection::vec((0u8..5, 0u64..2000), 1..200)) {
            let mut picture = Picture::new();
            let (mut now, mut last) = (0, None);
            for (what, passes) in steps {
                now += passes * MS;
                let at = match what {
                    0 => { picture.mute(now); None }
                    1 => { picture.show(); None }
                    2 => picture.tile(now),
                    key => match picture.frame(now.saturating_sub(300 * MS), key == 3) {
                        Verdict::Write(at) => Some(at),
                        _ => None,
                    },
                };
                if let Some(at) = at {
                    prop_assert!(last.is_none_or(|last| at > last));
                    last = Some(at);
                }
            }
        }
    }
}
