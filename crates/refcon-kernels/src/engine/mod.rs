//! What multiplies tiles: the only part of a product of packed factors that differs from processor to processor.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod emulated;
mod floats;
#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
pub(crate) mod trap;

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::Amx;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(test)]
pub(crate) use emulated::Emulated;
pub(crate) use floats::Floats;

use crate::tier::Tier;
use crate::tile::{LINES, Tile, Words};
use crate::vector::Vector;

/// Rows and columns of a block of sums: two tiles each way, as many as AMX has registers for.
pub(crate) const BLOCK: usize = 2 * LINES;

/// One block's factors, and where its sums go.
pub(crate) struct Block<'a> {
    /// Two groups of 16 rows, the same number of tiles each; the second is not read when `rows` is at most 16.
    pub(crate) left: [&'a [Tile]; 2],
    /// Two groups of 16 columns, as many tiles as the left factor's.
    pub(crate) right: [&'a [Tile]; 2],
    /// Rows wanted, 1 to 32. Whether the sums of further rows are written is up to the engine.
    pub(crate) rows: usize,
    /// Adds to the sums that are there already.
    pub(crate) accumulate: bool,
    /// From row to row of the sums, in values.
    pub(crate) stride: usize,
    /// Element `[row, column]` of the block is at `row · stride + column`.
    pub(crate) sums: &'a mut [f32],
}

impl Block<'_> {
    /// Panics unless everything that an engine touches lies inside its slice. Returns the number of tiles along `k`.
    fn checked_depth(&self) -> usize {
        let depth = self.left[0].len();
        assert!(self.right.iter().all(|right| right.len() == depth), "factors of one depth");
        assert!((1..=BLOCK).contains(&self.rows), "a block of {} rows", self.rows);
        assert!(self.rows <= LINES || self.left[1].len() == depth, "rows of one depth");
        assert!(self.sums.len() >= (BLOCK - 1) * self.stride + BLOCK, "room for a block's sums");
        depth
    }
}

/// Multiplies tiles, adding up in f32. Denormal numbers may count as zero where tiles hold bf16.
pub(crate) trait Engine {
    /// What the tiles hold.
    const WORDS: Words = Words::Pairs;

    /// Tiles along `k` that are multiplied before the engine turns to the next rows: what it wants to find in the nearest
    /// cache again.
    const DEPTH_A_PASS: usize;

    /// Whether what a block's sums are written to is asked for while the block is multiplied.
    const ASKS_AHEAD: bool = true;

    /// Readies the calling thread for [`Engine::multiply`]; dropped, it is as before.
    fn ready() -> impl Sized;

    /// `sums[i][j] (+)= Σₖ left[i][k] · right[k][j]`.
    ///
    /// # Safety
    /// The machine has the engine's instructions, and the thread holds what [`Engine::ready`] gave.
    unsafe fn multiply(block: Block<'_>);
}

/// Calls `$body` with `$engine` standing for the engine of a tier that packs tiles ([`packs_tiles`]).
macro_rules! with_engine {
    ($tier:expr, $engine:ident => $body:expr) => {
        match $tier.0 {
            #[cfg(target_arch = "x86_64")]
            $crate::tier::Instructions::Avx512Bf16 => {
                type $engine = $crate::engine::Avx512;
                $body
            }
            #[cfg(target_arch = "x86_64")]
            $crate::tier::Instructions::AmxBf16 => {
                type $engine = $crate::engine::Amx;
                $body
            }
            #[cfg(test)]
            $crate::tier::Instructions::Emulated => {
                type $engine = $crate::engine::Emulated;
                $body
            }
            $crate::tier::Instructions::F32 => {
                type $engine = $crate::engine::Floats;
                $body
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("{} multiplies no tiles here", $tier),
        }
    };
}
pub(crate) use with_engine;

/// Whether weights that are packed for a tier are packed as tiles: not in f32, where its vectors are too narrow, or not known to be faster
/// than the `gemm` crate.
pub(crate) fn packs_tiles(tier: Tier) -> bool {
    tier.rounds_to_bf16() || Vector::here() != Vector::Baseline
}

/// What the tiles of a tier hold.
pub(crate) fn words(tier: Tier) -> Words {
    if tier.rounds_to_bf16() { Words::Pairs } else { Words::Floats }
}
