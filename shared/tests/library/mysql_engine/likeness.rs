//! What a version's user has of the one before it.

use addon_rotation::service::Verdict;
use serde_json::Value;

use super::stand::{Server, Stand, username};

on_each!(
    privileges_for_what_is_gone_are_left_behind,
    privileges_on_a_view_that_cannot_be_opened_are_left_behind_and_named,
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
    let log = crate::support::Log::new();
    let next = stand.rotate(&stand.imported).await;
    for view in ["`broken`", "`orphan`"] {
        assert!(log.text().contains(view), "{}", log.text());
    }
    let grants = grants(&stand, &next).await;
    assert!(!grants.contains("broken"), "{grants}");
    assert!(grants.contains("DELETE"), "{grants}");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}
