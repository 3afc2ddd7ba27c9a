//! The rows of a chunk in the order of their partitions, so that each partition is one stretch of every column.

use super::column::{Child, Column, Fields, List, Values};
use super::pack::{Coded, Packer, Scaled, Wholes};
use super::presence::{Order, Presence};
use crate::parquet::Texts;

impl Fields {
    /// The rows in that order, in memory of their own that is as long as it must be.
    pub(super) fn gather(&self, order: &Order, packer: &mut Packer) -> Vec<Packed> {
        self.children.iter().map(|child: &Child| child.column.gather(order, packer)).collect()
    }
}

/// A column that takes no more values.
pub(super) struct Packed {
    pub(super) present: Presence,
    pub(super) values: PackedValues,
}

/// Its values.
pub(super) enum PackedValues {
    /// None at all.
    None,
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Wholes(Wholes),
    Decimal(Vec<i128>),
    Double(Vec<f64>),
    Scaled(Scaled),
    Text(Texts),
    Coded(Coded),
    Struct(Vec<Packed>),
    /// Where each list ends, and the items.
    List(Vec<u32>, Box<Packed>),
}

impl Column {
    fn gather(&self, order: &Order, packer: &mut Packer) -> Packed {
        if self.present.count() == 0 {
            return Packed { present: Presence::default(), values: PackedValues::None };
        }
        let (present, values) = self.present.gather(order);
        let values = self.values.gather(values.as_ref().unwrap_or(order), packer);
        Packed { present, values }
    }
}

impl Values {
    fn gather(&self, order: &Order, packer: &mut Packer) -> PackedValues {
        match self {
            Values::Unknown => PackedValues::None,
            Values::Boolean(values) => PackedValues::Boolean(pick(values, order)),
            Values::Int(_, values) | Values::Timestamp(values) => match Wholes::pack(values, order) {
                Some(wholes) => PackedValues::Wholes(wholes),
                None => PackedValues::Int64(pick(values, order)),
            },
            Values::Decimal(_, values) => PackedValues::Decimal(pick(values, order)),
            Values::Double(values) => match Scaled::pack(values, order, packer) {
                Some(scaled) => PackedValues::Scaled(scaled),
                None => PackedValues::Double(pick(values, order)),
            },
            Values::Date(values) => PackedValues::Int32(pick(values, order)),
            Values::Text(texts) | Values::Json(texts) => match Coded::pack(texts, order, packer) {
                Some(coded) => PackedValues::Coded(coded),
                None => PackedValues::Text(pick_texts(texts, order)),
            },
            Values::Struct(fields) => PackedValues::Struct(fields.gather(order, packer)),
            Values::List(list) => list.gather(order, packer),
        }
    }
}

fn pick<T: Copy>(values: &[T], order: &Order) -> Vec<T> {
    order.from.iter().map(|from| values[*from as usize]).collect()
}

fn pick_texts(texts: &Texts, order: &Order) -> Texts {
    let mut picked = Texts { ends: Vec::with_capacity(order.from.len()), bytes: Vec::new() };
    picked.bytes.reserve_exact(texts.bytes.len());
    for from in &order.from {
        picked.bytes.extend_from_slice(texts.get(*from as usize));
        picked.end();
    }
    picked
}

impl List {
    fn gather(&self, order: &Order, packer: &mut Packer) -> PackedValues {
        let mut ends = Vec::with_capacity(order.from.len());
        let mut items = Vec::with_capacity(self.end());
        for from in &order.from {
            let from = *from as usize;
            items.extend(self.start(from) as u32..self.ends[from]);
            ends.push(items.len() as u32);
        }
        PackedValues::List(ends, Box::new(self.items.gather(&Order::new(items), packer)))
    }
}

impl Packed {
    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        let values = match &self.values {
            PackedValues::None => 0,
            PackedValues::Boolean(values) => values.capacity(),
            PackedValues::Int32(values) => values.capacity() * 4,
            PackedValues::Int64(values) => values.capacity() * 8,
            PackedValues::Double(values) => values.capacity() * 8,
            PackedValues::Decimal(values) => values.capacity() * 16,
            PackedValues::Wholes(wholes) => wholes.held(),
            PackedValues::Scaled(scaled) => scaled.held(),
            PackedValues::Coded(coded) => coded.held(),
            PackedValues::Text(texts) => texts.bytes.capacity() + texts.ends.capacity() * 4,
            PackedValues::Struct(fields) => fields.iter().map(Packed::held).sum(),
            PackedValues::List(ends, items) => ends.capacity() * 4 + items.held(),
        };
        values + self.present.held() + size_of::<Packed>()
    }
}
