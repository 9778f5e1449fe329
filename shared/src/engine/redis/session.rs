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
use crate::engine::{Context, ServiceError};
use crate::net::{self, Unreachable};

/// Whether the server let somebody in.
pub(super) enum Login {
    Accepted,
    /// The credential is refused as such, in the server's words.
    Refused(String),
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
            Err(reason) => Err(ServiceError::Unreachable { service, reason }),
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
            Login::Refused(reason) => Err(ServiceError::Administrator {
                service: session.service,
                action,
                reason,
            }),
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
            Err(refusal) if refusal.code == "WRONGPASS" => Ok(Login::Refused(refusal.to_string())),
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
        Err(ServiceError::Unreachable {
            service: self.service.clone(),
            reason,
        })
    }

    /// The server's address, without any credential.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// A lasting refusal, in this project's words.
    pub(super) fn rejected(&self, reason: &str) -> ServiceError {
        ServiceError::Rejected {
            service: self.service.clone(),
            action: self.action,
            reason: reason.to_owned(),
        }
    }

    /// A passing fault, in this project's words.
    pub(super) fn unavailable(&self, reason: &str) -> ServiceError {
        ServiceError::Unavailable {
            service: self.service.clone(),
            action: self.action,
            reason: reason.to_owned(),
            retry_after: None,
        }
    }

    /// What the server said, with what to do if nothing more particular is known.
    pub(super) fn refused(&self, refusal: &Refusal, remedy: &str) -> ServiceError {
        self.fault(refusal, Some(remedy))
    }

    fn fault(&self, refusal: &Refusal, remedy: Option<&str>) -> ServiceError {
        // https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
        let (passing, known) = match refusal.code.as_str() {
            "WRONGPASS" | "NOAUTH" | "NOPERM" if self.of_administrator => {
                return ServiceError::Administrator {
                    service: self.service.clone(),
                    action: self.action,
                    reason: refusal.to_string(),
                };
            }
            "LOADING" | "BUSY" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => (true, None),
            "READONLY" => (true, Some("it is a replica; have host name the primary")),
            "MISCONF" => (true, Some("it cannot save its data; its log says why")),
            "OOM" => (true, Some("give it more memory (maxmemory)")),
            _ if refusal.says("max number of clients") => {
                (true, Some("allow more connections (maxclients)"))
            }
            _ if refusal.says("unknown command") || refusal.says("unknown subcommand") => (
                false,
                Some(
                    "the command is renamed or forbidden there; a managed service that keeps its users itself cannot be rotated through ACL commands",
                ),
            ),
            _ => (false, None),
        };
        let reason = match known.or(remedy) {
            Some(remedy) => format!("{refusal}: {remedy}"),
            None => refusal.to_string(),
        };
        if passing {
            self.unavailable(&reason)
        } else {
            self.rejected(&reason)
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.detail)
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
