//! A table of counts in 16 bits a cell: how many changes fell into each bin, and how many were expected there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rng::Rng;

/// Hits and expected hits per bin. Their ratio multiplies a rate, so a table that knows nothing says 1.
///
/// A cell is a non-negative float of 5 exponent and 11 mantissa bits (2^-20 .. 2^12): the whole learner then fits in
/// 4 kB of JSON, and what is in memory is what is on disk, so reloading can never change a decision.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema)]
#[schemars(with = "String")]
pub struct Table {
    hits: Vec<u16>,
    expected: Vec<u16>,
}

/// What one interval between two polls adds to a table.
pub(crate) struct Increment {
    hits: Vec<f64>,
    expected: Vec<f64>,
}

impl Increment {
    pub(crate) fn new(bins: usize) -> Self {
        Self { hits: vec![0.0; bins], expected: vec![0.0; bins] }
    }

    pub(crate) fn add(&mut self, bin: usize, hits: f64, expected: f64) {
        self.hits[bin] += hits;
        self.expected[bin] += expected;
    }
}

/// Pseudo-counts beside which no table says anything.
const CERTAIN: f64 = 1e6;

impl Table {
    /// The factor of each bin, with `prior` pseudo-counts pulling it to 1.
    pub(crate) fn factors(&self, bins: usize, prior: f64) -> Vec<f64> {
        let cell = |cells: &[u16], bin: usize| cells.get(bin).map_or(0.0, |&code| decode(code));
        (0..bins)
            .map(|bin| {
                ((cell(&self.hits, bin) + prior) / (cell(&self.expected, bin) + prior)).clamp(2e-3, 500.0)
            })
            .collect()
    }

    /// The factors as far as chance does not explain them. Counts that vary over the bins by no more than counts do by
    /// chance say nothing, so all factors are 1; what they vary beyond it is the variance of the factors, and its
    /// inverse the pseudo-counts that a gamma prior of that variance has (moments, as James and Stein shrink).
    pub(crate) fn proven_factors(&self, bins: usize, least_prior: f64) -> Vec<f64> {
        let total = |cells: &[u16]| cells.iter().map(|&code| decode(code)).sum::<f64>();
        let level = total(&self.hits) / total(&self.expected).max(1e-9);
        let (mut beyond_chance, mut square) = (0.0, 0.0);
        for (&hits, &expected) in self.hits.iter().zip(&self.expected) {
            let expected = decode(expected) * level;
            beyond_chance += (decode(hits) - expected).powi(2) - expected;
            square += expected.powi(2);
        }
        self.factors(bins, (square / beyond_chance.max(1e-9)).clamp(least_prior, CERTAIN))
    }

    /// Forgets by `keep` and adds the increment.
    pub(crate) fn absorb(&mut self, keep: f64, increment: &Increment, rng: &mut Rng) {
        absorb(&mut self.hits, keep, &increment.hits, rng);
        absorb(&mut self.expected, keep, &increment.expected, rng);
    }
}

fn absorb(cells: &mut Vec<u16>, keep: f64, added: &[f64], rng: &mut Rng) {
    cells.resize(added.len(), 0);
    for (cell, &add) in cells.iter_mut().zip(added) {
        if keep < 1.0 || add > 0.0 {
            *cell = encode(decode(*cell) * keep + add, rng);
        }
    }
}

const REBASE: u32 = (127 - 20) << 11;

fn decode(code: u16) -> f64 {
    if code == 0 { 0.0 } else { f64::from(f32::from_bits((u32::from(code) + REBASE) << 12)) }
}

/// Rounds up or down at random in proportion: small additions to large cells are then right on average, where
/// rounding to the nearest would lose every one of them.
fn encode(value: f64, rng: &mut Rng) -> u16 {
    let dither = (rng.next_u64() >> 52) as u32;
    let code = ((value as f32).to_bits() + dither) >> 12;
    code.saturating_sub(REBASE).min(u32::from(u16::MAX)) as u16
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> =
            self.hits.iter().chain(&self.expected).flat_map(|code| code.to_le_bytes()).collect();
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&bytes))
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(&text)
            .map_err(|_| serde::de::Error::custom("a cadence table is not base64"))?;
        let codes: Vec<u16> =
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let (hits, expected) = codes.split_at(codes.len() / 2);
        Ok(Self { hits: hits.to_vec(), expected: expected.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_base64_without_padding() {
        let table = Table { hits: vec![1, 0xFFFE], expected: vec![0x1234, 7] };
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(text, "\"AQD-_zQSBwA\"");
        assert_eq!(serde_json::from_str::<Table>(&text).unwrap(), table);
        assert!(serde_json::from_str::<Table>("\"AQD-_zQ=\"").is_err());
    }

    #[test]
    fn only_what_chance_does_not_explain_is_believed() {
        let table = |per_bin: fn(&mut Rng, usize) -> usize| {
            let mut rng = Rng::new(7);
            let mut counts = Increment::new(24);
            (0..24).for_each(|bin| counts.add(bin, per_bin(&mut rng, bin) as f64, 20.0));
            let mut table = Table::default();
            table.absorb(1.0, &counts, &mut rng);
            table
        };
        let flat = table(|rng, _| rng.poisson(20.0)).proven_factors(24, 2.0);
        assert!(flat.iter().all(|factor| (factor - 1.0).abs() < 0.15), "{flat:?}");
        let daily = table(|rng, bin| rng.poisson(if bin < 12 { 38.0 } else { 2.0 })).proven_factors(24, 2.0);
        assert!(daily[..12].iter().all(|factor| (1.3..2.6).contains(factor)), "{daily:?}");
        assert!(daily[12..].iter().all(|factor| *factor < 0.5), "{daily:?}");
        assert_eq!(Table::default().proven_factors(3, 2.0), [1.0; 3]);
    }

    #[test]
    fn small_additions_to_a_large_cell_are_kept_on_average() {
        let (mut table, mut rng) = (Table::default(), Rng::new(3));
        let mut step = Increment::new(1);
        step.add(0, 1e-3, 0.0);
        for _ in 0..20_000 {
            table.absorb(1.0, &step, &mut rng);
        }
        assert!((decode(table.hits[0]) - 20.0).abs() < 1.0, "{}", decode(table.hits[0]));
    }
}
