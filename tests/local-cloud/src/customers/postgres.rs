//! Logging in to a PostgreSQL database, and using it as an app does.

use std::str::FromStr;

use database_servers::postgres::quote;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;

use super::problem::{LogIn, Problem};

/// One dyno's way into the database.
pub(super) struct PostgresLogin {
    statements: Statements,
    /// The release that has used the table's owner's rights.
    owned_by: Option<u32>,
}

struct Session {
    release: u32,
    client: Client,
    connection: AbortOnDropHandle<()>,
}

impl Session {
    async fn open(release: u32, value: &str) -> Result<Self, Problem> {
        let config = Config::from_str(value).map_err(|_| Problem::not_a_url("postgres"))?;
        let (client, connection) = config.connect(NoTls).await.map_err(Problem::from)?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(code = ?error.code(), "a session ended early");
            }
        });
        Ok(Self {
            release,
            client,
            connection: AbortOnDropHandle::new(connection),
        })
    }

    /// Takes leave of the server.
    async fn close(self) {
        drop(self.client);
        // What happens to a session that is over does not matter.
        let _ = self.connection.await;
    }
}

/// What an app says to its database. Each is one line and answers at most one number.
pub(super) struct Statements {
    /// Quoted.
    table: String,
}

impl Statements {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            table: quote(&format!("logins of {app} {dyno}")),
        }
    }

    /// The first login with each release does what takes the table's owner: an app's migrations
    /// must go on working with the credentials to come.
    pub(super) fn migration(&self, release: u32) -> [String; 3] {
        let Self { table } = self;
        [
            "SET client_min_messages TO warning".to_owned(),
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (release bigint PRIMARY KEY, logins bigint)"
            ),
            format!("COMMENT ON TABLE {table} IS 'release {release}'"),
        ]
    }

    pub(super) fn login(&self, release: u32) -> [String; 2] {
        let Self { table } = self;
        [
            format!(
                "INSERT INTO {table} AS known VALUES ({release}, 1) \
                 ON CONFLICT (release) DO UPDATE SET logins = known.logins + 1"
            ),
            format!("SELECT sum(logins) FROM {table}"),
        ]
    }
}

impl From<tokio_postgres::Error> for Problem {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(code) = error.code() else {
            return if error.is_closed() {
                Self::Ended
            } else {
                Self::Other("the connection failed".to_owned())
            };
        };
        problem_by_code(code.code())
    }
}

pub(super) fn problem_by_code(code: &str) -> Problem {
    // The server's message can name the role; its code cannot.
    let text = format!("PostgreSQL answered SQLSTATE {code}");
    if code == SqlState::INSUFFICIENT_PRIVILEGE.code() || code.starts_with("28") {
        Problem::Refused(text)
    } else if code == SqlState::ADMIN_SHUTDOWN.code() || code == SqlState::CRASH_SHUTDOWN.code() {
        Problem::Ended
    } else {
        Problem::Other(text)
    }
}

impl PostgresLogin {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            statements: Statements::new(app, dyno),
            owned_by: None,
        }
    }
}

impl LogIn for PostgresLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let session = Session::open(release, value).await?;
        let used = self.use_table(&session).await;
        session.close().await;
        Ok(used?)
    }
}

impl PostgresLogin {
    async fn use_table(&mut self, session: &Session) -> Result<(), tokio_postgres::Error> {
        let (client, release) = (&session.client, session.release);
        if self.owned_by != Some(release) {
            let migration = self.statements.migration(release).join(";");
            client.batch_execute(&migration).await?;
            self.owned_by = Some(release);
        }
        let login = self.statements.login(release).join(";");
        client.batch_execute(&login).await
    }
}
