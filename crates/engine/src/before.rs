//! The loads before one, where several are under way: what a load makes of its table must not depend on which is quicker.

use tokio::sync::oneshot::{self, Receiver, Sender};

/// The loads that come before one.
#[derive(Debug, Default)]
pub(crate) struct Before(Option<Receiver<()>>);

impl Before {
    /// There are none.
    pub(crate) fn none() -> Before {
        Before::default()
    }

    /// Those before the holder of the other end, and the holder: they have ended when it is dropped.
    pub(crate) fn pair() -> (Sender<()>, Before) {
        let (held, waiting) = oneshot::channel();
        (held, Before(Some(waiting)))
    }

    /// Waits until all of them have ended; `false` where that was known.
    pub(crate) async fn ended(&mut self) -> bool {
        match self.0.take() {
            Some(waiting) => {
                // Nothing is ever sent.
                let _ = waiting.await;
                true
            }
            None => false,
        }
    }
}
