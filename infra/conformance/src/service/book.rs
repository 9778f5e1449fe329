//! What was seen: for the rule under way, and for the rules about all answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use addon_rotation::net::{Answer, Unreachable};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use secrecy::SecretString;
use serde_json::Value;

use super::ledger::Ledger;
use super::{Patience, echo};
use crate::contract::{Contract, Operation};
use crate::rules::{Failure, Stop};

/// After so many requests of an operation in a row without an answer, no more are made.
const SILENCE: u32 = 2;

// The names of the rules about all answers.
pub(crate) const IN_TIME: &str = "in-time";
pub(crate) const NO_REDIRECT: &str = "no-redirect";
pub(crate) const BOUNDED: &str = "bounded";
pub(crate) const FORM: &str = "form";
pub(crate) const RETRY_AFTER_SECONDS: &str = "retry-after";
pub(crate) const NO_ECHO: &str = "no-echo";

pub(super) struct Book {
    pub(super) ledger: Ledger,
    /// Values that no answer may hold.
    pub(super) secrets: Vec<SecretString>,
    /// What the rule under way has seen.
    pub(super) trail: Vec<String>,
    pub(super) answers: Answers,
    /// How many requests in a row had no answer.
    silent: BTreeMap<Operation, u32>,
}

/// What is known of all answers so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// How many there were.
    pub(crate) count: usize,
    /// How many of them were 429 or 5xx.
    pub(crate) busy: usize,
    /// The slowest.
    pub(crate) slowest: Option<(Duration, Operation)>,
    /// Where in the contract they are.
    pub(crate) shown: BTreeSet<String>,
    /// What a rule has against one, by the rule's name.
    findings: Vec<(&'static str, Failure)>,
}

impl Answers {
    /// The first thing that a rule has against an answer, and how many there are.
    pub(crate) fn finding(&self, rule: &str) -> Option<(&Failure, usize)> {
        let mut found = self.findings.iter().filter(|(name, _)| *name == rule);
        let (_, first) = found.next()?;
        Some((first, found.count() + 1))
    }
}

impl Book {
    pub(super) fn new(secrets: Vec<SecretString>) -> Self {
        Self {
            ledger: Ledger::default(),
            secrets,
            trail: Vec::new(),
            answers: Answers::default(),
            silent: BTreeMap::new(),
        }
    }

    /// Whether there is no sense in further requests.
    pub(super) fn is_silent(&self, operation: Operation) -> bool {
        self.silent.get(&operation).is_some_and(|it| *it >= SILENCE)
    }

    /// Notes an answer, and what is wrong with it whatever the rule under way is.
    pub(super) fn answered(
        &mut self,
        contract: &Contract,
        operation: Operation,
        id: &str,
        took: Duration,
        answer: &Answer,
    ) -> Result<(), Stop> {
        let status = answer.status.as_u16();
        let at = contract.pointer(operation, status);
        self.silent.remove(&operation);
        self.answers.count += 1;
        self.answers.busy += usize::from(is_busy(answer));
        self.answers.shown.insert(at.clone());
        if self
            .answers
            .slowest
            .is_none_or(|(longest, _)| took > longest)
        {
            self.answers.slowest = Some((took, operation));
        }
        let mut find = |rule, what: &str, change: &str| {
            let failure = Failure {
                seen: format!("the answer {status} to {} {what}", operation.method()),
                change: change.to_owned(),
                at: at.clone(),
            };
            self.answers.findings.push((rule, failure));
        };
        if let Some(place) = echo::place(&self.secrets, answer) {
            find(
                NO_ECHO,
                &format!("holds a secret value of a request in its {place}"),
                "Leave tokens, keys and fields out of every answer: proxies and logs keep answers.",
            );
        }
        let content_type = answer.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok());
        let misfit = contract.misfit(operation, status, content_type, &answer.body);
        if let Some(misfit) = misfit.or_else(|| other_id(operation, id, answer)) {
            find(
                FORM,
                misfit,
                "Answer with the body and the Content-Type that the contract has for this status.",
            );
        }
        if retry_after(answer).is_some_and(|it| it.is_err()) {
            find(
                RETRY_AFTER_SECONDS,
                "has a Retry-After that is not a number of seconds",
                "Give Retry-After in whole seconds, or leave it out: dates are not read.",
            );
        }
        if answer.status.is_redirection() {
            find(
                NO_REDIRECT,
                "is a redirect",
                "Answer at the address itself, or give --url the one that it leads to: redirects are not followed, as one could carry a credential elsewhere.",
            );
            let reason = format!("{} was redirected: see {NO_REDIRECT}", operation.method());
            return Err(Stop::Skipped(reason));
        }
        Ok(())
    }

    /// Notes that no answer came, or none that can be used.
    pub(super) fn no_answer(
        &mut self,
        operation: Operation,
        reason: Unreachable,
        patience: Patience,
    ) -> Stop {
        let method = operation.method();
        let (rule, change) = if reason == Unreachable::TooLarge {
            let change = "Answer with what the contract has: no more than 1 MiB is read.";
            (BOUNDED, change.to_owned())
        } else {
            *self.silent.entry(operation).or_default() += 1;
            let seconds = patience.answer.as_secs();
            let change = format!(
                "Answer every request, whatever is in it, within {seconds} seconds: then the engine gives up."
            );
            (IN_TIME, change)
        };
        let failure = Failure {
            seen: format!("{method}: {reason}"),
            change,
            at: operation.response("default"),
        };
        self.answers.findings.push((rule, failure));
        Stop::Skipped(format!("{method} had no usable answer: see {rule}"))
    }
}

/// Whether the request is to be made again later.
pub(super) fn is_busy(answer: &Answer) -> bool {
    let status = answer.status.as_u16();
    status == 429 || status >= 500
}

/// How long an answer that says "later" asks to wait; an error if it says so in another way than the
/// engine reads.
pub(super) fn retry_after(answer: &Answer) -> Option<Result<Duration, ()>> {
    let value = answer
        .headers
        .get(RETRY_AFTER)
        .filter(|_| is_busy(answer))?;
    let seconds = value.to_str().ok().and_then(|text| text.parse().ok());
    Some(seconds.map(Duration::from_secs).ok_or(()))
}

/// Whether a registration's answer names another credential. An id that is written with an escape
/// is left out: the service may name it as it likes.
fn other_id(operation: Operation, id: &str, answer: &Answer) -> Option<&'static str> {
    let registered = matches!(answer.status.as_u16(), 200 | 201);
    if operation != Operation::Put || !registered || id.contains('%') {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    (body["id"].as_str()? != id).then_some("names another id than the request's")
}
