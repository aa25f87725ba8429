//! The machine's limit: multiplications and additions a second when nothing but registers is touched.
//!
//! Benchmarks divide by it, so that a figure means something on another machine too.

use crate::scan::ScanTier;
#[cfg(target_arch = "x86_64")]
use crate::tier::Instructions;
use crate::tier::Tier;
use std::time::Instant;

/// Floating-point operations a second (a multiplication and an addition count as two) that a tier's own instruction reaches on
/// all of rayon's threads together: the best of many short runs, a quarter of a second in all, so that what else the machine does
/// leaves some of them alone.
///
/// On processors other than x86-64 it is what the compiler makes of a plain loop.
#[must_use]
pub fn peak(tier: Tier) -> f64 {
    best_rate(|rounds| spin(tier, rounds))
}

/// As [`peak`], of whole numbers: operations a second on codes that a tier's own instruction reaches. `None` for a tier that has no
/// instruction of its own.
#[must_use]
pub fn scan_peak(tier: ScanTier) -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if tier.multiplies_tiles() {
        return Some(best_rate(x86::tiles_of_bytes));
    } else if tier.has_vnni() {
        return Some(best_rate(|rounds| {
            // SAFETY: a `ScanTier` proves that the machine has its instructions.
            unsafe { x86::dot_bytes_512(rounds) }
        }));
    }
    let _ = tier;
    None
}

/// The best rate of many runs; `spin` works so many rounds and returns the operations of one.
fn best_rate(spin: impl Fn(u64) -> u64 + Sync) -> f64 {
    const RUNS: usize = 250;
    const SECONDS_A_RUN: f64 = 0.001;
    let mut rounds = 1000;
    // Rounds that take long enough to be timed; what this finds out also wakes the processor up.
    while rate(&spin, rounds).1 < SECONDS_A_RUN {
        rounds *= 2;
    }
    (0..RUNS).map(|_| rayon::broadcast(|_| rate(&spin, rounds).0).into_iter().sum()).fold(0.0, f64::max)
}

/// Operations a second of the calling thread, and the seconds that it took.
fn rate(spin: &impl Fn(u64) -> u64, rounds: u64) -> (f64, f64) {
    let start = Instant::now();
    let operations = spin(rounds) * rounds;
    let seconds = start.elapsed().as_secs_f64();
    (operations as f64 / seconds, seconds)
}

/// Spins `rounds` times; returns the operations of a round.
fn spin(tier: Tier, rounds: u64) -> u64 {
    match tier.0 {
        #[cfg(target_arch = "x86_64")]
        Instructions::AmxBf16 => x86::tiles(rounds),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx512Bf16 => {
            // SAFETY: a `Tier` proves that the machine has its instructions.
            unsafe { x86::dot_512(rounds) }
        }
        #[cfg(target_arch = "x86_64")]
        Instructions::F32 => x86::f32(rounds),
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain(rounds),
        #[cfg(all(test, target_arch = "x86_64"))]
        Instructions::Emulated => plain(rounds),
    }
}

/// 24 vectors of 4 sums, which leaves some of the 32 registers of 64-bit Arm for the factors.
fn plain(rounds: u64) -> u64 {
    use crate::vector::{Baseline, MulAdd};
    const SUMS: usize = 96;
    let (a, b) = (std::hint::black_box(0.5f32), std::hint::black_box(0.25f32));
    let mut sums = [0.0f32; SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = Baseline::mul_add(*sum, a, b);
        }
    }
    std::hint::black_box(sums);
    2 * SUMS as u64
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::vector::Vector;
    use std::arch::asm;

    pub(super) fn f32(rounds: u64) -> u64 {
        match Vector::here() {
            // SAFETY: the instructions were found on this machine.
            Vector::Avx512 => unsafe { multiply_add_512(rounds) },
            // SAFETY: as above.
            Vector::Avx2 => unsafe { multiply_add_256(rounds) },
            Vector::Baseline => super::plain(rounds),
        }
    }

    /// One instruction on fourteen sums, each waiting for none of the others.
    macro_rules! fourteen_sums {
        ($(#[$meta:meta])* fn $name:ident, $instruction:literal, $register:literal, $operations:expr) => {
            $(#[$meta])*
            pub(super) fn $name(rounds: u64) -> u64 {
                macro_rules! on {
                    ($sum:literal) => {
                        concat!($instruction, " ", $register, $sum, ", ", $register, "14, ", $register, "15")
                    };
                }
                // SAFETY: touches registers only, all of them declared.
                unsafe {
                    asm!(
                        concat!("vxorps ", $register, "14, ", $register, "14, ", $register, "14"),
                        concat!("vxorps ", $register, "15, ", $register, "15, ", $register, "15"),
                        "2:",
                        on!("0"), on!("1"), on!("2"), on!("3"), on!("4"), on!("5"), on!("6"),
                        on!("7"), on!("8"), on!("9"), on!("10"), on!("11"), on!("12"), on!("13"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) rounds.max(1) => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                        out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _,
                        out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _,
                        out("xmm15") _,
                        options(nostack, nomem)
                    );
                }
                const SUMS: u64 = 14;
                SUMS * $operations
            }
        };
    }

    fourteen_sums! {
        #[target_feature(enable = "avx2,fma")]
        fn multiply_add_256, "vfmadd231ps", "ymm", 16
    }
    fourteen_sums! {
        #[target_feature(enable = "avx512f,avx512dq")]
        fn multiply_add_512, "vfmadd231ps", "zmm", 32
    }
    fourteen_sums! {
        #[target_feature(enable = "avx512f,avx512dq,avx512bf16")]
        fn dot_512, "vdpbf16ps", "zmm", 64
    }

    fourteen_sums! {
        #[target_feature(enable = "avx512f,avx512dq,avx512vnni")]
        fn dot_bytes_512, "vpdpbusd", "zmm", 128
    }

    /// Four products of tiles, each waiting for none of the others.
    macro_rules! four_products {
        ($name:ident, $instruction:literal, $depth:literal) => {
            pub(super) fn $name(rounds: u64) -> u64 {
                use crate::engine::{Amx, Engine};
                let _ready = Amx::ready();
                // SAFETY: only called for the tier, and the tiles are configured.
                unsafe {
                    asm!(
                        "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                        "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                        "2:",
                        concat!($instruction, " tmm0, tmm4, tmm6"),
                        concat!($instruction, " tmm1, tmm4, tmm7"),
                        concat!($instruction, " tmm2, tmm5, tmm6"),
                        concat!($instruction, " tmm3, tmm5, tmm7"),
                        "dec {rounds}",
                        "jnz 2b",
                        rounds = inout(reg) rounds.max(1) => _,
                        options(nostack, nomem)
                    );
                }
                const OPERATIONS_A_PRODUCT: u64 = 16 * 16 * $depth * 2;
                4 * OPERATIONS_A_PRODUCT
            }
        };
    }

    four_products!(tiles, "tdpbf16ps", 32);
    four_products!(tiles_of_bytes, "tdpbusd", 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tier_has_a_limit() {
        for tier in Tier::here() {
            assert!(peak(tier) > 1e8, "{tier}");
        }
        for tier in ScanTier::here() {
            assert!(scan_peak(tier).is_none_or(|limit| limit > 1e9), "{tier}");
        }
    }
}
