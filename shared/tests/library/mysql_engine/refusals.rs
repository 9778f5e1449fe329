//! What is refused for good, and told so.

use addon_rotation::deadline::Transient;
use addon_rotation::document::Fields;
use addon_rotation::service::{Kind, ServiceError, Verdict};
use mysql_async::prelude::Queryable as _;
use serde_json::{Value, json};

use super::stand::{ADMINISTRATOR, PAGE, Server, Stand, administrator};
use crate::support::{document, issue, next_document, revoke, serving, soon, version_id};

on_each!(
    a_wrong_administrator,
    an_administrator_that_lacks_a_right_loses_nothing,
    an_administrator_that_may_not_end_sessions_says_so_unless_a_procedure_does_it,
    a_user_that_is_no_model_for_another,
    the_administrator_itself_is_neither_copied_nor_revoked,
    a_database_that_is_not_there_is_no_refused_credential,
);

/// The errors of a lasting kind that an issue, a revocation and a rehearsal end with.
async fn errors(stand: &Stand, value: &Value, administrator: &Fields) -> [ServiceError; 3] {
    let next = document(&next_document(value, &version_id()));
    let old = document(value);
    let issued = issue(&stand.services, administrator, &next).await;
    let revoked = revoke(&stand.services, administrator, &old).await;
    let rehearsed = stand
        .services
        .rehearse(&next, &serving(administrator, &next), soon())
        .await;
    [issued, revoked, rehearsed].map(|ended| {
        let error = ended.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        stand.assert_holds_no_secret(&format!("{error} {error:?}"), &[value]);
        error
    })
}

/// In the table of what an administrator needs.
fn assert_is_on_the_page(right: &str, code: &str) {
    let has = |line: &str| line.starts_with("| `") && line.contains(right) && line.contains(code);
    assert!(PAGE.lines().any(has), "{right} {code}");
}

fn assert_names(error: &ServiceError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{text:?} does not name {word:?}");
    }
}

async fn a_wrong_administrator(server: Server) {
    let stand = Stand::start(server).await;
    for (user, password) in [(ADMINISTRATOR, "an old one"), ("nobody", "an old one")] {
        let wrong = administrator(user, password);
        for error in errors(&stand, &stand.imported, &wrong).await {
            // So MySQL asks half of those whom it does not know, and gets no administrator's password by it.
            let asked = error.to_string().contains("sha256_password");
            if asked && server == Server::MySql && user == "nobody" {
                assert_names(&error, &["Check that there is such a user"]);
                continue;
            }
            assert!(error.kind() == Some(Kind::Administrator));
            assert_names(&error, &["1045", "masterarn", user]);
            assert!(!error.to_string().contains("an old one"));
        }
    }
    let empty = Fields::parse(&json!({ "username": "x" }).to_string()).unwrap();
    for error in errors(&stand, &stand.imported, &empty).await {
        assert_names(&error, &["\"password\"", "secret:acme/db-AbCdEf"]);
    }
}

async fn an_administrator_that_lacks_a_right_loses_nothing(server: Server) {
    let stand = Stand::start(server).await;
    for (right, code) in [
        ("CREATE USER ON *.*", "1227"),
        ("SELECT ON mysql.*", "1142"),
        ("GRANT OPTION ON shop.*", "1044"),
    ] {
        assert_is_on_the_page(right, code);
        stand
            .execute(&[&format!("REVOKE {right} FROM operator@'127.0.0.1'")])
            .await;
        let next = document(&next_document(&stand.imported, &version_id()));
        let issued = issue(&stand.services, &stand.administrator, &next).await;
        let rehearsed = stand
            .services
            .rehearse(&next, &serving(&stand.administrator, &next), soon())
            .await;
        for error in [issued.unwrap_err(), rehearsed.unwrap_err()] {
            assert!(error.kind() == Some(Kind::Administrator), "{error}");
            assert_names(&error, &[code, "administrator", "missing privilege"]);
        }
        if right.starts_with("GRANT") {
            let back = "GRANT ALL PRIVILEGES ON shop.* TO operator@'127.0.0.1' WITH GRANT OPTION";
            stand.execute(&[back]).await;
        } else {
            let back = format!("GRANT {right} TO operator@'127.0.0.1'");
            stand.execute(&[&back]).await;
        }
        stand.issue(&next).await;
    }
    // What it may not pass on is no privilege for something that is gone.
    stand.execute(&["GRANT FILE ON *.* TO shop@'%'"]).await;
    let next = document(&next_document(&stand.imported, &version_id()));
    let issued = issue(&stand.services, &stand.administrator, &next).await;
    let rehearsed = stand
        .services
        .rehearse(&next, &serving(&stand.administrator, &next), soon())
        .await;
    for error in [issued.unwrap_err(), rehearsed.unwrap_err()] {
        assert!(error.kind() == Some(Kind::Administrator), "{error}");
        assert_names(&error, &["GRANT FILE ON *.*", "missing privilege"]);
    }
    stand.execute(&["REVOKE FILE ON *.* FROM shop@'%'"]).await;
    stand.issue(&next).await;
    // Without PROCESS it would see no session but its own.
    assert_is_on_the_page("PROCESS ON *.*", "1227");
    let mut session = stand.session(&stand.imported).await;
    stand
        .execute(&["REVOKE PROCESS ON *.* FROM operator@'127.0.0.1'"])
        .await;
    let imported = document(&stand.imported);
    let revoked = revoke(&stand.services, &stand.administrator, &imported).await;
    assert_names(&revoked.unwrap_err(), &["1227", "PROCESS"]);
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    session.query_drop("SELECT 1").await.unwrap();
}

async fn an_administrator_that_may_not_end_sessions_says_so_unless_a_procedure_does_it(
    server: Server,
) {
    let stand = Stand::start(server).await;
    let mut session = stand.session(&stand.imported).await;
    stand
        .execute(&[&format!(
            "REVOKE {} ON *.* FROM operator@'127.0.0.1'",
            server.connection_admin()
        )])
        .await;
    let imported = document(&stand.imported);
    let revoked = revoke(&stand.services, &stand.administrator, &imported).await;
    let error = revoked.unwrap_err();
    assert!(error.kind() == Some(Kind::Administrator), "{error}");
    assert_names(&error, &["1095", "missing privilege"]);
    assert_is_on_the_page(server.connection_admin(), "1095");
    // Nobody new gets in, and the user is not dropped from under its session.
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    session.query_drop("SELECT 1").await.unwrap();
    assert!(stand.has_user(&stand.imported).await);

    // As on Amazon RDS.
    stand
        .execute(&[
            "CREATE PROCEDURE mysql.rds_kill(IN id BIGINT) KILL CONNECTION id",
            "GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO operator@'127.0.0.1'",
        ])
        .await;
    stand.revoke(&imported).await;
    assert!(session.query_drop("SELECT 1").await.is_err());
    assert!(!stand.has_user(&stand.imported).await);
}

async fn a_user_that_is_no_model_for_another(server: Server) {
    let stand = Stand::start(server).await;
    let next = next_document(&stand.imported, &version_id());
    if server == Server::MySql {
        let install = "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'";
        stand.execute(&[install]).await;
    }
    let by_socket = server.either("unix_socket", "auth_socket");
    for (change, back, words) in [
        (
            "ALTER USER shop@'%' ACCOUNT LOCK",
            "ALTER USER shop@'%' ACCOUNT UNLOCK",
            ["user shop", "is locked", "ACCOUNT UNLOCK"],
        ),
        (
            &format!("ALTER USER shop@'%' IDENTIFIED WITH {by_socket}"),
            server.either(
                "ALTER USER shop@'%' IDENTIFIED BY 'p'",
                "ALTER USER shop@'%' IDENTIFIED WITH caching_sha2_password BY 'p'",
            ),
            ["'shop'@'%'", by_socket, "mysql_native_password"],
        ),
        (
            "RENAME USER shop@'%' TO another@'%'",
            "RENAME USER another@'%' TO shop@'%'",
            ["no user shop", "AWSPENDING", "rotate again"],
        ),
    ] {
        stand.execute(&[change]).await;
        let issued = stand
            .services
            .issue(
                &document(&next),
                &serving(&stand.administrator, &document(&next)),
                soon(),
            )
            .await;
        let error = issued.unwrap_err();
        assert!(error.kind() == Some(Kind::Rejected), "{error}");
        assert!(!error.is_transient());
        assert_names(&error, &words);
        assert!(!stand.has_user(&next).await);
        stand.execute(&[back]).await;
    }
    stand.issue(&document(&next)).await;
}

async fn the_administrator_itself_is_neither_copied_nor_revoked(server: Server) {
    let stand = Stand::start(server).await;
    let mut value = stand.imported.clone();
    value["username"] = ADMINISTRATOR.into();
    value["password"] = stand.administrator_password.as_str().into();
    for error in errors(&stand, &value, &stand.administrator).await {
        assert_names(&error, &["is the administrator's own user"]);
    }
}

async fn a_database_that_is_not_there_is_no_refused_credential(server: Server) {
    let stand = Stand::start(server).await;
    let mut value = stand.imported.clone();
    for (database, code) in [("nowhere", "1044"), ("mysql", "1044")] {
        value["dbname"] = database.into();
        let verified = stand.services.verify(&document(&value), soon()).await;
        let error = verified.unwrap_err();
        assert!(error.kind() == Some(Kind::Rejected), "{error}");
        assert!(!error.is_transient());
        assert_names(&error, &[code, database]);
    }
    value.as_object_mut().unwrap().remove("dbname");
    value["heroku"]["config"]["ACME_URL"] = "{{ username }} {{ password }}".into();
    assert_eq!(stand.verdict(&value).await, Verdict::Accepted);
}
