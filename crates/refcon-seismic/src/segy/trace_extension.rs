//! The first trace header extension of revision 2: 240 bytes after the trace header, for numbers that do not fit there.

use super::ByteOrder;
use super::trace_header::TRACE_HEADER_BYTES;

/// Its name, in ASCII and in EBCDIC; an extension of another name holds something else.
const NAME: &[u8; 8] = b"SEG00001";
const NAME_EBCDIC: &[u8; 8] = &[0xe2, 0xc5, 0xc7, 0xf0, 0xf0, 0xf0, 0xf0, 0xf1];

// Where its fields start, counted from 1 as in the specification.
const TRACE_IN_LINE: usize = 1;
const TRACE_IN_FILE: usize = 9;
const FIELD_RECORD: usize = 17;
const ENSEMBLE: usize = 25;
const SOURCE: usize = 97;
const GROUP: usize = 113;
const OFFSET: usize = 129;
const SAMPLE_COUNT: usize = 137;
const SAMPLE_INTERVAL: usize = 145;
const EXTENSIONS: usize = 157;
const CDP: usize = 161;
const NAME_BYTE: usize = 233;

/// The 240 bytes of a trace header extension called `SEG00001` (revision 2.0 and 2.1, trace header extension 1), as far
/// as refcon uses it.
///
/// A field that is 0 leaves the word to the trace header. Coordinates are doubles in the survey's unit; the scalar of
/// the trace header (71–72) is not theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeaderExtension {
    bytes: [u8; TRACE_HEADER_BYTES],
    order: ByteOrder,
}

impl TraceHeaderExtension {
    /// The extension of these bytes, or `None` where its name (233–240) is not `SEG00001`.
    #[must_use]
    pub fn new(bytes: [u8; TRACE_HEADER_BYTES], order: ByteOrder) -> Option<Self> {
        let name = &bytes[NAME_BYTE - 1..];
        (name == NAME || name == NAME_EBCDIC).then_some(Self { bytes, order })
    }

    /// An extension of zeros but for its name, to be filled.
    pub(super) fn blank(order: ByteOrder) -> Self {
        let mut bytes = [0; TRACE_HEADER_BYTES];
        bytes[NAME_BYTE - 1..].copy_from_slice(NAME);
        Self { bytes, order }
    }

    /// The bytes as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8; TRACE_HEADER_BYTES] {
        &self.bytes
    }

    /// Trace sequence number within the line (1–8).
    #[must_use]
    pub fn trace_in_line(&self) -> u64 {
        self.order.u64(self.field(TRACE_IN_LINE))
    }

    /// Trace sequence number within the file (9–16).
    #[must_use]
    pub fn trace_in_file(&self) -> u64 {
        self.order.u64(self.field(TRACE_IN_FILE))
    }

    /// Original field record number (17–24).
    #[must_use]
    pub fn field_record(&self) -> i64 {
        self.order.i64(self.field(FIELD_RECORD))
    }

    /// Ensemble number (25–32).
    #[must_use]
    pub fn ensemble(&self) -> i64 {
        self.order.i64(self.field(ENSEMBLE))
    }

    /// X and Y of the source (97–112).
    #[must_use]
    pub fn source(&self) -> [f64; 2] {
        self.pair(SOURCE)
    }

    /// X and Y of the receiver group (113–128).
    #[must_use]
    pub fn group(&self) -> [f64; 2] {
        self.pair(GROUP)
    }

    /// Distance from source to receiver group (129–136).
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.double(OFFSET)
    }

    /// Samples of this trace (137–140).
    #[must_use]
    pub fn sample_count(&self) -> u32 {
        self.order.u32(self.field(SAMPLE_COUNT))
    }

    /// Sample interval of this trace (145–152), µs.
    #[must_use]
    pub fn sample_interval(&self) -> f64 {
        self.double(SAMPLE_INTERVAL)
    }

    /// Extensions of this trace, this one among them (157–158); 0 where it has as many as the binary header says.
    #[must_use]
    pub fn extensions(&self) -> u16 {
        self.order.u16(self.field(EXTENSIONS))
    }

    /// X and Y of the ensemble (161–176).
    #[must_use]
    pub fn cdp(&self) -> [f64; 2] {
        self.pair(CDP)
    }

    pub(super) fn set_sequence(&mut self, number: u64) {
        let number = self.order.put_u64(number);
        self.put(TRACE_IN_LINE, &number);
        self.put(TRACE_IN_FILE, &number);
    }

    pub(super) fn set_ensemble(&mut self, number: i64) {
        let number = self.order.put_i64(number);
        self.put(ENSEMBLE, &number);
    }

    pub(super) fn set_samples(&mut self, count: u32, interval: f64) {
        let (count, interval) = (self.order.put_u32(count), self.order.put_f64(interval));
        self.put(SAMPLE_COUNT, &count);
        self.put(SAMPLE_INTERVAL, &interval);
        let one = self.order.put_u16(1);
        self.put(EXTENSIONS, &one);
    }

    pub(super) fn set_cdp(&mut self, position: [f64; 2]) {
        for (place, coordinate) in [CDP, CDP + 8].into_iter().zip(position) {
            let coordinate = self.order.put_f64(coordinate);
            self.put(place, &coordinate);
        }
    }

    fn put(&mut self, byte: usize, value: &[u8]) {
        self.bytes[byte - 1..][..value.len()].copy_from_slice(value);
    }

    fn field<const N: usize>(&self, byte: usize) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.bytes[byte - 1..][..N]);
        value
    }

    /// A double; 0 where what is stored is no finite number.
    fn double(&self, byte: usize) -> f64 {
        let value = self.order.f64(self.field(byte));
        if value.is_finite() { value } else { 0.0 }
    }

    fn pair(&self, byte: usize) -> [f64; 2] {
        [self.double(byte), self.double(byte + 8)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_revision_2_puts_them() {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            let mut bytes = [0; TRACE_HEADER_BYTES];
            let mut put = |byte: usize, value: &[u8]| bytes[byte - 1..][..value.len()].copy_from_slice(value);
            put(1, &order.put_u64(1 << 40));
            put(9, &order.put_u64(1 << 41));
            put(17, &order.put_i64(-3));
            put(25, &order.put_i64(1 << 42));
            put(97, &order.put_f64(1.5));
            put(105, &order.put_f64(2.5));
            put(113, &order.put_f64(3.5));
            put(121, &order.put_f64(4.5));
            put(129, &order.put_f64(-250.25));
            put(137, &order.put_u32(100_000));
            put(145, &order.put_f64(62.5));
            put(157, &order.put_u16(2));
            put(161, &order.put_f64(605_835.515_625));
            put(169, &order.put_f64(f64::NAN));
            put(233, b"SEG00001");
            let found = TraceHeaderExtension::new(bytes, order).unwrap();
            assert_eq!((found.trace_in_line(), found.trace_in_file()), (1 << 40, 1 << 41));
            assert_eq!((found.field_record(), found.ensemble()), (-3, 1 << 42));
            assert_eq!((found.source(), found.group(), found.offset()), ([1.5, 2.5], [3.5, 4.5], -250.25));
            assert_eq!(
                (found.sample_count(), found.sample_interval(), found.extensions()),
                (100_000, 62.5, 2)
            );
            assert_eq!(found.cdp(), [605_835.515_625, 0.0]);
        }
    }

    #[test]
    fn an_extension_of_another_name_is_none() {
        let mut bytes = [0; TRACE_HEADER_BYTES];
        for (name, known) in [(NAME, true), (NAME_EBCDIC, true), (b"SEG00002", false), (&[0; 8], false)] {
            bytes[232..].copy_from_slice(name);
            assert_eq!(TraceHeaderExtension::new(bytes, ByteOrder::Big).is_some(), known);
        }
    }
}
