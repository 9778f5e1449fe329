//! A session with the server.

use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{LET_IN, fault, is_login_failure, reason};
use super::guard::{Guarded, GuardedTls, Methods};
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
        let login = Login {
            user: &postgres.username,
            password: postgres.password.expose_secret(),
            methods: Methods::Known,
            channel_binding: ChannelBinding::Prefer,
        };
        open(postgres, context, &postgres.dbname, login, LET_IN).await
    }

    /// The administrator's, in one of the cluster's databases.
    pub(super) async fn administrator(
        postgres: &Postgres,
        context: &Context<'_>,
        database: &str,
        action: &'static str,
    ) -> Result<Self, ServiceError> {
        let login = Login {
            user: context.administrator("username")?,
            password: context.administrator("password")?,
            methods: Methods::Scram,
            channel_binding: channel_binding(context)?,
        };
        open(postgres, context, database, login, action)
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

/// Who logs in, and what the server must do for it.
struct Login<'a> {
    user: &'a str,
    password: &'a str,
    methods: Methods,
    channel_binding: ChannelBinding,
}

/// What the administrator's secret says of channel binding: required, unless a pooler stands between,
/// which has none.
fn channel_binding(context: &Context<'_>) -> Result<ChannelBinding, ServiceError> {
    const FIELD: &str = "channel_binding";
    let (secret, fields) = context.administrators_secret()?;
    match fields.map().get(FIELD).map(|value| value.as_str()) {
        None | Some(Some("require")) => Ok(ChannelBinding::Require),
        Some(Some("prefer")) => Ok(ChannelBinding::Prefer),
        Some(_) => Err(ServiceError::AdministratorOption {
            secret: secret.clone(),
            field: FIELD,
            expected: "\"require\", the default, or \"prefer\", for poolers",
        }),
    }
}

async fn open(
    postgres: &Postgres,
    context: &Context<'_>,
    database: &str,
    login: Login<'_>,
    action: &'static str,
) -> Result<Session, Fault> {
    let service = postgres.service(database);
    let opened = tokio::time::timeout(
        context.deadline.attempt(net::REQUEST_TIMEOUT),
        connect(postgres, context, database, &login),
    );
    let unreachable = |reason| {
        Fault::Other(ServiceError::Unreachable {
            service: service.clone(),
            reason,
        })
    };
    match opened.await {
        Ok(Ok(client)) => Ok(Session {
            client,
            service,
            action,
            deadline: context.deadline,
        }),
        Ok(Err(Failure::Unreachable(reason))) => Err(unreachable(reason)),
        Ok(Err(Failure::Driver(error))) if is_login_failure(&error) => {
            Err(Fault::Login(reason(action, &error)))
        }
        Ok(Err(Failure::Driver(error))) => Err(Fault::Other(fault(service, action, &error))),
        Err(_) => Err(unreachable(Unreachable::Timeout)),
    }
}

enum Failure {
    Unreachable(Unreachable),
    Driver(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

async fn connect(
    postgres: &Postgres,
    context: &Context<'_>,
    database: &str,
    login: &Login<'_>,
) -> Result<Client, Failure> {
    let host = net::without_brackets(&postgres.host);
    let is_plain = context.is_plain(host);
    let mut config = Config::new();
    config
        .dbname(database)
        .user(login.user)
        .password(login.password)
        .application_name("heroku-addon-rotation")
        .ssl_mode(if is_plain {
            SslMode::Disable
        } else {
            SslMode::Require
        })
        .channel_binding(if is_plain {
            ChannelBinding::Prefer
        } else {
            login.channel_binding
        });
    let tcp = net::connect(host, postgres.port, context.deadline)
        .await
        .map_err(Failure::Unreachable)?;
    if is_plain {
        return log_in(&config, Guarded::new(tcp, login.methods), NoTls).await;
    }
    let tls = context
        .tls()
        .map_err(|_| Failure::Unreachable(Unreachable::Protocol))?;
    let Ok(tls) =
        MakeTlsConnect::<TcpStream>::make_tls_connect(&mut MakeRustlsConnect::new(tls), host);
    log_in(&config, tcp, GuardedTls::new(tls, login.methods)).await
}

async fn log_in<S, T>(config: &Config, stream: S, tls: T) -> Result<Client, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: TlsConnect<S>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, tls).await?;
    tokio::spawn(connection);
    Ok(client)
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
