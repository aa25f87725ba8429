//! The part of Protocol Buffers' wire format that the trackers write (<https://protobuf.dev/programming-guides/encoding/>).

/// A message under construction: fields in the order in which they are added.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

/// Wire types.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// An `int64`, `int32` or enum; left out where it is the default, 0.
    pub(super) fn integer(mut self, field: u32, value: i64) -> Self {
        if value != 0 {
            self.tag(field, VARINT);
            // Negative numbers are written as their two's complement of 64 bits.
            self.varint(value.cast_unsigned());
        }
        self
    }

    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.tag(field, FIXED_64);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, FIXED_32);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    pub(super) fn text(self, field: u32, text: &str) -> Self {
        self.delimited(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u32, message: &Self) -> Self {
        self.delimited(field, &message.bytes)
    }

    fn delimited(mut self, field: u32, bytes: &[u8]) -> Self {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
        self
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_specification() {
        // The examples of its page on encoding.
        assert_eq!(Message::new().integer(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(
            Message::new().text(2, "testing").into_bytes(),
            [&[0x12, 0x07], b"testing".as_slice()].concat()
        );
        let inner = Message::new().integer(1, 150);
        assert_eq!(Message::new().message(3, &inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().integer(1, -2).into_bytes().len(), 11);
        assert_eq!(Message::new().float(1, 1.0).double(2, 1.0).into_bytes().len(), 5 + 9);
    }
}
