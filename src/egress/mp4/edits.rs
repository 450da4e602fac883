//! Edit lists that end too early.
//!
//! A track that begins a moment after the other has an edit list, which mp4mux writes with the first fragment and which
//! then says that the track ends with that fragment. Players do not mind; qtdemux takes it at its word and drops the rest.
//! So the end is lifted while a file is demuxed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{each_box, number};

/// A movie header without samples, as it stands before fragments, has a few hundred bytes for each track.
const LARGEST_HEADER: usize = 1 << 20;

/// A fragmented file whose tracks last as long as their samples do. Dropped, the file is as it was.
pub(in crate::egress) struct Unbounded {
    path: PathBuf,
    /// Where the movie header begins, in bytes.
    at: u64,
    header: Vec<u8>,
}

impl Unbounded {
    /// Lifts the ends from the edit lists in the file's movie header. None where there is nothing to lift. Blocks.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(in crate::egress) fn new(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().read(true).write(true).open(path)?;
        let Some((at, header)) = movie_header(&file)? else { return Ok(None) };
        let mut unbounded = header.clone();
        lift_ends(&mut unbounded);
        if unbounded == header {
            return Ok(None);
        }
        file.write_all_at(&unbounded, at)?;
        Ok(Some(Self { path: path.to_owned(), at, header }))
    }
}

impl Drop for Unbounded {
    fn drop(&mut self) {
        let restored =
            File::options().write(true).open(&self.path).and_then(|file| file.write_all_at(&self.header, self.at));
        if let Err(error) = restored {
            tracing::warn!(path = %self.path.display(), %error, "the edit lists of a file are not as they were");
        }
    }
}

/// The movie header of a file, with where it begins.
fn movie_header(file: &File) -> io::Result<Option<(u64, Vec<u8>)>> {
    let mut at = 0;
    let mut header = [0; 8];
    while file.read_exact_at(&mut header, at).is_ok() {
        let size = number(&header[..4]).unwrap_or(0);
        if &header[4..] == b"moov" {
            let Some(size) = usize::try_from(size).ok().filter(|size| *size <= LARGEST_HEADER) else { return Ok(None) };
            let mut all = vec![0; size];
            file.read_exact_at(&mut all, at)?;
            return Ok(Some((at, all)));
        }
        if size < 8 {
            break;
        }
        at += u64::from(size);
    }
    Ok(None)
}

/// Has the last edit of each track in a movie header (`moov`) of a fragmented file end with the track: a duration of
/// zero (ISO/IEC 14496-12, 8.6.6).
fn lift_ends(moov: &mut [u8]) {
    let mut fragmented = false;
    each_box(moov, 8, &mut |kind, _| fragmented |= kind == b"mvex");
    if !fragmented {
        return;
    }
    each_box(moov, 8, &mut |kind, track| {
        if kind != b"trak" {
            return;
        }
        each_box(track, 0, &mut |kind, edits| {
            if kind == b"edts" {
                each_box(edits, 0, &mut |kind, list| {
                    if kind == b"elst" {
                        lift_end(list);
                    }
                });
            }
        });
    });
}

/// The same for one edit list: version and flags, the number of edits, then for each its duration, time and rate.
fn lift_end(list: &mut [u8]) {
    let (entry, duration) = if list.first() == Some(&1) { (20, 8) } else { (12, 4) };
    let count = list.get(4..8).and_then(number).and_then(|count| usize::try_from(count).ok());
    let last = count.and_then(|count| count.checked_sub(1)?.checked_mul(entry)?.checked_add(8));
    if let Some(field) = last.and_then(|last| list.get_mut(last..last.checked_add(duration)?)) {
        field.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::boxed;
    use super::*;

    fn with_edits(mvex: bool, durations: &[u32]) -> Vec<u8> {
        let count = u32::try_from(durations.len()).unwrap();
        let edits = durations.iter().map(|duration| [&duration.to_be_bytes()[..], &[7, 0, 0, 0, 0, 1, 0, 0]].concat());
        let list = [vec![0; 4], count.to_be_bytes().to_vec(), edits.collect::<Vec<_>>().concat()].concat();
        let track = boxed(b"trak", &boxed(b"edts", &boxed(b"elst", &list)));
        boxed(b"moov", &[track, boxed(if mvex { b"mvex" } else { b"free" }, &[])].concat())
    }

    #[test]
    fn the_last_edit_of_a_fragmented_file_has_no_end_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let file = |moov: Vec<u8>| [boxed(b"ftyp", b"isom"), moov, boxed(b"moof", b"samples")].concat();
        let cases =
            [(with_edits(true, &[3, 1000]), Some(with_edits(true, &[3, 0]))), (with_edits(false, &[3, 1000]), None)];
        for (before, after) in cases {
            std::fs::write(&path, file(before.clone())).unwrap();
            let lifted = Unbounded::new(&path).unwrap();
            assert_eq!(lifted.is_some(), after.is_some());
            assert_eq!(std::fs::read(&path).unwrap(), file(after.unwrap_or_else(|| before.clone())));
            drop(lifted);
            assert_eq!(std::fs::read(&path).unwrap(), file(before));
        }
    }

    #[test]
    fn broken_boxes_are_left_alone() {
        for size in [0u32, 1, 7, 9, 400] {
            let mvex = boxed(b"mvex", &[]);
            let mut data = [boxed(b"moov", &[]), mvex, size.to_be_bytes().to_vec(), b"trak\0\0".to_vec()].concat();
            let before = data.clone();
            lift_ends(&mut data);
            assert_eq!(data, before);
        }
    }
}
