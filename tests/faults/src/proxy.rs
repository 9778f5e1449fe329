//! What stands in front of everything that a function talks to: numbers the requests, and has them
//! go wrong.

pub mod database;
pub mod http;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::fault::{Desk, Kind};
use crate::running::Running;
use crate::world::World;

/// What all proxies of a run share.
#[derive(Clone)]
pub struct Passage {
    pub desk: Arc<Desk>,
    /// Who makes the requests.
    pub running: Running,
    /// Looked at after each request.
    pub world: Arc<OnceLock<Weak<World>>>,
}

impl Passage {
    pub fn new(running: Running) -> Self {
        Self {
            desk: Arc::default(),
            running,
            world: Arc::default(),
        }
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
        if let Some(world) = self.world.get().and_then(Weak::upgrade) {
            world.look_now().await;
        }
    }
}

/// An address of this machine's that nobody serves yet.
pub struct Bound {
    pub listener: TcpListener,
    pub address: SocketAddr,
}

/// Serves until dropped.
pub struct Proxy {
    _serving: AbortOnDropHandle<()>,
}

impl Bound {
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `url` as functions are to use it: at this address.
    pub fn instead_of(&self, url: &Url) -> Result<Url, url::ParseError> {
        let mut own = url.clone();
        own.set_ip_host(self.address.ip())
            .and_then(|()| own.set_port(Some(self.address.port())))
            .map_err(|()| url::ParseError::EmptyHost)?;
        Ok(own)
    }

    /// Has each connection served.
    fn serve<F>(self, serve: impl Fn(TcpStream) -> F + Send + 'static) -> Proxy
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Proxy {
            _serving: AbortOnDropHandle::new(serving),
        }
    }
}
