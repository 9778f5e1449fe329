//! A fleet of both APIs and all engines, by the tool's commands alone: enrolled, rotated, two rolled back, one
//! rotated in an emergency, ten deprovisioned. After each of these `status` is what the services say. What a command says
//! of a line that is wrong, of a second run or in its table: the library's tests.

mod agreement;

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{AddOn, Api, Cloud, Engine, Instance};
use serde_json::json;
use strict_aws::scheduler::{self, Past};
use strict_aws::secrets_manager;
use strict_heroku::{ShownNames, Untidiness};

use super::{ENROLLER, Operator};
use crate::TestResult;
use crate::support::{
    check, current, fire, live_versions, names, revoke, schedule, spec, wait_for,
};

/// By turns. Most are of the partner's own service: a server of its own, or a database, takes longer to provision.
const ENGINES: [Engine; 10] = [
    Engine::Http,
    Engine::Postgres,
    Engine::Http,
    Engine::Mysql,
    Engine::Http,
    Engine::Redis,
    Engine::Http,
    Engine::Http,
    Engine::Http,
    Engine::Http,
];

/// What becomes of an instance after its rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing more.
    Rotated,
    RolledBack,
    Leaked,
    Deprovisioned,
}

impl Fate {
    /// Two different APIs and engines are rolled back, and the second ten end.
    fn of(place: usize) -> Self {
        match place {
            0 | 3 => Self::RolledBack,
            5 => Self::Leaked,
            10.. => Self::Deprovisioned,
            _ => Self::Rotated,
        }
    }
}

struct Member {
    instance: Instance,
    fate: Fate,
    /// How many releases its app had before anything was rotated.
    releases: usize,
    /// In the file for `enroll`: a secret.
    line: String,
}

/// A fleet, and the tool that it is run with.
struct Fleet {
    cloud: Arc<Cloud>,
    operator: Operator,
    members: Vec<Member>,
}

/// All other tests have AWS and Heroku tidy. With late reads the library's tests play the commands.
pub(super) async fn whole(cloud: Arc<Cloud>) -> TestResult {
    let (aws, heroku) = (cloud.gateway.secrets_manager(), &cloud.heroku);
    aws.be(secrets_manager::Untidy {
        pending_stays: true,
        cancelling_forgets_the_function: true,
        ..secrets_manager::Untidy::default()
    });
    cloud.gateway.scheduler().be(scheduler::Untidy {
        past: Past::Never,
        busy: 3,
    });
    heroku.set_untidiness(Untidiness {
        names: ShownNames::LowerCaseWithoutPrefix,
        ..Untidiness::default()
    });
    let done = life(Arc::clone(&cloud)).await;
    aws.be(secrets_manager::Untidy::default());
    cloud.gateway.scheduler().be(scheduler::Untidy::default());
    heroku.set_untidiness(Untidiness::default());
    done
}

async fn life(cloud: Arc<Cloud>) -> TestResult {
    let fleet = Fleet::provision(cloud).await?;
    fleet.enroll().await?;
    fleet.agrees(|_| ("healthy", 0)).await?;
    fleet.heroku_shows_the_current(|_| Some(0)).await?;

    fleet.rotate().await?;
    fleet.agrees(|_| ("waiting-for-revocation", 1)).await?;
    fleet.heroku_shows_the_current(|_| Some(1)).await?;

    fleet.meet_their_fates().await?;
    let state = |fate| match fate {
        Fate::Rotated | Fate::RolledBack => ("waiting-for-revocation", 1),
        Fate::Leaked => ("healthy", 0),
        Fate::Deprovisioned => ("deleted", 0),
    };
    fleet.agrees(state).await?;
    // A rotation is a release, and a rollback is one.
    let releases = |fate| match fate {
        Fate::Rotated => Some(1),
        Fate::RolledBack | Fate::Leaked => Some(2),
        Fate::Deprovisioned => None,
    };
    fleet.heroku_shows_the_current(releases).await?;

    fleet.revoke().await?;
    let state = |fate| match fate {
        Fate::Deprovisioned => ("deleted", 0),
        _ => ("healthy", 0),
    };
    fleet.agrees(state).await?;
    fleet.heroku_shows_the_current(releases).await?;
    fleet.operator.dismiss(&fleet.cloud).await
}

impl Fleet {
    /// At Heroku and at the services: AWS knows none of them.
    async fn provision(cloud: Arc<Cloud>) -> Result<Self, Failed> {
        let operator = Operator::new(&cloud, ENROLLER).await?;
        let mut members = Vec::new();
        for place in 0..2 * ENGINES.len() {
            // Each engine has either, by turns.
            let api = match (place / ENGINES.len() + place) % 2 {
                0 => Api::V1,
                _ => Api::V3,
            };
            let engine = ENGINES[place % ENGINES.len()];
            let spec = spec(&format!("of-many-{place}"), api, engine);
            let AddOn {
                instance, document, ..
            } = cloud.provision_add_on(spec).await?;
            let mut event = json!({ "Document": document });
            if api == Api::V3 {
                // A grant code would be good for five minutes only.
                event["RefreshToken"] = cloud.heroku.refresh_token(&instance.addon)?.into();
            }
            members.push(Member {
                fate: Fate::of(place),
                releases: cloud.heroku.releases(&instance.apps[0])?.len(),
                instance,
                line: format!("{event}\n"),
            });
        }
        Ok(Self {
            cloud,
            operator,
            members,
        })
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = &Instance> {
        let members = self.members.iter();
        let of = members.filter(move |it| it.fate == fate);
        of.map(|it| &it.instance)
    }

    /// From standard input.
    async fn enroll(&self) -> TestResult {
        let lines: String = self.members.iter().map(|it| it.line.as_str()).collect();
        let enroll = ["enroll", "-", "--concurrency", "8"];
        let ended = self.operator.run_with(&enroll, &lines).await?;
        let all = format!(
            "✓ enroll: {} enrolled, 0 failed, 0 skipped\n",
            self.members.len()
        );
        check(ended.status == 0 && ended.text.ends_with(&all), || {
            format!("{}: {}{}", ended.status, ended.text, ended.errors)
        })
    }

    async fn rotate(&self) -> TestResult {
        let before: Vec<_> = self.currents()?;
        let addons = self.members.iter().map(|it| &*it.instance.addon);
        let addons: Vec<_> = addons.collect();
        let ended = self
            .operator
            .run_for_each(&addons, &["rotate", "--wait"])
            .await?;
        check(ended.status == 0, || {
            format!("{}{}", ended.text, ended.errors)
        })?;
        let said: BTreeSet<_> = ended.text.lines().collect();
        for (version, old) in self.currents()?.iter().zip(&before) {
            for what in ["started", "is current"] {
                let line = format!("✓ rotate: version {version} {what}");
                check(version != old && said.contains(line.as_str()), || line)?;
            }
        }
        Ok(())
    }

    /// The members' current versions.
    fn currents(&self) -> Result<Vec<String>, Failed> {
        let members = self.members.iter();
        members
            .map(|member| current(&self.cloud, &member.instance))
            .collect()
    }

    async fn meet_their_fates(&self) -> TestResult {
        // Each waits for whatever revocation might be under way.
        for instance in self.of(Fate::RolledBack) {
            let new = current(&self.cloud, instance)?;
            let rollback = ["rollback", &instance.addon, "--yes"];
            let said = self.operator.succeeds(&rollback).await?;
            check(current(&self.cloud, instance)? != new, || said)?;
        }
        for instance in self.of(Fate::Leaked) {
            let emergency = ["emergency", &instance.addon, "--accept-downtime", "--yes"];
            let said = self.operator.succeeds(&emergency).await?;
            names(&said, &["the service refuses its credential"])?;
        }
        let mut deprovision = vec!["deprovision", "--yes"];
        for instance in self.of(Fate::Deprovisioned) {
            self.cloud.heroku.deprovision(&instance.addon)?;
            deprovision.push(&instance.addon);
        }
        let said = self.operator.succeeds(&deprovision).await?;
        for addon in &deprovision[2..] {
            let line = format!("✓ {addon}: deprovisioned, 2 credentials revoked\n");
            names(&said, &[&line])?;
        }
        Ok(())
    }

    /// Every revocation that is to come, now.
    async fn revoke(&self) -> TestResult {
        let cloud = &self.cloud;
        for instance in self.of(Fate::RolledBack) {
            // What was put off finds it in use.
            let kept = current(cloud, instance)?;
            fire(cloud, &kept, 0).await?;
            wait_for(cloud, "the next try's schedule", |_| {
                schedule(cloud, &kept, 1).map(drop)
            })
            .await?;
        }
        for instance in self.of(Fate::Rotated).chain(self.of(Fate::RolledBack)) {
            let kept = current(cloud, instance)?;
            let live = live_versions(cloud, instance)?;
            for version in live.iter().filter(|version| **version != kept) {
                revoke(cloud, version).await?;
            }
        }
        Ok(())
    }
}
