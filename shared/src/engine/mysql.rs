//! The `mysql` and `mariadb` engines, which are one: a user of its own for every version.
//!
//! Each is a copy of the user before it: its account hosts, privileges, roles, limits and
//! requirements, but a name and a password of its own. A user with accounts for several hosts
//! (`'u'@'10.%'`, `'u'@'localhost'`) is all of them. A new account stays locked until it has
//! everything, so that an unlocked one is whole.
//!
//! A revoked user is dropped, unless a view, routine, trigger or event is
//! [defined by it](https://mariadb.com/kb/en/stored-routine-privileges/#definer-clause), which
//! would no longer run: such a user loses its password and its login and stays.

mod account;
mod copy;
mod end;
mod fault;
mod grants;
mod session;
mod sha256;
mod verifier;

use secrecy::{ExposeSecret, SecretString};

use self::account::Account;
use self::session::{Login, Session};
use super::{CallError, Cause, Context, Engine, Kind, REHEARSAL, ServiceError, Sessions, Verdict};
use crate::authority::Place;
use crate::engine::{RandomError, password, username};
use crate::fields::{Check, Fields};
use crate::ids::VersionId;

/// MariaDB's names of users; MySQL's end at 32, and so do those that rotation makes.
const LONGEST_NAME: usize = 80;

/// A credential of a MySQL or MariaDB database.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Mysql {
    /// The server's host name or address. TLS with a verified certificate.
    #[cfg_attr(test, schemars(length(min = 1, max = 255)))]
    host: String,
    /// The server's port.
    #[cfg_attr(test, schemars(range(min = 1)))]
    port: u16,
    /// The database that a customer's session begins in, if any.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("minLength" = 1, "maxLength" = 64)))]
    dbname: Option<String>,
    /// The user.
    #[cfg_attr(test, schemars(length(min = 1, max = 80)))]
    username: String,
    /// The user's password.
    #[cfg_attr(test, schemars(with = "String", extend("minLength" = 1)))]
    password: SecretString,
    /// The user whose privileges and attributes this version's user was given. Absent in an
    /// imported document; set by each rotation, and of no use once it has succeeded.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("minLength" = 1, "maxLength" = 80)))]
    previous_username: Option<String>,
}

impl Engine for Mysql {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        const USER: &str = "a user's name of at most 80 characters, without its host";
        let is_name = |longest| {
            move |text: &str| (1..=longest).contains(&text.chars().count()) && !text.contains('\0')
        };
        let host = check.text("host", "a host name or address", |host| {
            !host.is_empty()
                && host.len() <= 255
                && !host.contains(['/', ',', '\0'])
                && !host.contains(char::is_whitespace)
        });
        let port = check.number("port", 1..=65_535);
        let dbname = check.optional_text(
            "dbname",
            "a database's name of at most 64 characters",
            is_name(64),
        );
        let username = check.text("username", USER, is_name(LONGEST_NAME));
        let password = check.secret("password", "the user's password");
        let previous_username =
            check.optional_text("previous_username", USER, is_name(LONGEST_NAME));
        Some(Self {
            host: host?,
            port: port?,
            dbname,
            username: username?,
            password: password?,
            previous_username,
        })
    }

    fn credential(&self) -> &str {
        &self.username
    }

    fn places(&self) -> Vec<Place> {
        vec![Place::server("", &self.host, self.port, 3306)]
    }

    fn renewed(&self) -> Vec<&str> {
        vec!["username", "password"]
    }

    fn renew(&self, fields: &mut Fields, version: &VersionId) -> Result<(), RandomError> {
        fields.set("previous_username", self.username.as_str());
        fields.set("username", username(fields, version));
        fields.set("password", password()?);
        Ok(())
    }

    async fn issue(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let mut session = self.administrator(context, "Creating a user").await?;
        let result = self.copy_user(&mut session).await;
        session.close().await;
        result
    }

    async fn verify(&self, context: &Context<'_>) -> Result<Verdict, ServiceError> {
        const ACTION: &str = "Logging in with the instance's credential";
        let login = self.login(context, &self.username, self.password.expose_secret());
        let login = Login {
            database: self.dbname.as_deref(),
            is_customers: true,
            ..login
        };
        match session::connect(&login, context.deadline).await {
            Ok(mut connection) => {
                let user = session::current_user(&mut connection, context.deadline).await;
                session::disconnect(connection).await;
                match user {
                    Ok(user) if user == self.username => Ok(Verdict::Accepted),
                    // Anonymous, or a proxy: the password is not this user's.
                    Ok(user) => Err(CallError::new(
                        self.service(),
                        ACTION,
                        Kind::Rejected,
                        Cause::Found(format!(
                            "the server takes the login of {:?} for {user:?}",
                            self.username
                        )),
                        "Correct username, or drop the account that stands in for it",
                    )
                    .into()),
                    Err(fault) if fault.is_over_limit_of(&self.username) => Ok(Verdict::Accepted),
                    Err(fault) => Err(fault.into_customers_error(self.service(), ACTION)),
                }
            }
            Err(fault) if fault.is_login() => Ok(Verdict::Refused),
            // The limits come after the password: customers that use all they may do not keep a
            // good credential from being tested, nor a live one from being found out.
            Err(fault) if fault.is_over_limit_of(&self.username) => Ok(Verdict::Accepted),
            Err(fault) => Err(fault.into_customers_error(self.service(), ACTION)),
        }
    }

    /// An answer that keeps a login out does not say which account it is of.
    async fn is_telling(
        &self,
        context: &Context<'_>,
        is_kept_out: bool,
    ) -> Result<(), ServiceError> {
        if !is_kept_out {
            return Ok(());
        }
        let mut session = self.administrator(context, "Looking at a user").await?;
        let anonymous = Account::of(&mut session, "").await;
        let result = match anonymous {
            Ok(accounts) if accounts.is_empty() => Ok(()),
            Ok(_) => Err(session.rejected(
                format!("an anonymous account may stand in for {:?}", self.username),
                "Drop the accounts without a name",
            )),
            Err(error) => Err(error),
        };
        session.close().await;
        result
    }

    async fn revoke(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let mut session = self.administrator(context, "Revoking a user").await?;
        let result = self.end_user(&mut session).await;
        session.close().await;
        result
    }

    async fn rehearse(&self, context: &Context<'_>) -> Result<(), ServiceError> {
        let mut session = self.administrator(context, REHEARSAL).await?;
        let result = self.rehearse_copy(&mut session).await;
        let result = match result {
            Ok(()) => self.end_user(&mut session).await,
            failed => failed,
        };
        session.close().await;
        result
    }

    async fn sessions(&self, context: &Context<'_>) -> Result<Option<Sessions>, ServiceError> {
        let mut session = self
            .administrator(context, "Listing a user's sessions")
            .await?;
        let result = self.sessions_of_user(&mut session).await;
        session.close().await;
        result
    }
}

impl Mysql {
    fn service(&self) -> String {
        format!("mysql://{}:{}", self.host, self.port)
    }

    fn login<'a>(&'a self, context: &Context<'a>, user: &'a str, password: &'a str) -> Login<'a> {
        Login {
            host: &self.host,
            port: self.port,
            database: None,
            user,
            password,
            is_customers: false,
            is_plain: context.is_plain(&self.host),
            roots: context.roots,
        }
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
        if [Some(&self.username), self.previous_username.as_ref()]
            .into_iter()
            .flatten()
            .any(|name| name == user)
        {
            let found = Cause::Found(format!("{user:?} is the administrator's own user"));
            return Err(CallError::new(
                self.service(),
                action,
                Kind::Rejected,
                found,
                "Give the instance a user of its own",
            )
            .into());
        }
        let login = self.login(context, user, password);
        Session::open(&login, self.service(), action, context.deadline).await
    }
}
