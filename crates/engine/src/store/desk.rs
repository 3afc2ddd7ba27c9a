//! Where calls to a directory are made. To hand a call to another thread and its answer back costs more than to read a
//! small file, so calls that wait are taken several at a time and answered together.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Calls that are taken at a time.
const HANDFUL: usize = 32;

/// Makes a call, and says how to answer it.
type Call = Box<dyn FnOnce() -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// Takes calls.
pub(super) struct Desk {
    queue: Mutex<Queue>,
    most_threads: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Call>,
    threads: usize,
}

impl Desk {
    /// One with so many threads at most.
    pub(super) fn new(most_threads: usize) -> Arc<Desk> {
        Arc::new(Desk { queue: Mutex::default(), most_threads })
    }

    /// Makes a quick call that may block. Once it waits it is made, whether or not anyone waits for the answer.
    pub(super) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (tell, told) = oneshot::channel();
        let call = move || -> Answer {
            let done = work();
            // Nobody listens any more where the future was dropped.
            Box::new(move || drop(tell.send(done)))
        };
        if self.takes(Box::new(call)) {
            let turn = Turn { desk: Arc::clone(self), served: false };
            spawn_blocking(move || turn.serve());
        }
        told.await.map_err(io::Error::other)
    }

    /// Takes a call; whether one more thread is worth it.
    fn takes(&self, call: Call) -> bool {
        let mut queue = self.lock();
        queue.waiting.push_back(call);
        let more = queue.threads < self.most_threads && queue.threads * HANDFUL < queue.waiting.len();
        queue.threads += usize::from(more);
        more
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's turn at the desk. It is over when nothing waits, or when the runtime ends first.
struct Turn {
    desk: Arc<Desk>,
    served: bool,
}

impl Turn {
    fn serve(mut self) {
        loop {
            let mut queue = self.desk.lock();
            let count = queue.waiting.len().min(HANDFUL);
            if count == 0 {
                // Under the same lock, so that whoever comes next sees that nobody serves.
                queue.threads -= 1;
                drop(queue);
                self.served = true;
                return;
            }
            let calls: Vec<Call> = queue.waiting.drain(..count).collect();
            drop(queue);
            // A call that panics is not answered, and takes no other along.
            let answers = calls.into_iter().filter_map(|call| catch_unwind(AssertUnwindSafe(call)).ok());
            let answers: Vec<Answer> = answers.collect();
            answers.into_iter().for_each(|answer| answer());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.served {
            self.desk.lock().threads -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn every_call_is_answered_with_what_it_did() {
        let desk = Desk::new(4);
        let answers = join_all((0..1000).map(|n| desk.call(move || n * 2))).await;
        let answers: Vec<i32> = answers.into_iter().map(|answer| answer.expect("answered")).collect();
        assert_eq!(answers, (0..1000).map(|n| n * 2).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_call_that_panics_stops_none_that_comes_later() {
        let desk = Desk::new(4);
        for _ in 0..8 {
            desk.call(|| panic!("on purpose")).await.expect_err("no answer");
        }
        assert_eq!(desk.call(|| 7).await.expect("answered"), 7);
    }
}
