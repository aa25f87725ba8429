//! Which instructions multiply codes: found out as the program runs, or chosen by hand.

#[cfg(target_arch = "x86_64")]
use crate::tier::{amx_int8, avx512_vectors};
use std::fmt;

/// The environment variable that [`ScanTier::fastest`] obeys: the name of a tier.
pub const SCAN_TIER_VARIABLE: &str = "REFCON_SCAN_TIER";

/// A set of instructions for products of codes. The products are whole numbers, the same in every tier.
///
/// | tier | needs | run so far on |
/// |---|---|---|
/// | `amx-int8` | x86-64 with AMX, Linux 5.16 or newer | Emerald Rapids |
/// | `avx512-vnni` | x86-64 with AVX-512 and its VNNI extension | Zen 4, Emerald Rapids |
/// | `avx2` | x86-64 with AVX2 | Zen 4, Emerald Rapids |
/// | `portable` | nothing: what the compiler makes of plain loops | Zen 4, Emerald Rapids |
///
/// A value of this type is a proof that the machine has them: one is only had from [`ScanTier::PORTABLE`], [`ScanTier::here`],
/// [`ScanTier::named`] and [`ScanTier::fastest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScanTier(pub(super) Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Instructions {
    AmxInt8,
    Avx512Vnni,
    Avx2,
    Portable,
}

/// Fastest first.
const ALL: [Instructions; 4] =
    [Instructions::AmxInt8, Instructions::Avx512Vnni, Instructions::Avx2, Instructions::Portable];

/// Why a tier could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ScanTierError {
    /// No tier has this name.
    #[error("there is no scan tier called `{found}`; expected amx-int8, avx512-vnni, avx2 or portable")]
    Unknown {
        /// The name asked for.
        found: String,
    },
    /// The machine, or its operating system, lacks the tier's instructions.
    #[error("this machine cannot run the scan tier {wanted}; it has {}", names(here))]
    Missing {
        /// The tier asked for.
        wanted: &'static str,
        /// Those that it has.
        here: Vec<ScanTier>,
    },
}

fn names(tiers: &[ScanTier]) -> String {
    tiers.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ")
}

impl ScanTier {
    /// Plain loops: runs everywhere.
    pub const PORTABLE: ScanTier = ScanTier(Instructions::Portable);

    /// Every tier that this machine can run, fastest first; `PORTABLE` is the last.
    #[must_use]
    pub fn here() -> Vec<ScanTier> {
        ALL.into_iter().filter(|instructions| instructions.are_here()).map(ScanTier).collect()
    }

    /// The tier called `name`, as [`ScanTier::name`] writes it.
    ///
    /// # Errors
    /// When there is none of that name, or this machine cannot run it.
    pub fn named(name: &str) -> Result<ScanTier, ScanTierError> {
        let Some(wanted) = ALL.into_iter().map(ScanTier).find(|known| known.name() == name) else {
            return Err(ScanTierError::Unknown { found: name.to_owned() });
        };
        if wanted.0.are_here() {
            Ok(wanted)
        } else {
            Err(ScanTierError::Missing { wanted: wanted.name(), here: ScanTier::here() })
        }
    }

    /// The tier that [`SCAN_TIER_VARIABLE`] names, else the fastest that the machine has.
    ///
    /// # Errors
    /// When the variable names a tier that there is not, or that this machine cannot run.
    pub fn fastest() -> Result<ScanTier, ScanTierError> {
        match std::env::var_os(SCAN_TIER_VARIABLE) {
            Some(name) => ScanTier::named(&name.to_string_lossy()),
            None => Ok(ScanTier::here()[0]),
        }
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn multiplies_tiles(self) -> bool {
        self.0 == Instructions::AmxInt8
    }

    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_vnni(self) -> bool {
        matches!(self.0, Instructions::AmxInt8 | Instructions::Avx512Vnni)
    }

    /// Its name: `amx-int8`, `avx512-vnni`, `avx2` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::AmxInt8 => "amx-int8",
            Instructions::Avx512Vnni => "avx512-vnni",
            Instructions::Avx2 => "avx2",
            Instructions::Portable => "portable",
        }
    }
}

impl fmt::Display for ScanTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Instructions {
    #[cfg(target_arch = "x86_64")]
    fn are_here(self) -> bool {
        let vnni = || avx512_vectors() && is_x86_feature_detected!("avx512vnni");
        match self {
            Instructions::AmxInt8 => vnni() && amx_int8(),
            Instructions::Avx512Vnni => vnni(),
            Instructions::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Instructions::Portable => true,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn are_here(self) -> bool {
        self == Instructions::Portable
    }
}
