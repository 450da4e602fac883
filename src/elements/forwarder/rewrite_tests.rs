//! Tests of [`super`].
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn numbers(ssrc: u32, sequence: u16, timestamp: u32) -> Numbers {
    Numbers { ssrc, sequence, timestamp }
}

fn pass(rewriter: &mut Rewriter, input: Numbers, time: Option<u64>) -> Option<(u16, u32)> {
    (rewriter.place(input) != Place::Stale).then(|| {
        let out = rewriter.forward(input, time);
        assert_eq!(out.ssrc, 7);
        (out.sequence, out.timestamp)
    })
}

fn rewriter() -> Rewriter {
    Rewriter::starting_at(7, 90_000, 100, 1000)
}

#[test]
fn offsets_losses_and_stale_packets() {
    let mut rewriter = rewriter();
    let mut go = |sequence, timestamp| pass(&mut rewriter, numbers(1, sequence, timestamp), None);
    assert_eq!(go(5000, 0), Some((100, 1000)));
    assert_eq!(go(5000, 0), None, "a duplicate");
    assert_eq!(go(5003, 90), Some((103, 1090)), "two lost");
    assert_eq!(go(5002, 60), None, "late");
    assert_eq!(go(5004, 120), Some((104, 1120)));
}

#[test]
fn wraps_around_on_both_sides() {
    let mut rewriter = Rewriter::starting_at(7, 90_000, 65_535, u32::MAX - 50);
    let out: Vec<_> = [(65_534, u32::MAX - 10), (65_535, u32::MAX), (0, 10), (65_535, 0), (1, 100), (2, 200)]
        .iter()
        .filter_map(|&(sequence, timestamp)| pass(&mut rewriter, numbers(1, sequence, timestamp), None))
        .collect();
    assert_eq!(out, [(65_535, u32::MAX - 50), (0, u32::MAX - 40), (1, u32::MAX - 29), (2, 60), (3, 160)]);
}

#[test]
fn another_source_continues() {
    let mut rewriter = rewriter();
    pass(&mut rewriter, numbers(1, 5000, 0), Some(SECOND));
    assert_eq!(rewriter.place(numbers(2, 9, 77)), Place::First);
    assert_eq!(pass(&mut rewriter, numbers(2, 9, 77), Some(2 * SECOND)), Some((101, 91_000)));
    assert_eq!(pass(&mut rewriter, numbers(2, 10, 80), Some(2 * SECOND)), Some((102, 91_003)));
    rewriter.restart();
    assert_eq!(pass(&mut rewriter, numbers(2, 10, 80), Some(0)), Some((103, 91_004)), "time never steps back");
    rewriter.restart();
    assert_eq!(pass(&mut rewriter, numbers(2, 10, 80), None), Some((104, 94_004)), "without a clock");
    rewriter.restart();
    let far = pass(&mut rewriter, numbers(2, 10, 80), Some(u64::MAX));
    assert_eq!(far, Some((105, 97_004)), "the last time is unknown");
    rewriter.restart();
    pass(&mut rewriter, numbers(2, 10, 80), Some(0));
    rewriter.restart();
    let before = rewriter.last.unwrap().timestamp;
    let (_, after) = pass(&mut rewriter, numbers(2, 10, 80), Some(u64::MAX)).unwrap();
    assert_eq!(after.wrapping_sub(before), 1 << 30, "bounded");
}

#[test]
fn skipping_leaves_no_gap_but_keeps_those_of_losses() {
    let mut rewriter = rewriter();
    pass(&mut rewriter, numbers(1, 10, 0), None);
    for sequence in [11, 12, 15] {
        assert_eq!(rewriter.place(numbers(1, sequence, 0)), Place::Ahead);
        rewriter.skip(numbers(1, sequence, 0));
    }
    assert_eq!(rewriter.place(numbers(1, 15, 0)), Place::Stale, "a skipped packet counts as seen");
    assert_eq!(pass(&mut rewriter, numbers(1, 16, 0), None).unwrap().0, 103, "13 and 14 stay lost");
}

#[test]
fn a_source_that_begins_anew_is_followed() {
    let mut rewriter = rewriter();
    pass(&mut rewriter, numbers(1, 10_000, 0), None);
    assert_eq!(pass(&mut rewriter, numbers(1, 30_000, 0), None).unwrap().0, 101, "far ahead");
    assert_eq!(pass(&mut rewriter, numbers(1, 5, 0), None), None, "far behind, maybe a stray");
    assert_eq!(pass(&mut rewriter, numbers(1, 30_001, 0), None).unwrap().0, 102);
    assert_eq!(pass(&mut rewriter, numbers(1, 6, 0), None), None, "a stray again");
    assert_eq!(pass(&mut rewriter, numbers(1, 7, 0), None).unwrap().0, 103, "two in a row: a new start");
}

proptest! {
    #[test]
    fn sequence_numbers_strictly_increase(
        first in any::<u16>(),
        packets in proptest::collection::vec(
            (0..3u32, prop_oneof![0..20u16, any::<u16>(), 65_500..=u16::MAX], any::<u32>(), any::<Option<u64>>(), 0..10u8),
            1..400,
        ),
    ) {
        let mut rewriter = Rewriter::starting_at(7, 48_000, first, 0);
        let mut before: Option<u16> = None;
        for (ssrc, sequence, timestamp, time, what) in packets {
            let input = numbers(ssrc, sequence, timestamp);
            match (rewriter.place(input), what) {
                (Place::Stale, _) => {}
                (_, 0) => rewriter.restart(),
                (_, 1..4) => rewriter.skip(input),
                _ => {
                    let out = rewriter.forward(input, time).sequence;
                    if let Some(before) = before {
                        let step = out.wrapping_sub(before);
                        prop_assert!((1..=2 * FAR.cast_unsigned()).contains(&step), "{before} -> {out}");
                    }
                    before = Some(out);
                }
            }
        }
    }

    #[test]
    fn an_ordered_stream_with_losses_keeps_its_shape(
        start in any::<u16>(), first in any::<u16>(), steps in proptest::collection::vec(1..50u16, 1..200),
    ) {
        let mut rewriter = Rewriter::starting_at(7, 90_000, first, 0);
        let (mut sequence, mut expected) = (start, first);
        prop_assert_eq!(pass(&mut rewriter, numbers(1, sequence, 0), None).unwrap().0, expected);
        for step in steps {
            sequence = sequence.wrapping_add(step);
            expected = expected.wrapping_add(step);
            prop_assert_eq!(pass(&mut rewriter, numbers(1, sequence, 0), None).unwrap().0, expected);
        }
    }

    #[test]
    fn timestamps_move_on_at_a_restart(
        packets in proptest::collection::vec((0..1_000_000u32, 0..10 * SECOND), 1..50),
    ) {
        let mut rewriter = rewriter();
        let mut before: Option<u32> = None;
        for (timestamp, time) in packets {
            rewriter.restart();
            let (_, out) = pass(&mut rewriter, numbers(1, 1, timestamp), Some(time)).unwrap();
            if let Some(before) = before {
                prop_assert!((1..=900_000).contains(&out.wrapping_sub(before)));
            }
            before = Some(out);
        }
    }
}
