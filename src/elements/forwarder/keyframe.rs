//! Does a keyframe start in this packet? Pure; looks at the first bytes of a payload only.

use crate::media::Codec;

/// Whether a decoder that knows nothing can begin with this payload. Sound always can.
pub(super) fn starts(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        Codec::Vp8 => vp8(payload).unwrap_or(false),
        Codec::H264 => h264(payload).unwrap_or(false),
    }
}

/// RFC 7741: the first packet of the first partition, and the P bit of the frame header clear.
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let (start, partition) = (first & 0x10 != 0, first & 0x07);
    if !start || partition != 0 {
        return Some(false);
    }
    let mut at = 1;
    if first & 0x80 != 0 {
        let fields = *payload.get(1)?;
        at = 2;
        if fields & 0x80 != 0 {
            at += if *payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(fields & 0x40 != 0) + usize::from(fields & 0x30 != 0);
    }
    Some(*payload.get(at)? & 0x01 == 0)
}

/// RFC 6184: an IDR slice or a sequence parameter set, alone, aggregated, or at the start of a fragmented unit.
fn h264(payload: &[u8]) -> Option<bool> {
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let key = |unit: u8| matches!(unit & 0x1f, 5 | 7);
    let first = *payload.first()?;
    match first & 0x1f {
        STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, units @ ..] = rest {
                if key(*units.first()?) {
                    return Some(true);
                }
                rest = units.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
            }
            Some(false)
        }
        FU_A => payload.get(1).map(|head| head & 0x80 != 0 && key(*head)),
        _ => Some(key(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vp8_keyframes() {
        let starts = |payload: &[u8]| starts(Codec::Vp8, payload);
        assert!(starts(&[0x10, 0x00]), "no extension");
        assert!(starts(&[0x90, 0x80, 0x05, 0x00]), "short picture id");
        assert!(starts(&[0x90, 0x80, 0x85, 0x01, 0x00]), "long picture id");
        assert!(starts(&[0x90, 0xe0, 0x85, 0x01, 0x07, 0x20, 0x00]), "all fields");
        assert!(!starts(&[0x10, 0x01]), "an interframe");
        assert!(!starts(&[0x00, 0x00]), "a frame's later packet");
        assert!(!starts(&[0x11, 0x00]), "another partition");
        assert!(!starts(&[0x90, 0x80]), "cut off");
        assert!(!starts(&[]));
    }

    #[test]
    fn h264_keyframes() {
        let starts = |payload: &[u8]| starts(Codec::H264, payload);
        assert!(starts(&[0x65, 1]), "IDR");
        assert!(starts(&[0x67, 1]), "SPS");
        assert!(starts(&[0x78, 0, 2, 0x06, 1, 0, 2, 0x67, 1]), "SPS in a STAP-A after SEI");
        assert!(starts(&[0x7c, 0x85, 1]), "the start of a fragmented IDR");
        assert!(!starts(&[0x7c, 0x05, 1]), "its middle");
        assert!(!starts(&[0x7c, 0x81, 1]), "a fragmented slice");
        assert!(!starts(&[0x61, 1]), "a slice");
        assert!(!starts(&[0x68, 1]), "a PPS alone");
        assert!(!starts(&[0x78, 0, 9, 0x61, 1]), "a broken STAP-A");
        assert!(!starts(&[]));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_safely(payload in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (starts(Codec::Vp8, &payload), starts(Codec::H264, &payload));
        }
    }
}
