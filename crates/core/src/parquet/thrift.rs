//! Thrift's compact protocol, as far as Parquet's footers and page headers need it.

/// Writes the fields of one struct, in ascending order of their ids.
pub(super) struct Struct<'a> {
    out: &'a mut Vec<u8>,
    last: u8,
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Writes a struct.
pub(super) fn structure(out: &mut Vec<u8>, fill: impl FnOnce(&mut Struct<'_>)) {
    fill(&mut Struct { out, last: 0 });
    out.push(0);
}

/// Writes a variable-length integer.
pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(out: &mut Vec<u8>, value: i64) {
    varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// The head of a list.
fn list(out: &mut Vec<u8>, kind: u8, count: usize) {
    if count < 15 {
        out.push((count as u8) << 4 | kind);
    } else {
        out.push(0xF0 | kind);
        varint(out, count as u64);
    }
}

impl Struct<'_> {
    fn field(&mut self, id: u8, kind: u8) {
        self.out.push((id - self.last) << 4 | kind);
        self.last = id;
    }

    pub(super) fn bool(&mut self, id: u8, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    pub(super) fn i16(&mut self, id: u8, value: i16) {
        self.field(id, I16);
        zigzag(self.out, value.into());
    }

    pub(super) fn i32(&mut self, id: u8, value: i32) {
        self.field(id, I32);
        zigzag(self.out, value.into());
    }

    pub(super) fn i64(&mut self, id: u8, value: u64) {
        self.field(id, I64);
        zigzag(self.out, value.cast_signed());
    }

    pub(super) fn binary(&mut self, id: u8, value: &[u8]) {
        self.field(id, BINARY);
        varint(self.out, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    pub(super) fn structure(&mut self, id: u8, fill: impl FnOnce(&mut Struct<'_>)) {
        self.field(id, STRUCT);
        structure(self.out, fill);
    }

    pub(super) fn i32s(&mut self, id: u8, values: &[i32]) {
        self.field(id, LIST);
        list(self.out, I32, values.len());
        values.iter().for_each(|value| zigzag(self.out, (*value).into()));
    }

    pub(super) fn texts(&mut self, id: u8, values: &[String]) {
        self.field(id, LIST);
        list(self.out, BINARY, values.len());
        for value in values {
            varint(self.out, value.len() as u64);
            self.out.extend_from_slice(value.as_bytes());
        }
    }

    /// A list of structs that are written already, one after the other.
    pub(super) fn structs(&mut self, id: u8, count: usize, written: &[u8]) {
        self.field(id, LIST);
        list(self.out, STRUCT, count);
        self.out.extend_from_slice(written);
    }
}
