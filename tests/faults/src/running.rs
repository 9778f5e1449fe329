//! The functions' processes: who is at work, and their sudden ends.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// The invocations under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Running {
    book: Arc<Mutex<Book>>,
    idle: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    invocations: Vec<Invocation>,
    /// Also of functions whose processes have ended.
    requests: usize,
}

impl Book {
    fn is_idle(&self) -> bool {
        self.invocations.is_empty() && self.requests == 0
    }
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Request(Running);

impl Drop for Request {
    fn drop(&mut self) {
        let mut book = self.0.book.lock();
        book.requests -= 1;
        self.0.notify(&book);
    }
}

#[derive(Debug)]
struct Invocation {
    id: u64,
    function: String,
    caller: String,
    abort: AbortHandle,
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
        });
        id
    }

    pub fn end(&self, id: u64) {
        let mut book = self.book.lock();
        book.invocations.retain(|invocation| invocation.id != id);
        self.notify(&book);
    }

    /// Notes a request, which goes on when the process of whoever made it has ended.
    pub fn request(&self) -> Request {
        self.book.lock().requests += 1;
        Request(self.clone())
    }

    fn notify(&self, book: &Book) {
        if book.is_idle() {
            self.idle.notify_waiters();
        }
    }

    /// Waits until nothing runs: a function whose caller died goes on to its end, and so does a request.
    pub async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.book.lock().is_idle() {
                return;
            }
            notified.await;
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
