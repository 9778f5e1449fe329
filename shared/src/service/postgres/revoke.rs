//! A version's role ends: no login, no sessions, and no role unless it owns the objects.

use std::time::Duration;

use super::Postgres;
use super::session::{Session, column, identifier, literal};
use crate::service::{Context, ServiceError};

const ACTION: &str = "revoke a role";

/// How often sessions are told to end before the revocation gives up for now.
const TRIES: u32 = 40;
/// How long they have between.
const PAUSE: Duration = Duration::from_millis(250);

/// Has the role refused first, so that whatever fails after that is a matter of tidying up.
pub(super) async fn revoke(postgres: &Postgres, context: &Context<'_>) -> Result<(), ServiceError> {
    let session = Session::administrator(postgres, context, &postgres.dbname, ACTION).await?;
    let name = &postgres.username;
    let Some(found) = session.role(name).await? else {
        return Ok(());
    };
    if found.is_administrator {
        return Err(session.rejected(format!(
            "{name:?} is the administrator's own role; give the administrator's secret (masterarn) another one"
        )));
    }
    let role = identifier(name);
    session
        .transaction(&format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL"))
        .await?;
    let membership = if found.is_usable {
        String::new()
    } else {
        let options = session.with_inherit().await?;
        format!("GRANT {role} TO CURRENT_USER{options}; ")
    };
    end_sessions(&session, &found.oid, &membership).await?;
    if let Some(owner) = &postgres.owner {
        let owner = identifier(owner);
        no_prepared_transactions(&session, name).await?;
        // Through the role, which is a member of the owner's, the administrator has the privileges
        // of both, and loses them with it.
        session
            .transaction(&format!("{membership}GRANT {owner} TO {role}"))
            .await?;
        hand_over(postgres, context, &session, &found.oid, &role, &owner).await?;
        session.transaction(&format!("DROP ROLE {role}")).await?;
    }
    Ok(())
}

/// Ends the role's sessions in all databases, and waits for it.
async fn end_sessions(session: &Session, oid: &str, membership: &str) -> Result<(), ServiceError> {
    for _ in 0..TRIES {
        // Ending sessions takes membership, which is not to last: the role may be the owner's.
        let ended = session
            .rolled_back(&format!(
                "{membership}SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = {oid}"
            ))
            .await?;
        if ended.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(session.unavailable(
        "sessions of the role do not end (pg_stat_activity); its login is closed already"
            .to_owned(),
    ))
}

/// Nobody but a superuser could end the transactions of a role that is gone.
async fn no_prepared_transactions(session: &Session, name: &str) -> Result<(), ServiceError> {
    let rows = session
        .transaction(&format!(
            "SELECT gid, database FROM pg_prepared_xacts WHERE owner = {} ORDER BY prepared LIMIT 5",
            literal(name)
        ))
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let transactions: Vec<_> = rows
        .iter()
        .map(|row| format!("{:?} in database {:?}", column(row, 0), column(row, 1)))
        .collect();
    Err(session.unavailable(format!(
        "the role has prepared transactions: {}; end them there as a superuser or after SET ROLE {} (COMMIT PREPARED or ROLLBACK PREPARED); its login is closed already",
        transactions.join(", "),
        identifier(name)
    )))
}

/// Gives what the role owns to the owner and takes back what it was granted, in every database.
async fn hand_over(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    oid: &str,
    role: &str,
    owner: &str,
) -> Result<(), ServiceError> {
    let statements = format!("REASSIGN OWNED BY {role} TO {owner}; DROP OWNED BY {role}");
    session.transaction(&statements).await?;
    let others = session
        .transaction(&format!(
            "SELECT DISTINCT datname, datallowconn FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid \
             WHERE refclassid = 'pg_authid'::regclass AND refobjid = {oid} ORDER BY 1"
        ))
        .await?;
    for row in others {
        let database = column(&row, 0);
        if row.get(1) != Some("t") {
            return Err(session.rejected(format!(
                "database {database:?} holds objects or grants of role {role} and allows no connections; hand them over there (REASSIGN OWNED, DROP OWNED) or set ALLOW_CONNECTIONS"
            )));
        }
        Session::administrator(postgres, context, &database, ACTION)
            .await?
            .transaction(&statements)
            .await?;
    }
    Ok(())
}
