//! What the operator does to a world, by the product's own commands.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use addon_rotation_operator::output::Output;
use addon_rotation_operator::{Arguments, OperatorError, Outcome, with_stack};
use clap::Parser as _;
use lambda_in_process::arn;
use parking_lot::Mutex;
use serde_json::{Value, json};
use stand_in::events::Event;
use strict_aws::secrets_manager::{Caller, SecretSnapshot, ServiceError};
use uuid::Uuid;

use super::{OTHER_VAR, VAR, World, rendered};
use crate::Problem;
use crate::story::tell::publication;
use crate::violation::Rule;

/// What the operator is at AWS, and the first word of what it is called in a run's record.
pub(crate) const OPERATOR: &str = "operator";

/// So often a command is typed again that says that it could be, and a function called.
pub(super) const TRIES: usize = 6;

/// How long a command waits for what takes no time here.
const PATIENCE: &str = "10s";

#[derive(Clone, Default)]
struct Words(Arc<Mutex<Vec<u8>>>);

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut words = self.0.lock();
        words.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Typed {
    Done,
    /// It says why not, and with which command to go on.
    Failed(String, String),
}

impl World {
    pub async fn call(&self, operation: &str, parameters: Value) -> Result<Value, ServiceError> {
        let operator = Caller(OPERATOR.to_owned());
        self.secrets.handle(&operator, operation, parameters).await
    }

    /// Types a command of the operator's tool; if it must come to its end, the one with which its error says to go on,
    /// until one succeeds. Whether one did.
    async fn operate(&self, command: &str, must: bool) -> bool {
        let mut next = command.to_owned();
        for _ in 0..if must { TRIES } else { 1 } {
            match self.typed(&next).await {
                Ok(Typed::Done) => return true,
                Ok(Typed::Failed(error, again)) => {
                    self.book.lock().said.push(error);
                    next = again;
                }
                Err(problem) => {
                    self.violated(Rule::Stand, problem.to_string());
                    return false;
                }
            }
            self.passage.running.idle().await;
        }
        let last = self.book.lock().said.last().cloned().unwrap_or_default();
        // With a rotation under way the rest of an instance's end is left to a schedule.
        let is_left = command.starts_with("deprovision")
            && last.contains("\"outcome\":\"revoked\"")
            && !self.due().is_empty();
        if must && !is_left {
            self.violated(Rule::Converges, format!("{command}: {last}"));
        }
        false
    }

    /// Types one command. Its process may end at any of its requests.
    async fn typed(&self, command: &str) -> Result<Typed, Problem> {
        let words = shlex::split(command).unwrap_or_default();
        let words = words.iter().map(String::as_str);
        let mut line = vec![TOOL];
        line.extend(words.skip_while(|word| *word == TOOL));
        line.push("--yes");
        // A command that an error says to repeat has it already.
        let mut waiting = ["change", "emergency", "recover"].iter();
        if waiting.any(|it| line.contains(it)) && !line.contains(&"--patience") {
            line.extend(["--patience", PATIENCE]);
        }
        let name = format!("{OPERATOR} {}", line.get(1).unwrap_or(&""));
        let parsed = Arguments::try_parse_from(&line)?.command;
        let (stack, words) = (self.stack.clone(), Words::default());
        let output = Output::to(words.clone(), true);
        let task = tokio::task::spawn_local(async move {
            let done = with_stack(&stack, parsed, &output).await;
            done.map_err(|error| {
                let next = match &error {
                    OperatorError::Step { again, .. } => Some(again.clone()),
                    _ => None,
                };
                (format!("{error} {error:?}"), next)
            })
        });
        let running = &self.passage.running;
        let id = running.begin(OPERATOR, name, task.abort_handle());
        let ended = task.await;
        running.end(id);
        let said = words.0.lock();
        let said = String::from_utf8_lossy(&said).into_owned();
        self.book.lock().said.push(said.clone());
        let same = || command.to_owned();
        Ok(match ended {
            Ok(Ok(Outcome::Fine)) => Typed::Done,
            Ok(Ok(Outcome::Attention)) => Typed::Failed(said, same()),
            Ok(Err((error, next))) => Typed::Failed(error, next.unwrap_or_else(same)),
            Err(error) if error.is_cancelled() => Typed::Failed("killed".to_owned(), same()),
            Err(error) => {
                self.violated(Rule::NoPanic, format!("{command}: {error}"));
                Typed::Failed(error.to_string(), same())
            }
        })
    }

    /// Makes the last older version current that may still be accepted, if the operator's tool lets it.
    pub async fn roll_back(&self, must: bool) {
        match self.older() {
            Some(older) => {
                let command = format!("rollback {} --to {older}", self.addon);
                self.operate(&command, must).await;
            }
            None if must => self.violated(Rule::Stand, "there is nothing to roll back to"),
            None => {}
        }
    }

    /// The last version but the current one that is labelled as alive.
    fn older(&self) -> Option<String> {
        let secret = self.snapshot()?;
        let current = secret.labelled("AWSCURRENT");
        let mut others = secret.versions.iter().rev();
        others
            .find(|it| Some(it.id.as_str()) != current && is_live(&it.labels, &it.id))
            .map(|it| it.id.clone())
    }

    /// The older versions whose revocation is outstanding.
    fn waiting(&self) -> BTreeSet<String> {
        let secret = self.snapshot();
        let versions = secret.iter().flat_map(|it| &it.versions);
        let waiting = versions.filter(|it| {
            is_live(&it.labels, &it.id)
                && !it.labels.contains("AWSCURRENT")
                && !it.labels.contains("AWSPENDING")
        });
        waiting.map(|it| it.id.clone()).collect()
    }

    /// A credential leaked: the older ones end now, whoever still has them.
    pub async fn emergency(&self, must: bool) {
        self.book.lock().accept_downtime(true);
        let command = format!("emergency {} --accept-downtime", self.addon);
        let done = self.operate(&command, must).await;
        self.look_now().await;
        let waiting = self.waiting();
        self.book.lock().accept_downtime(false);
        self.book.lock().end_at_once(&waiting);
        if done {
            let live = self.service.live().await.unwrap_or_default();
            if live.len() != 1 {
                let what = format!("after an emergency the service accepts {live:?}");
                self.violated(Rule::OneAtRest, what);
            }
        }
    }

    /// The current credential does not log in: a rotation on the operator's word.
    pub async fn recover(&self) {
        let document = self.current_document();
        let owner = document["owner"].as_str();
        let login = owner.unwrap_or_else(|| self.service.credential(&document));
        let command = format!("recover {} --login {login}", self.addon);
        self.operate(&command, true).await;
    }

    fn current_document(&self) -> Value {
        let secret = self.snapshot();
        let current = secret.as_ref().and_then(|it| it.labelled("AWSCURRENT"));
        let value = current.and_then(|id| self.secrets.value(&self.secret, id));
        let document = value.and_then(|text| serde_json::from_str(&text).ok());
        document.unwrap_or_default()
    }

    /// The customer removes the add-on, and the partner's backend has the instance end.
    pub async fn end_instance(&self, must: bool) {
        self.deprovision();
        self.book.lock().is_ended = true;
        let command = format!("deprovision {}", self.addon);
        self.operate(&command, must).await;
    }

    /// Begins a rotation, or takes up the one that Secrets Manager gave up; nothing, if it refuses.
    pub async fn begin_rotation(&self) -> Option<usize> {
        let seen = self.events.since(0).len();
        let secret = self.snapshot().filter(|it| it.deletion.is_none())?;
        if self.book.lock().is_ended {
            return None;
        }
        let begun = self.rotate_secret(true).await;
        // A rotation that was given up is taken up again, with an error that says so.
        let taken_up = secret.rotation_enabled && self.rotation_is_incomplete();
        (begun.is_ok() || taken_up).then_some(seen)
    }

    async fn rotate_secret(&self, immediately: bool) -> Result<Value, ServiceError> {
        let parameters = json!({
            "SecretId": self.secret,
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "RotationLambdaARN": arn("rotate"),
            "RotationRules": { "AutomaticallyAfterDays": 90 },
            "RotateImmediately": immediately,
        });
        self.call("RotateSecret", parameters).await
    }

    pub async fn cancel(&self) {
        let parameters = json!({ "SecretId": self.secret });
        // A secret that is marked for deletion has no rotation to cancel.
        let _ = self.call("CancelRotateSecret", parameters).await;
    }

    /// Takes AWSPENDING off what a cancelled rotation leaves behind, as AWS asks.
    pub async fn abandon(&self) {
        let Some(secret) = self.snapshot() else {
            return;
        };
        let pending = secret.labelled("AWSPENDING");
        if let Some(version) = pending.filter(|it| secret.labelled("AWSCURRENT") != Some(*it)) {
            let parameters = json!({
                "SecretId": self.secret,
                "VersionStage": "AWSPENDING",
                "RemoveFromVersionId": version,
            });
            self.accepted("UpdateSecretVersionStage", parameters).await;
        }
        if secret.deletion.is_none() && !self.is_ended() {
            self.switch_on().await;
        }
    }

    pub fn rotation_is_off(&self) -> bool {
        let off = |secret: SecretSnapshot| secret.deletion.is_none() && !secret.rotation_enabled;
        self.snapshot().is_some_and(off)
    }

    /// Switches rotation on, where it is off although the instance is in use.
    pub async fn switch_on_again(&self) {
        if self.rotation_is_off() {
            self.switch_on().await;
        }
    }

    /// Switches rotation on again, as the operations page has it after one was given up.
    async fn switch_on(&self) {
        // Its test may fail, where Heroku shows what another version has: it is tried again.
        let _ = self.rotate_secret(false).await;
        let tested = |_: &[Event]| (!self.rotation_is_incomplete()).then_some(());
        self.events.wait_for(tested).await;
        self.passage.running.idle().await;
    }

    /// Somebody changes what the config var shows, besides the credential, and has v3 remove the config vars that the
    /// document does not name.
    pub async fn edit_document(&self) {
        let shown = self.shown().unwrap_or_default();
        self.store_by_hand(|document| {
            if document["heroku"]["api"] == "v3" {
                let (var, _) = rendered(document);
                let others: Vec<_> = shown.keys().filter(|it| **it != var).collect();
                document["heroku"]["removed"] = json!(others);
            }
            let config = document["heroku"]["config"].as_object_mut();
            for template in config.into_iter().flat_map(|it| it.values_mut()) {
                let text = template.as_str().unwrap_or_default();
                *template = match text.strip_suffix(EDIT) {
                    Some(before) => before.into(),
                    None => format!("{text}{EDIT}").into(),
                };
            }
        })
        .await;
    }

    /// Another template by the operator's command, and with v3 another config var.
    pub async fn change_document(&self) {
        let mut document = self.current_document();
        for field in LOGIN {
            if let Some(fields) = document.as_object_mut() {
                fields.remove(field);
            }
        }
        let config = document["heroku"]["config"].as_object_mut();
        for template in config.into_iter().flat_map(|it| it.values_mut()) {
            *template = format!("{}{EDIT}", template.as_str().unwrap_or_default()).into();
        }
        if document["heroku"]["api"] == "v3" {
            let template = document["heroku"]["config"][VAR].take();
            document["heroku"]["config"] = json!({ OTHER_VAR: template });
            document["heroku"]["removed"] = json!([VAR]);
        }
        let file = tempfile::NamedTempFile::new();
        let file = file.and_then(|file| {
            std::fs::write(file.path(), document.to_string())?;
            Ok(file)
        });
        match file {
            Ok(file) => {
                let path = file.path().display();
                let command = format!("change {} --wait --document {path}", self.addon);
                self.operate(&command, true).await;
            }
            Err(error) => self.violated(Rule::Stand, error.to_string()),
        }
    }

    /// Somebody has the credential shown by the other of the manifest's config vars.
    pub async fn rename_var(&self) {
        self.store_by_hand(|document| {
            let (var, _) = rendered(document);
            let other = if var == VAR { OTHER_VAR } else { VAR };
            let config = document["heroku"]["config"].as_object_mut();
            if let Some(config) = config
                && let Some(template) = config.remove(&var)
            {
                config.insert(other.to_owned(), template);
            }
            if let Some(heroku) = document["heroku"].as_object_mut() {
                heroku.remove("removed");
            }
        })
        .await;
    }

    /// Removes the config vars that the current document does not name, if the one that it names shows its credential:
    /// as the log says of a rotation that left them, or the error of a revocation that they have held up.
    pub async fn remove_other_vars(&self) {
        let (var, value) = rendered(&self.current_document());
        let shown = self.shown().unwrap_or_default();
        if shown.get(&var) != Some(&value) {
            return;
        }
        for other in shown.keys().filter(|it| **it != var) {
            if let Err(error) = self.heroku.remove_config(&self.addon, other) {
                self.violated(Rule::Stand, error.to_string());
            }
            self.look_now().await;
        }
    }

    pub async fn break_current(&self) {
        self.store_by_hand(|document| {
            for field in ["password", "api_key"] {
                if let Some(value) = document.get_mut(field) {
                    *value = "what-does-not-log-in".into();
                }
            }
        })
        .await;
    }

    async fn store_by_hand(&self, change: impl FnOnce(&mut Value)) {
        if self.snapshot().is_none_or(|it| it.deletion.is_some()) {
            return;
        }
        let mut document = self.current_document();
        change(&mut document);
        let parameters = json!({
            "SecretId": self.secret,
            "ClientRequestToken": Uuid::new_v4().to_string(),
            "SecretString": document.to_string(),
        });
        self.accepted("PutSecretValue", parameters).await;
    }

    pub async fn delete(&self) {
        let parameters = json!({ "SecretId": self.secret, "RecoveryWindowInDays": 7 });
        // It may be so already.
        let _ = self.call("DeleteSecret", parameters).await;
    }

    pub async fn restore(&self) {
        if self.snapshot().is_some_and(|it| it.deletion.is_some()) {
            let parameters = json!({ "SecretId": self.secret });
            self.accepted("RestoreSecret", parameters).await;
        }
    }

    /// Has Heroku show the current version, as the operations page says after a rollback.
    pub async fn publish_current(&self) {
        let secret = self.snapshot().filter(|it| it.deletion.is_none());
        if let Some(secret) = secret
            && let Some(version) = secret.labelled("AWSCURRENT")
        {
            let event = publication(&secret.arn, version);
            // Heroku may be out of order: whoever is on call looks again.
            let _ = self.lambda.invoke("publish-to-heroku", event).await;
        }
    }

    /// A call that nothing stands in the way of.
    async fn accepted(&self, operation: &str, parameters: Value) {
        if let Err(error) = self.call(operation, parameters).await {
            self.violated(Rule::Stand, format!("{operation}: {error}"));
        }
    }
}

/// What a document need not hold for the operator's command.
const LOGIN: [&str; 8] = [
    "api_key",
    "credential_id",
    "owner",
    "password",
    "previous_username",
    "rules_from",
    "settings_from",
    "username",
];

/// What somebody has the config var's value end with, or no longer.
const EDIT: &str = "?edited";

const TOOL: &str = "addon-rotation-operator";

pub(super) fn is_live(labels: &BTreeSet<String>, id: &str) -> bool {
    labels.contains(&format!("LIVE-{id}"))
}
