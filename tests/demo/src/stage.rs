//! The demo's stage: three add-on instances, the apps that log in, and waiting for what should
//! happen, never longer than the demo may take.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use local_cloud::cloud::{Api, Engine, Instance, InstanceSpec, Partner};
use local_cloud::customers::{Customer, CustomerSpec, Tally};
use parking_lot::Mutex;
use stand_in::events::Event;
use strict_heroku::{AppSpec, RestartSpeed};
use tokio::time::Instant;
use url::Url;

use super::history::History;
use super::recording::{App, Outcome, Subject};
use super::verdict::short;
use super::view::View;

const LOGIN_EVERY: Duration = Duration::from_millis(100);

/// How often a figure is looked at that no event tells.
const POLL: Duration = Duration::from_millis(50);

const COMMON: RestartSpeed = RestartSpeed {
    first: Duration::from_secs(1),
    stagger: Duration::from_millis(500),
};

/// A dyno in a Private Space, where restarts are slower.
const PRIVATE_SPACE: RestartSpeed = RestartSpeed {
    first: Duration::from_secs(3),
    stagger: Duration::from_millis(500),
};

pub(super) struct Player {
    pub(super) instance: Instance,
    pub(super) subject: Subject,
    /// How many rotations the story asks for.
    pub(super) rotations: usize,
    customers: BTreeMap<String, Customer>,
    /// What Heroku showed before each rotation, by version. Secrets.
    shown: Mutex<BTreeMap<String, String>>,
}

pub(super) struct Stage<'a> {
    pub(super) cloud: &'a Partner,
    pub(super) view: &'a View,
    deadline: Instant,
    limit: Duration,
}

struct Role {
    api: Api,
    engine: Engine,
    rotations: usize,
    /// The apps, the owner first, with their dynos and how they restart.
    apps: &'static [(&'static str, u8, RestartSpeed)],
}

const ROLES: [Role; 3] = [
    Role {
        api: Api::V1,
        engine: Engine::Http,
        rotations: 1,
        apps: &[("candles", 2, COMMON)],
    },
    Role {
        api: Api::V3,
        engine: Engine::Http,
        rotations: 1,
        apps: &[("bicycles", 2, COMMON)],
    },
    Role {
        api: Api::V3,
        engine: Engine::Postgres,
        rotations: 2,
        apps: &[
            ("tickets", 2, COMMON),
            ("tickets-admin", 1, COMMON),
            ("tickets-reports", 2, PRIVATE_SPACE),
        ],
    },
];

impl Role {
    fn name(&self) -> String {
        let api = format!("{:?}", self.api).to_lowercase();
        let twice = if self.rotations > 1 { "-twice" } else { "" };
        format!("{api}-{}{twice}", self.engine.name())
    }

    fn kind(&self) -> String {
        let api = match self.api {
            Api::V1 => "App Info API (v1)",
            Api::V3 => "Platform API (v3)",
        };
        format!("{api} · {}", self.engine.name())
    }
}

impl<'a> Stage<'a> {
    /// A stage for at most `limit` from now.
    pub(super) fn new(cloud: &'a Partner, view: &'a View, limit: Duration) -> Self {
        Self {
            cloud,
            view,
            deadline: Instant::now() + limit,
            limit,
        }
    }

    /// Enrols the three instances, all of one engine if one is asked for, and has their apps log in
    /// once their dynos run.
    pub(super) async fn set(&self, engine: Option<Engine>) -> Result<[Player; 3]> {
        let [first, second, third] = ROLES.map(|role| Role {
            engine: engine.unwrap_or(role.engine),
            ..role
        });
        let mut players = [
            self.enrol(first).await?,
            self.enrol(second).await?,
            self.enrol(third).await?,
        ];
        self.dynos_settled(&players).await?;
        for player in &mut players {
            for app in &player.instance.apps {
                let customer =
                    Customer::start(player.instance.customer(self.cloud, app, LOGIN_EVERY))?;
                player.customers.insert(app.clone(), customer);
            }
        }
        self.logged_in_again(&players).await?;
        Ok(players)
    }

    async fn enrol(&self, role: Role) -> Result<Player> {
        let apps = role.apps.iter();
        let apps = apps.map(|(name, dynos, restart)| AppSpec {
            name: (*name).to_owned(),
            dynos: *dynos,
            restart: *restart,
        });
        let spec = InstanceSpec {
            name: role.name(),
            api: role.api,
            engine: role.engine,
            apps: apps.collect(),
            tags: Vec::new(),
        };
        let instance = self.cloud.enrol(spec).await?;
        let imported = self.cloud.live_credentials(&instance).await?;
        let mut apps = Vec::new();
        for (name, _, restart) in role.apps {
            let dynos = self.cloud.heroku.dynos(name)?;
            apps.push(App {
                name: (*name).to_owned(),
                dynos: dynos.into_iter().map(|dyno| dyno.name).collect(),
                note: (*restart == PRIVATE_SPACE).then_some("Private Space"),
            });
        }
        let names = instance.apps.join(", ");
        self.view
            .say(&format!("{} enrolled, attached to {names}", instance.name));
        Ok(Player {
            subject: Subject {
                name: instance.name.clone(),
                kind: role.kind(),
                secret: instance.secret_name.clone(),
                secret_arn: instance.secret_arn.clone(),
                addon: instance.addon.clone(),
                imported: imported.into_iter().next().unwrap_or_default(),
                apps,
            },
            instance,
            rotations: role.rotations,
            customers: BTreeMap::new(),
            shown: Mutex::default(),
        })
    }

    /// Keeps what Heroku shows now, to be tried again when it is over.
    pub(super) fn remember(&self, player: &Player) -> Result<()> {
        let history = History::of(&player.subject, &self.cloud.events.since(0));
        if let Some(current) = history.current()
            && let Some(value) = self.shown_by_heroku(&player.instance)?
        {
            player.shown.lock().insert(current.version.clone(), value);
        }
        Ok(())
    }

    fn shown_by_heroku(&self, instance: &Instance) -> Result<Option<String>> {
        Ok(self
            .cloud
            .heroku
            .config(&instance.addon)?
            .remove(&instance.config_var))
    }

    pub(super) async fn wait_for<T>(
        &self,
        what: &str,
        mut found: impl FnMut(&[Event]) -> Option<T>,
    ) -> Result<T> {
        let found = self.cloud.events.wait_for(|events| {
            self.view.show(events);
            found(events)
        });
        let found = tokio::time::timeout_at(self.deadline, found).await;
        found.map_err(|_| self.too_late(what))
    }

    /// Waits until `holds`, which no event tells.
    async fn poll(&self, what: &str, holds: impl Fn() -> bool) -> Result<()> {
        while !holds() {
            if Instant::now() >= self.deadline {
                return Err(self.too_late(what));
            }
            tokio::time::sleep(POLL).await;
            self.view.show(&self.cloud.events.since(0));
        }
        Ok(())
    }

    fn too_late(&self, what: &str) -> anyhow::Error {
        let seconds = self.limit.as_secs();
        anyhow!("waited in vain for {what}: the demo ends {seconds} s after it was set up")
    }

    pub(super) async fn dynos_settled(&self, players: &[Player]) -> Result<()> {
        let apps = || players.iter().flat_map(|player| &player.instance.apps);
        let settled = |app: &String| {
            let dynos = self.cloud.heroku.dynos(app);
            dynos.is_ok_and(|dynos| dynos.iter().all(|dyno| !dyno.restarting))
        };
        self.wait_for("the restart of all dynos", |_| {
            apps().all(settled).then_some(())
        })
        .await
    }

    /// Waits until every app has logged in with its newest release, and a few times more.
    pub(super) async fn logged_in_again(&self, players: &[Player]) -> Result<()> {
        for player in players {
            for (app, customer) in &player.customers {
                let newest = self.newest_release(app)?;
                let since = attempts(&customer.tally());
                let what = format!("a login of `{app}` with its release v{newest}");
                self.poll(&what, || {
                    let tally = customer.tally();
                    tally.generations.contains_key(&newest) && attempts(&tally) >= since + 5
                })
                .await?;
            }
        }
        Ok(())
    }

    fn newest_release(&self, app: &str) -> Result<u32> {
        let releases = self.cloud.heroku.releases(app)?;
        Ok(releases.last().map_or(0, |release| release.version))
    }

    /// Stops the apps, then has each remembered credential tried by somebody who kept it.
    pub(super) async fn outcome(&self, player: Player) -> Result<(Timestamp, Outcome)> {
        let mut logins = BTreeMap::new();
        let mut newest_releases = BTreeMap::new();
        for (app, customer) in player.customers {
            newest_releases.insert(app.clone(), self.newest_release(&app)?);
            logins.insert(app, customer.stop().await);
        }
        let stopped = Timestamp::now();
        let shown = player.shown.into_inner();
        let mut tried_again = BTreeMap::new();
        for (version, value) in shown {
            let tally = self.try_again(&player.instance, &version, &value).await?;
            tried_again.insert(version, tally);
        }
        let outcome = Outcome {
            rotations: player.rotations,
            logins,
            newest_releases,
            live: self.cloud.live_credentials(&player.instance).await?,
            expected: self.expected(&player.instance, &player.subject)?,
            tried_again,
            subject: player.subject,
        };
        Ok((stopped, outcome))
    }

    /// What a login with the value comes to, in an app of its own.
    async fn try_again(&self, instance: &Instance, version: &str, value: &str) -> Result<Tally> {
        let app = format!("{}-kept-{}", instance.name, short(version));
        let owner = instance.apps.first().map_or("", String::as_str);
        let spec = CustomerSpec {
            app: app.clone(),
            ..instance.customer(self.cloud, owner, LOGIN_EVERY)
        };
        let at_once = RestartSpeed {
            first: Duration::ZERO,
            stagger: Duration::ZERO,
        };
        let heroku = &self.cloud.heroku;
        heroku.create_app(AppSpec {
            name: app.clone(),
            dynos: 1,
            restart: at_once,
        })?;
        heroku.set_app_var(&app, &spec.config_var, value)?;
        let newest = self.newest_release(&app)?;
        let running = || {
            let dynos = heroku.dynos(&app);
            dynos.is_ok_and(|dynos| dynos.iter().all(|dyno| dyno.release == newest))
        };
        self.poll(&format!("the start of `{app}`"), running).await?;
        let customer = Customer::start(spec)?;
        let tried = || attempts(&customer.tally()) > 0;
        // A login that never ends is told by the tally.
        let late = self
            .poll(&format!("a login of `{app}`"), tried)
            .await
            .is_err();
        let mut tally = customer.stop().await;
        if late {
            tally
                .first_error
                .get_or_insert_with(|| "it came to no end in time".to_owned());
        }
        Ok(tally)
    }

    /// The credential that the service should accept: for `http`, it is named after the current
    /// version; for the databases, Heroku shows the user.
    fn expected(&self, instance: &Instance, subject: &Subject) -> Result<Option<String>> {
        Ok(match instance.engine {
            Engine::Http => {
                let history = History::of(subject, &self.cloud.events.since(0));
                history.current().map(|current| current.version.clone())
            }
            Engine::Postgres | Engine::Mysql | Engine::Redis => {
                let shown = self.shown_by_heroku(instance)?;
                let url = shown.and_then(|value| Url::parse(&value).ok());
                url.map(|url| url.username().to_owned())
            }
        })
    }
}

fn attempts(tally: &Tally) -> u64 {
    tally.accepted + tally.refused + tally.errors
}

impl Player {
    pub(super) fn tallies(&self) -> impl Iterator<Item = Tally> {
        self.customers.values().map(Customer::tally)
    }
}
