//! Threads that decode and encode. With one thread, the caller's does it all.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Result as Outcome};

use super::LoadError;
use super::block::Block;
use super::chunk::{Chunk, Position};
use super::decoder::{Decoded, Decoder, Stop};
use super::rules::Rules;
use super::table::{Encoded, Job};
use crate::parquet::Scratch;

/// Something to do.
pub(super) enum Task {
    Decode(u64, Arc<Rules>, Arc<Chunk>),
    Encode(Arc<Rules>, Arc<Vec<Block>>, Job),
}

/// Something done.
pub(super) enum Done {
    /// A chunk by its number, positions counted from its own start.
    Decoded(u64, Box<Result<Decoded, Stop>>),
    Encoded(Result<Encoded, LoadError>),
}

/// Does tasks one after the other, with memory that serves all of them.
#[derive(Default)]
pub(super) struct Worker {
    decoder: Option<Decoder>,
    scratch: Option<Scratch>,
}

impl Worker {
    fn run(&mut self, task: Task) -> Done {
        match task {
            Task::Decode(number, rules, chunk) => {
                Done::Decoded(number, Box::new(self.decode(&rules, &chunk, Position::default())))
            }
            Task::Encode(rules, blocks, job) => Done::Encoded(self.encode(&rules, &blocks, job)),
        }
    }

    /// Reads a chunk that begins at `start`.
    pub(super) fn decode(
        &mut self,
        rules: &Arc<Rules>,
        chunk: &Chunk,
        start: Position,
    ) -> Result<Decoded, Stop> {
        let decoder = match self.decoder.take() {
            Some(decoder) if Arc::ptr_eq(&decoder.rules, rules) => decoder,
            _ => Decoder::new(rules).map_err(Stop::Load)?,
        };
        self.decoder.insert(decoder).decode(chunk, start)
    }

    fn encode(&mut self, rules: &Rules, blocks: &[Block], job: Job) -> Result<Encoded, LoadError> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => Scratch::new().map_err(|error| LoadError::Parquet(error.to_string()))?,
        };
        job.run(rules, blocks, self.scratch.insert(scratch))
    }
}

/// Workers, and the tasks and results between them and the caller.
pub(super) enum Pool {
    /// The caller's own thread; what is done waits to be asked for.
    Inline(Box<Worker>, VecDeque<Done>),
    Threads {
        /// `None` once there is nothing more to come.
        tasks: Option<Sender<Task>>,
        results: Receiver<Outcome<Done>>,
        handles: Vec<JoinHandle<()>>,
    },
}

impl Pool {
    pub(super) fn new(threads: usize) -> Pool {
        if threads <= 1 {
            return Pool::Inline(Box::default(), VecDeque::new());
        }
        let (tasks, waiting) = channel();
        let (done, results) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let work = |_| {
            let (waiting, done) = (Arc::clone(&waiting), done.clone());
            std::thread::spawn(move || work(&waiting, &done))
        };
        Pool::Threads { tasks: Some(tasks), results, handles: (0..threads).map(work).collect() }
    }

    pub(super) fn submit(&mut self, task: Task) {
        match self {
            Pool::Inline(worker, done) => done.push_back(worker.run(task)),
            // Workers end only with the sender, so someone takes it.
            Pool::Threads { tasks, .. } => {
                tasks.as_ref().and_then(|tasks| tasks.send(task).ok());
            }
        }
    }

    /// The next thing done; `None` if nothing is under way. A worker's panic goes on here.
    pub(super) fn next(&mut self) -> Option<Done> {
        match self {
            Pool::Inline(_, done) => done.pop_front(),
            Pool::Threads { results, .. } => match results.recv().ok()? {
                Ok(done) => Some(done),
                Err(panic) => resume_unwind(panic),
            },
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Pool::Threads { tasks, handles, .. } = self {
            drop(tasks.take());
            for handle in handles.drain(..) {
                // A panic was handed over as a result already.
                let _ = handle.join();
            }
        }
    }
}

fn work(waiting: &Mutex<Receiver<Task>>, done: &Sender<Outcome<Done>>) {
    let mut worker = Worker::default();
    loop {
        let task = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let result = catch_unwind(AssertUnwindSafe(|| worker.run(task)));
        if result.is_err() {
            worker = Worker::default();
        }
        if done.send(result).is_err() {
            return;
        }
    }
}
