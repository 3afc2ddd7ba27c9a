//! The engine: the pure line of `tidegate-core` set in motion over a clock, an HTTP client and two object stores.
//! It knows no command line and no cloud SDK; the laptop, the Lambdas and the simulation call the same verbs.
//!
//! ```text
//!  poll   one stream once:   request -> fetch -> change -> stage        (fetch.rs, poll.rs, stage.rs)
//!  load   staged batches:    claim -> decode -> partition -> commit     (load.rs, claim.rs, ledger.rs)
//!  tick   one turn:          poll, learn from it, load what it staged   (tick.rs, learn.rs)
//!  run    whose turn it is:  within the source's budget                 (run.rs, rota.rs)
//!  partition plain files, without a pipeline:  read -> decode -> partition (partition/)
//!  status what stands where                                            (status.rs)
//! ```

mod ask;
mod auth;
mod backlog;
mod before;
mod beside;
mod claim;
mod clock;
mod decode;
mod disk;
pub mod documents;
mod draft;
mod env;
mod error;
mod event;
mod fetch;
mod flight;
mod gate;
mod http;
mod intake;
mod inventory;
mod job;
mod learn;
mod lease;
pub mod ledger;
mod load;
mod objects;
mod page;
mod parents;
pub mod partition;
mod parts;
mod poll;
mod reading;
mod recover;
mod replay;
mod retype;
mod rewrite;
mod rota;
mod run;
mod share;
mod spill;
mod stage;
mod state;
mod status;
mod store;
mod store_error;
mod tick;
mod visit;
mod window;
mod write;

pub use clock::{Clock, SystemClock};
pub use env::Env;
pub use error::Error;
pub use event::Event;
pub use gate::Gate;
pub use http::{Http, HttpError, Proxies, ProxyVariable, ReqwestHttp};
pub use load::{End, LoadReport, load_batch};
pub use poll::poll;
pub use recover::{Missing, Recovery, recover};
pub use replay::{Replay, Selection, replay};
pub use retype::{Retyping, retype};
pub use run::{LoadMode, RunOptions, Summary, run};
pub use stage::{Head, head};
pub use state::{Failure, Found, Look, StreamState, Usual};
pub use status::{Learned, Status, StreamStatus, TableStatus, learned, status, unloaded};
pub use store::{check_apart, open_store, open_store_over, store_is_there};
pub use tick::{Turn, tick};
pub use visit::{Outcome, Visit};
pub use window::load_windows;
