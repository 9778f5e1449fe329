//! Every version is the same session as the one before.

use addon_rotation::service::{Kind, Verdict};
use database_servers::postgres::{ADMINISTRATOR, SUPERUSER};

use super::support::{Stand, Version, answer, execute, username};
use crate::support::{document, soon};

on_each!(
    a_role_that_makes_logins_or_is_out_of_time_is_refused,
    what_a_leaked_login_sets_keeps_no_successor_out,
    a_login_that_keeps_itself_out_has_the_right_password,
    what_a_version_made_by_itself_is_the_next_ones,
    a_lock_on_what_a_version_made_holds_no_rotation_up,
    a_database_that_a_version_made_needs_createdb,
    a_lock_on_the_database_keeps_no_successor_out,
    more_settings_than_anybody_needs_hold_no_rotation_up,
);

async fn a_role_that_makes_logins_or_is_out_of_time_is_refused(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    for (attribute, remedy) in [
        ("SUPERUSER", "NOSUPERUSER"),
        ("CREATEROLE", "NOCREATEROLE"),
        ("VALID UNTIL '2020-01-01'", "VALID UNTIL 'infinity'"),
    ] {
        let given = format!("ALTER ROLE customer {attribute}");
        stand.server.execute(SUPERUSER, &given).await.unwrap();
        let imported = stand.imported.clone();
        let next = stand.next(&imported);
        let error = stand.issue(&next, soon()).await.unwrap_err();
        stand.assert_says(&error, false, &["\"customer\"", remedy]);
        let made = format!(
            "SELECT count(*) FROM pg_roles WHERE rolname = '{}'",
            username(&next)
        );
        assert_eq!(stand.ask(SUPERUSER, &made).await, "0");
        let taken = format!("ALTER ROLE customer {remedy}");
        stand.server.execute(SUPERUSER, &taken).await.unwrap();
    }
}

/// Whoever has it acts as the owner, whose settings each version gets, and may own the database.
async fn what_a_leaked_login_sets_keeps_no_successor_out(version: Version) {
    for poison in [
        "ALTER ROLE CURRENT_USER SET local_preload_libraries TO 'nope'",
        "ALTER ROLE CURRENT_USER IN DATABASE shop SET local_preload_libraries TO 'nope'",
        "ALTER ROLE CURRENT_USER SET role TO 'pg_monitor'",
        "ALTER DATABASE shop SET local_preload_libraries TO 'nope'",
        "REVOKE CONNECT ON DATABASE shop FROM PUBLIC, CURRENT_USER",
        // A setting that a transaction cannot be given, which is stored because it is what it was.
        "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; \
         ALTER ROLE CURRENT_USER SET transaction_isolation TO 'repeatable read'",
        // Every session of a successor waits for the leaked one's transaction.
        "ALTER ROLE CURRENT_USER SET default_transaction_isolation TO serializable; \
         ALTER ROLE CURRENT_USER SET default_transaction_read_only TO on; \
         ALTER ROLE CURRENT_USER SET default_transaction_deferrable TO on; \
         COMMIT; BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TABLE held (n int)",
    ] {
        let mut stand = Stand::start(version, &[]).await;
        let owns = "ALTER DATABASE shop OWNER TO customer";
        stand.server.execute(SUPERUSER, owns).await.unwrap();
        let imported = stand.imported.clone();
        let first = stand.issued(&imported).await;
        let leaked = stand.log_in(&first, "shop").await;
        // Its own sessions are spared.
        let spared = format!(
            "GRANT CONNECT ON DATABASE shop TO {}; {poison}",
            username(&first)
        );
        execute(&leaked, &spared).await;
        execute(&leaked, "SELECT 1").await;
        let second = stand.issued(&first).await;
        stand.revoked(&first).await;
        let third = stand.issued(&second).await;
        stand.revoked(&second).await;
        let client = stand.log_in(&third, "shop").await;
        assert_eq!(answer(&client, "SELECT current_user").await, "customer");
    }
}

/// It keeps out the login that it has, and has a session.
async fn a_login_that_keeps_itself_out_has_the_right_password(version: Version) {
    for poison in [
        "ALTER ROLE CURRENT_USER SET local_preload_libraries TO 'nope'",
        "ALTER ROLE CURRENT_USER RESET role",
    ] {
        let mut stand = Stand::start(version, &[]).await;
        let imported = stand.imported.clone();
        let first = stand.issued(&imported).await;
        let leaked = stand.log_in(&first, "shop").await;
        execute(&leaked, &format!("RESET role; SET role TO NONE; {poison}")).await;
        let verified = stand.services.verify(&document(&first), soon()).await;
        let error = verified.unwrap_err();
        assert_eq!(error.kind(), Some(Kind::KeptOut), "{error}");
        let mut claimed = first.clone();
        claimed["password"] = "wrong".into();
        assert_eq!(stand.verdict(&claimed).await, Verdict::Refused);
        assert_eq!(stand.shows_possession(&first).await, Ok(true), "{poison}");
        assert_eq!(stand.shows_possession(&claimed).await, Ok(false));
        // Nor does the document have to be right, of a login that is.
        claimed = imported.clone();
        claimed["dbname"] = "nowhere".into();
        assert_eq!(stand.shows_possession(&claimed).await, Ok(true));
        let second = stand.issued(&first).await;
        stand.revoked(&first).await;
        assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
    }
}

async fn what_a_version_made_by_itself_is_the_next_ones(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    // As pools do between two users of a connection; what the second one leaves depends on the release.
    for (database, reset) in [("shop", "SET ROLE NONE"), ("archive", "DISCARD ALL")] {
        let client = stand.log_in(&first, database).await;
        execute(&client, reset).await;
        let made = "CREATE TABLE own (n int); INSERT INTO own VALUES (1); CREATE SCHEMA theirs; \
                    CREATE TABLE theirs.t (n int)";
        execute(&client, made).await;
    }
    let second = stand.issued(&first).await;
    for (value, database) in [(&first, "shop"), (&second, "shop"), (&second, "archive")] {
        // The old one and the new one, both of which are in use, whatever a pool has said before.
        let client = stand.log_in(value, database).await;
        for reset in ["RESET ROLE", "DISCARD ALL", "SET ROLE NONE"] {
            execute(&client, reset).await;
            let used = "INSERT INTO own VALUES (2); SELECT * FROM theirs.t";
            execute(&client, used).await;
        }
    }
    let members = format!(
        "SELECT count(*) FROM pg_auth_members WHERE member = '\"{ADMINISTRATOR}\"'::regrole \
         AND roleid = '{}'::regrole AND grantor = member",
        username(&first)
    );
    assert_eq!(stand.ask(SUPERUSER, &members).await, "0");
    stand.revoked(&first).await;
    let client = stand.log_in(&second, "archive").await;
    execute(&client, "DROP TABLE own; DROP SCHEMA theirs CASCADE").await;
}

async fn a_lock_on_what_a_version_made_holds_no_rotation_up(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let leaked = stand.issued(&imported).await;
    let client = stand.log_in(&leaked, "shop").await;
    execute(&client, "SET ROLE NONE; CREATE TABLE own (n int)").await;
    execute(&client, "BEGIN; LOCK TABLE own").await;
    let next = stand.issued(&leaked).await;
    stand.revoked(&leaked).await;
    let client = stand.log_in(&next, "shop").await;
    execute(&client, "INSERT INTO own VALUES (1)").await;
    assert_eq!(answer(&client, "SELECT count(*) FROM own").await, "1");
    assert_eq!(stand.verdict(&next).await, Verdict::Accepted);
}

async fn a_database_that_a_version_made_needs_createdb(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let role = username(&first).to_owned();
    let made = format!("ALTER DATABASE archive OWNER TO {role}");
    stand.server.execute(SUPERUSER, &made).await.unwrap();
    let second = stand.issued(&first).await;
    let revoked = stand.revoke(&first, soon()).await;
    if let Err(error) = &revoked {
        // Only since the releases that ask the new owner's giver for it.
        stand.assert_says(error, false, &["CREATEDB", "login is closed already"]);
        assert_eq!(stand.verdict(&first).await, Verdict::Refused);
        let able = format!("ALTER ROLE \"{ADMINISTRATOR}\" CREATEDB");
        stand.server.execute(SUPERUSER, &able).await.unwrap();
        stand.revoked(&first).await;
    }
    let owner = "SELECT datdba::regrole FROM pg_database WHERE datname = 'archive'";
    assert_eq!(stand.ask(SUPERUSER, owner).await, "customer");
    assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
}

/// Whoever owns it says who may connect to it.
async fn a_lock_on_the_database_keeps_no_successor_out(version: Version) {
    for end in ["SELECT 1", "PREPARE TRANSACTION 'held'"] {
        let mut stand = Stand::start(version, &["max_prepared_transactions=5"]).await;
        let imported = stand.imported.clone();
        let first = stand.issued(&imported).await;
        let client = stand.log_in(&first, "archive").await;
        let shut = "REVOKE CONNECT ON DATABASE shop FROM PUBLIC, customer; \
                    GRANT CONNECT ON DATABASE shop TO ";
        execute(&client, &format!("{shut}{}", username(&first))).await;
        execute(&client, "BEGIN; ALTER DATABASE shop CONNECTION LIMIT 50").await;
        execute(&client, end).await;
        let second = stand.issued(&first).await;
        stand.revoked(&first).await;
        assert_eq!(stand.verdict(&second).await, Verdict::Accepted);
    }
}

/// A login may set its own for every database of the server, whoever's that is.
async fn more_settings_than_anybody_needs_hold_no_rotation_up(version: Version) {
    let mut stand = Stand::start(version, &[]).await;
    for n in 1..9 {
        let made = format!("CREATE DATABASE other{n}");
        stand.server.execute(SUPERUSER, &made).await.unwrap();
    }
    let imported = stand.imported.clone();
    let first = stand.issued(&imported).await;
    let client = stand.log_in(&first, "shop").await;
    let many = "DO $$ DECLARE name text; value text; other text; BEGIN \
            FOR name, value, other IN SELECT s.name, setting, datname FROM pg_settings s, pg_database \
                WHERE context = 'user' AND s.name NOT LIKE 'transaction%' AND datname LIKE 'other%' ORDER BY datname LOOP \
                EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET %s TO %L', other, name, value); \
            END LOOP; END $$; \
        ALTER ROLE CURRENT_USER IN DATABASE shop SET work_mem TO '3MB'";
    execute(&client, many).await;
    let count = |role: &str| {
        format!(
            "SELECT sum(array_length(setconfig, 1)) FROM pg_db_role_setting \
             WHERE setrole = '{role}'::regrole"
        )
    };
    let set: usize = stand.ask("shop", &count("customer")).await.parse().unwrap();
    assert!(set > 1000, "{set}");
    let second = stand.issued(&first).await;
    // And which role it acts as.
    let copied = stand.ask("shop", &count(username(&second))).await;
    assert_eq!(copied, "1001");
    let client = stand.log_in(&second, "shop").await;
    assert_eq!(answer(&client, "SELECT current_user").await, "customer");
    assert_eq!(answer(&client, "SHOW work_mem").await, "3MB");
}
