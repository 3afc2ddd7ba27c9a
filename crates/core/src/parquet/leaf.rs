//! The values of one column of one row group, as Parquet wants them: levels, and what is not null.

use super::dictionary::Dictionary;

/// A column chunk that is to be encoded. Empty ones are kept and filled again, so that their memory is reused.
#[derive(Default)]
pub(crate) struct Leaf {
    /// Entries: values, nulls and empty lists.
    pub(crate) entries: usize,
    /// Definition level of each entry; empty while all have the highest.
    pub(crate) definitions: Vec<u8>,
    /// Repetition level of each entry; empty if the column is in no list.
    pub(crate) repetitions: Vec<u8>,
    /// The values that are not null; where the leaf is `coded`, the distinct ones of them.
    pub(crate) values: Values,
    /// Whether the values are texts given by their places among distinct ones, in `codes`.
    pub(crate) coded: bool,
    pub(crate) codes: Dictionary,
    /// What [`Leaf::code`] knows of the texts at hand.
    known: Vec<u32>,
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

    /// Appends a text.
    #[inline]
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.end();
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
        self.coded = false;
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

/// In the place of one that was not looked for yet.
const UNKNOWN: u32 = u32::MAX;

impl Leaf {
    /// Makes it one of texts that are appended by [`Leaf::code`].
    pub(crate) fn start_codes(&mut self) {
        self.coded = true;
        self.codes.begin(256);
        self.values.texts();
    }

    /// What [`Leaf::code`] gets from now on are places among so many other distinct texts.
    pub(crate) fn start_block(&mut self, distinct: usize) {
        self.known.clear();
        self.known.resize(distinct, UNKNOWN);
    }

    /// Appends a text by its place in `from`.
    #[inline]
    pub(crate) fn code(&mut self, from: &Texts, place: u32) {
        let known = &mut self.known[place as usize];
        if *known == UNKNOWN {
            *known = self.codes.find_or_add(self.values.texts(), from.get(place as usize));
        }
        self.codes.places.push(*known);
    }

    /// How many entries hold a value.
    pub(crate) fn count(&self) -> usize {
        if self.coded { self.codes.places.len() } else { self.values.len() }
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
