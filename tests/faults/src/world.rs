//! One instance with everything that it takes, and what must hold of it at every instant.

mod backend;
mod book;
mod build;
mod operator;
mod time;

use std::sync::Arc;

use addon_rotation_operator::stack::Stack;
use jiff::SignedDuration;
use lambda_in_process::{GRACE_PERIOD, TOKENS_TABLE};
use parking_lot::Mutex;
use serde_json::{Value, json};
use stand_in::events::EventLog;
use strict_aws::gateway::Gateway;
use strict_aws::secrets_manager::{SecretSnapshot, SecretsManager};
use strict_heroku::Heroku;

use crate::clock::Clock;
use crate::engine::Service;
use crate::functions::Lambda;
use crate::proxy::Passage;
use crate::violation::{Rule, Violation};

use book::{Book, Config, Version};
pub use build::{Api, Built, Manners, Setup, build};
pub use time::{Ended, Handed};

/// The config var that shows the credential at first.
const VAR: &str = "ACME_URL";

/// The other one that the manifest declares.
const OTHER_VAR: &str = "ACME_DSN";

pub struct World {
    pub events: EventLog,
    pub heroku: Arc<Heroku>,
    pub service: Service,
    pub lambda: Lambda,
    pub passage: Passage,
    pub clock: Clock,
    pub secrets: SecretsManager,
    gateway: Gateway,
    http: reqwest::Client,
    manners: Manners,
    /// As the operator's tool reaches it.
    stack: Stack,
    secret: String,
    addon: String,
    enrolment: Value,
    /// The administrator's password at the service, or its token.
    administrator: String,
    pub(crate) book: Mutex<Book>,
}

impl World {
    /// The managed secret, without values.
    pub fn snapshot(&self) -> Option<SecretSnapshot> {
        self.secrets.secret(&self.secret)
    }

    fn shown(&self) -> Option<Config> {
        if !self.is_provisioned() {
            return None;
        }
        self.heroku.config(&self.addon).ok()
    }

    pub fn deprovision(&self) {
        if self.heroku.deprovision(&self.addon).is_ok() {
            self.book.lock().is_deprovisioned = true;
        }
    }

    pub fn is_provisioned(&self) -> bool {
        !self.book.lock().is_deprovisioned
    }

    pub fn violated(&self, rule: Rule, what: impl Into<String>) {
        let what = what.into();
        self.book.lock().violations.insert(Violation { rule, what });
    }

    /// Looks at what must hold at every instant. Each question takes its time, in which others go on: what
    /// was seen counts if it must have held throughout.
    pub(crate) async fn look_now(&self) {
        // At once: from the moment on in which Heroku ceases to show something, its grace period counts.
        let needed = self.note_what_is_shown();
        let Some(before) = self.snapshot() else {
            return;
        };
        self.learn(&before);
        let live = match self.service.live().await {
            Ok(live) => live,
            Err(problem) => return self.violated(Rule::Stand, problem.to_string()),
        };
        let Some(after) = self.snapshot() else {
            return;
        };
        self.learn(&after);
        for version in needed {
            if !live.contains(&version.credential) && self.is_needed(&version) {
                let what = format!(
                    "the service refuses {}, which dynos may still have",
                    version.credential
                );
                self.violated(Rule::NobodyLockedOut, what);
            }
        }
        for credential in &live {
            let labelled = |secret| is_labelled(secret, &self.book.lock().versions, credential);
            if !labelled(&before) && !labelled(&after) {
                let what =
                    format!("the service accepts {credential}, and no version with a label has it");
                self.violated(Rule::AliveIsLabelled, what);
            }
        }
    }

    /// Notes what Heroku shows. The versions that dynos may have.
    fn note_what_is_shown(&self) -> Vec<Version> {
        let (now, shown) = (self.clock.now(), self.shown());
        let mut book = self.book.lock();
        book.looks += 1;
        if book.is_deprovisioned {
            // Nobody has a dyno of an add-on that is gone.
            book.forget_shown();
        } else {
            book.shows(shown.unwrap_or_default(), now);
        }
        book.needed(now, grace(&self.clock)).cloned().collect()
    }

    /// Logs in as dynos do that have what Heroku shows, or showed within the grace period.
    pub async fn log_in(&self) {
        let now = self.clock.now();
        let needed: Vec<Version> = self
            .book
            .lock()
            .needed(now, grace(&self.clock))
            .cloned()
            .collect();
        for version in needed {
            match self.service.accepts(&version.document).await {
                Ok(true) => self.book.lock().logins += 1,
                // Unless its time was over when it was asked.
                Ok(false) if self.is_needed(&version) => self.violated(
                    Rule::NobodyLockedOut,
                    format!("a customer's login as {} is refused", version.credential),
                ),
                Ok(false) => {}
                Err(problem) => self.violated(Rule::Stand, problem.to_string()),
            }
        }
    }

    fn is_needed(&self, version: &Version) -> bool {
        let now = self.clock.now();
        self.book
            .lock()
            .needed(now, grace(&self.clock))
            .any(|needed| needed.id == version.id)
    }

    fn learn(&self, secret: &SecretSnapshot) {
        let unknown: Vec<String> = {
            let book = self.book.lock();
            let versions = secret.versions.iter().filter(|version| version.has_value);
            let ids = versions.map(|version| version.id.clone());
            ids.filter(|id| !book.versions.iter().any(|known| known.id == *id))
                .collect()
        };
        for id in unknown {
            let value = self.secrets.value(&self.secret, &id);
            let Some(Ok(document)) = value.map(|text| serde_json::from_str::<Value>(&text)) else {
                continue;
            };
            let (var, shown_as) = rendered(&document);
            let version = Version {
                credential: self.service.credential(&document).to_owned(),
                var,
                shown_as,
                id,
                document,
            };
            self.book.lock().versions.push(version);
        }
    }

    /// What is to hold when all is quiet and the grace period over.
    pub async fn check_settled(&self) {
        self.look_now().await;
        let Some(secret) = self.snapshot() else {
            return self.violated(Rule::Stand, "the secret is gone");
        };
        if self.is_ended() {
            return self.check_ended(&secret).await;
        }
        self.check_token();
        let current = secret.labelled("AWSCURRENT").unwrap_or_default().to_owned();
        let live = self.service.live().await.unwrap_or_default();
        let shown = self.shown();
        let versions = self.book.lock().versions.clone();
        for version in &versions {
            let is_current = version.id == current;
            let accepted = self.service.accepts(&version.document).await;
            if accepted.as_ref().ok() != Some(&is_current) && !shares(&versions, version, &current)
            {
                let what = format!(
                    "version {} (current: {is_current}): the service says {accepted:?} to a login",
                    version.id
                );
                self.violated(Rule::OneAtRest, what);
            }
            let wanted = Config::from([(version.var.clone(), version.shown_as.clone())]);
            if is_current && shown.as_ref().is_some_and(|it| *it != wanted) {
                self.violated(
                    Rule::OneAtRest,
                    "Heroku does not show the current version alone",
                );
            }
            if is_current && live != [version.credential.clone()] {
                self.violated(Rule::OneAtRest, format!("the service accepts {live:?}"));
            }
        }
        for version in &secret.versions {
            if operator::is_live(&version.labels, &version.id) && version.id != current {
                let what = format!("version {} still has a LIVE- label", version.id);
                self.violated(Rule::OneAtRest, what);
            }
        }
    }

    /// Heroku honours one of the refresh tokens that are stored, if there are any.
    fn check_token(&self) {
        let key = json!({ "addon": { "S": self.addon } });
        let item = self.gateway.item(TOKENS_TABLE, &key).unwrap_or_default();
        let tokens = item["refresh_tokens"]["L"].as_array();
        let mut tokens = tokens.iter().flat_map(|it| it.iter());
        let is_honoured = |token: &Value| {
            token["S"]
                .as_str()
                .is_some_and(|it| self.heroku.honours(it))
        };
        if !item.is_null() && self.is_provisioned() && !tokens.any(is_honoured) {
            self.violated(
                Rule::Converges,
                "Heroku refuses the refresh tokens that are stored",
            );
        }
    }

    pub fn is_ended(&self) -> bool {
        self.book.lock().is_ended
    }

    /// What is to hold of an instance that is no more.
    async fn check_ended(&self, secret: &SecretSnapshot) {
        let live = self.service.live().await.unwrap_or_default();
        if !live.is_empty() {
            let what = format!("the instance has ended, and the service accepts {live:?}");
            self.violated(Rule::OneAtRest, what);
        }
        let mut labels = secret.versions.iter().flat_map(|version| &version.labels);
        if secret.deletion.is_none() || labels.any(|label| label.starts_with("LIVE-")) {
            let what =
                "the instance has ended, and its secret is not deleted, or has a LIVE- label";
            self.violated(Rule::OneAtRest, what);
        }
    }

    /// How often the customer's app was restarted since the add-on's provisioning.
    pub fn releases(&self) -> usize {
        let releases = self.heroku.releases(build::APP).map(|it| it.len());
        // The app's own first and the add-on's.
        releases.unwrap_or_default().saturating_sub(2)
    }

    pub fn secret_values(&self) -> Vec<String> {
        let mut values = self.heroku.secret_values();
        if let Service::Http(service) = &self.service {
            values.extend(service.secret_values());
        }
        values.push(self.administrator.clone());
        values.extend(self.secrets.sensitive_texts());
        for version in &self.book.lock().versions {
            values.push(version.shown_as.clone());
            let fields = ["password", "api_key"].map(|field| version.document[field].as_str());
            values.extend(fields.into_iter().flatten().map(ToOwned::to_owned));
        }
        values.retain(|value| value.len() > 7);
        values.sort_unstable();
        values.dedup();
        values
    }
}

fn shares(versions: &[Version], version: &Version, current: &str) -> bool {
    let current = versions.iter().find(|it| it.id == current);
    current.is_some_and(|current| current.credential == version.credential)
}

/// A version that may be alive has its label; an imported one may go without while it is current.
fn is_labelled(secret: &SecretSnapshot, versions: &[Version], credential: &str) -> bool {
    let mut having = versions.iter().filter(|it| it.credential == credential);
    having.any(|version| {
        let labels = secret.versions.iter().find(|it| it.id == version.id);
        labels.is_some_and(|it| {
            it.labels.contains("AWSCURRENT") || it.labels.contains(&format!("LIVE-{}", version.id))
        })
    })
}

/// A document's config var, and what it shows: the harness's own reading, so that the library's is not asked.
fn rendered(document: &Value) -> (String, String) {
    let mut vars = document["heroku"]["config"]
        .as_object()
        .into_iter()
        .flatten();
    let (var, template) = vars.next().unzip();
    let template = template.and_then(Value::as_str);
    let mut text = template.unwrap_or_default().to_owned();
    for (field, value) in document.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(value) => value.clone(),
            Value::Number(value) => value.to_string(),
            _ => continue,
        };
        text = text.replace(&format!("{{{{ {field} }}}}"), &value);
    }
    (var.cloned().unwrap_or_default(), text)
}

/// How long a credential must be accepted after Heroku showed it: less what Scheduler's clock is ahead
/// of the functions', which nobody can know.
fn grace(clock: &Clock) -> SignedDuration {
    let grace = SignedDuration::try_from(GRACE_PERIOD).unwrap_or(SignedDuration::MAX);
    grace - clock.furthest_ahead()
}
