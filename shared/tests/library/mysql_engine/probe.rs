//! What a session of a version is and can do, beside the imported login's: over generated set-ups.

mod instance;
mod session;
mod set_up;

use std::cell::Cell;

use addon_rotation::service::Verdict;
use serde_json::Value;
use tokio::runtime::Runtime;
use tools::LATER_MARIADB;

use self::instance::Instance;
use self::set_up::{SetUp, set_ups};
use super::stand::{Server, Stand};
use crate::support::probe::{Differences, Documented, try_all};
use crate::support::{document, issue, next_document, revoke, serving, soon, version_id};

/// What differs and may, each with its sentence on the page for operators.
const DOCUMENTED: &[Documented] = &[(
    "ALTER VIEW",
    "Refused by the server (1227). Use `CREATE OR REPLACE VIEW`",
)];

impl Instance<'_> {
    async fn issued(&self, value: &Value) -> Result<Value, String> {
        let next = next_document(value, &version_id());
        let stand = self.stand;
        // Repeated, it adds and takes nothing.
        for _ in 0..2 {
            let issued = issue(&stand.services, &stand.administrator, &document(&next)).await;
            issued.map_err(|error| error.to_string())?;
        }
        match stand.verdict(&next).await {
            Verdict::Accepted => Ok(next),
            Verdict::Refused => Err("the new credential is refused".to_owned()),
        }
    }

    async fn revoked(&self, value: &Value) -> Result<(), String> {
        let (stand, old) = (self.stand, document(value));
        let revoked = revoke(&stand.services, &stand.administrator, &old).await;
        revoked.map_err(|error| error.to_string())?;
        match stand.verdict(value).await {
            Verdict::Refused => Ok(()),
            Verdict::Accepted => Err("the old credential is accepted".to_owned()),
        }
    }

    async fn rehearsed(&self) -> Result<(), String> {
        let never = document(&next_document(&self.imported, &version_id()));
        let administrator = serving(&self.stand.administrator, &never);
        let rehearsed = self.stand.services.rehearse(&never, &administrator, soon());
        rehearsed.await.map_err(|error| error.to_string())
    }

    async fn compare(&self, differences: &Differences) -> Result<(), String> {
        self.makes(&self.imported, "imported").await;
        let expected = self.describe(&self.imported).await;
        self.rehearsed().await?;
        let is = self.describe(&self.imported).await;
        differences.between(&expected, &is, "after a rehearsal")?;
        let mut live = vec![self.imported.clone()];
        for rotation in ["first", "second"] {
            live.push(self.issued(&live[live.len() - 1]).await?);
            for (index, value) in live.iter().enumerate() {
                self.makes(value, &format!("{rotation}_{index}")).await;
            }
            for (index, value) in live.iter().enumerate() {
                let when = format!("{rotation} rotation, version {index} of {}", live.len());
                differences.between(&expected, &self.describe(value).await, &when)?;
            }
            while live.len() > 1 && (rotation == "second" || !self.set_up.within_grace) {
                self.revoked(&live.remove(0)).await?;
            }
        }
        differences.between(&expected, &self.describe(&live[0]).await, "after all")
    }
}

fn every_version_is_the_same_session(server: Server, few: u32) {
    let runtime = Runtime::new().unwrap();
    let stand = runtime.block_on(async {
        let stand = Stand::start(server).await;
        let administrator = "operator@'127.0.0.1'";
        let all = format!("GRANT ALL PRIVILEGES ON *.* TO {administrator} WITH GRANT OPTION");
        stand.execute(&[&all]).await;
        if server == Server::MySql {
            stand
                .execute(&["SET GLOBAL print_identified_with_as_hex = ON"])
                .await;
        }
        stand
    });
    let (differences, number) = (Differences::new(DOCUMENTED), Cell::new(0));
    try_all(
        &runtime,
        few,
        &differences,
        &set_ups(server),
        &async |set_up: &SetUp| {
            number.set(number.get() + 1);
            let instance = Instance::make(&stand, set_up, number.get()).await;
            let compared = instance.compare(&differences).await;
            instance.remove().await;
            compared
        },
    );
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_mariadb() {
    every_version_is_the_same_session(Server::MariaDb, 6);
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_later_mariadb() {
    for server in (0..LATER_MARIADB.len()).map(Server::LaterMariaDb) {
        every_version_is_the_same_session(server, 2);
    }
}

#[test]
#[ignore = "needs the local cloud: cargo xtask test"]
fn every_version_is_the_same_session_on_mysql() {
    every_version_is_the_same_session(Server::MySql, 6);
}
