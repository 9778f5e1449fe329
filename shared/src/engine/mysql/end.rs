//! The end of a user.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Mysql;
use super::account::{Account, account, is, literal};
use super::session::{Dialect, Session};
use super::verifier::{Format, Plugin};
use crate::engine::{ServiceError, Sessions};

/// How often a user's sessions are looked for. Its login is locked by then: those that are found
/// after the first look were on their way in.
const LOOKS: usize = 20;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// So many looks does a session have that logs in, or another user's that changes its user: a moment is all it takes.
const PATIENCE: usize = 8;

/// Without PROCESS nobody is shown the others' sessions, and without a word; this fails.
const MAY_SEE_SESSIONS: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX";

/// It lacks a privilege.
const LACKS_PRIVILEGE: u16 = 1227;

impl Mysql {
    /// The user's sessions; `None` if the administrator may not see them.
    pub(super) async fn sessions_of_user(
        &self,
        session: &mut Session,
    ) -> Result<Option<Sessions>, ServiceError> {
        match session.attempt(MAY_SEE_SESSIONS).await {
            Ok(_) => {}
            Err(fault) if fault.has_code(LACKS_PRIVILEGE) => return Ok(None),
            Err(fault) => return Err(session.error(fault)),
        }
        let query = sessions("HOST", &self.username);
        let hosts = session.rows(&query).await?.into_iter().flatten().flatten();
        // With the client's port behind it, but for a socket.
        Ok(Some(Sessions::of(hosts.map(|host| {
            let address = host.rsplit_once(':').map(|(address, _)| address.to_owned());
            address.unwrap_or(host)
        }))))
    }

    /// Locks the user out, ends its sessions and drops it, if nothing needs it.
    pub(super) async fn end_user(&self, session: &mut Session) -> Result<(), ServiceError> {
        let name = self.username.as_str();
        let plugin = match session.dialect {
            Dialect::MariaDb => Plugin::Native,
            Dialect::MySql => Plugin::CachingSha2(Format::Crypt5),
        };
        session.is_writable()?;
        session.execute(MAY_SEE_SESSIONS).await?;
        let accounts = Account::of(session, name).await?;
        for Account { host, .. } in &accounts {
            let user = account(name, host);
            // By itself: of a statement with a hash a server that takes none does nothing, and with
            // IF EXISTS it says nothing.
            session
                .execute(&format!("ALTER USER IF EXISTS {user} ACCOUNT LOCK"))
                .await?;
            let mut without_password = format!(
                "ALTER USER IF EXISTS {user} IDENTIFIED WITH {} AS {}",
                plugin.name(),
                literal(plugin.impossible())
            );
            if session.dialect == Dialect::MySql {
                // The password before this one may be kept beside it.
                session
                    .execute(&format!("ALTER USER IF EXISTS {user} DISCARD OLD PASSWORD"))
                    .await?;
                // Else logins that fail are counted, and no longer refused as what they are.
                without_password += " FAILED_LOGIN_ATTEMPTS 0 PASSWORD_LOCK_TIME 0";
            }
            match session.attempt(&without_password).await {
                Ok(_) => {}
                Err(fault) if fault.is_strict() => {}
                Err(fault) => return Err(session.error(fault)),
            }
        }
        end_sessions(session, name).await?;
        if let Some(object) = self.defined_object(session, &accounts).await? {
            tracing::warn!(
                user = name,
                object,
                "the user is the definer of an object: it is locked permanently, and not dropped"
            );
            return Ok(());
        }
        for Account { host, .. } in &accounts {
            let user = account(name, host);
            match session
                .attempt(&format!("DROP USER IF EXISTS {user}"))
                .await
            {
                Ok(_) => {}
                // MySQL's own look for definers sees what the administrator may not.
                Err(fault) if session.dialect == Dialect::MySql && fault.has_code(4006) => {
                    tracing::warn!(
                        user,
                        "the user is a definer: it is locked permanently, and not dropped"
                    );
                }
                Err(fault) => return Err(session.error(fault)),
            }
        }
        Ok(())
    }

    /// Something that is defined by one of the accounts. An administrator who could hand on the
    /// privileges to define it has them, and is shown it.
    async fn defined_object(
        &self,
        session: &mut Session,
        accounts: &[Account],
    ) -> Result<Option<String>, ServiceError> {
        if accounts.is_empty() {
            return Ok(None);
        }
        let conditions: Vec<String> = accounts
            .iter()
            .map(|account| is("DEFINER", &format!("{}@{}", self.username, account.host)))
            .collect();
        let condition = conditions.join(" OR ");
        let branches: Vec<String> = [
            ("VIEWS", "'view'", "TABLE_SCHEMA", "TABLE_NAME"),
            (
                "ROUTINES",
                "LOWER(ROUTINE_TYPE)",
                "ROUTINE_SCHEMA",
                "ROUTINE_NAME",
            ),
            ("TRIGGERS", "'trigger'", "TRIGGER_SCHEMA", "TRIGGER_NAME"),
            ("EVENTS", "'event'", "EVENT_SCHEMA", "EVENT_NAME"),
        ]
        .into_iter()
        .map(|(table, kind, schema, object)| {
            format!(
                "SELECT CONCAT({kind}, ' ', {schema}, '.', {object}) \
                 FROM information_schema.{table} WHERE {condition}"
            )
        })
        .collect();
        let query = format!("{} LIMIT 1", branches.join(" UNION ALL "));
        match session.attempt(&query).await {
            Ok(rows) => Ok(rows.into_iter().flatten().next().flatten()),
            // On a server with very many objects. What cannot be ruled out is taken to be so.
            Err(fault) if fault.is_out_of_time() => Ok(Some(
                "perhaps one of the server's very many objects".to_owned(),
            )),
            Err(fault) => Err(session.error(fault)),
        }
    }
}

/// The query for a column of a user's sessions.
fn sessions(column: &str, user: &str) -> String {
    format!(
        "SELECT {column} FROM information_schema.PROCESSLIST \
         WHERE {} AND COMMAND <> 'Killed' AND ID <> CONNECTION_ID()",
        is("USER", user)
    )
}

/// Ends a user's sessions, until a look finds none. One that was ended here and rolls back is over as well: it takes
/// no statement any more. Of another one that is killed, that may be its statement alone.
///
/// A session that [changes its user](https://mariadb.com/kb/en/com_change_user/) is shown under the name that it
/// asks for, as long as its client likes, and is the old user's again if that is refused. MySQL shows a login under no
/// name until it has ended, and goes by what the user was when its name came.
async fn end_sessions(session: &mut Session, user: &str) -> Result<(), ServiceError> {
    let nameless = match session.dialect {
        Dialect::MariaDb => "",
        Dialect::MySql => " OR USER = 'unauthenticated user'",
    };
    let query = format!(
        "SELECT ID, COMMAND = 'Killed', {} FROM information_schema.PROCESSLIST \
         WHERE ID <> CONNECTION_ID() \
             AND ({} OR COMMAND = 'Change user'{nameless})",
        is("USER", user),
        is("USER", user)
    );
    let mut ended = BTreeSet::new();
    let mut changing: Option<BTreeSet<u64>> = None;
    for look in 0..LOOKS {
        let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
        for row in session.rows(&query).await? {
            let is = |column: usize| row.get(column).and_then(Option::as_deref) == Some("1");
            let Some(id) = row.first().and_then(|id| id.as_ref()?.parse::<u64>().ok()) else {
                continue;
            };
            if is(1) && ended.contains(&id) {
                continue;
            }
            let found = if is(2) { &mut own } else { &mut others };
            found.insert(id);
        }
        // Those that began to log in, or to change, when the login was locked were another's.
        if let Some(before) = changing {
            others.retain(|id| before.contains(id));
        }
        if own.is_empty() && others.is_empty() {
            return Ok(());
        }
        let is_late = look >= PATIENCE;
        for id in own.iter().chain(others.iter().filter(|_| is_late)) {
            end_session(session, *id).await?;
            ended.insert(*id);
        }
        if own.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        changing = Some(others);
    }
    let found = format!("{user} keeps opening sessions");
    Err(session.unavailable(found, "Stop the clients that log in with it"))
}

async fn end_session(session: &mut Session, id: u64) -> Result<(), ServiceError> {
    let Err(fault) = session.attempt(&format!("KILL CONNECTION {id}")).await else {
        return Ok(());
    };
    // It has ended by itself.
    if fault.has_code(1094) {
        return Ok(());
    }
    // Amazon RDS has a procedure in place of the right to it.
    if fault.has_code(1095) {
        let call = session.attempt(&format!("CALL mysql.rds_kill({id})")).await;
        if call.is_ok() {
            return Ok(());
        }
    }
    Err(session.error(fault))
}
