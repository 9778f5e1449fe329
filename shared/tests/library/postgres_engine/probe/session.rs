//! What is asked of a session, and what it answers.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::instance::Instance;
use super::set_up::{ActsAs, OF_SUPERUSERS};
use crate::postgres_engine::support::execute;
use crate::support::probe::Description;

/// What a session tries: each in a transaction that is rolled back.
const TRIES: &[&str] = &[
    "CREATE TABLE mine (n int); SELECT tableowner FROM pg_tables WHERE tablename = 'mine'",
    "CREATE TABLE s.mine (n int)",
    "CREATE TABLE public.more (n int); SELECT has_table_privilege('{other}', 'public.more', 'SELECT')",
    "CREATE TEMPORARY TABLE passing (n int)",
    "CREATE SCHEMA mine",
    "CREATE DATABASE mine TEMPLATE \"none such\"",
    "CREATE ROLE mine",
    "SELECT here FROM place",
    "SELECT count(*) FROM public.theirs",
    "SELECT id FROM public.theirs",
    "INSERT INTO public.theirs VALUES (1, 'a')",
    "UPDATE public.theirs SET note = 'b'",
    "TRUNCATE public.theirs",
    "ALTER TABLE public.theirs ADD COLUMN more int",
    "DROP TABLE public.theirs CASCADE",
    "GRANT SELECT ON public.theirs TO {other}; SELECT has_table_privilege('{other}', 'public.theirs', 'SELECT')",
    "SELECT string_agg(who, ' ' ORDER BY who) FROM public.guarded",
    "INSERT INTO public.guarded VALUES (current_user)",
    "CREATE POLICY mine ON public.guarded",
    "SELECT count(*) FROM public.late",
    "INSERT INTO public.late VALUES (2)",
    "SELECT count(*) FROM s.place",
    "SELECT nextval('public.numbers') > 0",
    "SELECT public.f()",
    "SELECT public.definers()",
    "CREATE OR REPLACE FUNCTION public.f() RETURNS name LANGUAGE sql AS 'SELECT NULL::name'",
    "REFRESH MATERIALIZED VIEW public.summary",
    "ALTER TYPE public.color ADD VALUE 'blue'",
    "SELECT lo_get(4711)",
    "SELECT lo_put(4711, 0, 'x')",
    "SET ROLE {owner}; SELECT current_user",
    "SET ROLE {group}; SELECT current_user",
    "SET SESSION AUTHORIZATION {login}",
    "GRANT {group} TO {other}",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {other}",
    "ALTER DATABASE {database} SET work_mem TO '9MB'",
    "SET log_min_duration_statement TO 5",
    "SET app.tenant TO 'mine'",
    "SHOW data_directory",
    "SELECT pg_create_physical_replication_slot('s', true, true)",
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres' AND query = 'SELECT ''theirs'''",
    "SELECT query <> '<insufficient privilege>' FROM pg_stat_activity WHERE pid = pg_backend_pid()",
    "REASSIGN OWNED BY {owner} TO {group}",
    "DROP OWNED BY {owner}",
    "ALTER ROLE CURRENT_USER SET work_mem TO '3MB'; \
     SELECT EXISTS (SELECT FROM pg_db_role_setting JOIN pg_roles ON setrole = pg_roles.oid \
         WHERE rolname = session_user AND setconfig::text ~ 'work_mem=3MB')",
];

/// What the server says of a session.
const IS: &[(&str, &str)] = &[
    ("current_user", "current_user"),
    ("session_user", "session_user"),
    ("role", "current_setting('role')"),
    ("is_superuser", "current_setting('is_superuser')"),
    ("app.tenant", "current_setting('app.tenant', true)"),
    ("schemas", "current_schemas(true)::text"),
    (
        "limit",
        "(SELECT rolconnlimit::text FROM pg_roles WHERE rolname = session_user)",
    ),
    (
        "until",
        "(SELECT coalesce(rolvaliduntil, 'infinity') AT TIME ZONE 'UTC' FROM pg_roles WHERE rolname = session_user)::text",
    ),
];

/// Every setting, with what it is reset to; and each privilege on whatever is in the database.
const LISTS: &str = "
    SELECT 'setting ' || name, setting || ' / ' || reset_val FROM pg_catalog.pg_settings
    WHERE name !~ '^plpgsql'
    UNION ALL SELECT 'may ' || privilege || ' of ' || nspname || '.' || relname, 't'
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) what,
        unnest(ARRAY[what, what || ' WITH GRANT OPTION']) privilege
    WHERE relkind IN ('r', 'v', 'm') AND nspname !~ '^pg_|information_schema' AND relname !~ '^made_'
        AND has_table_privilege(c.oid, privilege)
    UNION ALL SELECT 'may ' || privilege || ' in ' || nspname, 't'
    FROM pg_catalog.pg_namespace, unnest(ARRAY['CREATE', 'USAGE', 'USAGE WITH GRANT OPTION']) privilege
    WHERE nspname !~ '^pg_t' AND has_schema_privilege(oid, privilege)
    UNION ALL SELECT 'may ' || privilege || ' in the database', 't'
    FROM unnest(ARRAY['CREATE', 'CONNECT', 'TEMPORARY']) privilege
    WHERE has_database_privilege(current_database(), privilege)
    UNION ALL SELECT 'may be ' || rolname || ': ' || privilege, 't'
    FROM pg_catalog.pg_roles, unnest(ARRAY['MEMBER', 'USAGE', 'MEMBER WITH ADMIN OPTION']) privilege
    WHERE rolname !~ '^u_' AND pg_has_role(oid, privilege)";

/// What a pool says between two users of a connection, and what only an app of its own accord does.
const RESETS: [(&str, &str); 3] = [
    ("", ""),
    ("after DISCARD ALL: ", "DISCARD ALL"),
    ("after SET ROLE NONE: ", "SET ROLE NONE"),
];

/// Where a session is described: in its document's database, and in another one.
const PLACES: [(&str, &str); 2] = [("", "{database}"), ("elsewhere: ", "{elsewhere}")];

/// The rows that statements answer, or the server's code.
pub(super) async fn answer(client: &Client, statements: &str) -> String {
    match client.simple_query(statements).await {
        Ok(messages) => {
            let rows = messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL")),
                _ => None,
            });
            rows.collect::<Vec<_>>().join(", ")
        }
        Err(error) => error
            .code()
            .map_or_else(|| error.to_string(), |code| code.code().to_owned()),
    }
}

impl Instance<'_> {
    pub(super) async fn describe(&self, value: &Value) -> Description {
        let mut description = Description::new();
        for (place, database) in PLACES {
            self.describe_in(database, place, value, &mut description)
                .await;
        }
        if self.set_up.attributes.contains(&"REPLICATION") {
            for kind in ["true", "database"] {
                let is_sender = self.stand.is_sender(value, kind).await;
                description.insert(format!("replication={kind}"), is_sender.to_string());
            }
        }
        if self.set_up.is_able {
            return description;
        }
        let lines = description.into_iter().map(|(line, is)| {
            let of_superusers = OF_SUPERUSERS
                .iter()
                .any(|it| line.ends_with(&format!(" {it}")));
            (
                if of_superusers {
                    format!("superuser's {line}")
                } else {
                    line
                },
                is,
            )
        });
        lines.collect()
    }

    async fn describe_in(
        &self,
        database: &str,
        place: &str,
        value: &Value,
        description: &mut Description,
    ) {
        let client = self.log_in(value, database).await;
        let other = self.log_in(value, database).await;
        let pid = answer(&other, "SELECT pg_catalog.pg_backend_pid()").await;
        for (when, reset) in RESETS {
            if self.set_up.acts_as != ActsAs::Itself && reset == "SET ROLE NONE" {
                continue;
            }
            execute(&client, reset).await;
            let when = format!("{place}{when}");
            for (name, expression) in IS {
                let is = answer(&client, &format!("SELECT {expression}")).await;
                description.insert(format!("{when}is {name}"), is);
            }
            for message in client.simple_query(LISTS).await.unwrap() {
                if let SimpleQueryMessage::Row(row) = message {
                    let line = format!("{when}{}", row.get(0).unwrap());
                    description.insert(line, row.get(1).unwrap_or("NULL").to_owned());
                }
            }
            // What is there to try is in one of the databases.
            let are_tried = place.is_empty() && reset != "DISCARD ALL";
            for statements in TRIES.iter().filter(|_| are_tried) {
                let tried = attempt(&client, &self.fill(statements)).await;
                description.insert(format!("{when}{statements}"), tried);
            }
            let made = "SELECT tablename FROM pg_catalog.pg_tables WHERE tablename ~ '^made_'";
            let made = answer(&client, made).await;
            let mut uses = BTreeSet::new();
            for table in made.split(", ").filter(|table| !table.is_empty()) {
                let uses_it = format!(
                    "INSERT INTO public.{table} VALUES (1); ALTER TABLE public.{table} ADD COLUMN m int"
                );
                uses.insert(attempt(&client, &uses_it).await);
            }
            description.insert(format!("{when}uses what was made"), format!("{uses:?}"));
            let cancelled = answer(
                &client,
                &format!("SELECT pg_catalog.pg_cancel_backend({pid})"),
            )
            .await;
            description.insert(format!("{when}cancels its own"), cancelled);
        }
    }
}

/// In a transaction that leaves nothing.
async fn attempt(client: &Client, statements: &str) -> String {
    if statements.starts_with("CREATE DATABASE") {
        return answer(client, statements).await;
    }
    let answered = answer(client, &format!("BEGIN; {statements}; ROLLBACK")).await;
    answer(client, "ROLLBACK").await;
    answered
}
