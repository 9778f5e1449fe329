//! What a session of a version is and can do, beside the imported login's: over generated set-ups.

mod set_up;

use std::cell::Cell;
use std::collections::BTreeSet;

use addon_rotation::service::Verdict;
use local_cloud::tools::LATER_MARIADB;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row, Value as Column};
use serde_json::Value;
use tokio::runtime::Runtime;

use self::set_up::{ELSEWHERE, OBJECTS, SetUp, set_ups};
use super::stand::{Server, Stand, username};
use crate::support::probe::{Description, Differences, Documented, try_all};
use crate::support::{document, issue, next_document, random, revoke, serving, soon, version_id};

/// What differs and may, each with its sentence on the page for operators.
const DOCUMENTED: &[Documented] = &[(
    "ALTER VIEW",
    "Refused by the server (1227). Use `CREATE OR REPLACE VIEW`",
)];

/// What a session tries. What changes something changes it to what it is, or is taken back.
const TRIES: &[&str] = &[
    "SELECT id FROM {shop}.goods",
    "SELECT * FROM {shop}.goods",
    "SELECT * FROM {shop}.cheap",
    "SELECT * FROM {shop}.late",
    "SELECT `a``b (x)` FROM {shop}.`odd ``name`",
    "START TRANSACTION; INSERT INTO {shop}.goods (id) VALUES (7); ROLLBACK",
    "START TRANSACTION; INSERT INTO {shop}.goods VALUES (8, 8); ROLLBACK",
    "START TRANSACTION; UPDATE {shop}.goods SET price = price + 1; ROLLBACK",
    "START TRANSACTION; DELETE FROM {shop}.goods; ROLLBACK",
    "TRUNCATE TABLE {shop}.empty",
    "CREATE TABLE IF NOT EXISTS {shop}.goods (id INT)",
    "CREATE DATABASE IF NOT EXISTS {shop}",
    "ALTER TABLE {shop}.goods COMMENT 'theirs'",
    "DROP TABLE IF EXISTS {shop}.none",
    "DROP VIEW IF EXISTS {shop}.none",
    "CREATE TEMPORARY TABLE {shop}.passing (id INT); DROP TEMPORARY TABLE {shop}.passing",
    "LOCK TABLES {shop}.goods READ; UNLOCK TABLES",
    "SHOW CREATE VIEW {shop}.cheap",
    "CALL {shop}.restock()",
    "CALL {shop}.invoked()",
    "SELECT {shop}.worth()",
    "ALTER PROCEDURE {shop}.invoked COMMENT 'theirs'",
    "DROP PROCEDURE IF EXISTS {shop}.none",
    "DROP EVENT IF EXISTS {shop}.none",
    "SHOW TABLES FROM {shop} LIKE 'late'",
    "SHOW DATABASES LIKE 'shop%'",
    "SELECT COUNT(*) > 0 FROM information_schema.PROCESSLIST WHERE USER = 'root'",
    "FLUSH STATUS",
    "SET GLOBAL max_connect_errors = 100",
    "SET SESSION sort_buffer_size = 400000",
    "CREATE USER IF NOT EXISTS {other}",
    "GRANT SELECT ON {shop}.goods TO {other}",
    "GRANT SELECT ON {shop}.* TO {other}",
    "GRANT {writer} TO {other}",
    "SET ROLE {reader}; SELECT CURRENT_ROLE(); SELECT * FROM {shop}.late",
    "SET ROLE {writer}; SELECT CURRENT_ROLE()",
    "SET ROLE NONE; SELECT CURRENT_ROLE()",
];

/// What the server says of a session.
const IS: &[&str] = &[
    "SUBSTRING_INDEX(CURRENT_USER(), '@', -1)",
    "SUBSTRING_INDEX(CURRENT_USER(), '@', 1)",
    "CURRENT_ROLE()",
    "DATABASE()",
    "@@proxy_user",
];

/// Settings of each session's own.
const PASSING: &str = "^(timestamp|pseudo_thread_id|rand_seed.|.*insert_id|identity|(error|warning)_count|.*gtid.*|in_transaction|statement_id)$";

/// The rows that statements answer, or the server's code.
async fn answer(session: &mut Conn, statements: &str) -> String {
    let mut answers = Vec::new();
    for statement in statements.split("; ") {
        match session.query::<Row, _>(statement).await {
            Ok(rows) => answers.extend(rows.into_iter().map(text)),
            Err(mysql_async::Error::Server(error)) => answers.push(error.code.to_string()),
            Err(error) => answers.push(error.to_string()),
        }
    }
    answers.join(", ")
}

fn text(row: Row) -> String {
    let columns = row.unwrap().into_iter().map(|column| match column {
        Column::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true),
    });
    columns.collect::<Vec<_>>().join(" ")
}

/// The server lists privileges and columns in the order of a hash table.
fn in_order(line: &str) -> String {
    let mut words: Vec<&str> = line.split([' ', ',', '(', ')']).collect();
    words.sort_unstable();
    words.join(" ")
}

/// Limits that were set to none are none, and MySQL says so.
fn without_limits_of_none(line: &str) -> String {
    let limits = [
        "QUERIES_PER_HOUR",
        "UPDATES_PER_HOUR",
        "CONNECTIONS_PER_HOUR",
        "USER_CONNECTIONS",
    ];
    let line = limits.iter().fold(line.to_owned(), |line, limit| {
        line.replace(&format!(" MAX_{limit} 0"), "")
    });
    line.replace(" WITH PASSWORD", " PASSWORD")
}

fn account(value: &Value, host: &str) -> String {
    format!("'{}'@'{host}'", username(value).replace('\'', "''"))
}

/// A set-up at a server.
struct Instance<'a> {
    stand: &'a Stand,
    set_up: &'a SetUp,
    number: u32,
    imported: Value,
}

impl<'a> Instance<'a> {
    async fn make(stand: &'a Stand, set_up: &'a SetUp, number: u32) -> Self {
        let password = random();
        let mut imported = stand.imported.clone();
        imported["username"] = format!("{}{number}", set_up.name).into();
        imported["password"] = password.as_str().into();
        imported["dbname"] = format!("shop{number}").into();
        let it = Self {
            stand,
            set_up,
            number,
            imported,
        };
        let mut superuser = stand.server.connect().await.unwrap();
        let accounts = set_up.hosts.iter().map(|host| {
            format!(
                "CREATE USER {} IDENTIFIED BY '{password}'",
                account(&it.imported, host)
            )
        });
        let session = format!(
            "GRANT SELECT ON {{shop}}.empty TO {}",
            account(&it.imported, "%")
        );
        let statements = OBJECTS.iter().map(ToString::to_string).chain(accounts);
        for statement in statements
            .chain([session])
            .chain(set_up.statements.iter().cloned())
        {
            for statement in it.fill(&statement).split("; ") {
                let done = superuser.query_drop(statement).await;
                done.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        }
        for host in &set_up.hosts[2..] {
            let grant = format!(
                "GRANT SELECT ON {{shop}}.empty TO {}",
                account(&it.imported, host)
            );
            superuser.query_drop(it.fill(&grant)).await.unwrap();
        }
        // What MySQL would forget at any later time is forgotten now: routines' privileges of names beyond ASCII.
        superuser.query_drop("FLUSH PRIVILEGES").await.unwrap();
        it
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.replace("{elsewhere}", &account(&self.imported, ELSEWHERE));
        for number in 0..4 {
            let host = self.set_up.hosts[number % self.set_up.hosts.len()];
            text = text.replace(&format!("{{{number}}}"), &account(&self.imported, host));
        }
        for name in ["shop", "reader", "writer", "other"] {
            text = text.replace(&format!("{{{name}}}"), &format!("{name}{}", self.number));
        }
        text
    }

    /// What each version makes: whatever it may.
    async fn makes(&self, value: &Value, version: &str) {
        let mut session = self.stand.session(value).await;
        let shop = format!("shop{}", self.number);
        for made in [
            "TABLE {} (id INT)",
            "VIEW {}_v AS SELECT id FROM goods",
            "PROCEDURE {}_p() SELECT COUNT(*) FROM goods",
        ] {
            let made = made.replace("{}", &format!("made_{version}"));
            answer(&mut session, &format!("USE {shop}")).await;
            answer(&mut session, &format!("CREATE {made}")).await;
        }
    }

    async fn describe(&self, value: &Value) -> Description {
        let mut description = Description::new();
        let mut session = self.stand.session(value).await;
        answer(&mut session, &format!("USE shop{}", self.number)).await;
        for when in ["", "after a reset: "] {
            for is in IS {
                let answered = answer(&mut session, &format!("SELECT {is}")).await;
                description.insert(format!("{when}is {is}"), answered);
            }
            let settings =
                format!("SHOW SESSION VARIABLES WHERE Variable_name NOT RLIKE '{PASSING}'");
            for row in session
                .query::<(String, String), _>(settings)
                .await
                .unwrap()
            {
                description.insert(format!("{when}setting {}", row.0), row.1);
            }
            for statements in TRIES.iter().filter(|_| when.is_empty()) {
                let tried = answer(&mut session, &self.fill(statements)).await;
                description.insert((*statements).to_owned(), in_order(&tried));
            }
            session.reset().await.unwrap();
        }
        answer(&mut session, &format!("USE shop{}", self.number)).await;
        let made = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = 'shop{}' AND TABLE_NAME RLIKE '^made_[^v]*$'",
            self.number
        );
        for (what, uses) in [
            (
                "table",
                "INSERT INTO {} VALUES (1); ALTER TABLE {} COMMENT 'a'",
            ),
            ("view", "SELECT COUNT(*) FROM {}_v"),
            ("procedure", "CALL {}_p(); ALTER PROCEDURE {}_p COMMENT 'a'"),
            ("ALTER VIEW", "ALTER VIEW {}_v AS SELECT id FROM goods"),
        ] {
            let mut answers = BTreeSet::new();
            for table in self.stand.server.column(&made).await.unwrap() {
                answers.insert(answer(&mut session, &uses.replace("{}", &table)).await);
            }
            description.insert(
                format!("uses what was made: {what}"),
                format!("{answers:?}"),
            );
        }
        // Ends its own session, by another.
        let other = self.stand.session(value).await;
        let ended = answer(&mut session, &format!("KILL {}", other.id())).await;
        description.insert("ends its own".to_owned(), ended);
        self.accounts(value, &mut description).await;
        let name = username(value);
        for is in description.values_mut() {
            *is = is.replace(name, "NAME");
        }
        description
    }

    /// All that the server says of the accounts, but passwords' hashes.
    async fn accounts(&self, value: &Value, description: &mut Description) {
        let name = username(value).replace('\'', "''");
        let hosts = format!("SELECT Host FROM mysql.user WHERE User = '{name}'");
        for host in self.stand.server.column(&hosts).await.unwrap() {
            let account = account(value, &host);
            for query in ["SHOW CREATE USER", "SHOW GRANTS FOR"] {
                let lines = self
                    .stand
                    .server
                    .column(&format!("{query} {account}"))
                    .await
                    .unwrap();
                let lines = lines.iter().map(|line| {
                    // MySQL shows what is no text as a number.
                    let begins = ["PASSWORD '*", "AS 0x", "AS '$A$"];
                    let hash = begins.iter().find_map(|it| line.find(it));
                    let hash = hash.and_then(|at| line[at..].split(' ').nth(1));
                    let line = hash.map_or(line.clone(), |hash| line.replace(hash, "…"));
                    let quoted = username(value).replace('`', "``");
                    let line = line.replace(&format!("`{quoted}`@"), "NAME@");
                    in_order(&without_limits_of_none(&line))
                });
                let lines: BTreeSet<String> = lines.collect();
                description.insert(format!("{query} …@{host}"), format!("{lines:#?}"));
            }
        }
    }

    async fn issued(&self, value: &Value) -> Result<Value, String> {
        let next = next_document(value, &version_id());
        let stand = self.stand;
        // Repeated, it adds and takes nothing.
        for _ in 0..2 {
            let issued = issue(&stand.services, &stand.administrator, &document(&next)).await;
            issued.map_err(|error| error.to_string())?;
        }
        match stand.verdict(&next).await {
            Verdict::Accepted => Ok(next),
            Verdict::Refused => Err("the new credential is refused".to_owned()),
        }
    }

    async fn revoked(&self, value: &Value) -> Result<(), String> {
        let (stand, old) = (self.stand, document(value));
        let revoked = revoke(&stand.services, &stand.administrator, &old).await;
        revoked.map_err(|error| error.to_string())?;
        match stand.verdict(value).await {
            Verdict::Refused => Ok(()),
            Verdict::Accepted => Err("the old credential is accepted".to_owned()),
        }
    }

    async fn rehearsed(&self) -> Result<(), String> {
        let never = document(&next_document(&self.imported, &version_id()));
        let administrator = serving(&self.stand.administrator, &never);
        let rehearsed = self.stand.services.rehearse(&never, &administrator, soon());
        rehearsed.await.map_err(|error| error.to_string())
    }

    async fn compare(&self, differences: &Differences) -> Result<(), String> {
        self.makes(&self.imported, "imported").await;
        let expected = self.describe(&self.imported).await;
        self.rehearsed().await?;
        let is = self.describe(&self.imported).await;
        differences.between(&expected, &is, "after a rehearsal")?;
        let mut live = vec![self.imported.clone()];
        for rotation in ["first", "second"] {
            live.push(self.issued(&live[live.len() - 1]).await?);
            for (index, value) in live.iter().enumerate() {
                self.makes(value, &format!("{rotation}_{index}")).await;
            }
            for (index, value) in live.iter().enumerate() {
                let when = format!("{rotation} rotation, version {index} of {}", live.len());
                differences.between(&expected, &self.describe(value).await, &when)?;
            }
            while live.len() > 1 && (rotation == "second" || !self.set_up.within_grace) {
                self.revoked(&live.remove(0)).await?;
            }
        }
        differences.between(&expected, &self.describe(&live[0]).await, "after all")
    }

    /// Nothing of it is there any more.
    async fn remove(self) {
        let users = format!(
            "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user \
             WHERE User LIKE 'u\\_%' OR User RLIKE '[^0-9]{}$'",
            self.number
        );
        let roles = ["reader", "writer"].map(|role| format!("DROP ROLE {role}{}", self.number));
        let database = format!("DROP DATABASE shop{}", self.number);
        self.stand.execute(&[&database, &roles[0], &roles[1]]).await;
        for user in self.stand.server.column(&users).await.unwrap() {
            self.stand.execute(&[&format!("DROP USER {user}")]).await;
        }
    }
}

fn every_version_is_the_same_session(server: Server, few: u32) {
    let runtime = Runtime::new().unwrap();
    let stand = runtime.block_on(async {
        let stand = Stand::start(server).await;
        let administrator = "operator@'127.0.0.1'";
        let all = format!("GRANT ALL PRIVILEGES ON *.* TO {administrator} WITH GRANT OPTION");
        stand.execute(&[&all]).await;
        if server == Server::MySql {
            stand
                .execute(&["SET GLOBAL print_identified_with_as_hex = ON"])
                .await;
        }
        stand
    });
    let (differences, number) = (Differences::new(DOCUMENTED), Cell::new(0));
    try_all(
        &runtime,
        few,
        &differences,
        &set_ups(server),
        &async |set_up: &SetUp| {
            number.set(number.get() + 1);
            let instance = Instance::make(&stand, set_up, number.get()).await;
            let compared = instance.compare(&differences).await;
            instance.remove().await;
            compared
        },
    );
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_mariadb() {
    every_version_is_the_same_session(Server::MariaDb, 6);
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_later_mariadb() {
    for server in (0..LATER_MARIADB.len()).map(Server::LaterMariaDb) {
        every_version_is_the_same_session(server, 2);
    }
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_mysql() {
    every_version_is_the_same_session(Server::MySql, 6);
}
