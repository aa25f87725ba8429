//! One writer at a time.

use super::error::LibraryError;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file that a writer locks. It stays; the lock goes with the process that holds it, however that ends.
pub(super) const LOCK: &str = "library.lock";
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// What to do while another process writes.
pub enum Wait<'a> {
    /// Give up, and say who writes.
    No,
    /// Wait for it; the function is told once who writes.
    Yes(&'a mut dyn FnMut(&str)),
}

/// Who writes, as it says itself in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    process: u32,
    host: String,
    /// Seconds since 1970.
    since: u64,
}

/// The right to write to a library.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    pub(super) fn take(folder: &Path, mut wait: Wait<'_>) -> Result<Self, LibraryError> {
        let path = folder.join(LOCK);
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).map_err(LibraryError::file("write", &path))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(LibraryError::file("lock", &path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            match &mut wait {
                Wait::No => {
                    return Err(LibraryError::Busy { folder: folder.to_owned(), holder: holder(&mut file) });
                }
                Wait::Yes(tell) => {
                    if !told {
                        tell(&holder(&mut file));
                        told = true;
                    }
                    std::thread::sleep(ASKED_EVERY);
                }
            }
        }
        // What it says is for people alone; on a full disk the lock holds all the same.
        let _ = sign(&mut file);
        Ok(Self { _file: file })
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let holder = Holder { process: std::process::id(), host: host(), since };
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(&holder)?)
}

/// Who holds the lock, for people.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // On Windows a locked file cannot be read.
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let Some(Holder { process, host, since }) = read.ok().and_then(|_| serde_json::from_str(&text).ok())
    else {
        return "another process".into();
    };
    let age =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().saturating_sub(since));
    let age = match age {
        ..120 => format!("{age} s"),
        120..7200 => format!("{} min", age / 60),
        _ => format!("{} h", age / 3600),
    };
    format!("process {process} on {host}, for {age} now")
}

fn host() -> String {
    let named = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME"));
    let asked =
        || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    named.ok().or_else(asked).unwrap_or_else(|| "this machine".into())
}
