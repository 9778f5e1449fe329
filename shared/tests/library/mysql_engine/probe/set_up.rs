//! What an imported user may have and be: generated.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::{select, subsequence};

use crate::mysql_engine::stand::Server;

#[derive(Clone, Debug)]
pub(super) struct SetUp {
    pub(super) name: &'static str,
    /// Of its accounts; the first one is there always.
    pub(super) hosts: Vec<&'static str>,
    /// The imported login still lives when the second version comes.
    pub(super) within_grace: bool,
    /// Statements of a superuser's.
    pub(super) statements: Vec<String>,
}

/// One is the session's. Of two that are, MySQL takes either for privileges on tables.
const LOCAL: &[&str] = &["127.0.0.1", "127.0.0.0/255.0.0.0", "127.%"];
const OTHERS: &[&str] = &["localhost", "::1", "%.example"];
const ANYWHERE: &str = "%";
/// From where nobody comes.
pub(super) const ELSEWHERE: &str = "10.%";

const NAMES: &[&str] = &["login", "log`in'", "lo%g_in", "lög in"];

/// With a default role, MariaDB takes the privileges of any account that the session might have.
pub(super) fn set_ups(server: Server) -> impl Strategy<Value = SetUp> {
    let hosts = (subsequence(LOCAL, 0..=1), subsequence(OTHERS, 0..=1));
    let statements = vec(statement(server), 0..=14);
    (select(NAMES), hosts, any::<bool>(), statements)
        .prop_map(|(name, (local, others), within_grace, statements)| SetUp {
            name,
            hosts: [&[ANYWHERE, ELSEWHERE][..], &local, &others].concat(),
            within_grace,
            statements,
        })
        .prop_filter(
            "either account is its own, by MariaDB",
            move |it: &SetUp| {
                let is_local = it.hosts.iter().any(|host| LOCAL.contains(host));
                let has_default = it.statements.iter().any(|it| it.contains("DEFAULT ROLE"));
                server == Server::MySql || !is_local || !has_default
            },
        )
}

/// `{account}` is one of the login's; `{reader}` and `{writer}` are roles.
fn statement(server: Server) -> impl Strategy<Value = String> {
    let grants = [GRANTS, server.either(GRANTS_OF_MARIADB, GRANTS_OF_MYSQL)].concat();
    let option = select(&["", "", " WITH GRANT OPTION"][..]);
    let grants = (select(grants), option)
        .prop_map(|(grant, option)| format!("GRANT {grant} TO {{account}}{option}"));
    let (reader, writer) = ("{reader}", "{writer}");
    let by_default = |role| {
        let default = server.set_default_role(role, "{account}");
        format!("GRANT {role} TO {{account}}; {default}")
    };
    let roles = select(vec![
        format!("GRANT {reader} TO {{account}}"),
        format!("GRANT {writer} TO {{account}} WITH ADMIN OPTION"),
        by_default(reader),
        by_default(writer),
    ]);
    let account = [
        ATTRIBUTES,
        server.either(ATTRIBUTES_OF_MARIADB, ATTRIBUTES_OF_MYSQL),
    ]
    .concat();
    let account = select(account).prop_map(|it| format!("ALTER USER {{account}} {it}"));
    let elsewhere = select(REQUIREMENTS).prop_map(|it| format!("ALTER USER {{elsewhere}} {it}"));
    let any = proptest::prop_oneof![4 => grants, 2 => roles, 2 => account, 1 => elsewhere];
    // Of the accounts, the one of this number.
    (any, 0..4)
        .prop_map(|(statement, number)| statement.replace("{account}", &format!("{{{number}}}")))
}

const GRANTS: &[&str] = &[
    "SELECT ON *.*",
    "PROCESS, RELOAD, SHOW DATABASES ON *.*",
    "FILE, LOCK TABLES ON *.*",
    "CREATE USER ON *.*",
    "ALL PRIVILEGES ON {shop}.*",
    "SELECT, INSERT, LOCK TABLES ON {shop}.*",
    "CREATE, ALTER, DROP, INDEX ON {shop}.*",
    "CREATE VIEW, SHOW VIEW, TRIGGER, EVENT ON {shop}.*",
    "CREATE ROUTINE, ALTER ROUTINE, EXECUTE ON {shop}.*",
    "CREATE TEMPORARY TABLES ON {shop}.*",
    "ALL PRIVILEGES ON `sh%p`.*",
    "SELECT (id), INSERT (id), UPDATE (price) ON {shop}.goods",
    "SELECT, DELETE ON {shop}.goods",
    "CREATE, ALTER, DROP ON {shop}.goods",
    "SELECT, SHOW VIEW ON {shop}.cheap",
    "SELECT (`a``b (x)`) ON {shop}.`odd ``name`",
    "EXECUTE ON PROCEDURE {shop}.restock",
    "EXECUTE, ALTER ROUTINE ON PROCEDURE {shop}.invoked",
    "EXECUTE ON FUNCTION {shop}.worth",
];
const GRANTS_OF_MARIADB: &[&str] = &[
    "CONNECTION ADMIN, BINLOG MONITOR ON *.*",
    "SET USER, READ_ONLY ADMIN ON *.*",
    "DELETE HISTORY ON {shop}.goods",
];
const GRANTS_OF_MYSQL: &[&str] = &[
    "CONNECTION_ADMIN, BACKUP_ADMIN ON *.*",
    "SYSTEM_VARIABLES_ADMIN ON *.*",
    "SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER ON *.*",
    "CREATE ROLE, DROP ROLE ON *.*",
];

const ATTRIBUTES: &[&str] = &[
    "WITH MAX_QUERIES_PER_HOUR 100000 MAX_UPDATES_PER_HOUR 90000",
    "WITH MAX_CONNECTIONS_PER_HOUR 8000 MAX_USER_CONNECTIONS 70",
    "PASSWORD EXPIRE NEVER",
    "PASSWORD EXPIRE INTERVAL 30 DAY",
    "PASSWORD EXPIRE DEFAULT",
];
const ATTRIBUTES_OF_MARIADB: &[&str] = &["WITH MAX_STATEMENT_TIME 25.5"];
const ATTRIBUTES_OF_MYSQL: &[&str] = &[
    "PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 10 DAY",
    "PASSWORD REQUIRE CURRENT OPTIONAL",
    "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED",
    "FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME 2",
    "COMMENT 'it''s \\\\ \"the app\" é'",
    "ATTRIBUTE '{\"team\": \"shop\", \"n\": [1, null]}'",
];
const REQUIREMENTS: &[&str] = &[
    "REQUIRE SSL",
    "REQUIRE X509",
    "REQUIRE SUBJECT '/CN=it''s' AND ISSUER '/CN=a\\\\b' AND CIPHER 'AES'",
];

/// What is there already.
pub(super) const OBJECTS: &[&str] = &[
    "CREATE DATABASE {shop}",
    "CREATE TABLE {shop}.goods (id INT PRIMARY KEY, price INT)",
    "CREATE TABLE {shop}.late (id INT PRIMARY KEY)",
    "CREATE TABLE {shop}.empty (id INT PRIMARY KEY)",
    "CREATE TABLE {shop}.`odd ``name` (`a``b (x)` INT, other INT)",
    "INSERT INTO {shop}.goods VALUES (1, 5)",
    "CREATE VIEW {shop}.cheap AS SELECT id FROM {shop}.goods WHERE price < 9",
    "CREATE PROCEDURE {shop}.restock() SELECT CURRENT_USER()",
    "CREATE PROCEDURE {shop}.invoked() SQL SECURITY INVOKER SELECT COUNT(*) FROM {shop}.goods",
    "CREATE FUNCTION {shop}.worth() RETURNS INT DETERMINISTIC RETURN 5",
    "CREATE ROLE {reader}",
    "CREATE ROLE {writer}",
    "GRANT SELECT ON {shop}.* TO {reader}",
    "GRANT INSERT, UPDATE, DELETE, EXECUTE ON {shop}.* TO {writer}",
    "GRANT {reader} TO operator@'127.0.0.1' WITH ADMIN OPTION",
    "GRANT {writer} TO operator@'127.0.0.1' WITH ADMIN OPTION",
    "CREATE USER {other} IDENTIFIED BY 'theirs'",
];
