//! Header extensions (RFC 8285): keeps those that the receiving side negotiated, under its identifiers. Pure.
//!
//! Reads the one-byte and the two-byte form, writes the one-byte form, which every endpoint understands.

const ONE_BYTE: u16 = 0xbede;
/// The two-byte form's profile without its four application bits.
const TWO_BYTE: u16 = 0x1000;

/// The longest block that can be written: profile and length, fourteen elements of seventeen bytes, filled to words.
pub(in crate::elements) const LONGEST: usize = 4 + 240;

/// Writes the mapped elements of `block` with profile and length into `out`, and tells how many bytes; none when no
/// element remains. Elements that the one-byte form cannot hold (empty, or over 16 bytes) are left out.
pub(in crate::elements) fn map(profile: u16, block: &[u8], pairs: &[(u8, u8)], out: &mut [u8; LONGEST]) -> usize {
    if pairs.is_empty() {
        return 0;
    }
    let mut end = 4;
    each(profile, block, |id, data| {
        let Some(&(_, to)) = pairs.iter().find(|(from, _)| *from == id) else { return };
        if !(1..=14).contains(&to) || !(1..=16).contains(&data.len()) || end + 1 + data.len() > LONGEST {
            return;
        }
        out[end] = to << 4 | (data.len() as u8 - 1);
        out[end + 1..end + 1 + data.len()].copy_from_slice(data);
        end += 1 + data.len();
    });
    if end == 4 {
        return 0;
    }
    let filled = end.next_multiple_of(4);
    out[end..filled].fill(0);
    out[..2].copy_from_slice(&ONE_BYTE.to_be_bytes());
    out[2..4].copy_from_slice(&(((filled - 4) / 4) as u16).to_be_bytes());
    filled
}

/// Calls `f` for each element; stops where the block is broken.
pub(in crate::elements) fn each<'a>(profile: u16, block: &'a [u8], mut f: impl FnMut(u8, &'a [u8])) {
    let two_byte = profile & 0xfff0 == TWO_BYTE;
    if !two_byte && profile != ONE_BYTE {
        return;
    }
    let mut rest = block;
    while let [first, after @ ..] = rest {
        let (id, length, data) = match (two_byte, after) {
            (true, _) if *first == 0 => (0, 0, after),
            (true, [length, data @ ..]) => (*first, usize::from(*length), data),
            (true, []) => return,
            // The identifier 0 is a single byte of padding, whatever its length bits say.
            (false, _) if *first >> 4 == 0 => (0, 0, after),
            // 15 means that nothing after it may be read.
            (false, _) if *first >> 4 == 15 => return,
            (false, data) => (*first >> 4, usize::from(*first & 0x0f) + 1, data),
        };
        let Some((element, next)) = data.split_at_checked(length) else { return };
        if id != 0 {
            f(id, element);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mapped(profile: u16, block: &[u8], pairs: &[(u8, u8)]) -> Vec<u8> {
        let mut out = [0xff; LONGEST];
        let length = map(profile, block, pairs, &mut out);
        out[..length].to_vec()
    }

    #[test]
    fn maps_both_forms_to_one_byte() {
        let one = [0x31, 1, 2, 0x00, 0x50, 9, 0, 0];
        assert_eq!(mapped(ONE_BYTE, &one, &[(5, 1), (3, 7)]), [0xbe, 0xde, 0, 2, 0x71, 1, 2, 0x10, 9, 0, 0, 0]);
        let two = [3, 2, 1, 2, 0, 5, 0, 6, 1, 8, 0, 0];
        assert_eq!(mapped(0x1003, &two, &[(6, 2), (3, 3), (5, 5)]), [0xbe, 0xde, 0, 2, 0x31, 1, 2, 0x20, 8, 0, 0, 0]);
    }

    #[test]
    fn strips_the_rest() {
        let one = [0x31, 1, 2, 0x00];
        assert!(mapped(ONE_BYTE, &one, &[]).is_empty());
        assert!(mapped(ONE_BYTE, &one, &[(4, 4)]).is_empty());
        assert!(mapped(0x1234, &one, &[(3, 3)]).is_empty(), "an unknown profile");
        assert!(mapped(ONE_BYTE, &one, &[(3, 15)]).is_empty(), "an identifier that the form cannot hold");
        assert!(mapped(ONE_BYTE, &[0xf0, 0x31, 1, 2], &[(3, 3)]).is_empty(), "nothing after identifier 15 counts");
        assert!(mapped(0x1000, &[3, 17, 0, 0], &[(3, 3)]).is_empty(), "longer than the block");
    }

    proptest! {
        #[test]
        fn any_block_is_mapped_to_a_whole_one(
            profile in prop_oneof![Just(ONE_BYTE), Just(TWO_BYTE), any::<u16>()],
            block in proptest::collection::vec(any::<u8>(), 0..600),
            pairs in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..30),
        ) {
            let out = mapped(profile, &block, &pairs);
            if !out.is_empty() {
                prop_assert_eq!(out.len(), 4 + 4 * usize::from(u16::from_be_bytes([out[2], out[3]])));
                let mut ids = Vec::new();
                each(ONE_BYTE, &out[4..], |id, _| ids.push(id));
                prop_assert!(!ids.is_empty() && ids.iter().all(|id| pairs.iter().any(|(_, to)| to == id)));
            }
        }
    }
}
