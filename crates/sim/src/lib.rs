//! Simulation: the real engine on a fake clock, with a model API and stores out of order, processes that race and die
//! at any await. One seed is one run: the same seed gives the same trace, and every promise is checked at its end.

mod api;
mod chance;
mod checks;
mod disk;
mod events;
mod process;
mod roles;
mod run;
mod settings;
mod store;
mod world;

pub use run::{Report, run};
