//! What a session of a version is and can do, beside the imported login's: over generated set-ups.

mod set_up;

use std::cell::Cell;

use addon_rotation::document::Fields;
use addon_rotation::service::{Kind, Verdict};
use local_cloud::postgres::{ADMINISTRATOR, SUPERUSER, quote};
use local_cloud::tools::LATER_POSTGRES;
use postgres_protocol::password::scram_sha_256;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, SimpleQueryMessage};

use self::set_up::{ActsAs, OBJECTS, OF_SUPERUSERS, OF_WHAT_IT_ACTS_AS, SetUp, set_ups};
use super::support::{Stand, Version, execute};
use crate::support::probe::{Description, Differences, Documented, try_all};
use crate::support::{document, issue, next_document, random, revoke, version_id};

const ITS_OWN_ROLE: &str = "After `SET ROLE NONE` it is its own role, with the owner's privileges";

/// What differs and may, each with its sentence on the page for operators.
const DOCUMENTED: &[Documented] = &[
    ("is session_user", "`session_user`, the setting `role`"),
    ("is role", "`session_user`, the setting `role`"),
    (
        "SET SESSION AUTHORIZATION",
        "`SET SESSION AUTHORIZATION` to the owner is refused",
    ),
    ("SET ROLE NONE: is current_user", ITS_OWN_ROLE),
    ("SET ROLE NONE: is schemas", ITS_OWN_ROLE),
    ("SET ROLE NONE: SELECT here FROM place", ITS_OWN_ROLE),
    ("SET ROLE NONE: SELECT public.f()", ITS_OWN_ROLE),
    ("SET ROLE NONE: CREATE TABLE", ITS_OWN_ROLE),
    ("superuser's ", "settings that only a superuser may change"),
    (
        "ALTER ROLE CURRENT_USER SET",
        "It is set for the owner, and the next version has it",
    ),
    (
        "insufficient privilege",
        "its own sessions in `pg_stat_activity`",
    ),
    ("cancels its own", "`pg_cancel_backend` on its own sessions"),
];

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

/// The rows that statements answer, or the server's code.
async fn answer(client: &Client, statements: &str) -> String {
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

/// A set-up at a server.
struct Instance<'a> {
    stand: &'a Stand,
    set_up: &'a SetUp,
    number: u32,
    /// A superuser's session, from before anything was set for the database.
    superuser: Client,
    administrator: Fields,
    imported: Value,
}

impl<'a> Instance<'a> {
    async fn make(stand: &'a Stand, version: Version, set_up: &'a SetUp, number: u32) -> Self {
        let password = random();
        let named = |text: &str| fill(text, set_up, number);
        let superuser = stand.server.connect(SUPERUSER).await.unwrap();
        let (by, verifier) = (quote(ADMINISTRATOR), scram_sha_256(password.as_bytes()));
        let roles = format!(
            "SET SESSION AUTHORIZATION {by}; CREATE ROLE {{login}} LOGIN PASSWORD '{verifier}'; \
             CREATE ROLE {{acts}}; CREATE ROLE {{group}}; CREATE ROLE {{other}}"
        );
        execute(&superuser, &named(&roles)).await;
        execute(&superuser, "RESET SESSION AUTHORIZATION").await;
        execute(&superuser, &named("CREATE DATABASE {database}")).await;
        let superuser = stand.server.connect(&named("{database}")).await.unwrap();
        execute(&superuser, &named(OBJECTS)).await;
        if set_up.acts_as != ActsAs::Itself {
            let acts = "GRANT {acts} TO {login}; ALTER ROLE {login} SET role TO {acts}";
            execute(&superuser, &named(acts)).await;
        }
        for attribute in &set_up.attributes {
            let is_of_owner = OF_WHAT_IT_ACTS_AS.contains(attribute);
            let role = if is_of_owner { "{owner}" } else { "{login}" };
            execute(
                &superuser,
                &named(&format!("ALTER ROLE {role} {attribute}")),
            )
            .await;
        }
        for statement in &set_up.statements {
            execute(&superuser, &named(statement)).await;
        }
        let mut imported = stand.imported.clone();
        imported["username"] = named("{login}").into();
        imported["password"] = password.into();
        imported["dbname"] = named("{database}").into();
        if set_up.acts_as == ActsAs::Owner {
            imported["owner"] = named("{owner}").into();
        }
        let administrator = stand.administrator_who(version, set_up.is_able).await;
        Self {
            stand,
            set_up,
            number,
            superuser,
            administrator,
            imported,
        }
    }

    async fn superuser(&self, statements: &str) {
        execute(&self.superuser, &fill(statements, self.set_up, self.number)).await;
    }

    async fn log_in(&self, value: &Value) -> Client {
        self.stand
            .log_in(value, value["dbname"].as_str().unwrap())
            .await
    }

    /// What a version makes, by what it acts as: the others use it at once.
    async fn makes(&self, value: &Value, version: &str) {
        let client = self.log_in(value).await;
        answer(
            &client,
            &format!("CREATE TABLE public.made_{version} (n int)"),
        )
        .await;
    }

    /// What it makes by itself is handed over later.
    async fn makes_by_itself(&self, value: &Value, version: &str) {
        if self.set_up.acts_as != ActsAs::Owner {
            let client = self.log_in(value).await;
            execute(&client, "SET ROLE NONE").await;
            answer(
                &client,
                &format!("CREATE TABLE public.made_by_{version} (n int)"),
            )
            .await;
        }
    }

    async fn others_make(&self) {
        self.superuser(
            "SET SESSION AUTHORIZATION {other}; DROP TABLE IF EXISTS public.late; \
             CREATE TABLE public.late (n int); RESET SESSION AUTHORIZATION; SELECT 'theirs'",
        )
        .await;
    }

    async fn describe(&self, value: &Value) -> Description {
        let (client, other) = (self.log_in(value).await, self.log_in(value).await);
        let pid = answer(&other, "SELECT pg_catalog.pg_backend_pid()").await;
        let mut description = Description::new();
        for (when, reset) in RESETS {
            if self.set_up.acts_as != ActsAs::Itself && reset == "SET ROLE NONE" {
                continue;
            }
            execute(&client, reset).await;
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
            for statements in TRIES.iter().filter(|_| reset != "DISCARD ALL") {
                let tried = self
                    .attempt(&client, &fill(statements, self.set_up, self.number))
                    .await;
                description.insert(format!("{when}{statements}"), tried);
            }
            let made = "SELECT tablename FROM pg_catalog.pg_tables WHERE tablename ~ '^made_'";
            let mut uses = std::collections::BTreeSet::new();
            for row in self.superuser.query(made, &[]).await.unwrap() {
                let table: String = row.get(0);
                let uses_it = format!(
                    "INSERT INTO public.{table} VALUES (1); ALTER TABLE public.{table} ADD COLUMN m int"
                );
                uses.insert(self.attempt(&client, &uses_it).await);
            }
            description.insert(format!("{when}uses what was made"), format!("{uses:?}"));
            let cancelled = answer(
                &client,
                &format!("SELECT pg_catalog.pg_cancel_backend({pid})"),
            )
            .await;
            description.insert(format!("{when}cancels its own"), cancelled);
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

    /// In a transaction that leaves nothing.
    async fn attempt(&self, client: &Client, statements: &str) -> String {
        if statements.starts_with("CREATE DATABASE") {
            return answer(client, statements).await;
        }
        let answered = answer(client, &format!("BEGIN; {statements}; ROLLBACK")).await;
        answer(client, "ROLLBACK").await;
        answered
    }

    /// The attribute for which a rotation is to be refused.
    fn is_refused_for(&self, version: Version) -> Option<&'static str> {
        let has = |attribute: &str| self.set_up.attributes.contains(&attribute);
        let asked = ["CREATEDB", "REPLICATION", "BYPASSRLS"]
            .into_iter()
            .filter(|it| has(it));
        // A group has its own, and the login that acts as it needs none of them.
        let is_groups = self.set_up.acts_as == ActsAs::Owner;
        let mut asked = asked.filter(|it| !(is_groups && OF_WHAT_IT_ACTS_AS.contains(it)));
        asked.find(|it| !self.set_up.is_able && (*it != "CREATEDB" || version.0 >= 16))
    }

    async fn issued(&self, value: &Value) -> Result<Value, String> {
        let next = next_document(value, &version_id());
        let issued = issue(&self.stand.services, &self.administrator, &document(&next)).await;
        issued.map_err(|error| error.to_string())?;
        match self.stand.verdict(&next).await {
            Verdict::Accepted => Ok(next),
            Verdict::Refused => Err("the new credential is refused".to_owned()),
        }
    }

    async fn revoked(&self, value: &Value) -> Result<(), String> {
        let revoked = revoke(&self.stand.services, &self.administrator, &document(value)).await;
        revoked.map_err(|error| error.to_string())?;
        match self.stand.verdict(value).await {
            Verdict::Refused => Ok(()),
            Verdict::Accepted => Err("the old credential is accepted".to_owned()),
        }
    }

    async fn is_refused(&self, attribute: &str) -> Result<(), String> {
        let next = document(&next_document(&self.imported, &version_id()));
        let issued = issue(&self.stand.services, &self.administrator, &next).await;
        let error = issued
            .err()
            .ok_or("a rotation that is to be refused succeeds")?;
        let words = error.to_string();
        let is_clear = error.kind() == Some(Kind::Rejected)
            && words.contains(attribute)
            && words.contains("ALTER ROLE");
        if is_clear { Ok(()) } else { Err(words) }
    }

    async fn compare(&self, version: Version, differences: &Differences) -> Result<(), String> {
        self.others_make().await;
        self.makes(&self.imported, "imported").await;
        self.makes_by_itself(&self.imported, "imported").await;
        let expected = self.describe(&self.imported).await;
        if let Some(attribute) = self.is_refused_for(version) {
            self.is_refused(attribute).await?;
            let is = self.describe(&self.imported).await;
            return differences.between(&expected, &is, "after a rotation that was refused");
        }
        let mut live = vec![self.imported.clone()];
        for rotation in ["first", "second"] {
            live.push(self.issued(&live[live.len() - 1]).await?);
            self.others_make().await;
            for (index, value) in live.iter().enumerate() {
                self.makes(value, &format!("{rotation}_{index}")).await;
            }
            for (index, value) in live.iter().enumerate() {
                let when = format!("{rotation} rotation, version {index} of {}", live.len());
                differences.between(&expected, &self.describe(value).await, &when)?;
            }
            // What the current version makes by itself is the next one's.
            let current = usize::from(rotation == "second");
            for (index, value) in live.iter().rev().skip(current).enumerate() {
                self.makes_by_itself(value, &format!("{rotation}_{index}"))
                    .await;
            }
            while live.len() > 1 && (rotation == "second" || !self.set_up.within_grace) {
                self.revoked(&live.remove(0)).await?;
            }
        }
        differences.between(&expected, &self.describe(&live[0]).await, "after all")
    }

    /// Nothing of it is there any more.
    async fn remove(self) {
        let superuser = self.stand.server.connect(SUPERUSER).await.unwrap();
        let database = fill(
            "DROP DATABASE {database} WITH (FORCE)",
            self.set_up,
            self.number,
        );
        execute(&superuser, &database).await;
        let roles = fill("{login}|{acts}|{group}|{other}", self.set_up, self.number);
        let roles = format!("SELECT rolname FROM pg_roles WHERE rolname ~ '^(u_.*|{roles})$'");
        for row in superuser.query(&roles, &[]).await.unwrap() {
            let role = quote(row.get(0));
            execute(
                &superuser,
                &format!("DROP OWNED BY {role}; DROP ROLE {role}"),
            )
            .await;
        }
    }
}

fn fill(text: &str, set_up: &SetUp, number: u32) -> String {
    let owner = if set_up.acts_as == ActsAs::Owner {
        "{acts}"
    } else {
        "{login}"
    };
    let text = text.replace("{owner}", owner);
    ["login", "acts", "group", "other", "database"]
        .iter()
        .fold(text, |text, name| {
            text.replace(&format!("{{{name}}}"), &format!("{name}{number}"))
        })
}

fn every_version_is_the_same_session(version: Version, few: u32) {
    let runtime = Runtime::new().unwrap();
    let stand = runtime.block_on(Stand::start(version, &[]));
    let (differences, number) = (Differences::new(DOCUMENTED), Cell::new(0));
    try_all(
        &runtime,
        few,
        &differences,
        &set_ups(version),
        &async |set_up: &SetUp| {
            number.set(number.get() + 1);
            let instance = Instance::make(&stand, version, set_up, number.get()).await;
            let compared = instance.compare(version, &differences).await;
            instance.remove().await;
            compared
        },
    );
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_15() {
    every_version_is_the_same_session(Version(15), 5);
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_later_servers() {
    for server in &LATER_POSTGRES {
        every_version_is_the_same_session(Version(server.major), 2);
    }
}
