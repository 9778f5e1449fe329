//! The `postgres` engine: a login role of its own for every version.
//!
//! Each role is a member of the role that owns the objects and acts as it
//! ([`ALTER ROLE … SET role`](https://www.postgresql.org/docs/current/sql-alterrole.html)), so that
//! what any version creates stays usable by the next. The first role, imported with objects of its
//! own, becomes the owner: when it is revoked it loses its login and password, not its objects.

use std::error::Error as _;

use postgres_protocol::password::scram_sha_256;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Call, Context, ServiceError, Verdict};
use crate::deadline::Deadline;
use crate::document::{Check, Fields, RandomError, password, username};
use crate::event::VersionId;
use crate::net::{self, Unreachable};

/// [PostgreSQL cuts longer names off](https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS).
const LONGEST_NAME: usize = 63;

/// No statement waits longer, so that a locked catalogue makes a clear error and no hung function.
const TIMEOUTS: &str = "SET statement_timeout = '15s'; SET lock_timeout = '5s'";

/// A credential of a PostgreSQL database.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Postgres {
    /// The server's host name or address. TLS with a verified certificate, except on loopback.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    host: String,
    /// The server's port.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    port: u16,
    /// The database.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 63)))]
    dbname: String,
    /// The login role.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 63)))]
    username: String,
    /// The login role's password.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("minLength" = 1)))]
    password: SecretString,
    /// The role that owns the objects and as which the login role acts. Absent in an imported
    /// document, whose login role is the owner; set by the first rotation.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("minLength" = 1, "maxLength" = 63)))]
    owner: Option<String>,
}

impl Call for Postgres {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        let name =
            |text: &str| !text.is_empty() && text.len() <= LONGEST_NAME && !text.contains('\0');
        let host = check.text("host", "a host name or address", |host| {
            !host.is_empty()
                && host.len() <= 255
                && !host.contains(['/', ',', '\0'])
                && !host.contains(char::is_whitespace)
        });
        let port = check.number("port", 1..=65_535);
        let dbname = check.text("dbname", "a database's name of at most 63 bytes", name);
        let username = check.text("username", "a role's name of at most 63 bytes", name);
        let password = check.secret("password", "the role's password");
        let had_owner = check.has("owner");
        let owner = check.optional_text("owner", "a role's name of at most 63 bytes", name);
        if had_owner && owner.is_none() {
            return None;
        }
        Some(Self {
            host: host?,
            port: port?,
            dbname: dbname?,
            username: username?,
            password: password?,
            owner,
        })
    }

    fn credential(&self) -> &str {
        &self.username
    }

    fn renewed(&self) -> Vec<&str> {
        vec!["username", "password"]
    }

    fn renew(&self, fields: &mut Fields, _: &VersionId) -> Result<(), RandomError> {
        fields.set(
            "owner",
            self.owner.as_ref().unwrap_or(&self.username).as_str(),
        );
        fields.set("username", username()?);
        fields.set("password", password()?);
        Ok(())
    }

    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        const ACTION: &str = "create a role";
        let session = self.administrator(context, ACTION).await?;
        let role = identifier(&self.username);
        let exists = session
            .any(&format!(
                "SELECT 1 FROM pg_roles WHERE rolname = {}",
                literal(&self.username)
            ))
            .await?;
        let verb = if exists { "ALTER" } else { "CREATE" };
        // The server stores and logs a verifier and never sees the password itself.
        let verifier = scram_sha_256(self.password.expose_secret().as_bytes());
        let mut statements = format!("{verb} ROLE {role} LOGIN PASSWORD {};", literal(&verifier));
        if let Some(owner) = &self.owner {
            let (group, name) = (identifier(owner), literal(owner));
            statements = format!(
                "{statements} GRANT {group} TO {role}; ALTER ROLE {role} SET role TO {name};"
            );
        }
        session
            .execute(&format!("BEGIN; {statements} COMMIT"))
            .await
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        const ACTION: &str = "let a customer in";
        match self
            .connect(
                context,
                &self.username,
                self.password.expose_secret(),
                ACTION,
            )
            .await
        {
            Ok(session) => session
                .execute("SELECT 1")
                .await
                .map(|()| Verdict::Accepted),
            Err(Fault::Login(_)) => Ok(Verdict::Refused),
            Err(Fault::Other(error)) => Err(error),
        }
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let session = self.administrator(context, "revoke a role").await?;
        let (role, name) = (identifier(&self.username), literal(&self.username));
        if !session
            .any(&format!("SELECT 1 FROM pg_roles WHERE rolname = {name}"))
            .await?
        {
            return Ok(());
        }
        // Ending sessions and handing over objects takes membership, unless one is a superuser.
        if session
            .any("SELECT 1 FROM pg_roles WHERE rolname = current_user AND NOT rolsuper")
            .await?
        {
            let administrator = context.administrator("username")?;
            let owner = self
                .owner
                .as_deref()
                .filter(|owner| *owner != administrator)
                .map(identifier);
            let roles = [Some(role.clone()), owner]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ");
            session
                .execute(&format!("GRANT {roles} TO CURRENT_USER"))
                .await?;
        }
        session
            .execute(&format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL"))
            .await?;
        session
            .execute(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {name}"
            ))
            .await?;
        if let Some(owner) = &self.owner {
            let owner = identifier(owner);
            session
                .execute(&format!(
                    "BEGIN; REASSIGN OWNED BY {role} TO {owner}; DROP OWNED BY {role}; DROP ROLE {role}; COMMIT"
                ))
                .await?;
        }
        Ok(())
    }
}

/// A login that failed: for the credential itself, or for another reason.
enum Fault {
    Login(String),
    Other(ServiceError),
}

impl Postgres {
    fn service(&self) -> String {
        format!("postgres://{}:{}/{}", self.host, self.port, self.dbname)
    }

    async fn administrator(
        &self,
        context: &Context<'_>,
        action: &'static str,
    ) -> Result<Session, ServiceError> {
        let (user, password) = (
            context.administrator("username")?,
            context.administrator("password")?,
        );
        let session = self
            .connect(context, user, password, action)
            .await
            .map_err(|fault| match fault {
                Fault::Login(reason) => ServiceError::Administrator {
                    service: self.service(),
                    action,
                    reason,
                },
                Fault::Other(error) => error,
            })?;
        session.execute(TIMEOUTS).await?;
        Ok(session)
    }

    async fn connect(
        &self,
        context: &Context<'_>,
        user: &str,
        password: &str,
        action: &'static str,
    ) -> Result<Session, Fault> {
        let loopback = net::is_loopback(&self.host);
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.dbname)
            .user(user)
            .password(password)
            .application_name("heroku-addon-rotation")
            .connect_timeout(net::CONNECT_TIMEOUT)
            .ssl_mode(if loopback {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        let left = context.deadline.attempt(net::REQUEST_TIMEOUT);
        let opened = tokio::time::timeout(left, async {
            if loopback {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(Ok(client))
            } else {
                let tls = match context.tls() {
                    Ok(tls) => tls,
                    Err(error) => return Ok(Err(error.to_string())),
                };
                let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
                tokio::spawn(connection);
                Ok(Ok(client))
            }
        });
        let unreachable = |reason| {
            Fault::Other(ServiceError::Unreachable {
                service: self.service(),
                reason,
            })
        };
        match opened.await {
            Ok(Ok(Ok(client))) => Ok(Session {
                client,
                service: self.service(),
                action,
                deadline: context.deadline,
            }),
            Ok(Ok(Err(_))) => Err(unreachable(Unreachable::Protocol)),
            Ok(Err(error)) if is_login_failure(&error) => Err(Fault::Login(reason(&error))),
            Ok(Err(error)) => Err(Fault::Other(fault(self.service(), action, &error))),
            Err(_) => Err(unreachable(Unreachable::Timeout)),
        }
    }
}

/// An open session.
struct Session {
    client: Client,
    service: String,
    action: &'static str,
    deadline: Deadline,
}

impl Session {
    async fn query(&self, statements: &str) -> Result<Vec<SimpleQueryMessage>, ServiceError> {
        // The simple protocol: poolers in transaction mode know no prepared statements.
        match tokio::time::timeout(
            self.deadline.attempt(net::REQUEST_TIMEOUT),
            self.client.simple_query(statements),
        )
        .await
        {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => Err(fault(self.service.clone(), self.action, &error)),
            Err(_) => Err(ServiceError::Unreachable {
                service: self.service.clone(),
                reason: Unreachable::Timeout,
            }),
        }
    }

    async fn execute(&self, statements: &str) -> Result<(), ServiceError> {
        self.query(statements).await.map(drop)
    }

    async fn any(&self, query: &str) -> Result<bool, ServiceError> {
        let messages = self.query(query).await?;
        Ok(messages
            .iter()
            .any(|message| matches!(message, SimpleQueryMessage::Row(_))))
    }
}

fn is_login_failure(error: &tokio_postgres::Error) -> bool {
    let about_the_role = |code: &SqlState| {
        *code == SqlState::INVALID_PASSWORD
            || (*code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                && !reason(error).contains("pg_hba.conf"))
    };
    error.code().is_some_and(about_the_role)
}

/// The server's own words: its message and code; never a statement.
fn reason(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || "the connection failed (address, network, TLS certificate or protocol)".to_owned(),
        |answer| format!("{} ({})", answer.message(), answer.code().code()),
    )
}

fn fault(service: String, action: &'static str, error: &tokio_postgres::Error) -> ServiceError {
    let reason = reason(error);
    let Some(code) = error.code() else {
        let reason = without_answer(error);
        return ServiceError::Unreachable { service, reason };
    };
    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    match code.code().get(..2) {
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => ServiceError::Administrator {
            service,
            action,
            reason,
        },
        // Connection trouble, rolled back, out of resources, busy, operator's intervention, system;
        // XX is also "tuple concurrently updated": somebody else changed the same role just then.
        Some("08" | "40" | "53" | "55" | "57" | "58" | "XX") => ServiceError::Unavailable {
            service,
            action,
            reason,
            retry_after: None,
        },
        _ => ServiceError::Rejected {
            service,
            action,
            reason,
        },
    }
}

fn without_answer(error: &tokio_postgres::Error) -> Unreachable {
    let no_tls = || {
        let cause = error.source()?.to_string();
        (cause == "server does not support TLS").then_some(Unreachable::NoTls)
    };
    Unreachable::by_certificate(error)
        .or_else(no_tls)
        .unwrap_or(Unreachable::Protocol)
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
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
