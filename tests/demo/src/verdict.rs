//! Judges a recording: did every rotation do what it should, and nothing else?

use std::time::Duration;

use local_cloud::customers::Tally;

use super::history::Instance;
use super::recording::Recording;

#[cfg(test)]
mod tests;

/// What must hold, and whether it did.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// In the order in which they are told.
    pub(crate) checks: Vec<Check>,
}

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// What must hold.
    pub(crate) rule: &'static str,
    /// If it holds, the figures behind it.
    pub(crate) figures: String,
    /// Where it does not, a line for each place; empty if it holds.
    pub(crate) violations: Vec<String>,
}

impl Verdict {
    /// Judges.
    pub(crate) fn of(recording: &Recording) -> Self {
        let instances = recording.instances();
        let checks = vec![
            came_to_its_end(recording),
            rotations_succeeded(&instances),
            no_login_refused(&instances),
            no_login_failed(&instances),
            every_app_logged_in(&instances),
            one_release_per_rotation(&instances, recording),
            grace_periods_kept(&instances, recording.grace_period),
            old_credentials_refused(&instances),
            one_live_credential(&instances),
        ];
        Self { checks }
    }

    /// Whether everything holds.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    /// The checks, a line each, with a further line for each violation.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for check in &self.checks {
            if check.holds() {
                lines.push(format!("  ✓ {}: {}", check.rule, check.figures));
            } else {
                lines.push(format!("  ✗ {}", check.rule));
                lines.extend(check.violations.iter().map(|it| format!("      {it}")));
            }
        }
        lines
    }
}

impl Check {
    /// Whether it holds.
    pub(crate) fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}

impl Instance<'_> {
    fn name(&self) -> &str {
        &self.outcome.subject.name
    }
}

fn came_to_its_end(recording: &Recording) -> Check {
    let took = recording.ended.duration_since(recording.began).as_secs();
    let mut violations: Vec<_> = recording.unfinished.iter().cloned().collect();
    if recording.outcomes.is_empty() {
        violations.push("no add-on was enrolled".to_owned());
    }
    Check {
        rule: "the story came to its end",
        figures: format!("after {took} s of logins"),
        violations,
    }
}

fn rotations_succeeded(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut succeeded = 0;
    for it in instances {
        let (asked, done) = (it.outcome.rotations, it.history.succeeded());
        succeeded += done;
        if asked != done {
            violations.push(format!(
                "{}: {done} of {asked} rotations succeeded",
                it.name()
            ));
        }
        for rotation in it.history.rotations.iter().filter(|it| it.failures > 0) {
            let (name, failures) = (it.name(), rotation.failures);
            let version = short(&rotation.version);
            violations.push(format!(
                "{name}: the rotation to {version} failed {failures} times"
            ));
        }
    }
    Check {
        rule: "every rotation succeeded",
        figures: succeeded.to_string(),
        violations,
    }
}

fn no_login_refused(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut accepted = 0;
    for (app, tally) in logins(instances) {
        accepted += tally.accepted;
        if refused(tally) > 0 {
            let first = tally
                .first_refusal
                .as_deref()
                .unwrap_or("overtaken by a restart");
            violations.push(format!("{app}: {} refused, first {first}", refused(tally)));
        }
    }
    Check {
        rule: "no login was refused",
        figures: format!("{} accepted, 0 refused", thousands(accepted)),
        violations,
    }
}

fn no_login_failed(instances: &[Instance<'_>]) -> Check {
    let violations = logins(instances)
        .filter(|(_, tally)| tally.errors + tally.missing > 0)
        .map(|(app, tally)| {
            let first = tally
                .first_error
                .as_deref()
                .unwrap_or("without a config var");
            format!(
                "{app}: {} failed, first {first}",
                tally.errors + tally.missing
            )
        })
        .collect();
    Check {
        rule: "no login failed for another reason",
        figures: "no service down, no config var missing".to_owned(),
        violations,
    }
}

fn every_app_logged_in(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut apps = 0;
    for it in instances {
        for app in &it.outcome.subject.apps {
            apps += 1;
            let tally = it.outcome.logins.get(&app.name);
            let newest = it.outcome.newest_releases.get(&app.name);
            let with_newest = newest
                .zip(tally)
                .and_then(|(newest, tally)| tally.generations.get(newest))
                .map_or(0, |generation| generation.accepted);
            if tally.is_none_or(|tally| tally.accepted == 0) {
                violations.push(format!("{}: never logged in", app.name));
            } else if with_newest == 0 {
                violations.push(format!(
                    "{}: never logged in with its newest release",
                    app.name
                ));
            }
        }
    }
    Check {
        rule: "every app logged in, with its newest release too",
        figures: format!("{apps} apps"),
        violations,
    }
}

fn one_release_per_rotation(instances: &[Instance<'_>], recording: &Recording) -> Check {
    let mut violations = Vec::new();
    let mut total = 0;
    for it in instances {
        let expected = it.outcome.rotations;
        for app in &it.history.apps {
            let releases = app.releases_since(recording.began);
            total += releases;
            if releases != expected {
                violations.push(format!(
                    "{}: {releases} releases for {expected} rotations of {}",
                    app.name,
                    it.name()
                ));
            }
        }
    }
    Check {
        rule: "one release per rotation and app",
        figures: format!("{total} releases"),
        violations,
    }
}

fn grace_periods_kept(instances: &[Instance<'_>], grace_period: Duration) -> Check {
    let mut violations = Vec::new();
    let mut kept = 0;
    for it in instances {
        for credential in it.history.old_credentials() {
            let (name, version) = (it.name(), short(&credential.version));
            match (credential.scheduled, credential.revoked) {
                (None, _) => {
                    violations.push(format!("{name}: no revocation of {version} was scheduled"));
                }
                (Some((_, due)), Some(revoked)) if revoked < due => {
                    violations.push(format!(
                        "{name}: {version} ended before its grace period did"
                    ));
                }
                _ => kept += 1,
            }
        }
    }
    Check {
        rule: "no credential ended before its time",
        figures: format!("{kept} grace periods of {} s", grace_period.as_secs()),
        violations,
    }
}

fn old_credentials_refused(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut refused = 0;
    for it in instances {
        for credential in it.history.old_credentials() {
            let (name, version) = (it.name(), short(&credential.version));
            let tried = it.outcome.tried_again.get(&credential.version);
            if credential.closed.is_none() {
                violations.push(format!(
                    "{name}: the revocation of {version} was not completed"
                ));
            }
            match tried {
                None => violations.push(format!("{name}: {version} was not tried after its end")),
                Some(tally) if tally.accepted > 0 => {
                    violations.push(format!("{name}: {version} is accepted after its end"));
                }
                Some(tally) if !is_ended(tally) => {
                    let error = tally
                        .first_error
                        .as_deref()
                        .unwrap_or("no login came to an end");
                    violations.push(format!(
                        "{name}: {version} is not shown to be refused: {error}"
                    ));
                }
                Some(_) => refused += 1,
            }
        }
    }
    Check {
        rule: "every old credential is refused",
        figures: format!("{refused}, each tried again after its end"),
        violations,
    }
}

fn one_live_credential(instances: &[Instance<'_>]) -> Check {
    let violations = instances
        .iter()
        .filter_map(|it| {
            let name = it.name();
            let live = &it.outcome.live;
            match &it.outcome.expected {
                None => Some(format!(
                    "{name}: which credential is current could not be found out"
                )),
                Some(expected) if live.as_slice() == std::slice::from_ref(expected) => None,
                Some(expected) => Some(format!(
                    "{name}: the service accepts [{}] instead of {} alone",
                    live.iter()
                        .map(|it| short(it))
                        .collect::<Vec<_>>()
                        .join(", "),
                    short(expected)
                )),
            }
        })
        .collect();
    Check {
        rule: "one live credential per add-on, the current one",
        figures: format!("{} add-ons", instances.len()),
        violations,
    }
}

fn logins<'a>(instances: &'a [Instance<'_>]) -> impl Iterator<Item = (&'a str, &'a Tally)> {
    instances.iter().flat_map(|it| {
        it.outcome
            .logins
            .iter()
            .map(|(app, tally)| (app.as_str(), tally))
    })
}

/// With a sound grace period, even a refusal that a restart overtook does not happen.
fn refused(tally: &Tally) -> u64 {
    tally.refused + tally.overtaken
}

fn is_ended(tally: &Tally) -> bool {
    tally.refused > 0 && tally.accepted == 0
}

/// `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Enough of an id to know it by.
pub(crate) fn short(id: &str) -> &str {
    id.split_at_checked(8).map_or(id, |(head, _)| head)
}
