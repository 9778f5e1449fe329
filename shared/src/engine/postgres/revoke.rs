//! A version's role ends: no login, no sessions, and no role unless it owns the objects.

use super::Postgres;
use super::hand_over;
use super::held_up::{self, PAUSE};
use super::issue::OWN_ROLE;
use super::session::{Role, Session, column, identifier, literal};
use crate::deadline::Transient as _;
use crate::engine::{Context, Kind, ServiceError, Sessions};

const ACTION: &str = "Revoking a role";
const LOOK: &str = "Listing a role's sessions";

/// How often sessions are told to end before the revocation gives up for now.
const TRIES: u32 = 40;
/// How often the login is closed, with what holds it up ended in between.
const CLOSINGS: u32 = 3;
/// Where a role's login and password are.
const AUTHID: &str = "pg_authid";

/// Has the role refused first, so that whatever fails after that is a matter of tidying up.
pub(super) async fn revoke(postgres: &Postgres, context: &Context<'_>) -> Result<(), ServiceError> {
    let session = Session::administrator(postgres, context, ACTION).await?;
    let name = &postgres.username;
    let Some(found) = session.role(name).await? else {
        return Ok(());
    };
    if found.is_administrator {
        let found = format!("role {name:?} is the administrator's own");
        return Err(session.rejected(found, OWN_ROLE));
    }
    let role = identifier(name);
    let membership = session.membership(&found, &role);
    close(postgres, context, &session, &found).await?;
    end_sessions(&session, &found, &role, &membership).await?;
    if let Some(owner) = &postgres.owner {
        tidy_up(postgres, context, &session, &found, owner)
            .await
            .map_err(|error| error.besides(CLOSED))?;
    }
    Ok(())
}

/// Who is logged in with the role, whoever it acts as.
pub(super) async fn sessions(
    postgres: &Postgres,
    context: &Context<'_>,
) -> Result<Sessions, ServiceError> {
    let session = Session::administrator(postgres, context, LOOK).await?;
    let Some(found) = session.role(&postgres.username).await? else {
        return Ok(Sessions::default());
    };
    let membership = session.membership(&found, &identifier(&postgres.username));
    // Without membership the addresses are hidden. Workers of a session are no sessions.
    let rows = session
        .rolled_back(&format!(
            "{membership}SELECT coalesce(host(client_addr), 'local') FROM pg_stat_activity \
             WHERE usesysid = {} AND leader_pid IS NULL",
            found.oid
        ))
        .await?;
    Ok(Sessions::of(rows.iter().map(|row| column(row, 0))))
}

/// Closes the login. Whoever changes the role's own password, and does not end that transaction, holds this up:
/// what holds it ends then.
async fn close(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    found: &Role,
) -> Result<(), ServiceError> {
    let name = &postgres.username;
    let at_once = format!("{}; {}", ended(&found.oid), closed(name));
    let mut done = session.transaction(&closed(name)).await.map(drop);
    for _ in 1..CLOSINGS {
        match done {
            Err(error) if error.is_transient() => {}
            done => return done,
        }
        done = held_up::against(postgres, context, session, (name, found), AUTHID, &at_once).await;
    }
    if done.is_err() {
        let owners = format!("pg_has_role({}::oid, owner, 'MEMBER')", found.oid);
        held_up::none_prepared(session, &owners).await?;
    }
    done
}

fn closed(name: &str) -> String {
    format!("ALTER ROLE {} NOLOGIN PASSWORD NULL", identifier(name))
}

/// What closes a role's login and gives the administrator its privileges, as one transaction.
pub(super) fn closing(session: &Session, name: &str, found: &Role) -> String {
    format!(
        "{}{}",
        session.membership(found, &identifier(name)),
        closed(name)
    )
}

/// Ends the role's sessions in all databases, and waits for it.
async fn end_sessions(
    session: &Session,
    found: &Role,
    role: &str,
    membership: &str,
) -> Result<(), ServiceError> {
    // Those that were let in before the login was closed: later ones are another role's.
    let mut nameless = nameless(session).await?;
    for attempt in 0..TRIES {
        // Whoever has a name by now is found here.
        if !terminate(session, &found.oid, membership).await? && nameless.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        let still = self::nameless(session).await?;
        nameless.retain(|pid| still.contains(pid));
        if attempt > 0 {
            nameless = end_nameless(session, nameless, role).await?;
        }
    }
    let found = "sessions of the role do not end (pg_stat_activity, pg_locks)".to_owned();
    let error = session.unavailable(found, "End what keeps them open");
    Err(error.besides(CLOSED))
}

/// The server's processes of sessions that it has let in and that have not begun: it shows nobody whose they are,
/// for as long as [`post_auth_delay`](https://www.postgresql.org/docs/current/runtime-config-developer.html) says,
/// which is the client's to choose.
async fn nameless(session: &Session) -> Result<Vec<String>, ServiceError> {
    let rows = session
        .transaction(
            "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'virtualxid' AND pid <> pg_backend_pid() \
             EXCEPT SELECT pid FROM pg_stat_activity WHERE usesysid IS NOT NULL",
        )
        .await?;
    Ok(rows.iter().map(|row| column(row, 0)).collect())
}

/// Tells those of them to end that are the role's, and answers which. The server knows: as the role itself one may
/// end its own alone.
async fn end_nameless(
    session: &Session,
    nameless: Vec<String>,
    role: &str,
) -> Result<Vec<String>, ServiceError> {
    if nameless.is_empty() {
        return Ok(nameless);
    }
    let inherit = session.with_inherit();
    let as_role = format!("GRANT {role} TO CURRENT_USER{inherit}; SET LOCAL role TO {role}");
    session.rolled_back(&as_role).await?;
    let mut own = Vec::new();
    for pid in nameless {
        let end = format!("{as_role}; SELECT pg_terminate_backend({pid})");
        match session.rolled_back(&end).await {
            Ok(_) => own.push(pid),
            Err(error) if error.kind() == Some(Kind::Administrator) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(own)
}

/// Tells the role's sessions to end; whether there were any.
async fn terminate(session: &Session, oid: &str, membership: &str) -> Result<bool, ServiceError> {
    let statements = format!("{membership}{}", ended(oid));
    let ended = session.rolled_back(&statements).await?;
    Ok(!ended.is_empty())
}

fn ended(oid: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = {oid}")
}

/// Hands over what the role owns and takes back what it was granted; then there is no role.
async fn tidy_up(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    found: &Role,
    owner: &str,
) -> Result<(), ServiceError> {
    let name = &postgres.username;
    is_of(session, found, name, owner).await?;
    let (role, owner) = (identifier(name), identifier(owner));
    // Through the role, which is a member of the owner's, the administrator has the privileges
    // of both, and loses them with it.
    let membership = session.membership(found, &role);
    session
        .transaction(&format!("{membership}GRANT {owner} TO {role}"))
        .await?;
    // A session may have prepared one until it ended.
    held_up::roll_back(postgres, context, session, found, AUTHID).await?;
    held_up::none_prepared(session, &format!("owner = {}", literal(name))).await?;
    let rest = format!("REASSIGN OWNED BY {role} TO {owner}; DROP OWNED BY {role}");
    let everything = hand_over::What::Everything(&found.oid);
    let allowed = str::to_owned;
    hand_over::everywhere(
        postgres, context, session, everything, &owner, allowed, &rest,
    )
    .await?;
    session.transaction(&format!("DROP ROLE {role}")).await?;
    Ok(())
}

/// The server is asked whose objects these are: a document may name anybody's role as owner, which would own what is
/// handed over, and for a moment be granted.
async fn is_of(
    session: &Session,
    found: &Role,
    name: &str,
    owner: &str,
) -> Result<(), ServiceError> {
    let is_member = match session.role(owner).await? {
        Some(owner) if owner.is_administrator => false,
        Some(owner) => session.has_role(found, &owner, "MEMBER").await?,
        None => false,
    };
    if is_member {
        return Ok(());
    }
    let found = format!(
        "role {name:?} is no member of {owner:?} (owner): what it owns is handed over to nobody"
    );
    let remedy =
        "Reassign its objects yourself, drop the role, and have the revocation tried again";
    Err(session.rejected(found, remedy))
}

/// The credential has ended, whatever else has not.
const CLOSED: &str = "; the role's login is closed already";
