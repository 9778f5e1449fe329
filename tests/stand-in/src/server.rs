//! An HTTP server on loopback that can drop a connection without answering.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::ConnectionDropped;

/// Listens on a free port of 127.0.0.1. Apart from [`LoopbackServer::start`], so that what is
/// served can know its own address.
pub async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until dropped; then every connection is closed as well.
#[derive(Debug)]
pub struct LoopbackServer {
    _accepting: AbortOnDropHandle<()>,
}

impl LoopbackServer {
    /// Answers by this; a request without an answer has its connection dropped.
    pub fn start<F, A>(listener: TcpListener, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
        A: Future<Output = Result<Response, ConnectionDropped>> + Send + 'static,
    {
        // axum's own `serve` cannot leave a request without an answer; hyper's connection ends
        // when its service fails.
        Self {
            _accepting: AbortOnDropHandle::new(tokio::spawn(accept(listener, answer))),
        }
    }
}

async fn accept<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response, ConnectionDropped>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let served = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service_fn(answer.clone()));
                    connections.spawn(async move {
                        if let Err(error) = served.await {
                            tracing::debug!(%error, "a connection ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors, most likely: let some be closed first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
