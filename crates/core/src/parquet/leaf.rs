//! The values of one column of one row group, as Parquet wants them: levels, and what is not null.

/// A column chunk that is to be encoded. Empty ones are kept and filled again, so that their memory is reused.
#[derive(Default)]
pub(crate) struct Leaf {
    /// Entries: values, nulls and empty lists.
    pub(crate) entries: usize,
    /// Definition level of each entry; empty while all have the highest.
    pub(crate) definitions: Vec<u8>,
    /// Repetition level of each entry; empty if the column is in no list.
    pub(crate) repetitions: Vec<u8>,
    /// The values that are not null.
    pub(crate) values: Values,
}

/// Values by physical type.
#[derive(Default)]
pub(crate) enum Values {
    #[default]
    None,
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    /// Decimals: 16 bytes, big-endian.
    Fixed(Vec<i128>),
    Bytes(Texts),
}

/// Texts one after the other, and where each ends.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    pub(crate) ends: Vec<u32>,
    pub(crate) bytes: Vec<u8>,
}

impl Texts {
    #[inline]
    pub(crate) fn get(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at] as usize]
    }

    #[inline]
    pub(crate) fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] as usize }
    }

    /// Ends the text whose bytes were appended.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.ends.push(u32::try_from(self.bytes.len()).expect("a chunk of columns holds less than 4 GiB"));
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.start(len));
        self.ends.truncate(len);
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.bytes.clear();
    }
}

impl Leaf {
    /// Forgets all entries.
    pub(crate) fn clear(&mut self) {
        self.entries = 0;
        self.definitions.clear();
        self.repetitions.clear();
        match &mut self.values {
            Values::None => {}
            Values::Boolean(values) => values.clear(),
            Values::Int32(values) => values.clear(),
            Values::Int64(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Fixed(values) => values.clear(),
            Values::Bytes(texts) => texts.clear(),
        }
    }
}

/// The values as the list of their type; a leaf without values gets one.
macro_rules! list {
    ($name:ident, $kind:ident, $list:ty) => {
        pub(crate) fn $name(&mut self) -> &mut $list {
            if !matches!(self, Values::$kind(_)) {
                *self = Values::$kind(Default::default());
            }
            match self {
                Values::$kind(list) => list,
                _ => unreachable!("it was made so"),
            }
        }
    };
}

impl Values {
    list!(booleans, Boolean, Vec<bool>);
    list!(short_integers, Int32, Vec<i32>);
    list!(integers, Int64, Vec<i64>);
    list!(doubles, Double, Vec<f64>);
    list!(decimals, Fixed, Vec<i128>);
    list!(texts, Bytes, Texts);

    pub(crate) fn len(&self) -> usize {
        match self {
            Values::None => 0,
            Values::Boolean(values) => values.len(),
            Values::Int32(values) => values.len(),
            Values::Int64(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Fixed(values) => values.len(),
            Values::Bytes(texts) => texts.ends.len(),
        }
    }
}
