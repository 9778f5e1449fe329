//! Logging in to a PostgreSQL database, and using it as an app does.

use std::str::FromStr;

use database_servers::postgres::quote;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;

use super::problem::{LogIn, Problem, Statements};

/// One dyno's way into the database.
pub(super) struct PostgresLogin {
    pub(super) statements: AppsStatements,
    /// The release that has used the table's owner's rights.
    pub(super) migrated_by: Option<u32>,
}

pub(super) struct AppsStatements {
    /// Quoted.
    table: String,
}

impl AppsStatements {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            table: quote(&format!("logins of {app} {dyno}")),
        }
    }
}

impl Statements for AppsStatements {
    /// What takes the table's owner must go on working with the credentials to come.
    fn migration(&self, release: u32) -> Vec<String> {
        let Self { table } = self;
        vec![
            "SET client_min_messages TO warning".to_owned(),
            format!(
                "CREATE TABLE IF NOT EXISTS {table} (release bigint PRIMARY KEY, logins bigint)"
            ),
            format!("COMMENT ON TABLE {table} IS 'release {release}'"),
        ]
    }

    fn login(&self, release: u32) -> Vec<String> {
        let Self { table } = self;
        vec![
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
        match error.code() {
            Some(code) => problem_by_code(code.code()),
            None if error.is_closed() => Self::Ended,
            None => Self::Other("the connection failed".to_owned()),
        }
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

impl LogIn for PostgresLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let config = Config::from_str(value).map_err(|_| Problem::not_a_url("postgres"))?;
        let (client, connection) = config.connect(NoTls).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let used = self.use_table(&client, release).await;
        drop(client);
        // What happens to a session that is over does not matter.
        let _ = connection.await;
        Ok(used?)
    }
}

impl PostgresLogin {
    async fn use_table(
        &mut self,
        client: &Client,
        release: u32,
    ) -> Result<(), tokio_postgres::Error> {
        if self.migrated_by != Some(release) {
            let migration = self.statements.migration(release).join(";");
            client.batch_execute(&migration).await?;
            self.migrated_by = Some(release);
        }
        let login = self.statements.login(release).join(";");
        client.batch_execute(&login).await
    }
}
