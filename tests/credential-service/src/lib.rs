//! The partner's own service for the `http` engine: what `infra/credential-service.openapi.yaml`
//! describes, and an API of the partner's that its customers' apps log in to.

#![allow(clippy::must_use_candidate)]

mod api;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::anyhow;
use stand_in::events::{EventKind, EventLog};
use stand_in::{FaultRule, FrontDesk, LoopbackServer, RequestRecord, listen};
use url::Url;

/// The field of a credential that customers log in with.
const KEY_FIELD: &str = "api_key";

#[derive(Clone)]
pub struct CredentialServiceOptions {
    pub name: String,
    /// The bearer token that may issue and revoke. A secret.
    pub administrator_token: String,
}

/// The service, until dropped.
pub struct CredentialService {
    shared: Shared,
    desk: FrontDesk,
    url: Url,
    _server: LoopbackServer,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Book>>);

struct Book {
    options: CredentialServiceOptions,
    events: EventLog,
    /// By id, the fields of every credential that is accepted.
    live: BTreeMap<String, BTreeMap<String, String>>,
    /// By id, what is told of a credential's last use, if anything is.
    last_used: BTreeMap<String, String>,
    secrets: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Registration {
    New,
    Unchanged,
    Conflict,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        stand_in::lock(&self.0)
    }
}

impl Book {
    fn register(&mut self, id: &str, fields: BTreeMap<String, String>) -> Registration {
        if let Some(known) = self.live.get(id) {
            return if *known == fields {
                Registration::Unchanged
            } else {
                Registration::Conflict
            };
        }
        self.secrets.extend(fields.values().cloned());
        self.live.insert(id.to_owned(), fields);
        self.events.record(EventKind::CredentialIssued {
            service: self.options.name.clone(),
            credential: id.to_owned(),
        });
        Registration::New
    }

    fn revoke(&mut self, id: &str) -> bool {
        let known = self.live.remove(id).is_some();
        if known {
            self.events.record(EventKind::CredentialRevoked {
                service: self.options.name.clone(),
                credential: id.to_owned(),
            });
        }
        known
    }

    fn accepts(&self, key: &str) -> bool {
        let mut keys = self
            .live
            .values()
            .filter_map(|fields| fields.get(KEY_FIELD));
        keys.any(|live| live == key)
    }
}

impl CredentialService {
    /// Starts the service without any credential. Needs a running Tokio runtime.
    pub async fn start(
        options: CredentialServiceOptions,
        events: EventLog,
    ) -> anyhow::Result<Self> {
        let (listener, address) = listen().await?;
        let url = Url::parse(&format!("http://{address}/v1")).map_err(io::Error::other)?;
        let secrets = BTreeSet::from([options.administrator_token.clone()]);
        let shared = Shared(Arc::new(Mutex::new(Book {
            options,
            events,
            live: BTreeMap::new(),
            last_used: BTreeMap::new(),
            secrets,
        })));
        let desk = FrontDesk::new(api::error_answer);
        let router = api::router(shared.clone());
        Ok(Self {
            _server: desk.serve(listener, router),
            shared,
            desk,
            url,
        })
    }

    /// The base URL, like `http://127.0.0.1:4000/v1`.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Registers a credential that is older than the secret. The same again changes nothing.
    pub fn register(&self, id: &str, api_key: &str) -> anyhow::Result<()> {
        let fields = BTreeMap::from([(KEY_FIELD.to_owned(), api_key.to_owned())]);
        match self.shared.book().register(id, fields) {
            Registration::New | Registration::Unchanged => Ok(()),
            Registration::Conflict => Err(anyhow!(
                "the credential service has another key under `{id}`: choose another id"
            )),
        }
    }

    /// Gives a credential another key, as a database lets its users do.
    pub fn rekey(&self, id: &str, api_key: &str) {
        if let Some(fields) = self.shared.book().live.get_mut(id) {
            fields.insert(KEY_FIELD.to_owned(), api_key.to_owned());
        }
    }

    /// The ids of the credentials that are accepted.
    pub fn live(&self) -> Vec<String> {
        self.shared.book().live.keys().cloned().collect()
    }

    pub fn is_live(&self, id: &str) -> bool {
        self.shared.book().live.contains_key(id)
    }

    /// Has the service tell this time, as in RFC 3339, as a credential's last use.
    pub fn last_used(&self, id: &str, time: &str) {
        let mut book = self.shared.book();
        book.last_used.insert(id.to_owned(), time.to_owned());
    }

    pub fn fail_next(&self, rule: FaultRule) {
        self.desk.fail_next(rule);
    }

    /// Makes an end of the faults of rules with this prefix.
    pub fn mend(&self, path_prefix: &str) {
        self.desk.mend(path_prefix);
    }

    /// How many of the faults asked for no request has met yet.
    pub fn pending_faults(&self) -> usize {
        self.desk.pending_faults()
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.desk.requests()
    }

    /// Every secret that the service ever held. For looking whether one of them got into an
    /// output.
    pub fn secret_values(&self) -> Vec<String> {
        self.shared.book().secrets.iter().cloned().collect()
    }
}
