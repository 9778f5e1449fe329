//! What is asked of a session, and what it answers.

use std::collections::BTreeSet;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row, Value as Column};
use serde_json::Value;

use super::instance::{Instance, account};
use crate::mysql_engine::stand::username;
use crate::support::probe::Description;

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
pub(super) async fn answer(session: &mut Conn, statements: &str) -> String {
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

impl Instance<'_> {
    pub(super) async fn describe(&self, value: &Value) -> Description {
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
}
