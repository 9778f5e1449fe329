//! The `http` engine against the partner's service.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient};
use addon_rotation::document::{Document, Fields, credential_id};
use addon_rotation::event::VersionId;
use addon_rotation::function::Function as _;
use addon_rotation::service::{Kind, ServiceError, Sessions, Verdict};
use addon_rotation::steps::SCHEDULING;
use axum::response::IntoResponse;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};

use crate::steps::{assert_settled, fire, revocation, schedule};
use crate::support::{
    Api, Server, Stand, document, in_time, issue, next_document, once, random, revoke, serving,
    soon, version_id, within,
};

/// A document whose credential is this version's, not yet issued.
async fn next(stand: &Stand, version: &VersionId) -> Document {
    let instance = stand.instance(Api::V1).await;
    document(&next_document(&instance.document, version))
}

fn fail(stand: &Stand, method: Method, count: usize, fault: Fault) {
    stand.service.fail_next(
        FaultRule::next(fault)
            .by(method)
            .at("/v1/credentials/")
            .times(count),
    );
}

fn status(status: u16) -> Fault {
    Fault::status(status)
}

fn requests(stand: &Stand, method: &Method) -> usize {
    let requests = stand.service.requests();
    requests
        .iter()
        .filter(|request| request.method == *method)
        .count()
}

#[tokio::test]
async fn a_credential_lives_from_its_issue_to_its_revocation_each_of_which_can_be_repeated() {
    let stand = Stand::start().await;
    let version = version_id();
    let document = next(&stand, &version).await;
    let (services, administrator) = (stand.services(), stand.administrator().await);

    let verdict = services.verify(&document, soon()).await;
    assert_eq!(verdict, Ok(Verdict::Refused));
    for _ in 0..2 {
        issue(&services, &administrator, &document).await.unwrap();
        let verdict = services.verify(&document, soon()).await;
        assert_eq!(verdict, Ok(Verdict::Accepted));
    }
    assert!(
        stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );
    for _ in 0..2 {
        revoke(&services, &administrator, &document).await.unwrap();
        services
            .prove_refused(&document, &version, soon())
            .await
            .unwrap();
    }
    assert!(
        !stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );
    assert_eq!(requests(&stand, &Method::PUT), 2);
    assert_eq!(requests(&stand, &Method::DELETE), 2);
}

#[tokio::test]
async fn an_imported_credential_has_the_id_that_its_document_says() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let (services, version) = (stand.services(), version_id());
    let imported = document(&instance.document);
    let verdict = services.verify(&imported, soon()).await;
    assert_eq!(verdict, Ok(Verdict::Accepted));

    let next = next_document(&instance.document, &version);
    assert_eq!(
        next["credential_id"],
        credential_id(&instance.addon, &version)
    );
    assert_ne!(next["api_key"], instance.document["api_key"]);
    assert_eq!(next["note"], instance.document["note"]);

    let administrator = stand.administrator().await;
    revoke(&services, &administrator, &imported).await.unwrap();
    assert!(!stand.service.is_live(&instance.imported));
}

#[tokio::test]
async fn another_credential_under_the_same_id_is_a_lasting_conflict() {
    let stand = Stand::start().await;
    let version = version_id();
    let document = next(&stand, &version).await;
    let id = credential_id(&document.heroku.addon_id, &version);
    stand.service.register(&id, &random()).unwrap();
    let error = issue(&stand.services(), &stand.administrator().await, &document)
        .await
        .unwrap_err();
    assert!(error.kind() == Some(Kind::Rejected), "{error:?}");
    assert!(!error.is_transient());
    assert!(error.to_string().contains("another credential"), "{error}");
    assert_eq!(requests(&stand, &Method::PUT), 1);
    // Nor is the other one's holder mistaken for a customer of this version.
    let verdict = stand.services().verify(&document, soon()).await;
    assert_eq!(verdict, Ok(Verdict::Refused));
    stand.assert_holds_no_secret(&format!("{error} {error:?}"));
}

#[tokio::test]
async fn a_wrong_administrator_names_the_secret_to_correct() {
    let stand = Stand::start().await;
    let (version, services) = (version_id(), stand.services());
    let document = next(&stand, &version).await;
    let wrong = Fields::parse(&json!({ "token": "an old token" }).to_string()).unwrap();
    let issued = issue(&services, &wrong, &document).await;
    let revoked = revoke(&services, &wrong, &document).await;
    for error in [issued.unwrap_err(), revoked.unwrap_err()] {
        assert!(error.kind() == Some(Kind::Administrator));
        assert!(!error.is_transient());
        let text = error.to_string();
        assert!(text.contains("masterarn"), "{text}");
        assert!(text.contains(stand.service.url().as_str()), "{text}");
        assert!(!text.contains("an old token"), "{text}");
    }
    assert_eq!(stand.service.requests().len(), 2);

    for empty in [json!({}), json!({ "token": "" }), json!({ "token": 7 })] {
        let empty = Fields::parse(&empty.to_string()).unwrap();
        let error = issue(&services, &empty, &document).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(stand.administrator_arn().as_str()), "{text}");
        assert!(text.contains("\"token\""), "{text}");
    }
    assert_eq!(stand.service.requests().len(), 2);
}

#[tokio::test]
async fn a_service_that_is_out_of_order_refuses_nobody() {
    for fault in [status(500), status(503), status(429), Fault::LoseAnswer] {
        let stand = Stand::start().await;
        let version = version_id();
        let document = next(&stand, &version).await;
        fail(&stand, Method::GET, 99, fault.clone());
        let services = stand.services();
        let attempts = Cell::new(0);
        let error = in_time(
            |_| attempts.get() > 1,
            async |deadline| {
                let before = requests(&stand, &Method::GET);
                let verify = services.verify(&document, deadline);
                let error = within(verify).await.unwrap_err();
                attempts.set(requests(&stand, &Method::GET) - before);
                error
            },
        )
        .await;
        assert!(attempts.get() > 1, "{fault:?}");
        assert!(error.is_transient(), "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn passing_faults_pass() {
    let stand = Stand::start().await;
    let version = version_id();
    let document = next(&stand, &version).await;
    let (services, administrator) = (stand.services(), stand.administrator().await);
    let busy = Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_secs(1)),
    };
    for fault in [status(503), Fault::LoseAnswer, busy] {
        fail(&stand, Method::PUT, 1, fault);
    }
    issue(&services, &administrator, &document).await.unwrap();
    assert_eq!(requests(&stand, &Method::PUT), 4);
    assert!(
        stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );

    fail(&stand, Method::DELETE, 1, Fault::LoseAnswer);
    revoke(&services, &administrator, &document).await.unwrap();
    assert!(
        !stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );
}

#[tokio::test]
async fn a_service_is_not_waited_for_that_asks_for_more_time_than_is_left() {
    let stand = Stand::start().await;
    let document = next(&stand, &version_id()).await;
    let busy = Fault::Status {
        status: 503,
        retry_after: Some(Duration::from_hours(1)),
    };
    fail(&stand, Method::GET, 9, busy);
    let error = stand.services().verify(&document, soon()).await;
    let asked = error.unwrap_err().retry_after();
    assert_eq!(asked, Some(Duration::from_hours(1)));
    assert_eq!(requests(&stand, &Method::GET), 1);
}

#[tokio::test]
async fn a_service_may_take_a_moment_to_act_upon_what_it_confirmed() {
    let stand = Stand::start().await;
    let (version, services) = (version_id(), stand.services());
    let document = next(&stand, &version).await;
    let administrator = stand.administrator().await;
    issue(&services, &administrator, &document).await.unwrap();
    let refusals = Arc::new(AtomicUsize::new(2));
    let settling = Router::new().fallback(async move || {
        let refuses = refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        if refuses.is_ok() {
            let body = json!({ "error": "credential_refused", "message": "Not yet." });
            (StatusCode::UNAUTHORIZED, Json(body)).into_response()
        } else {
            Json(json!({ "accepted": true })).into_response()
        }
    });
    let settling = Server::start(settling).await;
    services
        .prove_accepted(&at(&document, &settling), &version, soon())
        .await
        .unwrap();
}

/// The same document with the service at another address.
fn at(document: &Document, server: &Server) -> Document {
    let mut value: Value = serde_json::from_str(document.to_secret().expose_secret()).unwrap();
    value["url"] = server.url.as_str().into();
    crate::support::document(&value)
}

/// A server that answers this, whatever it is asked.
async fn always(status: u16, content_type: &'static str, body: String) -> Server {
    let status = StatusCode::from_u16(status).unwrap();
    Server::start(Router::new().fallback(async move || {
        let mut answer = (status, body.clone()).into_response();
        answer.headers_mut().remove(CONTENT_TYPE);
        if !content_type.is_empty() {
            let value = content_type.parse().unwrap();
            answer.headers_mut().insert(CONTENT_TYPE, value);
        }
        answer
    }))
    .await
}

#[tokio::test]
async fn a_status_without_the_contracts_word_proves_nothing() {
    const JSON: &str = "application/json; charset=utf-8";
    let stand = Stand::start().await;
    let (services, administrator) = (stand.services(), stand.administrator().await);
    let document = next(&stand, &version_id()).await;
    let page = "<html><body>no_such_credential credential_refused page-4711</body></html>";
    let bodies = [
        ("text/html", page.to_owned(), "text/html"),
        ("", String::new(), "no Content-Type"),
        ("text/\u{e9}", String::new(), "a malformed Content-Type"),
        (
            JSON,
            json!("no_such_credential").to_string(),
            "application/json",
        ),
        (
            JSON,
            json!({ "message": "no_such_credential" }).to_string(),
            "application/json",
        ),
        (
            JSON,
            json!({ "error": ["no_such_credential"] }).to_string(),
            "application/json",
        ),
        (
            JSON,
            json!({ "accepted": "true" }).to_string(),
            "application/json",
        ),
    ];
    for status in [200, 204, 401, 403, 404, 410] {
        for (content_type, body, told) in &bodies {
            let gateway = always(status, content_type, body.clone()).await;
            let document = at(&document, &gateway);
            let verified = once(async |deadline| services.verify(&document, deadline).await).await;
            let asked = once(async |deadline| {
                let administrator = serving(&administrator, &document);
                services
                    .sessions(&document, &administrator, deadline)
                    .await
                    .map(drop)
            })
            .await;
            let revoked = once(async |deadline| {
                let administrator = serving(&administrator, &document);
                services.revoke(&document, &administrator, deadline).await
            })
            .await;
            let mut errors = vec![verified.unwrap_err(), asked.unwrap_err()];
            // A revocation's success proves nothing either, and the login that follows tells.
            if status > 299 {
                errors.push(revoked.unwrap_err());
            }
            for error in errors {
                let text = error.to_string();
                assert!(error.kind() == Some(Kind::Unavailable), "{error:?}");
                assert!(error.is_transient());
                assert!(
                    text.contains(&status.to_string()) && text.contains(told),
                    "{text}"
                );
                assert!(
                    !text.contains("page-4711") && !text.contains("no_such"),
                    "{text}"
                );
            }
        }
    }
    // The word of a service that has another idea of its routes.
    for status in [401, 403, 404, 410] {
        let body = json!({ "error": "not_found", "message": "There is nothing at this path." });
        let gateway = always(status, JSON, body.to_string()).await;
        let document = at(&document, &gateway);
        let verified = once(async |deadline| services.verify(&document, deadline).await).await;
        assert!(verified.unwrap_err().is_transient());
        let revoked = once(async |deadline| {
            let administrator = serving(&administrator, &document);
            services.revoke(&document, &administrator, deadline).await
        })
        .await;
        assert!(revoked.is_err(), "{status}");
    }
}

#[tokio::test]
async fn the_contracts_own_word_is_proof() {
    let stand = Stand::start().await;
    let (services, administrator) = (stand.services(), stand.administrator().await);
    let document = next(&stand, &version_id()).await;
    for (status, word, revokes) in [
        (401, "credential_refused", false),
        (403, "credential_refused", false),
        (404, "no_such_credential", true),
        (410, "no_such_credential", true),
    ] {
        let body = json!({ "error": word, "message": "It is so." });
        let service = always(status, "application/json", body.to_string()).await;
        let document = at(&document, &service);
        let verdict = services.verify(&document, soon()).await;
        assert_eq!(verdict, Ok(Verdict::Refused), "{status}");
        let administrator = serving(&administrator, &document);
        let revoked = services.revoke(&document, &administrator, soon()).await;
        assert_eq!(revoked.is_ok(), revokes, "{status}: {revoked:?}");
    }
}

#[tokio::test]
async fn a_recent_use_counts_as_a_session() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let (services, document) = (stand.services(), document(&instance.document));
    let administrator = stand.administrator().await;
    let administrator = serving(&administrator, &document);
    let sessions = async || {
        let asked = services.sessions(&document, &administrator, soon());
        asked.await.unwrap()
    };
    assert_eq!(sessions().await, None);
    let used = |count| {
        let from = Vec::new();
        Some(Sessions { count, from })
    };
    let (now, minute) = (Timestamp::now(), jiff::Span::new().minutes(1));
    let ago = |minutes: i64| (now - minute * minutes).to_string();
    for (time, due) in [
        (ago(0), used(1)),
        (ago(8), used(1)),
        // Clocks may differ.
        (ago(-3), used(1)),
        (ago(12), used(0)),
        ("2020-02-29T23:59:59+05:30".to_owned(), used(0)),
        ("yesterday".to_owned(), None),
    ] {
        stand.service.last_used(&instance.imported, &time);
        assert_eq!(sessions().await, due, "{time}");
    }
    services
        .revoke(&document, &administrator, soon())
        .await
        .unwrap();
    assert_eq!(sessions().await, used(0));
}

#[tokio::test]
async fn a_service_that_does_not_act_upon_what_it_confirmed_is_found_out() {
    let stand = Stand::start().await;
    let (version, services) = (version_id(), stand.services());
    let (issued, unknown) = (
        next(&stand, &version).await,
        next(&stand, &version_id()).await,
    );
    let administrator = stand.administrator().await;
    issue(&services, &administrator, &issued).await.unwrap();
    let error = once(async |deadline| {
        let proof = services.prove_refused(&issued, &version, deadline);
        proof.await.unwrap_err()
    })
    .await;
    assert_eq!(error, ServiceError::StillAccepted(version.clone()));
    let error = once(async |deadline| {
        let proof = services.prove_accepted(&unknown, &version, deadline);
        proof.await.unwrap_err()
    })
    .await;
    assert_eq!(error, ServiceError::NotAccepted(version));
}

#[tokio::test]
async fn an_answer_that_never_ends_is_not_read_to_its_end() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let server = Server::start(Router::new().fallback(async || vec![b'x'; 3 * 1024 * 1024])).await;
    let mut value = instance.document.clone();
    value["url"] = server.url.as_str().into();
    let (services, document) = (stand.services(), document(&value));
    let error = once(async |deadline| {
        let verify = services.verify(&document, deadline);
        within(verify).await.unwrap_err()
    })
    .await;
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
    assert!(!error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_slow_service_ends_in_an_error_before_the_deadline() {
    let stand = Stand::start().await;
    let version = version_id();
    let document = next(&stand, &version).await;
    fail(&stand, Method::PUT, 9, Fault::Slow(Duration::from_mins(1)));
    let deadline = Deadline::after(Duration::from_millis(500));
    let (services, administrator) = (stand.services(), stand.administrator().await);
    let administrator = serving(&administrator, &document);
    let issue = services.issue(&document, &administrator, deadline);
    let error = within(issue).await.unwrap_err();
    assert!(error.kind() == Some(Kind::Unreachable));
}

/// A gateway that has lost its way answers everything with a page.
#[tokio::test]
async fn a_revocation_goes_on_behind_a_gateway_that_answers_404_to_everything() {
    let (stand, instance, first) = Stand::rotated(Api::V1).await;
    fail(&stand, Method::DELETE, 99, Fault::Garbage(404));
    fail(&stand, Method::GET, 99, Fault::Garbage(404));
    let event = revocation(&instance.secret, &first, 0);
    let revocation = stand.lambda.revocation();
    once(async |left: Deadline| {
        let deadline = Deadline::after(SCHEDULING + left.left());
        revocation.handle(event, deadline).await.unwrap();
    })
    .await;
    assert!(requests(&stand, &Method::DELETE) > 0);
    assert!(stand.service.is_live(&instance.imported));
    assert!(stand.is_labelled_live(&instance, &first));
    assert!(schedule(&stand, &first, 1).is_some());
    // The gateway finds its way again.
    stand.service.mend("/v1/credentials/");
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
}

#[tokio::test]
async fn a_token_with_a_line_end_is_a_lasting_fault() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let version = version_id();
    let document = document(&next_document(&instance.document, &version));
    let administrator = Fields::parse(&json!({"token": "token\n"}).to_string()).unwrap();
    let error = issue(&stand.services(), &administrator, &document)
        .await
        .unwrap_err();
    assert!(!error.is_transient(), "{error}");
}
