//! The inputs read ahead of the decoder, in order, by as many threads as are worth it.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::Job;
use super::chunks::{Chunk, Chunks, Sizes};
use super::inputs::Input;
use crate::Error;

/// Files that one thread reads before the next takes over: opening a small file costs more than its bytes.
const TURN: usize = 64;
/// Bytes that are handed over at once, at least, unless a turn ends.
const HANDFUL: usize = 1 << 20;
/// Handfuls of each thread that wait for the decoder.
const AHEAD: usize = 2;

/// What a reading thread hands over: some chunks, and whether its turn ends with them.
struct Handful {
    chunks: Vec<Chunk>,
    last: bool,
}

/// Nobody takes chunks any more.
struct Dropped;

/// The chunks of all inputs, in order.
pub(super) struct Reading {
    lanes: Vec<Receiver<Result<Handful, Error>>>,
    turn: usize,
    turns: usize,
    waiting: std::vec::IntoIter<Chunk>,
}

/// Starts to read. The threads end when everything is read or the [`Reading`] is dropped.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    job: &'scope Job,
    inputs: &'scope [Input],
    sizes: Sizes<'scope>,
    progress: &'scope AtomicU64,
) -> Reading {
    let turns = inputs.len().div_ceil(TURN);
    let count = job.threads.min(turns).max(1);
    let lane = |first: usize| {
        let (give, take) = sync_channel(AHEAD);
        scope.spawn(move || {
            let turns = inputs.chunks(TURN).enumerate().skip(first).step_by(count);
            for (turn, inputs) in turns {
                let lane = Lane { job, sizes, progress, give: &give };
                if lane.turn(turn * TURN, inputs).is_err() {
                    return;
                }
            }
        });
        take
    };
    Reading { lanes: (0..count).map(lane).collect(), turn: 0, turns, waiting: Vec::new().into_iter() }
}

impl Iterator for Reading {
    type Item = Result<Chunk, Error>;

    fn next(&mut self) -> Option<Result<Chunk, Error>> {
        loop {
            if let Some(chunk) = self.waiting.next() {
                return Some(Ok(chunk));
            }
            if self.turn == self.turns {
                return None;
            }
            let lane = self.turn % self.lanes.len();
            // A thread that has gone without ending its turn has panicked, and the scope passes that on.
            match self.lanes[lane].recv().ok()? {
                Err(error) => return Some(Err(error)),
                Ok(handful) => {
                    self.turn += usize::from(handful.last);
                    self.waiting = handful.chunks.into_iter();
                }
            }
        }
    }
}

/// One reading thread.
struct Lane<'a> {
    job: &'a Job,
    sizes: Sizes<'a>,
    progress: &'a AtomicU64,
    give: &'a SyncSender<Result<Handful, Error>>,
}

impl Lane<'_> {
    /// Reads the inputs of a turn, the first of which is the `first`-th of all.
    fn turn(&self, first: usize, inputs: &[Input]) -> Result<(), Dropped> {
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        for (i, input) in inputs.iter().enumerate() {
            let mut take = |chunk: Chunk| {
                bytes += chunk.body.len();
                chunks.push(chunk);
                if bytes < HANDFUL {
                    return Ok(());
                }
                bytes = 0;
                self.hand(Ok(Handful { chunks: std::mem::take(&mut chunks), last: false }))
            };
            match self.file(first + i, input, &mut take) {
                Ok(read) => read?,
                Err(error) => {
                    self.hand(Ok(Handful { chunks: std::mem::take(&mut chunks), last: false }))?;
                    return self.hand(Err(error));
                }
            }
        }
        self.hand(Ok(Handful { chunks, last: true }))
    }

    fn file(
        &self,
        number: usize,
        input: &Input,
        take: &mut dyn FnMut(Chunk) -> Result<(), Dropped>,
    ) -> Result<Result<(), Dropped>, Error> {
        let mut chunks = Chunks::open(input, number, self.job.format, self.sizes, self.progress)?;
        while let Some(chunk) = chunks.next()? {
            if take(chunk).is_err() {
                return Ok(Err(Dropped));
            }
        }
        Ok(Ok(()))
    }

    fn hand(&self, what: Result<Handful, Error>) -> Result<(), Dropped> {
        self.give.send(what).map_err(|_| Dropped)
    }
}
