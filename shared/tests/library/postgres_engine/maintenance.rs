//! The party whose credential ends shapes nothing that the ending depends on.

use addon_rotation::service::{Sessions, Verdict};
use database_servers::postgres::{ADMINISTRATOR, SUPERUSER};

use super::pooler::{Judge, Pooler, Startup, refusal};
use super::support::{Stand, Version, answer, execute, username};
use crate::support::{document, in_time, serving, soon, within};

on_each!(
    a_database_without_connections_keeps_no_credential_alive,
    a_dropped_database_keeps_no_credential_alive,
    no_setting_of_a_database_keeps_a_credential_alive,
    an_open_transaction_keeps_no_credential_alive,
    a_prepared_change_of_a_role_keeps_no_credential_alive,
    a_prepared_change_in_a_database_that_is_shut_keeps_no_credential_alive,
    a_prepared_change_that_nobody_can_reach_is_named,
    poolers_know_no_settings,
    a_pooler_that_logs_in_as_somebody_else_is_named,
    the_administrators_secret_names_the_database_that_it_works_in,
    who_is_logged_in_is_said,
);

/// A version that owns a table by itself, in a database that is the customer's.
async fn with_a_table_of_its_own(
    stand: &mut Stand,
    before: &serde_json::Value,
) -> serde_json::Value {
    let version = stand.issued(before).await;
    let client = stand.log_in(&version, "shop").await;
    execute(&client, "SET ROLE NONE; CREATE TABLE own (n int)").await;
    version
}

async fn owner_of_the_table(stand: &Stand) -> String {
    let owner = "SELECT relowner::regrole FROM pg_class WHERE relname = 'own'";
    stand.ask("shop", owner).await
}

async fn a_database_without_connections_keeps_no_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let leaked = with_a_table_of_its_own(&mut stand, &imported).await;
    let client = stand.log_in(&leaked, "shop").await;
    execute(&client, "ALTER DATABASE shop CONNECTION LIMIT 0").await;
    // Neither what is current nor what comes after it is kept out by that.
    let next = stand.issued(&leaked).await;
    stand.revoked(&imported).await;

    let says_so = |error: &_| format!("{error}").contains("53300");
    let error = in_time(says_so, async |deadline| {
        stand.revoke(&leaked, deadline).await.unwrap_err()
    })
    .await;
    stand.assert_says(
        &error,
        true,
        &["/shop", "CONNECTION LIMIT", "login is closed already"],
    );
    assert_eq!(stand.verdict(&leaked).await, Verdict::Refused);
    assert!(client.batch_execute("SELECT 1").await.is_err());

    let lifted = "ALTER DATABASE shop CONNECTION LIMIT -1";
    stand.server.execute(SUPERUSER, lifted).await.unwrap();
    stand.revoked(&leaked).await;
    assert_eq!(owner_of_the_table(&stand).await, "customer");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}

async fn a_dropped_database_keeps_no_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let leaked = with_a_table_of_its_own(&mut stand, &imported).await;
    let client = stand.log_in(&leaked, "archive").await;
    execute(&client, "DROP DATABASE shop").await;
    for value in [&leaked, &imported] {
        stand.revoked(value).await;
    }
    assert!(client.batch_execute("SELECT 1").await.is_err());
    let roles = "SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolname ~ '^u_' OR rolcanlogin \
                 AND rolname = 'customer'";
    assert_eq!(stand.ask(SUPERUSER, roles).await, "");
}

/// Every setting, with the worst that it may be: its bounds, each of its words, and texts that mean nothing.
const WORST: &str = "SELECT name, CASE vartype \
        WHEN 'bool' THEN ARRAY['on', 'off'] \
        WHEN 'enum' THEN enumvals \
        WHEN 'string' THEN ARRAY['', 'nonsense', '1'] \
        ELSE ARRAY[min_val, max_val, '1'] END \
    FROM pg_settings UNION ALL SELECT 'role', ARRAY['customer', 'nonsense'] \
    UNION ALL SELECT 'session_authorization', ARRAY['customer'] ORDER BY 1";

async fn no_setting_of_a_database_keeps_a_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let mut current = stand.imported.clone();
    let superuser = stand.server.connect(SUPERUSER).await.unwrap();
    let rows = superuser.query(WORST, &[]).await.unwrap();
    let settings: Vec<(String, Vec<String>)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let most = settings
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap();
    for round in 0..most {
        let leaked = stand.issued(&current).await;
        let client = stand.log_in(&leaked, "shop").await;
        execute(
            &client,
            "SET ROLE NONE; CREATE TABLE own (n int); RESET ROLE; SET ROLE customer",
        )
        .await;
        let mut taken = 0;
        for (name, values) in &settings {
            // What the server does not let its owner have is none of this.
            let value = &values[round % values.len()];
            let set = format!("ALTER DATABASE shop SET {name} TO '{value}'");
            taken += u32::from(client.batch_execute(&set).await.is_ok());
        }
        // A list of settings of one's own would not notice what a new version brings.
        assert!(taken > 100, "{taken} settings");
        stand.revoked(&leaked).await;
        // Not even a superuser gets in before.
        execute(&superuser, "ALTER DATABASE shop RESET ALL").await;
        assert_eq!(
            owner_of_the_table(&stand).await,
            "customer",
            "round {round}"
        );
        let next = stand.issued(&current).await;
        let client = stand.log_in(&next, "shop").await;
        execute(&client, "DROP TABLE own").await;
        if username(&current) != "customer" {
            stand.revoked(&current).await;
        }
        current = next;
    }
}

async fn an_open_transaction_keeps_no_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let second = stand.issued(&first).await;
    // Of the owner's role, and of a version's.
    for value in [&imported, &first] {
        let client = stand.log_in(value, "shop").await;
        let change = "SET ROLE NONE; BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'x'; \
                      ALTER ROLE CURRENT_USER SET work_mem TO '1MB'";
        execute(&client, change).await;
        // It holds no new version up, and not its own end.
        stand.issued(&second).await;
        stand.revoked(value).await;
        assert!(client.batch_execute("COMMIT").await.is_err());
    }
    assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
}

async fn a_prepared_change_of_a_role_keeps_no_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &["max_prepared_transactions=9"]).await;
    for statements in [
        "CREATE ROLE readers; GRANT readers TO customer; CREATE ROLE other; CREATE TABLE t (n int); \
         GRANT ALL ON t TO PUBLIC",
        "BEGIN; SET LOCAL ROLE other; ALTER ROLE other PASSWORD 'x'; PREPARE TRANSACTION 'another''s'",
    ] {
        stand.server.execute("shop", statements).await.unwrap();
    }
    let imported = stand.imported.clone();
    let mut current = stand.issued(&imported).await;
    // An app's own has only read roles.
    let client = stand.log_in(&current, "shop").await;
    execute(
        &client,
        "BEGIN; INSERT INTO t VALUES (1); SELECT rolname FROM pg_roles; LOCK TABLE pg_auth_members IN ACCESS SHARE MODE; \
         PREPARE TRANSACTION 'an app''s'",
    )
    .await;
    // Whoever prepares it acts as the login, as the owner or as a group of the owner's.
    for acts_as in ["NONE", "customer", "readers"] {
        let leaked = current;
        current = stand.issued(&leaked).await;
        let client = stand.log_in(&leaked, "archive").await;
        let change = format!(
            "SET ROLE NONE; BEGIN; SAVEPOINT s; ALTER ROLE CURRENT_USER PASSWORD 'x'; RELEASE s; SET ROLE {acts_as}; \
             PREPARE TRANSACTION 'it''s \\held'"
        );
        execute(&client, &change).await;
        stand.revoked(&leaked).await;
        assert!(client.batch_execute("SELECT 1").await.is_err());
    }
    // The owner's own, by a version that is not to end.
    let client = stand.log_in(&current, "shop").await;
    let change =
        "BEGIN; ALTER ROLE customer PASSWORD 'x'; SET ROLE NONE; PREPARE TRANSACTION 'held'";
    execute(&client, change).await;
    stand.revoked(&imported).await;

    let left = "SELECT string_agg(gid, ', ' ORDER BY gid) FROM pg_prepared_xacts";
    assert_eq!(stand.ask("shop", left).await, "an app's, another's");
    execute(&client, "SET ROLE customer").await;
    execute(&client, "COMMIT PREPARED 'an app''s'").await;
    assert_eq!(answer(&client, "SELECT count(*) FROM t").await, "1");
    let members = format!(
        "SELECT count(*) FROM pg_auth_members WHERE member = '\"{ADMINISTRATOR}\"'::regrole \
         AND grantor = member"
    );
    assert_eq!(stand.ask(SUPERUSER, &members).await, "0");
}

async fn a_prepared_change_in_a_database_that_is_shut_keeps_no_credential_alive(version: Version) {
    let mut stand = Stand::start(version, &["max_prepared_transactions=5"]).await;
    let imported = stand.imported.clone();
    let mut leaked = stand.issued(&imported).await;
    for (shut, entries) in [
        ("ALTER DATABASE archive CONNECTION LIMIT 0", "t 0"),
        (
            "REVOKE CONNECT ON DATABASE archive FROM PUBLIC, customer",
            "t 0",
        ),
        ("ALTER DATABASE archive ALLOW_CONNECTIONS false", "f 0"),
    ] {
        let next = stand.issued(&leaked).await;
        let client = stand.server.connect("archive").await.unwrap();
        let change = format!(
            "BEGIN; SET SESSION AUTHORIZATION {0}; SET ROLE NONE; ALTER ROLE CURRENT_USER PASSWORD 'x'; \
             PREPARE TRANSACTION 'held'",
            username(&leaked)
        );
        execute(&client, &change).await;
        drop(client);
        let client = stand.log_in(&leaked, "shop").await;
        execute(&client, shut).await;
        stand.revoked(&leaked).await;
        let kept = "SELECT format('%s %s', datallowconn, datconnlimit) FROM pg_database WHERE datname = 'archive'";
        assert_eq!(stand.ask("shop", kept).await, entries);
        let granted =
            format!("SELECT count(*) FROM pg_database WHERE datacl::text ~ '{ADMINISTRATOR}'");
        assert_eq!(stand.ask("shop", &granted).await, "0");
        leaked = next;
    }
}

/// Where nobody but a superuser gets in, and the database's own row is held by what is prepared there.
async fn a_prepared_change_that_nobody_can_reach_is_named(version: Version) {
    let mut stand = Stand::start(version, &["max_prepared_transactions=5"]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    execute(&client, "ALTER DATABASE shop CONNECTION LIMIT 0").await;
    let change = "BEGIN; ALTER DATABASE shop CONNECTION LIMIT 0; SET ROLE NONE; \
                  ALTER ROLE CURRENT_USER PASSWORD 'x'; PREPARE TRANSACTION 'held'";
    execute(&client, change).await;
    let says_so = |error: &_| format!("{error}").contains("prepared transactions");
    let error = in_time(says_so, async |deadline| {
        stand.revoke(&first, deadline).await.unwrap_err()
    })
    .await;
    stand.assert_says(&error, true, &["held", "shop", "ROLLBACK PREPARED"]);
    // Nobody is logged in with it meanwhile.
    assert!(client.batch_execute("SELECT 1").await.is_err());
    let end = "ROLLBACK PREPARED 'held'";
    stand.server.execute("shop", end).await.unwrap();
    stand.revoked(&first).await;
}

fn refuse(startup: &Startup, code: &str, words: &str) -> Result<(), Vec<Vec<u8>>> {
    if startup.contains_key("options") {
        return Err(vec![refusal(code, words)]);
    }
    Ok(())
}

async fn poolers_know_no_settings(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let mut current = stand.imported.clone();
    let poolers: [Judge; 3] = [
        // PgBouncer 1.18, RDS Proxy, and PgBouncer told to ignore them.
        |startup| refuse(startup, "08P01", "unsupported startup parameter: options"),
        |startup| {
            let words =
                "Feature not supported: RDS Proxy currently doesn't support command-line options.";
            refuse(startup, "0A000", words)
        },
        |startup| {
            startup.remove("options");
            Ok(())
        },
    ];
    for judge in poolers {
        let pooler = Pooler::start(stand.server.port(), judge).await;
        let leaked = stand.issued(&current).await;
        let client = stand.log_in(&leaked, "shop").await;
        execute(
            &client,
            "SET ROLE NONE; CREATE TABLE own (n int); RESET ROLE; SET ROLE customer; \
             ALTER DATABASE shop SET default_transaction_read_only TO on; \
             ALTER DATABASE shop SET role TO customer; \
             ALTER DATABASE shop SET search_path TO nonsense",
        )
        .await;
        current["port"] = pooler.port().into();
        let next = stand.issued(&current).await;
        let mut leaked = leaked;
        leaked["port"] = pooler.port().into();
        stand.revoked(&leaked).await;
        let reset = "ALTER DATABASE shop RESET ALL";
        stand.server.execute(SUPERUSER, reset).await.unwrap();
        assert_eq!(owner_of_the_table(&stand).await, "customer");
        stand
            .server
            .execute("shop", "DROP TABLE own")
            .await
            .unwrap();
        current = next;
        current["port"] = stand.server.port().into();
    }
}

async fn a_pooler_that_logs_in_as_somebody_else_is_named(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let admin = format!("\"{ADMINISTRATOR}\"");
    // The same password, so that the login as another succeeds.
    let other = format!(
        "CREATE ROLE other LOGIN CREATEROLE; UPDATE pg_authid SET rolpassword = \
             (SELECT rolpassword FROM pg_authid WHERE rolname = '{ADMINISTRATOR}') \
         WHERE rolname = 'other'; GRANT {admin} TO other"
    );
    stand.server.execute(SUPERUSER, &other).await.unwrap();
    let pooler = Pooler::start(stand.server.port(), |startup| {
        if startup["user"] == ADMINISTRATOR {
            startup.insert("user".to_owned(), "other".to_owned());
        }
        Ok(())
    })
    .await;
    stand.imported["port"] = pooler.port().into();
    let imported = stand.imported.clone();
    let next = stand.next(&imported);
    let error = stand.issue(&next, soon()).await.unwrap_err();
    stand.assert_says(&error, false, &["\"other\"", ADMINISTRATOR, "pooler"]);
    let error = stand.revoke(&imported, soon()).await.unwrap_err();
    stand.assert_says(&error, false, &["\"other\"", ADMINISTRATOR, "pooler"]);
    assert_eq!(stand.verdict(&imported).await, Verdict::Accepted);
}

async fn the_administrators_secret_names_the_database_that_it_works_in(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let made = "CREATE DATABASE upkeep";
    stand.server.execute(SUPERUSER, made).await.unwrap();
    let closed = "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC";
    stand.server.execute(SUPERUSER, closed).await.unwrap();
    let imported = stand.imported.clone();
    let next = stand.next(&imported);
    let error = stand.issue(&next, soon()).await.unwrap_err();
    stand.assert_says(&error, false, &["/postgres", "42501", "Grant CONNECT"]);

    let named = |database: &str| {
        let mut secret: serde_json::Value = serde_json::from_str(
            secrecy::ExposeSecret::expose_secret(&stand.administrator.to_secret()),
        )
        .unwrap();
        secret["dbname"] = database.into();
        addon_rotation::document::Fields::parse(&secret.to_string()).unwrap()
    };
    let (right, wrong) = (named("upkeep"), named("nowhere"));
    stand.administrator = wrong;
    let error = stand.issue(&next, soon()).await.unwrap_err();
    stand.assert_says(
        &error,
        false,
        &["3D000", "dbname of the administrator's secret"],
    );
    stand.administrator = right;
    let first = stand.issued(&imported).await;
    stand.revoked(&imported).await;
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    let client = stand.log_in(&second, "shop").await;
    assert_eq!(answer(&client, "SELECT current_user").await, "customer");
}

async fn who_is_logged_in_is_said(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let sessions = async |value: &serde_json::Value| {
        let document = document(value);
        let administrator = serving(&stand.administrator, &document);
        let asked = stand.services.sessions(&document, &administrator, soon());
        within(asked).await.unwrap().unwrap()
    };
    assert_eq!(sessions(&first).await, Sessions::default());
    // In any database, whoever they act as; others' do not count.
    let mut open = Vec::new();
    for (value, database) in [(&first, "shop"), (&first, "archive"), (&imported, "shop")] {
        open.push(stand.log_in(value, database).await);
    }
    execute(&open[0], "SET ROLE NONE").await;
    let said = |count| Sessions {
        count,
        from: vec!["127.0.0.1".to_owned()],
    };
    assert_eq!(sessions(&first).await, said(2));
    assert_eq!(sessions(&imported).await, said(1));
    stand.revoked(&first).await;
    assert_eq!(sessions(&first).await, Sessions::default());
    // Looking has left nothing behind.
    let members = format!(
        "SELECT count(*) FROM pg_auth_members WHERE member = '\"{ADMINISTRATOR}\"'::regrole \
         AND roleid = 'customer'::regrole AND grantor = member"
    );
    assert_eq!(stand.ask(SUPERUSER, &members).await, "0");
}
