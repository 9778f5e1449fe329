//! Users that views, routines, triggers and events run as.

use addon_rotation::service::Verdict;
use mysql_async::prelude::Queryable as _;

use super::stand::{Server, Stand, administrator, username};
use crate::support::{document, random, revoke};

on_each!(
    a_revoked_user_stays_without_a_login_as_long_as_anything_is_defined_by_it,
    what_a_revoked_user_defined_goes_on_working,
    an_administrator_sees_what_its_privileges_let_others_define,
    a_later_version_alters_an_earlier_ones_view_by_becoming_its_definer,
);

/// With a binary log, only this lets a customer define triggers.
const TRUST: &str = "--log-bin-trust-function-creators";

const DEFINITIONS: [(&str, &str); 4] = [
    (
        "CREATE VIEW cheap AS SELECT id FROM goods WHERE price < 10",
        "DROP VIEW shop.cheap",
    ),
    (
        "CREATE PROCEDURE restock() INSERT INTO goods VALUES (1, 2)",
        "DROP PROCEDURE shop.restock",
    ),
    (
        "CREATE TRIGGER guard BEFORE INSERT ON goods FOR EACH ROW SET NEW.price = 3",
        "DROP TRIGGER shop.guard",
    ),
    (
        "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM goods",
        "DROP EVENT shop.nightly",
    ),
];

async fn a_revoked_user_stays_without_a_login_as_long_as_anything_is_defined_by_it(server: Server) {
    let stand = Stand::with(server, &[TRUST]).await;
    for (definition, removal) in DEFINITIONS {
        let value = stand.rotate(&stand.imported).await;
        let mut session = stand.session(&value).await;
        session.query_drop("USE shop").await.unwrap();
        session.query_drop(definition).await.unwrap();
        let next = stand.rotate(&value).await;
        for _ in 0..2 {
            stand.revoke(&document(&value)).await;
            assert_eq!(stand.verdict(&value).await, Verdict::Refused);
            assert!(session.query_drop("SELECT 1").await.is_err());
            assert!(stand.has_user(&value).await, "{definition}");
        }
        // Whole already, and nothing is left to do.
        stand.issue(&document(&next)).await;
        // Somebody who takes the lock off does not bring the password back.
        let name = username(&value);
        let unlock = format!("ALTER USER '{name}'@'%' ACCOUNT UNLOCK");
        stand.execute(&[&unlock]).await;
        assert_eq!(stand.verdict(&value).await, Verdict::Refused);

        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
        stand.execute(&[removal]).await;
        stand.revoke(&document(&value)).await;
        assert!(!stand.has_user(&value).await, "{definition}");
    }
}

pub(super) async fn what_a_revoked_user_defined_goes_on_working(server: Server) {
    let stand = Stand::with(server, &[TRUST]).await;
    let mut session = stand.session(&stand.imported).await;
    session.query_drop("USE shop").await.unwrap();
    for (definition, _) in DEFINITIONS {
        session.query_drop(definition).await.unwrap();
    }
    let next = stand.rotate(&stand.imported).await;
    stand.revoke(&document(&stand.imported)).await;
    let third = stand.rotate(&next).await;
    stand.revoke(&document(&next)).await;
    assert!(!stand.has_user(&next).await, "nothing is defined by it");
    let mut session = stand.session(&third).await;
    session.query_drop("USE shop").await.unwrap();
    session.query_drop("CALL restock()").await.unwrap();
    let cheap: Vec<(u32, u32)> = session
        .query("SELECT id, price FROM cheap JOIN goods USING (id)")
        .await
        .unwrap();
    assert_eq!(cheap, [(1, 3)], "the trigger has set the price");
}

async fn an_administrator_sees_what_its_privileges_let_others_define(server: Server) {
    let stand = Stand::start(server).await;
    let password = random();
    stand
        .execute(&[
            "CREATE DATABASE other",
            "CREATE TABLE other.goods (id INT)",
            "GRANT CREATE VIEW, SELECT ON other.* TO operator@'127.0.0.1' WITH GRANT OPTION",
            "GRANT CREATE VIEW, SELECT ON other.* TO shop@'%'",
        ])
        .await;
    let mut session = stand.session(&stand.imported).await;
    session
        .query_drop("CREATE VIEW other.all_goods AS SELECT id FROM other.goods")
        .await
        .unwrap();
    stand.rotate(&stand.imported).await;
    stand.revoke(&document(&stand.imported)).await;
    assert!(stand.has_user(&stand.imported).await);
    // One that sees less finds nothing. It is not one that infra/engines.md allows.
    let blind = administrator("blind", &password);
    stand
        .execute(&[
            &format!("CREATE USER blind@'%' IDENTIFIED BY '{password}'"),
            "GRANT CREATE USER, PROCESS ON *.* TO blind@'%'",
            "GRANT SELECT ON mysql.* TO blind@'%'",
        ])
        .await;
    let imported = document(&stand.imported);
    let revoked = revoke(&stand.services, &blind, &imported).await;
    revoked.unwrap();
    // But MySQL finds it.
    let is_kept = server == Server::MySql;
    assert_eq!(stand.has_user(&stand.imported).await, is_kept);
    assert_eq!(stand.verdict(&stand.imported).await, Verdict::Refused);
}

/// The server's rule, not rotation's: a view keeps its definer, and nobody else alters it without SET USER.
async fn a_later_version_alters_an_earlier_ones_view_by_becoming_its_definer(server: Server) {
    let stand = Stand::start(server).await;
    let mut session = stand.session(&stand.imported).await;
    session
        .query_drop("CREATE VIEW shop.cheap AS SELECT id FROM shop.goods")
        .await
        .unwrap();
    let next = stand.rotate(&stand.imported).await;
    let mut session = stand.session(&next).await;
    let altered = "VIEW shop.cheap AS SELECT price FROM shop.goods";
    let error = session.query_drop(format!("ALTER {altered}")).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("1227"), "{error}");
    for statement in ["ALTER DEFINER = CURRENT_USER", "CREATE OR REPLACE"] {
        session
            .query_drop(format!("{statement} {altered}"))
            .await
            .unwrap();
    }
    // With that, nothing keeps the earlier user.
    stand.revoke(&document(&stand.imported)).await;
    assert!(!stand.has_user(&stand.imported).await);
}
