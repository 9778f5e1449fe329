//! The `http` engine against the partner's service.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use addon_rotation::deadline::{Deadline, Passing};
use addon_rotation::document::{Document, Fields, credential_id};
use addon_rotation::event::VersionId;
use addon_rotation::service::{ServiceError, Verdict};
use axum::Router;
use axum::response::{IntoResponse, Redirect};
use http::Method;
use local_cloud::credential_service::{Fault, FaultRule};
use serde_json::json;

use crate::support::{
    Api, Server, Stand, document, in_time, next_document, once, random, serving, soon, version_id,
    within,
};

/// A document whose credential is this version's, not yet issued.
async fn next(stand: &Stand, version: &VersionId) -> Document {
    let instance = stand.instance(Api::V1).await;
    document(&next_document(&instance.document, version))
}

fn fail(stand: &Stand, method: Method, count: usize, fault: Fault) {
    stand.service.fail_next(FaultRule {
        method: Some(method),
        path_prefix: "/v1/credentials/".to_owned(),
        count,
        fault,
    });
}

fn status(status: u16) -> Fault {
    Fault::Status {
        status,
        retry_after: None,
    }
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
        services
            .issue(&document, &serving(&administrator, &document), soon())
            .await
            .unwrap();
        let verdict = services.verify(&document, soon()).await;
        assert_eq!(verdict, Ok(Verdict::Accepted));
    }
    assert!(
        stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );
    for _ in 0..2 {
        services
            .revoke(&document, &serving(&administrator, &document), soon())
            .await
            .unwrap();
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
    services
        .revoke(&imported, &serving(&administrator, &imported), soon())
        .await
        .unwrap();
    assert!(!stand.service.is_live(&instance.imported));
}

#[tokio::test]
async fn another_credential_under_the_same_id_is_a_lasting_conflict() {
    let stand = Stand::start().await;
    let version = version_id();
    let document = next(&stand, &version).await;
    let id = credential_id(&document.heroku.addon_id, &version);
    stand.service.register(&id, &random()).unwrap();
    let error = stand
        .services()
        .issue(
            &document,
            &serving(&stand.administrator().await, &document),
            soon(),
        )
        .await
        .unwrap_err();
    assert!(matches!(error, ServiceError::Rejected { .. }), "{error:?}");
    assert!(!error.is_passing());
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
    let issued = services
        .issue(&document, &serving(&wrong, &document), soon())
        .await;
    let revoked = services
        .revoke(&document, &serving(&wrong, &document), soon())
        .await;
    for error in [issued.unwrap_err(), revoked.unwrap_err()] {
        assert!(matches!(error, ServiceError::Administrator { .. }));
        assert!(!error.is_passing());
        let text = error.to_string();
        assert!(text.contains("masterarn"), "{text}");
        assert!(text.contains(stand.service.url().as_str()), "{text}");
        assert!(!text.contains("an old token"), "{text}");
    }
    assert_eq!(stand.service.requests().len(), 2);

    for empty in [json!({}), json!({ "token": "" }), json!({ "token": 7 })] {
        let empty = Fields::parse(&empty.to_string()).unwrap();
        let error = services
            .issue(&document, &serving(&empty, &document), soon())
            .await
            .unwrap_err();
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
        assert!(error.is_passing(), "{fault:?}: {error}");
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
    services
        .issue(&document, &serving(&administrator, &document), soon())
        .await
        .unwrap();
    assert_eq!(requests(&stand, &Method::PUT), 4);
    assert!(
        stand
            .service
            .is_live(&credential_id(&document.heroku.addon_id, &version))
    );

    fail(&stand, Method::DELETE, 1, Fault::LoseAnswer);
    services
        .revoke(&document, &serving(&administrator, &document), soon())
        .await
        .unwrap();
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
    services
        .issue(&document, &serving(&administrator, &document), soon())
        .await
        .unwrap();
    fail(&stand, Method::GET, 2, status(401));
    services
        .prove_accepted(&document, &version, soon())
        .await
        .unwrap();
    assert_eq!(requests(&stand, &Method::GET), 3);
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
    services
        .issue(&issued, &serving(&administrator, &issued), soon())
        .await
        .unwrap();
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
}

#[tokio::test]
async fn a_redirect_carries_no_credential_elsewhere() {
    let stand = Stand::start().await;
    let instance = stand.instance(Api::V1).await;
    let hits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&hits);
    let stranger = Server::start(Router::new().fallback(async move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }))
    .await;
    let target = stranger.url.to_string();
    let redirecting =
        Router::new().fallback(async move || Redirect::permanent(&target).into_response());
    let redirecting = Server::start(redirecting).await;
    let mut value = next_document(&instance.document, &version_id());
    value["url"] = redirecting.url.as_str().into();
    let (services, document) = (stand.services(), document(&value));
    let administrator = stand.administrator().await;
    let issued = services
        .issue(&document, &serving(&administrator, &document), soon())
        .await;
    let verified = services.verify(&document, soon()).await;
    let revoked = services
        .revoke(&document, &serving(&administrator, &document), soon())
        .await;
    for error in [
        issued.unwrap_err(),
        verified.unwrap_err(),
        revoked.unwrap_err(),
    ] {
        assert!(
            !error.is_passing() && error.to_string().contains("308"),
            "{error}"
        );
    }
    assert_eq!(hits.load(Ordering::Relaxed), 0);
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
    assert!(matches!(error, ServiceError::Unreachable { .. }));
}
