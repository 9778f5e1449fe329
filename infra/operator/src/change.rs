//! `change`: another document for an instance, checked, stored and published.
//!
//! The document is stored beside the current one and tried there. Then it becomes current in one step, which fails if
//! another version has become current, and a rotation publishes it. This command alone reads and stores a value, by
//! rights that no policy of the stack has: who may change a document is the partner's to say.

use std::path::PathBuf;
use std::time::Duration;

use addon_rotation::claims::Names;
use addon_rotation::document::{Api, Document, id_of_change, is_change};
use addon_rotation::event::VersionId;
use addon_rotation::secrets::SecretError;
use clap::Args;
use secrecy::SecretString;

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::rotation::Started;
use crate::stack::{Instance, Stack, soon};
use crate::{OperatorError, Outcome, file, rotation, time};

/// What to change.
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds the whole document. What it leaves out of the login (username, password, credential_id and the
fields with new values; owner, previous_username, rules_from, settings_from) is kept: the file needs no secret.
The command checks the document, and prints what will change at Heroku: names, no values. Then it stores the
document, has the stack try it at the service, makes it current, and rotates.
Reading and storing the document needs secretsmanager:GetSecretValue and PutSecretValue on the instance's secret,
which no policy of the stack has.
If the command is cut off, repeat it.

Examples:
  addon-rotation-operator change 01234567-89ab-cdef-0123-456789abcdef --document acme.json --check
  addon-rotation-operator change 01234567-89ab-cdef-0123-456789abcdef --document acme.json --wait"
)]
pub struct Options {
    /// The add-on's id: what follows the prefix in the secret's name. Or the secret's name or ARN.
    pub addon: String,
    /// The new document, a JSON file; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub document: PathBuf,
    /// Check the document, and print what would change. Change nothing.
    #[arg(long)]
    pub check: bool,
    /// Wait until the rotation is complete.
    #[arg(long)]
    pub wait: bool,
    /// How long to wait for it.
    #[arg(long, value_name = "TIME", default_value = time::PATIENCE, value_parser = time::parse)]
    pub patience: Duration,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

/// Changes the document and rotates, unless it is only to be checked.
///
/// # Errors
/// If the document cannot be used or does not work, or a rotation is under way: nothing is changed then. Or if a step
/// fails: the error says what holds, and how to go on.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let instance = stack.instance(&options.addon).await?;
    let old = rotation::current(&instance, &instance.secret).map_err(OperatorError::Refused)?;
    if !instance.secret.rotation_enabled {
        let message = format!("rotation of {} is off. → Switch it on first", instance.id);
        return Err(OperatorError::Refused(message));
    }
    let names = stack.names().await?;
    let current = stack.secrets.document(&names, &instance.arn, &old, soon());
    let current = current.await?;
    let (name, text) = file::read(&options.document)?;
    let document = checked(&instance, &names, &current, &text)
        .map_err(|problems| OperatorError::Lines { name, problems })?;
    let change = Change {
        stack,
        output,
        options,
        instance: &instance,
        names: &names,
        old: &old,
        document: &document,
    };
    let differences = current.differences(&document);
    if differences.is_empty() {
        return change.go_on().await;
    }
    rotation::at_rest(&instance, &instance.secret).map_err(OperatorError::Refused)?;
    change.tell(&current, &differences);
    change.tell_of_old_addresses(&current).await?;
    if options.check {
        output.step(
            "check",
            Mark::Done,
            "the document is valid; nothing was changed",
        );
        return Ok(Outcome::Fine);
    }
    let consequences = format!(
        "{}: Its document will become the file's, and its credential will be rotated now.\n\
         The dynos of all apps with this add-on will restart.\nThe old credential will be revoked after its grace period.",
        instance.id
    );
    confirm(output, options.yes, &consequences)?;
    let new = change.try_out().await?;
    change.make_current(&new).await?;
    change.rotate().await
}

/// The document that the file makes of the current one, or all that is wrong with it.
fn checked(
    instance: &Instance,
    names: &Names,
    current: &Document,
    text: &SecretString,
) -> Result<Document, Vec<String>> {
    let document = current.changed(text).map_err(|error| error.problems)?;
    let mut problems = Vec::new();
    if let Err(error) = names.bind(&instance.arn, &instance.secret.name, &document) {
        problems.push(error.to_string());
    }
    if let Err(error) = document.render() {
        problems.extend(error.problems);
    }
    if problems.is_empty() {
        Ok(document)
    } else {
        Err(problems)
    }
}

/// What holds before the document becomes current.
fn stored_only(new: &VersionId) -> String {
    format!("The current version and Heroku are unchanged. The document is stored as version {new}")
}

struct Change<'a> {
    stack: &'a Stack,
    output: &'a Output,
    options: &'a Options,
    instance: &'a Instance,
    names: &'a Names,
    /// The version that is current at first.
    old: &'a VersionId,
    document: &'a Document,
}

impl Change<'_> {
    /// The document is current already: it is rotated, if it was stored and no rotation has taken it up.
    async fn go_on(&self) -> Result<Outcome, OperatorError> {
        let Self { output, old, .. } = self;
        if !is_change(old) {
            let message = format!("version {old} has this document already; nothing was changed");
            output.step("check", Mark::Done, &message);
            return Ok(Outcome::Fine);
        }
        if self.options.check {
            let message = format!(
                "version {old} has this document, and is not rotated yet; nothing was changed"
            );
            output.step("check", Mark::Note, &message);
            return Ok(Outcome::Attention);
        }
        let consequences = format!(
            "{}: Version {old} has this document already. Its credential will be rotated now.\n\
             The dynos of all apps with this add-on will restart.\nThe old credential will be revoked after its grace period.",
            self.instance.id
        );
        confirm(output, self.options.yes, &consequences)?;
        self.rotate().await
    }

    /// What will change, by names.
    fn tell(&self, current: &Document, differences: &[String]) {
        let (one, other) = (&current.heroku, &self.document.heroku);
        let tell = |step: &str, message: &str| self.output.step(step, Mark::Note, message);
        let message = format!("{} of version {}", differences.join(", "), self.old);
        tell("change", &message);
        let names: Vec<_> = other.config.keys().map(String::as_str).collect();
        tell("write", &format!("{} at Heroku", names.join(", ")));
        if !other.removed.is_empty() {
            tell("remove", &format!("{} at Heroku", other.removed.join(", ")));
        }
        let is_kept = |name: &&String| {
            let mut known = other.config.keys().chain(&other.removed);
            known.any(|it| it.eq_ignore_ascii_case(name))
        };
        let left = one.config.keys().filter(|name| !is_kept(name));
        let left: Vec<_> = left.map(String::as_str).collect();
        if !left.is_empty() {
            let remedy = if other.api == Api::V1 {
                "v1 cannot remove it. The old credential lives until somebody does"
            } else {
                "The old credential lives as long. → Name it in heroku.removed"
            };
            tell(
                "leave",
                &format!("{} stays at Heroku. {remedy}", left.join(", ")),
            );
        }
        if one.api == Api::V1 && other.api != Api::V1 {
            tell(
                "token",
                &format!(
                    "v3 needs this add-on's refresh token in the table {}-refresh-tokens, and client_secret in the \
                     partner secret. This command cannot see either. → Put them there first",
                    self.stack.name
                ),
            );
        }
    }

    /// The service moves, and a credential that still waits for its revocation is known at its old address alone.
    async fn tell_of_old_addresses(&self, current: &Document) -> Result<(), OperatorError> {
        if current.is_where(self.document) {
            return Ok(());
        }
        let mut old = Vec::new();
        for version in self.instance.secret.waiting() {
            let (secrets, arn) = (&self.stack.secrets, &self.instance.arn);
            let document = secrets.document(self.names, arn, &version, soon()).await?;
            if document.is_same_login(current) != Some(true) {
                old.push(version.to_string());
            }
        }
        let message = if old.is_empty() {
            "whatever serves the old address goes on accepting the current credential. → Close it"
                .to_owned()
        } else {
            format!(
                "whatever serves the old address goes on accepting the current credential. {} will be revoked at the new \
                 address, and at the old one as long as the administrator's secret names it. → Close the old one after \
                 that. If it is closed, take it out of the administrator's secret",
                old.join(", ")
            )
        };
        self.output.step("close", Mark::Note, &message);
        Ok(())
    }

    /// Stores the document beside the current one, and has the stack log in with it: the version.
    async fn try_out(&self) -> Result<VersionId, OperatorError> {
        let Self {
            stack, instance, ..
        } = self;
        let new = id_of_change().map_err(|error| OperatorError::Refused(error.to_string()))?;
        let value = self.document.to_secret();
        let stored = stack
            .secrets
            .put_changed(&instance.arn, &new, &value, soon());
        stored.await?;
        let tried = stack.rehearse(instance, &new).await;
        tried.map_err(|error| self.step("try", error, stored_only(&new)))?;
        let message = "the service accepts the current credential and the administrator's login";
        self.output.step("try", Mark::Done, message);
        Ok(new)
    }

    /// A rotation may have begun since.
    async fn make_current(&self, new: &VersionId) -> Result<(), OperatorError> {
        let Self {
            stack,
            instance,
            old,
            ..
        } = self;
        let failed = |error| self.step("store", error, stored_only(new));
        let secret = stack.again(instance).await.map_err(failed)?;
        let current = rotation::at_rest(instance, &secret)
            .map_err(|error| failed(OperatorError::Overtaken(error)))?;
        if current != **old {
            let message = format!("version {current} became current in the meantime");
            return Err(failed(OperatorError::Overtaken(message)));
        }
        let taken_off = stack.take_off_pending(self.output, instance, old).await;
        taken_off.map_err(failed)?;
        let promoted = stack.secrets.promote(&instance.arn, new, old, soon());
        promoted.await.map_err(|error| {
            let state = format!("Heroku is unchanged, and {old} or {new} is current");
            self.step("store", error.into(), state)
        })?;
        let message = format!("version {new} is current");
        self.output.step("store", Mark::Done, &message);
        Ok(())
    }

    async fn rotate(&self) -> Result<Outcome, OperatorError> {
        let Self {
            stack,
            output,
            instance,
            ..
        } = self;
        let started = rotation::start(stack, output, instance, rotation::SETTLING).await;
        let state = "The changed document is current, and is not published yet";
        let failed = |error| self.step("rotate", error, state.to_owned());
        let Started {
            version,
            is_taken_up,
        } = started.map_err(failed)?;
        if is_taken_up && self.is_of_another(&version).await.map_err(failed)? {
            let arn = &instance.arn;
            let message = format!(
                "version {version} was under rotation before the change, and does not renew this document. → Take its label off: aws \
                 secretsmanager update-secret-version-stage --secret-id {arn} --version-stage AWSPENDING --remove-from-version-id {version}"
            );
            return Err(failed(OperatorError::Overtaken(message)));
        }
        if self.options.wait {
            let patience = self.options.patience;
            rotation::follow(stack, output, instance, &version, patience, rotation::WORKS).await?;
        }
        Ok(Outcome::Fine)
    }

    /// Whether a version under rotation has a document that is not made from this one. It may have none yet.
    async fn is_of_another(&self, version: &VersionId) -> Result<bool, OperatorError> {
        let (secrets, arn) = (&self.stack.secrets, &self.instance.arn);
        let pending = secrets.document(self.names, arn, version, soon()).await;
        let pending = match pending {
            Err(SecretError::NoValue { .. }) => return Ok(false),
            Err(SecretError::Aws(error)) => return Err(error.into()),
            // The document is changed by now.
            pending => pending.map_err(|error| OperatorError::Unfinished(error.to_string()))?,
        };
        let paths = self.document.unlike(&pending, version);
        let paths = paths.map_err(|error| OperatorError::Unfinished(error.to_string()))?;
        Ok(!paths.is_empty())
    }

    fn step(&self, step: &'static str, error: OperatorError, state: String) -> OperatorError {
        OperatorError::Step {
            step,
            source: Box::new(error),
            state,
            again: self.again(),
        }
    }

    fn again(&self) -> String {
        let document = self.options.document.to_string_lossy();
        let mut words = vec!["change", &self.instance.id, "--document", &document];
        words.extend(self.options.wait.then_some("--wait"));
        self.stack.command(&words, Some(self.options.patience))
    }
}
