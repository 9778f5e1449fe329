//! What is done when the function's own code panics. Release builds abort then, since code that unwinds makes a
//! seventh more of every binary: nothing of the invocation goes on, and Lambda tries it twice more at most. So an
//! invocation leaves a last will, which the panic hook executes before the process ends.

use std::cell::RefCell;
use std::future::Future;
use std::thread;

/// A fault of the function's own code, or of a library that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The function's own code failed (a panic). → Report the line that its log names.")]
pub struct Panicked;

type Will = Box<dyn FnOnce() + Send>;

thread_local! {
    static WILL: RefCell<Option<Will>> = const { RefCell::new(None) };
}

/// What this thread has executed when it panics, until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct LastWill(());

impl LastWill {
    /// `will` runs on a thread and in a runtime of its own: connections of this one cannot be used any more.
    pub(crate) fn of<F>(will: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let executed = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => runtime.block_on(will()),
                Err(error) => {
                    tracing::error!(%error, "the next attempt is not scheduled: there is no runtime");
                }
            }
        };
        WILL.set(Some(Box::new(executed)));
        Self(())
    }
}

impl Drop for LastWill {
    fn drop(&mut self) {
        WILL.take();
    }
}

/// Executes what the panicking thread has left, and waits for it. For panic hooks.
pub fn execute() {
    let Ok(Some(will)) = WILL.try_with(RefCell::take) else {
        return;
    };
    let executed = thread::Builder::new()
        .spawn(will)
        .map(thread::JoinHandle::join);
    if !matches!(executed, Ok(Ok(()))) {
        tracing::error!("the next attempt may not be scheduled");
    }
}
