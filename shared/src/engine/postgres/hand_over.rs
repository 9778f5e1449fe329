//! What a role owns by itself, and was granted: given away in every database that holds some of it.

use super::Postgres;
use super::session::{Session, column, identifier};
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
    fn oid(&self) -> &str {
        let (Self::Owned(oid) | Self::Everything(oid)) = self;
        oid
    }

    fn condition(self) -> String {
        let oid = self.oid();
        let of_role = format!("refclassid = 'pg_authid'::regclass AND refobjid = {oid}");
        match self {
            Self::Owned(_) => format!("{of_role} AND deptype = 'o'"),
            Self::Everything(_) => of_role,
        }
    }
}

/// Runs the statements where there is something, after what hands the schemas over to `owner`: in the session's own
/// database and for what belongs to no database there, for the rest in the databases that it is in. Those are the
/// customer's.
pub(super) async fn everywhere(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    what: What<'_>,
    owner: &str,
    statements: impl Fn(&str) -> String,
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
        let schemas = schemas(&session, what, owner).await?;
        session.transaction(&statements(&schemas)).await?;
    }
    if databases.iter().any(|row| row.get(2) == Some("t")) {
        let schemas = schemas(session, what, owner).await?;
        session.transaction(&statements(&schemas)).await?;
    }
    Ok(())
}

/// The server hands over what is older first, and a function only to whom may create one in its schema: that may be
/// younger.
async fn schemas(session: &Session, what: What<'_>, owner: &str) -> Result<String, ServiceError> {
    let query = format!(
        "SELECT nspname FROM pg_namespace WHERE nspowner = {}",
        what.oid()
    );
    let rows = session.transaction(&query).await?;
    let statements = rows.iter().map(|row| {
        let schema = identifier(&column(row, 0));
        format!("ALTER SCHEMA {schema} OWNER TO {owner}; ")
    });
    Ok(statements.collect::<Vec<_>>().concat())
}
