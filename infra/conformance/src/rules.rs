//! The rules, in the order in which they are judged.

mod identity;
mod registration;
mod revocation;
mod table;
mod throughout;
mod verification;

use std::pin::Pin;

pub(crate) use self::table::RULES;
use super::report::{Finding, Verdict};
use super::service::Service;

/// One thing that must hold.
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: &'static str,
    /// What must hold.
    pub(crate) title: &'static str,
    /// Where the contract says so.
    pub(crate) contract: &'static [&'static str],
    /// The rules without which it cannot be judged.
    pub(crate) needs: &'static [&'static str],
    judge: Judge,
}

type Judge = for<'a> fn(&'a Service) -> Pin<Box<dyn Future<Output = Judged> + 'a>>;

/// What a rule found out; if it holds, what was seen beside the answers' statuses.
type Judged = Result<Option<String>, Stop>;

/// Why a rule's judgement ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The rule does not hold.
    Fails(Failure),
    /// It cannot be judged, and why.
    Skipped(String),
    /// The command is to end.
    Interrupted,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What was seen.
    pub(crate) seen: String,
    /// What to change.
    pub(crate) change: String,
    /// Where the contract says so.
    pub(crate) at: String,
}

/// Judges the service by all rules; `done` is told of each.
pub(crate) async fn judge(service: &Service, mut done: impl FnMut(&Finding)) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in RULES {
        let missing = rule.needs.iter().find_map(|needed| {
            let finding = findings.iter().find(|it| it.rule.name == *needed)?;
            match finding.verdict {
                Verdict::Passed => None,
                Verdict::Failed(_) => Some(format!("it builds upon {needed}, which failed")),
                Verdict::Skipped(_) => Some(format!("it builds upon {needed}, which was skipped")),
            }
        });
        let verdict = match missing {
            Some(reason) if !service.stop.is_cancelled() => Err(Stop::Skipped(reason)),
            _ => (rule.judge)(service).await,
        };
        let trail = service.take_trail();
        let finding = Finding::new(rule, verdict, &trail);
        done(&finding);
        findings.push(finding);
    }
    findings
}
