//! Files made to be too deep.

use std::thread;

use parquet::basic::{Repetition, Type as PhysicalType};
use parquet::schema::types::Type;

use super::*;

/// A file without rows whose one column lies in so many groups.
fn nested(groups: usize) -> Vec<u8> {
    let write = move || {
        let leaf =
            Type::primitive_type_builder("v", PhysicalType::INT32).with_repetition(Repetition::OPTIONAL);
        let mut schema = Arc::new(leaf.build().expect("a column"));
        for _ in 1..groups {
            let group =
                Type::group_type_builder("g").with_repetition(Repetition::REQUIRED).with_fields(vec![schema]);
            schema = Arc::new(group.build().expect("a group"));
        }
        let root = Type::group_type_builder("m").with_fields(vec![schema]).build().expect("a schema");
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(root), Arc::default()).expect("a writer");
        writer.into_inner().expect("a file")
    };
    // The library's writer follows the schema into itself as well.
    let thread = thread::Builder::new().stack_size(1 << 30).spawn(write).expect("a thread");
    thread.join().expect("written")
}

#[test]
fn a_schema_of_thousands_of_levels_is_an_error_and_never_a_stack_overflow() {
    assert_eq!(read(&nested(256)), Ok(vec![]));
    for groups in [257, 30_000] {
        let error = read(&nested(groups)).expect_err("too deep");
        assert!(error.contains("its schema has more than 256 groups within each other"), "{error}");
    }
}

/// A file whose footer begins with this schema.
fn with_schema(elements: &[&[u8]]) -> Vec<u8> {
    let count = u8::try_from(elements.len()).expect("few") << 4 | 12;
    let footer = [&[0x15, 0x04, 0x19, count], elements.concat().as_slice(), &[0x00]].concat();
    let length = u32::try_from(footer.len()).expect("short").to_le_bytes();
    [b"PAR1", footer.as_slice(), &length, b"PAR1"].concat()
}

#[test]
fn a_footer_that_says_what_is_not_so_is_an_error() {
    // A root named `m` with 2,147,483,647 fields, of which there is none; and one with one field fewer than none.
    let many = [0x48, 0x01, b'm', 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let none = [0x48, 0x01, b'm', 0x15, 0x01, 0x00];
    for element in [many.as_slice(), &none, &many[..4]] {
        let error = read(&with_schema(&[element])).expect_err("damaged");
        assert!(error.contains("its footer is damaged"), "{error}");
    }
    // Lists within each other, where a field is that nobody knows.
    let lists = [[0x99, 0x19].as_slice(), &[0x19; 100_000]].concat();
    let error = read(&with_schema(&[&lists])).expect_err("damaged");
    assert!(error.contains("its footer is damaged"), "{error}");
    for short in [b"".as_slice(), b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"\x00\x00\x00\x00PAR1"] {
        assert!(read(short).is_err());
    }
}
