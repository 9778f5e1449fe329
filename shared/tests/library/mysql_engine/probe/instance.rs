//! A set-up at a server: made, filled by its versions, removed.

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use serde_json::Value;

use super::session::answer;
use super::set_up::{ELSEWHERE, OBJECTS, SetUp};
use crate::mysql_engine::stand::{Stand, username};
use crate::support::random;

/// A set-up at a server.
pub(super) struct Instance<'a> {
    pub(super) stand: &'a Stand,
    pub(super) set_up: &'a SetUp,
    pub(super) number: u32,
    pub(super) imported: Value,
    /// A superuser's session, until all is compared: whoever may see it does, at any time.
    _superuser: Conn,
}

impl<'a> Instance<'a> {
    pub(super) async fn make(stand: &'a Stand, set_up: &'a SetUp, number: u32) -> Self {
        let password = random();
        let mut imported = stand.imported.clone();
        imported["username"] = format!("{}{number}", set_up.name).into();
        imported["password"] = password.as_str().into();
        imported["dbname"] = format!("shop{number}").into();
        let it = Self {
            stand,
            set_up,
            number,
            imported,
            _superuser: stand.server.connect().await.unwrap(),
        };
        let mut superuser = stand.server.connect().await.unwrap();
        let accounts = set_up.hosts.iter().map(|host| {
            format!(
                "CREATE USER {} IDENTIFIED BY '{password}'",
                account(&it.imported, host)
            )
        });
        let session = format!(
            "GRANT SELECT ON {{shop}}.empty TO {}",
            account(&it.imported, "%")
        );
        let statements = OBJECTS.iter().map(ToString::to_string).chain(accounts);
        for statement in statements
            .chain([session])
            .chain(set_up.statements.iter().cloned())
        {
            for statement in it.fill(&statement).split("; ") {
                let done = superuser.query_drop(statement).await;
                done.unwrap_or_else(|error| panic!("{statement}: {error}"));
            }
        }
        for host in &set_up.hosts[2..] {
            let grant = format!(
                "GRANT SELECT ON {{shop}}.empty TO {}",
                account(&it.imported, host)
            );
            superuser.query_drop(it.fill(&grant)).await.unwrap();
        }
        // What MySQL would forget at any later time is forgotten now: routines' privileges of names beyond ASCII.
        superuser.query_drop("FLUSH PRIVILEGES").await.unwrap();
        it
    }

    pub(super) fn fill(&self, text: &str) -> String {
        let mut text = text.replace("{elsewhere}", &account(&self.imported, ELSEWHERE));
        for number in 0..4 {
            let host = self.set_up.hosts[number % self.set_up.hosts.len()];
            text = text.replace(&format!("{{{number}}}"), &account(&self.imported, host));
        }
        for name in ["shop", "reader", "writer", "other"] {
            text = text.replace(&format!("{{{name}}}"), &format!("{name}{}", self.number));
        }
        text
    }

    /// What each version makes: whatever it may.
    pub(super) async fn makes(&self, value: &Value, version: &str) {
        let mut session = self.stand.session(value).await;
        let shop = format!("shop{}", self.number);
        for made in [
            "TABLE {} (id INT)",
            "VIEW {}_v AS SELECT id FROM goods",
            "PROCEDURE {}_p() SELECT COUNT(*) FROM goods",
        ] {
            let made = made.replace("{}", &format!("made_{version}"));
            answer(&mut session, &format!("USE {shop}")).await;
            answer(&mut session, &format!("CREATE {made}")).await;
        }
    }

    /// Nothing of it is there any more.
    pub(super) async fn remove(self) {
        let users = format!(
            "SELECT CONCAT(QUOTE(User), '@', QUOTE(Host)) FROM mysql.user \
             WHERE User LIKE 'u\\_%' OR User RLIKE '[^0-9]{}$'",
            self.number
        );
        let roles = ["reader", "writer"].map(|role| format!("DROP ROLE {role}{}", self.number));
        let database = format!("DROP DATABASE shop{}", self.number);
        self.stand.execute(&[&database, &roles[0], &roles[1]]).await;
        for user in self.stand.server.column(&users).await.unwrap() {
            self.stand.execute(&[&format!("DROP USER {user}")]).await;
        }
    }
}

pub(super) fn account(value: &Value, host: &str) -> String {
    format!("'{}'@'{host}'", username(value).replace('\'', "''"))
}
