//! What can go wrong with a request, and at which.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The connection breaks before the request arrives.
    RequestLost,
    /// The request takes effect; the connection breaks before the answer.
    AnswerLost,
    /// 429, in the words of whoever is asked; a database has no connections left.
    Throttled,
    /// 429 with `Retry-After: 1`.
    ThrottledRetryAfter,
    /// 429, as the next requests to Heroku, whoever makes them: the account's pool is empty.
    PoolEmpty,
    /// 500, and nothing took effect.
    ServerError,
    /// 500, although the request took effect.
    ServerErrorAfterEffect,
    /// 503, as a page of a proxy's.
    Unavailable,
    /// 404, as a page of a gateway's that has lost its way: not the word of whoever was asked.
    LostWay,
    /// 200 and something unreadable, and nothing took effect.
    Garbage,
    /// The function is at its time-out: its process ends before the request arrives.
    DiesBefore,
    /// Its process ends while the request is under way, which then takes effect.
    DiesDuring,
    /// Its process ends when the answer is there.
    DiesAfter,
}

impl Kind {
    /// Whatever can befall a write to Heroku. What has got no request yet waits half a minute when it is refused a second
    /// time: an empty pool befalls that in some of the [known histories](crate::story::known) alone.
    const WRITE: [Self; 13] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::Throttled,
        Self::ThrottledRetryAfter,
        Self::ServerError,
        Self::ServerErrorAfterEffect,
        Self::Unavailable,
        Self::LostWay,
        Self::Garbage,
        Self::DiesBefore,
        Self::DiesDuring,
        Self::DiesAfter,
        Self::PoolEmpty,
    ];

    /// Whatever can befall a request over HTTP.
    pub const HTTP: &'static [Self] = Self::WRITE.split_at(12).0;

    /// Whatever can befall one turn of a database's protocol.
    pub const DATABASE: [Self; 7] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::Throttled,
        Self::Garbage,
        Self::DiesBefore,
        Self::DiesDuring,
        Self::DiesAfter,
    ];
}

/// A request of a run: who makes it, what it asks, and which of its like it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Request {
    /// The function, with the step for `rotate`.
    pub caller: String,
    /// Whom it asks for what.
    pub what: String,
    /// 1 for the first of its like in the run.
    pub number: u32,
}

impl Request {
    /// Whether it is a turn of a database's protocol, and no request over HTTP.
    pub fn is_turn(&self) -> bool {
        self.what.starts_with(TURN)
    }

    pub fn kinds(&self) -> &'static [Kind] {
        if self.is_turn() {
            &Kind::DATABASE
        } else if self.is_herokus() && WRITES.iter().any(|it| self.what.contains(it)) {
            &Kind::WRITE
        } else {
            Kind::HTTP
        }
    }

    fn is_herokus(&self) -> bool {
        self.what.starts_with(HEROKU)
    }

    fn may_meet(&self, kind: Kind) -> bool {
        self.kinds().contains(&kind) || (kind == Kind::PoolEmpty && self.is_herokus())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.caller, self.what)?;
        if self.number > 1 {
            write!(f, " ({})", self.number)?;
        }
        Ok(())
    }
}

/// What the turns of a database's protocol begin with.
pub const TURN: &str = "database: ";

/// What requests to Heroku begin with.
pub const HEROKU: &str = "heroku ";

const WRITES: [&str; 2] = ["PATCH", "PUT"];

/// So many requests meet an empty pool: whoever has got none before gives up with the last.
const REFUSED: u32 = 3;

/// When a fault comes about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    At(Request),
    /// At the n-th request from now on, or from the fault before this one; 0 is the next.
    After(u32),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fault {
    pub when: When,
    pub kind: Kind,
}

/// Where every request of a run passes: gives out the faults, in their order, and keeps the record.
#[derive(Debug, Default)]
pub struct Desk {
    book: Mutex<Book>,
    passed: Notify,
}

#[derive(Debug, Default)]
struct Book {
    faults: Vec<Fault>,
    /// Requests since the last fault, or since the next was asked for.
    passed: u32,
    seen: BTreeMap<(String, String), u32>,
    record: Vec<Request>,
    /// So many requests to Heroku are still refused.
    refused: u32,
}

impl Desk {
    /// Begins the record, and the numbers, anew.
    pub fn begin(&self) {
        *self.book.lock() = Book::default();
    }

    /// Has these faults come about, one after the other.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut book = self.book.lock();
        if book.faults.is_empty() {
            book.passed = 0;
        }
        book.faults.extend(faults);
    }

    /// Takes back the faults that have not come about; how many there were.
    pub fn forget(&self) -> usize {
        std::mem::take(&mut self.book.lock().faults).len()
    }

    /// Waits for so many requests from now on.
    pub async fn passed(&self, requests: u32) {
        let wanted = self.book.lock().record.len() + requests as usize;
        loop {
            let passed = self.passed.notified();
            if self.book.lock().record.len() >= wanted {
                return;
            }
            passed.await;
        }
    }

    pub fn record(&self) -> Vec<Request> {
        self.book.lock().record.clone()
    }

    /// Notes a request, and says what goes wrong with it.
    pub fn pass(&self, caller: &str, what: &str) -> Option<Kind> {
        let mut book = self.book.lock();
        let number = book
            .seen
            .entry((caller.to_owned(), what.to_owned()))
            .or_default();
        *number += 1;
        let request = Request {
            caller: caller.to_owned(),
            what: what.to_owned(),
            number: *number,
        };
        let due = book.faults.first().and_then(|fault| {
            let due = match &fault.when {
                When::At(at) => *at == request,
                When::After(n) => book.passed >= *n,
            };
            (due && request.may_meet(fault.kind)).then_some(fault.kind)
        });
        let is_refused = due.is_none() && book.refused > 0 && request.is_herokus();
        book.record.push(request);
        self.passed.notify_waiters();
        book.passed += 1;
        if due.is_some() {
            book.faults.remove(0);
            book.passed = 0;
        }
        if due == Some(Kind::PoolEmpty) {
            book.refused = REFUSED - 1;
        }
        if is_refused {
            book.refused -= 1;
            return Some(Kind::Throttled);
        }
        due
    }
}
