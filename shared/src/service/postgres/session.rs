//! A session with the server.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{LET_IN, fault, is_login_failure, reason};
use super::{Fault, Postgres};
use crate::deadline::Deadline;
use crate::net::{self, Unreachable};
use crate::service::{Context, ServiceError};

/// The longest that a statement may take, and how long it may wait for a lock.
const STATEMENT: Duration = Duration::from_secs(12);
const LOCK: Duration = Duration::from_secs(4);

/// What is set for each transaction; a pooler may hand the next one to another session.
///
/// The database's owner can set a search path for everybody who connects; the administrator must
/// not call a function from there. The time-outs end before this side gives up, so that a lock makes
/// the server's clear error, and a frozen function holds none.
fn settings(left: Duration) -> String {
    let (statement, lock) = ((left * 4 / 5).min(STATEMENT), (left / 2).min(LOCK));
    // Zero would be for ever.
    let millis = |time: Duration| time.as_millis().max(1);
    format!(
        "SET LOCAL search_path TO pg_catalog; SET LOCAL statement_timeout = {}; \
         SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = '15s'",
        millis(statement),
        millis(lock)
    )
}

/// An open session.
pub(super) struct Session {
    client: Client,
    service: String,
    action: &'static str,
    deadline: Deadline,
}

/// A role as the administrator sees it.
pub(super) struct Role {
    pub(super) oid: String,
    pub(super) connection_limit: String,
    /// It is the administrator itself.
    pub(super) is_administrator: bool,
    /// The administrator has its privileges, as a member or as a superuser.
    pub(super) is_usable: bool,
}

impl Session {
    /// The customer's.
    pub(super) async fn customer(
        postgres: &Postgres,
        context: &Context<'_>,
    ) -> Result<Self, Fault> {
        let password = postgres.password.expose_secret();
        let user = (postgres.username.as_str(), password);
        open(postgres, context, &postgres.dbname, user, LET_IN).await
    }

    /// The administrator's, in one of the cluster's databases.
    pub(super) async fn administrator(
        postgres: &Postgres,
        context: &Context<'_>,
        database: &str,
        action: &'static str,
    ) -> Result<Self, ServiceError> {
        let user = (
            context.administrator("username")?,
            context.administrator("password")?,
        );
        open(postgres, context, database, user, action)
            .await
            .map_err(|fault| match fault {
                Fault::Login(reason) => ServiceError::Administrator {
                    service: postgres.service(database),
                    action,
                    reason,
                },
                Fault::Other(error) => error,
            })
    }

    /// Runs statements as one transaction; the rows that they answer.
    pub(super) async fn transaction(
        &self,
        statements: &str,
    ) -> Result<Vec<SimpleQueryRow>, ServiceError> {
        self.and_then(statements, "COMMIT").await
    }

    /// Runs statements as one transaction that leaves nothing behind; the rows that they answer.
    pub(super) async fn rolled_back(
        &self,
        statements: &str,
    ) -> Result<Vec<SimpleQueryRow>, ServiceError> {
        self.and_then(statements, "ROLLBACK").await
    }

    async fn and_then(
        &self,
        statements: &str,
        end: &str,
    ) -> Result<Vec<SimpleQueryRow>, ServiceError> {
        let settings = settings(self.deadline.attempt(net::REQUEST_TIMEOUT));
        self.query(&format!("BEGIN; {settings}; {statements}; {end}"))
            .await
    }

    /// The role that a customer's session acts as.
    pub(super) async fn current_user(&self) -> Result<String, ServiceError> {
        let rows = self.query("SELECT current_user").await?;
        Ok(rows.first().map(|row| column(row, 0)).unwrap_or_default())
    }

    /// A role, if there is one of this name.
    pub(super) async fn role(&self, name: &str) -> Result<Option<Role>, ServiceError> {
        let rows = self
            .transaction(&format!(
                "SELECT oid, rolconnlimit, rolname = current_user, pg_has_role(oid, 'USAGE') \
                 FROM pg_roles WHERE rolname = {}",
                literal(name)
            ))
            .await?;
        Ok(rows.first().map(|row| Role {
            oid: column(row, 0),
            connection_limit: column(row, 1),
            is_administrator: row.get(2) == Some("t"),
            is_usable: row.get(3) == Some("t"),
        }))
    }

    /// What makes a membership give its privileges, whatever the member's own attribute says. Before
    /// version 16 the attribute decides.
    pub(super) async fn with_inherit(&self) -> Result<&'static str, ServiceError> {
        let newer = "SELECT 1 WHERE current_setting('server_version_num')::int >= 160000";
        Ok(if self.transaction(newer).await?.is_empty() {
            ""
        } else {
            " WITH INHERIT TRUE, SET TRUE"
        })
    }

    pub(super) fn rejected(&self, reason: String) -> ServiceError {
        ServiceError::Rejected {
            service: self.service.clone(),
            action: self.action,
            reason,
        }
    }

    pub(super) fn unavailable(&self, reason: String) -> ServiceError {
        ServiceError::Unavailable {
            service: self.service.clone(),
            action: self.action,
            reason,
            retry_after: None,
        }
    }

    async fn query(&self, statements: &str) -> Result<Vec<SimpleQueryRow>, ServiceError> {
        // The simple protocol: poolers in transaction mode know no prepared statements.
        let answer = tokio::time::timeout(
            self.deadline.attempt(net::REQUEST_TIMEOUT),
            self.client.simple_query(statements),
        );
        match answer.await {
            Ok(Ok(messages)) => Ok(messages
                .into_iter()
                .filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                })
                .collect()),
            Ok(Err(error)) => Err(fault(self.service.clone(), self.action, &error)),
            Err(_) => Err(ServiceError::Unreachable {
                service: self.service.clone(),
                reason: Unreachable::Timeout,
            }),
        }
    }
}

async fn open(
    postgres: &Postgres,
    context: &Context<'_>,
    database: &str,
    (user, password): (&str, &str),
    action: &'static str,
) -> Result<Session, Fault> {
    let loopback = net::is_loopback(&postgres.host);
    let mut config = Config::new();
    config
        .host(&postgres.host)
        .port(postgres.port)
        .dbname(database)
        .user(user)
        .password(password)
        .application_name("heroku-addon-rotation")
        .connect_timeout(net::CONNECT_TIMEOUT)
        .ssl_mode(if loopback {
            SslMode::Disable
        } else {
            SslMode::Require
        });
    let service = postgres.service(database);
    let unreachable = |reason| {
        Fault::Other(ServiceError::Unreachable {
            service: service.clone(),
            reason,
        })
    };
    let left = context.deadline.attempt(net::REQUEST_TIMEOUT);
    let opened = tokio::time::timeout(left, async {
        if loopback {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            return Ok(Some(client));
        }
        let Ok(tls) = context.tls() else {
            return Ok(None);
        };
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
        tokio::spawn(connection);
        Ok(Some(client))
    });
    match opened.await {
        Ok(Ok(Some(client))) => Ok(Session {
            client,
            service,
            action,
            deadline: context.deadline,
        }),
        Ok(Ok(None)) => Err(unreachable(Unreachable::Protocol)),
        Ok(Err(error)) if is_login_failure(&error) => Err(Fault::Login(reason(action, &error))),
        Ok(Err(error)) => Err(Fault::Other(fault(service, action, &error))),
        Err(_) => Err(unreachable(Unreachable::Timeout)),
    }
}

/// A column's text; nothing for NULL.
pub(super) fn column(row: &SimpleQueryRow, index: usize) -> String {
    row.get(index).unwrap_or_default().to_owned()
}

pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn literal(text: &str) -> String {
    // E'' with doubled backslashes is safe whatever `standard_conforming_strings` says.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_break_out_of_their_quotes() {
        assert_eq!(
            identifier(r#"a"; DROP ROLE b; --"#),
            r#""a""; DROP ROLE b; --""#
        );
        assert_eq!(
            literal(r"a\'; DROP ROLE b; --"),
            r"E'a\\''; DROP ROLE b; --'"
        );
    }
}
