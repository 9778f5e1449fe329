//! No secret value that ever existed is in anything that was written: logs of all processes, the
//! functions' logs, events, schedules, requests' paths, processes' arguments.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;

use crate::support::check;
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("leaks::no_secret_value_is_written_anywhere", no_leaks);
}

async fn no_leaks(cloud: Arc<Cloud>) -> TestResult {
    let secrets = secrets(&cloud);
    check(secrets.len() >= 3, || {
        "no secret values are known".to_owned()
    })?;
    let sources = sources(&cloud).await?;
    for expected in [
        "the functions' logs",
        "ministack.log",
        "the events",
        "the processes' arguments",
    ] {
        let written = sources
            .iter()
            .any(|(name, text)| name.ends_with(expected) && !text.is_empty());
        check(written, || {
            format!("{expected} are empty: nothing was searched")
        })?;
    }
    let search = AhoCorasick::new(&secrets)?;
    for (name, text) in &sources {
        let leaked = search.find_iter(text).count();
        check(leaked == 0, || {
            format!("{leaked} secret values are in {name}")
        })?;
    }
    Ok(())
}

/// Every secret value that existed: what is stored, and each text within it.
fn secrets(cloud: &Cloud) -> BTreeSet<String> {
    let stored = cloud.gateway.secrets_manager().sensitive_texts();
    let fields: BTreeSet<&str> = BTreeSet::from([
        "password",
        "api_key",
        "token",
        "refresh_token",
        "client_secret",
    ]);
    let mut secrets = BTreeSet::new();
    for text in stored {
        match serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&text) {
            Ok(document) => secrets.extend(
                document
                    .iter()
                    .filter(|(name, _)| fields.contains(name.as_str()))
                    .filter_map(|(_, value)| Some(value.as_str()?.to_owned())),
            ),
            Err(_) => {
                secrets.insert(text);
            }
        }
    }
    secrets.extend(cloud.heroku.secret_values());
    secrets.extend(cloud.credential_service.secret_values());
    // Shorter texts are no secrets, and stand in logs by chance.
    secrets.retain(|secret| secret.len() >= 12);
    secrets
}

async fn sources(cloud: &Cloud) -> Result<Vec<(String, String)>, Failed> {
    let mut sources = vec![
        (
            "the functions' logs".to_owned(),
            cloud.root.all_log_events().await?.join("\n"),
        ),
        (
            "the events".to_owned(),
            serde_json::to_string(&cloud.events.since(0))?,
        ),
        (
            "the schedules".to_owned(),
            format!("{:?}", cloud.gateway.scheduler().schedules()),
        ),
        (
            "Heroku's requests".to_owned(),
            format!("{:?}", cloud.heroku.requests()),
        ),
        (
            "the service's requests".to_owned(),
            format!("{:?}", cloud.credential_service.requests()),
        ),
        ("the processes' arguments".to_owned(), arguments()?),
    ];
    // Servers of an instance's own have a directory each.
    let mut directories = vec![cloud.logs().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.is_file() {
                sources.push((
                    name(&path),
                    String::from_utf8_lossy(&std::fs::read(&path)?).into_owned(),
                ));
            }
        }
    }
    Ok(sources)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The command lines of all processes of this machine that can be read.
fn arguments() -> Result<String, Failed> {
    let mut all = String::new();
    for entry in std::fs::read_dir("/proc")? {
        if let Ok(line) = std::fs::read(entry?.path().join("cmdline")) {
            all += &String::from_utf8_lossy(&line);
            all.push('\n');
        }
    }
    Ok(all)
}
