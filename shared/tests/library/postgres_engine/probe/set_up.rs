//! What an imported login may have and be: generated.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::{select, subsequence};

use crate::postgres_engine::support::Version;

/// What the imported login acts as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ActsAs {
    Itself,
    /// A group's role, of which the document says nothing.
    Group,
    /// A group's role, which the document names as owner.
    Owner,
}

#[derive(Clone, Debug)]
pub(super) struct SetUp {
    pub(super) acts_as: ActsAs,
    /// Of the login, or of what it acts as.
    pub(super) attributes: Vec<&'static str>,
    /// The administrator may give every attribute, and set every parameter.
    pub(super) is_able: bool,
    /// The imported login still lives when the second version comes.
    pub(super) within_grace: bool,
    /// Statements of a superuser's.
    pub(super) statements: Vec<String>,
}

pub(super) fn set_ups(version: Version) -> impl Strategy<Value = SetUp> {
    let attributes = subsequence(ATTRIBUTES, 0..=ATTRIBUTES.len());
    let acts_as = select(vec![
        ActsAs::Itself,
        ActsAs::Itself,
        ActsAs::Group,
        ActsAs::Owner,
    ]);
    let statements = vec(statement(version.0), 0..=12);
    (
        acts_as,
        attributes,
        any::<bool>(),
        any::<bool>(),
        statements,
    )
        .prop_map(
            |(acts_as, attributes, is_able, within_grace, statements)| SetUp {
                acts_as,
                attributes,
                is_able,
                within_grace,
                statements,
            },
        )
        .prop_filter("the imported login may not connect", SetUp::may_connect)
}

impl SetUp {
    /// It has the privilege by itself, or inherits it.
    fn may_connect(&self) -> bool {
        let is_asked = self
            .statements
            .iter()
            .any(|it| it.starts_with("REVOKE CONNECT"));
        self.acts_as != ActsAs::Owner || !is_asked || !self.attributes.contains(&"NOINHERIT")
    }
}

const ATTRIBUTES: &[&str] = &[
    "NOINHERIT",
    "CONNECTION LIMIT 30",
    "VALID UNTIL '2099-12-31 12:00:00+00'",
    "CREATEDB",
    "REPLICATION",
    "BYPASSRLS",
];

/// Those of them that the server asks of the role that a session acts as.
pub(super) const OF_WHAT_IT_ACTS_AS: [&str; 2] = ["CREATEDB", "BYPASSRLS"];

/// `{login}` is imported and acts as `{owner}`, beside a `{group}` and an`{other}` role.
const GRANTEES: &[&str] = &["{owner}", "{owner}", "{group}", "PUBLIC"];

fn statement(version: u32) -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        grant(),
        setting(version),
        membership(version),
        select(OTHERS).prop_map(ToOwned::to_owned),
    ]
}

fn grant() -> impl Strategy<Value = String> {
    let what = select(
        &[
            "SELECT ON theirs",
            "SELECT (id), UPDATE (note) ON theirs",
            "INSERT, DELETE ON theirs",
            "TRUNCATE, TRIGGER, REFERENCES ON theirs",
            "SELECT, INSERT ON guarded",
            "USAGE ON SCHEMA s",
            "CREATE ON SCHEMA s",
            "ALL ON SCHEMA public",
            "SELECT ON ALL TABLES IN SCHEMA s",
            "USAGE ON SEQUENCE numbers",
            "SELECT ON LARGE OBJECT 4711",
            "CREATE ON DATABASE {database}",
            "TEMPORARY ON DATABASE {database}",
            "CONNECT ON DATABASE {database}",
            "EXECUTE ON FUNCTION f()",
        ][..],
    );
    let option = select(&["", "", " WITH GRANT OPTION"][..]);
    (what, select(GRANTEES), option).prop_map(|(what, grantee, option)| {
        let option = if grantee == "PUBLIC" { "" } else { option };
        format!("GRANT {what} TO {grantee}{option}")
    })
}

fn setting(version: u32) -> impl Strategy<Value = String> {
    let known = SETTINGS.iter().filter(move |(since, _)| *since <= version);
    let settings: Vec<_> = known.map(|(_, setting)| *setting).collect();
    let whose = select(
        &[
            "ROLE {login}",
            "ROLE {login} IN DATABASE {database}",
            "ROLE {login} IN DATABASE {elsewhere}",
            "DATABASE {database}",
        ][..],
    );
    (whose, select(settings)).prop_map(|(whose, setting)| format!("ALTER {whose} SET {setting}"))
}

const SETTINGS: &[(u32, &str)] = &[
    (0, "search_path TO s, \"$user\", \"a, b\", public"),
    (0, "search_path TO ''"),
    (0, "search_path TO \"$user\""),
    (0, "work_mem TO '5MB'"),
    (0, "work_mem TO '7MB'"),
    (0, "statement_timeout TO '710s'"),
    (0, "idle_in_transaction_session_timeout TO '1h'"),
    (17, "transaction_timeout TO '2h'"),
    (0, "default_transaction_isolation TO 'repeatable read'"),
    (0, "default_transaction_read_only TO on"),
    (0, "row_security TO off"),
    (0, "timezone TO 'Europe/Zurich'"),
    (0, "datestyle TO 'German, DMY'"),
    (0, "client_encoding TO 'UTF8'"),
    (0, "check_function_bodies TO off"),
    (0, "temp_tablespaces TO ''"),
    (0, "log_min_duration_statement TO 60000"),
    (0, "session_preload_libraries TO plpgsql"),
    (0, "lc_messages TO 'C'"),
    (0, "app.tenant TO 'it''s \\ \"theirs\"'"),
];

/// Which of them a superuser alone may set, or who was granted it.
pub(super) const OF_SUPERUSERS: [&str; 4] = [
    "log_min_duration_statement",
    "session_preload_libraries",
    "lc_messages",
    "app.tenant",
];

fn membership(version: u32) -> impl Strategy<Value = String> {
    let roles = select(
        &[
            "{group}",
            "{group}",
            "pg_read_all_data",
            "pg_write_all_data",
            "pg_read_all_settings",
            "pg_read_all_stats",
            "pg_signal_backend",
        ][..],
    );
    (roles, any::<[bool; 3]>()).prop_map(move |(role, [admin, inherit, set])| {
        let options = match (version >= 16, admin) {
            (true, _) => format!(" WITH ADMIN {admin}, INHERIT {inherit}, SET {set}"),
            (false, true) => " WITH ADMIN OPTION".to_owned(),
            (false, false) => String::new(),
        };
        format!("GRANT {role} TO {{owner}}{options}")
    })
}

/// Ownership, default privileges, policies, and what is taken from everybody.
const OTHERS: &[&str] = &[
    "ALTER DATABASE {database} OWNER TO {owner}",
    "ALTER DATABASE {database} OWNER TO {group}",
    "ALTER SCHEMA s OWNER TO {owner}",
    "ALTER TABLE theirs OWNER TO {owner}",
    "ALTER TABLE theirs OWNER TO {group}",
    "ALTER TABLE guarded OWNER TO {owner}",
    "ALTER SEQUENCE numbers OWNER TO {owner}",
    "ALTER FUNCTION f() OWNER TO {owner}",
    "ALTER TYPE color OWNER TO {owner}",
    "ALTER MATERIALIZED VIEW summary OWNER TO {owner}",
    "ALTER LARGE OBJECT 4711 OWNER TO {owner}",
    "CREATE SCHEMA IF NOT EXISTS {owner} AUTHORIZATION {owner}; \
     CREATE TABLE IF NOT EXISTS {owner}.place (here text); INSERT INTO {owner}.place VALUES ('own'); \
     GRANT SELECT ON {owner}.place TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {other} GRANT SELECT, INSERT ON TABLES TO {owner}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {other} GRANT ALL ON TABLES TO {group}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {other}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON TABLES FROM {owner}",
    "DROP POLICY IF EXISTS a ON guarded; CREATE POLICY a ON guarded USING (who = current_user); \
     GRANT SELECT ON guarded TO {owner}",
    "DROP POLICY IF EXISTS b ON guarded; CREATE POLICY b ON guarded TO {owner} USING (who = 'anybody')",
    "DROP POLICY IF EXISTS c ON guarded; CREATE POLICY c ON guarded TO {group} WITH CHECK (true)",
    "DROP POLICY IF EXISTS d ON guarded; CREATE POLICY d ON guarded USING (pg_has_role(current_user, who, 'MEMBER'))",
    "ALTER TABLE guarded FORCE ROW LEVEL SECURITY",
    "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {owner}",
    "REVOKE CONNECT ON DATABASE {elsewhere} FROM PUBLIC; GRANT CONNECT ON DATABASE {elsewhere} TO {owner}",
    "GRANT {group} TO {owner}; ALTER ROLE {login} IN DATABASE {elsewhere} SET role TO {group}",
    "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT SET ON PARAMETER log_min_duration_statement TO {owner}",
];

/// What others have in the database.
pub(super) const OBJECTS: &str = "
    CREATE TABLE theirs (id int PRIMARY KEY, note text);
    CREATE TABLE guarded (who name);
    INSERT INTO guarded VALUES ('{owner}'), ('{group}'), ('{other}'), ('anybody');
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE SCHEMA s;
    CREATE TABLE s.place (here text); INSERT INTO s.place VALUES ('s');
    CREATE TABLE place (here text); INSERT INTO place VALUES ('public');
    GRANT SELECT ON place, s.place TO PUBLIC;
    CREATE SEQUENCE numbers;
    CREATE TYPE color AS ENUM ('red');
    CREATE FUNCTION f() RETURNS name LANGUAGE sql AS 'SELECT current_user';
    CREATE FUNCTION definers() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
    REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC;
    CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM theirs;
    GRANT ALL ON SCHEMA public TO {other};
    SELECT lo_from_bytea(4711, 'a receipt')";
