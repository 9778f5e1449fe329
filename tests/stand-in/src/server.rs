//! An HTTP server on loopback that can drop a connection without answering.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::FrontDesk;

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
    pub fn start(listener: TcpListener, router: Router, desk: FrontDesk) -> Self {
        // axum's own `serve` cannot leave a request without an answer; hyper's connection ends
        // when its service fails.
        Self {
            _accepting: AbortOnDropHandle::new(tokio::spawn(accept(listener, router, desk))),
        }
    }
}

async fn accept(listener: TcpListener, router: Router, desk: FrontDesk) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, router.clone(), desk.clone()));
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

async fn serve(stream: TcpStream, router: Router, desk: FrontDesk) {
    let answer = service_fn(move |request| {
        let (router, desk) = (router.clone(), desk.clone());
        async move { desk.answer(router, request).await }
    });
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
