//! A clock that the test moves.

use std::sync::mpsc;
use std::time::Duration;

use local_cloud::patience::PATIENCE;

/// Tokio's clock, which stands still until the test moves it. Real requests go on meanwhile, however long
/// they take; a wait for a time ends only then.
pub(crate) struct Clock {
    _standing: mpsc::Sender<()>,
}

impl Clock {
    /// Stops it, until dropped.
    pub(crate) fn stop() -> Self {
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
    pub(crate) async fn advance(&self, by: Duration) {
        // A timer may be up to a millisecond late.
        tokio::time::advance(by + Duration::from_millis(1)).await;
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
