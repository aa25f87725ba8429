//! One training at a time in a run's folder, and how others see that there is one.

use crate::error::TrainError;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// The file that a training locks. It stays; the lock goes with the process that holds it, however that ends.
const LOCK: &str = "run.lock";

/// Who only looks whether there is a training holds the lock for a moment: a training asks again.
const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// The right to train a run.
#[derive(Debug)]
pub(super) struct Claim {
    _file: File,
}

impl Claim {
    /// Where the file system has no locks, nothing is locked.
    ///
    /// # Errors
    /// When another training has it, or the file cannot be made.
    pub(super) fn take(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| TrainError::Write { path, source })?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            match file.try_lock() {
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Err(TrainError::Busy { folder: folder.into() })
    }

    /// Whether a training has it, as far as can be told.
    pub(super) fn is_taken(folder: &Path) -> bool {
        let Ok(file) = File::open(folder.join(LOCK)) else { return false };
        file.try_lock_shared().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_trained_once_at_a_time_and_looking_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Claim::is_taken(folder.path()));
        let claim = Claim::take(folder.path()).unwrap();
        assert!(Claim::is_taken(folder.path()));
        let error = Claim::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another training"), "{error}");
        drop(claim);
        assert!(!Claim::is_taken(folder.path()));
        Claim::take(folder.path()).unwrap();
    }
}
