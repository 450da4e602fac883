//! Which of a room's time is in a file, and where: pure.
//!
//! ```text
//! running time  ──[   take 1   ]────pause────[   take 2   ]──
//! file          0 [   take 1   ][   take 2   ]
//! ```
//!
//! Each take begins when it is told to, at the end of the one before it, for all streams, so that all files of a recording are on
//! one clock. Its first picture is a keyframe, which comes somewhat later, and is shown from the beginning on; sound that leads
//! begins with its first frame. A buffer is in the take that holds its middle. Times are in nanoseconds.

/// A part of the running time that is in the file without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Take {
    /// Running time at which it begins.
    begin: u64,
    /// Running time at which it was paused.
    end: Option<u64>,
    /// Where it begins in the file.
    at: u64,
}

impl Take {
    fn holds(&self, moment: u64) -> bool {
        self.begin <= moment && self.end.is_none_or(|end| moment < end)
    }
}

/// One encoded buffer, in running time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Whether it is of the stream that leads: the picture, or the sound where there is no picture.
    pub(super) leads: bool,
    /// Whether it needs no other one.
    pub(super) keyframe: bool,
    /// When it is shown.
    pub(super) pts: u64,
    /// When it is decoded, if told.
    pub(super) dts: Option<u64>,
    /// How long it lasts, or zero if unknown.
    pub(super) duration: u64,
}

/// What to do with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs into the file at these times.
    Write {
        /// When it is shown.
        pts: u64,
        /// When it is decoded.
        dts: Option<u64>,
    },
    /// It does not.
    Drop,
    /// It does not, and a keyframe is wanted.
    WantKeyframe,
    /// It does not, and the picture of this moment, which is still to come, had better be a keyframe.
    WantKeyframeAt(u64),
}

/// What of a room's time is in a file.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Whether pictures lead.
    pictures: bool,
    takes: Vec<Take>,
    /// The running time from which a new take may begin.
    from: Option<u64>,
    /// Whether that was said to whoever makes keyframes.
    announced: bool,
    /// The end of what came last of the leading stream, in running time.
    lead: u64,
    /// The ends of what was written last, in the file: of the stream that follows, of the one that leads.
    written: [u64; 2],
}

impl Timeline {
    /// Nothing yet. `pictures` says whether those lead, and not sound.
    pub(super) fn new(pictures: bool) -> Self {
        Self { pictures, ..Self::default() }
    }

    /// Begins a take with the first keyframe at `from` or later, unless one runs.
    pub(super) fn begin(&mut self, from: u64) {
        if self.takes.last().is_none_or(|take| take.end.is_some()) {
            self.from = Some(from);
            self.announced = false;
        }
    }

    /// Ends the take at `moment`; what happened before and is still under way belongs to it.
    pub(super) fn pause(&mut self, moment: u64) {
        self.from = None;
        if let Some(take) = self.takes.last_mut().filter(|take| take.end.is_none()) {
            take.end = Some(moment.max(take.begin));
        }
    }

    /// Whether a keyframe is awaited.
    pub(super) fn awaits_keyframe(&self) -> bool {
        self.from.is_some()
    }

    /// Whether all pictures before `moment` that are to be in the file have come.
    pub(super) fn has_passed(&self, moment: u64) -> bool {
        let last = self.takes.last().and_then(|take| take.end).filter(|_| self.from.is_none());
        self.lead >= last.map_or(moment, |end| end.min(moment))
    }

    /// How long the file is.
    pub(super) fn length(&self) -> u64 {
        self.written[0].max(self.written[1])
    }

    /// Decides about a buffer.
    pub(super) fn admit(&mut self, sample: Sample) -> Verdict {
        let end = sample.pts + sample.duration;
        let middle = sample.pts.midpoint(end);
        if sample.leads {
            self.lead = self.lead.max(end);
        }
        if let Some(take) = self.takes.iter().rev().find(|take| take.holds(middle)) {
            return self.write(*take, sample);
        }
        let Some(from) = self.from.filter(|_| sample.leads) else { return Verdict::Drop };
        if sample.pts < from {
            let is_known = std::mem::replace(&mut self.announced, true);
            return if is_known || !self.pictures { Verdict::Drop } else { Verdict::WantKeyframeAt(from) };
        }
        if !sample.keyframe {
            return Verdict::WantKeyframe;
        }
        let begin = if self.pictures { from } else { sample.dts.map_or(sample.pts, |dts| dts.min(sample.pts)) };
        let take = Take { begin, end: None, at: self.end_of_takes() };
        self.takes.push(take);
        self.from = None;
        match self.write(take, sample) {
            Verdict::Write { dts, .. } => Verdict::Write { pts: take.at, dts: dts.map(|_| take.at) },
            other => other,
        }
    }

    fn end_of_takes(&self) -> u64 {
        let last = self.takes.last().map_or(0, |take| take.at + take.end.unwrap_or(take.begin) - take.begin);
        // Either may last beyond the moment of the pause, by half of its duration at most; a picture ends with the next one.
        if self.pictures { last } else { last.max(self.written[1]) }
    }

    fn write(&mut self, take: Take, sample: Sample) -> Verdict {
        let shift = |time: u64| (time + take.at).saturating_sub(take.begin);
        let (pts, dts) = (shift(sample.pts), sample.dts.map(shift));
        let written = &mut self.written[usize::from(sample.leads)];
        // At a seam, sound may overlap what is there already: frames of sound know no boundaries of pictures.
        if !sample.leads && pts + sample.duration / 2 < *written {
            return Verdict::Drop;
        }
        *written = (*written).max(pts + sample.duration);
        Verdict::Write { pts, dts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: u64 = 33;
    const SOUND: u64 = 21;

    fn video(pts: u64, keyframe: bool) -> Sample {
        Sample { leads: true, keyframe, pts, dts: Some(pts), duration: FRAME }
    }

    fn audio(pts: u64) -> Sample {
        Sample { leads: false, keyframe: true, pts, dts: None, duration: SOUND }
    }

    fn pts(verdict: Verdict) -> Option<u64> {
        match verdict {
            Verdict::Write { pts, .. } => Some(pts),
            _ => None,
        }
    }

    #[test]
    fn it_begins_with_the_first_keyframe_that_is_late_enough() {
        let mut line = Timeline::new(true);
        assert_eq!(line.admit(video(0, true)), Verdict::Drop);
        line.begin(100);
        assert_eq!(line.admit(video(33, true)), Verdict::WantKeyframeAt(100), "said in time");
        assert_eq!(line.admit(video(66, true)), Verdict::Drop, "and once");
        assert_eq!(line.admit(audio(110)), Verdict::Drop);
        assert_eq!(line.admit(video(100, false)), Verdict::WantKeyframe);
        assert_eq!(line.admit(video(133, true)), Verdict::Write { pts: 0, dts: Some(0) });
        assert_eq!(line.admit(audio(80)), Verdict::Drop);
        assert_eq!(pts(line.admit(audio(120))), Some(20), "what sounds before the first picture is in it");
        assert_eq!(pts(line.admit(video(166, false))), Some(66));
        assert_eq!(line.length(), 99);
    }

    #[test]
    fn a_pause_leaves_no_gap_and_loses_nothing_that_is_under_way() {
        let mut line = Timeline::new(true);
        line.begin(0);
        for frame in 0..10 {
            assert_eq!(pts(line.admit(video(frame * FRAME, frame == 0))), Some(frame * FRAME));
        }
        // Paused, while three pictures of the time before are still to come.
        line.pause(13 * FRAME);
        assert!(!line.has_passed(13 * FRAME));
        for frame in 10..13 {
            assert_eq!(pts(line.admit(video(frame * FRAME, false))), Some(frame * FRAME));
        }
        assert!(line.has_passed(1000 * FRAME), "nothing after the pause is awaited");
        assert_eq!(line.admit(video(13 * FRAME, true)), Verdict::Drop);
        line.begin(20 * FRAME);
        assert_eq!(line.admit(video(19 * FRAME, true)), Verdict::WantKeyframeAt(20 * FRAME));
        assert_eq!(line.admit(video(20 * FRAME, false)), Verdict::WantKeyframe);
        assert_eq!(pts(line.admit(video(21 * FRAME, true))), Some(13 * FRAME));
        assert_eq!(
            pts(line.admit(video(22 * FRAME, false))),
            Some(15 * FRAME),
            "on the clock of what else is recorded"
        );
        assert_eq!(line.length(), 16 * FRAME);
    }

    #[test]
    fn sound_alone_begins_with_its_first_frame_and_its_frames_follow_each_other() {
        let sound = |pts| Sample { leads: true, ..audio(pts) };
        let mut line = Timeline::new(false);
        line.begin(100);
        assert_eq!(pts(line.admit(sound(110))), Some(0));
        assert_eq!(pts(line.admit(sound(131))), Some(21));
        line.pause(145);
        line.begin(200);
        assert_eq!(pts(line.admit(sound(205))), Some(42));
    }

    #[test]
    fn a_pause_before_the_first_picture_is_one() {
        let mut line = Timeline::new(true);
        line.begin(0);
        line.pause(10);
        assert_eq!(line.admit(video(20, true)), Verdict::Drop);
        line.begin(50);
        assert_eq!(pts(line.admit(video(60, true))), Some(0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_in_order_and_without_holes(
            pauses in proptest::collection::vec((50u64..2000, 1u64..2000), 0..6),
            late in 0u64..400,
        ) {
            let mut line = Timeline::new(true);
            line.begin(0);
            let mut events = Vec::new();
            let mut now = 0;
            for (runs, rests) in pauses {
                now += runs;
                events.push((now, false));
                now += rests;
                events.push((now, true));
            }
            let mut events = events.into_iter().peekable();
            let mut last = [None::<(u64, u64)>; 2];
            let mut held = Vec::new();
            let mut samples: Vec<Sample> = (0..400).map(|n| video(n * FRAME, n % 5 == 0)).collect();
            samples.extend((0..400 * FRAME / SOUND).map(|n| audio(n * SOUND)));
            samples.sort_by_key(|sample| sample.pts);
            for sample in samples {
                while let Some((at, begins)) = events.next_if(|(at, _)| *at <= sample.pts + late) {
                    if begins { line.begin(at) } else { line.pause(at) }
                }
                // Sound waits while a keyframe is awaited, as the gate has it.
                let mut ready = if line.awaits_keyframe() { Vec::new() } else { std::mem::take(&mut held) };
                if line.awaits_keyframe() && !sample.leads { held.push(sample) } else { ready.push(sample) }
                let mut verdicts: Vec<_> = ready.into_iter().map(|sample| (sample, line.admit(sample))).collect();
                let ready = if line.awaits_keyframe() { Vec::new() } else { std::mem::take(&mut held) };
                verdicts.extend(ready.into_iter().map(|sample| (sample, line.admit(sample))));
                for (sample, verdict) in verdicts {
                    let Some(at) = pts(verdict) else { continue };
                    let kind = usize::from(sample.leads);
                    if let Some((before, end)) = last[kind] {
                        prop_assert!(at > before, "{at} after {before}");
                        prop_assert!(at <= end + FRAME + SOUND, "a hole from {end} to {at}");
                    }
                    last[kind] = Some((at, line.written[kind].max(at + sample.duration)));
                }
            }
            if let [Some((_, sound)), Some((_, picture))] = last {
                prop_assert!(sound.abs_diff(picture) <= 2 * FRAME + SOUND, "{sound} {picture}");
            }
        }
    }
}
