//! Object-created events as a queue delivers them: at least once, late, out of order, and again until acknowledged.

use std::time::Duration;

use crate::chance::Chance;

/// How long a received event stays hidden from others.
const HIDDEN: Duration = Duration::from_secs(120);

/// One delivery of an event.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// Tells deliveries apart.
    pub(crate) id: u64,
    /// Key of the object.
    pub(crate) key: String,
    /// How often it was received.
    pub(crate) times: u64,
    visible_at: Duration,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Vec<Delivery>,
    last: u64,
}

impl Queue {
    /// An object was created: one delivery, or several, each at its own time. Returns how many.
    pub(crate) fn publish(&mut self, key: &str, now: Duration, duplicates: f64, chance: &mut Chance) -> u64 {
        let copies = if chance.roll(duplicates) { chance.within(2..4) } else { 1 };
        for _ in 0..copies {
            let longest = *chance.pick(&[1_000, 1_000, 20_000, 900_000]);
            self.last += 1;
            let visible_at = now + Duration::from_millis(chance.below(longest));
            self.waiting.push(Delivery { id: self.last, key: key.to_owned(), times: 0, visible_at });
        }
        copies
    }

    /// The next visible delivery, hidden from others for a while.
    pub(crate) fn receive(&mut self, now: Duration) -> Option<Delivery> {
        let visible = self.waiting.iter_mut().filter(|delivery| delivery.visible_at <= now);
        let next = visible.min_by_key(|delivery| (delivery.visible_at, delivery.id))?;
        next.visible_at = now + HIDDEN;
        next.times += 1;
        Some(next.clone())
    }

    /// The delivery is done with.
    pub(crate) fn acknowledge(&mut self, id: u64) {
        self.waiting.retain(|delivery| delivery.id != id);
    }
}
