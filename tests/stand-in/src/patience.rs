//! Time in tests: how long they wait for what must come, and a clock of their own.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// Far longer than anything takes on the slowest machine: it only makes an error of what would hang.
pub const PATIENCE: Duration = Duration::from_mins(5);

const LOOK: Duration = Duration::from_millis(5);

/// Waits until something is so that nobody tells; `false` if it never is.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let looks = async {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !is_so().await {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.is_ok()
}

/// Tokio's clock, which stands still until the test moves it. Real requests go on meanwhile, however long
/// they take; a wait for a time ends only then.
#[derive(Debug)]
pub struct Clock {
    _standing: mpsc::Sender<()>,
}

impl Clock {
    /// Stops it, until dropped. For a runtime of one thread.
    pub fn stop() -> Self {
        let (standing, dropped) = mpsc::channel::<()>();
        tokio::time::pause();
        // A paused clock jumps to the next timer when nothing else is to be done, but not while a blocking
        // task runs. This one ends before a test would hang for ever: then the clock jumps.
        tokio::task::spawn_blocking(move || dropped.recv_timeout(PATIENCE));
        Self {
            _standing: standing,
        }
    }

    /// Moves it; what was to end by then does.
    pub async fn advance(&self, by: Duration) {
        // A timer may be up to a millisecond late.
        tokio::time::advance(by + Duration::from_millis(1)).await;
    }

    /// Waits until something is so, while it stands still; `false` if it never is.
    pub async fn until(&self, is_so: impl Fn() -> bool) -> bool {
        let begun = std::time::Instant::now();
        while !is_so() {
            if begun.elapsed() > PATIENCE {
                return false;
            }
            tokio::task::yield_now().await;
        }
        true
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
