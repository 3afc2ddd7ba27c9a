//! Loads, windows, recovery, replay and re-typing over stores that crash at every call and interleave at every await.
//! The property, in one sentence: whatever happened, after a recovery every staged record is in the lake exactly once,
//! and all files of the table have one physical schema.

#![allow(missing_docs, unreachable_pub, clippy::missing_panics_doc)]

mod backlog;
mod calls;
mod crash;
mod large;
mod learning;
mod ordinary;
mod race;
mod reading;
mod running;
mod store;
mod stores;
mod world;
