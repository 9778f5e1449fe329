//! What a role owns by itself, and was granted: given away in every database that holds some of it.

use super::Postgres;
use super::session::{Session, column};
use crate::engine::{Context, ServiceError};

/// What is given away of the role with this id.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// What it owns.
    Owned(&'a str),
    /// That, and what it was granted.
    Everything(&'a str),
}

impl What<'_> {
    fn condition(self) -> String {
        let (Self::Owned(oid) | Self::Everything(oid)) = self;
        let of_role = format!("refclassid = 'pg_authid'::regclass AND refobjid = {oid}");
        match self {
            Self::Owned(_) => format!("{of_role} AND deptype = 'o'"),
            Self::Everything(_) => of_role,
        }
    }
}

/// Runs the statements where there is something: in the session's own database and for what belongs to no
/// database there, for the rest in the databases that it is in. Those are the customer's.
pub(super) async fn everywhere(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    what: What<'_>,
    statements: &str,
) -> Result<(), ServiceError> {
    let databases = session
        .transaction(&format!(
            "SELECT DISTINCT datname, datallowconn, datname IS NULL OR datname = current_database() \
             FROM pg_shdepend LEFT JOIN pg_database ON pg_database.oid = dbid \
             WHERE {} ORDER BY 1",
            what.condition()
        ))
        .await?;
    // What is everybody's last: a database that the role owns needs the most rights.
    for row in databases.iter().filter(|row| row.get(2) != Some("t")) {
        let database = column(row, 0);
        if row.get(1) != Some("t") {
            let found = format!(
                "database {database:?} holds objects or grants of the role and allows no connections"
            );
            return Err(session.rejected(
                found,
                "Hand them over there (REASSIGN OWNED, DROP OWNED), or set ALLOW_CONNECTIONS",
            ));
        }
        let session = session.in_database(postgres, context, &database).await?;
        session.transaction(statements).await?;
    }
    if databases.iter().any(|row| row.get(2) == Some("t")) {
        session.transaction(statements).await?;
    }
    Ok(())
}
