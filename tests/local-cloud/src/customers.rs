//! A customer's app: each of its dynos logs in, many times a second, with the credential that it
//! runs with at that moment.
//!
//! The rule that it watches over: **a credential is accepted as long as any dyno runs with it.**
//! A dyno may get its next config, and the credential may end, while a login is on its way. So a
//! refusal counts only if a dyno of the app still runs with the same value after the refusal;
//! then it ran with it before and during the login as well. Any other refusal is tallied as
//! overtaken, not hidden.

mod http;
mod mariadb_client;
mod mysql;
mod postgres;
mod problem;
mod psql;
mod redis;
mod tally;
mod terminal;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use stand_in::lock;
use stand_in::patience::{PATIENCE, eventually};
use strict_heroku::{DynoState, Heroku};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::http::HttpLogin;
use self::mariadb_client::MARIADB;
use self::mysql::MysqlLogin;
use self::postgres::PostgresLogin;
use self::problem::LogIn as _;
use self::psql::PSQL;
use self::redis::RedisLogin;
pub use self::tally::{GenerationTally, SLICE, SliceTally, Tally};
use self::terminal::TerminalLogin;

/// A login that takes longer counts as an error.
const LOGIN_TIMEOUT: Duration = PATIENCE;

/// How an app logs in with the value of its config var.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The value is `http://key:<API key>@<host>/v1`: asks for `/v1/items` with the key as bearer
    /// token.
    Http,
    /// The value is a `postgres://` URL: connects, and reads and writes a table that the app
    /// itself creates; a session for each login.
    Postgres,
    /// As [`Login::Postgres`], but each dyno keeps one unmodified `psql` logged in from its restart to the next.
    Psql,
    /// The value is a `mysql://` URL: connects, and reads and writes a table and a view that the
    /// app itself creates; a session for each login.
    Mysql,
    /// As [`Login::Mysql`], but each dyno keeps one unmodified `mariadb` client logged in from its restart to the
    /// next.
    MariadbClient,
    /// The value is a `redis://` URL: each dyno keeps one unmodified `redis-cli` logged in from its restart to the
    /// next, and counts at the server.
    Redis,
}

#[derive(Clone)]
pub struct CustomerSpec {
    pub heroku: Arc<Heroku>,
    pub app: String,
    pub config_var: String,
    pub login: Login,
    /// How often each dyno logs in, at most; a slow login delays the next.
    pub every: Duration,
}

/// A running app; it stops at once when dropped.
pub struct Customer {
    tally: Arc<Mutex<Tally>>,
    stop: CancellationToken,
    dynos: Vec<AbortOnDropHandle<()>>,
}

impl Customer {
    /// Begins to log in. Needs a running Tokio runtime.
    pub fn start(spec: CustomerSpec) -> anyhow::Result<Self> {
        let dynos = spec.heroku.dynos(&spec.app)?;
        let app = &spec.app;
        ensure!(
            !dynos.is_empty(),
            "the app `{app}` cannot log in: create it with at least one dyno"
        );
        ensure!(
            !spec.every.is_zero(),
            "the app `{app}` cannot log in: set `every` to more than zero"
        );
        let spec = Arc::new(spec);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        for dyno in dynos {
            let client = Client::new(&spec, &dyno.name)?;
            let runner = Dyno {
                spec: Arc::clone(&spec),
                name: dyno.name,
                tally: Arc::clone(&tally),
            };
            let run = runner.run(client, stop.clone());
            tasks.push(AbortOnDropHandle::new(tokio::spawn(run)));
        }
        Ok(Self {
            tally,
            stop,
            dynos: tasks,
        })
    }

    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Waits until each dyno has logged in so many times more; `false` if one does not. The second login has
    /// begun since, whatever the first.
    pub async fn each_dyno_logs_in(&self, more: u64) -> bool {
        let before = self.tally().dynos;
        let enough = |tally: &Tally| {
            tally.dynos.len() == self.dynos.len()
                && tally.dynos.iter().all(|(dyno, logins)| {
                    *logins >= before.get(dyno).copied().unwrap_or_default() + more
                })
        };
        eventually(async || enough(&self.tally())).await
    }

    /// Ends the app after the logins that are under way; answers the final tally.
    pub async fn stop(self) -> Tally {
        self.stop.cancel();
        for dyno in self.dynos {
            if let Err(error) = dyno.await {
                lock(&self.tally).fail(format!("a dyno ended before its time: {error}"));
            }
        }
        lock(&self.tally).clone()
    }
}

/// What came of one login. The texts hold no secret value.
enum Outcome {
    Accepted,
    Refused(String),
    Failed(String),
}

enum Client {
    Http(HttpLogin),
    Postgres(PostgresLogin),
    Mysql(MysqlLogin),
    Terminal(Box<TerminalLogin>),
    Redis(Box<RedisLogin>),
}

impl Client {
    fn new(spec: &CustomerSpec, dyno: &str) -> reqwest::Result<Self> {
        let app = &spec.app;
        Ok(match spec.login {
            Login::Http => Self::Http(HttpLogin::new()?),
            Login::Postgres => Self::Postgres(PostgresLogin {
                statements: postgres::AppsStatements::new(app, dyno),
                migrated_by: None,
            }),
            Login::Psql => {
                let statements = postgres::AppsStatements::new(app, dyno);
                Self::Terminal(Box::new(TerminalLogin::new(statements, PSQL)))
            }
            Login::Mysql => Self::Mysql(MysqlLogin {
                statements: mysql::AppsStatements::new(app, dyno),
                migrated_by: None,
            }),
            Login::MariadbClient => {
                let statements = mysql::AppsStatements::new(app, dyno);
                Self::Terminal(Box::new(TerminalLogin::new(statements, MARIADB)))
            }
            Login::Redis => Self::Redis(Box::new(RedisLogin::new(app, dyno))),
        })
    }

    async fn log_in(&mut self, release: u32, value: &str) -> Outcome {
        let attempt = async {
            match self {
                Self::Http(login) => login.log_in(value).await,
                Self::Postgres(login) => login.log_in(release, value).await,
                Self::Mysql(login) => login.log_in(release, value).await,
                Self::Terminal(login) => login.log_in(release, value).await,
                Self::Redis(login) => login.log_in(release, value).await,
            }
        };
        tokio::time::timeout(LOGIN_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_| Outcome::Failed(format!("no answer within {LOGIN_TIMEOUT:?}")))
    }
}

struct Dyno {
    spec: Arc<CustomerSpec>,
    name: String,
    tally: Arc<Mutex<Tally>>,
}

impl Dyno {
    async fn run(self, mut client: Client, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.spec.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.log_in(&mut client).await,
            }
        }
    }

    async fn log_in(&self, client: &mut Client) {
        let dynos = self.dynos();
        let Some(dyno) = dynos.iter().find(|dyno| dyno.name == self.name) else {
            return;
        };
        let Some(value) = dyno.config.get(&self.spec.config_var) else {
            lock(&self.tally).miss();
            return;
        };
        let outcome = client.log_in(dyno.release, value).await;
        let told = |text: String| {
            let Self { spec, name, .. } = self;
            format!("{} {name}, release v{}: {text}", spec.app, dyno.release)
        };
        match outcome {
            Outcome::Accepted => lock(&self.tally).accept(&self.name, dyno.release),
            Outcome::Failed(text) => lock(&self.tally).fail(told(text)),
            Outcome::Refused(text) if self.in_use(value) => {
                lock(&self.tally).refuse(dyno.release, told(text));
            }
            Outcome::Refused(_) => lock(&self.tally).overtake(),
        }
    }

    fn in_use(&self, value: &str) -> bool {
        let dynos = self.dynos();
        let mut values = dynos.iter().map(|it| it.config.get(&self.spec.config_var));
        values.any(|it| it.is_some_and(|it| it == value))
    }

    fn dynos(&self) -> Vec<DynoState> {
        // The app was there at the start, and none is ever taken away.
        self.spec.heroku.dynos(&self.spec.app).unwrap_or_default()
    }
}
