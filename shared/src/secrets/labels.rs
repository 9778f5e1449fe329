//! What `DescribeSecret` says of a secret: its versions and their labels.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{RotationRulesType, SecretListEntry, Tag};
use aws_smithy_types::DateTime;

use crate::ids::VersionId;

/// A staging label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// `AWSCURRENT`: what readers get.
    Current,
    /// `AWSPENDING`: under rotation.
    Pending,
    /// `AWSPREVIOUS`: the one that was current before.
    Previous,
    /// `CHANGED`: the document that an operator has changed last.
    Changed,
    /// `LIVE-<version id>`: the service may accept this version's credential.
    Live(VersionId),
}

/// What begins the label of a version whose credential the service may accept.
const LIVE: &str = "LIVE-";

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str("AWSCURRENT"),
            Self::Pending => f.write_str("AWSPENDING"),
            Self::Previous => f.write_str("AWSPREVIOUS"),
            Self::Changed => f.write_str("CHANGED"),
            Self::Live(version) => write!(f, "{LIVE}{version}"),
        }
    }
}

/// A rotation takes seconds, and one whose first try failed some minutes. Secrets Manager may go on
/// trying one that takes longer (for how long is open), but somebody should look.
const FAILED_AFTER: Duration = Duration::from_mins(10);

/// [So many labels a secret can have](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
pub(crate) const MOST_LABELS: usize = 20;

/// So long after finishSecret Secrets Manager may need to note that the rotation is complete: an assumption.
const COMPLETION: Duration = Duration::from_mins(1);

/// Whether a secret is under rotation. `AWSPENDING` alone does not tell: it
/// [may stay](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html) on what a
/// finished rotation made, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// To this version, which is not current yet, nor was given up.
    UnderWay(VersionId),
    /// This version was just made current, and Secrets Manager may have yet to note it.
    Completing(VersionId),
    /// No rotation is under way.
    None,
}

impl Rotation {
    /// The version that is not current yet.
    #[must_use]
    pub fn under_way(self) -> Option<VersionId> {
        match self {
            Self::UnderWay(version) => Some(version),
            Self::Completing(_) | Self::None => None,
        }
    }
}

/// A secret as `DescribeSecret` and `ListSecrets` show it: no value.
#[derive(Debug, Clone, Default)]
pub struct Secret {
    /// Its name, which ends in what names the instance.
    pub name: String,
    /// Whether rotation is switched on.
    pub rotation_enabled: bool,
    /// Whether rotation was switched on once, and is off.
    pub rotation_off: bool,
    /// Whether the secret is marked for deletion: it can be restored, but no value be read.
    pub deleted: bool,
    /// The function that rotates it, whether rotation is switched on or not.
    pub rotation_function: Option<String>,
    /// When it is rotated, if that is an expression.
    pub schedule_expression: Option<String>,
    /// When anything about the secret was last changed.
    pub last_changed: Option<SystemTime>,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// When a rotation was last completed.
    pub last_rotated: Option<SystemTime>,
    /// When the next rotation begins at the latest, by the secret's schedule.
    pub next_rotation: Option<SystemTime>,
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Secret {
    /// Whether the secret has this version, with any label.
    #[must_use]
    pub fn has_version(&self, version: &VersionId) -> bool {
        self.labels.contains_key(version.as_str())
    }

    /// Whether a version carries a label.
    #[must_use]
    pub fn carries(&self, version: &VersionId, label: &Label) -> bool {
        self.labels
            .get(version.as_str())
            .is_some_and(|labels| labels.contains(&label.to_string()))
    }

    /// The version that carries `AWSCURRENT`.
    #[must_use]
    pub fn current(&self) -> Option<VersionId> {
        self.labelled(&Label::Current)
    }

    /// The version that carries a label.
    #[must_use]
    pub fn labelled(&self, label: &Label) -> Option<VersionId> {
        let label = label.to_string();
        let (version, _) = self
            .labels
            .iter()
            .find(|(_, labels)| labels.contains(&label))?;
        version.parse().ok()
    }

    /// The versions whose credentials the service may accept, by the labels' names: whoever may store a value can move
    /// any label to it.
    pub fn live(&self) -> impl Iterator<Item = VersionId> {
        let labels = self.labels.values().flatten();
        let live: BTreeSet<VersionId> = labels
            .filter_map(|label| label.strip_prefix(LIVE)?.parse().ok())
            .collect();
        live.into_iter()
    }

    /// Whether a version is [live](Self::live).
    #[must_use]
    pub fn is_live(&self, version: &VersionId) -> bool {
        self.labelled(&Label::Live(version.clone())).is_some()
    }

    /// The versions whose credentials wait for their revocation: neither current nor under rotation.
    pub fn waiting(&self) -> impl Iterator<Item = VersionId> {
        self.live().filter(|version| {
            !self.carries(version, &Label::Current) && !self.carries(version, &Label::Pending)
        })
    }

    /// Whether it is marked for deletion, and credentials of it may be alive. What is deprovisioned has no label, and
    /// its rotation is off.
    #[must_use]
    pub fn is_deleted_alive(&self) -> bool {
        self.deleted && (self.rotation_enabled || self.live().next().is_some())
    }

    /// Whether it is under rotation.
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        let Some(version) = self.labelled(&Label::Pending) else {
            return Rotation::None;
        };
        if !self.carries(&version, &Label::Current) {
            return Rotation::UnderWay(version);
        }
        let is_noted = self.last_rotated >= self.last_changed;
        let changed = self.last_changed.and_then(|it| it.elapsed().ok());
        if !is_noted && changed.is_none_or(|ago| ago < COMPLETION) {
            Rotation::Completing(version)
        } else {
            Rotation::None
        }
    }

    /// Whether nothing has changed for longer than a rotation takes.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        self.last_changed.and_then(|it| it.elapsed().ok()) > Some(FAILED_AFTER)
    }

    /// How many labels there are.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels.values().map(BTreeSet::len).sum()
    }
}

type Versions = HashMap<String, Vec<String>>;

impl Secret {
    fn new(versions: Option<Versions>, tags: Option<Vec<Tag>>) -> Self {
        Self {
            labels: versions
                .unwrap_or_default()
                .into_iter()
                .map(|(version, labels)| (version, labels.into_iter().collect()))
                .collect(),
            tags: tags
                .unwrap_or_default()
                .into_iter()
                .filter_map(|tag| Some((tag.key?, tag.value?)))
                .collect(),
            ..Self::default()
        }
    }
}

impl From<DescribeSecretOutput> for Secret {
    fn from(answer: DescribeSecretOutput) -> Self {
        Self {
            name: answer.name.unwrap_or_default(),
            created: time(answer.created_date),
            last_rotated: time(answer.last_rotated_date),
            next_rotation: time(answer.next_rotation_date),
            rotation_enabled: answer.rotation_enabled == Some(true),
            rotation_off: answer.rotation_enabled == Some(false),
            deleted: answer.deleted_date.is_some(),
            rotation_function: answer.rotation_lambda_arn,
            schedule_expression: answer.rotation_rules.and_then(expression),
            last_changed: time(answer.last_changed_date),
            ..Self::new(answer.version_ids_to_stages, answer.tags)
        }
    }
}

impl From<SecretListEntry> for Secret {
    fn from(entry: SecretListEntry) -> Self {
        Self {
            name: entry.name.unwrap_or_default(),
            created: time(entry.created_date),
            last_rotated: time(entry.last_rotated_date),
            next_rotation: time(entry.next_rotation_date),
            rotation_enabled: entry.rotation_enabled == Some(true),
            rotation_off: entry.rotation_enabled == Some(false),
            deleted: entry.deleted_date.is_some(),
            rotation_function: entry.rotation_lambda_arn,
            schedule_expression: entry.rotation_rules.and_then(expression),
            last_changed: time(entry.last_changed_date),
            ..Self::new(entry.secret_versions_to_stages, entry.tags)
        }
    }
}

fn expression(rules: RotationRulesType) -> Option<String> {
    let days = rules.automatically_after_days;
    rules
        .schedule_expression
        .or_else(|| days.map(|days| format!("rate({days} days)")))
}

fn time(time: Option<DateTime>) -> Option<SystemTime> {
    SystemTime::try_from(time?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_on_the_current_version_is_a_rotation_for_a_moment_only() {
        let version: VersionId = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
        let now = SystemTime::now();
        let ago = |seconds: u64| Some(now - Duration::from_secs(seconds));
        let secret = |labels: &[Label], last_changed, last_rotated| Secret {
            labels: [(
                version.to_string(),
                labels.iter().map(ToString::to_string).collect(),
            )]
            .into(),
            last_changed,
            last_rotated,
            ..Secret::default()
        };
        let both = [Label::Current, Label::Pending];
        for (labels, changed, rotated, expected) in [
            (&both[..1], ago(0), None, Rotation::None),
            (
                &both[1..],
                ago(9999),
                ago(99_999),
                Rotation::UnderWay(version.clone()),
            ),
            (
                &both,
                ago(1),
                ago(99_999),
                Rotation::Completing(version.clone()),
            ),
            (&both, ago(1), None, Rotation::Completing(version.clone())),
            (&both, ago(61), ago(99_999), Rotation::None),
            (&both, ago(2), ago(1), Rotation::None),
        ] {
            assert_eq!(secret(labels, changed, rotated).rotation(), expected);
        }
    }
}
