//! Repairs of what mp4mux of GStreamer 1.22 writes in its fragments: matters only of files that were cut off, the
//! finalised header needs none of it.

mod edits;
mod fragment;
mod torn;

pub(super) use edits::Unbounded;
pub(super) use fragment::repair;
pub(super) use torn::trim;

/// Calls `visit` with the kind and the content of each box in `data` from `start` on.
fn each_box<'a>(data: &'a mut [u8], start: usize, visit: &mut dyn FnMut(&[u8; 4], &'a mut [u8])) {
    let Some(mut rest) = data.get_mut(start..) else { return };
    while let Some(header) = rest.get(..8) {
        let size = number(&header[..4]).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let Ok(kind) = <[u8; 4]>::try_from(&header[4..]) else { return };
        if size < 8 || size > rest.len() {
            return;
        }
        let (this, next) = rest.split_at_mut(size);
        visit(&kind, &mut this[8..]);
        rest = next;
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    /// A box with its header.
    pub(super) fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len() + 8).unwrap();
        [&size.to_be_bytes(), kind.as_slice(), content].concat()
    }
}
