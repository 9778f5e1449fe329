//! A session with the server.

use std::borrow::Cow;
use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::fault::{LET_IN, fault};
use super::login::{Login, open};
use super::{Fault, Postgres};
use crate::deadline::Deadline;
use crate::engine::{CallError, Cause, Context, Kind, ServiceError};
use crate::net::{self, Unreachable};

/// What belongs to the transaction in which it is said, as SQL.
pub(super) const OF_A_TRANSACTION: &str =
    "'transaction_isolation', 'transaction_read_only', 'transaction_deferrable'";

/// The longest that a statement may take, and how long it may wait for a lock.
const STATEMENT: Duration = Duration::from_secs(12);
const LOCK: Duration = Duration::from_secs(4);

/// The administrator's database where its secret names none. The customers' own are theirs to shape.
const MAINTENANCE: &str = "postgres";

/// What is set for each transaction; a pooler may hand the next one to another session, and may have dropped
/// what the login asked for.
///
/// The time-outs end before this side gives up, so that a lock makes the server's clear error, and a frozen
/// function holds none.
fn settings(left: Duration) -> String {
    let (statement, lock) = ((left * 4 / 5).min(STATEMENT), (left / 2).min(LOCK));
    // Zero would be for ever.
    let millis = |time: Duration| time.as_millis().max(1);
    format!(
        "SET LOCAL role TO none; SET LOCAL search_path TO pg_catalog; SET LOCAL statement_timeout = {}; \
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
    /// The server's, as it numbers itself: 160004 for 16.4.
    version: u32,
    /// It began with the settings that win over the database's.
    is_shielded: bool,
}

/// A role as the administrator sees it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the server's own attributes"
)]
pub(super) struct Role {
    pub(super) oid: String,
    pub(super) connection_limit: String,
    /// Until when its password counts.
    pub(super) valid_until: Option<String>,
    pub(super) is_expired: bool,
    pub(super) is_superuser: bool,
    pub(super) creates_roles: bool,
    pub(super) creates_databases: bool,
    pub(super) replicates: bool,
    pub(super) bypasses_policies: bool,
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
        let login = Login::customer(postgres);
        let client = open(postgres, context, &postgres.dbname, &login, LET_IN).await?;
        Ok(Self {
            client,
            service: postgres.service(&postgres.dbname),
            action: LET_IN,
            deadline: context.deadline,
            version: 0,
            is_shielded: false,
        })
    }

    /// The administrator's, in a database that no customer shapes.
    pub(super) async fn administrator(
        postgres: &Postgres,
        context: &Context<'_>,
        action: &'static str,
    ) -> Result<Self, ServiceError> {
        let (_, secret) = context.administrators_secret()?;
        let database = secret.text("dbname").filter(|name| !name.is_empty());
        Self::open(
            postgres,
            context,
            database.unwrap_or(MAINTENANCE),
            action,
            &[],
        )
        .await
    }

    /// Another one like this, the administrator's.
    pub(super) async fn another(
        &self,
        postgres: &Postgres,
        context: &Context<'_>,
    ) -> Result<Self, ServiceError> {
        Self::administrator(postgres, context, self.action).await
    }

    /// Another session of the administrator, in a database that is the customer's: every setting that was
    /// chosen for that database has the value that it has here.
    pub(super) async fn in_database(
        &self,
        postgres: &Postgres,
        context: &Context<'_>,
        database: &str,
    ) -> Result<Self, ServiceError> {
        let rows = self
            .transaction(&format!(
                "SELECT known.name, known.setting \
                 FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry \
                     JOIN pg_database database ON database.oid = setdatabase \
                     JOIN pg_settings known ON known.name = split_part(entry, '=', 1) \
                 WHERE setrole = 0 AND datname = {} AND known.context = 'user' \
                     AND known.name NOT IN ({OF_A_TRANSACTION})",
                literal(database)
            ))
            .await?;
        let overrides: Vec<_> = rows
            .iter()
            .map(|row| (column(row, 0), column(row, 1)))
            .collect();
        Self::open(postgres, context, database, self.action, &overrides).await
    }

    async fn open(
        postgres: &Postgres,
        context: &Context<'_>,
        database: &str,
        action: &'static str,
        overrides: &[(String, String)],
    ) -> Result<Self, ServiceError> {
        let service = postgres.service(database);
        let mut login = Login::administrator(context, overrides)?;
        let opened = match open(postgres, context, database, &login, action).await {
            Err(Fault::Options(_)) => {
                login = login.without_options();
                open(postgres, context, database, &login, action).await
            }
            opened => opened,
        };
        let client = opened.map_err(|fault| match fault {
            // An empty remedy is that of a refused login.
            Fault::Login(cause) => {
                CallError::new(service.clone(), action, Kind::Administrator, cause, "").into()
            }
            Fault::Full(error) | Fault::Options(error) | Fault::Other(error) => error,
        })?;
        let mut session = Self {
            client,
            service,
            action,
            deadline: context.deadline,
            version: 0,
            is_shielded: login.has_options(),
        };
        session.look(login.user()).await?;
        Ok(session)
    }

    /// Whose session it is, and of which server.
    async fn look(&mut self, user: &str) -> Result<(), ServiceError> {
        // A pooler may drop what it does not know: then this is as the server has it.
        let look = "SELECT session_user, current_setting('server_version_num'), \
                    (SELECT source FROM pg_settings WHERE name = 'local_preload_libraries')";
        let rows = self.transaction(look).await?;
        let (name, version, source) = rows
            .first()
            .map(|row| (column(row, 0), column(row, 1), column(row, 2)))
            .unwrap_or_default();
        self.is_shielded &= source == "client";
        if name != user {
            let found = format!("the session is that of {name:?}, not of {user:?}");
            return Err(self.failed(
                Kind::Administrator,
                found,
                "Let the pooler in between log in to the server as its own client does",
            ));
        }
        self.version = version.parse().unwrap_or_default();
        Ok(())
    }

    /// Whether the server is of this major version or a later one.
    pub(super) fn is_since(&self, major: u32) -> bool {
        self.version >= major * 10_000
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
        let done = if self.is_shielded {
            self.query(&format!("BEGIN; {settings}; {statements}; {end}"))
                .await
        } else {
            // A message's time is counted from its beginning, by the setting that held then.
            match self.query(&format!("BEGIN READ WRITE; {settings}")).await {
                Ok(_) => self.query(&format!("{statements}; {end}")).await,
                error => error,
            }
        };
        if done.is_err() {
            // Whoever tries something else next is not to be in what failed. The error is the first one's.
            let _ = self.query("ROLLBACK").await;
        }
        done
    }

    /// The role that a customer's session acts as.
    pub(super) async fn current_user(&self) -> Result<String, ServiceError> {
        let rows = self.query("SELECT current_user").await?;
        Ok(rows.first().map(|row| column(row, 0)).unwrap_or_default())
    }

    /// Whether a customer's login is this role or may become it, and acts as that does by its settings.
    pub(super) async fn acts_like(&self, role: &str) -> Result<bool, ServiceError> {
        // The customer's own may be too short for this, which is not for this to meet.
        self.query("SET statement_timeout TO '5s'").await?;
        let becomes = "CASE WHEN current_setting('server_version_num')::int >= 160000 \
                       THEN 'SET' ELSE 'MEMBER' END";
        // Nothing along the customer's own path is called, nor a table of its session's taken for a catalog.
        let rows = self
            .query(&format!(
                "BEGIN; SET LOCAL search_path TO pg_catalog, pg_temp; \
                 SELECT 1 FROM pg_roles \
                 WHERE rolname = {} AND pg_has_role(session_user, oid, {becomes}) \
                     AND current_user = coalesce((SELECT substr(entry, 6) \
                         FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry \
                             LEFT JOIN pg_database ON pg_database.oid = setdatabase \
                         WHERE setrole = pg_roles.oid AND entry LIKE 'role=%' \
                             AND coalesce(datname, current_database()) = current_database() \
                         ORDER BY setdatabase DESC LIMIT 1), rolname); \
                 ROLLBACK",
                literal(role)
            ))
            .await?;
        Ok(!rows.is_empty())
    }

    /// A role, if there is one of this name.
    pub(super) async fn role(&self, name: &str) -> Result<Option<Role>, ServiceError> {
        self.role_where(&format!("rolname = {}", literal(name)))
            .await
    }

    /// The role that this session is.
    pub(super) async fn own(&self) -> Result<Option<Role>, ServiceError> {
        self.role_where("rolname = session_user").await
    }

    async fn role_where(&self, condition: &str) -> Result<Option<Role>, ServiceError> {
        let rows = self
            .transaction(&format!(
                "SELECT oid, rolconnlimit, rolvaliduntil, rolvaliduntil <= now(), rolsuper, \
                     rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, \
                     rolname = session_user, pg_has_role(oid, 'USAGE') \
                 FROM pg_roles WHERE {condition}"
            ))
            .await?;
        Ok(rows.first().map(|row| {
            let is = |index| row.get(index) == Some("t");
            Role {
                oid: column(row, 0),
                connection_limit: column(row, 1),
                valid_until: row.get(2).map(ToOwned::to_owned),
                is_expired: is(3),
                is_superuser: is(4),
                creates_roles: is(5),
                creates_databases: is(6),
                replicates: is(7),
                bypasses_policies: is(8),
                is_administrator: is(9),
                is_usable: is(10),
            }
        }))
    }

    /// Whether a role has another's privileges in this way: `MEMBER`, `USAGE` or, since version 16, `SET`.
    pub(super) async fn has_role(
        &self,
        role: &Role,
        of: &Role,
        privilege: &str,
    ) -> Result<bool, ServiceError> {
        let (role, of) = (&role.oid, &of.oid);
        let asked = format!("SELECT pg_has_role({role}::oid, {of}::oid, '{privilege}')");
        let rows = self.transaction(&asked).await?;
        Ok(rows.first().and_then(|row| row.get(0)) == Some("t"))
    }

    /// What a role must be granted another with, to act as it.
    pub(super) fn becomes(&self) -> &'static str {
        if self.is_since(16) { "SET" } else { "MEMBER" }
    }

    /// What makes a membership give its privileges, whatever the member's own attribute says. Before
    /// version 16 the attribute decides.
    pub(super) fn with_inherit(&self) -> &'static str {
        if self.is_since(16) {
            " WITH INHERIT TRUE, SET TRUE"
        } else {
            ""
        }
    }

    /// What gives the administrator the role's privileges: for one transaction, as the role may be the owner's.
    pub(super) fn membership(&self, found: &Role, role: &str) -> String {
        if found.is_usable {
            String::new()
        } else {
            format!("GRANT {role} TO CURRENT_USER{}; ", self.with_inherit())
        }
    }

    /// Statements that need a role's privileges, which the administrator has for so long.
    pub(super) fn as_member_of(&self, found: &Role, role: &str, statements: &str) -> String {
        if found.is_usable {
            return statements.to_owned();
        }
        let inherit = self.with_inherit();
        format!(
            "GRANT {role} TO CURRENT_USER{inherit}; {statements}; REVOKE {role} FROM CURRENT_USER"
        )
    }

    pub(super) fn rejected(
        &self,
        found: String,
        remedy: impl Into<Cow<'static, str>>,
    ) -> ServiceError {
        self.failed(Kind::Rejected, found, remedy)
    }

    /// The session is another than it should be.
    pub(super) fn kept_out(&self, found: String, remedy: &'static str) -> ServiceError {
        self.failed(Kind::KeptOut, found, remedy)
    }

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

    /// Runs statements as they are, be it that no transaction may hold them.
    pub(super) async fn query(
        &self,
        statements: &str,
    ) -> Result<Vec<SimpleQueryRow>, ServiceError> {
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
            Err(_) => {
                let reason = Unreachable::Timeout;
                Err(CallError::unreachable(&self.service, self.action, reason).into())
            }
        }
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
