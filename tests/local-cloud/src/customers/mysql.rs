//! Logging in to a MySQL or MariaDB database, and using it as an app does.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};

use super::Outcome;

/// One dyno's way into the database.
pub(super) struct MysqlLogin {
    statements: Statements,
    keep_session: bool,
    session: Option<Session>,
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

pub(super) enum Problem {
    NotAUrl,
    /// The server says that this user may not.
    Refused(String),
    /// The server ended the session, by an administrator's hand or by stopping.
    Ended,
    Other(String),
}

impl Problem {
    /// The server's message can name the user; its code cannot.
    pub(super) fn by_code(code: u16) -> Self {
        let text = format!("the database answered error {code}");
        match code {
            1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1449 | 1698 | 4151 => Self::Refused(text),
            // Killed or shut down; the client's own words for it.
            1053 | 1927 | 2006 | 2013 => Self::Ended,
            _ => Self::Other(text),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => Self::by_code(error.code),
            Error::Io(_) | Error::Driver(_) => Self::Ended,
            Error::Other(_) | Error::Url(_) => Self::Other("the connection failed".to_owned()),
        }
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotAUrl => Self::Failed("the config var is no mysql:// URL".to_owned()),
            Problem::Refused(text) => Self::Refused(text),
            Problem::Ended => Self::Failed("the server ended the session".to_owned()),
            Problem::Other(text) => Self::Failed(text),
        }
    }
}

impl Session {
    async fn open(release: u32, value: &str) -> Result<Self, Problem> {
        let options = Opts::from_url(value).map_err(|_| Problem::NotAUrl)?;
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
    pub(super) fn new(app: &str, dyno: &str, keep_session: bool) -> Self {
        Self {
            statements: Statements::new(app, dyno),
            keep_session,
            session: None,
            migrated_by: None,
        }
    }

    pub(super) async fn log_in(&mut self, release: u32, value: &str) -> Outcome {
        match self.try_once(release, value).await {
            Ok(()) => Outcome::Accepted,
            // Whether the credential has ended with the session is known by trying it again.
            Err(Problem::Ended) => match self.try_once(release, value).await {
                Ok(()) => Problem::Ended.into(),
                Err(problem) => problem.into(),
            },
            Err(problem) => problem.into(),
        }
    }

    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let mut session = match self.session.take() {
            Some(kept) if kept.release == release => kept,
            Some(outdated) => {
                outdated.close().await;
                Session::open(release, value).await?
            }
            None => Session::open(release, value).await?,
        };
        if let Err(error) = self.use_tables(&mut session).await {
            session.close().await;
            return Err(error.into());
        }
        if self.keep_session {
            self.session = Some(session);
        } else {
            session.close().await;
        }
        Ok(())
    }

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
