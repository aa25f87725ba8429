//! The binary file header: 400 bytes after the textual header.

use super::ByteOrder;
use serde::{Deserialize, Serialize};

/// Bytes of the binary header.
pub const BINARY_HEADER_BYTES: usize = 400;

/// Byte of the file (from 1) at which the binary header starts; its fields are named by their bytes of the file.
const FIRST_BYTE: usize = 3201;

/// Bytes 3297–3300 of a revision 2 file hold this number, so that its byte order can be seen.
pub(super) const BYTE_ORDER_MARK: u32 = 16_909_060;

/// A version of the SEG-Y specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revision {
    /// 0 (1975), 1 (2002) or 2 (2017).
    pub major: u8,
    /// 1 for revision 2.1 (2023), else 0.
    pub minor: u8,
}

impl Revision {
    /// Revision 0, 1975.
    pub const R0: Self = Self { major: 0, minor: 0 };
    /// Revision 1, 2002.
    pub const R1: Self = Self { major: 1, minor: 0 };
    /// Revision 2.1, 2023.
    pub const R2_1: Self = Self { major: 2, minor: 1 };
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.major, self.minor) {
            (major, 0) if major < 2 => write!(f, "{major}"),
            (major, minor) => write!(f, "{major}.{minor}"),
        }
    }
}

/// The unit of lengths in a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeasurementSystem {
    /// Code 1.
    Metres,
    /// Code 2.
    Feet,
}

impl MeasurementSystem {
    /// `m` or `ft`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Metres => "m",
            Self::Feet => "ft",
        }
    }
}

/// What the binary header says, as far as refcon uses it (revision 2.1, table 2). Numbers are as stored: 0 where the
/// writer left a field empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryHeader {
    /// Line number of a 2-D line (3205).
    pub line: i32,
    /// Traces per ensemble (3213).
    pub traces_per_ensemble: u16,
    /// Sample interval, µs (3217).
    pub sample_interval: u16,
    /// Samples per trace (3221).
    pub sample_count: u16,
    /// Sample format code (3225).
    pub format_code: u16,
    /// Ensemble fold (3227).
    pub ensemble_fold: u16,
    /// Trace sorting code (3229).
    pub sorting_code: i16,
    /// Measurement system code (3255): 1 metres, 2 feet.
    pub measurement_system: u16,
    /// Impulse signal polarity code (3257): 1 a pressure rise is a negative number, 2 a positive one.
    pub impulse_polarity: u16,
    /// Traces per ensemble (3261, revision 2), in place of 3213 where it is not 0.
    pub extended_traces_per_ensemble: u32,
    /// Samples per trace (3269, revision 2), in place of 3221 where it is not 0.
    pub extended_sample_count: u32,
    /// Sample interval, µs (3273, revision 2), in place of 3217 where it is not 0.
    pub extended_sample_interval: f64,
    /// Revision (3501–3502).
    pub revision: Revision,
    /// Whether all traces have the same length (3503).
    pub fixed_length: bool,
    /// Extended textual headers (3505, revision 1): a count, or −1 where a stanza `((SEG: EndText))` ends them.
    /// Read in revision 0 too, since such files are about.
    pub extended_text_headers: i16,
    /// Trace header extensions of 240 bytes each that follow every trace header (3507, revision 2).
    pub trace_header_extensions: u32,
    /// Survey type (3509, revision 2.1): flags, as stored.
    pub survey_type: u16,
    /// Time basis of the traces' dates (3511): 1 local, 2 Greenwich, 3 other, 4 UTC, 5 GPS.
    pub time_basis: u16,
    /// Traces in the file (3513, revision 2).
    pub trace_count: u64,
    /// Byte offset of the first trace, counted from 0 (3521, revision 2).
    pub first_trace_offset: u64,
    /// Data trailer stanzas of 3200 bytes each after the last trace (3529, revision 2); −1 where unknown.
    pub trailer_stanzas: i32,
}

impl BinaryHeader {
    /// Reads the fields; those of revision 2 read as 0 in an older file.
    #[must_use]
    pub fn decode(bytes: &[u8; BINARY_HEADER_BYTES], order: ByteOrder) -> Self {
        let two = |byte: usize| field::<2>(bytes, byte);
        let four = |byte: usize| field::<4>(bytes, byte);
        let eight = |byte: usize| field::<8>(bytes, byte);
        let revision = revision(two(3501));
        let rev2 = revision.major >= 2;
        // Revision 2.0 has one 4-byte field where 2.1 has the count in 2 bytes and the survey type in the other 2.
        let trace_header_extensions = match revision {
            Revision { major: 0 | 1, .. } => 0,
            Revision { major: 2, minor: 0 } => order.u32(four(3507)),
            _ => u32::from(order.u16(two(3507))),
        };
        Self {
            line: order.i32(four(3205)),
            traces_per_ensemble: order.u16(two(3213)),
            sample_interval: order.u16(two(3217)),
            sample_count: order.u16(two(3221)),
            format_code: order.u16(two(3225)),
            ensemble_fold: order.u16(two(3227)),
            sorting_code: order.i16(two(3229)),
            measurement_system: order.u16(two(3255)),
            impulse_polarity: order.u16(two(3257)),
            extended_traces_per_ensemble: if rev2 { order.u32(four(3261)) } else { 0 },
            extended_sample_count: if rev2 { order.u32(four(3269)) } else { 0 },
            extended_sample_interval: if rev2 { order.f64(eight(3273)) } else { 0.0 },
            revision,
            fixed_length: order.u16(two(3503)) == 1,
            extended_text_headers: order.i16(two(3505)),
            trace_header_extensions,
            survey_type: if revision >= Revision::R2_1 { order.u16(two(3509)) } else { 0 },
            time_basis: if rev2 { order.u16(two(3511)) } else { 0 },
            trace_count: if rev2 { order.u64(eight(3513)) } else { 0 },
            first_trace_offset: if rev2 { order.u64(eight(3521)) } else { 0 },
            trailer_stanzas: if rev2 { order.i32(four(3529)) } else { 0 },
        }
    }

    /// Lays the fields out in 400 bytes.
    #[must_use]
    pub fn encode(&self, order: ByteOrder) -> [u8; BINARY_HEADER_BYTES] {
        let mut bytes = [0; BINARY_HEADER_BYTES];
        let mut put = |byte: usize, value: &[u8]| {
            bytes[byte - FIRST_BYTE..][..value.len()].copy_from_slice(value);
        };
        put(3205, &order.put_i32(self.line));
        put(3213, &order.put_u16(self.traces_per_ensemble));
        put(3217, &order.put_u16(self.sample_interval));
        put(3219, &order.put_u16(self.sample_interval));
        put(3221, &order.put_u16(self.sample_count));
        put(3223, &order.put_u16(self.sample_count));
        put(3225, &order.put_u16(self.format_code));
        put(3227, &order.put_u16(self.ensemble_fold));
        put(3229, &order.put_i16(self.sorting_code));
        put(3255, &order.put_u16(self.measurement_system));
        put(3257, &order.put_u16(self.impulse_polarity));
        // Two single bytes in revision 2, one 16-bit number (0x0100) in revision 1.
        let Revision { major, minor } = self.revision;
        put(
            3501,
            &if major >= 2 { [major, minor] } else { order.put_u16(u16::from_be_bytes([major, minor])) },
        );
        put(3503, &order.put_u16(u16::from(self.fixed_length)));
        put(3505, &order.put_i16(self.extended_text_headers));
        if self.revision.major >= 2 {
            put(3261, &order.put_u32(self.extended_traces_per_ensemble));
            put(3269, &order.put_u32(self.extended_sample_count));
            put(3273, &order.put_f64(self.extended_sample_interval));
            put(3297, &order.put_u32(BYTE_ORDER_MARK));
            let extensions = self.trace_header_extensions;
            match u16::try_from(extensions) {
                Ok(extensions) if self.revision.minor > 0 => {
                    put(3507, &order.put_u16(extensions));
                    put(3509, &order.put_u16(self.survey_type));
                }
                _ => put(3507, &order.put_u32(extensions)),
            }
            put(3511, &order.put_u16(self.time_basis));
            put(3513, &order.put_u64(self.trace_count));
            put(3521, &order.put_u64(self.first_trace_offset));
            put(3529, &order.put_i32(self.trailer_stanzas));
        }
        bytes
    }

    /// Traces per ensemble: the extended number (3261) where there is one, else the short one (3213).
    #[must_use]
    pub fn traces_in_ensemble(&self) -> u32 {
        match self.extended_traces_per_ensemble {
            0 => u32::from(self.traces_per_ensemble),
            extended => extended,
        }
    }

    /// The measurement system, where the code says one.
    #[must_use]
    pub fn measurement(&self) -> Option<MeasurementSystem> {
        match self.measurement_system {
            1 => Some(MeasurementSystem::Metres),
            2 => Some(MeasurementSystem::Feet),
            _ => None,
        }
    }
}

/// The `N` bytes of the field that starts at `byte` of the file.
pub(super) fn field<const N: usize>(bytes: &[u8; BINARY_HEADER_BYTES], byte: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[byte - FIRST_BYTE..][..N]);
    value
}

fn revision([major, minor]: [u8; 2]) -> Revision {
    match (major, minor) {
        (2, 0 | 1) | (1, 0) => Revision { major, minor },
        // Revision 1 as a little-endian 16-bit number; some writers put the plain number 1 there.
        (0, 1) => Revision::R1,
        (0, 2) => Revision { major: 2, minor: 0 },
        (1, 2) => Revision::R2_1,
        _ => Revision::R0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(revision: Revision) -> BinaryHeader {
        let rev2 = revision.major >= 2;
        BinaryHeader {
            line: -7,
            traces_per_ensemble: 1,
            sample_interval: 4000,
            sample_count: 40_000,
            format_code: 5,
            ensemble_fold: 1,
            sorting_code: 4,
            measurement_system: 2,
            impulse_polarity: 1,
            extended_traces_per_ensemble: if rev2 { 70_000 } else { 0 },
            extended_sample_count: if rev2 { 100_000 } else { 0 },
            extended_sample_interval: if rev2 { 333.25 } else { 0.0 },
            revision,
            fixed_length: true,
            extended_text_headers: -1,
            trace_header_extensions: if rev2 { 2 } else { 0 },
            survey_type: if revision == Revision::R2_1 { 0x0108 } else { 0 },
            time_basis: if rev2 { 4 } else { 0 },
            trace_count: if rev2 { 1 << 40 } else { 0 },
            first_trace_offset: if rev2 { 6800 } else { 0 },
            trailer_stanzas: if rev2 { 3 } else { 0 },
        }
    }

    #[test]
    fn every_revision_and_order_comes_back() {
        for revision in [Revision::R0, Revision::R1, Revision { major: 2, minor: 0 }, Revision::R2_1] {
            for order in [ByteOrder::Big, ByteOrder::Little] {
                let written = header(revision);
                assert_eq!(
                    BinaryHeader::decode(&written.encode(order), order),
                    written,
                    "{revision} {order}"
                );
            }
        }
    }

    #[test]
    fn fields_of_revision_2_lie_where_it_puts_them() {
        let mut bytes = [0; BINARY_HEADER_BYTES];
        let mut put =
            |byte: usize, value: &[u8]| bytes[byte - FIRST_BYTE..][..value.len()].copy_from_slice(value);
        put(3213, &7_u16.to_be_bytes());
        put(3261, &70_000_u32.to_be_bytes());
        put(3269, &100_000_u32.to_be_bytes());
        put(3273, &333.25_f64.to_be_bytes());
        put(3297, &[1, 2, 3, 4]);
        put(3501, &[2, 1]);
        put(3507, &3_u16.to_be_bytes());
        put(3509, &0x0108_u16.to_be_bytes());
        put(3511, &5_u16.to_be_bytes());
        put(3513, &(1_u64 << 33).to_be_bytes());
        put(3521, &6800_u64.to_be_bytes());
        put(3529, &(-1_i32).to_be_bytes());
        let read = BinaryHeader::decode(&bytes, ByteOrder::Big);
        assert_eq!((read.extended_traces_per_ensemble, read.traces_in_ensemble()), (70_000, 70_000));
        assert_eq!((read.extended_sample_count, read.extended_sample_interval), (100_000, 333.25));
        assert_eq!((read.trace_header_extensions, read.survey_type, read.time_basis), (3, 0x0108, 5));
        assert_eq!((read.trace_count, read.first_trace_offset, read.trailer_stanzas), (1 << 33, 6800, -1));
        // Revision 2.0 counts extensions in 4 bytes.
        bytes[3502 - FIRST_BYTE] = 0;
        let read = BinaryHeader::decode(&bytes, ByteOrder::Big);
        assert_eq!((read.trace_header_extensions, read.survey_type), (0x0003_0108, 0));
    }

    #[test]
    fn unassigned_bytes_of_an_old_file_are_not_taken_for_later_fields() {
        let mut bytes = header(Revision::R0).encode(ByteOrder::Big);
        bytes[3505 - FIRST_BYTE..][..40].fill(0x55);
        bytes[3261 - FIRST_BYTE..][..40].fill(0x55);
        let read = BinaryHeader::decode(&bytes, ByteOrder::Big);
        assert_eq!((read.extended_sample_count, read.trace_header_extensions, read.trace_count), (0, 0, 0));
    }
}
