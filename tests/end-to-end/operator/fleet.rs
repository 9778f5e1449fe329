//! A fleet of both APIs and all engines, by the tool's commands alone: enrolled, rotated, two rolled back, one
//! rotated in an emergency, ten deprovisioned. After each of these `status` is what the services say. What a command says
//! of a line that is wrong, of a second run or in its table: the library's tests.

mod agreement;
mod members;

use std::collections::BTreeSet;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;
use serde_json::Value;
use strict_aws::scheduler::{self, Past};
use strict_aws::secrets_manager;
use strict_heroku::{ShownNames, Untidiness};
use tokio::time::Instant;

use super::Operator;
use crate::TestResult;
use crate::support::{check, current, fire, names, revoke, schedule, wait_for};
use members::{Fate, Member, eight_at_once};

/// How many instances there are, if not [`MANY`].
const INSTANCES: &str = "FLEET_INSTANCES";

/// What takes minutes.
const MANY: usize = 100;

/// A fleet, and the tool that it is run with.
struct Fleet {
    cloud: Arc<Cloud>,
    operator: Operator,
    members: Vec<Member>,
    /// What the partner's own service let in before the fleet was there.
    others: Vec<String>,
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
    let mut clock = Instant::now();
    let mut took = |what: &str| {
        println!("{what}: {:.0?}", clock.elapsed());
        clock = Instant::now();
    };
    let fleet = Fleet::provision(cloud, size()?).await?;
    took(&format!("{} provisioned", fleet.members.len()));

    fleet.enroll().await?;
    took("enrolled");
    fleet.agrees(|_| ("healthy", 0)).await?;
    fleet.heroku_shows_the_current(|_| Some(0)).await?;
    took("compared");

    fleet.rotate().await?;
    took("rotated");
    fleet.agrees(|_| ("waiting-for-revocation", 1)).await?;
    fleet.heroku_shows_the_current(|_| Some(1)).await?;
    took("compared");

    fleet.meet_their_fates().await?;
    took("rolled back, rotated in an emergency, deprovisioned");
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
    took("compared");

    fleet.revoke().await?;
    took("revoked");
    let state = |fate| match fate {
        Fate::Deprovisioned => ("deleted", 0),
        _ => ("healthy", 0),
    };
    fleet.agrees(state).await?;
    fleet.heroku_shows_the_current(releases).await?;
    took("compared");
    fleet.operator.dismiss(&fleet.cloud).await
}

fn size() -> Result<usize, Failed> {
    let size = match std::env::var(INSTANCES) {
        Ok(text) => text.parse().map_err(|_| format!("{INSTANCES}: {text}"))?,
        Err(_) => MANY,
    };
    check(size >= members::FEWEST, || {
        format!("{INSTANCES} is at least {}", members::FEWEST)
    })?;
    Ok(size)
}

impl Fleet {
    /// What the tool printed as JSON Lines.
    async fn objects(&self, arguments: &[&str]) -> Result<Vec<Value>, Failed> {
        let ended = self.operator.run(arguments).await?;
        let objects: Result<_, _> = ended.text.lines().map(serde_json::from_str).collect();
        objects.map_err(|error| format!("{error}: {}{}", ended.text, ended.errors).into())
    }

    /// From standard input.
    async fn enroll(&self) -> TestResult {
        let lines: String = self.members.iter().map(Member::line).collect();
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
        let of = |fate| self.members.iter().filter(move |it| it.fate == fate);
        // Each waits for whatever revocation might be under way.
        let rolled_back: Vec<_> = of(Fate::RolledBack).collect();
        let roll_back = eight_at_once(&rolled_back, async |member: &&Member| {
            let instance = &member.instance;
            let new = current(&self.cloud, instance)?;
            let rollback = ["rollback", &instance.addon, "--yes"];
            let said = self.operator.succeeds(&rollback).await?;
            println!("{said}");
            check(current(&self.cloud, instance)? != new, || said)
        });
        let leaked: Vec<_> = of(Fate::Leaked).collect();
        let emergency = eight_at_once(&leaked, async |member: &&Member| {
            let emergency = [
                "emergency",
                &member.instance.addon,
                "--accept-downtime",
                "--yes",
            ];
            let said = self.operator.succeeds(&emergency).await?;
            println!("{said}");
            names(&said, &["the service refuses its credential"])
        });
        let deprovision = async {
            let gone: Vec<_> = of(Fate::Deprovisioned).collect();
            let mut arguments = vec!["deprovision", "--yes"];
            for member in &gone {
                self.cloud.heroku.deprovision(&member.instance.addon)?;
                arguments.push(&member.instance.addon);
            }
            let said = self.operator.succeeds(&arguments).await?;
            println!("{said}");
            for member in &gone {
                let line = format!(
                    "✓ {}: deprovisioned, 2 credentials revoked\n",
                    member.instance.addon
                );
                names(&said, &[&line])?;
            }
            Ok(())
        };
        tokio::try_join!(roll_back, emergency, deprovision)?;
        Ok(())
    }

    /// Every revocation that is to come, now.
    async fn revoke(&self) -> TestResult {
        let left = self.members.iter().filter(|it| match it.fate {
            Fate::Rotated | Fate::RolledBack => true,
            Fate::Leaked | Fate::Deprovisioned => false,
        });
        let left: Vec<_> = left.collect();
        eight_at_once(&left, async |member: &&Member| {
            let (cloud, instance) = (&self.cloud, &member.instance);
            let kept = current(cloud, instance)?;
            if member.fate == Fate::RolledBack {
                // What was put off finds it in use.
                fire(cloud, &kept, 0).await?;
                wait_for(cloud, "the next try's schedule", |_| {
                    schedule(cloud, &kept, 1).map(drop)
                })
                .await?;
            }
            let live = crate::support::live_versions(cloud, instance)?;
            for version in live.iter().filter(|version| **version != kept) {
                revoke(cloud, version).await?;
            }
            Ok(())
        })
        .await
    }
}
