//! What the owner's sessions are, the version's are too: attributes that the server asks of the role that logs
//! in, and settings.

use std::time::{Duration, Instant};

use super::super::held_up;
use super::super::session::OF_A_TRANSACTION;
use super::{Postgres, Role, Session, column, identifier, literal};
use crate::deadline::Transient as _;
use crate::engine::{Context, Kind, ServiceError};

/// Settings whose values are lists of names, in quotes where they need them: a list that is given as a text
/// would be one name. Those that a role can have are no more.
const LISTS: [&str; 4] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
];

fn refused(session: &Session, name: &str, what: &str, remedy: String) -> ServiceError {
    session.rejected(format!("role {name:?} {what}"), remedy)
}

/// Whoever makes logins makes some that no rotation ends.
pub(super) fn makes_no_logins(
    session: &Session,
    name: &str,
    role: &Role,
) -> Result<(), ServiceError> {
    for (has, attribute) in [
        (role.is_superuser, "SUPERUSER"),
        (role.creates_roles, "CREATEROLE"),
    ] {
        if has {
            let what =
                format!("has {attribute}, with which it can make logins that no rotation ends");
            let remedy = format!("Run ALTER ROLE {} NO{attribute}", identifier(name));
            return Err(refused(session, name, &what, remedy));
        }
    }
    Ok(())
}

/// The attributes of a role that a version's is like, as options of the version's. What this administrator may not give
/// is refused before anything is made: a session without it would be another one.
pub(super) async fn attributes(
    session: &Session,
    (name, role): (&str, &Role),
) -> Result<String, ServiceError> {
    makes_no_logins(session, name, role)?;
    let refused = |what: &str, remedy| Err(refused(session, name, what, remedy));
    let quoted = identifier(name);
    if role.is_expired {
        return refused(
            "has a VALID UNTIL in the past, and its versions get the same",
            format!("Run ALTER ROLE {quoted} VALID UNTIL 'infinity'"),
        );
    }
    let mut options = format!(
        " CONNECTION LIMIT {} VALID UNTIL {}",
        role.connection_limit,
        literal(role.valid_until.as_deref().unwrap_or("infinity"))
    );
    let asked = [
        (role.creates_databases, "CREATEDB"),
        (role.replicates, "REPLICATION"),
        (role.bypasses_policies, "BYPASSRLS"),
    ];
    if asked.iter().all(|(has, _)| !has) {
        return Ok(options);
    }
    let Some(own) = session.own().await? else {
        return Ok(options);
    };
    for (has, attribute) in asked {
        if !has {
            continue;
        }
        // Since 16 whoever has an attribute may give it; before, CREATEROLE gives all but two.
        let (may, remedy) = match (attribute, session.is_since(16)) {
            ("CREATEDB", true) => (own.creates_databases, true),
            ("CREATEDB", false) => (true, true),
            ("REPLICATION", is_since_16) => (is_since_16 && own.replicates, is_since_16),
            (_, is_since_16) => (is_since_16 && own.bypasses_policies, is_since_16),
        };
        if !may && !own.is_superuser {
            let remedy = if remedy {
                format!(
                    "Give it to the administrator (ALTER ROLE ... {attribute}), or take it from the role (ALTER ROLE {quoted} NO{attribute})"
                )
            } else {
                format!(
                    "Before PostgreSQL 16 only a superuser may: put one into the administrator's secret (masterarn), or take it from the role (ALTER ROLE {quoted} NO{attribute})"
                )
            };
            return refused(
                &format!(
                    "has {attribute}, which the administrator may not give to a version's role"
                ),
                remedy,
            );
        }
        options.push(' ');
        options.push_str(attribute);
    }
    Ok(options)
}

/// A longer setting than this is nobody's who means well: whoever has a version's credential may make one of any length.
const LONGEST: usize = 10_000;

/// More settings than these are nobody's who means well, and no trying of them takes longer.
const MOST: usize = 1000;
const TIME: Duration = Duration::from_secs(10);

/// Has the role get the settings, each that the server takes.
pub(super) async fn apply(
    session: &Session,
    name: &str,
    settings: &[String],
) -> Result<(), ServiceError> {
    let begun = Instant::now();
    let mut rest: Vec<_> = settings.chunks(MOST).collect();
    while let Some(some) = rest.pop() {
        if begun.elapsed() > TIME {
            tracing::warn!(
                role = name,
                "settings of the owner are not the version's: trying each takes too long"
            );
            break;
        }
        match session.transaction(&some.join("; ")).await {
            Err(error) if error.kind() == Some(Kind::Unreachable) => return Err(error),
            Err(error) if some.len() < 2 => {
                tracing::warn!(role = name, %error, "a setting of the owner is not the version's");
            }
            Err(_) => {
                let (first, second) = some.split_at(some.len() / 2);
                rest.extend([second, first]);
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// What gives the role another's settings (`ALTER ROLE … SET`), and has it act as that one's sessions do: as the owner,
/// `name`, if they say nothing else.
pub(super) async fn settings(
    postgres: &Postgres,
    session: &Session,
    name: &str,
    model: &Role,
    role: &str,
) -> Result<Vec<String>, ServiceError> {
    let granted = if session.is_since(15) {
        "has_parameter_privilege(split_part(entry, '=', 1), 'SET')"
    } else {
        "false"
    };
    let rows = session
        .transaction(&format!(
            "SELECT database.datname, split_part(entry, '=', 1), \
                 substr(entry, strpos(entry, '=') + 1, {LONGEST} + 1), \
                 (known.name IS NULL OR known.context LIKE 'superuser%') AND NOT {granted} \
                     AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \
             FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry \
                 LEFT JOIN pg_database database ON database.oid = setdatabase \
                 LEFT JOIN pg_settings known ON known.name = split_part(entry, '=', 1) \
             WHERE setrole = {} AND split_part(entry, '=', 1) NOT IN ({OF_A_TRANSACTION}) \
             ORDER BY entry NOT LIKE 'role=%', known.name IS NULL, setdatabase <> 0, datname <> {} \
             LIMIT {MOST} + 1",
            model.oid,
            literal(&postgres.dbname)
        ))
        .await?;
    if rows.len() > MOST {
        tracing::warn!("the owner has more than {MOST} settings: the version's role gets no more");
    }
    let mut statements = Vec::new();
    for row in rows.iter().take(MOST) {
        let (setting, value) = (column(row, 1), column(row, 2));
        let database = row
            .get(0)
            .map(|name| format!(" IN DATABASE {}", identifier(name)))
            .unwrap_or_default();
        if setting == "session_authorization" {
            continue;
        }
        if value.chars().count() > LONGEST {
            tracing::warn!(
                setting,
                "the owner's value is longer than {LONGEST} characters: the version's role does not get it"
            );
            continue;
        }
        if setting == "role" {
            // NONE is the owner itself.
            let acts_as = if value == "none" { name } else { &value };
            let acts_as = literal(acts_as);
            statements.push(format!("ALTER ROLE {role}{database} SET role TO {acts_as}"));
            continue;
        }
        if row.get(3) == Some("t") {
            tracing::warn!(
                setting,
                "the administrator may not set this parameter (GRANT SET ON PARAMETER, since PostgreSQL 15): the version's role does not get the owner's value"
            );
            continue;
        }
        statements.push(set(&format!("{role}{database}"), &setting, &value));
    }
    Ok(statements)
}

fn set(role: &str, setting: &str, value: &str) -> String {
    let quoted: Vec<_> = setting.split('.').map(identifier).collect();
    let values = if LISTS.contains(&setting) {
        names(value).iter().map(|name| literal(name)).collect()
    } else {
        vec![literal(value)]
    };
    format!(
        "ALTER ROLE {role} SET {} TO {}",
        quoted.join("."),
        values.join(", ")
    )
}

/// Has the version's role log in whatever its owner, or the database's, has set: whoever has a leaked version's
/// credential may set what lets no other in. The role's own settings win over the database's.
pub(super) async fn plain(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    owner: &str,
) -> Result<(), ServiceError> {
    let (name, database) = (&postgres.username, literal(&postgres.dbname));
    let before = postgres.previous_username.as_deref();
    let Some(found) = session.role(name).await? else {
        return Ok(());
    };
    let role = identifier(name);
    let own = session
        .transaction(&format!(
            "SELECT datname FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase \
             WHERE setrole = {}",
            found.oid
        ))
        .await?;
    let mut statements = vec![format!("ALTER ROLE {role} RESET ALL")];
    statements.extend(own.iter().map(|row| {
        let database = identifier(&column(row, 0));
        format!("ALTER ROLE {role} IN DATABASE {database} RESET ALL")
    }));
    statements.push(format!("ALTER ROLE {role} SET role TO {}", literal(owner)));
    // What the database's owner may set, as the server has it; this session's own time-outs and path are no model.
    let foreign = session
        .transaction(&format!(
            "SELECT DISTINCT known.name, \
                 CASE WHEN known.name LIKE '%timeout' OR known.name = 'search_path' \
                     THEN known.boot_val ELSE known.reset_val END \
             FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS entry \
                 JOIN pg_database database ON database.oid = setdatabase \
                 JOIN pg_settings known ON known.name = split_part(entry, '=', 1) \
             WHERE setrole = 0 AND datname = {database} AND known.context = 'user' \
                 AND known.name NOT IN ({OF_A_TRANSACTION}) \
                 AND known.name NOT IN ('role', 'session_authorization', 'client_encoding', \
                     'local_preload_libraries')"
        ))
        .await?;
    let foreign = foreign.iter().map(|row| {
        let (setting, value) = (column(row, 0), column(row, 1));
        set(&role, &setting, &value)
    });
    statements.extend(foreign);
    // An empty list has no other way of being said.
    statements.push(format!(
        "ALTER ROLE {role} SET local_preload_libraries FROM CURRENT"
    ));
    session.transaction(&statements.join("; ")).await?;

    let may_connect = session
        .transaction(&format!(
            "SELECT has_database_privilege({}::oid, oid, 'CONNECT') FROM pg_database WHERE datname = {database}",
            found.oid
        ))
        .await?;
    if may_connect
        .first()
        .is_some_and(|row| row.get(0) == Some("f"))
    {
        // Through the role, which is a member of the owner's.
        let grant = format!(
            "GRANT CONNECT ON DATABASE {} TO {role}",
            identifier(&postgres.dbname)
        );
        let granted = session
            .transaction(&session.as_member_of(&found, &role, &grant))
            .await;
        match (granted, before) {
            (Err(error), Some(name)) if error.is_transient() => {
                end_holders(postgres, context, session, name, &grant).await?;
            }
            (granted, _) => drop(granted?),
        }
    }
    Ok(())
}

/// What the version before does not end holds a rotation up, and so its own end.
async fn end_holders(
    postgres: &Postgres,
    context: &Context<'_>,
    session: &Session,
    before: &str,
    grant: &str,
) -> Result<(), ServiceError> {
    const CATALOG: &str = "pg_database";
    let Some(role) = session.role(before).await? else {
        return Ok(());
    };
    let statements = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = {} AND pid IN \
             (SELECT pid FROM pg_locks WHERE relation = '{CATALOG}'::regclass AND mode <> 'AccessShareLock'); \
         {grant}",
        role.oid
    );
    held_up::against(
        postgres,
        context,
        session,
        (before, &role),
        CATALOG,
        &statements,
    )
    .await
}

/// The names in a list as the server keeps it, with those in quotes that need them.
fn names(list: &str) -> Vec<String> {
    let (mut names, mut name, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = list.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(std::mem::take(&mut name)),
            blank if blank.is_whitespace() && !is_quoted => {}
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_list_of_names_is_taken_apart_as_the_server_keeps_it() {
        assert_eq!(
            names(r#""$user", "a, ""b""", public"#),
            ["$user", r#"a, "b""#, "public"]
        );
        assert_eq!(names(r#""""#), [""]);
        assert_eq!(names(""), [""]);
    }
}
