//! The life of credentials, from their issue to their revocation.

use addon_rotation::service::Verdict;
use mysql_async::prelude::Queryable as _;

use super::stand::{IMPORTED, Server, Stand, username};
use crate::support::{document, next_document, soon, version_id, within};

on_each!(
    a_user_lives_from_its_issue_to_its_revocation_each_of_which_can_be_repeated,
    rotations_within_the_grace_period_are_revoked_in_any_order,
    the_sessions_of_a_revoked_user_end_and_no_others,
    sessions_that_outlived_their_user_end_when_the_revocation_is_repeated,
    no_password_is_in_a_statement_that_the_server_logs,
    names_that_need_quotes_are_quoted,
);

pub(super) async fn a_user_lives_from_its_issue_to_its_revocation_each_of_which_can_be_repeated(
    server: Server,
) {
    let stand = Stand::start(server).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    let next = next_document(&stand.imported, &version_id());
    assert_eq!(next["previous_username"], IMPORTED);
    assert!(username(&next).len() <= 32);
    assert_eq!(stand.verdict(&next).await, Verdict::Refused);
    for _ in 0..3 {
        stand.issue(&document(&next)).await;
        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
        assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    }
    let (imported, version) = (document(&stand.imported), version_id());
    for _ in 0..3 {
        stand.revoke(&imported).await;
        let refused = stand.services.prove_refused(&imported, &version, soon());
        refused.await.unwrap();
        assert!(!stand.has_user(&stand.imported).await);
        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    }
    // Whole already, and the user that it was made after is gone: nothing is left to do.
    stand.issue(&document(&next)).await;

    // The imported user is not missed.
    let third = stand.rotate(&next).await;
    assert_eq!(third["previous_username"], next["username"]);
    stand.revoke(&document(&next)).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Refused);
    let mut session = stand.session(&third).await;
    session
        .query_drop("INSERT INTO shop.goods VALUES (1, 2)")
        .await
        .unwrap();
}

async fn rotations_within_the_grace_period_are_revoked_in_any_order(server: Server) {
    let stand = Stand::start(server).await;
    let second = stand.rotate(&stand.imported).await;
    let third = stand.rotate(&second).await;
    for value in [&stand.imported, &second, &third] {
        assert_eq!(stand.verdict(value).await, Verdict::Accepted);
    }
    stand.revoke(&document(&second)).await;
    assert_eq!(stand.verdict(&second).await, Verdict::Refused);
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Accepted);
    stand.revoke(&document(&stand.imported)).await;
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
    assert_eq!(stand.verdict(&third).await, Verdict::Accepted);
}

pub(super) async fn the_sessions_of_a_revoked_user_end_and_no_others(server: Server) {
    let stand = Stand::start(server).await;
    // To MariaDB's process list, these are one and the same.
    stand
        .execute(&["CREATE USER SHOP@'%' IDENTIFIED BY 'another'"])
        .await;
    let next = stand.rotate(&stand.imported).await;
    let mut busy = stand.session(&stand.imported).await;
    let mut idle = stand.session(&stand.imported).await;
    let mut writing = stand.session(&stand.imported).await;
    let mut successor = stand.session(&next).await;
    let mut namesake = stand.server.connect_as("SHOP", "another").await.unwrap();
    writing.query_drop("SET autocommit = 0").await.unwrap();
    writing
        .query_drop("INSERT INTO shop.goods VALUES (1, 2)")
        .await
        .unwrap();
    let sleeping = tokio::spawn(async move { busy.query_drop("SELECT SLEEP(600)").await });

    stand.revoke(&document(&stand.imported)).await;
    assert!(within(sleeping).await.unwrap().is_err());
    assert!(idle.query_drop("SELECT 1").await.is_err());
    assert!(writing.query_drop("COMMIT").await.is_err());
    successor.query_drop("SELECT 1").await.unwrap();
    namesake.query_drop("SELECT 1").await.unwrap();
    let goods: Vec<u32> = successor.query("SELECT id FROM shop.goods").await.unwrap();
    assert!(goods.is_empty(), "what was not committed is rolled back");
}

async fn sessions_that_outlived_their_user_end_when_the_revocation_is_repeated(server: Server) {
    let stand = Stand::start(server).await;
    let mut left = stand.session(&stand.imported).await;
    stand.execute(&["DROP USER shop@'%'"]).await;
    left.query_drop("SELECT 1").await.unwrap();
    stand.revoke(&document(&stand.imported)).await;
    assert!(left.query_drop("SELECT 1").await.is_err());
}

pub(super) async fn no_password_is_in_a_statement_that_the_server_logs(server: Server) {
    let stand = Stand::start(server).await;
    let next = stand.rotate(&stand.imported).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    stand.revoke(&document(&stand.imported)).await;
    let logged = |text: &str| stand.server.has_logged(text).unwrap();
    assert!(logged(&format!(
        "CREATE USER IF NOT EXISTS '{}'",
        username(&next)
    )));
    assert!(logged("DROP USER IF EXISTS 'shop'"));
    assert!(!logged(next["password"].as_str().unwrap()));
}

async fn names_that_need_quotes_are_quoted(server: Server) {
    let stand = Stand::start(server).await;
    let strange = r#"a'b"c`d\ e;--%é"#;
    let quoted = r#"'a''b"c`d\\ e;--%é'"#;
    let password = r"p'a\s";
    stand
        .execute(&[
            "CREATE DATABASE `s``p' TO x`",
            "GRANT ALL PRIVILEGES ON `s``p' TO x`.* TO operator@'127.0.0.1' WITH GRANT OPTION",
            &format!("CREATE USER {quoted}@'%' IDENTIFIED BY 'p\\'a\\\\s'"),
            &format!("GRANT SELECT ON `s``p' TO x`.* TO {quoted}@'%'"),
        ])
        .await;
    let mut value = stand.imported.clone();
    value["username"] = strange.into();
    value["password"] = password.into();
    value["dbname"] = "s`p' TO x".into();
    assert_eq!(stand.verdict(&value).await, Verdict::Accepted);
    let next = stand.rotate(&value).await;
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
    stand.revoke(&document(&value)).await;
    assert!(stand.server.connect_as(strange, password).await.is_err());
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}
