//! What a version's user has of the one before it.

use addon_rotation::service::Verdict;
use serde_json::Value;

use super::stand::{Server, Stand, username};
use crate::support::{document, next_document, serving, soon, version_id};

on_each!(
    every_version_has_what_the_imported_user_had,
    privileges_for_what_is_gone_are_left_behind,
    privileges_on_a_view_that_cannot_be_opened_are_left_behind_and_named,
);

/// All that the server says of the user's accounts, but its name and its passwords' hashes.
async fn description(stand: &Stand, value: &Value) -> Vec<String> {
    let name = username(value);
    let hosts = stand
        .server
        .column(&format!(
            "SELECT Host FROM mysql.user WHERE User = '{name}' ORDER BY Host"
        ))
        .await
        .unwrap();
    let mut lines = Vec::new();
    for host in hosts {
        for query in [
            format!("SHOW CREATE USER '{name}'@'{host}'"),
            format!("SHOW GRANTS FOR '{name}'@'{host}'"),
        ] {
            lines.extend(stand.server.column(&query).await.unwrap());
        }
    }
    let mut lines: Vec<String> = lines
        .into_iter()
        .map(|line| {
            // MySQL shows what is no text as a number.
            let begins = ["PASSWORD '*", "AS 0x", "AS '$A$"];
            let hash = begins.iter().find_map(|it| line.find(it));
            let line = match hash {
                Some(at) => {
                    let hash = line[at..].split(' ').nth(1).unwrap_or_default();
                    line.replace(hash, "…")
                }
                None => line,
            };
            let line = line.replace(&format!("`{name}`@"), "NAME@");
            // What MySQL says of limits that were set to none.
            let none = " WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 \
                        MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0";
            in_order(&line.replace(none, ""))
        })
        .collect();
    lines.sort();
    lines
}

/// The server lists privileges and columns in the order of a hash table.
fn in_order(line: &str) -> String {
    let mut words: Vec<&str> = line.split([' ', ',', '(', ')']).collect();
    words.sort_unstable();
    words.join(" ")
}

pub(super) async fn every_version_has_what_the_imported_user_had(server: Server) {
    let stand = Stand::start(server).await;
    let password = stand.imported["password"].as_str().unwrap();
    // MySQL knows how hashes are shown, and more of logins; MariaDB of statements.
    let (limit, more) = server.either(
        ("MAX_STATEMENT_TIME 2.5", &[][..]),
        (
            "",
            &[
                "SET GLOBAL print_identified_with_as_hex = ON",
                "ALTER USER shop@'%' PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 10 DAY \
                 PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 3 \
                 PASSWORD_LOCK_TIME UNBOUNDED COMMENT 'it''s \\\\ \"the app\" é'",
                "GRANT XA_RECOVER_ADMIN ON *.* TO shop@'%' WITH GRANT OPTION",
                "GRANT XA_RECOVER_ADMIN ON *.* TO operator@'127.0.0.1' WITH GRANT OPTION",
            ][..],
        ),
    );
    stand.execute(more).await;
    stand
        .execute(&[
            "CREATE TABLE shop.gone (id INT)",
            "CREATE PROCEDURE shop.restock() SELECT 1",
            "CREATE ROLE reader",
            "GRANT SELECT ON shop.* TO reader",
            "CREATE ROLE `the writer`",
            "GRANT reader TO operator@'127.0.0.1' WITH ADMIN OPTION",
            "GRANT `the writer` TO operator@'127.0.0.1' WITH ADMIN OPTION",
            // To set another user's default role takes the right to write where roles are stored.
            "GRANT UPDATE ON mysql.* TO operator@'127.0.0.1'",
            "GRANT SELECT, FILE, RELOAD ON *.* TO operator@'127.0.0.1' WITH GRANT OPTION",
            "GRANT FILE, RELOAD ON *.* TO shop@'%'",
            "GRANT SELECT ON *.* TO shop@'%' WITH GRANT OPTION",
            "GRANT SELECT (id), UPDATE (id, price) ON shop.goods TO shop@'%'",
            "GRANT SELECT ON shop.gone TO shop@'%'",
            "GRANT EXECUTE ON PROCEDURE shop.restock TO shop@'%'",
            "GRANT reader TO shop@'%'",
            "GRANT `the writer` TO shop@'%' WITH ADMIN OPTION",
            &server.set_default_role("reader", "shop@'%'"),
            &format!(
                "ALTER USER shop@'%' WITH MAX_QUERIES_PER_HOUR 1000 MAX_UPDATES_PER_HOUR 900 \
                 MAX_CONNECTIONS_PER_HOUR 800 MAX_USER_CONNECTIONS 70 {limit} PASSWORD EXPIRE NEVER"
            ),
            &format!(
                "CREATE USER shop@'10.0.0.0/255.255.0.0' IDENTIFIED BY '{password}' \
                 REQUIRE SUBJECT '/CN=it''s' AND ISSUER '/CN=a\\\\b' AND CIPHER 'AES' \
                 PASSWORD EXPIRE INTERVAL 30 DAY"
            ),
            "GRANT INSERT ON shop.goods TO shop@'10.0.0.0/255.255.0.0'",
            "CREATE USER shop@'%.acme.example' IDENTIFIED BY 'another' REQUIRE X509",
            "CREATE USER shop@'::1' IDENTIFIED BY 'another' REQUIRE SSL",
        ])
        .await;
    let imported = description(&stand, &stand.imported).await;
    assert!(imported.len() > 14, "{imported:#?}");
    let mut value = stand.imported.clone();
    for _ in 0..3 {
        // A rehearsal finds everything in order, and leaves nothing.
        let never = document(&next_document(&value, &version_id()));
        let administrator = serving(&stand.administrator, &never);
        let rehearsed = stand.services.rehearse(&never, &administrator, soon());
        rehearsed.await.unwrap();
        assert_eq!(description(&stand, &value).await, imported);
        assert_eq!(stand.verdict(&value).await, Verdict::Accepted);
        let next = stand.rotate(&value).await;
        // Repeated, it adds and takes nothing.
        stand.issue(&document(&next)).await;
        assert_eq!(description(&stand, &next).await, imported);
        assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
        stand.revoke(&document(&value)).await;
        assert!(!stand.has_user(&value).await);
        value = next;
    }
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
    let grants = description(&stand, &next).await.join("\n");
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
    let grants = description(&stand, &next).await.join("\n");
    assert!(!grants.contains("broken"), "{grants}");
    assert!(grants.contains("DELETE"), "{grants}");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}
