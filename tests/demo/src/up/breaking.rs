//! An address at which things can be broken.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use credential_service::CredentialService;
use local_cloud::cloud::Partner;
use stand_in::{Fault, FaultRule};
use strict_heroku::Heroku;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const COUNT: usize = 20;

pub(super) struct Breaking {
    url: String,
    _serving: AbortOnDropHandle<()>,
}

impl Breaking {
    pub(super) async fn start(cloud: &Partner) -> io::Result<Self> {
        let heroku = Arc::clone(&cloud.heroku);
        let service = Arc::clone(&cloud.credential_service);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/break", listener.local_addr()?);
        let router = Router::new()
            .route("/break/heroku", post(break_heroku).with_state(heroku))
            .route("/break/service", post(break_service).with_state(service));
        let serving = tokio::spawn(async move {
            // It ends with the handle only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            url,
            _serving: AbortOnDropHandle::new(serving),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

async fn break_heroku(State(heroku): State<Arc<Heroku>>) -> String {
    heroku.fail_next(unavailable());
    format!("Heroku answers its next {COUNT} requests with 503.\n")
}

async fn break_service(State(service): State<Arc<CredentialService>>) -> String {
    service.fail_next(unavailable());
    format!("The partner's service answers its next {COUNT} requests with 503.\n")
}

fn unavailable() -> FaultRule {
    FaultRule::next(Fault::status(503)).times(COUNT)
}
