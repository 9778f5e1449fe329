//! Judges a recording: did every rotation do what it should, and nothing else?

use std::time::Duration;

use indicatif::HumanCount;

use super::history::Instance;
use super::recording::Recording;

#[cfg(test)]
mod tests;

/// What must hold, in the order in which it is told, and whether it did.
#[derive(Clone, Debug)]
pub(crate) struct Verdict(pub(crate) Vec<Check>);

#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) rule: &'static str,
    figures: String,
    pub(crate) violations: Vec<String>,
}

impl Verdict {
    pub(crate) fn of(recording: &Recording) -> Self {
        let instances = recording.instances();
        let mut checks = vec![came_to_its_end(recording), rotations_succeeded(&instances)];
        checks.extend(logins_accepted(&instances));
        checks.push(every_app_logged_in(&instances));
        checks.push(one_release_per_rotation(&instances, recording));
        checks.extend(old_credentials_ended(&instances, recording.grace_period));
        checks.push(one_live_credential(&instances));
        Self(checks)
    }

    pub(crate) fn passed(&self) -> bool {
        self.0.iter().all(|check| check.violations.is_empty())
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for check in &self.0 {
            if check.violations.is_empty() {
                lines.push(format!("  ✓ {}: {}", check.rule, check.figures));
            } else {
                lines.push(format!("  ✗ {}", check.rule));
                lines.extend(check.violations.iter().map(|it| format!("      {it}")));
            }
        }
        lines
    }
}

fn check(rule: &'static str, violations: Vec<String>, figures: String) -> Check {
    Check {
        rule,
        figures,
        violations,
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
    let figures = format!("after {took} s of logins");
    check("the story came to its end", violations, figures)
}

fn rotations_succeeded(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut succeeded = 0;
    for it in instances {
        let (name, asked, done) = (it.name(), it.outcome.rotations, it.history.succeeded());
        succeeded += done;
        if asked != done {
            violations.push(format!("{name}: {done} of {asked} rotations succeeded"));
        }
        for rotation in it.history.rotations.iter().filter(|it| it.failures > 0) {
            let (version, failures) = (short(&rotation.version), rotation.failures);
            violations.push(format!(
                "{name}: the rotation to {version} failed {failures} times"
            ));
        }
    }
    check(
        "every rotation succeeded",
        violations,
        succeeded.to_string(),
    )
}

/// No login was refused, and none failed for another reason.
fn logins_accepted(instances: &[Instance<'_>]) -> [Check; 2] {
    let (mut refusals, mut failures, mut accepted) = (Vec::new(), Vec::new(), 0);
    for (app, tally) in instances.iter().flat_map(|it| &it.outcome.logins) {
        accepted += tally.accepted;
        // With a sound grace period, even a refusal that a restart overtook does not happen.
        let refused = tally.refused + tally.overtaken;
        let failed = tally.errors + tally.missing;
        if refused > 0 {
            let first = tally.first_refusal.as_deref();
            let first = first.unwrap_or("overtaken by a restart");
            refusals.push(format!("{app}: {refused} refused, first {first}"));
        }
        if failed > 0 {
            let first = tally.first_error.as_deref();
            let first = first.unwrap_or("without a config var");
            failures.push(format!("{app}: {failed} failed, first {first}"));
        }
    }
    let figures = format!("{} accepted, 0 refused", thousands(accepted));
    let others = "no service down, no config var missing".to_owned();
    [
        check("no login was refused", refusals, figures),
        check("no login failed for another reason", failures, others),
    ]
}

fn every_app_logged_in(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    let mut apps = 0;
    for it in instances {
        for app in &it.outcome.subject.apps {
            apps += 1;
            let tally = it.outcome.logins.get(&app.name);
            let newest = it.outcome.newest_releases.get(&app.name).zip(tally);
            let newest = newest.and_then(|(newest, tally)| tally.generations.get(newest));
            if tally.is_none_or(|tally| tally.accepted == 0) {
                violations.push(format!("{}: never logged in", app.name));
            } else if newest.is_none_or(|generation| generation.accepted == 0) {
                violations.push(format!(
                    "{}: never logged in with its newest release",
                    app.name
                ));
            }
        }
    }
    check(
        "every app logged in, with its newest release too",
        violations,
        format!("{apps} apps"),
    )
}

fn one_release_per_rotation(instances: &[Instance<'_>], recording: &Recording) -> Check {
    let mut violations = Vec::new();
    let mut total = 0;
    for it in instances {
        let (name, expected) = (it.name(), it.outcome.rotations);
        for (history, app) in it.history.apps.iter().zip(&it.outcome.subject.apps) {
            let releases = history.releases_since(recording.began);
            total += releases;
            if releases != expected {
                violations.push(format!(
                    "{}: {releases} releases for {expected} rotations of {name}",
                    app.name
                ));
            }
        }
    }
    let figures = format!("{total} releases");
    check("one release per rotation and app", violations, figures)
}

/// No credential ended before its time, and every old one is refused.
fn old_credentials_ended(instances: &[Instance<'_>], grace_period: Duration) -> [Check; 2] {
    let (mut early, mut alive, mut kept, mut refused) = (Vec::new(), Vec::new(), 0, 0);
    for it in instances {
        for credential in it.history.old_credentials() {
            let old = format!("{}: {}", it.name(), short(&credential.version));
            match (credential.due, credential.revoked) {
                (None, _) => early.push(format!("{old}: no revocation was scheduled")),
                (Some(due), Some(revoked)) if revoked < due => {
                    early.push(format!("{old} ended before its grace period did"));
                }
                _ => kept += 1,
            }
            if credential.closed.is_none() {
                alive.push(format!("{old}: its revocation was not completed"));
            }
            match it.outcome.tried_again.get(&credential.version) {
                None => alive.push(format!("{old} was not tried after its end")),
                Some(tally) if tally.accepted > 0 => {
                    alive.push(format!("{old} is accepted after its end"));
                }
                Some(tally) if tally.refused == 0 => {
                    let error = tally.first_error.as_deref();
                    let error = error.unwrap_or("no login came to an end");
                    alive.push(format!("{old} is not shown to be refused: {error}"));
                }
                Some(_) => refused += 1,
            }
        }
    }
    let grace = format!("{kept} grace periods of {} s", grace_period.as_secs());
    let ended = format!("{refused}, each tried again after its end");
    [
        check("no credential ended before its time", early, grace),
        check("every old credential is refused", alive, ended),
    ]
}

fn one_live_credential(instances: &[Instance<'_>]) -> Check {
    let mut violations = Vec::new();
    for it in instances {
        let (name, live) = (it.name(), &it.outcome.live);
        let Some(expected) = &it.outcome.expected else {
            violations.push(format!(
                "{name}: which credential is current could not be found out"
            ));
            continue;
        };
        if *live != [expected.as_str()] {
            let live: Vec<_> = live.iter().map(|it| short(it)).collect();
            violations.push(format!(
                "{name}: the service accepts [{}] instead of {} alone",
                live.join(", "),
                short(expected)
            ));
        }
    }
    check(
        "one live credential per add-on, the current one",
        violations,
        format!("{} add-ons", instances.len()),
    )
}

pub(crate) fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Enough of an id to know it by.
pub(crate) fn short(id: &str) -> &str {
    id.split_at_checked(8).map_or(id, |(head, _)| head)
}
