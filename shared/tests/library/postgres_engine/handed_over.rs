//! What a version's role owns by itself, outside of the owner's role, is handed over when it ends.

use addon_rotation::service::Verdict;

use super::support::{Stand, Version, answer, execute, username};
use crate::support::{in_time, soon};

on_each!(
    what_a_version_owns_itself_is_the_owners_after_it_in_every_database,
    a_prepared_transaction_postpones_the_revocation_and_not_the_refusal,
    what_is_more_than_one_transaction_takes_is_handed_over,
    a_locked_table_postpones_the_revocation_and_hangs_nothing,
    a_database_that_nobody_may_enter_is_named,
    a_grant_that_the_administrator_may_not_take_back_is_named,
    nothing_along_the_customers_search_path_is_called,
);

async fn what_a_version_owns_itself_is_the_owners_after_it_in_every_database(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    for database in ["shop", "archive"] {
        let client = stand.log_in(&first, database).await;
        execute(
            &client,
            "SET ROLE NONE; CREATE SCHEMA own; CREATE TABLE own.t (n int); \
             CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
             CREATE FUNCTION own.older() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
             DO $$ BEGIN FOR i IN 1..1001 LOOP EXECUTE 'CREATE SCHEMA s' || i; END LOOP; END $$; \
             ALTER FUNCTION own.older() SET SCHEMA s1001; \
             ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; \
             GRANT SELECT ON own.t TO pg_monitor; SELECT lo_create(5); \
             RESET ROLE; CREATE TABLE mine (n int); \
             SET ROLE NONE",
        )
        .await;
        let grant = format!("GRANT SELECT ON mine TO {}", username(&first));
        execute(&client, &format!("SET ROLE customer; {grant}")).await;
    }
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    for database in ["shop", "archive"] {
        let client = stand.log_in(&second, database).await;
        let drop = "DROP FUNCTION own.f(), s1001.older(); DROP SCHEMA s1, s1000; INSERT INTO own.t VALUES (1); SELECT lo_unlink(5); \
                    DROP TABLE mine";
        execute(&client, drop).await;
        let kept = "SELECT has_table_privilege('pg_monitor', 'own.t', 'SELECT')";
        assert_eq!(answer(&client, kept).await, "t");
    }
    let gone = format!(
        "SELECT count(*) FROM pg_roles WHERE rolname = '{}'",
        username(&first)
    );
    assert_eq!(stand.ask("shop", &gone).await, "0");
}

async fn a_prepared_transaction_postpones_the_revocation_and_not_the_refusal(version: Version) {
    let mut stand = Stand::start(version, &["max_prepared_transactions=5"]).await;
    let imported = stand.imported.clone();
    let client = stand.log_in(&imported, "shop").await;
    execute(&client, "CREATE TABLE t (n int)").await;
    let prepare = "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'imported'";
    execute(&client, prepare).await;
    let first = stand.issued(&imported).await;
    // The owner's own: whoever acts as the owner can end it.
    stand.revoked(&imported).await;
    let client = stand.log_in(&first, "archive").await;
    execute(&client, "SET ROLE NONE; CREATE TABLE own (n int)").await;
    let prepare = "BEGIN; INSERT INTO own VALUES (1); PREPARE TRANSACTION 'it''s paid'";
    execute(&client, prepare).await;
    let second = stand.issued(&first).await;

    let says_so = |error: &_| format!("{error}").contains("prepared transactions");
    let error = in_time(says_so, async |deadline| {
        stand.revoke(&first, deadline).await.unwrap_err()
    })
    .await;
    let parts = [
        "it's paid",
        "archive",
        "ROLLBACK PREPARED",
        username(&first),
    ];
    stand.assert_says(&error, true, &parts);
    assert_eq!(stand.verdict(&first).await, Verdict::Refused);
    let rows = stand.ask("archive", "SELECT count(*) FROM own").await;
    assert_eq!(rows, "0");

    let commit = "COMMIT PREPARED 'it''s paid'";
    stand.server.execute("archive", commit).await.unwrap();
    stand.revoked(&first).await;
    let client = stand.log_in(&second, "archive").await;
    assert_eq!(answer(&client, "SELECT count(*) FROM own").await, "1");
    let client = stand.log_in(&second, "shop").await;
    execute(&client, "COMMIT PREPARED 'imported'").await;
    assert_eq!(answer(&client, "SELECT count(*) FROM t").await, "1");
}

/// More tables than the server has locks, and more large objects than one statement hands over in its time.
async fn what_is_more_than_one_transaction_takes_is_handed_over(version: Version) {
    let mut stand = Stand::start(version, &["max_connections=15", "log_statement=none"]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    execute(&client, "SET ROLE NONE").await;
    for n in 0..6 {
        let many = format!(
            "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE 'CREATE TABLE t{n}_' || i || ' ()'; END LOOP; \
             PERFORM lo_create(0) FROM generate_series(1, 200); END $$"
        );
        execute(&client, &many).await;
    }
    execute(&client, "CREATE TABLE serial (n serial); CREATE SEQUENCE s").await;
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    let client = stand.log_in(&second, "shop").await;
    execute(&client, "DROP TABLE serial, t0_1, t5_1000; DROP SEQUENCE s").await;
}

async fn a_locked_table_postpones_the_revocation_and_hangs_nothing(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    execute(&client, "SET ROLE NONE; CREATE TABLE own (n int)").await;
    let holder = stand.server.connect("shop").await.unwrap();
    execute(&holder, "BEGIN; LOCK TABLE own IN ACCESS SHARE MODE").await;

    let says_so = |error: &_| format!("{error}").contains("55P03");
    let error = in_time(says_so, async |deadline| {
        stand.revoke(&first, deadline).await.unwrap_err()
    })
    .await;
    stand.assert_says(&error, true, &["pg_locks", "/shop", "holds the lock"]);
    assert_eq!(stand.verdict(&first).await, Verdict::Refused);

    execute(&holder, "ROLLBACK").await;
    stand.revoked(&first).await;
    let owner = "SELECT relowner::regrole FROM pg_class WHERE relname = 'own'";
    assert_eq!(stand.ask("shop", owner).await, "customer");
}

async fn a_database_that_nobody_may_enter_is_named(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "archive").await;
    execute(&client, "SET ROLE NONE; CREATE TABLE own (n int)").await;
    let closed = "ALTER DATABASE archive ALLOW_CONNECTIONS false";
    stand.server.execute("shop", closed).await.unwrap();
    let error = stand.revoke(&first, soon()).await.unwrap_err();
    stand.assert_says(&error, false, &["\"archive\"", "ALLOW_CONNECTIONS"]);

    let open = "ALTER DATABASE archive ALLOW_CONNECTIONS true; \
                REVOKE CONNECT ON DATABASE archive FROM PUBLIC";
    stand.server.execute("shop", open).await.unwrap();
    stand.revoked(&first).await;
}

async fn a_grant_that_the_administrator_may_not_take_back_is_named(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let role = username(&first);
    let granted = format!("GRANT CONNECT ON DATABASE postgres TO {role}");
    stand.server.execute("shop", &granted).await.unwrap();
    let error = stand.revoke(&first, soon()).await.unwrap_err();
    let parts = [
        "2BP01",
        "privileges for database postgres",
        role,
        "superuser",
    ];
    stand.assert_says(&error, false, &parts);
    assert_eq!(stand.verdict(&first).await, Verdict::Refused);

    let dropped = format!("DROP OWNED BY {role}");
    stand.server.execute("shop", &dropped).await.unwrap();
    stand.revoked(&first).await;
}

async fn nothing_along_the_customers_search_path_is_called(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let client = stand.log_in(&imported, "shop").await;
    execute(
        &client,
        "CREATE SCHEMA evil; CREATE TABLE evil.calls (who name); \
         CREATE FUNCTION evil.pg_terminate_backend(int) RETURNS bool LANGUAGE sql \
             AS 'INSERT INTO evil.calls VALUES (current_user); SELECT true'; \
         CREATE FUNCTION evil.pg_has_role(oid, text) RETURNS bool LANGUAGE sql \
             AS 'INSERT INTO evil.calls VALUES (current_user); SELECT true'; \
         CREATE FUNCTION evil.set_config(text, text, bool) RETURNS text LANGUAGE sql \
             AS 'INSERT INTO evil.calls VALUES (current_user); SELECT $2'; \
         GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.calls TO PUBLIC; \
         ALTER ROLE customer SET search_path TO evil, pg_catalog; \
         ALTER DATABASE shop SET search_path TO evil, pg_catalog",
    )
    .await;
    let first = stand.issued(&imported).await;
    let _session = stand.log_in(&first, "shop").await;
    let second = stand.issued(&first).await;
    for value in [&imported, &first, &second] {
        stand.revoked(value).await;
    }
    let calls = "SELECT count(*) FROM evil.calls WHERE who = 'acme admin'";
    assert_eq!(stand.ask("shop", calls).await, "0");
}
