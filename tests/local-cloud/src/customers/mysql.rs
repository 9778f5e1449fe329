//! Logging in to a MySQL or MariaDB database, and using it as an app does.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};

use super::problem::{LogIn, Problem};

/// One dyno's way into the database.
pub(super) struct MysqlLogin {
    statements: Statements,
    /// The release that has migrated the database.
    migrated_by: Option<u32>,
}

struct Session {
    release: u32,
    connection: Conn,
}

/// What an app says to its database. Each is one line and answers at most one number.
pub(super) struct Statements {
    table: String,
    view: String,
}

impl Statements {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        let quoted = |what: &str| format!("`{what} of {app} {dyno}`").replace(['.', '\n'], " ");
        Self {
            table: quoted("logins"),
            view: quoted("sum"),
        }
    }

    /// The first login with each release does what an app's migrations do. The view runs as
    /// whoever made it, and must go on working when that is revoked.
    pub(super) fn migration(&self, release: u32) -> [String; 3] {
        let Self { table, view } = self;
        [
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (`release` BIGINT PRIMARY KEY, logins BIGINT)"
            ),
            format!("ALTER TABLE {table} COMMENT 'release {release}'"),
            format!("CREATE VIEW IF NOT EXISTS {view} AS SELECT SUM(logins) FROM {table}"),
        ]
    }

    pub(super) fn login(&self, release: u32) -> [String; 2] {
        let Self { table, view } = self;
        [
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

impl Session {
    async fn open(release: u32, value: &str) -> Result<Self, Problem> {
        let options = Opts::from_url(value).map_err(|_| Problem::not_a_url("mysql"))?;
        let options = OptsBuilder::from_opts(options).prefer_socket(false);
        Ok(Self {
            release,
            connection: Conn::new(options).await?,
        })
    }

    /// Takes leave of the server.
    async fn close(self) {
        // What happens to a session that is over does not matter.
        let _ = self.connection.disconnect().await;
    }
}

impl MysqlLogin {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            statements: Statements::new(app, dyno),
            migrated_by: None,
        }
    }
}

impl LogIn for MysqlLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let mut session = Session::open(release, value).await?;
        let used = self.use_tables(&mut session).await;
        session.close().await;
        Ok(used?)
    }
}

impl MysqlLogin {
    async fn use_tables(&mut self, session: &mut Session) -> Result<(), Error> {
        let release = session.release;
        if self.migrated_by != Some(release) {
            for statement in self.statements.migration(release) {
                session.connection.query_drop(statement).await?;
            }
            self.migrated_by = Some(release);
        }
        for statement in self.statements.login(release) {
            session.connection.query_drop(statement).await?;
        }
        Ok(())
    }
}
