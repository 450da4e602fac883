//! Where things are in an RTP packet (RFC 3550 §5.1). Pure; trusts no length that the packet states.

use std::ops::Range;

/// The fixed part of a header.
pub(in crate::elements) const FIXED: usize = 12;

/// A view of one RTP packet whose parts all lie within it.
#[derive(Debug, Clone)]
pub(in crate::elements) struct Packet<'a> {
    data: &'a [u8],
    csrc_end: usize,
    extension: Option<(u16, Range<usize>)>,
    body: usize,
    padding: usize,
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` when it is not RTP version 2 or a part would lie outside of it.
    pub(in crate::elements) fn parse(data: &'a [u8]) -> Option<Self> {
        let first = *data.first()?;
        if first >> 6 != 2 {
            return None;
        }
        let csrc_end = FIXED + usize::from(first & 0x0f) * 4;
        let mut body = csrc_end;
        let mut extension = None;
        if first & 0x10 != 0 {
            let head: [u8; 4] = data.get(csrc_end..csrc_end + 4)?.try_into().ok()?;
            let start = csrc_end + 4;
            body = start + usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
            extension = Some((u16::from_be_bytes([head[0], head[1]]), start..body));
        }
        let rest = data.len().checked_sub(body)?;
        let padding = match data.last() {
            Some(&length) if first & 0x20 != 0 => usize::from(length),
            _ => 0,
        };
        (padding <= rest).then_some(Self { data, csrc_end, extension, body, padding })
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.data[at], self.data[at + 1], self.data[at + 2], self.data[at + 3]])
    }

    pub(in crate::elements) fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.data[2], self.data[3]])
    }

    /// Whether it is the last of its picture, or the first of a talkspurt (RFC 3551 §4.1).
    pub(in crate::elements) fn marker(&self) -> bool {
        self.data[1] & 0x80 != 0
    }

    pub(in crate::elements) fn timestamp(&self) -> u32 {
        self.word(4)
    }

    pub(in crate::elements) fn ssrc(&self) -> u32 {
        self.word(8)
    }

    /// The header up to the extension: fixed part and CSRCs.
    pub(in crate::elements) fn head(&self) -> &'a [u8] {
        &self.data[..self.csrc_end]
    }

    /// The extension's profile and its data.
    pub(in crate::elements) fn extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension.clone().map(|(profile, range)| (profile, &self.data[range]))
    }

    /// Where payload and padding begin.
    pub(in crate::elements) fn body(&self) -> usize {
        self.body
    }

    /// The payload without padding.
    pub(in crate::elements) fn payload(&self) -> &'a [u8] {
        &self.data[self.body..self.data.len() - self.padding]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_every_part() {
        let mut data = vec![0xb1, 0x60, 0x12, 0x34, 0, 0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4];
        data.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        data.extend([5, 6, 0, 0, 3]);
        let packet = Packet::parse(&data).unwrap();
        assert_eq!((packet.sequence(), packet.timestamp(), packet.ssrc()), (0x1234, 7, 9));
        assert_eq!(packet.head().len(), 16);
        assert_eq!(packet.extension(), Some((0xbede, &[0x10, 0xaa, 0, 0][..])));
        assert_eq!((packet.body(), packet.payload()), (24, &[5, 6][..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_safely(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(packet) = Packet::parse(&data) {
                prop_assert!(packet.body() + packet.payload().len() <= data.len());
                let _ = (packet.sequence(), packet.timestamp(), packet.ssrc(), packet.head(), packet.extension());
            }
        }
    }
}
