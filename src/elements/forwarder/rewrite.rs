//! Sequence numbers and timestamps of one outgoing stream, made from those of the sources it shows in turn. Pure.
//!
//! Invariant: sequence numbers come out strictly increasing (modulo 2^16, in steps that no receiver can mistake for a
//! step back), whatever order comes in. A source's losses stay gaps; a change of source leaves none.

/// Further away than this from the expected number, a source has begun anew (RFC 3550, appendix A.1).
const FAR: i16 = 3000;

/// A source's clock may stand still between two sources, but receivers compare timestamps by half their range.
const LONGEST_PAUSE: u64 = 1 << 30;

/// What is rewritten of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// Where a packet stands in its source's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing of its source has passed yet.
    First,
    /// Later than all that passed.
    Ahead,
    /// It or a later one has passed: it must not pass.
    Stale,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    highest: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// What follows a packet from far behind: if it comes, the source has begun anew.
    suspect: Option<u16>,
}

/// The last packet sent, by timestamp, and when it was, in nanoseconds of running time.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: u16,
    timestamp: u32,
    time: Option<u64>,
}

/// The state of one outgoing stream.
#[derive(Debug)]
pub(super) struct Rewriter {
    ssrc: u32,
    clock_rate: u32,
    source: Option<Source>,
    last: Option<Last>,
    first: (u16, u32),
}

impl Rewriter {
    /// A stream that begins at random numbers, the sequence's in the lower half: SRTP cannot tell an early wrap-around
    /// from a late packet.
    pub(super) fn new(ssrc: u32, clock_rate: u32) -> Self {
        Self::starting_at(ssrc, clock_rate, rand::random::<u16>() >> 1, rand::random())
    }

    fn starting_at(ssrc: u32, clock_rate: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, clock_rate, source: None, last: None, first: (sequence, timestamp) }
    }

    /// Changes the stream's name and clock; its numbers continue.
    pub(super) fn rename(&mut self, ssrc: u32, clock_rate: u32) {
        (self.ssrc, self.clock_rate) = (ssrc, clock_rate);
        self.source = None;
    }

    /// Whatever comes next is the first of its source.
    pub(super) fn restart(&mut self) {
        self.source = None;
    }

    /// Places a packet. Must be followed by [`forward`](Self::forward), [`skip`](Self::skip) or nothing.
    pub(super) fn place(&mut self, input: Numbers) -> Place {
        let Some(source) = self.source.as_mut().filter(|source| source.ssrc == input.ssrc) else {
            self.source = None;
            return Place::First;
        };
        let ahead = input.sequence.wrapping_sub(source.highest).cast_signed();
        if (1..=FAR).contains(&ahead) {
            return Place::Ahead;
        }
        if (-FAR..=0).contains(&ahead) || (ahead < 0 && source.suspect != Some(input.sequence)) {
            source.suspect = (ahead < -FAR).then(|| input.sequence.wrapping_add(1));
            return Place::Stale;
        }
        self.source = None;
        Place::First
    }

    /// The numbers under which a packet that is first or ahead goes out, sent at `time`.
    pub(super) fn forward(&mut self, input: Numbers, time: Option<u64>) -> Numbers {
        let (sequence, timestamp) = match &mut self.source {
            Some(source) => {
                source.highest = input.sequence;
                source.suspect = None;
                (
                    input.sequence.wrapping_add(source.sequence_offset),
                    input.timestamp.wrapping_add(source.timestamp_offset),
                )
            }
            None => {
                let (sequence, timestamp) = self.next(time);
                self.source = Some(Source {
                    ssrc: input.ssrc,
                    highest: input.sequence,
                    sequence_offset: sequence.wrapping_sub(input.sequence),
                    timestamp_offset: timestamp.wrapping_sub(input.timestamp),
                    suspect: None,
                });
                (sequence, timestamp)
            }
        };
        self.last = Some(match self.last {
            // A timestamp that steps back must not pull the next source back.
            Some(last) if timestamp.wrapping_sub(last.timestamp).cast_signed() < 0 => Last { sequence, ..last },
            _ => Last { sequence, timestamp, time },
        });
        Numbers { ssrc: self.ssrc, sequence, timestamp }
    }

    /// Leaves out a packet that is first or ahead, so that no gap shows.
    pub(super) fn skip(&mut self, input: Numbers) {
        let Some(source) = &mut self.source else { return };
        source.highest = input.sequence;
        source.sequence_offset = source.sequence_offset.wrapping_sub(1);
        let shown = input.sequence.wrapping_add(source.sequence_offset);
        if self.last.is_some_and(|last| shown.wrapping_sub(last.sequence).cast_signed() > FAR) {
            self.source = None;
        }
    }

    /// Where the next source begins.
    fn next(&self, time: Option<u64>) -> (u16, u32) {
        let Some(last) = self.last else { return self.first };
        let pause = match (last.time, time) {
            (Some(before), Some(now)) => {
                u128::from(now.saturating_sub(before)) * u128::from(self.clock_rate) / 1_000_000_000
            }
            // Without a clock, a video frame's time passes.
            _ => u128::from(self.clock_rate / 30),
        };
        let pause = u64::try_from(pause).unwrap_or(LONGEST_PAUSE).clamp(1, LONGEST_PAUSE) as u32;
        (last.sequence.wrapping_add(1), last.timestamp.wrapping_add(pause))
    }
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
