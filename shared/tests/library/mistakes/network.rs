//! On the way to the service. DNS, a refused connection, a certificate, an end too early and silence are told apart,
//! by each engine.

use addon_rotation::message;
use addon_rotation::net::Unreachable;
use addon_rotation::service::{Cause, ServiceError};
use database_servers::certificates::Authority;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::task::AbortOnDropHandle;

use super::assert_told;
use crate::authority::server::{Ask, Hostile};
use crate::support::{HERE, document, document_at, once, services};

const ENGINES: [&str; 4] = ["http", "mysql", "postgres", "redis"];

/// One attempt to log in: why it failed, and what is said about it.
async fn told(engine: &str, host: &str, port: u16) -> (Unreachable, String) {
    let document = document(&document_at(engine, host, port));
    let error = once(async |deadline| {
        let verdict = services().verify(&document, deadline).await;
        verdict.unwrap_err()
    })
    .await;
    let text = message::with_retry(&error);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains(&format!("{host}:{port}")), "{text}");
    let ServiceError::Call(call) = &error else {
        panic!("{text}");
    };
    let Cause::Unreachable(reason) = call.cause else {
        panic!("{text}");
    };
    (reason, text)
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    for engine in ENGINES {
        let (reason, text) = told(engine, "db7.acme.invalid", 6000).await;
        assert_eq!(reason, Unreachable::Name, "{engine}: {text}");
        let cause = "the host name does not resolve (DNS)";
        assert_told(&text, cause, "Correct the host name", true);
    }
}

#[tokio::test]
async fn a_closed_port() {
    // Taken, and nobody listens there.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = closed.local_addr().unwrap().port();
    for engine in ENGINES {
        let (reason, text) = told(engine, "127.0.0.1", port).await;
        assert_eq!(reason, Unreachable::Refused, "{engine}: {text}");
        let remedy = "Check that the server runs, and that the port is the right one";
        assert_told(&text, "the connection was refused", remedy, true);
    }
}

/// Takes connections, and closes each.
async fn closing() -> (u16, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closing = tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    (port, AbortOnDropHandle::new(closing))
}

#[tokio::test]
async fn a_connection_that_is_closed_early() {
    // Beyond loopback, where no plain text is spoken: what is closed is the TLS handshake.
    let (port, _closing) = closing().await;
    for engine in ENGINES {
        let (reason, text) = told(engine, HERE, port).await;
        assert_eq!(reason, Unreachable::Broken, "{engine}: {text}");
        let cause = "the connection was closed before the whole answer had arrived";
        assert_told(&text, cause, "Check the server's log", true);
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority() {
    let authority = Authority::new().unwrap();
    let certificate = authority.certify(&[HERE]).unwrap();
    let ask = Ask::Http(200, String::new());
    let server = Hostile::start("127.0.0.1", ask, Some(&certificate)).await;
    // The databases' own protocols begin in plain text: their tests have servers with certificates.
    for engine in ["http", "redis"] {
        let (reason, text) = told(engine, HERE, server.port()).await;
        assert_eq!(reason, Unreachable::UnknownIssuer, "{engine}: {text}");
        let cause = "the certificate's authority is neither in Mozilla's list nor in the stack's CaBundleLayer";
        let remedy = "Put the authority's root certificate into the layer of the stack's parameter CaBundleLayer";
        assert_told(&text, cause, remedy, false);
    }
}

#[tokio::test]
async fn a_server_that_is_silent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let document = document(&document_at("postgres", "127.0.0.1", port));
    let deadline = addon_rotation::deadline::Deadline::after(std::time::Duration::from_millis(100));
    let error = services().verify(&document, deadline).await.unwrap_err();
    let text = message::with_retry(&error);
    assert_told(&text, "no answer in time", "security groups", true);
}
