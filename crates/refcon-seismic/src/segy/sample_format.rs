//! The sample formats of SEG-Y, decoded to and encoded from `f32`.

use super::ByteOrder;
use super::ibm::{ibm_from_f32, ibm_to_f32};
use serde::{Deserialize, Serialize};

/// How a sample is stored (revision 2.1, binary header bytes 3225–3226).
///
/// | code | format | bytes | read to `f32` |
/// |---|---|---|---|
/// | 1 | IBM float | 4 | exact inside the range of `f32` |
/// | 2 | integer | 4 | rounded to 24 bits |
/// | 3 | integer | 2 | exact |
/// | 5 | IEEE float | 4 | exact |
/// | 6 | IEEE float | 8 | rounded to 24 bits |
/// | 7 | integer | 3 | exact |
/// | 8 | integer | 1 | exact |
/// | 9 | integer | 8 | rounded to 24 bits |
/// | 10 | unsigned integer | 4 | rounded to 24 bits |
/// | 11 | unsigned integer | 2 | exact |
/// | 12 | unsigned integer | 8 | rounded to 24 bits |
/// | 15 | unsigned integer | 3 | exact |
/// | 16 | unsigned integer | 1 | exact |
///
/// Code 4 (fixed point with gain, obsolete since revision 1) is refused with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleFormat {
    /// Code 1: IBM System/360 floating point, 4 bytes.
    Ibm32,
    /// Code 2: two's complement integer, 4 bytes.
    Int32,
    /// Code 3: two's complement integer, 2 bytes.
    Int16,
    /// Code 5: IEEE floating point, 4 bytes.
    Float32,
    /// Code 6: IEEE floating point, 8 bytes.
    Float64,
    /// Code 7: two's complement integer, 3 bytes.
    Int24,
    /// Code 8: two's complement integer, 1 byte.
    Int8,
    /// Code 9: two's complement integer, 8 bytes.
    Int64,
    /// Code 10: unsigned integer, 4 bytes.
    UInt32,
    /// Code 11: unsigned integer, 2 bytes.
    UInt16,
    /// Code 12: unsigned integer, 8 bytes.
    UInt64,
    /// Code 15: unsigned integer, 3 bytes.
    UInt24,
    /// Code 16: unsigned integer, 1 byte.
    UInt8,
}

impl SampleFormat {
    /// Every format, by rising code.
    pub const ALL: [Self; 13] = [
        Self::Ibm32,
        Self::Int32,
        Self::Int16,
        Self::Float32,
        Self::Float64,
        Self::Int24,
        Self::Int8,
        Self::Int64,
        Self::UInt32,
        Self::UInt16,
        Self::UInt64,
        Self::UInt24,
        Self::UInt8,
    ];

    /// The format with this code, or `None` where the code means no format that can be read.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.code() == code)
    }

    /// Its code in the binary header.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Ibm32 => 1,
            Self::Int32 => 2,
            Self::Int16 => 3,
            Self::Float32 => 5,
            Self::Float64 => 6,
            Self::Int24 => 7,
            Self::Int8 => 8,
            Self::Int64 => 9,
            Self::UInt32 => 10,
            Self::UInt16 => 11,
            Self::UInt64 => 12,
            Self::UInt24 => 15,
            Self::UInt8 => 16,
        }
    }

    /// Bytes a sample takes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 => 2,
            Self::Int24 | Self::UInt24 => 3,
            Self::Ibm32 | Self::Int32 | Self::Float32 | Self::UInt32 => 4,
            Self::Float64 | Self::Int64 | Self::UInt64 => 8,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ibm32 => "IBM float, 4 bytes",
            Self::Int32 => "integer, 4 bytes",
            Self::Int16 => "integer, 2 bytes",
            Self::Float32 => "IEEE float, 4 bytes",
            Self::Float64 => "IEEE float, 8 bytes",
            Self::Int24 => "integer, 3 bytes",
            Self::Int8 => "integer, 1 byte",
            Self::Int64 => "integer, 8 bytes",
            Self::UInt32 => "unsigned integer, 4 bytes",
            Self::UInt16 => "unsigned integer, 2 bytes",
            Self::UInt64 => "unsigned integer, 8 bytes",
            Self::UInt24 => "unsigned integer, 3 bytes",
            Self::UInt8 => "unsigned integer, 1 byte",
        }
    }

    /// Decodes samples: `samples[i]` from the `i`-th group of [`SampleFormat::bytes`] of `bytes`; stops at the shorter
    /// of the two.
    pub fn decode(self, order: ByteOrder, bytes: &[u8], samples: &mut [f32]) {
        // The byte order is decided outside the loops, so that each of them is straight-line code that vectorises.
        match order {
            ByteOrder::Big => self.decode_ordered::<true>(bytes, samples),
            ByteOrder::Little => self.decode_ordered::<false>(bytes, samples),
        }
    }

    fn decode_ordered<const BIG: bool>(self, bytes: &[u8], samples: &mut [f32]) {
        const fn order(big: bool) -> ByteOrder {
            if big { ByteOrder::Big } else { ByteOrder::Little }
        }
        fn each<const N: usize>(bytes: &[u8], samples: &mut [f32], value: impl Fn([u8; N]) -> f32) {
            for (sample, &bytes) in samples.iter_mut().zip(bytes.as_chunks::<N>().0) {
                *sample = value(bytes);
            }
        }
        let wide = |[a, b, c]: [u8; 3]| if BIG { [a, b, c, 0] } else { [0, a, b, c] };
        let order = order(BIG);
        match self {
            Self::Ibm32 => each(bytes, samples, |bytes| ibm_to_f32(order.u32(bytes))),
            Self::Int32 => each(bytes, samples, |bytes| order.i32(bytes) as f32),
            Self::Int16 => each(bytes, samples, |bytes| f32::from(order.i16(bytes))),
            Self::Float32 => each(bytes, samples, |bytes| order.f32(bytes)),
            Self::Float64 => each(bytes, samples, |bytes| order.f64(bytes) as f32),
            Self::Int24 => each(bytes, samples, |bytes| (order.i32(wide(bytes)) >> 8) as f32),
            Self::Int8 => each(bytes, samples, |[byte]| f32::from(byte.cast_signed())),
            Self::Int64 => each(bytes, samples, |bytes| order.i64(bytes) as f32),
            Self::UInt32 => each(bytes, samples, |bytes| order.u32(bytes) as f32),
            Self::UInt16 => each(bytes, samples, |bytes| f32::from(order.u16(bytes))),
            Self::UInt64 => each(bytes, samples, |bytes| order.u64(bytes) as f32),
            Self::UInt24 => each(bytes, samples, |bytes| (order.u32(wide(bytes)) >> 8) as f32),
            Self::UInt8 => each(bytes, samples, |[byte]| f32::from(byte)),
        }
    }

    /// Appends the encoded samples to `bytes`. Integers are rounded to the nearest, half away from zero.
    ///
    /// # Errors
    /// The index of the first sample that the format cannot hold: outside an integer's range, or not finite (an IEEE
    /// format holds those too).
    pub fn encode(self, order: ByteOrder, samples: &[f32], bytes: &mut Vec<u8>) -> Result<(), usize> {
        bytes.reserve(samples.len() * self.bytes());
        for (index, &sample) in samples.iter().enumerate() {
            if !self.encode_one(order, sample, bytes) {
                return Err(index);
            }
        }
        Ok(())
    }

    fn encode_one(self, order: ByteOrder, sample: f32, bytes: &mut Vec<u8>) -> bool {
        if let Some((least, above)) = self.integer_range() {
            let rounded = f64::from(sample).round();
            // Written so that NaN fails too.
            if !(rounded >= least && rounded < above) {
                return false;
            }
            let narrow = |[a, b, c, d]: [u8; 4]| match order {
                ByteOrder::Big => [b, c, d],
                ByteOrder::Little => [a, b, c],
            };
            // The range was checked, so no cast below saturates.
            match self {
                Self::Int8 => bytes.push((rounded as i8).cast_unsigned()),
                Self::UInt8 => bytes.push(rounded as u8),
                Self::Int16 => bytes.extend(order.put_i16(rounded as i16)),
                Self::UInt16 => bytes.extend(order.put_u16(rounded as u16)),
                Self::Int24 => bytes.extend(narrow(order.put_i32(rounded as i32))),
                Self::UInt24 => bytes.extend(narrow(order.put_u32(rounded as u32))),
                Self::Int32 => bytes.extend(order.put_i32(rounded as i32)),
                Self::UInt32 => bytes.extend(order.put_u32(rounded as u32)),
                Self::Int64 => bytes.extend(order.put_i64(rounded as i64)),
                _ => bytes.extend(order.put_u64(rounded as u64)),
            }
            return true;
        }
        match self {
            Self::Float64 => bytes.extend(order.put_f64(f64::from(sample))),
            Self::Float32 => bytes.extend(order.put_f32(sample)),
            _ => match ibm_from_f32(sample) {
                Some(ibm) => bytes.extend(order.put_u32(ibm)),
                None => return false,
            },
        }
        true
    }

    /// For an integer format its smallest value and the first value too large.
    #[must_use]
    pub fn integer_range(self) -> Option<(f64, f64)> {
        let bits = i32::try_from(8 * self.bytes()).ok()?;
        match self {
            Self::Ibm32 | Self::Float32 | Self::Float64 => None,
            Self::Int8 | Self::Int16 | Self::Int24 | Self::Int32 | Self::Int64 => {
                Some((-(2f64.powi(bits - 1)), 2f64.powi(bits - 1)))
            }
            Self::UInt8 | Self::UInt16 | Self::UInt24 | Self::UInt32 | Self::UInt64 => {
                Some((0.0, 2f64.powi(bits)))
            }
        }
    }
}

impl std::fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.code(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_name_their_formats() {
        for format in SampleFormat::ALL {
            assert_eq!(SampleFormat::from_code(format.code()), Some(format));
        }
        for code in [0, 4, 13, 14, 17, 256, 1280] {
            assert_eq!(SampleFormat::from_code(code), None);
        }
    }

    #[test]
    fn an_integer_just_outside_its_range_is_refused() {
        let mut bytes = Vec::new();
        let order = ByteOrder::Big;
        assert_eq!(SampleFormat::Int16.encode(order, &[32767.0, -32768.0, 32768.0], &mut bytes), Err(2));
        assert_eq!(SampleFormat::UInt8.encode(order, &[255.0, -1.0], &mut bytes), Err(1));
        assert_eq!(SampleFormat::Int64.encode(order, &[9.3e18], &mut bytes), Err(0));
        for format in [SampleFormat::Ibm32, SampleFormat::Int32, SampleFormat::UInt64] {
            assert_eq!(format.encode(order, &[f32::NAN], &mut bytes), Err(0), "{format}");
            assert_eq!(format.encode(order, &[f32::NEG_INFINITY], &mut bytes), Err(0), "{format}");
        }
        assert_eq!(SampleFormat::Float32.encode(order, &[f32::NAN, f32::INFINITY], &mut bytes), Ok(()));
    }

    proptest! {
        #[test]
        fn integers_that_fit_come_back_equal(values in proptest::collection::vec(-128_i8..=127, 0..64), little: bool) {
            let order = if little { ByteOrder::Little } else { ByteOrder::Big };
            for format in SampleFormat::ALL {
                let signed = format.integer_range().is_none_or(|(least, _)| least < 0.0);
                let samples: Vec<f32> =
                    values.iter().map(|&value| if signed { f32::from(value) } else { f32::from(value.cast_unsigned()) })
                        .collect();
                let mut bytes = Vec::new();
                format.encode(order, &samples, &mut bytes).unwrap();
                prop_assert_eq!(bytes.len(), samples.len() * format.bytes());
                let mut back = vec![f32::NAN; samples.len()];
                format.decode(order, &bytes, &mut back);
                prop_assert_eq!(&back, &samples, "{}", format);
            }
        }

        #[test]
        fn wide_integers_keep_24_bits(value in -8_388_608_i32..=8_388_607, little: bool) {
            let order = if little { ByteOrder::Little } else { ByteOrder::Big };
            for format in [SampleFormat::Int24, SampleFormat::Int32, SampleFormat::Int64] {
                let (mut bytes, mut back) = (Vec::new(), [0.0]);
                format.encode(order, &[value as f32], &mut bytes).unwrap();
                format.decode(order, &bytes, &mut back);
                prop_assert_eq!(back[0], value as f32);
            }
        }
    }
}
