//! A server that answers whatever a test says.

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// An address that is taken and not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    pub(crate) url: Url,
}

impl Bound {
    pub(crate) fn serve(self, router: Router) -> Server {
        let Self { listener, url } = self;
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Server {
            url,
            _serving: AbortOnDropHandle::new(serving),
        }
    }
}

/// Serves until dropped.
pub(crate) struct Server {
    pub(crate) url: Url,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) async fn bind() -> Bound {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        Bound {
            listener,
            url: url.parse().unwrap(),
        }
    }

    pub(crate) async fn start(router: Router) -> Self {
        Self::bind().await.serve(router)
    }
}
