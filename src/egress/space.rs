//! How much space is left for recordings, and what that allows.

use std::path::Path;

use super::OutputError;

/// The bounds of free space, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Below this, whoever operates the server is warned.
    pub warn: u64,
    /// Below this, no recording begins.
    pub refuse: u64,
    /// Below this, recordings end: what is left is enough to finalise their files.
    pub stop: u64,
}

/// How it is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// There is enough.
    Enough,
    /// There is little; bytes.
    Low(u64),
    /// There is too little to begin; bytes.
    Scarce(u64),
    /// There is too little to go on; bytes.
    Exhausted(u64),
}

impl Limits {
    /// What `free` bytes are.
    pub(super) fn judge(&self, free: u64) -> Space {
        if free < self.stop {
            Space::Exhausted(free)
        } else if free < self.refuse {
            Space::Scarce(free)
        } else if free < self.warn {
            Space::Low(free)
        } else {
            Space::Enough
        }
    }

    /// Looks at the file system of `folder`. Blocks.
    ///
    /// # Errors
    /// When the system does not say.
    pub(super) fn look(&self, folder: &Path) -> Result<Space, OutputError> {
        free(folder).map(|free| self.judge(free))
    }
}

/// How many bytes are free in the file system of `folder`. Blocks for a moment.
pub(super) fn free(folder: &Path) -> Result<u64, OutputError> {
    size_and_free(folder).map(|(_, free)| free)
}

/// How many bytes the file system of `folder` has, and how many of them are free. Blocks for a moment.
///
/// # Errors
/// When the system does not say.
pub fn size_and_free(folder: &Path) -> Result<(u64, u64), OutputError> {
    let about = rustix::fs::statvfs(folder).map_err(std::io::Error::from).map_err(OutputError::file(folder))?;
    let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
    Ok((bytes(about.f_blocks), bytes(about.f_bavail)))
}

/// Whether there is room for a file of so many `bytes` in `folder`, with more than `kept` left for what is being recorded.
/// Blocks for a moment.
///
/// # Errors
/// When there is not, or the system does not say.
pub(super) fn must_fit(folder: &Path, bytes: u64, kept: u64) -> Result<(), OutputError> {
    let free = free(folder)?;
    if free > bytes.saturating_add(kept) {
        return Ok(());
    }
    let (needed_mb, free_mb, kept_mb) = (bytes.div_ceil(1_000_000), megabytes(free), megabytes(kept));
    Err(OutputError::Room { folder: folder.to_owned(), needed_mb, free_mb, kept_mb })
}

/// Whether files can be made in `folder`; asked without making one, which a full disk might refuse. Blocks for a moment.
pub(super) fn must_be_writable(folder: &Path) -> Result<(), OutputError> {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK)
        .map_err(std::io::Error::from)
        .map_err(OutputError::file(folder))
}

/// Bytes for people.
pub(super) fn megabytes(bytes: u64) -> u64 {
    bytes / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_counts_below_itself() {
        let limits = Limits { warn: 30, refuse: 20, stop: 10 };
        let judged = [30, 29, 20, 19, 10, 9].map(|free| limits.judge(free));
        use Space::{Enough, Exhausted, Low, Scarce};
        assert_eq!(judged, [Enough, Low(29), Low(20), Scarce(19), Scarce(10), Exhausted(9)]);
        assert_eq!(Limits::default().judge(0), Enough, "no bounds, no questions");
    }

    #[test]
    fn what_is_written_anew_leaves_what_recordings_need() {
        let folder = tempfile::tempdir().unwrap();
        let half = free(folder.path()).unwrap() / 2;
        assert!(must_fit(folder.path(), 1, half).is_ok());
        for (bytes, kept) in [(half * 4, 0), (0, half * 4), (half, half * 2), (u64::MAX, u64::MAX)] {
            let refused = must_fit(folder.path(), bytes, kept).unwrap_err();
            assert!(matches!(refused, OutputError::Room { .. }) && refused.to_string().contains("make space"));
        }
    }
}
