//! What `status` says, beside what the services and Heroku say.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::Failed;
use local_cloud::cloud::{Engine, Instance};
use serde_json::{Value, json};

use super::Fleet;
use super::members::{Fate, Member, eight_at_once};
use crate::TestResult;
use crate::support::{check, current};

impl Fleet {
    /// Each instance is in the state, and has so many revocations waiting; what `status` shows as current,
    /// waiting or under rotation is what the service lets in, and nothing else is.
    pub(super) async fn agrees(
        &self,
        expected: impl Fn(Fate) -> (&'static str, usize),
    ) -> TestResult {
        let rows = self.objects(&["--json", "status"]).await?;
        let rows: BTreeMap<_, _> = rows
            .iter()
            .map(|row| (text(&row["instance"]), row))
            .collect();
        let row = |member: &Member| {
            let row = rows.get(member.instance.addon.as_str()).copied();
            row.ok_or_else(|| Failed::from(format!("no row of {}", member.instance.name)))
        };
        let of_http = std::sync::Mutex::new(BTreeSet::new());
        eight_at_once(&self.members, async |member: &Member| {
            let (row, instance) = (row(member)?, &member.instance);
            let (state, waiting) = expected(member.fate);
            let shown: Vec<&str> = match &row["revocations"] {
                Value::Array(all) => all.iter().map(|it| text(&it["version"])).collect(),
                other => return Err(format!("revocations: {other}").into()),
            };
            check(row["state"] == state && shown.len() == waiting, || {
                format!("{}: not {state} and {waiting}: {row}", instance.name)
            })?;
            let mut alive = BTreeSet::new();
            if state != "deleted" {
                let others = [&row["current"], &row["pending"]].map(|it| it.as_str());
                for version in others.into_iter().flatten().chain(shown) {
                    alive.insert(self.credential(instance, version).await?.0);
                }
            }
            let live = self.cloud.live_credentials(instance).await?;
            let live: BTreeSet<_> = live.into_iter().collect();
            check(live == alive, || {
                format!("{}: {live:?} are alive: {row}", instance.name)
            })?;
            if instance.engine == Engine::Http {
                let mut of_http = of_http.lock().map_err(|error| error.to_string())?;
                of_http.extend(alive);
            }
            Ok(())
        })
        .await?;
        let of_http = of_http.into_inner().map_err(|error| error.to_string())?;
        self.nobody_else_is_let_in(&of_http)
    }

    /// The partner's own service has one list for all instances.
    fn nobody_else_is_let_in(&self, fleet: &BTreeSet<String>) -> TestResult {
        let secrets = self.cloud.gateway.secrets_manager().secrets();
        let ours: BTreeSet<_> = self
            .members
            .iter()
            .map(|it| &it.instance.secret_name)
            .collect();
        let of_others = |id: &String| {
            let mut others = secrets.iter().filter(|secret| !ours.contains(&secret.name));
            others.any(|secret| {
                let mut versions = secret.versions.iter();
                versions.any(|version| id.starts_with(&version.id))
            })
        };
        let live = self.cloud.credential_service.live();
        let strangers = live
            .iter()
            .filter(|id| !fleet.iter().any(|known| id.starts_with(known)))
            .filter(|id| !self.others.contains(id) && !of_others(id));
        let strangers: Vec<_> = strangers.collect();
        check(strangers.is_empty(), || format!("alive: {strangers:?}"))
    }

    /// Heroku shows the current version's credential, after so many releases; none are those that it does not
    /// know any more.
    pub(super) async fn heroku_shows_the_current(
        &self,
        releases: impl Fn(Fate) -> Option<usize>,
    ) -> TestResult {
        let (cloud, heroku) = (&self.cloud, &self.cloud.heroku);
        eight_at_once(&self.members, async |member: &Member| {
            let instance = &member.instance;
            let Some(expected) = releases(member.fate) else {
                return Ok(());
            };
            let config = heroku.config(&instance.addon)?;
            let current = current(cloud, instance)?;
            let (_, secret) = self.credential(instance, &current).await?;
            let shown = config.get(&instance.config_var);
            check(shown.is_some_and(|it| it.contains(&secret)), || {
                format!(
                    "{}: not the credential of {current} is shown",
                    instance.name
                )
            })?;
            let made = heroku.releases(&instance.apps[0])?.len() - member.releases;
            check(made == expected, || {
                format!("{}: {made} releases", instance.name)
            })
        })
        .await
    }

    /// What the service calls a version's credential, and the secret that it is.
    async fn credential(
        &self,
        instance: &Instance,
        version: &str,
    ) -> Result<(String, String), Failed> {
        let request = json!({ "SecretId": instance.secret_name, "VersionId": version });
        let root = &self.cloud.root;
        let answer = root
            .json_call("secretsmanager", "secretsmanager.GetSecretValue", &request)
            .await?;
        let document: Value = serde_json::from_str(text(&answer["SecretString"]))?;
        let (name, secret) = match instance.engine {
            Engine::Http => ("credential_id", "api_key"),
            Engine::Postgres | Engine::Mysql | Engine::Redis => ("username", "password"),
        };
        let name = match text(&document[name]) {
            // Redis's user for a login with a password alone.
            "" => "default",
            // As the cloud tells which are alive.
            name if name.starts_with(version) => version,
            name => name,
        };
        Ok((name.to_owned(), text(&document[secret]).to_owned()))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
