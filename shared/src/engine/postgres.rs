//! The `postgres` engine: a login role of its own for every version.
//!
//! Each role is a member of the role that owns the objects and acts as it
//! ([`ALTER ROLE … SET role`](https://www.postgresql.org/docs/current/sql-alterrole.html)), so that
//! what any version creates stays usable by the next, and what the owner was granted is every
//! version's. The first role, imported with objects of its own, becomes the owner: when it is
//! revoked it loses its login and password, not its objects.

mod fault;
mod guard;
mod hand_over;
mod held_up;
mod issue;
mod login;
mod revoke;
mod session;

use secrecy::SecretString;

use self::session::Session;
use super::{Cause, Context, Engine, Kind, ServiceError, Sessions, Verdict};
use crate::authority::Place;
use crate::engine::{RandomError, password, username};
use crate::fields::{Check, Fields};
use crate::ids::VersionId;

/// [PostgreSQL cuts longer names off](https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS).
const LONGEST_NAME: usize = 63;

/// A credential of a PostgreSQL database.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Postgres {
    /// The server's host name or address. TLS with a verified certificate.
    #[cfg_attr(test, schemars(length(min = 1, max = 255)))]
    host: String,
    /// The server's port.
    #[cfg_attr(test, schemars(range(min = 1)))]
    port: u16,
    /// The database.
    #[cfg_attr(test, schemars(length(min = 1, max = 63)))]
    dbname: String,
    /// The login role.
    #[cfg_attr(test, schemars(length(min = 1, max = 63)))]
    username: String,
    /// The login role's password.
    #[cfg_attr(test, schemars(with = "String", extend("minLength" = 1)))]
    password: SecretString,
    /// The role that owns the objects and as which the login role acts. Absent in an imported
    /// document, whose login role is the owner; set by the first rotation.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("minLength" = 1, "maxLength" = 63)))]
    owner: Option<String>,
    /// The role of the version before, by which the server is asked whose `owner` is. Set by each rotation.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("minLength" = 1, "maxLength" = 63)))]
    previous_username: Option<String>,
    /// `login`: settings, limits and attributes are those of the login before, not the owner's. Set by the first rotation
    /// of an imported login that acts as another role.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("const" = "login")))]
    settings_from: Option<String>,
}

impl Engine for Postgres {
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
        let role = "a role's name of at most 63 bytes";
        let owner = check.optional_text("owner", role, name);
        let previous_username = check.optional_text("previous_username", role, name);
        let settings_from =
            check.optional_text("settings_from", "\"login\", or absent", |it| it == "login");
        // A role that is named as its own owner is the owner, not one to be dropped.
        let owner = owner.filter(|owner| username.as_ref() != Some(owner));
        Some(Self {
            host: host?,
            port: port?,
            dbname: dbname?,
            username: username?,
            password: password?,
            owner,
            previous_username,
            settings_from,
        })
    }

    fn credential(&self) -> &str {
        &self.username
    }

    fn login(&self) -> &str {
        self.owner.as_ref().unwrap_or(&self.username)
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::server("", &self.host, self.port, 5432)]
    }

    fn renewed(&self) -> Vec<&str> {
        vec!["username", "password"]
    }

    fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
        fields.set(
            "owner",
            self.owner.as_ref().unwrap_or(&self.username).as_str(),
        );
        if self.owner.is_some() && self.previous_username.is_none() {
            fields.set("settings_from", "login");
        }
        fields.set("previous_username", self.username.as_str());
        fields.set("username", username(fields, version));
        fields.set("password", password()?);
        Ok(())
    }

    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        issue::issue(self, context).await
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        match Session::customer(self, context).await {
            Ok(session) => self
                .acts_as_owner(&session)
                .await
                .map_err(ServiceError::of_right_password),
            Err(Fault::Login(_)) => Ok(Verdict::Refused),
            // The password is right. Which role that is `issue` asks the server, before it grants anything.
            Err(Fault::Full(_)) => Ok(Verdict::Accepted),
            Err(Fault::Options(error) | Fault::Other(error)) => Err(error),
        }
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        revoke::revoke(self, context).await
    }

    async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        issue::rehearse(self, context).await
    }

    async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
        revoke::sessions(self, context).await.map(Some)
    }
}

/// A login that failed.
enum Fault {
    /// For the credential itself: the server's words.
    Login(Cause),
    /// For want of a free connection, after the server had found the password right.
    Full(ServiceError),
    /// For the settings that it asked for: a pooler knows them not.
    Options(ServiceError),
    /// For another reason.
    Other(ServiceError),
}

impl Postgres {
    /// Why the login is another than it should be, or none at all, although its password is right. A session that
    /// begins and does not answer may be one as well: it is tried twice.
    async fn kept_out(&self, context: &Context<'_>) -> Option<ServiceError> {
        let mut kept_out = None;
        for _ in 0..2 {
            kept_out = match Session::customer(self, context).await {
                Ok(session) => self.acts_as_owner(&session).await.err(),
                Err(Fault::Other(error)) if error.kind() == Some(Kind::KeptOut) => Some(error),
                Err(Fault::Login(_) | Fault::Full(_) | Fault::Options(_) | Fault::Other(_)) => None,
            };
            kept_out.as_ref()?;
        }
        kept_out
    }

    fn service(&self, database: &str) -> String {
        format!("postgres://{}:{}/{database}", self.host, self.port)
    }

    /// What the login is, by its own session: a role that acts as another than the document says would create
    /// what the next version cannot use, or the next version would have what is not this one's. The server itself
    /// evaluates `current_user`: nothing that the customer defines is asked.
    async fn acts_as_owner(&self, session: &Session) -> Result<Verdict, ServiceError> {
        let (role, owner) = (&self.username, self.owner.as_ref());
        let acts_as = session.current_user().await?;
        let expected = owner.unwrap_or(role);
        if acts_as == *expected || session.acts_like(expected).await? {
            return Ok(Verdict::Accepted);
        }
        Err(match owner {
            Some(owner) => {
                let found = format!(
                    "role {role:?} acts as {acts_as:?} when it logs in, not as {owner:?} (owner)"
                );
                let remedy = "Correct owner, or run ALTER ROLE ... SET role";
                // Rotation has made it act so, and whoever has its password may have undone that.
                if self.previous_username.is_some() {
                    session.kept_out(found, remedy)
                } else {
                    session.rejected(found, remedy)
                }
            }
            None => session.rejected(
                format!("role {role:?} acts as {acts_as:?} when it logs in, by a setting of another role or database"),
                "Add that role to the document as owner",
            ),
        })
    }
}
