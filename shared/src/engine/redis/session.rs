//! Connections to a server, and what its refusals mean.

use std::io;
use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisError, ToRedisArgs,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::Node;
use crate::deadline::Deadline;
use crate::engine::{CallError, Cause, Context, Kind, ServiceError};
use crate::net::{self, Unreachable};

/// Whether the server let somebody in.
pub(super) enum Login {
    Accepted,
    /// The credential is refused as such, in the server's words.
    Refused(Cause),
}

/// What the server said instead of doing it.
pub(super) struct Refusal {
    code: String,
    detail: String,
}

impl Refusal {
    /// Whether its words hold these.
    pub(super) fn says(&self, words: &str) -> bool {
        self.detail.contains(words)
    }

    fn cause(&self) -> Cause {
        Cause::Answer {
            code: self.code.clone(),
            words: self.detail.clone(),
        }
    }

    /// What it means, by <https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors>, and what
    /// to do about it.
    fn meaning(&self, of_administrator: bool) -> (Kind, Option<&'static str>) {
        match self.code.as_str() {
            // An empty remedy is that of a refused login.
            "WRONGPASS" | "NOAUTH" if of_administrator => (Kind::Administrator, Some("")),
            "NOPERM" if of_administrator => (
                Kind::Administrator,
                Some("Grant the administrator that command (ACL SETUSER)"),
            ),
            "LOADING" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => (Kind::Unavailable, None),
            "BUSY" => (
                Kind::Unavailable,
                Some(
                    "Run SCRIPT KILL or FUNCTION KILL. If the script has written, only SHUTDOWN NOSAVE ends it",
                ),
            ),
            "READONLY" => (Kind::Unavailable, Some("Let host name the primary")),
            "MISCONF" => (
                Kind::Unavailable,
                Some("Look in the server's log for why it cannot save its data"),
            ),
            "OOM" => (
                Kind::Unavailable,
                Some("Give the server more memory (maxmemory)"),
            ),
            _ if self.says("max number of clients") => (
                Kind::Unavailable,
                Some("Allow more connections (maxclients)"),
            ),
            _ if self.says("unknown command") || self.says("unknown subcommand") => (
                Kind::Rejected,
                Some(
                    "Allow the command there. Not supported: managed services that keep ACL users themselves (ElastiCache, MemoryDB)",
                ),
            ),
            _ => (Kind::Rejected, None),
        }
    }
}

/// An open connection.
pub(super) struct Session {
    connection: MultiplexedConnection,
    of_administrator: bool,
    service: String,
    action: &'static str,
    deadline: Deadline,
}

impl Session {
    /// Connects without logging in.
    pub(super) async fn open(
        node: &Node,
        context: &Context<'_>,
        action: &'static str,
    ) -> Result<Self, ServiceError> {
        let deadline = context.deadline;
        let service = format!("redis://{}:{}", node.host, node.port);
        let opened = tokio::time::timeout(
            deadline.attempt(net::CONNECT_TIMEOUT),
            connect(node, context),
        );
        match opened.await.unwrap_or(Err(Unreachable::Timeout)) {
            Ok(connection) => Ok(Self {
                connection,
                of_administrator: false,
                service,
                action,
                deadline,
            }),
            Err(reason) => Err(CallError::unreachable(service, action, reason).into()),
        }
    }

    /// Connects and logs in as the administrator.
    pub(super) async fn administrator(
        node: &Node,
        context: &Context<'_>,
        action: &'static str,
    ) -> Result<Self, ServiceError> {
        let (user, password) = (
            context.administrator("username")?,
            context.administrator("password")?,
        );
        let mut session = Self::open(node, context, action).await?;
        session.of_administrator = true;
        match session.log_in(user, password).await? {
            Login::Accepted => Ok(session),
            // An empty remedy is that of a refused login.
            Login::Refused(cause) => Err(session.failed(Kind::Administrator, cause, "")),
        }
    }

    /// Logs in; without a name if it is empty, as before there were users.
    pub(super) async fn log_in(
        &mut self,
        user: &str,
        password: &str,
    ) -> Result<Login, ServiceError> {
        let words = ["AUTH", user, password];
        let words = words.into_iter().filter(|word| !word.is_empty());
        match self.attempt(&words.collect::<Vec<_>>()).await? {
            Ok(()) => Ok(Login::Accepted),
            Err(refusal) if refusal.code == "WRONGPASS" => Ok(Login::Refused(refusal.cause())),
            Err(refusal) => Err(self.fault(&refusal, None)),
        }
    }

    /// Runs a command; its answer.
    pub(super) async fn query<T: FromRedisValue>(
        &mut self,
        words: &[impl ToRedisArgs],
    ) -> Result<T, ServiceError> {
        let refusal = match self.ask(words).await? {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        Err(self.fault(&refusal, None))
    }

    /// Runs a command.
    pub(super) async fn command(&mut self, words: &[impl ToRedisArgs]) -> Result<(), ServiceError> {
        self.query::<::redis::Value>(words).await.map(drop)
    }

    /// Runs a command that the server may well refuse.
    pub(super) async fn attempt(
        &mut self,
        words: &[impl ToRedisArgs],
    ) -> Result<Result<(), Refusal>, ServiceError> {
        let answer = self.ask::<::redis::Value>(words).await?;
        Ok(answer.map(drop))
    }

    async fn ask<T: FromRedisValue>(
        &mut self,
        words: &[impl ToRedisArgs],
    ) -> Result<Result<T, Refusal>, ServiceError> {
        let mut command = ::redis::Cmd::new();
        command.arg(words);
        let answer = tokio::time::timeout(
            self.deadline.attempt(net::REQUEST_TIMEOUT),
            command.query_async(&mut self.connection),
        );
        let reason = match answer.await {
            Ok(Ok(answer)) => return Ok(Ok(answer)),
            Ok(Err(error)) => match refusal(&error) {
                Some(refusal) => return Ok(Err(refusal)),
                None if error.is_io_error() => Unreachable::Broken,
                None => Unreachable::Protocol,
            },
            Err(_) => Unreachable::Timeout,
        };
        Err(CallError::unreachable(&self.service, self.action, reason).into())
    }

    /// The server's address, without any credential.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// A lasting refusal, in this project's words.
    pub(super) fn rejected(&self, found: &str, remedy: &'static str) -> ServiceError {
        self.failed(Kind::Rejected, Cause::Found(found.to_owned()), remedy)
    }

    /// A transient fault, in this project's words.
    pub(super) fn unavailable(&self, found: &str, remedy: &'static str) -> ServiceError {
        self.failed(Kind::Unavailable, Cause::Found(found.to_owned()), remedy)
    }

    /// What the server said, with what to do if nothing more particular is known.
    pub(super) fn refused(&self, refusal: &Refusal, remedy: &'static str) -> ServiceError {
        self.fault(refusal, Some(remedy))
    }

    fn fault(&self, refusal: &Refusal, remedy: Option<&'static str>) -> ServiceError {
        let (kind, known) = refusal.meaning(self.of_administrator);
        let remedy = known.or(remedy).unwrap_or_default();
        self.failed(kind, refusal.cause(), remedy)
    }

    fn failed(&self, kind: Kind, cause: Cause, remedy: &'static str) -> ServiceError {
        CallError::new(&self.service, self.action, kind, cause, remedy).into()
    }
}

/// The server's own words, without what it quotes of a command: that may be a password.
fn refusal(error: &RedisError) -> Option<Refusal> {
    let code = error.code()?.to_owned();
    let detail = error.detail().unwrap_or_default();
    let (detail, _) = detail
        .split_once(", with args beginning with")
        .unwrap_or((detail, ""));
    Some(Refusal {
        code,
        detail: detail.to_owned(),
    })
}

async fn connect(node: &Node, context: &Context<'_>) -> Result<MultiplexedConnection, Unreachable> {
    let plain = net::connect(&node.host, node.port, context.deadline).await?;
    if context.is_plain(&node.host) {
        return speak(plain).await;
    }
    let tls = context.tls().map_err(|_| Unreachable::Protocol)?;
    let name = ServerName::try_from(node.host.clone()).map_err(|_| Unreachable::Protocol)?;
    let encrypted = TlsConnector::from(Arc::new(tls))
        .connect(name, plain)
        .await
        .map_err(|error| without_tls(&error))?;
    speak(encrypted).await
}

/// Why there is no encrypted connection.
fn without_tls(error: &io::Error) -> Unreachable {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => Unreachable::NoTls,
        Some(_) => Unreachable::by_certificate(error).unwrap_or(Unreachable::Protocol),
        None => Unreachable::Broken,
    }
}

async fn speak<S>(stream: S) -> Result<MultiplexedConnection, Unreachable>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Nothing is said before the login, whose refusal is to be told from every other.
    let silent = RedisConnectionInfo::default().set_skip_set_lib_name();
    let patient = AsyncConnectionConfig::new().set_response_timeout(None);
    let (connection, driver) = MultiplexedConnection::new_with_config(&silent, stream, patient)
        .await
        .map_err(|_| Unreachable::Protocol)?;
    tokio::spawn(driver);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::message::with_retry;
    use crate::snapshot::assert_snapshot;

    #[test]
    fn what_the_servers_answers_mean() {
        let mut text = String::new();
        for (code, detail) in [
            (
                "WRONGPASS",
                "invalid username-password pair or user is disabled.",
            ),
            (
                "NOPERM",
                "User admin has no permissions to run the 'acl|setuser' command",
            ),
            ("LOADING", "Redis is loading the dataset in memory"),
            ("READONLY", "You can't write against a read only replica."),
            (
                "MISCONF",
                "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            ),
            ("OOM", "command not allowed when used memory > 'maxmemory'."),
            ("ERR", "max number of clients reached"),
            ("ERR", "unknown command 'ACL'"),
            ("ERR", "syntax error"),
        ] {
            let refusal = Refusal {
                code: code.to_owned(),
                detail: detail.to_owned(),
            };
            for of_administrator in [true, false] {
                let (kind, remedy) = refusal.meaning(of_administrator);
                let action = if of_administrator {
                    "Creating a user"
                } else {
                    "Logging in with the instance's credential"
                };
                let (service, cause) = ("redis://db7.acme.example:6379", refusal.cause());
                let error =
                    CallError::new(service, action, kind, cause, remedy.unwrap_or_default());
                let error = ServiceError::from(error);
                writeln!(text, "{code}\n    {}\n", with_retry(&error)).unwrap();
            }
        }
        assert_snapshot("redis", &text);
    }
}
