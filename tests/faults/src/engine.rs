//! The partner's service that a run's credentials are for: what it accepts, by its own word.

mod http;

use std::sync::Arc;

use local_cloud::events::EventLog;
use serde_json::Value;

use crate::Problem;
use crate::proxy::Passage;

pub use http::HttpService;

/// Which service.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The partner's own.
    Http,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Http];

    /// As in a document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
        }
    }
}

/// An instance's imported credential, and how its later ones are written.
pub struct Imported {
    /// The document's fields without `heroku` and `masterarn`.
    pub fields: Value,
    /// The config var's template: the names of fields in double braces, and no filter.
    pub template: String,
    /// The administrator's secret.
    pub administrator: Value,
}

/// One instance's service.
#[derive(Clone)]
pub enum Service {
    /// The partner's own.
    Http(Arc<HttpService>),
}

impl Service {
    /// A service with one credential that was there before any rotation.
    ///
    /// # Errors
    /// If it cannot be set up.
    pub async fn start(
        engine: Engine,
        events: EventLog,
        passage: Passage,
    ) -> Result<(Self, Imported), Problem> {
        match engine {
            Engine::Http => {
                let (service, imported) = HttpService::start(events, passage).await?;
                Ok((Self::Http(Arc::new(service)), imported))
            }
        }
    }

    /// The names of the credentials that are accepted.
    ///
    /// # Errors
    /// If the service does not say.
    pub async fn live(&self) -> Result<Vec<String>, Problem> {
        match self {
            Self::Http(service) => Ok(service.live()),
        }
    }

    /// Whether a customer gets in with a document's credential: a login.
    ///
    /// # Errors
    /// If the service does not say.
    pub async fn accepts(&self, document: &Value) -> Result<bool, Problem> {
        match self {
            Self::Http(service) => service.accepts(document).await,
        }
    }

    /// What [`Self::live`] calls a document's credential.
    #[must_use]
    pub fn credential<'a>(&self, document: &'a Value) -> &'a str {
        let field = match self {
            Self::Http(_) => "credential_id",
        };
        document[field].as_str().unwrap_or_default()
    }

    /// The values that nothing may show.
    #[must_use]
    pub fn secret_values(&self) -> Vec<String> {
        match self {
            Self::Http(service) => service.secret_values(),
        }
    }
}
