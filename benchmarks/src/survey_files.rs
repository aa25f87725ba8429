//! The surveys that comparisons read: made once, kept for the next run.

use crate::Failure;
use refcon_seismic::segy::{SampleFormat, SegyWriter, TraceLabel, WriteOptions};
use refcon_seismic::synthetic::{SyntheticSpec, generate};
use refcon_seismic::{BinGrid, Volume};
use std::path::{Path, PathBuf};

/// Raised whenever what is made changes, so that no old file is taken for a new one.
const VERSION: u32 = 1;
/// Size of the piece that larger surveys repeat: making 2 GB of geology would take minutes, and its look does not matter.
const PIECE: [usize; 2] = [160, 200];
const FIRST_INLINE: i32 = 1001;
const FIRST_CROSSLINE: i32 = 2001;
/// 12.5 m by 25 m bins, turned by a third of a right angle, as surveys are.
const GRID: BinGrid =
    BinGrid { origin: [450_000.0, 6_700_000.0], inline_step: [-12.5, 21.65], crossline_step: [10.83, 6.25] };

/// A regular survey: inlines, crosslines, samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub inlines: usize,
    pub crosslines: usize,
    pub samples: usize,
}

/// The path of a SEG-Y file of this shape, revision 1, big-endian, inlines as the slow direction; made if it is not there.
///
/// # Errors
/// It cannot be made.
pub(crate) fn segy(folder: &Path, shape: Shape, format: SampleFormat) -> Result<PathBuf, Failure> {
    let Shape { inlines, crosslines, samples } = shape;
    let code = format.code();
    let name = format!("survey-v{VERSION}-{inlines}x{crosslines}x{samples}-format{code}.sgy");
    let path = folder.join(name);
    if path.exists() {
        return Ok(path);
    }
    fs_err::create_dir_all(folder)?;
    eprintln!("making {}", path.display());
    let piece = generated(inlines.min(PIECE[0]), crosslines.min(PIECE[1]), samples)?;
    let options = WriteOptions { format, ..WriteOptions::default() };
    let mut writer = SegyWriter::create(&path, piece.samples, &options)?;
    let mut cdp = 0;
    for inline in 0..inlines {
        for crossline in 0..crosslines {
            cdp += 1;
            let label = TraceLabel {
                inline: FIRST_INLINE + i32::try_from(inline)?,
                crossline: FIRST_CROSSLINE + i32::try_from(crossline)?,
                cdp,
                position: GRID.position(inline, crossline),
                offset: 0,
                live: true,
            };
            let trace = piece
                .trace(mirrored(inline, piece.inlines.count), mirrored(crossline, piece.crosslines.count));
            writer.write_trace(&label, trace)?;
        }
    }
    writer.finish()?;
    Ok(path)
}

/// The path of a NumPy file of this shape, `[inline, crossline, sample]`, little-endian floats; made if it is not there.
/// It is made in memory.
///
/// # Errors
/// It cannot be made.
pub(crate) fn numpy(folder: &Path, shape: Shape) -> Result<PathBuf, Failure> {
    let Shape { inlines, crosslines, samples } = shape;
    let path = folder.join(format!("survey-v{VERSION}-{inlines}x{crosslines}x{samples}.npy"));
    if !path.exists() {
        fs_err::create_dir_all(folder)?;
        eprintln!("making {}", path.display());
        refcon_seismic::numpy::write_volume(&path, &generated(inlines, crosslines, samples)?)?;
    }
    Ok(path)
}

/// Reads a file once, so that it lies in the page cache.
///
/// # Errors
/// It cannot be read.
pub(crate) fn bring_into_cache(path: &Path) -> Result<(), Failure> {
    let mut file = fs_err::File::open(path)?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

fn generated(inlines: usize, crosslines: usize, samples: usize) -> Result<Volume, Failure> {
    Ok(generate(&SyntheticSpec { inlines, crosslines, samples, ..SyntheticSpec::default() })?.volume)
}

/// The index into a piece of `count` that mirrors itself again and again.
fn mirrored(index: usize, count: usize) -> usize {
    let place = index % (2 * count);
    place.min(2 * count - 1 - place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrored_piece_has_no_jumps() {
        let indices: Vec<usize> = (0..8).map(|index| mirrored(index, 3)).collect();
        assert_eq!(indices, [0, 1, 2, 2, 1, 0, 0, 1]);
    }
}
