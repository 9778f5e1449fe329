//! What `status` says, beside what the services and Heroku say.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use local_cloud::cloud::{Engine, Instance};
use serde_json::{Value, json};

use super::{Fate, Fleet};
use crate::TestResult;
use crate::support::{check, current};

impl Fleet {
    /// Each instance is in the state, and has so many revocations waiting; what `status` shows as current,
    /// waiting or under rotation is what the service lets in, and nothing else is.
    pub(super) async fn agrees(
        &self,
        expected: impl Fn(Fate) -> (&'static str, usize),
    ) -> TestResult {
        let ended = self.operator.run(&["--json", "status"]).await?;
        let rows: Result<Vec<Value>, _> = ended.text.lines().map(serde_json::from_str).collect();
        let rows = rows.map_err(|error| format!("{error}: {}{}", ended.text, ended.errors))?;
        for member in &self.members {
            let instance = &member.instance;
            let row = rows.iter().find(|row| row["instance"] == instance.addon);
            let row = row.ok_or_else(|| format!("no row of {}", instance.name))?;
            let (state, waiting) = expected(member.fate);
            let revocations = row["revocations"].as_array().ok_or("no revocations")?;
            let shown: Vec<&str> = revocations.iter().map(|it| text(&it["version"])).collect();
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
        }
        Ok(())
    }

    /// Heroku shows the current version's credential, after so many releases; none are those that it does not
    /// know any more.
    pub(super) async fn heroku_shows_the_current(
        &self,
        releases: impl Fn(Fate) -> Option<usize>,
    ) -> TestResult {
        let (cloud, heroku) = (&self.cloud, &self.cloud.heroku);
        for member in &self.members {
            let instance = &member.instance;
            let Some(expected) = releases(member.fate) else {
                continue;
            };
            let config = heroku.config(&instance.addon)?;
            let current = current(cloud, instance)?;
            let (_, secret) = self.credential(instance, &current).await?;
            let shown = config.get(&instance.config_var);
            check(shown.is_some_and(|it| it.contains(&secret)), || {
                format!("{}: it shows another than {current}", instance.name)
            })?;
            let made = heroku.releases(&instance.apps[0])?.len() - member.releases;
            check(made == expected, || {
                format!("{}: {made} releases", instance.name)
            })?;
        }
        Ok(())
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
