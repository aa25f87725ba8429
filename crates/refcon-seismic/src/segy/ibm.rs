//! IBM System/360 single-precision floating point (SEG-Y sample format 1).
//!
//! One sign bit, a 7-bit exponent of 16 with bias 64, and a 24-bit fraction in 0..1 without a hidden bit:
//! `(-1)^s · 0.f · 16^(e − 64)`. Its range (about 5.4e-79 to 7.2e75) is wider than that of IEEE single precision, its
//! precision wavers between 21 and 24 bits.

const SIGN: u32 = 0x8000_0000;
const FRACTION: u32 = 0x00ff_ffff;

/// The IEEE value of an IBM number.
///
/// Exact wherever IEEE single precision can hold the value. Magnitudes of 2^128 and more become infinite; magnitudes
/// below the smallest normal number become denormal, rounded once, half to even; below half the smallest denormal they
/// become zero. The sign is kept, of zero too.
///
/// Has no branch, so that a loop over samples vectorises.
#[inline]
#[must_use]
pub fn ibm_to_f32(bits: u32) -> f32 {
    // The fraction as an integer is below 2^24: exact in f32. The signed conversion is the one vector units have.
    let fraction = (bits & FRACTION).cast_signed() as f32;
    let exponent = ((bits >> 24) & 0x7f).cast_signed();
    // The value is fraction · 2^(4·exponent − 280): too wide a power for one f32, so half of it is multiplied twice.
    // 2^(2·exponent − 140) has the biased exponent 2·exponent − 13; the lower clamp only touches values that are zero
    // in f32 anyway (below 2^-228). The first product is exact for every result that is not zero, so only the second
    // one rounds.
    let half_scale = f32::from_bits(((2 * exponent - 13).max(1).cast_unsigned()) << 23);
    let magnitude = fraction * half_scale * half_scale;
    f32::from_bits(magnitude.to_bits() | (bits & SIGN))
}

/// The IBM number nearest to `value` (half to even), or `None` for an infinity or NaN, which IBM numbers do not have.
///
/// Every finite `f32` has one, with a relative error of at most 2^-21.
#[must_use]
pub fn ibm_from_f32(value: f32) -> Option<u32> {
    if !value.is_finite() {
        return None;
    }
    let bits = value.to_bits();
    let sign = bits & SIGN;
    let stored = bits & 0x007f_ffff;
    let biased = ((bits >> 23) & 0xff).cast_signed();
    let (mut mantissa, mut power) =
        if biased == 0 { (stored, -149) } else { (stored | 0x0080_0000, biased - 150) };
    if mantissa == 0 {
        return Some(sign);
    }
    // |value| = mantissa · 2^power with 24 significant bits, also for a denormal.
    let missing = mantissa.leading_zeros() - 8;
    mantissa <<= missing;
    power -= missing.cast_signed();
    let top = power + 24;
    let mut exponent = (top + 3).div_euclid(4);
    let shift = (4 * exponent - top).cast_unsigned();
    let half = (1_u32 << shift) >> 1;
    let lost = mantissa & ((1 << shift) - 1);
    let mut fraction = mantissa >> shift;
    if lost > half || (lost == half && shift > 0 && fraction & 1 == 1) {
        fraction += 1;
    }
    if fraction > FRACTION {
        fraction >>= 4;
        exponent += 1;
    }
    Some(sign | ((exponent + 64).cast_unsigned() << 24) | fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in double precision, whose range holds every IBM number exactly.
    fn reference(bits: u32) -> f32 {
        let exponent = i32::try_from((bits >> 24) & 0x7f).unwrap();
        let magnitude = f64::from(bits & FRACTION) * 2f64.powi(4 * (exponent - 64) - 24);
        (if bits & SIGN == 0 { magnitude } else { -magnitude }) as f32
    }

    #[test]
    fn every_exponent_and_sign_equals_the_definition_in_double_precision() {
        let mut fractions: Vec<u32> =
            (0..24).flat_map(|bit| [1 << bit, (1 << bit) - 1, (1 << bit) + 1]).collect();
        fractions.extend([FRACTION, FRACTION - 1, 0x00aa_aaaa, 0x0055_5555, 0x0012_3456, 0x00fe_dcba]);
        let mut state = 1_u32;
        for _ in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            fractions.push(state >> 8);
        }
        for exponent in 0..128_u32 {
            for &fraction in &fractions {
                for sign in [0, SIGN] {
                    let bits = sign | exponent << 24 | fraction;
                    assert_eq!(ibm_to_f32(bits).to_bits(), reference(bits).to_bits(), "{bits:#010x}");
                }
            }
        }
    }

    #[test]
    fn known_values_read_right() {
        assert_eq!(ibm_to_f32(0xc276_a000), -118.625);
        assert_eq!(ibm_to_f32(0x4110_0000), 1.0);
        assert_eq!(ibm_to_f32(0x7fff_ffff), f32::INFINITY);
        assert_eq!(ibm_to_f32(0x8000_0000).to_bits(), SIGN);
        assert!(ibm_to_f32(0x1b80_0000).is_subnormal());
    }

    #[test]
    fn every_finite_number_survives_within_21_bits() {
        let mut state = 7_u32;
        let mut values: Vec<f32> =
            vec![0.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, 1e-45, 0.999_999_94];
        for _ in 0..500_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values.push(f32::from_bits(state));
        }
        for value in values.into_iter().filter(|value| value.is_finite()) {
            let back = reference(ibm_from_f32(value).unwrap());
            // f32::MAX itself may round up to 2^128, which IEEE cannot hold.
            let error = (f64::from(back.clamp(f32::MIN, f32::MAX)) - f64::from(value)).abs();
            assert!(error <= f64::from(value).abs() * 2f64.powi(-21), "{value:e} came back as {back:e}");
        }
        assert_eq!(ibm_from_f32(f32::NAN), None);
        assert_eq!(ibm_from_f32(f32::INFINITY), None);
    }
}
