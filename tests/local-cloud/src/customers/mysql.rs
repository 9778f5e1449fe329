//! Logging in to a MySQL or MariaDB database, and using it as an app does.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};

use super::problem::{LogIn, Problem, Statements};

/// One dyno's way into the database.
pub(super) struct MysqlLogin {
    pub(super) statements: AppsStatements,
    /// The release that has migrated the database.
    pub(super) migrated_by: Option<u32>,
}

pub(super) struct AppsStatements {
    table: String,
    view: String,
}

impl AppsStatements {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        let quoted = |what: &str| format!("`{what} of {app} {dyno}`").replace(['.', '\n'], " ");
        Self {
            table: quoted("logins"),
            view: quoted("sum"),
        }
    }
}

impl Statements for AppsStatements {
    /// The view runs as whoever made it, and must go on working when that is revoked.
    fn migration(&self, release: u32) -> Vec<String> {
        let Self { table, view } = self;
        vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (`release` BIGINT PRIMARY KEY, logins BIGINT)"
            ),
            format!("ALTER TABLE {table} COMMENT 'release {release}'"),
            format!("CREATE VIEW IF NOT EXISTS {view} AS SELECT SUM(logins) FROM {table}"),
        ]
    }

    fn login(&self, release: u32) -> Vec<String> {
        let Self { table, view } = self;
        vec![
            format!(
                "INSERT INTO {table} VALUES ({release}, 1) \
                 ON DUPLICATE KEY UPDATE logins = logins + 1"
            ),
            format!("SELECT * FROM {view}"),
        ]
    }
}

pub(super) fn problem_by_code(code: u16) -> Problem {
    // The server's message can name the user; its code cannot.
    let text = format!("the database answered error {code}");
    match code {
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1449 | 1698 | 4151 => Problem::Refused(text),
        // Killed or shut down; the client's own words for it.
        1053 | 1927 | 2006 | 2013 => Problem::Ended,
        _ => Problem::Other(text),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => problem_by_code(error.code),
            Error::Io(_) | Error::Driver(_) => Self::Ended,
            Error::Other(_) | Error::Url(_) => Self::Other("the connection failed".to_owned()),
        }
    }
}

impl LogIn for MysqlLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let options = Opts::from_url(value).map_err(|_| Problem::not_a_url("mysql"))?;
        let options = OptsBuilder::from_opts(options).prefer_socket(false);
        let mut session = Conn::new(options).await?;
        let used = self.use_tables(&mut session, release).await;
        // What happens to a session that is over does not matter.
        let _ = session.disconnect().await;
        Ok(used?)
    }
}

impl MysqlLogin {
    async fn use_tables(&mut self, session: &mut Conn, release: u32) -> Result<(), Error> {
        if self.migrated_by != Some(release) {
            for statement in self.statements.migration(release) {
                session.query_drop(statement).await?;
            }
            self.migrated_by = Some(release);
        }
        for statement in self.statements.login(release) {
            session.query_drop(statement).await?;
        }
        Ok(())
    }
}
