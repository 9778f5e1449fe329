//! Every rule has a service that breaks it, and no other rule fails with it.

use super::contract::resolves;
use super::service::{Service, Wrong};
use super::*;

/// What is wrong; the rules that fail; those that cannot be judged then.
type Row = (Wrong, &'static [&'static str], &'static [&'static str]);

/// What builds upon an acceptance.
const AFTER_ACCEPTED: &[&str] = &[
    "put-again",
    "put-other-fields",
    "two-at-once",
    "delete-wrong-token",
    "delete-no-token",
    "customer-only-gets",
    "get-revoked",
    "delete-one",
    "longest-id",
    "encoded-id",
    "outside-id",
];

/// What builds upon a registration.
const AFTER_NEW: &[&str] = &[
    "get-accepted",
    "put-again",
    "put-other-fields",
    "put-bad-body",
    "two-at-once",
    "get-wrong-key",
    "get-no-key",
    "get-others-key",
    "delete-wrong-token",
    "delete-no-token",
    "customer-only-gets",
    "delete",
    "get-revoked",
    "delete-again",
    "delete-one",
    "longest-id",
    "encoded-id",
    "outside-id",
];

const ROWS: &[Row] = &[
    (Wrong::Nothing, &[], &[]),
    (Wrong::UnknownIsForbidden, &["get-unknown"], &[]),
    (Wrong::NewIs202, &["put-new"], AFTER_NEW),
    (Wrong::AcceptedLater, &["get-accepted"], AFTER_ACCEPTED),
    (Wrong::AgainIsConflict, &["put-again"], &[]),
    (Wrong::OtherFieldsReplace, &["put-other-fields"], &[]),
    (Wrong::BadBodyIs422, &["put-bad-body"], &[]),
    (Wrong::BadBodyRegisters, &["put-bad-body"], &[]),
    (Wrong::AnyTokenRegisters, &["put-wrong-token"], &[]),
    (Wrong::RefusedPutRegisters, &["put-wrong-token"], &[]),
    (Wrong::NobodyRegisters, &["put-no-token"], &[]),
    (Wrong::OneAtATime, &["two-at-once"], &["delete-one"]),
    (Wrong::AdministratorIsLetIn, &["get-wrong-key"], &[]),
    (Wrong::NobodyIsLetIn, &["get-no-key"], &[]),
    (Wrong::EveryKeyFitsAll, &["get-others-key"], &[]),
    (Wrong::AnyTokenRevokes, &["delete-wrong-token"], &[]),
    (Wrong::NobodyRevokes, &["delete-no-token"], &[]),
    (Wrong::RefusedDeleteRevokes, &["delete-no-token"], &[]),
    (Wrong::CustomersAdminister, &["customer-only-gets"], &[]),
    (Wrong::UnknownDeleteIs400, &["delete-unknown"], &[]),
    (
        Wrong::DeleteIs200,
        &["delete"],
        &[
            "get-revoked",
            "delete-again",
            "delete-one",
            "encoded-id",
            "outside-id",
        ],
    ),
    (Wrong::DeleteIsForShow, &["get-revoked"], &["encoded-id"]),
    (Wrong::DeleteAgainIs410, &["delete-again"], &[]),
    (Wrong::DeleteIsForAll, &["delete-one"], &[]),
    (Wrong::IdsAreCutOff, &["longest-id"], &[]),
    (Wrong::IdsAreNotDecoded, &["encoded-id"], &[]),
    (Wrong::IdsEndAtNull, &["outside-id"], &[]),
    (Wrong::StrangeIdsAre500, &["outside-id"], &[]),
    // What is not answered, or not usably, is not judged by its own rule.
    (Wrong::NeverAnswers, &["in-time"], &["delete-unknown"]),
    (Wrong::HangsUp, &["in-time"], &["delete-unknown"]),
    (Wrong::Redirects, &["no-redirect"], &["delete-unknown"]),
    (Wrong::IsEndless, &["bounded"], &["delete-unknown"]),
    (Wrong::AnswersHtml, &["form"], &[]),
    (Wrong::NamesAnotherId, &["form"], &[]),
    (Wrong::SaysNoContentType, &["form"], &[]),
    (Wrong::SaysNotFound, &["form"], &[]),
    (Wrong::SaysUnauthorized, &["form"], &[]),
    (Wrong::RetryAfterDate, &["retry-after"], &[]),
    (Wrong::BusyOnce, &[], &[]),
    (Wrong::EchoesInBody, &["no-echo"], &[]),
    (Wrong::EchoesInHeader, &["no-echo"], &[]),
    (Wrong::EchoesEncoded, &["no-echo"], &[]),
];

/// This one has a test of its own, with TLS.
const ELSEWHERE: &str = "https";

#[tokio::test]
async fn each_wrong_service_fails_its_rule_and_no_other() {
    for (wrong, due, followers) in ROWS {
        let service = Service::start(*wrong).await;
        let mut patience = PATIENCE;
        if *wrong == Wrong::NeverAnswers {
            patience.answer = Duration::from_secs(5);
        }
        let report = report(service.url.as_str(), patience).await;
        assert_eq!(failed(&report), *due, "{wrong:?}: {}", report.text(false));
        assert_eq!(skipped(&report), *followers, "{wrong:?}");
        // Whatever failed, nothing stays; if it has to, it is told.
        let left: Vec<_> = report.left.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(left, service.live(), "{wrong:?}: {}", report.text(false));
        assert_eq!(
            left.is_empty(),
            *wrong != Wrong::DeleteIsForShow,
            "{wrong:?}"
        );
        let passes = due.is_empty();
        assert_eq!(report.status(), u8::from(!passes), "{wrong:?}");
        assert_eq!(service.elsewhere(), 0, "{wrong:?}");
        for finding in &report.findings {
            if let Verdict::Failed(failure) = &finding.verdict {
                assert!(!failure.change.is_empty() && !failure.at.is_empty());
                assert!(resolves(&failure.at), "{wrong:?}: {}", failure.at);
            }
        }
    }
}

#[test]
fn every_rule_has_a_wrong_service() {
    for rule in RULES {
        let broken = ROWS
            .iter()
            .any(|(_, failed, _)| failed.contains(&rule.name));
        assert!(broken || rule.name == ELSEWHERE, "{}", rule.name);
    }
}

#[tokio::test]
async fn a_service_that_never_answers_is_left_alone_soon() {
    let service = Service::start(Wrong::HangsWhileRegistered).await;
    let patience = Patience {
        answer: Duration::from_secs(2),
        ..PATIENCE
    };
    let report = report(service.url.as_str(), patience).await;
    assert!(failed(&report).contains(&"in-time"));
    assert_eq!(service.live(), Vec::<String>::new());
    assert_eq!(report.status(), 1);
}

#[tokio::test]
async fn no_secret_is_in_a_report() {
    for wrong in [
        Wrong::EchoesInBody,
        Wrong::EchoesInHeader,
        Wrong::DeleteIsForShow,
    ] {
        let service = Service::start(wrong).await;
        let tested = super::super::Service::new(
            settings(service.url.as_str()),
            PATIENCE,
            tokio_util::sync::CancellationToken::new(),
        )
        .unwrap();
        let report = examine_with(&tested, &Signals::default(), |_| {}).await;
        let told = format!("{}{:#}", report.text(false), report.json());
        let secrets = tested.secrets();
        assert!(secrets.len() > 20);
        for secret in secrets {
            assert!(!told.contains(&secret), "{wrong:?}: {told}");
        }
    }
}
