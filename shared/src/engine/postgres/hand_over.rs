//! What a role owns by itself, and was granted: given away in every database that holds some of it.

use super::Postgres;
use super::session::{Session, column};
use crate::engine::{Context, ServiceError};

/// So many objects are handed over at once, however many there are: the function's memory is small, and so are the
/// server's table of locks and the time that a statement has.
const AT_ONCE: usize = 1000;

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

/// Hands the schemas, and what there is much of, over to `owner` and runs `rest` where there is something: in the session's own database and for what
/// belongs to no database there, for the rest in the databases that it is in. Those are the customer's. `allowed` has
/// the statements run with the rights that they need.
pub(super) async fn everywhere(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    what: What<'_>,
    owner: &str,
    allowed: impl Fn(&str) -> String,
    rest: &str,
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
        here(&session, what, owner, &allowed, rest).await?;
    }
    if databases.iter().any(|row| row.get(2) == Some("t")) {
        here(session, what, owner, &allowed, rest).await?;
    }
    Ok(())
}

/// The schemas come first: the server hands over what is older first, and a function only to whom may create one in its
/// schema, which may be younger. Then what there may be most of. The last are left to `rest`, which asks for fewer rights.
async fn here(
    session: &Session,
    what: What<'_>,
    owner: &str,
    allowed: &impl Fn(&str) -> String,
    rest: &str,
) -> Result<(), ServiceError> {
    let oid = what.oid();
    let query = format!(
        "SELECT format('SCHEMA %I', nspname), true FROM pg_namespace WHERE nspowner = {oid} \
         UNION ALL SELECT format('TABLE %I.%I', nspname, relname), false \
             FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
             WHERE relowner = {oid} AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relpersistence <> 't' \
         UNION ALL SELECT format('LARGE OBJECT %s', oid), false FROM pg_largeobject_metadata \
             WHERE lomowner = {oid} \
         LIMIT {AT_ONCE}"
    );
    loop {
        let rows = session.transaction(&query).await?;
        let is_last = rows.len() < AT_ONCE;
        let objects = rows
            .iter()
            .filter(|row| !is_last || row.get(1) == Some("t"))
            .map(|row| format!("ALTER {} OWNER TO {owner}", column(row, 0)));
        let rest = is_last.then(|| rest.to_owned());
        let statements: Vec<_> = objects.chain(rest).collect();
        session
            .transaction(&allowed(&statements.join("; ")))
            .await?;
        if is_last {
            return Ok(());
        }
    }
}
