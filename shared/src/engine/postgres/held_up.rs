//! What holds a statement up, for as long as somebody likes: sessions, and prepared transactions, which hold their locks
//! when their sessions have ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Postgres;
use super::session::{Role, Session, column, identifier, literal};
use crate::engine::{Context, ServiceError};

/// How long sessions have before it is looked again.
pub(super) const PAUSE: Duration = Duration::from_millis(250);

/// Runs statements, which may end sessions of a role and need its privileges, in one transaction. Transactions that the
/// role has prepared on a row of this catalog are rolled back while it waits in its place: whoever logs in again at once
/// comes too late.
pub(super) async fn against(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    (name, role): (&str, &Role),
    catalog: &str,
    statements: &str,
) -> Result<(), ServiceError> {
    let quoted = identifier(name);
    // For both sessions.
    session
        .transaction(&session.membership(role, &quoted))
        .await?;
    let done = match session.another(postgres, context).await {
        Ok(other) => {
            let is_done = AtomicBool::new(false);
            let waiting = async {
                let done = session.transaction(statements).await;
                is_done.store(true, Ordering::Release);
                done
            };
            let rolling_back = async {
                while !is_done.load(Ordering::Acquire) {
                    if let Err(error) = roll_back(postgres, context, &other, role, catalog).await {
                        tracing::warn!(%error, "a prepared transaction is not rolled back");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            tokio::join!(waiting, rolling_back).0
        }
        // No connection may be free: sessions are ended all the same.
        Err(_) => session.transaction(statements).await,
    };
    if !role.is_usable {
        let revoked = format!("REVOKE {quoted} FROM CURRENT_USER");
        session.transaction(&revoked).await?;
    }
    done.map(drop)
}

/// Rolls back prepared transactions that have changed a row of this catalog: of whoever can become this role, or this role
/// can become, as one may act as another when it prepares. Without CREATEROLE, what is changed of `pg_authid` is a
/// password, and no rotation would know of that.
pub(super) async fn roll_back(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    role: &Role,
    catalog: &str,
) -> Result<(), ServiceError> {
    let (oid, becomes) = (&role.oid, session.becomes());
    let rows = session
        .transaction(&format!(
            "SELECT DISTINCT gid, prepared.database, owner, pg_has_role(pg_roles.oid, '{becomes}'), \
                 format('ALLOW_CONNECTIONS %s CONNECTION LIMIT %s', datallowconn::text, datconnlimit) \
             FROM pg_prepared_xacts prepared JOIN pg_roles ON rolname = owner \
                 JOIN pg_database ON datname = prepared.database \
                 JOIN pg_locks own ON own.transactionid = transaction AND own.pid IS NULL \
                 JOIN pg_locks held USING (virtualtransaction) \
             WHERE held.relation = '{catalog}'::regclass AND held.database = 0 AND held.pid IS NULL \
                 AND held.mode <> 'AccessShareLock' AND NOT rolsuper AND owner <> session_user \
                 AND (pg_has_role({oid}::oid, pg_roles.oid, 'MEMBER') \
                     OR pg_has_role(pg_roles.oid, {oid}::oid, 'MEMBER'))"
        ))
        .await?;
    for row in &rows {
        let (gid, database, owner) = (column(row, 0), column(row, 1), identifier(&column(row, 2)));
        let is_member = row.get(3) == Some("t");
        if !is_member {
            let inherit = session.with_inherit();
            let granted = format!("GRANT {owner} TO CURRENT_USER{inherit}");
            session.transaction(&granted).await?;
        }
        let end = async || {
            let there = session.in_database(postgres, context, &database).await?;
            end_prepared(&there, &owner, &gid).await
        };
        let mut ended = end().await;
        if ended.is_err() {
            // Its owner may have shut the database. It is as shut as before after that.
            let (database, before) = (identifier(&database), column(row, 4));
            let opened = format!(
                "GRANT CONNECT ON DATABASE {database} TO CURRENT_USER; \
                 ALTER DATABASE {database} ALLOW_CONNECTIONS true CONNECTION LIMIT -1"
            );
            session.transaction(&opened).await?;
            ended = end().await;
            let shut = format!(
                "REVOKE CONNECT ON DATABASE {database} FROM CURRENT_USER; ALTER DATABASE {database} {before}"
            );
            session.transaction(&shut).await?;
        }
        if !is_member {
            let revoked = format!("REVOKE {owner} FROM CURRENT_USER");
            session.transaction(&revoked).await?;
        }
        ended?;
        tracing::warn!(gid, database, catalog, "rolled back a prepared transaction");
    }
    Ok(())
}

/// As its owner, or the server refuses it. A pooler may keep the session for the next one.
async fn end_prepared(session: &Session, owner: &str, gid: &str) -> Result<(), ServiceError> {
    session.query(&format!("SET ROLE {owner}")).await?;
    let end = format!("ROLLBACK PREPARED {}", literal(gid));
    let ended = session.query(&end).await;
    session.query("RESET ROLE").await?;
    ended.map(drop)
}

/// Fails if these owners have any. Nobody but a superuser could end those of a role that is gone.
pub(super) async fn none_prepared(session: &Session, owners: &str) -> Result<(), ServiceError> {
    let rows = session
        .transaction(&format!(
            "SELECT gid, database, owner FROM pg_prepared_xacts WHERE {owners} ORDER BY prepared LIMIT 5"
        ))
        .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let transactions: Vec<_> = rows
        .iter()
        .map(|row| format!("{:?} in database {:?}", column(row, 0), column(row, 1)))
        .collect();
    let mut owners: Vec<_> = rows.iter().map(|row| identifier(&column(row, 2))).collect();
    owners.dedup();
    let found = format!(
        "the role has prepared transactions: {}",
        transactions.join(", ")
    );
    let remedy = format!(
        "End them there (COMMIT PREPARED or ROLLBACK PREPARED), as a superuser or after SET ROLE {}",
        owners.join(" or ")
    );
    Err(session.unavailable(found, remedy))
}
