//! What a leaked credential can hold its own end up with, and what keeps it from that.

use database_servers::postgres::ADMINISTRATOR;

use super::adversary::connect;
use super::support::{Stand, Version, execute};
use crate::support::in_time;

on_each!(
    connections_that_are_kept_for_the_administrator_are_not_taken,
    a_table_of_locks_that_is_full_is_named,
);

async fn connections_that_are_kept_for_the_administrator_are_not_taken(version: Version) {
    let mut settings = vec!["max_connections=12", "superuser_reserved_connections=1"];
    if version >= Version(16) {
        settings.push("reserved_connections=2");
    }
    let mut stand = Stand::start(version, &settings).await;
    let keep = if version < Version(16) {
        "ALTER ROLE customer CONNECTION LIMIT 4".to_owned()
    } else {
        format!("GRANT pg_use_reserved_connections TO \"{ADMINISTRATOR}\"")
    };
    stand.server.execute("archive", &keep).await.unwrap();
    let imported = stand.imported.clone();
    let leaked = stand.issued(&imported).await;
    let (config, mut open) = (stand.config(&leaked, "shop"), Vec::new());
    while let Ok(client) = connect(&config).await {
        open.push(client);
    }
    assert!(open.len() >= 4);
    stand.revoked(&leaked).await;
}

async fn a_table_of_locks_that_is_full_is_named(version: Version) {
    let mut stand = Stand::start(version, &["max_locks_per_transaction=10"]).await;
    let imported = stand.imported.clone();
    let leaked = stand.issued(&imported).await;
    let client = stand.log_in(&leaked, "shop").await;
    let fill = "DO $$ BEGIN FOR n IN 1..100000 LOOP BEGIN PERFORM pg_advisory_lock(n); \
                EXCEPTION WHEN out_of_memory THEN EXIT; END; END LOOP; END $$";
    execute(&client, fill).await;
    let says_so = |error: &_| format!("{error}").contains("53200");
    let error = in_time(says_so, async |deadline| {
        stand.revoke(&leaked, deadline).await.unwrap_err()
    })
    .await;
    stand.assert_says(&error, true, &["53200", "max_locks_per_transaction"]);
    drop(client);
    stand.revoked(&leaked).await;
}
