//! What a session of a version is and can do, beside the imported login's: over generated set-ups.

mod instance;
mod session;
mod set_up;

use std::cell::Cell;

use addon_rotation::service::{Kind, Verdict};
use serde_json::Value;
use tokio::runtime::Runtime;
use tools::LATER_POSTGRES;

use self::instance::Instance;
use self::set_up::{ActsAs, OF_WHAT_IT_ACTS_AS, SetUp, set_ups};
use super::support::{Stand, Version};
use crate::support::probe::{Differences, Documented, try_all};
use crate::support::{document, issue, next_document, revoke, version_id};

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
    (
        "SET ROLE NONE: SELECT string_agg(who",
        "policies and default privileges are then not the owner's",
    ),
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

impl Instance<'_> {
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
