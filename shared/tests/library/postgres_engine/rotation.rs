//! From an imported role to the versions after it.

use addon_rotation::service::Verdict;
use database_servers::postgres::{PostgresOptions, SUPERUSER};
use tokio_postgres::Client;

use super::support::{Stand, Version, answer, execute, username};
use crate::support::soon;

on_each!(
    an_imported_role_keeps_its_objects_and_every_version_uses_them,
    every_call_can_be_repeated,
    names_are_the_customers_own_business,
    sessions_of_the_revoked_role_end_and_no_others,
    no_password_is_logged,
    a_role_that_is_named_as_its_own_owner_keeps_everything,
    many_at_once,
    a_rehearsal_finds_everything_in_order_and_leaves_nothing,
);

/// What an app's first years leave behind.
const OBJECTS: &str = "
    CREATE SCHEMA sales;
    CREATE TYPE sales.state AS ENUM ('open', 'paid');
    CREATE DOMAIN sales.cents AS bigint CHECK (value >= 0);
    CREATE TABLE sales.orders (id bigserial PRIMARY KEY, state sales.state, price sales.cents);
    CREATE SEQUENCE sales.numbers;
    CREATE FUNCTION sales.total() RETURNS numeric LANGUAGE sql AS 'SELECT sum(price) FROM sales.orders';
    CREATE VIEW sales.paid AS SELECT * FROM sales.orders WHERE state = 'paid';
    CREATE MATERIALIZED VIEW sales.summary AS SELECT count(*) FROM sales.orders;
    ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC;
    SELECT lo_from_bytea(4711, 'a receipt');
    INSERT INTO sales.orders (state, price) VALUES ('paid', 5)";

/// What only their owner, or a role that acts as it, may do with them.
async fn use_objects(client: &Client, version: u32) {
    execute(
        client,
        &format!(
            "INSERT INTO sales.orders (state, price) VALUES ('open', nextval('sales.numbers')); \
             ALTER TYPE sales.state ADD VALUE 'state {version}'; \
             ALTER TABLE sales.orders ADD COLUMN c{version} int; \
             REFRESH MATERIALIZED VIEW sales.summary; \
             SELECT sales.total(); SELECT lo_put(4711, 0, '{version}'); \
             CREATE OR REPLACE FUNCTION sales.total() RETURNS numeric LANGUAGE sql AS 'SELECT {version}.0'; \
             CREATE TABLE sales.by_version_{version} (n int); \
             INSERT INTO sales.by_version_{version} VALUES (1)"
        ),
    )
    .await;
}

async fn an_imported_role_keeps_its_objects_and_every_version_uses_them(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    for database in ["shop", "archive"] {
        execute(&stand.log_in(&imported, database).await, OBJECTS).await;
    }
    let before = memberships(&stand).await;

    let first = stand.issued(&imported).await;
    for database in ["shop", "archive"] {
        let client = stand.log_in(&first, database).await;
        use_objects(&client, 1).await;
        let granted = "ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT INSERT ON TABLES TO PUBLIC";
        execute(&client, granted).await;
    }
    let _open = stand.log_in(&imported, "archive").await;
    stand.revoked(&imported).await;
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    let third = stand.issued(&second).await;
    stand.revoked(&second).await;
    for database in ["shop", "archive"] {
        let client = stand.log_in(&third, database).await;
        use_objects(&client, 3).await;
        // The first version's table and its default privileges outlive it.
        execute(&client, "ALTER TABLE sales.by_version_1 ADD COLUMN c3 int").await;
        let granted = "SELECT has_table_privilege('pg_monitor', 'sales.by_version_3', 'INSERT') \
                       AND has_table_privilege('pg_monitor', 'sales.by_version_3', 'SELECT')";
        assert_eq!(answer(&client, granted).await, "t");
        let owners = "SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class \
                      WHERE relnamespace = 'sales'::regnamespace";
        assert_eq!(answer(&client, owners).await, "customer");
    }
    let left = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles \
                WHERE rolname ~ '^(customer|u_)'";
    let expected = format!("customer,{}", username(&third));
    assert_eq!(stand.ask("shop", left).await, expected);
    assert_eq!(memberships(&stand).await, before);
}

/// The administrator's, but for those that end with a version's role.
async fn memberships(stand: &Stand) -> String {
    let query = "SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM pg_auth_members m \
                 WHERE member = '\"acme admin\"'::regrole AND roleid::regrole::text !~ '^u_'";
    stand.ask("shop", query).await
}

async fn every_call_can_be_repeated(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let second = stand.issued(&first).await;
    for value in [&imported, &first] {
        for _ in 0..2 {
            stand.issue(&second, soon()).await.unwrap();
            stand.revoked(value).await;
        }
    }
    // A revocation that was cut off after the login was closed, or later.
    let third = stand.issued(&second).await;
    for cut_off in ["NOLOGIN PASSWORD NULL", "NOLOGIN"] {
        let role = username(&second);
        let cut_off = format!("ALTER ROLE {role} {cut_off}");
        stand.server.execute("shop", &cut_off).await.unwrap();
    }
    stand.revoked(&second).await;
    let client = stand.log_in(&third, "shop").await;
    assert_eq!(answer(&client, "SELECT current_user").await, "customer");
}

async fn names_are_the_customers_own_business(version: Version) {
    // As long as a name can be, and with all that could break out of quotes.
    let mut name = "Küche\"'; --\\$$".to_owned();
    name.push_str(&"x".repeat(63 - name.len()));
    let mut stand = Stand::start_with(version, PostgresOptions::default(), &name).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    stand.revoked(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    execute(&client, "CREATE TABLE t (n int)").await;
    assert_eq!(answer(&client, "SELECT current_user").await, name);
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    let client = stand.log_in(&second, "shop").await;
    execute(&client, "DROP TABLE t").await;
}

async fn sessions_of_the_revoked_role_end_and_no_others(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let second = stand.issued(&first).await;
    // Of the owner's role, which is what all act as, then of a version's.
    for (value, other) in [(&imported, &first), (&first, &second)] {
        let mut ending = Vec::new();
        for database in ["shop", "archive"] {
            let client = stand.log_in(value, database).await;
            execute(&client, "BEGIN; CREATE TABLE IF NOT EXISTS half (n int)").await;
            ending.push(client);
        }
        let staying = stand.log_in(other, "shop").await;
        let superusers = stand.server.connect(SUPERUSER).await.unwrap();
        stand.revoked(value).await;
        for client in ending {
            assert!(client.batch_execute("SELECT 1").await.is_err());
        }
        execute(&staying, "SELECT 1").await;
        execute(&superusers, "SELECT 1").await;
    }
}

async fn no_password_is_logged(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    stand.issue(&first, soon()).await.unwrap();
    stand.revoked(&imported).await;
    let second = stand.issued(&first).await;
    stand.revoked(&first).await;
    stand.revoked(&second).await;
    // The server logs every statement, and shows what sessions run.
    let created = format!(
        "CREATE ROLE \"{}\" LOGIN PASSWORD E'SCRAM-SHA-256$4096:",
        username(&second)
    );
    assert!(stand.server.log().contains(&created));
    stand.assert_no_password_is_logged();
}

async fn a_role_that_is_named_as_its_own_owner_keeps_everything(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    stand.imported["owner"] = stand.imported["username"].clone();
    let imported = stand.imported.clone();
    let client = stand.log_in(&imported, "shop").await;
    execute(&client, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await;
    let first = stand.issued(&imported).await;
    stand.revoked(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    assert_eq!(answer(&client, "SELECT count(*) FROM t").await, "1");
}

async fn many_at_once(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let values: Vec<_> = (0..4).map(|_| stand.next(&imported)).collect();
    let [a, b, c, d] = &values[..] else {
        unreachable!()
    };
    // Of one owner, and all of them changing the same few catalogs.
    let issued = tokio::join!(
        stand.issue(a, soon()),
        stand.issue(b, soon()),
        stand.issue(c, soon()),
        stand.issue(d, soon()),
    );
    assert_eq!(issued, (Ok(()), Ok(()), Ok(()), Ok(())));
    for value in &values {
        let client = stand.log_in(value, "shop").await;
        let own = format!(
            "SET ROLE NONE; CREATE TABLE \"{}\" (n int)",
            username(value)
        );
        execute(&client, &own).await;
    }
    let revoked = tokio::join!(
        stand.revoke(a, soon()),
        stand.revoke(b, soon()),
        stand.revoke(c, soon()),
        stand.revoke(&imported, soon()),
    );
    assert_eq!(revoked, (Ok(()), Ok(()), Ok(()), Ok(())));
    for value in [a, b, c, &imported] {
        assert_eq!(stand.verdict(value).await, Verdict::Refused);
    }
    assert_eq!(stand.verdict(d).await, Verdict::Accepted);
}

async fn a_rehearsal_finds_everything_in_order_and_leaves_nothing(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let mut value = stand.imported.clone();
    for _ in 0..2 {
        let client = stand.log_in(&value, "shop").await;
        let roles = "SELECT string_agg(pg_authid::text || rolpassword, ' ' ORDER BY oid) \
                     || (SELECT string_agg(pg_auth_members::text, ' ') FROM pg_auth_members) FROM pg_authid";
        let before = stand.ask("postgres", roles).await;
        let next = stand.next(&value);
        stand.rehearse(&next, soon()).await.unwrap();
        assert_eq!(stand.ask("postgres", roles).await, before);
        // Nobody's session ends.
        execute(&client, "SELECT 1").await;
        assert_eq!(stand.verdict(&value).await, Verdict::Accepted);
        assert_eq!(stand.verdict(&next).await, Verdict::Refused);
        value = stand.issued(&value).await;
    }
}
