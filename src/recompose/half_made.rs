//! A file that grows beside the place where it is to be, and comes there only when it is whole.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::RecomposeError;

/// A file that is not whole yet. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct HalfMade {
    output: PathBuf,
    path: PathBuf,
    force: bool,
    // Holds the lock that keeps a second process from writing the same file.
    file: File,
}

impl HalfMade {
    /// Claims the place for `output`. What a killed process left there is replaced.
    pub(super) fn claim(output: &Path, force: bool) -> Result<Self, RecomposeError> {
        if !force && output.symlink_metadata().is_ok() {
            return Err(RecomposeError::Exists { path: output.to_owned() });
        }
        if output.is_dir() {
            return Err(wrong(output)(std::io::ErrorKind::IsADirectory.into()));
        }
        let path = beside(output, "new");
        let opened = File::options().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(wrong(output))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { output: output.to_owned(), path, force, file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(RecomposeError::Busy { path: output.to_owned() }),
            Err(std::fs::TryLockError::Error(error)) => Err(wrong(output)(error)),
        }
    }

    /// Where it grows.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a muxer may keep what it copies in the end.
    pub(super) fn scratch(&self) -> PathBuf {
        beside(&self.output, "data")
    }

    /// How much is written, for whoever wants to see that something happens.
    pub(super) fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.len());
        size(&self.path) + size(&self.scratch())
    }

    /// Puts it in its place, and says how large it is. Blocks.
    pub(super) fn keep(self) -> Result<u64, RecomposeError> {
        self.file.sync_all().map_err(wrong(&self.output))?;
        let bytes = self.file.metadata().map_err(wrong(&self.output))?.len();
        if !self.force && self.output.symlink_metadata().is_ok() {
            return Err(RecomposeError::Exists { path: self.output.clone() });
        }
        std::fs::rename(&self.path, &self.output).map_err(wrong(&self.output))?;
        Ok(bytes)
    }
}

impl Drop for HalfMade {
    fn drop(&mut self) {
        // Neither is there any more once it is kept.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(self.scratch());
    }
}

fn beside(output: &Path, end: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    PathBuf::from(name)
}

fn wrong(path: &Path) -> impl FnOnce(std::io::Error) -> RecomposeError + use<> {
    let path = path.to_owned();
    move |error| RecomposeError::Output { path, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("a.mp4");
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap().flatten();
            entries.map(|entry| entry.file_name()).collect::<Vec<_>>()
        };
        let half = HalfMade::claim(&output, false).unwrap();
        assert!(matches!(HalfMade::claim(&output, false), Err(RecomposeError::Busy { .. })));
        std::fs::write(half.path(), "whole").unwrap();
        std::fs::write(half.scratch(), "data").unwrap();
        assert_eq!(half.bytes(), 9);
        assert!(!output.exists());
        assert_eq!(half.keep().unwrap(), 5);
        assert_eq!(names(), ["a.mp4"]);
        assert!(matches!(HalfMade::claim(&output, false), Err(RecomposeError::Exists { .. })));
        drop(HalfMade::claim(&output, true).unwrap());
        assert_eq!(names(), ["a.mp4"]);
        assert_eq!(std::fs::read(&output).unwrap(), b"whole", "what was there stays until the new one is whole");
    }
}
