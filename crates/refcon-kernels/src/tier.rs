//! Which instructions a kernel runs on: found out as the program runs, or chosen by hand.

use std::fmt;
use std::sync::OnceLock;

/// The environment variable that [`Tier::fastest`] obeys: the name of a tier.
pub const TIER_VARIABLE: &str = "REFCON_KERNEL_TIER";

/// A set of instructions for matrix products and attention.
///
/// A value of this type is a proof that the machine has them: one is only had from [`Tier::F32`], [`Tier::here`],
/// [`Tier::named`] and [`Tier::fastest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tier(pub(crate) Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Instructions {
    F32,
    Avx512Bf16,
    AmxBf16,
    /// Tile operations done by plain loops: the tests drive packing, blocking and epilogues with it on any machine.
    #[cfg(test)]
    Emulated,
}

/// Why a tier could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TierError {
    /// No tier has this name.
    #[error("there is no kernel tier called `{found}`; expected amx-bf16, avx512-bf16 or f32")]
    Unknown {
        /// The name asked for.
        found: String,
    },
    /// The machine, or its operating system, lacks the tier's instructions.
    #[error("this machine cannot run the kernel tier {wanted}; it has {}", names(here))]
    Missing {
        /// The tier asked for.
        wanted: &'static str,
        /// Those that it has.
        here: Vec<Tier>,
    },
}

fn names(tiers: &[Tier]) -> String {
    tiers.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ")
}

impl Tier {
    /// f32 throughout: packed weights with AVX-512 or AVX2, all else through the `gemm` crate (AVX-512, AVX2, NEON or plain code). Runs
    /// everywhere.
    pub const F32: Tier = Tier(Instructions::F32);

    /// Every tier that this machine can run, fastest first; `F32` is the last.
    #[must_use]
    pub fn here() -> Vec<Tier> {
        let mut tiers = Vec::new();
        if amx_bf16() {
            tiers.push(Tier(Instructions::AmxBf16));
        }
        if avx512_bf16() {
            tiers.push(Tier(Instructions::Avx512Bf16));
        }
        tiers.push(Tier::F32);
        tiers
    }

    /// The tier called `name`, as [`Tier::name`] writes it.
    ///
    /// # Errors
    /// When there is none of that name, or this machine cannot run it.
    pub fn named(name: &str) -> Result<Tier, TierError> {
        const NAMES: [&str; 3] = ["amx-bf16", "avx512-bf16", "f32"];
        let Some(wanted) = NAMES.into_iter().find(|known| *known == name) else {
            return Err(TierError::Unknown { found: name.to_owned() });
        };
        let here = Tier::here();
        match here.iter().find(|tier| tier.name() == wanted) {
            Some(tier) => Ok(*tier),
            None => Err(TierError::Missing { wanted, here }),
        }
    }

    /// The tier that [`TIER_VARIABLE`] names, else the fastest that the machine has.
    ///
    /// # Errors
    /// When the variable names a tier that there is not, or that this machine cannot run.
    pub fn fastest() -> Result<Tier, TierError> {
        match std::env::var_os(TIER_VARIABLE) {
            Some(name) => Tier::named(&name.to_string_lossy()),
            None => Ok(Tier::here()[0]),
        }
    }

    /// Its name: `amx-bf16`, `avx512-bf16` or `f32`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::F32 => "f32",
            Instructions::Avx512Bf16 => "avx512-bf16",
            Instructions::AmxBf16 => "amx-bf16",
            #[cfg(test)]
            Instructions::Emulated => "emulated",
        }
    }

    /// Whether factors are rounded to bf16 before they are multiplied (sums are f32 in every tier).
    #[must_use]
    pub fn rounds_to_bf16(self) -> bool {
        self.0 != Instructions::F32
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn avx512_bf16() -> bool {
    avx512_vectors() && is_x86_feature_detected!("avx512bf16")
}

/// Whether there is what all kernels for AVX-512 use.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx512_vectors() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn avx512_bf16() -> bool {
    false
}

/// Whether AMX's bf16 instructions are there and the system lets this process use them.
fn amx_bf16() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| amx::in_processor(amx::BF16) && amx::allowed_by_system())
}

/// As [`amx_bf16`], of the products of bytes.
#[cfg(target_arch = "x86_64")]
pub(crate) fn amx_int8() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| amx::in_processor(amx::INT8) && amx::allowed_by_system())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod amx {
    use std::arch::x86_64::{__cpuid_count, _xgetbv};

    /// CPUID's bits for products of bf16 and of bytes.
    pub(super) const BF16: u32 = 1 << 22;
    pub(super) const INT8: u32 = 1 << 25;

    /// The processor multiplies tiles of this kind, and the system saves them when it switches threads.
    pub(super) fn in_processor(kind: u32) -> bool {
        const OSXSAVE: u32 = 1 << 27;
        const TILE: u32 = 1 << 24;
        const XCR0_TILE_STATE: u64 = (1 << 17) | (1 << 18);
        // The tier's packing and epilogues use AVX-512, which every processor with AMX has.
        if !super::avx512_vectors() {
            return false;
        }
        let features = __cpuid_count(1, 0);
        let extended = __cpuid_count(7, 0);
        if features.ecx & OSXSAVE == 0 || extended.edx & (kind | TILE) != kind | TILE {
            return false;
        }
        // SAFETY: the system has switched XSAVE on, so the register may be read.
        (unsafe { xcr0() }) & XCR0_TILE_STATE == XCR0_TILE_STATE
    }

    #[target_feature(enable = "xsave")]
    fn xcr0() -> u64 {
        // SAFETY: register 0 exists wherever XSAVE does.
        unsafe { _xgetbv(0) }
    }

    /// Asks Linux for the large register state, once for the process.
    pub(super) fn allowed_by_system() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_int = 18;
        // SAFETY: the call takes two numbers and touches no memory of ours; an old kernel answers with an error.
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod amx {
    pub(super) const BF16: u32 = 0;
    #[cfg(target_arch = "x86_64")]
    pub(super) const INT8: u32 = 0;

    pub(super) fn in_processor(_: u32) -> bool {
        false
    }

    pub(super) fn allowed_by_system() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_of_this_machine_is_found_by_its_name() {
        let here = Tier::here();
        assert_eq!(here.last(), Some(&Tier::F32));
        for tier in here {
            assert_eq!(Tier::named(tier.name()).unwrap(), tier);
        }
    }

    /// Runs itself again with the variable set, since a process's environment is shared by all its tests.
    #[test]
    fn the_environment_chooses_the_tier() {
        if let Ok(name) = std::env::var(TIER_VARIABLE) {
            match Tier::fastest() {
                Ok(tier) => assert_eq!(tier.name(), name),
                Err(error) => assert!(name == "f16" && error.to_string().contains("`f16`"), "{error}"),
            }
            return;
        }
        assert_eq!(Tier::fastest().unwrap(), Tier::here()[0]);
        for name in Tier::here().into_iter().map(Tier::name).chain(["f16"]) {
            let run = std::process::Command::new(std::env::current_exe().unwrap())
                .arg("tier::tests::the_environment_chooses_the_tier")
                .env(TIER_VARIABLE, name)
                .output()
                .unwrap();
            let output = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && output.contains("1 passed"), "{name}:\n{output}");
        }
    }

    #[test]
    fn a_name_that_no_tier_has_is_refused_with_those_that_there_are() {
        let error = Tier::named("avx1024").unwrap_err().to_string();
        assert!(error.contains("`avx1024`") && error.contains("avx512-bf16"), "{error}");
    }

    #[test]
    fn a_tier_that_the_machine_lacks_is_refused() {
        for name in ["amx-bf16", "avx512-bf16"] {
            if Tier::here().iter().all(|tier| tier.name() != name) {
                let error = Tier::named(name).unwrap_err().to_string();
                assert!(error.contains(name) && error.contains("it has"), "{error}");
            }
        }
    }
}
