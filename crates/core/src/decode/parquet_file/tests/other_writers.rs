//! What our own writer would not write: older forms of lists and times, long decimals.

use super::*;

type Group<'a, 'b> = &'a mut SerializedRowGroupWriter<'b, Vec<u8>>;

fn raw(schema: &str, write: impl FnOnce(Group<'_, '_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Default::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    write(&mut group);
    group.close().expect("a group");
    writer.into_inner().expect("a file")
}

/// Writes the next column: its values, definition levels, repetition levels, where it has such.
fn column<T: Physical>(group: Group<'_, '_>, values: &[T::T], definition: &[i16], repetition: &[i16]) {
    let mut column = group.next_column().expect("a column").expect("one more");
    let [definition, repetition] =
        [definition, repetition].map(|levels| Some(levels).filter(|l| !l.is_empty()));
    let written = column.typed::<T>().write_batch(values, definition, repetition);
    assert_eq!(written.expect("values"), values.len());
    column.close().expect("a column");
}

#[test]
fn lists_maps_and_structs_are_read_as_older_writers_have_them() {
    let schema = "message m {
        optional group a (LIST) { repeated int32 element; }
        optional group b (LIST) { repeated group array { required int32 x; } }
        optional group c (LIST) { repeated group bag { optional int32 array_element; } }
        repeated int32 d;
        optional group e (MAP) { repeated group map { required int32 key; optional binary value (UTF8); } }
        optional group f { optional int32 g; }
        optional group h (MAP) { repeated group map { required int32 key; } }
    }";
    let file = raw(schema, |group| {
        column::<Int32Type>(group, &[1, 2], &[2, 2, 0], &[0, 1, 0]);
        column::<Int32Type>(group, &[1], &[2, 1], &[0, 0]);
        column::<Int32Type>(group, &[3], &[2, 3, 0], &[0, 1, 0]);
        column::<Int32Type>(group, &[5, 6], &[1, 1, 0], &[0, 1, 0]);
        column::<Int32Type>(group, &[7, 8], &[2, 2, 0], &[0, 1, 0]);
        column::<ByteArrayType>(group, &["s".into()], &[3, 2, 0], &[0, 1, 0]);
        column::<Int32Type>(group, &[], &[1, 0], &[]);
        column::<Int32Type>(group, &[9], &[2, 0], &[0, 0]);
    });
    assert_eq!(
        read(&file).expect("rows"),
        [
            r#"{"a":[1,2],"b":[{"x":1}],"c":[null,3],"d":[5,6],"e":{"7":"s","8":null},"f":{"g":null},"h":[9]}"#,
            r#"{"a":null,"b":[],"c":null,"d":[],"e":null,"f":null,"h":null}"#,
        ]
    );
}

#[test]
fn times_of_julian_days_keep_their_nanoseconds_and_their_century() {
    let at = |days: u32, nanoseconds: u64| {
        let mut time = Int96::new();
        let [low, high] = [nanoseconds & 0xffff_ffff, nanoseconds >> 32].map(|half| half as u32);
        time.set_data(low, high, 2_440_588 + days);
        time
    };
    let file = raw("message m { required int96 t; }", |group| {
        let times = [at(20_777, 43_200_000_000_001), at(376_200, 0), at(2_932_896, 0)];
        column::<Int96Type>(group, &times, &[], &[]);
    });
    assert_eq!(
        read(&file).expect("rows"),
        [
            "{\"t\":\"2026-11-20T12:00:00.000000001Z\"}",
            "{\"t\":\"3000-01-01T00:00:00Z\"}",
            "{\"t\":253402214400000000000}",
        ]
    );
}

#[test]
fn decimals_of_any_length_keep_every_digit() {
    let number = |first: u8, rest: u8, bytes: usize| {
        let mut number = vec![rest; bytes];
        number[0] = first;
        ByteArray::from(number)
    };
    let file = raw("message m { required binary d (DECIMAL(76, 5)); }", |group| {
        let none = ByteArray::from(Vec::<u8>::new());
        let numbers = [number(0x80, 0, 17), number(0x7f, 0xff, 32), number(0xff, 0xff, 3), none];
        column::<ByteArrayType>(group, &numbers, &[], &[]);
    });
    assert_eq!(
        read(&file).expect("rows"),
        [
            "{\"d\":-435561429658801233233119497512663310.66368}",
            "{\"d\":578960446186580977117854925043439539266349923328202820197287920039565648.19967}",
            "{\"d\":-0.00001}",
            "{\"d\":0.00000}",
        ]
    );
    let file = raw("message m { required binary d (DECIMAL(76, 5)); }", |group| {
        column::<ByteArrayType>(group, &[number(0, 0, 33)], &[], &[]);
    });
    assert!(read(&file).expect_err("too long").contains("a decimal has 33 bytes"));
}

#[test]
fn an_interval_is_refused_where_there_is_one() {
    let file = |values: usize, definition: &[i16]| {
        raw("message m { optional fixed_len_byte_array(12) i (INTERVAL); }", |group| {
            let values = vec![ByteArray::from(vec![0; 12]).into(); values];
            column::<FixedLenByteArrayType>(group, &values, definition, &[]);
        })
    };
    assert_eq!(read(&file(0, &[0])).expect("rows"), ["{\"i\":null}"]);
    assert!(read(&file(1, &[1])).expect_err("an interval").contains("INTERVAL, which is not read"));
}
