//! What the kernels should compute, by plain loops in f64; and the numbers to try them on.

use crate::activation::Activation;
use crate::matrix::Matrix;
use crate::tier::{Instructions, Tier};
use proptest::prelude::*;

/// Every tier: those that the machine has, AMX even where it must be emulated instruction by instruction, and plain loops in its
/// place.
pub(crate) fn tiers() -> Vec<Tier> {
    let mut tiers = Tier::here();
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    if !tiers.contains(&Tier(Instructions::AmxBf16)) {
        crate::engine::trap::install();
        tiers.push(Tier(Instructions::AmxBf16));
    }
    tiers.push(Tier(Instructions::Emulated));
    tiers
}

/// Sizes at which loops go wrong: none, one, primes, and just beside multiples of 16 and 32.
pub(crate) fn awkward(most: usize) -> impl Strategy<Value = usize> {
    let named = [0, 1, 2, 3, 7, 13, 15, 16, 17, 31, 32, 33, 47, 48, 61, 63, 64, 65, 67, 97, 127, 128, 129];
    let named: Vec<usize> = named.into_iter().filter(|&size| size <= most).collect();
    prop_oneof![proptest::sample::select(named), 1..=most]
}

/// Numbers around zero, some of them large, some zero: the same for the same seed.
pub(crate) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count)
        .map(|_| {
            let value = 2.0 * next() - 1.0;
            match (16.0 * next()) as u32 {
                0 => 0.0,
                1 => 4.0 * value,
                _ => value,
            }
        })
        .collect()
}

/// `a · b`, and the sums of the products' absolute values, that errors are measured by.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>) -> (Vec<f64>, Vec<f64>) {
    let (mut sums, mut sizes) = (Vec::new(), Vec::new());
    for row in 0..a.rows() {
        for column in 0..b.columns() {
            let products = (0..a.columns()).map(|k| f64::from(a.at(row, k)) * f64::from(b.at(k, column)));
            sums.push(products.clone().sum());
            sizes.push(products.map(f64::abs).sum());
        }
    }
    (sums, sizes)
}

/// The part of a product's error that grows with the sum of absolute values.
pub(crate) fn product_error(tier: Tier, k: usize) -> f64 {
    let rounding = if tier.rounds_to_bf16() { 0.0079 } else { 0.0 };
    rounding + k as f64 * 2f64.powi(-23)
}

/// The activation and its derivative.
pub(crate) fn activation(activation: Activation, x: f64) -> (f64, f64) {
    match activation {
        Activation::Gelu => {
            let below = normal(x);
            let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            (x * below, below + x * density)
        }
        Activation::GeluTanh => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            let t = (c * (x + 0.044715 * x.powi(3))).tanh();
            let slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * x * x);
            (0.5 * x * (1.0 + t), slope)
        }
        Activation::QuickGelu => {
            let s = 1.0 / (1.0 + (-1.702 * x).exp());
            (x * s, s + 1.702 * x * s * (1.0 - s))
        }
    }
}

/// The standard normal distribution, by Simpson's rule from the centre, in steps far finer than any error asked for.
pub(crate) fn normal(x: f64) -> f64 {
    let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let x = x.clamp(-12.0, 12.0);
    let steps = 2000;
    let step = x / f64::from(steps);
    let sum: f64 = (0..=steps)
        .map(|at| {
            let weight = if at == 0 || at == steps { 1.0 } else { f64::from(2 + 2 * (at % 2)) };
            weight * density(f64::from(at) * step)
        })
        .sum();
    0.5 + sum * step / 3.0
}
