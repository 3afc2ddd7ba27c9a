//! The name of a field as most texts spell it, ready to be compared with the bytes of a record.

/// `"name":` in words of eight bytes.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Empty where the name is not spelled as itself: it holds a quote, a backslash or a control character.
    spelled: Vec<u8>,
    /// The first eight bytes, and which of them count.
    head: u64,
    mask: u64,
    /// The last eight bytes of one that is longer; they may overlap the first.
    tail: u64,
}

impl Key {
    pub(super) fn new(name: &str) -> Key {
        let plain = name.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        let spelled = if plain { format!("\"{name}\":").into_bytes() } else { Vec::new() };
        let mut head = [0; 8];
        let length = spelled.len().min(8);
        head[..length].copy_from_slice(&spelled[..length]);
        let mask = if length == 8 { u64::MAX } else { (1 << (8 * length)) - 1 };
        let tail = spelled.last_chunk::<8>().map_or(0, |last| u64::from_le_bytes(*last));
        Key { spelled, head: u64::from_le_bytes(head), mask, tail }
    }

    /// Length of the key and its colon, if `bytes` begins with them.
    #[inline]
    pub(super) fn matches(&self, bytes: &[u8]) -> Option<usize> {
        let head = bytes.first_chunk::<8>()?;
        if u64::from_le_bytes(*head) & self.mask != self.head || self.mask == 0 {
            return None;
        }
        let length = self.spelled.len();
        let same = match length {
            0..=8 => true,
            9..=16 => u64::from_le_bytes(*bytes.get(..length)?.last_chunk::<8>()?) == self.tail,
            _ => bytes.get(8..length)? == &self.spelled[8..],
        };
        same.then_some(length)
    }
}
