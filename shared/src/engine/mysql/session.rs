//! A session at the server: opened with TLS, bounded in time, in one SQL mode whatever the
//! server's is.

use std::borrow::Cow;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, SslOpts, Value};

use super::fault::{Fault, READ_ONLY};
use super::sha256;
use crate::deadline::{Deadline, Transient as _};
use crate::engine::{CallError, Cause, Kind, ServiceError};
use crate::net::{self, Roots, Unreachable};

/// The driver would ask the server, which the limit of queries per hour counts.
const LARGEST_PACKET: usize = 16 * 1024 * 1024;

/// The longest that a session's polite end may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A row of texts, as the text protocol sends them; `None` is `NULL`.
pub(super) type Row = Vec<Option<String>>;

/// Whose SQL the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    MariaDb,
    MySql,
}

/// Where to log in, and as whom.
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: Option<&'a str>,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    /// A customer's, and not the administrator's, whose password goes to no server by a plugin that it has no need of.
    pub(super) is_customers: bool,
    /// In plain text instead of TLS.
    pub(super) is_plain: bool,
    pub(super) roots: &'a Roots,
}

impl Login<'_> {
    fn options(&self, addresses: Vec<IpAddr>) -> Opts {
        let host = net::without_brackets(self.host);
        // The driver makes its own TLS configuration and takes none: with ring and Mozilla's roots
        // like ours, certificate and host name verified.
        let tls = (!self.is_plain).then(|| {
            let bundle = self.roots.bundle().iter();
            let roots = bundle.map(|certificate| certificate.to_vec().into());
            SslOpts::default().with_root_certs(roots.collect())
        });
        OptsBuilder::default()
            .ip_or_hostname(host)
            .resolved_ips(Some(addresses))
            .tcp_port(self.port)
            .db_name(self.database)
            .user(Some(self.user))
            .pass(Some(self.password))
            .ssl_opts(tls)
            .prefer_socket(false)
            .max_allowed_packet(Some(LARGEST_PACKET))
            .wait_timeout(Some(0))
            .into()
    }
}

/// Logs in. A refusal counts if the server says it twice: the driver's ed25519 cuts a zero off the
/// server's challenge, and one login of 256 is refused for that.
pub(super) async fn connect(login: &Login<'_>, deadline: Deadline) -> Result<Conn, Fault> {
    match connect_once(login, deadline).await {
        Err(fault) if fault.is_login() => connect_once(login, deadline).await,
        result => result,
    }
}

async fn connect_once(login: &Login<'_>, deadline: Deadline) -> Result<Conn, Fault> {
    let connecting = async {
        // The driver's own error does not say that a name has no address.
        let host = net::without_brackets(login.host);
        let found = net::resolve(host, login.port).await;
        let addresses = found.map_err(Fault::Unreachable)?;
        let ips = addresses.iter().map(SocketAddr::ip).collect();
        match without_panic(Conn::new(login.options(ips))).await {
            Some(Err(Error::Driver(DriverError::UnknownAuthPlugin { name })))
                if name == sha256::PLUGIN && login.is_customers =>
            {
                // Who is let in has a user of that plugin, and not one that the server does not know.
                match without_panic(sha256::log_in(login, &addresses)).await {
                    Some(Ok(())) | None => Err(Fault::unknown_plugin(&name)),
                    Some(Err(fault)) => Err(fault),
                }
            }
            Some(result) => Ok(result?),
            None => Err(Fault::unknown_plugin("parsec")),
        }
    };
    let connected = tokio::time::timeout(deadline.attempt(net::REQUEST_TIMEOUT), connecting).await;
    connected.unwrap_or(Err(Fault::Unreachable(Unreachable::Timeout)))
}

/// What a login comes to; `None` if the driver panics, as it does when a server asks for a login by
/// parsec, which it is built without, or gives a key that is none. What it has of the connection is dropped with it.
async fn without_panic<T>(login: impl Future<Output = T>) -> Option<T> {
    let mut login = Box::pin(login);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| login.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// Whose account a session is, by the server's word: its user's name.
pub(super) async fn current_user(
    connection: &mut Conn,
    deadline: Deadline,
) -> Result<String, Fault> {
    let left = deadline.attempt(net::REQUEST_TIMEOUT);
    let query = connection.query_first::<String, _>("SELECT CURRENT_USER()");
    let Ok(account) = tokio::time::timeout(left, query).await else {
        return Err(Fault::Unreachable(Unreachable::Timeout));
    };
    let account = account?.unwrap_or_default();
    // A name may have an @, a host has none.
    let name = account.rsplit_once('@').map(|(name, _)| name);
    Ok(name.unwrap_or_default().to_owned())
}

/// Ends a session; that it may fail to end well changes nothing.
pub(super) async fn disconnect(connection: Conn) {
    let _ = tokio::time::timeout(FAREWELL, connection.disconnect()).await;
}

/// An administrator's session.
pub(super) struct Session {
    connection: Conn,
    pub(super) dialect: Dialect,
    /// MySQL lets an administrator who may end sessions write
    /// [all the same](https://dev.mysql.com/doc/refman/9.7/en/server-system-variables.html#sysvar_read_only).
    is_read_only: bool,
    service: String,
    action: &'static str,
    deadline: Deadline,
}

impl Session {
    pub(super) async fn open(
        login: &Login<'_>,
        service: String,
        action: &'static str,
        deadline: Deadline,
    ) -> Result<Self, ServiceError> {
        let connection = connect(login, deadline)
            .await
            .map_err(|fault| fault.into_error(service.clone(), action))?;
        let mut session = Self {
            connection,
            dialect: Dialect::MySql,
            is_read_only: false,
            service,
            action,
            deadline,
        };
        let answer = session.rows("SELECT VERSION(), @@global.read_only").await?;
        let mut answer = answer.into_iter().flatten();
        let version = answer.next().flatten().unwrap_or_default();
        session.is_read_only = answer.next().flatten().is_some_and(|it| it == "1");
        if version.contains("MariaDB") {
            session.dialect = Dialect::MariaDb;
        } else if version.starts_with("5.") {
            // A GRANT to nobody makes a user without a password there, and no account is like MySQL 8's.
            let found = format!("the server is MySQL {version}");
            return Err(session.rejected(found, "Upgrade it to MySQL 8.0.19 or later"));
        }
        // One SQL mode for quoting and for what SHOW GRANTS writes, in which GRANT makes no user.
        // No statement waits or runs longer, so that a lock makes a clear error and no hung
        // function. MariaDB heeds the second alone when it waits for FLUSH TABLES WITH READ LOCK.
        let dialects = match session.dialect {
            Dialect::MariaDb => "sql_mode = 'NO_AUTO_CREATE_USER', max_statement_time = 5",
            Dialect::MySql => "sql_mode = '', max_execution_time = 5000",
        };
        session
            .execute(&format!(
                "SET NAMES utf8mb4, sql_quote_show_create = 1, lock_wait_timeout = 5, \
                 innodb_lock_wait_timeout = 5, {dialects}"
            ))
            .await?;
        Ok(session)
    }

    /// A query's rows, or the server's refusal.
    pub(super) async fn attempt(&mut self, statement: &str) -> Result<Vec<Row>, Fault> {
        // The text protocol: poolers know no prepared statements, nor do some of these statements.
        let left = self.deadline.attempt(net::REQUEST_TIMEOUT);
        let query = self.connection.query::<mysql_async::Row, _>(statement);
        match tokio::time::timeout(left, query).await {
            Ok(rows) => Ok(rows?.into_iter().map(texts).collect()),
            Err(_) => Err(Fault::Unreachable(Unreachable::Timeout)),
        }
    }

    pub(super) async fn rows(&mut self, query: &str) -> Result<Vec<Row>, ServiceError> {
        let rows = self.attempt(query).await;
        rows.map_err(|fault| self.error(fault))
    }

    pub(super) async fn execute(&mut self, statement: &str) -> Result<(), ServiceError> {
        self.rows(statement).await.map(drop)
    }

    /// The error of a call that failed.
    pub(super) fn error(&self, fault: Fault) -> ServiceError {
        fault.into_statements_error(self.service.clone(), self.action)
    }

    /// As [`Self::error`]; what the administrator lacks is clear from the statement alone, which
    /// must hold nothing secret.
    pub(super) fn error_at(&self, fault: Fault, statement: &str) -> ServiceError {
        let error = self.error(fault);
        if error.is_transient() {
            error
        } else {
            error.besides(&format!(" at {statement}"))
        }
    }

    /// Fails at a replica, where users would be others than at its primary server.
    pub(super) fn is_writable(&self) -> Result<(), ServiceError> {
        if self.is_read_only {
            let found = "the server is read-only (read_only)".to_owned();
            return Err(self.unavailable(found, READ_ONLY));
        }
        Ok(())
    }

    /// The service is in order and the call cannot be done.
    pub(super) fn rejected(
        &self,
        found: String,
        remedy: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        self.failed(Kind::Rejected, found, remedy)
    }

    /// The call can be done another time.
    pub(super) fn unavailable(
        &self,
        found: String,
        remedy: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        self.failed(Kind::Unavailable, found, remedy)
    }

    fn failed(
        &self,
        kind: Kind,
        found: String,
        remedy: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        CallError::new(
            &self.service,
            self.action,
            kind,
            Cause::Found(found),
            remedy,
        )
        .into()
    }

    pub(super) async fn close(self) {
        disconnect(self.connection).await;
    }
}

fn texts(row: mysql_async::Row) -> Row {
    row.unwrap_raw()
        .into_iter()
        .map(|value| match value {
            Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            // The text protocol has nothing but texts and NULL.
            _ => None,
        })
        .collect()
}
