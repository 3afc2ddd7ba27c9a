//! How deep the schema of a file is, read from the footer before the library reads it: the library follows a schema into
//! itself, and so would come to the end of the stack with a file of a few kilobytes. It also makes room for as many
//! fields as a group says that it has.
//!
//! The footer is a struct of Thrift's compact protocol. Its field 2 lists the elements of the schema, each group before
//! its fields; field 5 of an element is the number of these.

use super::{DecodeError, unreadable};

/// Most groups within each other. JSON's own limit is lower: a list takes two of them.
const DEPTH: usize = 256;

/// Most structs and lists within each other in what is passed over.
const SKIPPED: usize = 64;

/// Field of the footer that holds the schema, and field of an element that counts its fields.
const SCHEMA: i16 = 2;
const CHILDREN: i16 = 5;

/// Types of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Refuses a file whose schema is too deep, or says of a group that it has more fields than there are.
pub(super) fn check(file: &[u8]) -> Result<(), DecodeError> {
    let end = file.len().checked_sub(8).ok_or_else(damaged)?;
    // What has no footer, or one that is encrypted, is refused by the library.
    let (length, mark) = file[end..].split_at(4);
    let length = length.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let Some(start) = end.checked_sub(length).filter(|_| mark == b"PAR1") else { return Ok(()) };
    Reader { rest: &file[start..end] }.footer()
}

fn damaged() -> DecodeError {
    unreadable("its footer is damaged")
}

/// What is left of the footer.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn footer(&mut self) -> Result<(), DecodeError> {
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (SCHEMA, LIST) => self.schema()?,
                _ => self.skip(kind, SKIPPED)?,
            }
        }
        Ok(())
    }

    fn schema(&mut self) -> Result<(), DecodeError> {
        let (count, kind) = self.list()?;
        if kind != STRUCT {
            return Err(damaged());
        }
        // How many fields each of the groups around an element still has to come.
        let mut open: Vec<u64> = Vec::new();
        for at in 0..count {
            while open.last() == Some(&0) {
                open.pop();
            }
            open.iter_mut().rev().take(1).for_each(|fields| *fields -= 1);
            let fields = self.element()?;
            if fields > count - at - 1 {
                return Err(damaged());
            }
            if fields > 0 {
                open.push(fields);
            }
            if open.len() > DEPTH {
                return Err(unreadable(format!("its schema has more than {DEPTH} groups within each other")));
            }
        }
        Ok(())
    }

    /// Passes over an element of the schema; how many fields it has.
    fn element(&mut self) -> Result<u64, DecodeError> {
        let (mut id, mut fields) = (0, 0);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (CHILDREN, I32) => fields = u64::try_from(self.signed()?).map_err(|_| damaged())?,
                _ => self.skip(kind, SKIPPED)?,
            }
        }
        Ok(fields)
    }

    /// The type of the next field of a struct; `None` at its end.
    fn field(&mut self, id: &mut i16) -> Result<Option<u8>, DecodeError> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        *id = match head >> 4 {
            0 => i16::try_from(self.signed()?).map_err(|_| damaged())?,
            further => id.checked_add(i16::from(further)).ok_or_else(damaged)?,
        };
        Ok(Some(head & 0x0f))
    }

    /// Number and type of the items of a list.
    fn list(&mut self) -> Result<(u64, u8), DecodeError> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Ok((count, head & 0x0f))
    }

    /// Passes over the value of a field.
    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), DecodeError> {
        let depth = depth.checked_sub(1).ok_or_else(damaged)?;
        match kind {
            TRUE | FALSE => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => self.pass(8)?,
            8 => {
                let length = self.varint()?;
                self.pass(length)?;
            }
            LIST | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.item(kind, depth))?;
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                for _ in 0..count {
                    self.item(kinds >> 4, depth)?;
                    self.item(kinds & 0x0f, depth)?;
                }
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }

    /// Passes over an item: a truth, which a field has in its type, is a byte here.
    fn item(&mut self, kind: u8, depth: usize) -> Result<(), DecodeError> {
        self.skip(if kind == TRUE || kind == FALSE { 3 } else { kind }, depth)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    fn pass(&mut self, length: u64) -> Result<(), DecodeError> {
        let length = usize::try_from(length).map_err(|_| damaged())?;
        self.rest = self.rest.get(length..).ok_or_else(damaged)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    /// A number that is written with its sign last.
    fn signed(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}
