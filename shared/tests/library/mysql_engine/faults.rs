//! A server that is out of order, busy or the wrong one: nothing is lost, and a later call
//! succeeds.

use std::time::Duration;

use addon_rotation::deadline::{Deadline, Transient};
use addon_rotation::service::{Kind, ServiceError, Verdict};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::stand::{ADMINISTRATOR, Server, Stand};
use crate::support::{document, next_document, once, serving, version_id, within};

on_each!(
    a_server_that_is_down,
    a_server_that_does_not_answer,
    a_server_full_of_connections,
    an_administrator_with_as_many_connections_as_it_may_have,
    customers_that_use_all_their_connections_keep_no_credential_from_being_tested,
    a_server_that_is_read_only,
    grant_tables_that_somebody_locks,
);

/// The error of making a version's user, for which the server has all the time that it takes.
async fn issue_error(stand: &Stand, next: &Value) -> ServiceError {
    let document = document(next);
    let error = once(async |deadline| {
        let administrator = serving(&stand.administrator, &document);
        let issue = stand.services.issue(&document, &administrator, deadline);
        within(issue).await.unwrap_err()
    })
    .await;
    stand.assert_holds_no_secret(&format!("{error} {error:?}"), &[next, &stand.imported]);
    error
}

async fn assert_can_be_rotated(stand: &Stand, next: &Value) {
    stand.issue(&document(next)).await;
    assert_eq!(stand.verdict(next).await, Verdict::Accepted);
}

/// A session. One that was closed is counted a moment longer, and may be one too many until then.
async fn session_in_time(stand: &Stand, user: &str, password: &str, too_many: &str) -> Conn {
    let session = async {
        loop {
            match stand.server.connect_as(user, password).await {
                Ok(session) => return session,
                Err(error) => assert!(error.to_string().contains(too_many), "{error}"),
            }
        }
    };
    within(Box::pin(session)).await
}

fn assert_transient(error: &ServiceError, words: &[&str]) {
    assert!(error.kind() == Some(Kind::Unavailable), "{error}");
    assert!(error.is_transient());
    assert_names(error, words);
}

fn assert_names(error: &ServiceError, words: &[&str]) {
    let text = error.to_string();
    for word in words.iter().chain(&["mysql://127.0.0.1:"]) {
        assert!(text.contains(word), "{text:?} does not name {word:?}");
    }
}

async fn a_server_that_is_down(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    let (new, old) = (document(&next), document(&stand.imported));
    let (services, administrator) = (stand.services.clone(), stand.administrator.clone());
    let down = async {
        let short = || Deadline::after(Duration::from_millis(500));
        let issued = services
            .issue(&new, &serving(&administrator, &new), short())
            .await;
        let verified = services.verify(&old, short()).await.map(drop);
        let revoked = services
            .revoke(&old, &serving(&administrator, &old), short())
            .await;
        for result in [issued, verified, revoked] {
            let error = result.unwrap_err();
            assert!(error.kind() == Some(Kind::Unreachable), "{error}");
            assert!(error.is_transient());
            assert_names(&error, &["Check that the server runs"]);
        }
    };
    let stand = Stand {
        server: Box::pin(stand.server.restart(down)).await.unwrap(),
        ..stand
    };
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    assert_can_be_rotated(&stand, &next).await;
}

async fn a_server_that_does_not_answer(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    let process = i32::try_from(stand.server.process_id().unwrap()).unwrap();
    kill(Pid::from_raw(process), Signal::SIGSTOP).unwrap();
    let document = document(&next);
    let deadline = Deadline::after(Duration::from_millis(500));
    let administrator = serving(&stand.administrator, &document);
    let issue = stand.services.issue(&document, &administrator, deadline);
    let error = within(issue).await.unwrap_err();
    kill(Pid::from_raw(process), Signal::SIGCONT).unwrap();
    assert_names(&error, &["no answer in time"]);
    assert!(error.is_transient());
    assert_can_be_rotated(&stand, &next).await;
}

async fn a_server_full_of_connections(server: Server) {
    let stand = Stand::with(server, &["--max-connections=10"]).await;
    let next = next_document(&stand.imported, &version_id());
    let customer = stand.imported["password"].as_str().unwrap();
    let administrator = (ADMINISTRATOR, stand.administrator_password.as_str());
    // One more than the ten is kept for administrators.
    let users = [administrator]
        .into_iter()
        .chain([("shop", customer); 9])
        .chain([administrator]);
    let mut sessions = Vec::new();
    for (user, password) in users {
        sessions.push(session_in_time(&stand, user, password, "1040").await);
    }
    let error = issue_error(&stand, &next).await;
    assert_transient(&error, &["Too many connections", "1040", "max_connections"]);
    let imported = document(&stand.imported);
    let verify = async |deadline| {
        let verify = stand.services.verify(&imported, deadline);
        within(verify).await.unwrap_err()
    };
    assert_transient(&once(verify).await, &["1040"]);
    drop(sessions);
    assert_can_be_rotated(&stand, &next).await;
}

async fn an_administrator_with_as_many_connections_as_it_may_have(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    let limit = "ALTER USER operator@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1";
    stand.execute(&[limit]).await;
    let password = &stand.administrator_password;
    let session = stand.server.connect_as(ADMINISTRATOR, password).await;
    let error = issue_error(&stand, &next).await;
    assert_transient(&error, &["1226", "operator", "raise the user's limit"]);
    drop(session);
    assert_can_be_rotated(&stand, &next).await;
}

async fn customers_that_use_all_their_connections_keep_no_credential_from_being_tested(
    server: Server,
) {
    let stand = Stand::start(server).await;
    stand
        .execute(&["ALTER USER shop@'%' WITH MAX_USER_CONNECTIONS 1"])
        .await;
    let next = stand.rotate(&stand.imported).await;
    let _session = stand.session(&next).await;
    let password = next["password"].as_str().unwrap();
    let name = next["username"].as_str().unwrap();
    let error = stand.server.connect_as(name, password).await.unwrap_err();
    assert!(error.to_string().contains("1226"), "{error}");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    let mut wrong = next.clone();
    wrong["password"] = "wrong".into();
    assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    // The password of an account that stands in for a user is not that user's, at its limit as well.
    stand
        .execute(&[
            "CREATE USER ''@'127.0.0.1' IDENTIFIED BY 'anybody' WITH MAX_USER_CONNECTIONS 1",
            "GRANT SELECT ON shop.* TO ''@'127.0.0.1'",
            "CREATE USER tenant_b IDENTIFIED BY 'hers'",
        ])
        .await;
    let mut claimed = stand.imported.clone();
    claimed["username"] = "tenant_b".into();
    claimed["password"] = "anybody".into();
    let verify = async |deadline| {
        let claimed = document(&claimed);
        let verify = stand.services.verify(&claimed, deadline);
        within(verify).await.unwrap_err()
    };
    let error = once(verify).await;
    assert!(error.to_string().contains("tenant_b"), "{error}");
    let _anybody = session_in_time(&stand, "tenant_b", "anybody", "1226").await;
    assert_transient(&once(verify).await, &["1226"]);
}

async fn a_server_that_is_read_only(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    stand.execute(&["SET GLOBAL read_only = 1"]).await;
    let error = issue_error(&stand, &next).await;
    assert_transient(&error, &["read_only", "primary", "failover"]);
    // Customers are let in all the same.
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    stand.execute(&["SET GLOBAL read_only = 0"]).await;
    assert_can_be_rotated(&stand, &next).await;
}

async fn grant_tables_that_somebody_locks(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    for lock in [
        "FLUSH TABLES WITH READ LOCK",
        server.either(
            "LOCK TABLES mysql.global_priv WRITE",
            "LOCK TABLES mysql.user WRITE",
        ),
    ] {
        let mut backup = stand.server.connect().await.unwrap();
        backup.query_drop(lock).await.unwrap();
        let error = issue_error(&stand, &next).await;
        assert_transient(&error, &["holds a lock", "or wait"]);
        backup.query_drop("UNLOCK TABLES").await.unwrap();
    }
    assert_can_be_rotated(&stand, &next).await;
}
