//! A set-up at a server: made, filled by whoever lives there, removed.

use addon_rotation::document::Fields;
use database_servers::postgres::{ADMINISTRATOR, SUPERUSER, quote};
use postgres_protocol::password::scram_sha_256;
use serde_json::Value;
use tokio_postgres::Client;

use super::session::answer;
use super::set_up::{ActsAs, OBJECTS, OF_WHAT_IT_ACTS_AS, SetUp};
use crate::postgres_engine::support::{Stand, Version, execute};
use crate::support::random;

/// A set-up at a server.
pub(super) struct Instance<'a> {
    pub(super) stand: &'a Stand,
    pub(super) set_up: &'a SetUp,
    number: u32,
    /// A superuser's session, from before anything was set for the database.
    superuser: Client,
    pub(super) administrator: Fields,
    pub(super) imported: Value,
}

impl<'a> Instance<'a> {
    pub(super) async fn make(
        stand: &'a Stand,
        version: Version,
        set_up: &'a SetUp,
        number: u32,
    ) -> Self {
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
        for database in ["{database}", "{elsewhere}"] {
            execute(&superuser, &named(&format!("CREATE DATABASE {database}"))).await;
        }
        let elsewhere = named("GRANT ALL ON SCHEMA public TO {owner}, {group}");
        let done = stand
            .server
            .execute(&named("{elsewhere}"), &elsewhere)
            .await;
        done.unwrap();
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

    pub(super) fn fill(&self, text: &str) -> String {
        fill(text, self.set_up, self.number)
    }

    pub(super) async fn log_in(&self, value: &Value, database: &str) -> Client {
        self.stand.log_in(value, &self.fill(database)).await
    }

    /// What a version makes, by what it acts as: the others use it at once.
    pub(super) async fn makes(&self, value: &Value, version: &str) {
        self.makes_after("", value, version).await;
    }

    /// What it makes by itself is handed over later.
    pub(super) async fn makes_by_itself(&self, value: &Value, version: &str) {
        if self.set_up.acts_as != ActsAs::Owner {
            self.makes_after("SET ROLE NONE", value, &format!("by_{version}"))
                .await;
        }
    }

    /// Where it may.
    async fn makes_after(&self, reset: &str, value: &Value, version: &str) {
        for database in ["{database}", "{elsewhere}"] {
            let client = self.log_in(value, database).await;
            execute(&client, reset).await;
            let made = format!("CREATE TABLE public.made_{version} (n int)");
            answer(&client, &made).await;
        }
    }

    pub(super) async fn others_make(&self) {
        let late = "SET SESSION AUTHORIZATION {other}; DROP TABLE IF EXISTS public.late; \
                    CREATE TABLE public.late (n int); RESET SESSION AUTHORIZATION; SELECT 'theirs'";
        execute(&self.superuser, &self.fill(late)).await;
    }

    /// Nothing of it is there any more.
    pub(super) async fn remove(self) {
        let superuser = self.stand.server.connect(SUPERUSER).await.unwrap();
        for database in ["{database}", "{elsewhere}"] {
            let drop = self.fill(&format!("DROP DATABASE {database} WITH (FORCE)"));
            execute(&superuser, &drop).await;
        }
        let roles = self.fill("{login}|{acts}|{group}|{other}");
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
    let names = ["login", "acts", "group", "other", "database", "elsewhere"];
    names.iter().fold(text, |text, name| {
        text.replace(&format!("{{{name}}}"), &format!("{name}{number}"))
    })
}
