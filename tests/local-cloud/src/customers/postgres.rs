//! Logging in to a PostgreSQL database, and using it as an app does.

use std::str::FromStr;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;

use super::Outcome;

/// One dyno's way into the database.
pub(super) struct PostgresLogin {
    /// Quoted.
    table: String,
    keep_session: bool,
    session: Option<Session>,
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
        let config = Config::from_str(value).map_err(|_| Problem::NotAUrl)?;
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

enum Problem {
    NotAUrl,
    /// The server says that this role may not.
    Refused(String),
    /// The server ended the session, by an administrator's hand or by stopping.
    Ended,
    Other(String),
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
        // The server's message can name the role; its code cannot.
        let text = format!("PostgreSQL answered SQLSTATE {}", code.code());
        match code {
            &SqlState::ADMIN_SHUTDOWN => Self::Ended,
            &SqlState::INSUFFICIENT_PRIVILEGE => Self::Refused(text),
            code if code.code().starts_with("28") => Self::Refused(text),
            _ => Self::Other(text),
        }
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotAUrl => Self::Failed("the config var is no postgres:// URL".to_owned()),
            Problem::Refused(text) => Self::Refused(text),
            Problem::Ended => Self::Failed("the server ended the session".to_owned()),
            Problem::Other(text) => Self::Failed(text),
        }
    }
}

impl PostgresLogin {
    pub(super) fn new(app: &str, dyno: &str, keep_session: bool) -> Self {
        let table = format!("logins of {app} {dyno}").replace('"', "\"\"");
        Self {
            table: format!("\"{table}\""),
            keep_session,
            session: None,
            owned_by: None,
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
        let session = match self.session.take() {
            Some(kept) if kept.release == release => kept,
            Some(outdated) => {
                outdated.close().await;
                Session::open(release, value).await?
            }
            None => Session::open(release, value).await?,
        };
        if let Err(error) = self.use_table(&session).await {
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

    /// The first login with each release does what takes the table's owner: an app's migrations
    /// must go on working with the credentials to come.
    async fn use_table(&mut self, session: &Session) -> Result<(), tokio_postgres::Error> {
        let (client, release, table) = (&session.client, session.release, &self.table);
        if self.owned_by != Some(release) {
            let migration = format!(
                "SET client_min_messages TO warning; \
                 CREATE TABLE IF NOT EXISTS {table} (release bigint PRIMARY KEY, logins bigint); \
                 COMMENT ON TABLE {table} IS 'release {release}'"
            );
            client.batch_execute(&migration).await?;
            self.owned_by = Some(release);
        }
        let login = format!(
            "SELECT 1; \
             INSERT INTO {table} AS known VALUES ({release}, 1) \
             ON CONFLICT (release) DO UPDATE SET logins = known.logins + 1; \
             SELECT sum(logins) FROM {table}"
        );
        client.batch_execute(&login).await
    }
}
