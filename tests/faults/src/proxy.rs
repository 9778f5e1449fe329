//! What stands in front of everything that a function talks to: numbers the requests, and has them
//! go wrong.

pub mod database;
pub mod http;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use crate::fault::{Desk, Kind};
use crate::running::Running;

/// What looks at the world whenever something may have changed.
pub trait Watcher: Send + Sync {
    /// Looks.
    fn look(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// What all proxies of a run share.
#[derive(Clone)]
pub struct Passage {
    /// Gives out the faults.
    pub desk: Arc<Desk>,
    /// Who makes the requests.
    pub running: Running,
    watcher: Arc<OnceLock<Weak<dyn Watcher>>>,
}

impl Passage {
    /// A passage where nobody watches yet.
    #[must_use]
    pub fn new(running: Running) -> Self {
        Self {
            desk: Arc::default(),
            running,
            watcher: Arc::default(),
        }
    }

    /// Has `watcher` look after each request.
    pub fn watch(&self, watcher: Weak<dyn Watcher>) {
        // The first stays.
        let _ = self.watcher.set(watcher);
    }

    /// Who asks, and what goes wrong.
    fn pass(&self, function: Option<&str>, what: &str) -> (Option<u64>, Option<Kind>) {
        let (id, caller) = self.running.caller(function).unzip();
        // Whoever is not a function is the operator, for whom nothing goes wrong.
        let kind = caller.and_then(|caller| self.desk.pass(&caller, what));
        (id, kind)
    }

    fn kill(&self, id: Option<u64>) {
        if let Some(id) = id {
            self.running.kill(id);
        }
    }

    async fn look(&self) {
        let watcher = self.watcher.get().and_then(Weak::upgrade);
        if let Some(watcher) = watcher {
            watcher.look().await;
        }
    }
}

/// An address of this machine's with a free port, and its listener.
///
/// # Errors
/// If no port is free.
pub(crate) async fn listen() -> std::io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
