//! Whoever has a leaked credential does everything at once that its rights allow to keep it: and it ends all the same.

use addon_rotation::service::Verdict;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::support::{Stand, Version, execute, username};
use crate::support::{eventually, within};

on_each!(
    a_hostile_holder_does_not_outlive_the_grace_period,
    a_session_that_has_not_begun_ends_with_its_role,
);

/// Workers of the server's own would be taken for somebody's sessions.
const QUIET: &[&str] = &[
    "autovacuum=off",
    "max_connections=60",
    "max_prepared_transactions=9",
];

/// Sessions that are under way without anybody's name.
const NAMELESS: &str = "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'virtualxid' AND pid NOT IN \
                        (SELECT pid FROM pg_stat_activity WHERE usesysid IS NOT NULL)";

/// What a role that does not act as the owner leaves, hard to hand over: a function that is older than its schema.
const OWN: &str = "SET ROLE NONE; \
    CREATE FUNCTION public.older() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA own; \
    ALTER FUNCTION public.older() SET SCHEMA own; \
    CREATE TABLE own.t (n int PRIMARY KEY, d date) PARTITION BY RANGE (n); CREATE VIEW own.v AS SELECT n FROM own.t; \
    CREATE TABLE own.p PARTITION OF own.t DEFAULT; CREATE MATERIALIZED VIEW own.m AS SELECT 1; \
    CREATE DOMAIN own.d AS int; CREATE TYPE own.e AS ENUM ('a'); CREATE SEQUENCE own.s; \
    CREATE AGGREGATE own.a(int) (SFUNC = int4pl, STYPE = int); CREATE STATISTICS own.n ON n, d FROM own.p; \
    CREATE OPERATOR own.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int); \
    CREATE FUNCTION own.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
    CREATE TRIGGER t BEFORE INSERT ON own.t FOR EACH ROW EXECUTE FUNCTION own.f(); \
    CREATE PUBLICATION own FOR TABLE own.p; CREATE TEXT SEARCH CONFIGURATION own.c (COPY = simple); \
    SELECT lo_create(7); ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC; GRANT ALL ON own.p TO PUBLIC";

/// What along the database's own settings would be called, or would end what is called.
const SHADOWS: &str = "CREATE SCHEMA evil; CREATE TABLE evil.calls (who name); GRANT ALL ON SCHEMA evil TO PUBLIC; \
    GRANT ALL ON evil.calls TO PUBLIC; \
    CREATE FUNCTION evil.pg_terminate_backend(int) RETURNS bool LANGUAGE sql \
        AS 'INSERT INTO evil.calls VALUES (current_user); SELECT true'; \
    CREATE VIEW evil.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity WHERE false; \
    CREATE VIEW evil.pg_locks AS SELECT * FROM pg_catalog.pg_locks WHERE false; \
    GRANT SELECT ON evil.pg_stat_activity, evil.pg_locks TO PUBLIC; \
    ALTER DATABASE shop SET search_path TO evil, pg_catalog; ALTER DATABASE shop SET statement_timeout TO 1; \
    ALTER DATABASE shop SET default_transaction_read_only TO on; ALTER DATABASE shop SET role TO customer; \
    ALTER ROLE customer PASSWORD 'mine'";

/// What sessions go on with when everything is set up: locks on the role and on what it owns, and no end.
const HOLDING: [&str; 6] = [
    "SET ROLE NONE; BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'mine'",
    "SET ROLE NONE; BEGIN; ALTER ROLE CURRENT_USER SET work_mem TO '1MB'",
    "SET ROLE NONE; BEGIN; LOCK TABLE own.t, pg_class, pg_proc, pg_shdepend IN ACCESS SHARE MODE; LISTEN news",
    "BEGIN; SELECT pg_advisory_lock(n) FROM generate_series(1, 100) AS n; NOTIFY news",
    "DECLARE held CURSOR WITH HOLD FOR SELECT 1; CREATE TEMPORARY TABLE pg_roles (n int)",
    "SELECT 1",
];

/// Code that goes on after every error that can be caught.
const STUBBORN: &str = "DO $$ BEGIN LOOP BEGIN PERFORM pg_advisory_lock(1); \
                        EXCEPTION WHEN query_canceled OR OTHERS THEN NULL; END; END LOOP; END $$";

/// A session that takes statements, or the server's refusal.
pub(super) async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Sessions that the server has let in and that have not begun: nobody is shown whose they are.
async fn still_to_begin(
    stand: &Stand,
    value: &Value,
    count: usize,
) -> Vec<JoinHandle<Result<Client, Error>>> {
    let mut config = stand.config(value, "shop");
    config.options("-c post_auth_delay=1000");
    let begun = (0..count).map(|_| {
        let config = config.clone();
        tokio::spawn(async move { connect(&config).await })
    });
    let begun = begun.collect();
    let waiting = async || stand.ask("archive", NAMELESS).await == count.to_string();
    assert!(eventually(waiting).await);
    begun
}

async fn a_session_that_has_not_begun_ends_with_its_role(version: Version) {
    let mut stand = Stand::start(version, QUIET).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let second = stand.issued(&first).await;
    for leaked in [&first, &imported] {
        for session in still_to_begin(&stand, leaked, 3).await {
            assert!(!session.is_finished());
        }
        stand.revoked(leaked).await;
        assert_eq!(stand.ask("archive", NAMELESS).await, "0");
    }
    // Another's goes on.
    let third = stand.issued(&second).await;
    let others = still_to_begin(&stand, &third, 1).await;
    stand.revoked(&second).await;
    assert_eq!(stand.ask("archive", NAMELESS).await, "1");
    others[0].abort();
}

/// Logs in whenever it can, and holds the role up as soon as it is in: until it is refused as such.
async fn knock(config: Config, prepared: Option<String>) -> SqlState {
    loop {
        match connect(&config).await {
            Ok(client) => {
                let _ = client.batch_execute(HOLDING[0]).await;
                if let Some(prepared) = &prepared {
                    let prepare = format!("PREPARE TRANSACTION '{prepared}'");
                    let _ = client.batch_execute(&prepare).await;
                    continue;
                }
                let _ = client.batch_execute("SELECT pg_advisory_lock(1)").await;
            }
            Err(error) => {
                if error.code() == Some(&SqlState::INVALID_PASSWORD) {
                    return SqlState::INVALID_PASSWORD;
                }
            }
        }
    }
}

async fn a_hostile_holder_does_not_outlive_the_grace_period(version: Version) {
    let mut stand = Stand::start(version, QUIET).await;
    let imported = stand.imported.clone();
    let leaked = stand.issued(&imported).await;
    let current = stand.issued(&leaked).await;
    let role = username(&leaked).to_owned();
    let oid = stand
        .ask(
            "shop",
            &format!("SELECT oid FROM pg_roles WHERE rolname = '{role}'"),
        )
        .await;

    let client = stand.log_in(&leaked, "shop").await;
    execute(&client, OWN).await;
    execute(&client, &format!("SET ROLE customer; {SHADOWS}")).await;
    let (mut config, mut open) = (stand.config(&leaked, "shop"), Vec::new());
    config.options(
        "-c statement_timeout=0 -c search_path=pg_catalog -c default_transaction_read_only=off",
    );
    for statements in HOLDING.iter().skip(1) {
        let client = connect(&config).await.unwrap();
        execute(&client, statements).await;
        open.push(client);
    }
    let stubborn = connect(&config).await.unwrap();
    let stubborn = tokio::spawn(async move { stubborn.batch_execute(STUBBORN).await });
    let begun = still_to_begin(&stand, &leaked, 3).await;
    let knocking: Vec<_> = (0..12)
        .map(|n| {
            let prepared = (n % 2 == 0).then(|| n.to_string());
            tokio::spawn(knock(config.clone(), prepared))
        })
        .collect();
    let waits = "SELECT count(*) > 8 FROM pg_locks WHERE NOT granted";
    assert!(eventually(async || stand.ask("archive", waits).await == "t").await);

    stand.revoked(&leaked).await;
    stand.revoked(&imported).await;
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usesysid = {oid}");
    assert_eq!(stand.ask("archive", &left).await, "0");
    assert_eq!(stand.ask("archive", NAMELESS).await, "0");
    for client in open {
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    assert!(within(stubborn).await.unwrap().is_err());
    for session in begun {
        // It may be told that it begins, before it ends.
        if let Ok(client) = within(session).await.unwrap() {
            assert!(client.batch_execute("SELECT 1").await.is_err());
        }
    }
    for refused in knocking {
        assert_eq!(within(refused).await.unwrap(), SqlState::INVALID_PASSWORD);
    }
    // Nor by what it has made of passwords.
    for user in [role.as_str(), "customer"] {
        let mut config = config.clone();
        let refused = connect(config.user(user).password("mine"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::INVALID_PASSWORD));
    }

    let reset = "ALTER DATABASE shop RESET ALL";
    stand.server.execute("archive", reset).await.unwrap();
    let left = format!("SELECT count(*) FROM pg_shdepend WHERE refobjid = {oid}");
    assert_eq!(stand.ask("shop", &left).await, "0");
    let owner = "SELECT relowner::regrole FROM pg_class WHERE oid = 'own.t'::regclass";
    assert_eq!(stand.ask("shop", owner).await, "customer");
    assert_eq!(
        stand.ask("shop", "SELECT count(*) FROM evil.calls").await,
        "0"
    );
    assert_eq!(stand.verdict(&current).await, Verdict::Accepted);
}
