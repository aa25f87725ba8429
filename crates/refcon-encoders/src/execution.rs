//! What a model's arithmetic is done in, chosen as the program runs.
//!
//! | precision | on the processor | on a graphics card |
//! |---|---|---|
//! | `f32` | this project's kernels in f32 | Burn's operations in f32 |
//! | `bf16` | kernels that round factors to bf16 and add in f32: AMX, AVX-512 | – |
//! | `auto` | `bf16` where the processor multiplies it, else `f32` | `f32` |
//!
//! The environment variable `REFCON_KERNEL_TIER` chooses for `auto` and `bf16` among what the machine has.

use crate::device;
use burn::tensor::Device;
use refcon_kernels::{TIER_VARIABLE, Tier, TierError};
use std::fmt;
use std::str::FromStr;

/// How precisely a model is to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// bf16 where the processor multiplies it, else f32.
    #[default]
    Auto,
    /// f32 throughout.
    F32,
    /// Factors in bf16, sums in f32.
    Bf16,
}

/// Why a model cannot compute like that.
#[derive(Debug, thiserror::Error)]
pub enum PrecisionError {
    /// The word means no precision.
    #[error("no precision {0:?}: expected auto, f32 or bf16")]
    Unknown(String),
    /// The processor, or what was chosen for it, does not multiply bf16.
    #[error("precision bf16: the kernels run in tier {0} here; --precision auto works on every machine")]
    NoBf16(Tier),
    /// bf16 was asked for on a graphics card.
    #[error("precision bf16 is for the processor; use --precision auto on a graphics card, or --device cpu")]
    NotOnProcessor,
    /// The environment asks for a tier that there is not.
    #[error("{TIER_VARIABLE}: {0}")]
    Tier(TierError),
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, PrecisionError> {
        match text {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(PrecisionError::Unknown(text.into())),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl Precision {
    /// What computes with this precision on `device`.
    ///
    /// # Errors
    /// When bf16 is asked for where it is not to be had, or the environment asks for a tier that there is not.
    pub fn on(self, device: &Device) -> Result<Execution, PrecisionError> {
        let on_processor = device.clone().without_autodiff() == device::cpu();
        let fastest = || Tier::fastest().map_err(PrecisionError::Tier);
        match self {
            Self::F32 | Self::Auto if !on_processor => Ok(Execution::F32),
            Self::F32 => Ok(Execution::in_tier(Tier::F32)),
            Self::Auto => Ok(Execution::in_tier(fastest()?)),
            Self::Bf16 if !on_processor => Err(PrecisionError::NotOnProcessor),
            Self::Bf16 => match fastest()? {
                tier if tier.rounds_to_bf16() => Ok(Execution::in_tier(tier)),
                tier => Err(PrecisionError::NoBf16(tier)),
            },
        }
    }
}

/// What computes a model's layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execution {
    tier: Option<Tier>,
    /// Whether the tier may have weights in its own form only.
    packs: bool,
}

impl Execution {
    /// The kernels in f32, weights as they are; on other devices, Burn's operations.
    pub const F32: Self = Self { tier: Some(Tier::F32), packs: false };

    /// Burn's operations everywhere: what the kernels are compared with.
    pub const PLAIN: Self = Self { tier: None, packs: false };

    /// The kernels in a tier, on the processor. Weights are packed for it as they are read and kept in no other form, for inference only.
    #[must_use]
    pub const fn in_tier(tier: Tier) -> Self {
        Self { tier: Some(tier), packs: true }
    }

    /// The same for a model whose weights change: they stay as they are, and a tier that rounds to bf16 does so each time it multiplies.
    #[must_use]
    pub const fn for_training(self) -> Self {
        Self { packs: false, ..self }
    }

    /// The tier's name; `f32` without kernels.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.tier.unwrap_or(Tier::F32).name()
    }

    pub(crate) fn tier(self) -> Option<Tier> {
        self.tier
    }

    /// The tier that weights are packed for, instead of kept as they are.
    pub(crate) fn packs_for(self) -> Option<Tier> {
        self.tier.filter(|_| self.packs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_is_found_by_its_name() {
        for (text, precision) in
            [("auto", Precision::Auto), ("f32", Precision::F32), ("bf16", Precision::Bf16)]
        {
            assert_eq!(text.parse::<Precision>().unwrap(), precision);
            assert_eq!(precision.to_string(), text);
        }
        let error = "f16".parse::<Precision>().unwrap_err().to_string();
        assert!(error.contains("\"f16\"") && error.contains("bf16"), "{error}");
    }

    #[test]
    fn auto_takes_the_fastest_tier_and_bf16_never_means_f32() {
        let cpu = device::cpu();
        assert_eq!(Precision::Auto.on(&cpu).unwrap().name(), Tier::fastest().unwrap().name());
        assert_eq!(Precision::F32.on(&cpu).unwrap().name(), "f32");
        match Precision::Bf16.on(&cpu) {
            Ok(execution) => assert!(execution.name().ends_with("bf16"), "{execution:?}"),
            Err(error) => {
                assert!(!Tier::fastest().unwrap().rounds_to_bf16());
                assert!(error.to_string().contains("tier f32"), "{error}");
            }
        }
    }
}
