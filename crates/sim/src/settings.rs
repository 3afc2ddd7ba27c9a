//! What kind of world a seed is: how much goes wrong in it and who takes part.

use crate::chance::Chance;

/// The settings of one run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The seed.
    pub(crate) seed: u64,
    /// Share of store calls that fail or lose their acknowledgement.
    pub(crate) store_faults: f64,
    /// Share of requests that go wrong.
    pub(crate) http_faults: f64,
    /// Share of object-created events that come more than once.
    pub(crate) duplicates: f64,
    /// A process dies after this many operations on average; 0 = never.
    pub(crate) crash_after: u64,
    /// Share of sleeps during which the clock is set back or forth.
    pub(crate) clock_steps: f64,
    /// Processes of each kind.
    pub(crate) pollers: u64,
    /// Loaders fed by object-created events.
    pub(crate) event_loaders: u64,
    /// Loaders that take a window of batches at a time.
    pub(crate) window_loaders: u64,
    /// Whether the API's records change their shape half-way.
    pub(crate) drift: bool,
}

impl Settings {
    /// The settings of a seed.
    pub(crate) fn of(seed: u64) -> Settings {
        let mut chance = Chance::new(seed, "settings");
        let mut settings = Settings {
            seed,
            store_faults: *chance.pick(&[0.0, 0.01, 0.05, 0.2]),
            http_faults: *chance.pick(&[0.0, 0.05, 0.2, 0.4]),
            duplicates: *chance.pick(&[0.0, 0.2, 0.6]),
            crash_after: *chance.pick(&[0, 25, 100, 400]),
            clock_steps: *chance.pick(&[0.0, 0.0, 0.02]),
            pollers: chance.within(1..3),
            event_loaders: chance.below(3),
            window_loaders: chance.below(3),
            drift: chance.roll(0.5),
        };
        if settings.event_loaders + settings.window_loaders == 0 {
            settings.event_loaders = 1;
        }
        settings
    }
}
