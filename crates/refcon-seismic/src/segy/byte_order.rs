//! The order of bytes in numbers.

use serde::{Deserialize, Serialize};

/// Which byte of a number comes first.
///
/// SEG-Y up to revision 1 is big-endian by the specification; little-endian files are common all the same, and
/// revision 2 allows both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByteOrder {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

macro_rules! numbers {
    ($($name:ident $put:ident $type:ty),+) => {$(
        #[inline]
        pub(crate) fn $name(self, bytes: [u8; size_of::<$type>()]) -> $type {
            match self {
                Self::Big => <$type>::from_be_bytes(bytes),
                Self::Little => <$type>::from_le_bytes(bytes),
            }
        }

        #[inline]
        pub(crate) fn $put(self, value: $type) -> [u8; size_of::<$type>()] {
            match self {
                Self::Big => value.to_be_bytes(),
                Self::Little => value.to_le_bytes(),
            }
        }
    )+};
}

impl ByteOrder {
    /// The processor's own.
    pub(crate) const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };

    numbers!(
        i16 put_i16 i16, u16 put_u16 u16, i32 put_i32 i32, u32 put_u32 u32, i64 put_i64 i64, u64 put_u64 u64,
        f32 put_f32 f32, f64 put_f64 f64
    );

    /// The other order.
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::Big => Self::Little,
            Self::Little => Self::Big,
        }
    }

    /// `big-endian` or `little-endian`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Big => "big-endian",
            Self::Little => "little-endian",
        }
    }
}

impl std::fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
