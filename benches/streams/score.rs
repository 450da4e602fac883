//! Whether a stream falters: its frames second by second, and how far they are apart. Pure.

/// How pictures come, or are to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Seconds that have so many pictures more or less than they should, in percent: the worst of them.
    pub(crate) worst: f64,
    /// How many seconds are more than 5 % off.
    pub(crate) off: usize,
    /// How many seconds there are.
    pub(crate) seconds: usize,
    /// The longest time from one picture to the next.
    pub(crate) gap: f64,
    /// When that is.
    pub(crate) gap_at: f64,
    /// How many gaps are longer than 200 ms.
    pub(crate) gaps: usize,
}

impl Pace {
    /// Of pictures at these times, of which there should be `fps` in each second.
    pub(crate) fn of(times: &[f64], fps: f64) -> Self {
        let mut pace = Self { worst: 0.0, off: 0, seconds: 0, gap: 0.0, gap_at: 0.0, gaps: 0 };
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            pace.gaps += usize::from(gap > 0.2);
            if gap > pace.gap {
                (pace.gap, pace.gap_at) = (gap, pair[0]);
            }
        }
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return pace };
        pace.seconds = (last - first).max(0.0) as usize;
        // Half a frame before the first, so that no picture is on the border of two seconds.
        let begin = first - 0.5 / fps;
        let mut at = 0;
        for second in 0..pace.seconds {
            let end = begin + (second + 1) as f64;
            let count = times[at..].iter().take_while(|time| **time < end).count();
            at += count;
            let off = (count as f64 - fps).abs() / fps * 100.0;
            pace.worst = pace.worst.max(off);
            pace.off += usize::from(off > 5.0);
        }
        pace
    }
}
