//! Trace headers: 240 bytes before the samples of each trace.

use super::ByteOrder;
use serde::{Deserialize, Serialize};

/// Bytes of a trace header, and of each trace header extension.
pub const TRACE_HEADER_BYTES: usize = 240;

/// How a header field is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// Two's complement integer, 2 bytes.
    Int16,
    /// Unsigned integer, 2 bytes.
    UInt16,
    /// Two's complement integer, 4 bytes.
    Int32,
    /// IEEE floating point, 4 bytes: not of the specification, yet written by some.
    Float32,
}

impl FieldKind {
    /// Bytes it takes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Int16 | Self::UInt16 => 2,
            Self::Int32 | Self::Float32 => 4,
        }
    }
}

/// A field of the trace header: where it starts (counted from 1, as in the specification) and how it is stored.
///
/// It lies inside the header, also when it comes from a saved index or a file of options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "StoredField")]
pub struct HeaderField {
    byte: u16,
    kind: FieldKind,
}

/// A header field as it was saved.
#[derive(Deserialize)]
struct StoredField {
    byte: u16,
    kind: FieldKind,
}

impl TryFrom<StoredField> for HeaderField {
    type Error = String;

    fn try_from(StoredField { byte, kind }: StoredField) -> Result<Self, String> {
        Self::new(byte, kind).ok_or_else(|| {
            format!(
                "no header field of {} bytes starts at byte {byte}: a trace header has bytes 1 to 240",
                kind.bytes()
            )
        })
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $byte:literal $kind:ident;)+) => {$(
        $(#[$doc])*
        pub const $name: Self = Self { byte: $byte, kind: FieldKind::$kind };
    )+};
}

impl HeaderField {
    fields! {
        /// Trace sequence number within the line.
        TRACE_IN_LINE = 1 Int32;
        /// Trace sequence number within the file.
        TRACE_IN_FILE = 5 Int32;
        /// Original field record number: the shot.
        FIELD_RECORD = 9 Int32;
        /// Trace number within the field record.
        TRACE_IN_RECORD = 13 Int32;
        /// Energy source point number.
        SOURCE_POINT = 17 Int32;
        /// Ensemble number: CDP, CMP, CRP.
        CDP = 21 Int32;
        /// Trace number within the ensemble.
        TRACE_IN_ENSEMBLE = 25 Int32;
        /// Trace identification code: 1 seismic data, 2 dead.
        TRACE_KIND = 29 Int16;
        /// Distance from source to receiver group.
        OFFSET = 37 Int32;
        /// Scalar of the coordinates.
        COORDINATE_SCALAR = 71 Int16;
        /// Source X.
        SOURCE_X = 73 Int32;
        /// Source Y.
        SOURCE_Y = 77 Int32;
        /// Receiver group X.
        GROUP_X = 81 Int32;
        /// Receiver group Y.
        GROUP_Y = 85 Int32;
        /// Units of the coordinates: 1 length, 2 arc seconds, 3 decimal degrees, 4 degrees, minutes, seconds.
        COORDINATE_UNITS = 89 Int16;
        /// Delay recording time.
        DELAY = 109 Int16;
        /// Samples of this trace.
        SAMPLE_COUNT = 115 UInt16;
        /// Sample interval of this trace, µs.
        SAMPLE_INTERVAL = 117 UInt16;
        /// X of the ensemble's position.
        CDP_X = 181 Int32;
        /// Y of the ensemble's position.
        CDP_Y = 185 Int32;
        /// Inline number.
        INLINE = 189 Int32;
        /// Crossline number.
        CROSSLINE = 193 Int32;
        /// Shotpoint number.
        SHOT_POINT = 197 Int32;
        /// Scalar of the times, the delay recording time among them.
        TIME_SCALAR = 215 Int16;
    }

    /// The field of this kind that starts at `byte`, counted from 1; `None` where it would not lie inside the header.
    #[must_use]
    pub fn new(byte: u16, kind: FieldKind) -> Option<Self> {
        let end = usize::from(byte).checked_add(kind.bytes())?;
        (byte >= 1 && end <= TRACE_HEADER_BYTES + 1).then_some(Self { byte, kind })
    }

    /// The 4-byte integer at `byte`, for tables of places known to lie inside the header.
    pub(super) const fn int32_at(byte: u16) -> Self {
        Self { byte, kind: FieldKind::Int32 }
    }

    /// Where it starts, counted from 1.
    #[must_use]
    pub fn byte(self) -> u16 {
        self.byte
    }

    /// How it is stored.
    #[must_use]
    pub fn kind(self) -> FieldKind {
        self.kind
    }
}

impl std::fmt::Display for HeaderField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            FieldKind::Int32 => "",
            FieldKind::Int16 => " (2 bytes)",
            FieldKind::UInt16 => " (2 bytes, unsigned)",
            FieldKind::Float32 => " (float)",
        };
        write!(f, "byte {}{kind}", self.byte)
    }
}

/// The 240 bytes of a trace header (revision 2.1, table 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeader {
    bytes: [u8; TRACE_HEADER_BYTES],
    order: ByteOrder,
}

impl TraceHeader {
    /// A header of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; TRACE_HEADER_BYTES], order: ByteOrder) -> Self {
        Self { bytes, order }
    }

    /// The bytes as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8; TRACE_HEADER_BYTES] {
        &self.bytes
    }

    /// The value of `field` as an integer; a float is rounded, NaN is 0.
    #[must_use]
    pub fn get(&self, field: HeaderField) -> i32 {
        field.read(&self.bytes, self.order)
    }

    pub(super) fn set(&mut self, field: HeaderField, value: i32) {
        let start = usize::from(field.byte) - 1;
        let place = &mut self.bytes[start..start + field.kind.bytes()];
        match field.kind {
            // Both 2-byte kinds keep the low half; the writer checks ranges before it comes here.
            FieldKind::Int16 | FieldKind::UInt16 => place.copy_from_slice(&self.order.put_u16(value as u16)),
            FieldKind::Int32 => place.copy_from_slice(&self.order.put_i32(value)),
            FieldKind::Float32 => place.copy_from_slice(&self.order.put_f32(value as f32)),
        }
    }

    pub(super) fn set_text(&mut self, byte: u16, text: &[u8]) {
        let start = usize::from(byte) - 1;
        self.bytes[start..start + text.len()].copy_from_slice(text);
    }

    /// Position of the trace from two coordinate fields, with the scalar at bytes 71–72 applied: a positive scalar
    /// multiplies, a negative one divides, 0 counts as 1.
    #[must_use]
    pub fn position(&self, x: HeaderField, y: HeaderField) -> [f64; 2] {
        let scalar = self.get(HeaderField::COORDINATE_SCALAR);
        [x, y].map(|field| scaled(self.get(field), scalar))
    }

    /// Time (ms) or depth of the first sample: bytes 109–110 with the scalar at bytes 215–216 applied.
    #[must_use]
    pub fn delay(&self) -> f64 {
        scaled(self.get(HeaderField::DELAY), self.get(HeaderField::TIME_SCALAR))
    }
}

impl HeaderField {
    #[inline]
    pub(super) fn read(self, header: &[u8; TRACE_HEADER_BYTES], order: ByteOrder) -> i32 {
        let start = usize::from(self.byte) - 1;
        let two = || [header[start], header[start + 1]];
        let four = || [header[start], header[start + 1], header[start + 2], header[start + 3]];
        match self.kind {
            FieldKind::Int16 => i32::from(order.i16(two())),
            FieldKind::UInt16 => i32::from(order.u16(two())),
            FieldKind::Int32 => order.i32(four()),
            // `as` saturates, and makes 0 of NaN.
            FieldKind::Float32 => order.f32(four()).round() as i32,
        }
    }
}

/// A header's value with its scalar applied. Divided where the scalar divides: 7 tenths are 0.7, 7 × 0.1 is not.
fn scaled(value: i32, scalar: i32) -> f64 {
    let value = f64::from(value);
    if scalar < 0 { value / -f64::from(scalar) } else { value * scalar_factor(scalar) }
}

/// The factor that a SEG-Y scalar stands for: `n` for positive `n`, `1/n` for `-n`, 1 for 0.
pub(super) fn scalar_factor(scalar: i32) -> f64 {
    match scalar {
        0 => 1.0,
        1.. => f64::from(scalar),
        _ => -1.0 / f64::from(scalar),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_outside_the_header_does_not_exist() {
        assert!(HeaderField::new(0, FieldKind::Int32).is_none());
        assert!(HeaderField::new(238, FieldKind::Int32).is_none());
        assert!(HeaderField::new(u16::MAX, FieldKind::Int16).is_none());
        assert_eq!(HeaderField::new(237, FieldKind::Int32).map(HeaderField::byte), Some(237));
        assert_eq!(HeaderField::new(189, FieldKind::Int32), Some(HeaderField::INLINE));
    }

    #[test]
    fn a_saved_field_outside_the_header_is_refused() {
        let saved = serde_json::to_string(&HeaderField::INLINE).unwrap();
        assert_eq!(serde_json::from_str::<HeaderField>(&saved).unwrap(), HeaderField::INLINE);
        for byte in [0, 238, 65_535] {
            let damaged = saved.replace("189", &byte.to_string());
            let error = serde_json::from_str::<HeaderField>(&damaged).unwrap_err().to_string();
            assert!(error.contains(&format!("starts at byte {byte}")), "{error}");
        }
    }

    #[test]
    fn positive_scalars_multiply_negative_ones_divide_zero_is_one() {
        let mut header = TraceHeader::new([0; TRACE_HEADER_BYTES], ByteOrder::Little);
        header.set(HeaderField::CDP_X, 1234);
        header.set(HeaderField::CDP_Y, -50);
        for (scalar, expected) in [(10, [12340.0, -500.0]), (-100, [12.34, -0.5]), (0, [1234.0, -50.0])] {
            header.set(HeaderField::COORDINATE_SCALAR, scalar);
            assert_eq!(header.position(HeaderField::CDP_X, HeaderField::CDP_Y), expected);
        }
        header.set(HeaderField::DELAY, -25);
        header.set(HeaderField::TIME_SCALAR, -10);
        assert_eq!(header.delay(), -2.5);
    }

    #[test]
    fn a_line_number_kept_as_a_float_reads_as_its_integer() {
        let field = HeaderField::new(221, FieldKind::Float32).unwrap();
        let mut header = TraceHeader::new([0; TRACE_HEADER_BYTES], ByteOrder::Big);
        header.set(field, 1250);
        assert_eq!(header.get(field), 1250);
        header.set_text(221, &f32::NAN.to_be_bytes());
        assert_eq!(header.get(field), 0);
    }
}
