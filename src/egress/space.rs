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
    let about = rustix::fs::statvfs(folder).map_err(std::io::Error::from).map_err(OutputError::file(folder))?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
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
}
