//! A version's role comes into being.

use postgres_protocol::password::scram_sha_256;
use secrecy::ExposeSecret;

use super::Postgres;
use super::session::{Role, Session, column, identifier, literal};
use crate::service::{Context, ServiceError};

const ACTION: &str = "create a role";

/// Settings whose values are lists of names: a list that is given as a text would be one name.
const LISTS: [&str; 2] = ["search_path", "temp_tablespaces"];

/// Creates the role, or gives it the password that it is to have; makes it act as the owner.
pub(super) async fn issue(postgres: &Postgres, context: &Context<'_>) -> Result<(), ServiceError> {
    let session = Session::administrator(postgres, context, &postgres.dbname, ACTION).await?;
    let mut statements = Vec::new();
    let verb = match session.role(&postgres.username).await? {
        Some(role) if role.is_administrator => return Err(own(&session, &postgres.username)),
        Some(_) => "ALTER",
        None => "CREATE",
    };
    let role = identifier(&postgres.username);
    // The server stores and logs a verifier and never sees the password itself.
    let verifier = literal(&scram_sha_256(postgres.password.expose_secret().as_bytes()));
    statements.push(format!("{verb} ROLE {role} LOGIN PASSWORD {verifier}"));
    if let Some(name) = &postgres.owner {
        let owner = match session.role(name).await? {
            Some(owner) if owner.is_administrator => return Err(own(&session, name)),
            Some(owner) => owner,
            None => {
                let reason = format!("there is no role {name:?}; correct owner");
                return Err(session.rejected(reason));
            }
        };
        statements.push(format!("GRANT {} TO {role}", identifier(name)));
        statements.push(format!("ALTER ROLE {role} SET role TO {}", literal(name)));
        // They are the logging-in role's, not that of the role it acts as.
        let limit = &owner.connection_limit;
        statements.push(format!("ALTER ROLE {role} CONNECTION LIMIT {limit}"));
        statements.extend(settings(&session, &owner, &role).await?);
    }
    session.transaction(&statements.join("; ")).await?;
    Ok(())
}

/// A role that a later revocation would take from the administrator.
fn own(session: &Session, name: &str) -> ServiceError {
    session.rejected(format!(
        "{name:?} is the administrator's own role; give the administrator's secret (masterarn) another one"
    ))
}

/// What gives the role the owner's settings (`ALTER ROLE … SET`).
async fn settings(
    session: &Session,
    owner: &Role,
    role: &str,
) -> Result<Vec<String>, ServiceError> {
    let rows = session
        .transaction(&format!(
            "SELECT database.datname, split_part(entry, '=', 1), \
                 substr(entry, strpos(entry, '=') + 1), \
                 (known.name IS NULL OR known.context LIKE 'superuser%') \
                     AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
             FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry \
                 LEFT JOIN pg_database database ON database.oid = setdatabase \
                 LEFT JOIN pg_settings known ON known.name = split_part(entry, '=', 1) \
             WHERE setrole = {}",
            owner.oid
        ))
        .await?;
    let mut statements = Vec::new();
    for row in rows {
        let (name, value) = (column(&row, 1), column(&row, 2));
        if ["role", "session_authorization"].contains(&name.as_str()) {
            continue;
        }
        if row.get(3) == Some("t") || name.ends_with("_preload_libraries") {
            tracing::warn!(
                setting = name,
                "only a superuser can set this: not carried over from the owner to the version's role"
            );
            continue;
        }
        let database = row
            .get(0)
            .map(|name| format!(" IN DATABASE {}", identifier(name)))
            .unwrap_or_default();
        let quoted: Vec<_> = name.split('.').map(identifier).collect();
        let (quoted, value) = (quoted.join("."), literal(&value));
        statements.push(if LISTS.contains(&name.as_str()) {
            // Nothing is looked up along that path before it is set back.
            format!(
                "SELECT pg_catalog.set_config({}, {value}, true); \
                 ALTER ROLE {role}{database} SET {quoted} FROM CURRENT; \
                 SET LOCAL search_path TO pg_catalog",
                literal(&name)
            )
        } else {
            format!("ALTER ROLE {role}{database} SET {quoted} TO {value}")
        });
    }
    Ok(statements)
}
