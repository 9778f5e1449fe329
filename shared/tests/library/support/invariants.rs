//! What must hold at every instant, looked at whenever a function begins or ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use credential_service::CredentialService;
use strict_aws::secrets_manager::SecretsManager;
use strict_heroku::Heroku;
use url::Url;

use super::{Instance, Stand, VAR, credential};

/// One instance under observation. Clones share what was found.
#[derive(Clone)]
pub(crate) struct Invariants {
    instance: Arc<Instance>,
    heroku: Arc<Heroku>,
    service: Arc<CredentialService>,
    secrets: SecretsManager,
    http: reqwest::Client,
    found: Arc<Mutex<Found>>,
}

#[derive(Default)]
struct Found {
    looks: usize,
    violations: BTreeSet<String>,
}

impl Invariants {
    /// Begins to observe the instance.
    pub(crate) fn of(stand: &Stand, instance: &Instance) -> Self {
        let invariants = Self {
            instance: Arc::new(instance.clone()),
            heroku: Arc::clone(&stand.heroku),
            service: Arc::clone(&stand.service),
            secrets: stand.gateway.secrets_manager().clone(),
            http: stand.http().clone(),
            found: Arc::default(),
        };
        stand.lambda.watch(invariants.clone());
        invariants
    }

    /// Fails if anything was not as it must be, or nobody ever looked.
    pub(crate) fn assert_held(&self) {
        let found = self.found.lock().unwrap();
        assert!(found.looks > 0);
        assert!(found.violations.is_empty(), "{:?}", found.violations);
    }

    pub(super) async fn look(&self) {
        let refused = !self.shown_is_accepted().await;
        let mut found = self.found.lock().unwrap();
        found.looks += 1;
        if refused {
            let violation = "the service refuses what Heroku shows";
            found.violations.insert(violation.to_owned());
        }
        for id in self.unlabelled() {
            let violation = format!("the service accepts {id}, which no version with a label has");
            found.violations.insert(violation);
        }
    }

    /// Logs in with what a dyno that starts now would get.
    async fn shown_is_accepted(&self) -> bool {
        let config = self.heroku.config(&self.instance.addon).unwrap();
        let shown: Url = config[VAR].parse().unwrap();
        let key = shown.password().unwrap();
        let request = self.http.get(format!("{}/items", self.service.url()));
        let answer = request.bearer_auth(key).send().await.unwrap();
        answer.status().is_success()
    }

    /// The credentials that the service accepts though no label says so. The imported one may go
    /// without as long as its version is the current one.
    fn unlabelled(&self) -> Vec<String> {
        let secret = self.secrets.secret(self.instance.secret.as_str()).unwrap();
        let imported = &secret.versions[0];
        let live = self.service.live();
        let unlabelled = live.into_iter().filter(|id| {
            let version = if *id == self.instance.imported {
                imported.labels.contains("AWSCURRENT") || {
                    let label = format!("LIVE-{}", imported.id);
                    imported.labels.contains(&label)
                }
            } else {
                secret.versions.iter().any(|version| {
                    let named = version.id.parse();
                    named.is_ok_and(|named| credential(&self.instance, &named) == *id)
                        && version.labels.contains(&format!("LIVE-{}", version.id))
                })
            };
            !version
        });
        unlabelled.collect()
    }
}
