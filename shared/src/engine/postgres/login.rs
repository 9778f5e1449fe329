//! A login: who, how, and with which settings.

use std::fmt::Write as _;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{LET_IN, LoginFault, login_fault};
use super::guard::{Guarded, GuardedTls, Methods, Proof};
use super::{Fault, Postgres};
use crate::engine::{CallError, Context, ServiceError};
use crate::net::{self, Unreachable};

/// Longer start-up packets are refused by the server, at 10,000 bytes.
const LONGEST_OPTIONS: usize = 9_000;

/// What every session of the administrator begins with, whatever is set for its database.
///
/// A database's owner chooses settings for everybody who connects to it: a library that does not exist and
/// no session begins, read-only and nothing can be changed, a millisecond and no statement ends. Settings
/// that come with the login win over those. Every supported version knows these.
pub(super) const SETTINGS: [(&str, &str); 7] = [
    ("role", "none"),
    ("search_path", "pg_catalog"),
    ("default_transaction_read_only", "off"),
    ("statement_timeout", "12s"),
    ("lock_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "15s"),
    ("local_preload_libraries", ""),
];

/// Who logs in, and what the server must do for it.
pub(super) struct Login<'a> {
    user: &'a str,
    password: &'a str,
    methods: Methods,
    channel_binding: ChannelBinding,
    /// What the session begins with, as a server's command line.
    options: Option<String>,
}

impl<'a> Login<'a> {
    pub(super) fn customer(postgres: &'a Postgres) -> Self {
        Self {
            user: &postgres.username,
            password: postgres.password.expose_secret(),
            methods: Methods::Known,
            channel_binding: ChannelBinding::Prefer,
            options: None,
        }
    }

    /// `overrides` are further settings that the session begins with.
    pub(super) fn administrator(
        context: &'a Context<'_>,
        overrides: &[(String, String)],
    ) -> Result<Self, ServiceError> {
        let fixed = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let others = overrides
            .iter()
            .filter(|(name, _)| SETTINGS.iter().all(|fixed| fixed.0 != name));
        Ok(Self {
            user: context.administrator("username")?,
            password: context.administrator("password")?,
            methods: Methods::Scram,
            channel_binding: channel_binding(context)?,
            options: Some(options(fixed.iter().chain(others))),
        })
    }

    pub(super) fn user(&self) -> &str {
        self.user
    }

    pub(super) fn has_options(&self) -> bool {
        self.options.is_some()
    }

    /// Poolers know few settings, or refuse them all.
    pub(super) fn without_options(self) -> Self {
        Self {
            options: None,
            ..self
        }
    }
}

/// <https://www.postgresql.org/docs/current/runtime-config-short.html>: blanks and backslashes are escaped.
fn options<'a>(settings: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut options = String::new();
    for (name, value) in settings {
        let mut escaped = String::new();
        for character in value.chars() {
            if character.is_whitespace() || character == '\\' {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        if options.len() + name.len() + escaped.len() > LONGEST_OPTIONS {
            break;
        }
        // Writing to a text cannot fail.
        let _ = write!(options, "-c {name}={escaped} ");
    }
    options
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

/// Logs in, within the deadline.
pub(super) async fn open(
    postgres: &Postgres,
    context: &Context<'_>,
    database: &str,
    login: &Login<'_>,
    action: &'static str,
) -> Result<Client, Fault> {
    let service = postgres.service(database);
    let proof = Proof::default();
    let opened = tokio::time::timeout(
        context.deadline.attempt(net::REQUEST_TIMEOUT),
        connect(postgres, context, database, login, &proof),
    );
    let unreachable =
        |reason| Fault::Other(CallError::unreachable(service.clone(), action, reason).into());
    match opened.await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(Failure::Unreachable(reason))) => Err(unreachable(reason)),
        Ok(Err(Failure::Driver(error))) => {
            let about = LoginFault {
                user: login.user,
                is_customer: action == LET_IN,
                is_accepted: proof.is_accepted(),
                has_options: login.has_options(),
            };
            Err(login_fault(service, action, &error, &about))
        }
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
    proof: &Proof,
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
    if let Some(options) = &login.options {
        config.options(options);
    }
    let tcp = net::connect(host, postgres.port, context.deadline)
        .await
        .map_err(Failure::Unreachable)?;
    if is_plain {
        let guarded = Guarded::new(tcp, login.methods, proof);
        return log_in(&config, guarded, NoTls).await;
    }
    let tls = context
        .tls()
        .map_err(|_| Failure::Unreachable(Unreachable::Protocol))?;
    let Ok(tls) =
        MakeTlsConnect::<TcpStream>::make_tls_connect(&mut MakeRustlsConnect::new(tls), host);
    log_in(&config, tcp, GuardedTls::new(tls, login.methods, proof)).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_an_option_of_its_own() {
        let settings = [
            ("a".to_owned(), r"x -c role=y\ z".to_owned()),
            ("b".to_owned(), String::new()),
        ];
        assert_eq!(options(settings.iter()), r"-c a=x\ -c\ role=y\\\ z -c b= ");
    }

    #[test]
    fn the_server_takes_a_start_of_that_length() {
        let many = ("name".repeat(10), "v".repeat(400));
        let settings: Vec<_> = std::iter::repeat_n(many, 100).collect();
        let length = options(settings.iter()).len();
        assert!((8_000..9_500).contains(&length), "{length}");
    }
}
