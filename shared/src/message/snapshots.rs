//! Every error of the library, as its caller reads it: a file for each kind.

mod calls;
mod documents;
mod steps;

use std::collections::BTreeSet;
use std::fmt::{Debug, Display, Write as _};
use std::fs;
use std::path::Path;

use super::with_retry;
use crate::aws::AwsError;
use crate::ids::{SecretArn, VersionId};
use crate::service::{CallError, Cause, Kind, ServiceError};

/// A snapshot under way: cases with what they say.
#[derive(Default)]
struct Snapshot(String);

impl Snapshot {
    /// An error with what a function adds: whether a retry helps.
    fn error(&mut self, case: &str, error: impl Into<crate::Error>) {
        self.text(case, &with_retry(&error.into()));
    }

    /// Errors of a kind, each by the name of its variant.
    fn errors<E: Debug + Into<crate::Error>>(&mut self, kind: &str, errors: Vec<E>) {
        for error in errors {
            let variant = format!("{error:?}");
            let mut words = variant.split(|it: char| !it.is_alphanumeric());
            let case = format!("{kind}::{}", words.next().unwrap());
            self.error(&case, error);
        }
    }

    fn text(&mut self, case: &str, text: &dyn Display) {
        writeln!(self.0, "{case}\n    {text}\n").unwrap();
    }
}

fn secret() -> SecretArn {
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/credentials/acme-1-AbCdEf"
        .parse()
        .unwrap()
}

fn masters() -> SecretArn {
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/db7-AbCdEf"
        .parse()
        .unwrap()
}

fn version() -> VersionId {
    "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap()
}

fn addon() -> String {
    "01234567-89ab-cdef-0123-456789abcdef".to_owned()
}

fn aws_error(operation: &'static str, code: &str, message: &str) -> AwsError {
    AwsError::new(operation, secret(), code, message, false)
}

fn denied() -> AwsError {
    aws_error(
        "secretsmanager:GetSecretValue",
        "AccessDeniedException",
        "User: arn:aws:sts::123456789012:assumed-role/acme is not authorized to perform: secretsmanager:GetSecretValue",
    )
}

/// A call to the service that failed, as the engines make it.
fn call(kind: Kind, cause: Cause, remedy: &'static str) -> ServiceError {
    let service = "postgres://db7.acme.example:5432/postgres";
    let error = CallError::new(service, "Creating a role", kind, cause, remedy);
    ServiceError::from(error).with_administrator(&masters())
}

fn answer() -> Cause {
    Cause::Answer {
        code: "28P01".to_owned(),
        words: "password authentication failed for user \"acme_admin\"".to_owned(),
    }
}

/// An error that is added is added here: each that has a text is in a snapshot, by its name.
#[test]
fn none_is_missing() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/messages");
    let read =
        |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.unwrap().path()).unwrap();
    let said: String = fs::read_dir(snapshots).unwrap().map(read).collect();
    let mut missing = BTreeSet::new();
    for file in files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        for part in text
            .split("#[error(")
            .skip(1)
            .filter(|part| !part.starts_with("transparent"))
        {
            let after = part.split_once(")]\n").unwrap().1;
            let mut words = after
                .lines()
                .map(str::trim)
                .skip_while(|line| line.starts_with("#[") || line.starts_with("//"))
                .flat_map(|line| line.split(|it: char| !it.is_alphanumeric()))
                .filter(|word| {
                    !word.is_empty() && !["pub", "super", "crate", "struct", "enum"].contains(word)
                });
            let name = words.next().unwrap();
            if !said.lines().any(|line| {
                line.split(|it: char| !it.is_alphanumeric())
                    .any(|it| it == name)
            }) {
                missing.insert(format!("{name} ({})", file.display()));
            }
        }
    }
    // No caller reads these as they are.
    missing.retain(|it| {
        ![
            "PrivateAddress",
            "Unresolved",
            "NetError",
            "Read",
            "Empty",
            "Certificate",
            "Clear",
            "Md5",
            "Nothing",
            "Unknown",
        ]
        .iter()
        .any(|name| it.starts_with(name))
    });
    assert!(missing.is_empty(), "in no snapshot: {missing:#?}");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .filter(|path| !path.to_string_lossy().contains("/message/snapshots"))
        .collect()
}
