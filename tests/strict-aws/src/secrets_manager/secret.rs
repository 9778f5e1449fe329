//! One secret: its versions and their staging labels. Pure; the rules that rotation hangs on.
//!
//! See "Secret versions" in the Secrets Manager User Guide, and the API reference of
//! `PutSecretValue` and `UpdateSecretVersionStage`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::ServiceError;
use super::request::MAX_LABELS;
use super::rules::RotationRules;

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PENDING: &str = "AWSPENDING";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// Beyond this many versions the unlabelled ones go, once they are a day old.
const KEPT_VERSIONS: usize = 100;
const KEPT_AT_LEAST: SignedDuration = SignedDuration::from_hours(24);

/// A secret value, a text. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SecretValue(pub(super) String);

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret value]")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) id: String,
    /// `None` for the placeholder of a rotation that has not stored a value yet.
    pub(super) value: Option<SecretValue>,
    pub(super) labels: BTreeSet<String>,
    pub(super) created: Timestamp,
}

/// A rotation that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingRotation {
    pub(super) version_id: String,
    /// Tells this run of attempts from those before it.
    pub(super) run: u64,
    /// What the function of the present attempt may prove itself by; never printed.
    pub(super) token: Option<RotationToken>,
    pub(super) running: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct RotationToken(pub(super) String);

impl fmt::Debug for RotationToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[rotation token]")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rotation {
    pub(super) enabled: bool,
    pub(super) lambda_arn: Option<String>,
    pub(super) rules: Option<RotationRules>,
    pub(super) last: Option<Timestamp>,
    pub(super) next: Option<Timestamp>,
    pub(super) pending: Option<PendingRotation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) created: Timestamp,
    pub(super) last_changed: Timestamp,
    pub(super) last_accessed: Option<Timestamp>,
    /// When it is to be deleted for good.
    pub(super) deleted: Option<Timestamp>,
    /// So many calls still find it, deleted by force as it is.
    pub(super) lingers: Option<u32>,
    pub(super) rotation: Rotation,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
}

impl Secret {
    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    pub(super) fn version_mut(&mut self, id: &str) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.id == id)
    }

    pub(super) fn labelled(&self, label: &str) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| version.labels.contains(label))
    }

    pub(super) fn has_label(&self, id: &str, label: &str) -> bool {
        self.version(id)
            .is_some_and(|version| version.labels.contains(label))
    }

    /// Each label in use and the version that has it.
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        self.versions
            .iter()
            .flat_map(|version| {
                version
                    .labels
                    .iter()
                    .map(|label| (label.clone(), version.id.clone()))
            })
            .collect()
    }

    /// Refuses a secret that is marked for deletion.
    pub(super) fn check_not_deleted(&self) -> Result<(), ServiceError> {
        match self.deleted {
            Some(_) => Err(ServiceError::marked_for_deletion()),
            None => Ok(()),
        }
    }

    /// The version of a rotation that is not complete: AWSPENDING, and not AWSCURRENT.
    pub(super) fn incomplete(&self) -> Option<&Version> {
        self.labelled(PENDING)
            .filter(|version| !version.labels.contains(CURRENT))
    }

    /// Stores a value as the version of this id and moves the labels to it. The same value again
    /// is ignored, labels and all.
    pub(super) fn put(
        &mut self,
        id: &str,
        value: SecretValue,
        labels: &[String],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        if let Some(stored) = self.version(id).and_then(|version| version.value.as_ref()) {
            return if *stored == value {
                Ok(())
            } else {
                Err(ServiceError::token_in_use(id, &self.arn))
            };
        }
        let mut changed = self.clone();
        match changed.version_mut(id) {
            Some(placeholder) => placeholder.value = Some(value),
            None => changed.versions.push(Version {
                id: id.to_owned(),
                value: Some(value),
                labels: BTreeSet::new(),
                created: now,
            }),
        }
        // AWSCURRENT first: it moves AWSPREVIOUS, which the caller may then have named as well.
        let (current, others): (Vec<&String>, Vec<&String>) =
            labels.iter().partition(|label| *label == CURRENT);
        if !current.is_empty() || changed.labelled(CURRENT).is_none() {
            // Recorded (`LocalStack`, `test_update_secret_version_stages_current_pending`): what was both AWSCURRENT and AWSPENDING is AWSPREVIOUS alone.
            if changed
                .labelled(CURRENT)
                .is_some_and(|it| it.labels.contains(PENDING))
            {
                changed.detach(PENDING);
            }
            changed.attach(CURRENT, id);
        }
        for label in others {
            changed.attach(label, id);
        }
        changed.check_labels()?;
        changed.last_changed = now;
        changed.forget_outdated(now);
        *self = changed;
        Ok(())
    }

    /// Moves, attaches or removes one label, as `UpdateSecretVersionStage` does.
    pub(super) fn move_label(
        &mut self,
        label: &str,
        remove_from: Option<&str>,
        move_to: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        for id in [remove_from, move_to].into_iter().flatten() {
            if self.version(id).is_none() {
                return Err(ServiceError::no_value_for_version(id));
            }
        }
        let holder = self.labelled(label).map(|version| version.id.clone());
        if let Some(id) = remove_from
            && holder.as_deref() != Some(id)
        {
            return Err(ServiceError::invalid_parameter(format!(
                "Staging label {label} isn't currently attached to version {id}."
            )));
        }
        let Some(target) = move_to else {
            return self.remove_label(label, remove_from, now);
        };
        if let (Some(holder), None) = (&holder, remove_from)
            && holder != target
        {
            return Err(ServiceError::invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {label} is \
                 currently attached to version {holder}, so you must explicitly reference that \
                 version in RemoveFromVersionId."
            )));
        }
        let mut changed = self.clone();
        changed.attach(label, target);
        changed.check_labels()?;
        changed.last_changed = now;
        *self = changed;
        Ok(())
    }

    fn remove_label(
        &mut self,
        label: &str,
        from: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let Some(id) = from else {
            return Err(ServiceError::invalid_parameter(
                "You must specify MoveToVersionId, RemoveFromVersionId, or both.",
            ));
        };
        if label == CURRENT {
            return Err(ServiceError::invalid_parameter(format!(
                "You can't remove staging label {CURRENT} from version {id} without moving it to \
                 another version: specify MoveToVersionId."
            )));
        }
        self.detach(label);
        self.last_changed = now;
        Ok(())
    }

    /// Adds the version that a rotation is to fill: AWSPENDING and no value.
    pub(super) fn add_placeholder(&mut self, id: &str, now: Timestamp) {
        self.versions.push(Version {
            id: id.to_owned(),
            value: None,
            labels: BTreeSet::new(),
            created: now,
        });
        self.attach(PENDING, id);
    }

    /// Takes a label off whatever version has it.
    pub(super) fn detach(&mut self, label: &str) {
        for version in &mut self.versions {
            version.labels.remove(label);
        }
    }

    /// Puts a label on a version and takes it off any other. AWSPREVIOUS follows AWSCURRENT.
    fn attach(&mut self, label: &str, id: &str) {
        let holder = self.labelled(label).map(|version| version.id.clone());
        if holder.as_deref() == Some(id) {
            return;
        }
        self.detach(label);
        if let Some(version) = self.version_mut(id) {
            version.labels.insert(label.to_owned());
        }
        if let Some(old) = holder
            && label == CURRENT
        {
            self.attach(PREVIOUS, &old);
        }
    }

    fn check_labels(&self) -> Result<(), ServiceError> {
        let labels = self.labels();
        if labels.len() > MAX_LABELS {
            return Err(ServiceError::limit_exceeded(format!(
                "You can't have more than {MAX_LABELS} staging labels in use for a secret."
            )));
        }
        if labels.contains_key(PREVIOUS) && labels.get(CURRENT) == labels.get(PREVIOUS) {
            return Err(ServiceError::invalid_parameter(format!(
                "You can't attach staging label {PREVIOUS} to the version that has {CURRENT}."
            )));
        }
        Ok(())
    }

    fn forget_outdated(&mut self, now: Timestamp) {
        let mut excess = self.versions.len().saturating_sub(KEPT_VERSIONS);
        self.versions.retain(|version| {
            let outdated =
                version.labels.is_empty() && now.duration_since(version.created) >= KEPT_AT_LEAST;
            let forget = excess > 0 && outdated;
            excess -= usize::from(forget);
            !forget
        });
    }
}
