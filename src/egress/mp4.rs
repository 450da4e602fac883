//! A repair of what mp4mux writes while it records.
//!
//! In GStreamer 1.22 the last samples of a fragment may lack their own size and duration and refer to the track's
//! defaults, which mp4mux leaves at zero; when a silent room makes all frames of sound equally long, this is the rule.
//! Players then refuse the whole file as long as it is not finalised, that is, after a crash. So the track's defaults
//! are filled in as the header passes. The finalised header needs none of it.

use gstreamer as gst;
use gstreamer::prelude::*;

/// AAC of silence, stereo, 48 kHz. Where a guess is wrong, one frame of 21 ms is lost at the end of a fragment.
const SAMPLE_SIZE: u32 = 6;
/// Samples in a frame of AAC.
const AAC_FRAME: u32 = 1024;

/// Repairs what comes to `sink`.
pub(super) fn repair(sink: &gst::Element) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data {
            let is_header = buffer.map_readable().is_ok_and(|data| data.get(4..8) == Some(b"moov"));
            if is_header && let Ok(mut data) = buffer.make_mut().map_writable() {
                fill_defaults(&mut data);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// Fills in the zeros among the defaults of each track (`trex`) of a movie header (`moov`).
fn fill_defaults(moov: &mut [u8]) {
    let mut sounds = Vec::new();
    each_box(moov, 8, &mut |kind, content| match kind {
        b"trak" => {
            // The track's header comes first: its own header, version and flags, two times, the track's id.
            let id = content.get(8 + 12..8 + 16).and_then(number);
            if let Some(id) = id
                && content.windows(4).any(|window| window == b"soun")
            {
                sounds.push(id);
            }
        }
        b"mvex" => each_box(content, 0, &mut |kind, content| {
            if kind != b"trex" {
                return;
            }
            let is_sound = content.get(4..8).and_then(number).is_some_and(|id| sounds.contains(&id));
            let duration = if is_sound { AAC_FRAME } else { 0 };
            for (at, default) in [(12, duration), (16, SAMPLE_SIZE)] {
                if let Some(field) = content.get_mut(at..at + 4)
                    && field == [0; 4]
                {
                    field.copy_from_slice(&default.to_be_bytes());
                }
            }
        }),
        _ => {}
    });
}

/// Calls `visit` with the kind and the content of each box in `data` from `start` on.
fn each_box(data: &mut [u8], start: usize, visit: &mut dyn FnMut(&[u8; 4], &mut [u8])) {
    let mut at = start;
    while let Some(header) = data.get(at..at + 8) {
        let size = number(&header[..4]).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let Ok(kind) = <[u8; 4]>::try_from(&header[4..]) else { return };
        let Some(content) = data.get_mut(at + 8..at.saturating_add(size)) else { return };
        visit(&kind, content);
        at += size;
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes(), kind.as_slice(), content].concat()
    }

    fn track(id: u8, handler: &[u8; 4]) -> Vec<u8> {
        let tkhd = boxed(b"tkhd", &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, id]);
        boxed(b"trak", &[tkhd, boxed(b"hdlr", handler)].concat())
    }

    fn defaults(id: u8, duration: u8) -> Vec<u8> {
        boxed(b"trex", &[0, 0, 0, 0, 0, 0, 0, id, 0, 0, 0, 1, 0, 0, 0, duration, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn zeros_are_filled_in_and_nothing_else_changes() {
        let header = |video: Vec<u8>, audio: Vec<u8>| {
            let all = [track(1, b"vide"), track(2, b"soun"), boxed(b"mvex", &[video, audio].concat())].concat();
            boxed(b"moov", &all)
        };
        let mut moov = header(defaults(1, 9), defaults(2, 0));
        let length = moov.len();
        fill_defaults(&mut moov);
        assert_eq!(moov.len(), length);
        let filled = |id: u8, duration: [u8; 2]| {
            let [high, low] = duration;
            boxed(b"trex", &[0, 0, 0, 0, 0, 0, 0, id, 0, 0, 0, 1, 0, 0, high, low, 0, 0, 0, 6, 0, 0, 0, 0])
        };
        assert_eq!(moov, header(filled(1, [0, 9]), filled(2, [4, 0])));
    }

    #[test]
    fn broken_boxes_are_left_alone() {
        for size in [0u32, 1, 7, 9, 400] {
            let mut data = [boxed(b"moov", &[]), size.to_be_bytes().to_vec(), b"trak\0\0".to_vec()].concat();
            let before = data.clone();
            fill_defaults(&mut data);
            assert_eq!(data, before);
        }
    }
}
