//! What is alive still, and how to go on.

use addon_rotation::event::VersionId;

use super::Emergency;
use crate::stack::Instance;
use crate::{OperatorError, Outcome};

/// What the command could not end.
#[derive(Default)]
pub(super) struct Alive {
    /// The first thing that went wrong.
    cause: Option<OperatorError>,
    /// What is alive still.
    states: Vec<String>,
    is_rotated: bool,
    /// The current version has the credential that was to end.
    goes_on: bool,
}

impl Alive {
    fn add(&mut self, state: String, error: OperatorError) {
        self.states.push(state);
        self.cause.get_or_insert(error);
    }

    /// The rotation failed: what leaked may be what is current.
    pub(super) fn current(
        &mut self,
        instance: &Instance,
        current: Option<&VersionId>,
        error: OperatorError,
    ) {
        let current = current.map_or_else(|| "none".to_owned(), ToString::to_string);
        self.add(
            format!(
                "The rotation of {} is not complete: the service accepts its current version, {current}, and Heroku may \
                 show it. If that one leaked, it works",
                instance.id
            ),
            error,
        );
    }

    pub(super) fn unseen(&mut self, instance: &Instance, error: OperatorError) {
        self.is_rotated = true;
        self.add(
            format!(
                "The new credential of {} is current. Which older ones the service accepts is unknown",
                instance.id
            ),
            error,
        );
    }

    pub(super) fn heir(&mut self, instance: &Instance, version: &VersionId, heir: &str) {
        self.goes_on = true;
        let error = format!(
            "Version {heir} of {}, which is current or under rotation, has the credential of version {version}. → Rotate",
            instance.id
        );
        self.add(
            format!(
                "The service accepts the credential of version {version}, and Heroku may show it"
            ),
            OperatorError::Unfinished(error),
        );
    }

    pub(super) fn version(&mut self, version: &VersionId, until: &str, error: OperatorError) {
        self.is_rotated |= self.cause.is_none();
        self.add(
            format!("The service may accept version {version}{until}"),
            error,
        );
    }

    /// What is alive still, and the command that goes on.
    pub(super) fn told(self, emergency: &Emergency<'_>) -> Result<Outcome, OperatorError> {
        let Some(cause) = self.cause else {
            return Ok(Outcome::Fine);
        };
        let is_rotated = !self.goes_on && (self.is_rotated || emergency.options.rotated);
        let after = emergency.options.revoke_after;
        let after = after.map(|after| format!("{}s", after.as_secs()));
        let mut words = vec!["emergency", &emergency.instance.id];
        words.extend(is_rotated.then_some("--rotated"));
        match &after {
            Some(after) => words.extend(["--revoke-after", after]),
            None => words.push("--accept-downtime"),
        }
        words.extend(emergency.options.wait.then_some("--wait"));
        Err(OperatorError::Step {
            step: if is_rotated { "revoke" } else { "rotate" },
            source: Box::new(cause),
            state: self.states.join(". "),
            again: emergency
                .stack
                .command(&words, Some(emergency.options.patience)),
        })
    }
}
