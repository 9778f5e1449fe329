//! One address, plain or with TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::{Desk, Door};
use crate::BenchError;

/// An address that is taken.
pub(super) struct Bound {
    listener: TcpListener,
    port: u16,
}

impl Bound {
    pub(super) async fn new() -> Result<Self, BenchError> {
        let bound = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = bound.map_err(BenchError::Front)?;
        let port = listener.local_addr().map_err(BenchError::Front)?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn open(self, door: Door, tls: Option<TlsAcceptor>, desk: Arc<Desk>) -> Open {
        Open {
            _serving: AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let Ok((stream, _)) = self.listener.accept().await else {
                        // Out of file descriptors, most likely: let some be closed first.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    };
                    let _ = stream.set_nodelay(true);
                    let (tls, desk) = (tls.clone(), Arc::clone(&desk));
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, door, desk).await,
                            Some(tls) => {
                                // A function that is killed in the middle of it is no fault.
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, door, desk).await;
                                }
                            }
                        }
                    });
                }
            })),
        }
    }
}

/// An address that answers, until dropped.
pub(super) struct Open {
    _serving: AbortOnDropHandle<()>,
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    door: Door,
    desk: Arc<Desk>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let desk = Arc::clone(&desk);
        async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::new(),
            };
            let request = Request::from_parts(parts, body);
            Ok::<_, Infallible>(desk.answer(door, request).await.map(Full::new))
        }
    });
    // It ends early with the function that opened it.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
