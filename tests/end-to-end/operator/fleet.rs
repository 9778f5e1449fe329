//! A fleet of both APIs and all engines, by the tool's commands alone: enrolled, rotated, two rolled back, one
//! rotated in an emergency, ten deprovisioned. After each of these `status` is what the services say.

mod agreement;
mod members;

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;
use serde_json::Value;
use tokio::time::Instant;

use super::Operator;
use crate::TestResult;
use crate::support::{check, current, fire, names, revoke, schedule, snapshot, wait_for};
use members::{Fate, Member, eight_at_once};

/// How many instances there are, if not [`FEW`].
const INSTANCES: &str = "FLEET_INSTANCES";

/// Some minutes' worth of instances.
const FEW: usize = 60;

/// A fleet, and the tool that it is run with.
struct Fleet {
    cloud: Arc<Cloud>,
    operator: Operator,
    members: Vec<Member>,
    /// What the partner's own service let in before the fleet was there.
    others: Vec<String>,
}

pub(super) async fn whole(cloud: Arc<Cloud>) -> TestResult {
    let mut clock = Instant::now();
    let mut took = |what: &str| {
        println!("{what}: {:.0?}", clock.elapsed());
        clock = Instant::now();
    };
    let fleet = Fleet::provision(cloud, size()?).await?;
    took(&format!("{} provisioned", fleet.members.len()));

    fleet.enroll().await?;
    took("enrolled");
    fleet.enroll_again().await?;
    took("enrolled once more");
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
        Err(_) => FEW,
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

    /// From standard input; every instance is made, and the report has them all.
    async fn enroll(&self) -> TestResult {
        let lines: String = self.members.iter().map(Member::line).collect();
        let directory = tempfile::tempdir()?;
        let report = directory.path().join("enrolled.jsonl");
        let report = report.display().to_string();
        let enroll = ["enroll", "-", "--concurrency", "8", "--report", &report];
        let ended = self.operator.run_with(&enroll, &lines).await?;
        let count = self.members.len();
        let all = format!("✓ enroll: {count} enrolled, 0 failed, 0 skipped\n");
        check(ended.status == 0 && ended.text.ends_with(&all), || {
            format!("{}{}", ended.text, ended.errors)
        })?;
        println!(
            "{}\n…\n{all}",
            ended.text.lines().next().unwrap_or_default()
        );
        let written = std::fs::read_to_string(&report)?;
        let entries: Result<Vec<Value>, _> = written.lines().map(serde_json::from_str).collect();
        let mut entries: BTreeMap<String, Value> = entries?
            .into_iter()
            .map(|entry| {
                (
                    entry["addon_id"].as_str().unwrap_or_default().to_owned(),
                    entry,
                )
            })
            .collect();
        for (place, member) in self.members.iter().enumerate() {
            let entry = entries.remove(&member.instance.addon).unwrap_or_default();
            let secret = snapshot(&self.cloud, &member.instance)?;
            let is_so = entry["outcome"] == "created"
                && entry["line"] == place + 1
                && entry["secret"] == secret.arn.as_str()
                && entry["version"] == current(&self.cloud, &member.instance)?.as_str();
            check(is_so, || format!("{} has {entry}", member.instance.name))?;
        }
        check(entries.is_empty(), || format!("and {entries:?}"))?;

        // A second run with the report asks for nothing: one may do it who has no rights.
        let nobody = Operator::new(&self.cloud, false).await?;
        let again = nobody.run_with(&enroll, &lines).await?;
        let skipped = format!("✓ enroll: 0 enrolled, 0 failed, {count} skipped\n");
        check(again.status == 0 && again.text.ends_with(&skipped), || {
            format!("{}{}", again.text, again.errors)
        })?;
        println!("{}", again.text);
        Ok(())
    }

    /// A second run that knows nothing of the first, from a file: every answer is `unchanged`, and so is all.
    async fn enroll_again(&self) -> TestResult {
        let secrets = || {
            let secrets = self.members.iter();
            let secrets = secrets.map(|member| snapshot(&self.cloud, &member.instance));
            secrets.collect::<Result<Vec<_>, _>>()
        };
        let before = secrets()?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("fleet.jsonl");
        std::fs::write(
            &file,
            self.members.iter().map(Member::line).collect::<String>(),
        )?;
        let file = file.display().to_string();
        let said = self
            .objects(&["--json", "enroll", &file, "--concurrency", "8"])
            .await?;
        let unchanged = said.iter().filter(|it| it["outcome"] == "unchanged");
        let count = self.members.len();
        check(unchanged.count() == count, || format!("{said:?}"))?;
        check(secrets()? == before, || "something changed".to_owned())
    }

    /// All of them, eight at once, as `xargs -P 8` would.
    async fn rotate(&self) -> TestResult {
        eight_at_once(&self.members, async |member: &Member| {
            let rotate = ["rotate", &member.instance.addon, "--wait"];
            let said = self.operator.succeeds(&rotate).await?;
            let version = current(&self.cloud, &member.instance)?;
            let all = format!(
                "✓ rotate: version {version} begins\n✓ rotate: version {version} is current\n"
            );
            check(said == all, || format!("{said} not {all}"))
        })
        .await
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
