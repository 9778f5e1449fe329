//! "Move an existing fleet" of infra/enrol.md and "Rotate many instances" of infra/operate.md, typed as they stand: ten
//! instances of v1 and ten of v3, at PostgreSQL and at MariaDB, which AWS knows nothing of yet.

#![cfg(test)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use local_cloud::cloud::{AddOn, Api, Embedded, EmbeddedOptions, Engine, InstanceSpec, STACK};
use serde_json::{Value, json};
use stand_in::patience::eventually;
use strict_aws::ministack::{ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY};
use strict_heroku::{AppSpec, RestartSpeed};
use tools::{Tools, target_directory, workspace};

const INSTANCES: usize = 10;

/// Longer than the test: every old credential waits for its revocation in the end.
const GRACE_PERIOD: Duration = Duration::from_hours(6);

struct Fleet {
    cloud: Embedded,
    members: Vec<AddOn>,
    files: tempfile::TempDir,
    tools: Tools,
    programs: PathBuf,
    blocks: Vec<String>,
}

/// The blocks of `bash` of a page's section.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join(page)).unwrap();
    let heading = format!("\n## {heading}\n");
    let section = page.split(heading.as_str()).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```bash\n").skip(1);
    blocks
        .map(|it| it.split("```").next().unwrap().to_owned())
        .collect()
}

fn spec(index: usize) -> InstanceSpec {
    InstanceSpec {
        name: format!("moved-{index}"),
        api: if index < INSTANCES { Api::V1 } else { Api::V3 },
        engine: if index.is_multiple_of(2) {
            Engine::Postgres
        } else {
            Engine::Mysql
        },
        apps: vec![AppSpec {
            name: format!("app-{index}"),
            dynos: 1,
            restart: RestartSpeed {
                first: Duration::from_millis(1),
                stagger: Duration::ZERO,
            },
        }],
        tags: Vec::new(),
    }
}

impl Fleet {
    async fn provision() -> Self {
        let target = target_directory(&workspace());
        let tools = Tools::ensure(&target, Arc::new(|line| println!("{line}")))
            .await
            .unwrap();
        let files = tempfile::tempdir().unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_demo"))
            .parent()
            .unwrap()
            .to_owned();
        let cloud = Embedded::start(EmbeddedOptions {
            target,
            logs: files.path().join("logs"),
            executables: programs.clone(),
            grace_period: GRACE_PERIOD,
        });
        let cloud = cloud.await.unwrap();
        // So that there are pages.
        cloud.heroku.set_page_size(7);
        let mut members = Vec::new();
        for index in 0..2 * INSTANCES {
            members.push(cloud.provision_add_on(spec(index)).await.unwrap());
        }
        let mut blocks = blocks("infra/enrol.md", "Move an existing fleet");
        blocks.extend(self::blocks("infra/operate.md", "Rotate many instances"));
        Self {
            cloud,
            members,
            files,
            tools,
            programs,
            blocks,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// What a partner has: the manifest's secrets, a table, and the names of its servers' secrets.
    fn write_what_the_partner_has(&self) {
        let manifest = &self.cloud.manifest;
        let partner = json!({ "id": manifest.id, "password": manifest.api_password });
        self.write("partner.json", &partner.to_string());
        let head = "addon_id,api,engine,host,port,dbname,username,password,refresh_token\n";
        let mut table = head.to_owned();
        let mut masters = BTreeMap::new();
        for AddOn {
            instance, document, ..
        } in &self.members
        {
            let text = |field: &str| {
                let value = &document[field];
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned)
            };
            let (api, token) = match instance.api {
                Api::V1 => ("v1", String::new()),
                Api::V3 => (
                    "v3",
                    self.cloud.heroku.refresh_token(&instance.addon).unwrap(),
                ),
            };
            let fields = ["engine", "host", "port", "dbname", "username", "password"].map(text);
            let row = [instance.addon.as_str(), api, &fields.join(","), &token].join(",");
            table = format!("{table}{row}\n");
            masters.insert(format!("{}:{}", fields[1], fields[2]), text("masterarn"));
        }
        self.write("fleet.csv", &table);
        self.write("masters.json", &json!(masters).to_string());
        // "Adapt the config vars to your manifest."
        let program = std::fs::read_to_string(workspace().join("infra/examples/fleet.jq")).unwrap();
        assert_eq!(program.matches("ACME_URL").count(), 1);
        self.write(
            "fleet.jq",
            &program.replace("ACME_URL", "ACME_DATABASE_URL"),
        );
    }

    /// The block with these words, with this cloud's addresses.
    fn block(&self, words: &str) -> String {
        let mut found = self.blocks.iter().filter(|block| block.contains(words));
        let block = found
            .next()
            .unwrap_or_else(|| panic!("no block has {words:?}"));
        assert!(found.next().is_none(), "two blocks have {words:?}");
        let heroku = self.cloud.heroku.api_url();
        block
            .replace(
                "https://api.heroku.com",
                heroku.as_str().trim_end_matches('/'),
            )
            .replace("machine api.heroku.com", "machine 127.0.0.1")
            .replace(
                "infra/examples/fleet.jq",
                &self.file("fleet.jq").display().to_string(),
            )
    }

    /// The block that rotates one instance after the other, without the pace that Heroku's quota asks for.
    fn unpaced(&self, words: &str) -> String {
        let block = self.block(words);
        let (before, rest) = block
            .split_once("sleep ")
            .unwrap_or_else(|| panic!("no pace in {block}"));
        let after = rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
        assert!(after.len() < rest.len(), "no pace in {block}");
        format!("{before}sleep 0{after}")
    }

    /// Types it into a shell; what was printed.
    fn type_in(&self, line: &str) -> String {
        let endpoint = self.cloud.gateway.endpoint().as_str();
        let path = self.tools.search_path();
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new("bash")
            .args(["-eu", "-o", "pipefail", "-c", line])
            .env(
                "PATH",
                format!("{}:{}", self.programs.display(), path.to_string_lossy()),
            )
            .envs([
                ("AWS_ENDPOINT_URL", endpoint.trim_end_matches('/')),
                ("AWS_REGION", "us-east-1"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_PAGER", ""),
                ("AWS_ACCESS_KEY_ID", ROOT_ACCESS_KEY_ID),
                ("AWS_SECRET_ACCESS_KEY", ROOT_SECRET_ACCESS_KEY),
                ("STACK", STACK),
                ("STACK_NAME", STACK),
                ("SECRET_NAME_PREFIX", "addon/credentials/"),
                ("NAMES", "addon"),
            ])
            .env("FILES", self.files.path())
            .current_dir(workspace())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&stdout).into_owned();
        let errors = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{line}\n{said}{errors}");
        said
    }

    fn status(&self) -> Vec<Value> {
        // 1 says that something needs attention.
        let said = self.type_in("addon-rotation-operator --json status || test $? -eq 1");
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A time after the last enrolment, as the page takes it.
    async fn since(&self) -> String {
        let command = format!("{}echo \"$SINCE\"", self.block("SINCE=$(date"));
        let rows = self.status();
        let newest = rows.iter().filter_map(|row| row["since"].as_str()).max();
        let newest = newest.unwrap();
        let is_later = async || self.type_in(&command).trim() > newest;
        assert!(eventually(is_later).await, "{newest}");
        self.type_in(&command).trim().to_owned()
    }

    fn all_are(&self, state: &str) -> bool {
        let rows = self.status();
        rows.len() == self.members.len() && rows.iter().all(|row| row["state"] == state)
    }

    fn shown(&self) -> Vec<(String, usize)> {
        let of = |AddOn { instance, .. }: &AddOn| {
            let config = self.cloud.heroku.config(&instance.addon).unwrap();
            let releases = self.cloud.heroku.releases(&instance.apps[0]).unwrap();
            (config[&instance.config_var].clone(), releases.len())
        };
        self.members.iter().map(of).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the functions' binaries, the AWS CLI, jq and database servers: cargo xtask test"]
async fn a_fleet_is_moved_by_the_page_alone() {
    let fleet = Fleet::provision().await;
    fleet.write_what_the_partner_has();
    let before = fleet.shown();

    fleet.type_in(&fleet.block("netrc"));
    let listed = std::fs::read_to_string(fleet.file("at-heroku")).unwrap();
    assert_eq!(
        listed.lines().count(),
        fleet.members.len(),
        "all pages: {listed}"
    );
    assert_eq!(
        fleet.type_in(&fleet.block("comm -3")),
        "",
        "Heroku and the table differ"
    );
    let masters = fleet.type_in(&fleet.block("list-secrets"));
    assert!(masters.contains("addon/masters/"), "{masters}");
    fleet.type_in(&fleet.block("--from-file"));
    let checked = fleet.type_in(&fleet.block("--check"));
    assert!(checked.contains("20 instances are valid"), "{checked}");
    assert!(fleet.status().is_empty(), "nothing is enrolled by a check");

    for (block, told) in [
        ("head -n 1 ", "1 enrolled, 0 failed, 0 skipped"),
        ("head -n 10 ", "9 enrolled, 0 failed, 1 skipped"),
        ("--concurrency", "10 enrolled, 0 failed, 10 skipped"),
    ] {
        let enrolled = fleet.type_in(&fleet.block(block));
        assert!(enrolled.contains(told), "{enrolled}");
    }
    assert!(fleet.all_are("healthy"), "{:?}", fleet.status());
    assert_eq!(fleet.shown(), before, "enrolling publishes nothing");

    let since = fleet.since().await;
    fleet.type_in(&fleet.block("head -n 1)"));
    fleet.type_in(&fleet.block("sed -n 2,10p"));
    fleet.type_in(&format!("SINCE={since}\n{}", fleet.unpaced("--arg since")));
    assert!(!fleet.file("failed").exists(), "all could be started");
    assert!(
        eventually(async || fleet.all_are("waiting-for-revocation")).await,
        "{:?}",
        fleet.status()
    );
    let after = fleet.shown();
    for (member, (now, then)) in fleet.members.iter().zip(after.iter().zip(&before)) {
        assert!(
            now.0 != then.0 && now.1 == then.1 + 1,
            "{:?}",
            member.instance
        );
        let alive = fleet
            .cloud
            .live_credentials(&member.instance)
            .await
            .unwrap();
        assert_eq!(alive.len(), 2, "the old credential works: {alive:?}");
    }

    // Back, as the page's last table says.
    let last = &fleet.members.last().unwrap().instance.addon;
    fleet.type_in(&format!("addon-rotation-operator rollback {last} --yes"));
    assert_eq!(fleet.shown().last().unwrap().0, before.last().unwrap().0);

    fleet.type_in(&fleet.block("do aws secretsmanager"));
    let count = "length(SecretList[?RotationEnabled])";
    let left = fleet.type_in(&format!(
        "aws secretsmanager list-secrets --query '{count}'"
    ));
    assert_eq!(left.trim(), "0", "rotation is on still");

    // The last one is of v3. Its older credential is alive: the page says to wait for its revocation, and this does not.
    let out = fleet.block("delete-secret");
    fleet.type_in(&format!("ADDON_ID={last}\n{out}"));
    let kept = std::fs::read_to_string(fleet.file(&format!("tokens-{last}.json"))).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let valid = fleet.cloud.heroku.refresh_token(last).unwrap();
    assert_eq!(kept["L"][0]["S"], valid, "its token is kept");
    let rows = fleet.status();
    let gone: Vec<_> = rows
        .iter()
        .filter(|row| row["state"] == "revocation-impossible")
        .collect();
    assert_eq!(gone.len(), 1, "{rows:?}");
    assert_eq!(gone[0]["instance"], last.as_str());
}
