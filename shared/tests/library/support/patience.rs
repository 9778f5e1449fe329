//! Time: enough of it, or too little.

use std::time::Duration;

use addon_rotation::deadline::Deadline;
use stand_in::patience::{Clock, PATIENCE};

/// Time enough for whatever succeeds.
pub(crate) fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

/// The error of one attempt, which has all the time that it takes: the clock stands still, and less is left
/// than the wait before a second one.
pub(crate) async fn once<E>(attempt: impl AsyncFnOnce(Deadline) -> E) -> E {
    let _standing = Clock::stop();
    attempt(Deadline::after(Duration::from_millis(100))).await
}

/// The error that is expected, or the last one: attempts have ever more time, since what must come about
/// within it, at a server say, takes longer on a machine that has other work.
pub(crate) async fn in_time<E>(
    expected: impl Fn(&E) -> bool,
    attempt: impl AsyncFn(Deadline) -> E,
) -> E {
    let mut time = Duration::from_millis(500);
    loop {
        let error = attempt(Deadline::after(time)).await;
        if expected(&error) || time > PATIENCE / 4 {
            return error;
        }
        time *= 2;
    }
}

/// Runs something that ends by itself, whatever comes of it: before [`soon`].
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE * 3 / 4, work)
        .await
        .expect("it must not hang")
}
