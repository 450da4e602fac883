//! A file whose end was not written: on a full disk, half of a fragment's header. Players refuse it as a whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::number;

/// Cuts off a last box that is torn, unless it holds samples, which harm nobody. Blocks.
///
/// # Errors
/// The file cannot be read or written.
pub(in crate::egress) fn trim(path: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut header = [0; 16];
    let mut at = 0;
    while at < length {
        let there = file.read_at(&mut header, at)?;
        let size = match number(&header[..4]) {
            _ if there < 8 => u64::MAX,
            Some(1) if there == header.len() => header[8..].try_into().map_or(u64::MAX, u64::from_be_bytes),
            Some(size @ 8..) => u64::from(size),
            // Open to the end of the file, or nothing that mp4mux writes.
            _ => return Ok(()),
        };
        match at.checked_add(size) {
            Some(end) if end <= length => at = end,
            _ if there >= 8 && &header[4..8] == b"mdat" => return Ok(()),
            _ => return file.set_len(at),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::boxed;
    use super::*;

    #[test]
    fn only_a_torn_header_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let whole = [boxed(b"ftyp", b"isom"), boxed(b"mdat", b"samples"), boxed(b"moof", b"header")].concat();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            trim(&path).unwrap();
            // The box with the samples is left even where it is torn.
            let kept = match cut {
                ..12 => 0,
                12..20 => 12,
                20..=27 => cut,
                28..41 => 27,
                _ => cut,
            };
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..kept], "cut off after {cut} bytes");
        }
    }

    #[test]
    fn what_has_no_end_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        for content in [&b"\0\0\0\0mdat..."[..], b"\0\0\0\x05free.", b"\0\0\0\x01mdat\0\0\0\0\0\0\x01\0.."] {
            std::fs::write(&path, content).unwrap();
            trim(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }
}
