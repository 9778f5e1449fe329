//! The rules, the cleaning up and the report, against services that are right or wrong in one thing.

mod contract;
mod options;
mod service;
mod stopping;
mod wrong;

use std::io::Write as _;
use std::time::Duration;

use credential_service::{CredentialService, CredentialServiceOptions};
use stand_in::events::EventLog;
use tempfile::NamedTempFile;

use super::report::Verdict;
use super::*;
use service::TOKEN;

/// No answer is slower unless none comes.
const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(15),
    retry: Duration::from_millis(1),
};

/// A file with a token.
fn token_file(token: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "{token}").unwrap();
    file
}

fn arguments(url: &str, token: &NamedTempFile) -> Options {
    Options {
        url: url.to_owned(),
        token_file: token.path().to_owned(),
        fields: vec!["api_key".to_owned()],
        authorization: None,
        ca_bundle: None,
    }
}

fn settings(url: &str) -> Settings {
    Settings::read(&arguments(url, &token_file(TOKEN))).unwrap()
}

async fn report(url: &str, patience: Patience) -> Report {
    let signals = Signals::default();
    let settings = settings(url);
    examine(settings, patience, &signals, |_| {}).await.unwrap()
}

/// The names of the rules of which this became.
fn names(report: &Report, is: fn(&Verdict) -> bool) -> Vec<&'static str> {
    let found = report.findings.iter().filter(|it| is(&it.verdict));
    found.map(|it| it.rule.name).collect()
}

fn failed(report: &Report) -> Vec<&'static str> {
    names(report, |it| matches!(it, Verdict::Failed(_)))
}

fn skipped(report: &Report) -> Vec<&'static str> {
    names(report, |it| matches!(it, Verdict::Skipped(_)))
}

/// The local cloud's own service, which has the contract's reputation to lose.
async fn credential_service() -> CredentialService {
    let options = CredentialServiceOptions {
        name: "acme".to_owned(),
        administrator_token: TOKEN.to_owned(),
    };
    CredentialService::start(options, EventLog::default())
        .await
        .unwrap()
}
