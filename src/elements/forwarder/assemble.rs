//! Puts a new header before a shared payload. The buffers that come in belong to all branches of a tee: they are never
//! written to, and payloads are never copied.

use gstreamer as gst;
use gstreamer::glib;

use super::rewrite::Numbers;
use crate::elements::extensions;
use crate::elements::packet::{FIXED, Packet};

/// The longest header that can be written: fixed part, fifteen CSRCs, extensions.
const LONGEST: usize = FIXED + 15 * 4 + extensions::LONGEST;

/// A header made for one packet; on the stack, since one is made for each packet and viewer.
pub(super) struct Header {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Header {
    pub(super) fn new(packet: &Packet<'_>, payload: u8, numbers: Numbers, pairs: &[(u8, u8)]) -> Self {
        let head = packet.head();
        let mut bytes = [0; LONGEST];
        bytes[..head.len()].copy_from_slice(head);
        let mut length = head.len();
        bytes[0] &= !0x10;
        if let (Some((profile, block)), false) = (packet.extension(), pairs.is_empty()) {
            let mut extension = [0; extensions::LONGEST];
            let written = extensions::map(profile, block, pairs, &mut extension);
            bytes[length..length + written].copy_from_slice(&extension[..written]);
            length += written;
            if written > 0 {
                bytes[0] |= 0x10;
            }
        }
        bytes[1] = bytes[1] & 0x80 | payload & 0x7f;
        bytes[2..4].copy_from_slice(&numbers.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&numbers.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&numbers.ssrc.to_be_bytes());
        Self { bytes, length }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A buffer of `header` and what `input` holds from `body` on.
pub(super) fn buffer(
    input: &gst::BufferRef,
    header: &Header,
    body: usize,
    discont: bool,
) -> Result<gst::Buffer, glib::BoolError> {
    let mut memory = gst::Memory::with_size(header.length);
    let fresh = || glib::bool_error!("a new object is not writable");
    memory.get_mut().ok_or_else(fresh)?.map_writable()?.copy_from_slice(header.as_slice());
    let mut buffer = gst::Buffer::new();
    let out = buffer.get_mut().ok_or_else(fresh)?;
    // In two steps: a copy that begins inside the buffer would lose its timestamps.
    let about = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS | gst::BufferCopyFlags::META;
    input.copy_into(out, about, ..)?;
    out.append_memory(memory);
    input.copy_into(out, gst::BufferCopyFlags::MEMORY, body..)?;
    if discont {
        out.set_flags(gst::BufferFlags::DISCONT);
    }
    Ok(buffer)
}
