//! The functions' processes: who is at work, and their sudden ends.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The invocations under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Running {
    book: Arc<Mutex<Book>>,
    /// They, and the requests, also of functions whose processes have ended.
    under_way: TaskTracker,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    invocations: Vec<Invocation>,
}

#[derive(Debug)]
struct Invocation {
    id: u64,
    function: String,
    caller: String,
    abort: AbortHandle,
    _under_way: TaskTrackerToken,
}

impl Running {
    /// Notes an invocation; `caller` is what its requests are told apart by.
    pub fn begin(&self, function: &str, caller: String, abort: AbortHandle) -> u64 {
        let mut book = self.book.lock();
        let id = book.next;
        book.next += 1;
        book.invocations.push(Invocation {
            id,
            function: function.to_owned(),
            caller,
            abort,
            _under_way: self.request(),
        });
        id
    }

    pub fn end(&self, id: u64) {
        self.book.lock().invocations.retain(|it| it.id != id);
    }

    /// Notes a request, until this is dropped: it goes on when the process of whoever made it has ended.
    pub fn request(&self) -> TaskTrackerToken {
        self.under_way.token()
    }

    /// Waits until nothing runs: a function whose caller died goes on to its end, and so does a request.
    pub async fn idle(&self) {
        // It waits for more only if there may be no more.
        self.under_way.close();
        while !self.under_way.is_empty() {
            self.under_way.wait().await;
        }
    }

    /// Who makes a request: the newest invocation of the function, or, where the request does not
    /// say, the newest of those that were invoked last.
    pub fn caller(&self, function: Option<&str>) -> Option<(u64, String)> {
        let book = self.book.lock();
        let newest = book
            .invocations
            .iter()
            .rfind(|invocation| function.is_none_or(|function| invocation.function == function));
        newest.map(|invocation| (invocation.id, invocation.caller.clone()))
    }

    /// Ends a function's process: it does nothing more, and nobody hears of it but Lambda.
    pub fn kill(&self, id: u64) {
        let book = self.book.lock();
        let victim = book.invocations.iter().find(|it| it.id == id);
        if let Some(victim) = victim {
            victim.abort.abort();
        }
    }
}
