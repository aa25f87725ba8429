//! Files read through the page cache, as memory.

use memmap2::Mmap;
use std::fs::File;
use std::io;

/// The bytes of `file`, mapped read-only: nothing is read until it is looked at, and what is looked at can be dropped by the
/// system at any time, so that files larger than memory can be searched.
///
/// For files that are written once, under another name, and never changed. Two things to know:
///
/// - A file that is cut short while it is mapped kills the process that reads beyond its new end (`SIGBUS`), as does a disk that
///   cannot be read. Compare the length with the one that is expected first; on a network disk read the file instead.
/// - Removing the file is no harm on Unix: its bytes stay for as long as they are mapped. On Windows a mapped file cannot be
///   removed.
///
/// # Errors
/// The file cannot be mapped: it is empty, no regular file, or the address space is full.
pub fn map_file(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is private to readers and the slice it gives is only sound while no one writes to the file. Fragments of a
    // library are renamed into place when they are complete, and no code of ours opens one for writing after that; its checksums
    // find what others changed. What remains, another program that writes to the file in place, cannot be ruled out on any system
    // and is named above.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_map_holds_what_reading_gives_and_outlives_the_name() {
        let path = std::env::temp_dir().join(format!("refcon-map-{}", std::process::id()));
        let bytes: Vec<u8> = (0..10_000u32).flat_map(u32::to_le_bytes).collect();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        let map = map_file(&File::open(&path).unwrap()).unwrap();
        #[cfg(unix)]
        std::fs::remove_file(&path).unwrap();
        assert_eq!(map[..], bytes[..]);
        drop(map);
        let _ = std::fs::remove_file(&path);
    }
}
