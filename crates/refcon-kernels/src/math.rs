//! Exponential, logistic, normal distribution and angles for vector loops: no branch, no table, no call.
//!
//! The coefficients are minimax fits made for these intervals; the tests hold each function to its stated error.

use crate::vector::MulAdd;

#[inline(always)]
fn polynomial<M: MulAdd, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for &coefficient in coefficients[..N - 1].iter().rev() {
        sum = M::mul_add(sum, x, coefficient);
    }
    sum
}

/// eˣ to 3e-7 of its value from −87.3 to 88.3; 0 below −87.7, infinite above 88.4; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<M: MulAdd>(x: f32) -> f32 {
    // Beyond these, the power of two below is 0 and infinite.
    const LOWEST: f32 = -88.0;
    const HIGHEST: f32 = 88.5;
    /// 1.5 · 2²³: adding it leaves the nearest whole number in the low bits.
    const WHOLE: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const MANTISSA_BITS: u32 = 23;
    const ONE: u32 = 1.0f32.to_bits();
    // Comparisons that are false for NaN, so that it passes.
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = M::mul_add(x, std::f32::consts::LOG2_E, WHOLE);
    let whole = shifted - WHOLE;
    let rest = M::mul_add(whole, -LN_2_LOW, M::mul_add(whole, -LN_2_HIGH, x));
    let fraction =
        polynomial::<M, 6>(rest, [1.0, 1.0, 0.499_992_3, 0.166_671_15, 0.041_890_34, 0.008_312_505]);
    let power = f32::from_bits((shifted.to_bits() << MANTISSA_BITS).wrapping_add(ONE));
    fraction * power
}

/// 1 / (1 + e⁻ˣ), to 4e-7 of its value where that is above 1e-37.
#[inline(always)]
pub(crate) fn logistic<M: MulAdd>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<M>(-x))
}

/// The standard normal distribution: how much of it lies below `x` (to 4e-7), and its density at `x` (to 3e-7).
#[inline(always)]
pub(crate) fn normal<M: MulAdd>(x: f32) -> (f32, f32) {
    const FRAC_1_SQRT_2PI: f32 = 0.398_942_3;
    let bell = exp::<M>(-0.5 * x * x);
    let distance = x.abs();
    // Mills' ratio as a polynomial of t, which is 1 in the centre and 0 far out.
    let t = 1.0 / M::mul_add(0.3, distance, 1.0);
    let ratio = polynomial::<M, 8>(
        t,
        [
            0.119_629_3,
            0.120_753_93,
            0.099_913_64,
            0.128_561_19,
            -0.053_682_876,
            0.206_352_74,
            -0.157_202_68,
            0.035_674_804,
        ],
    );
    let tail = bell * t * ratio;
    (if x < 0.0 { tail } else { 1.0 - tail }, FRAC_1_SQRT_2PI * bell)
}

/// How much of the standard normal distribution lies below `x`, to 2.5e-7: half the work of [`normal`], which keeps to the digits of what is
/// small. 0 from −5.6 down.
#[inline(always)]
pub(crate) fn below<M: MulAdd>(x: f32) -> f32 {
    // Where it is 0 and 1 to the last digit.
    const END: f32 = 5.6;
    // Comparisons that are false for NaN, so that it passes.
    let x = if x < -END { -END } else { x };
    let x = if x > END { END } else { x };
    let square = x * x;
    let upper = polynomial::<M, 6>(
        square,
        [0.398_942_14, 0.034_854_658, 0.004_739_108_5, 1.791_206_6e-4, 6.429_047e-6, 2.198_61e-8],
    );
    let lower = polynomial::<M, 6>(
        square,
        [1.0, 0.254_032_52, 0.029_220_812, 0.001_942_294_4, 7.699_266e-5, 1.181_008_8e-6],
    );
    let share = 0.5 + x * upper / lower;
    if share < 0.0 { 0.0 } else { share }
}

/// `½ |atan2(sine, cosine)|`, 0 to π/2, to 2e-7; 0 where both are 0.
#[inline(always)]
pub(crate) fn half_angle<M: MulAdd>(sine: f32, cosine: f32) -> f32 {
    use std::f32::consts::{FRAC_PI_2, FRAC_PI_4};
    let (sine, length) = (sine.abs(), cosine.abs());
    let (smaller, larger) = if sine < length { (sine, length) } else { (length, sine) };
    let ratio = smaller / if larger > 0.0 { larger } else { 1.0 };
    let arc = 0.5
        * ratio
        * polynomial::<M, 9>(
            ratio * ratio,
            [
                0.999_999_9,
                -0.333_325_98,
                0.199_859_07,
                -0.141_612_29,
                0.104_989_45,
                -0.072_348_54,
                0.039_781_187,
                -0.014_401_335,
                0.002_456_719,
            ],
        );
    let arc = if sine > length { FRAC_PI_4 - arc } else { arc };
    if cosine < 0.0 { FRAC_PI_2 - arc } else { arc }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::{Fused, Separate};

    /// Numbers spread over `from..to`, and the ends.
    fn spread(from: f32, to: f32) -> impl Iterator<Item = f32> {
        const STEPS: u32 = 1_000_003;
        (0..=STEPS).map(move |step| from + (to - from) * (step as f32 / STEPS as f32))
    }

    fn exponential_is_close<M: MulAdd>() {
        for x in spread(-87.3, 88.3) {
            let exact = f64::from(x).exp();
            let error = (f64::from(exp::<M>(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "exp({x}): relative error {error}");
        }
        for x in spread(-80.0, 80.0) {
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            let error = (f64::from(logistic::<M>(x)) - exact).abs() / exact;
            assert!(error < 4e-7, "logistic({x}): relative error {error}");
        }
    }

    #[test]
    fn the_exponential_keeps_to_its_error() {
        exponential_is_close::<Fused>();
        exponential_is_close::<Separate>();
    }

    #[test]
    fn the_exponential_of_what_is_no_number() {
        assert_eq!(exp::<Fused>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<Fused>(-1e30), 0.0);
        assert_eq!(exp::<Fused>(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp::<Fused>(89.0), f32::INFINITY);
        assert_eq!(exp::<Fused>(0.0), 1.0);
        assert!(exp::<Fused>(f32::NAN).is_nan());
        assert!(normal::<Fused>(f32::NAN).0.is_nan());
    }

    #[test]
    fn the_normal_distribution_keeps_to_its_error() {
        for x in spread(-9.0, 9.0).step_by(101) {
            let (share, density) = normal::<Fused>(x);
            let expected = crate::twin::normal(f64::from(x));
            let error = (f64::from(share) - expected).abs();
            assert!(error < 4e-7, "normal({x}): error {error}");
            for share in [below::<Fused>(x), below::<Separate>(x)] {
                let error = (f64::from(share) - expected).abs();
                assert!(error < 2.5e-7, "below {x}: error {error}");
            }
            let exact = (-0.5 * f64::from(x).powi(2)).exp() / (2.0 * std::f64::consts::PI).sqrt();
            assert!((f64::from(density) - exact).abs() < 3e-7, "density({x})");
        }
    }

    #[test]
    fn half_angles_keep_to_their_error() {
        for angle in spread(-3.2, 3.2).step_by(37) {
            for length in [1e-20f32, 1.0, 3e7] {
                let (sine, cosine) = (length * angle.sin(), length * angle.cos());
                let exact = 0.5 * f64::from(sine).atan2(f64::from(cosine)).abs();
                for found in [half_angle::<Fused>(sine, cosine), half_angle::<Separate>(sine, cosine)] {
                    assert!((f64::from(found) - exact).abs() < 2e-7, "{angle} · {length}: {found}");
                }
            }
        }
        assert_eq!(half_angle::<Fused>(0.0, 0.0), 0.0);
        assert_eq!(half_angle::<Fused>(0.0, -1.0), std::f32::consts::FRAC_PI_2);
    }
}
