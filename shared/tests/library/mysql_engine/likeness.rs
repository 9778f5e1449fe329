//! What a version's user has of the one before it.

use addon_rotation::service::Verdict;
use mysql_async::prelude::Queryable as _;
use serde_json::Value;

use super::stand::{Server, Stand, username};
use crate::support::{Log, document, next_document, random, serving, soon, version_id};

on_each!(
    privileges_for_what_is_gone_are_left_behind,
    privileges_on_a_view_that_cannot_be_opened_are_left_behind_and_named,
    what_a_user_hands_to_another_login_outlives_it_and_is_warned_of,
);

async fn grants(stand: &Stand, value: &Value) -> String {
    let query = format!("SHOW GRANTS FOR '{}'@'%'", username(value));
    stand.server.column(&query).await.unwrap().join("\n")
}

async fn privileges_for_what_is_gone_are_left_behind(server: Server) {
    let stand = Stand::start(server).await;
    stand
        .execute(&[
            "CREATE TABLE shop.gone (id INT)",
            "GRANT INSERT ON shop.gone TO shop@'%'",
            "GRANT SELECT (price) ON shop.goods TO shop@'%'",
            "GRANT DELETE ON shop.goods TO shop@'%'",
            "DROP TABLE shop.gone",
            "ALTER TABLE shop.goods DROP COLUMN price",
        ])
        .await;
    let next = stand.rotate(&stand.imported).await;
    let grants = grants(&stand, &next).await;
    assert!(!grants.contains("gone"), "{grants}");
    assert!(grants.contains("DELETE"), "{grants}");
}

async fn privileges_on_a_view_that_cannot_be_opened_are_left_behind_and_named(server: Server) {
    let stand = Stand::start(server).await;
    stand
        .execute(&[
            "CREATE TABLE shop.base (id INT, x INT)",
            "CREATE VIEW shop.broken AS SELECT id, x FROM shop.base",
            "GRANT SELECT (x) ON shop.broken TO shop@'%'",
            "GRANT DELETE ON shop.goods TO shop@'%'",
            "DROP TABLE shop.base",
            "CREATE USER passing@'%'",
            "GRANT SELECT ON shop.goods TO passing@'%'",
            "CREATE DEFINER = passing@'%' VIEW shop.orphan AS SELECT id FROM shop.goods",
            "GRANT SELECT (id) ON shop.orphan TO shop@'%'",
            "DROP USER passing@'%'",
        ])
        .await;
    let log = Log::new();
    let next = stand.rotate(&stand.imported).await;
    for view in ["`broken`", "`orphan`"] {
        assert!(log.text().contains(view), "{}", log.text());
    }
    let grants = grants(&stand, &next).await;
    assert!(!grants.contains("broken"), "{grants}");
    assert!(grants.contains("DELETE"), "{grants}");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}

async fn what_a_user_hands_to_another_login_outlives_it_and_is_warned_of(server: Server) {
    const WARNING: &str = "hand privileges or roles to another login";
    for (option, handed_on) in [
        (
            "GRANT reader TO shop@'%' WITH ADMIN OPTION",
            "GRANT reader TO accomplice@'%'",
        ),
        (
            "GRANT SELECT ON shop.goods TO shop@'%' WITH GRANT OPTION",
            "GRANT SELECT ON shop.goods TO accomplice@'%'",
        ),
    ] {
        let stand = Stand::start(server).await;
        let password = random();
        stand
            .execute(&[
                "CREATE ROLE reader",
                "GRANT SELECT ON shop.* TO reader",
                "GRANT reader TO operator@'127.0.0.1' WITH ADMIN OPTION",
                "GRANT reader TO shop@'%'",
                &format!("CREATE USER accomplice@'%' IDENTIFIED BY '{password}'"),
            ])
            .await;
        let log = Log::new();
        stand.rotate(&stand.imported).await;
        assert!(!log.text().contains(WARNING), "{}", log.text());
        stand.execute(&[option]).await;
        let next = document(&next_document(&stand.imported, &version_id()));
        // As an enrolment, and as a rotation.
        let administrator = serving(&stand.administrator, &next);
        let log = Log::new();
        let rehearsed = stand.services.rehearse(&next, &administrator, soon());
        rehearsed.await.unwrap();
        assert!(log.text().contains(WARNING), "{}", log.text());
        let log = Log::new();
        stand.issue(&next).await;
        assert!(log.text().contains(WARNING), "{}", log.text());

        let mut session = stand.session(&stand.imported).await;
        session.query_drop(handed_on).await.unwrap();
        stand.revoke(&document(&stand.imported)).await;
        assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
        let accomplice = stand.server.connect_as("accomplice", &password);
        let mut accomplice = accomplice.await.unwrap();
        if handed_on.contains("reader") {
            accomplice.query_drop("SET ROLE reader").await.unwrap();
        }
        let read = accomplice.query_drop("SELECT * FROM shop.goods").await;
        read.unwrap();
    }
}
