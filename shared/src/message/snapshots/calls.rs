//! Of AWS, Heroku and the service.

use super::{Snapshot, addon, answer, aws_error, call, denied, masters, secret, version};
use crate::aws::AwsError;
use crate::heroku::HerokuError;
use crate::invoke::InvokeError;
use crate::last_will::Panicked;
use crate::net::Unreachable;
use crate::secrets::SecretError;
use crate::service::{CallError, Cause, Kind, ServiceError};
use crate::snapshot::assert_snapshot;

/// An operation of AWS's, its error's code, and the message.
const REFUSALS: &str = "\
secretsmanager:GetSecretValue AccessDeniedException User: arn:aws:sts::123456789012:assumed-role/acme is not authorized to perform: secretsmanager:GetSecretValue on resource: *
secretsmanager:GetSecretValue AccessDeniedException Access to KMS is not allowed
secretsmanager:DescribeSecret ResourceNotFoundException Secrets Manager can't find the specified secret.
secretsmanager:RotateSecret InvalidRequestException You can't perform this operation on the secret because it was marked for deletion.
secretsmanager:UpdateSecretVersionStage LimitExceededException You have exceeded the maximum of 20 labels.
scheduler:CreateSchedule ValidationException The schedule is not valid.";

#[test]
fn aws() {
    let mut snapshot = Snapshot::default();
    for row in REFUSALS.lines() {
        let (operation, rest) = row.split_once(' ').unwrap();
        let (code, message) = rest.split_once(' ').unwrap();
        let error = aws_error(operation, code, message);
        snapshot.error(&format!("AwsError: {code}"), error);
    }
    for reason in [Unreachable::Name, Unreachable::Timeout] {
        let error = AwsError::unsent("secretsmanager:DescribeSecret", &secret(), reason);
        snapshot.error(&format!("AwsError: {reason:?}"), error);
    }
    let function = |message: &str| InvokeError::Function {
        function: "addon-rotation-create-secret".to_owned(),
        error_type: "ServiceError".to_owned(),
        error_message: message.to_owned(),
    };
    snapshot.text(
        "InvokeError::Function",
        &function("The other function's words."),
    );
    let (secret, version) = (secret(), version());
    snapshot.error(
        "SecretError::NoText",
        SecretError::NoText {
            secret: secret.clone(),
            version: version.clone(),
        },
    );
    snapshot.error(
        "SecretError::NotAnObject",
        SecretError::NotAnObject(secret.clone()),
    );
    snapshot.error(
        "SecretError::NoValue",
        SecretError::NoValue { secret, version },
    );
    snapshot.error("Panicked", Panicked);
    assert_snapshot("aws", &snapshot.0);
}

#[test]
fn heroku() {
    let action = || "Reading the config of add-on 01234567-89ab-cdef-0123-456789abcdef".to_owned();
    let answer = |text: &str| format!("{text}, Request-Id 0a1b2c3d-0000");
    let var = || "ACME_URL".to_owned();
    let mut snapshot = Snapshot::default();
    for (case, error) in [
        ("Unreachable", HerokuError::Unreachable { action: action(), reason: Unreachable::Name }),
        ("Unavailable", HerokuError::Unavailable { action: action(), answer: answer("503 Service Unavailable") }),
        ("RateLimited", HerokuError::RateLimited { action: action(), answer: answer("429 Too Many Requests"), retry_after: None }),
        ("Unauthorized", HerokuError::Unauthorized {
            action: action(),
            answer: answer("401 Unauthorized, id unauthorized"),
            remedy: "Correct id and password in the partner secret (the manifest's id and api.password)".to_owned(),
        }),
        ("Gone", HerokuError::Gone { action: action(), answer: answer("404 Not Found, id not_found") }),
        ("Refused", HerokuError::Refused { action: action(), answer: answer("422 Unprocessable Entity, id invalid_params") }),
        ("NotShown", HerokuError::NotShown { addon: addon(), vars: var() }),
        ("Ambiguous", HerokuError::Ambiguous { addon: addon(), var: var(), shown: "URL, ACME_STAGING_URL".to_owned() }),
        ("Tokens", HerokuError::Tokens(denied())),
        ("Unstored", HerokuError::Unstored { place: "add-on acme-1 in table addon-rotation-refresh-tokens".to_owned(), source: Box::new(denied()) }),
        ("Incomplete", HerokuError::Incomplete { secret: secret().to_string(), field: "refresh_token" }),
    ] {
        snapshot.error(&format!("HerokuError::{case}"), error);
    }
    assert_snapshot("heroku", &snapshot.0);
}

#[test]
fn service() {
    let mut snapshot = Snapshot::default();
    for reason in [
        Unreachable::Name,
        Unreachable::Refused,
        Unreachable::Timeout,
        Unreachable::Connection,
        Unreachable::Broken,
        Unreachable::Protocol,
        Unreachable::UnknownIssuer,
        Unreachable::OtherName,
        Unreachable::OutOfDate,
        Unreachable::Certificate,
        Unreachable::NoTls,
        Unreachable::PlainText,
        Unreachable::Private,
        Unreachable::Request,
        Unreachable::TooLarge,
    ] {
        let error =
            CallError::unreachable("https://api.acme.example/", "Checking a credential", reason);
        snapshot.error(
            &format!("Unreachable::{reason:?}"),
            ServiceError::from(error),
        );
    }
    let found = Cause::Found("the server lets anybody in".to_owned());
    let field = "channel_binding";
    for (case, error) in [
        (
            "CallError: Administrator",
            call(Kind::Administrator, answer(), ""),
        ),
        (
            "Cause::Found",
            call(Kind::Withheld, found, "Set a password there"),
        ),
        (
            "Cause::Answer",
            call(Kind::Rejected, answer(), "Correct it").besides("; its login is closed already"),
        ),
        (
            "AdministratorField",
            ServiceError::AdministratorField {
                secret: masters(),
                field,
            },
        ),
        (
            "AdministratorOption",
            ServiceError::AdministratorOption {
                secret: masters(),
                field,
                expected: "\"require\" or \"prefer\"",
            },
        ),
        ("NoAdministrator", ServiceError::NoAdministrator),
        ("NotAccepted", ServiceError::NotAccepted(version())),
        ("Unproven", ServiceError::Unproven(version())),
        ("StillAccepted", ServiceError::StillAccepted(version())),
    ] {
        snapshot.error(case, error);
    }
    assert_snapshot("service", &snapshot.0);
}
