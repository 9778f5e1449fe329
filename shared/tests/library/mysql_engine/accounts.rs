//! What accounts have in MySQL alone.

use addon_rotation::deadline::Transient as _;
use addon_rotation::service::{Kind, Verdict};
use mysql_async::prelude::Queryable as _;

use super::stand::{Server, Stand, username};
use crate::support::{document, issue, next_document, revoke, serving, soon, version_id};

on_mysql!(
    the_password_that_was_kept_beside_a_definers_own_ends_with_it,
    a_definer_that_is_locked_is_refused_however_many_logins_fail,
    an_account_that_is_blocked_after_failed_logins_proves_nothing,
    a_password_is_stored_in_the_format_of_the_one_before,
    a_user_without_a_privilege_in_one_database_has_a_successor_without_it,
    a_user_that_only_system_users_may_change_is_told_of,
    a_server_that_checks_passwords_takes_what_replaces_them,
    a_user_that_logs_in_by_another_plugin_is_neither_accepted_nor_refused,
);

/// What the user defines keeps it from being dropped.
async fn define(stand: &Stand) {
    let mut session = stand.session(&stand.imported).await;
    session
        .query_drop("CREATE VIEW shop.cheap AS SELECT id FROM shop.goods")
        .await
        .unwrap();
}

async fn the_password_that_was_kept_beside_a_definers_own_ends_with_it(server: Server) {
    let stand = Stand::start(server).await;
    define(&stand).await;
    let change = "ALTER USER shop@'%' IDENTIFIED BY 'another' RETAIN CURRENT PASSWORD";
    stand.execute(&[change]).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    stand.revoke(&document(&stand.imported)).await;
    assert!(stand.has_user(&stand.imported).await);
    stand.execute(&["ALTER USER shop@'%' ACCOUNT UNLOCK"]).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    let another = stand.server.connect_as("shop", "another").await;
    assert!(another.unwrap_err().to_string().contains("1045"));
}

async fn a_definer_that_is_locked_is_refused_however_many_logins_fail(server: Server) {
    let stand = Stand::start(server).await;
    define(&stand).await;
    let limit = "ALTER USER shop@'%' FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME UNBOUNDED";
    stand.execute(&[limit]).await;
    let (imported, version) = (document(&stand.imported), version_id());
    stand.revoke(&imported).await;
    assert!(stand.has_user(&stand.imported).await);
    for _ in 0..3 {
        let refused = stand.services.prove_refused(&imported, &version, soon());
        refused.await.unwrap();
    }
}

async fn an_account_that_is_blocked_after_failed_logins_proves_nothing(server: Server) {
    let stand = Stand::start(server).await;
    let limit = "ALTER USER shop@'%' FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 2";
    stand.execute(&[limit]).await;
    let wrong = stand.server.connect_as("shop", "wrong").await;
    assert!(wrong.unwrap_err().to_string().contains("3955"));
    let imported = document(&stand.imported);
    let verified = stand.services.verify(&imported, soon()).await;
    let error = verified.unwrap_err();
    assert!(error.kind() == Some(Kind::Rejected), "{error}");
    assert!(!error.is_transient(), "{error}");
    for words in ["3955", "ACCOUNT UNLOCK", "PASSWORD_LOCK_TIME"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    stand.execute(&["ALTER USER shop@'%' ACCOUNT UNLOCK"]).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
}

/// A server may ask for one format: whose password is stored in another is let in to change it, and to nothing else.
async fn a_password_is_stored_in_the_format_of_the_one_before(server: Server) {
    let stand = Stand::start(server).await;
    let password = stand.imported["password"].as_str().unwrap();
    let next = stand.rotate(&stand.imported).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    // The others' are stored in it as well.
    let change =
        |user: &str, password: &str| format!("ALTER USER {user} IDENTIFIED BY '{password}'");
    stand
        .execute(&[
            "SET GLOBAL caching_sha2_password_storage_format = 'PBKDF2_SHA512'",
            &change("root@'127.0.0.1'", stand.server.superuser_password()),
            &change("operator@'127.0.0.1'", &stand.administrator_password),
            "SET GLOBAL caching_sha2_password_enforce_storage_format = ON",
        ])
        .await;
    let verified = stand.services.verify(&document(&next), soon()).await;
    assert!(verified.unwrap_err().kind() == Some(Kind::Rejected));
    stand.execute(&[&change("shop@'%'", password)]).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    let next = stand.rotate(&stand.imported).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    stand.revoke(&document(&stand.imported)).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
}

async fn a_user_without_a_privilege_in_one_database_has_a_successor_without_it(server: Server) {
    let stand = Stand::start(server).await;
    stand
        .execute(&[
            "SET GLOBAL partial_revokes = ON",
            "CREATE DATABASE private",
            "CREATE TABLE private.things (id INT)",
            "GRANT SELECT, INSERT ON *.* TO operator@'127.0.0.1' WITH GRANT OPTION",
            "GRANT SELECT ON *.* TO shop@'%'",
            "REVOKE SELECT ON private.* FROM shop@'%'",
        ])
        .await;
    let never = document(&next_document(&stand.imported, &version_id()));
    let administrator = serving(&stand.administrator, &never);
    let rehearsed = stand.services.rehearse(&never, &administrator, soon());
    rehearsed.await.unwrap();
    let next = stand.rotate(&stand.imported).await;
    stand.issue(&document(&next)).await;
    let mut session = stand.session(&next).await;
    session.query_drop("SELECT * FROM mysql.db").await.unwrap();
    let denied = session.query_drop("SELECT * FROM private.things").await;
    assert!(denied.unwrap_err().to_string().contains("1142"));
}

async fn a_user_that_only_system_users_may_change_is_told_of(server: Server) {
    let stand = Stand::start(server).await;
    let (grant, pass_on) = (
        "GRANT SYSTEM_USER ON *.* TO shop@'%'",
        "GRANT SYSTEM_USER ON *.* TO operator@'127.0.0.1' WITH GRANT OPTION",
    );
    stand.execute(&[grant]).await;
    let next = next_document(&stand.imported, &version_id());
    let (old, new) = (document(&stand.imported), document(&next));
    let issued = issue(&stand.services, &stand.administrator, &new).await;
    let revoked = revoke(&stand.services, &stand.administrator, &old).await;
    let rehearsed = stand
        .services
        .rehearse(&new, &serving(&stand.administrator, &new), soon())
        .await;
    for error in [
        issued.unwrap_err(),
        revoked.unwrap_err(),
        rehearsed.unwrap_err(),
    ] {
        assert!(error.kind() == Some(Kind::Administrator), "{error}");
        assert!(error.to_string().contains("1227"), "{error}");
    }
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    stand.execute(&[pass_on]).await;
    stand.issue(&new).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    stand.revoke(&old).await;
    assert!(!stand.has_user(&stand.imported).await);
}

/// It checks no hashes, which is all that it is given.
async fn a_server_that_checks_passwords_takes_what_replaces_them(server: Server) {
    let stand = Stand::start(server).await;
    stand
        .execute(&[
            "INSTALL COMPONENT 'file://component_validate_password'",
            "SET GLOBAL validate_password.policy = 'STRONG'",
            "SET GLOBAL validate_password.length = 80",
        ])
        .await;
    let next = stand.rotate(&stand.imported).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    define(&stand).await;
    stand.revoke(&document(&stand.imported)).await;
    assert!(stand.has_user(&stand.imported).await);
    assert_ne!(username(&next), username(&stand.imported));
}

/// The server asks for the same plugin whom it does not know.
async fn a_user_that_logs_in_by_another_plugin_is_neither_accepted_nor_refused(server: Server) {
    let stand = Stand::start(server).await;
    let password = stand.imported["password"].as_str().unwrap();
    let change = format!("ALTER USER shop@'%' IDENTIFIED WITH sha256_password BY '{password}'");
    stand.execute(&[&change]).await;
    let imported = document(&stand.imported);
    let verified = stand.services.verify(&imported, soon()).await;
    let error = verified.unwrap_err();
    assert!(error.kind() == Some(Kind::Rejected), "{error}");
    assert!(error.to_string().contains("sha256_password"), "{error}");
    stand.assert_holds_no_secret(&error.to_string(), &[&stand.imported]);
    let mut wrong = stand.imported.clone();
    wrong["password"] = "wrong".into();
    assert_eq!(stand.verdict(&wrong).await, Verdict::Refused);
    stand.revoke(&imported).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
}
