//! Time: enough of it, or too little.

use std::time::Duration;

use addon_rotation::deadline::Deadline;

/// Far longer than anything here takes: what is still awaited then never comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Time enough for whatever succeeds.
pub(crate) fn soon() -> Deadline {
    Deadline::after(PATIENCE)
}

/// The error of a short attempt. The last request before a deadline may be cut off, which is an error
/// of another kind: then it is attempted again, with more time for a machine that has other work.
pub(crate) async fn uncut<E>(cut: impl Fn(&E) -> bool, attempt: impl AsyncFn(Deadline) -> E) -> E {
    for doublings in 0..6 {
        let time = Duration::from_millis(500) * 2_u32.pow(doublings);
        let error = attempt(Deadline::after(time)).await;
        if !cut(&error) {
            return error;
        }
    }
    panic!("each attempt was cut off by its deadline")
}

/// Runs something that ends by itself, whatever comes of it: long before the slowest answer, and
/// before [`soon`].
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE * 3 / 4, work)
        .await
        .expect("it must not hang")
}
