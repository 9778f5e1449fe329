//! Events in words: who, by short names, and what. No secret value is in an event.

use jiff::Timestamp;
use stand_in::events::EventKind;

use crate::history::{is_live, revocation};
use crate::recording::Subject;
use crate::verdict::short;

/// Everybody that events can be about.
pub(super) struct Cast<'a> {
    subjects: Vec<&'a Subject>,
    width: usize,
}

/// An event in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// An add-on instance or an app, padded to the width of all of them.
    pub(super) who: String,
    /// What happened.
    pub(super) what: String,
}

impl<'a> Cast<'a> {
    pub(super) fn new(subjects: impl Iterator<Item = &'a Subject>) -> Self {
        let subjects: Vec<_> = subjects.collect();
        let apps = subjects
            .iter()
            .flat_map(|it| it.apps.iter().map(|app| &app.name));
        let names = subjects.iter().map(|it| &it.name).chain(apps);
        let width = names
            .map(|name| name.chars().count())
            .max()
            .unwrap_or_default();
        Self { subjects, width }
    }

    /// The event, if it is worth a line of its own: a step's start is told by what it brings
    /// about. `elapsed` answers the seconds that the view shows for a time.
    pub(super) fn describe(
        &self,
        kind: &EventKind,
        elapsed: impl Fn(Timestamp) -> f64,
    ) -> Option<Line> {
        let (who, what) = match kind.version() {
            Some((secret, version)) => {
                let who = self.subjects.iter().find(|it| it.secret == secret)?;
                (who.name.as_str(), of_version(kind, version)?)
            }
            None => self.of_others(kind, elapsed)?,
        };
        Some(Line {
            who: format!("{who:<width$}", width = self.width),
            what,
        })
    }

    fn of_others<'b>(
        &'b self,
        kind: &'b EventKind,
        elapsed: impl Fn(Timestamp) -> f64,
    ) -> Option<(&'b str, String)> {
        Some(match kind {
            EventKind::ScheduleCreated {
                fires_at, input, ..
            } => {
                let (arn, version) = revocation(input)?;
                let (version, due) = (short(&version), elapsed(*fires_at));
                let what = format!("revocation of {version} scheduled for {due:.0} s");
                (self.of_arn(&arn)?, what)
            }
            EventKind::ScheduleFired { input, .. } => {
                let (arn, version) = revocation(input)?;
                let what = format!("revocation of {} is due", short(&version));
                (self.of_arn(&arn)?, what)
            }
            EventKind::ScheduleDeadLettered { name, message } => (
                "scheduler",
                format!("✗ {name} went to the dead-letter queue: {message}"),
            ),
            EventKind::ConfigChanged { addon, names } => {
                let subject = self.subjects.iter().find(|it| it.addon == *addon)?;
                (
                    subject.name.as_str(),
                    format!("{} published to Heroku", names.join(", ")),
                )
            }
            EventKind::Release { app, version } => (self.app(app)?, format!("release v{version}")),
            EventKind::DynoRestarting { app, dyno } => (self.app(app)?, format!("{dyno} restarts")),
            EventKind::DynoRestarted { app, dyno } => (self.app(app)?, format!("{dyno} is back")),
            EventKind::CredentialIssued {
                service,
                credential,
            } => (
                service.as_str(),
                format!("accepts {} from now on", short(credential)),
            ),
            EventKind::CredentialRevoked {
                service,
                credential,
            } => {
                let imported = self.subjects.iter().any(|it| it.imported == *credential);
                let credential = if imported {
                    credential
                } else {
                    short(credential)
                };
                (
                    service.as_str(),
                    format!("refuses {credential} from now on"),
                )
            }
            _ => return None,
        })
    }

    fn of_arn(&self, arn: &str) -> Option<&str> {
        let subject = self.subjects.iter().find(|it| it.secret_arn == arn)?;
        Some(&subject.name)
    }

    /// Apps of nobody's are not part of the story.
    fn app<'b>(&self, app: &'b str) -> Option<&'b str> {
        let mut apps = self.subjects.iter().flat_map(|it| &it.apps);
        apps.any(|it| it.name == app).then_some(app)
    }
}

/// What Secrets Manager tells of a version.
fn of_version(kind: &EventKind, version: &str) -> Option<String> {
    let id = short(version);
    Some(match kind {
        EventKind::RotationStarted { cause, .. } => {
            let cause = match cause.as_str() {
                "schedule" => "by its schedule",
                "RotateSecret" => "asked for by RotateSecret",
                _ => "once more",
            };
            format!("rotation to {id} begins, {cause}")
        }
        EventKind::StepSucceeded { step, .. } => format!("{step} ✓"),
        EventKind::RotationSucceeded { .. } => format!("{id} is AWSCURRENT ✓"),
        EventKind::RotationFailed { message, .. } => {
            format!("✗ the attempt to rotate to {id} failed: {message}")
        }
        EventKind::LabelRemoved { label, .. } if is_live(label, version) => {
            format!("revocation of {id} complete ✓")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{FIRST, began, sound};

    fn lines() -> Vec<String> {
        let recording = sound();
        let cast = Cast::new(recording.outcomes.iter().map(|it| &it.subject));
        let elapsed = |at: Timestamp| at.duration_since(began()).as_secs_f64();
        let lines = recording
            .events
            .iter()
            .filter_map(|it| cast.describe(&it.kind, elapsed));
        lines
            .map(|line| format!("{}|{}", line.who, line.what))
            .collect()
    }

    #[test]
    fn a_rotation_is_told_by_short_names() {
        let lines = lines();
        for line in [
            "tickets        |rotation to 11111111 begins, by its schedule",
            "tickets        |setSecret ✓",
            "tickets        |ACME_URL published to Heroku",
            "tickets-private|release v4",
            "tickets-private|web.2 is back",
            "tickets        |revocation of 00000000 scheduled for 19 s",
            "tickets        |revocation of 00000000 is due",
            "acme           |refuses imported-tickets from now on",
            "acme           |refuses 11111111 from now on",
            "tickets        |revocation of 11111111 complete ✓",
        ] {
            assert!(
                lines.iter().any(|it| it == line),
                "{line:?} is not in {lines:#?}"
            );
        }
    }

    #[test]
    fn what_belongs_to_nobody_in_the_story_is_left_out() {
        let cast = Cast::new(std::iter::empty());
        let started = EventKind::RotationStarted {
            secret: "another".to_owned(),
            version: FIRST.to_owned(),
            cause: "schedule".to_owned(),
        };
        let release = EventKind::Release {
            app: "another".to_owned(),
            version: 1,
        };
        for kind in [started, release] {
            assert_eq!(cast.describe(&kind, |_| 0.0), None);
        }
    }
}
