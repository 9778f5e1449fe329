//! Logging in to a Redis server with the unmodified `redis-cli`, and using it as an app does.

use super::problem::{LogIn, Problem};
use super::terminal::{Address, Terminal};

pub(super) struct RedisLogin {
    key: String,
    session: Option<Session>,
}

/// A `redis-cli` that is logged in. It ends when this is dropped.
struct Session {
    release: u32,
    terminal: Terminal,
}

impl RedisLogin {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            key: format!("logins:{app}:{dyno}"),
            session: None,
        }
    }
}

impl LogIn for RedisLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let kept = self.session.take();
        let mut session = match kept.filter(|kept| kept.release == release) {
            Some(kept) => kept,
            None => Session::open(release, value)?,
        };
        session.count(&self.key).await?;
        self.session = Some(session);
        Ok(())
    }
}

impl Session {
    fn open(release: u32, value: &str) -> Result<Self, Problem> {
        let address = Address::parse(value, "redis")?;
        let mut client = tools::client("redis-cli");
        client
            .args(["-h", &address.host, "-p", &address.port])
            .env("REDISCLI_AUTH", address.password);
        if !address.user.is_empty() {
            client.args(["--user", &address.user]);
        }
        Ok(Self {
            release,
            terminal: Terminal::start(client)?,
        })
    }

    async fn count(&mut self, key: &str) -> Result<(), Problem> {
        let said = self.terminal.say(&format!("INCR {key}\n")).await;
        said.map_err(|_| Problem::Ended)?;
        // A login that fails is told as an error, and the command's failure then follows.
        let said = self.terminal.error_or_answer().await;
        // The server's message can name the user; its code cannot.
        let refusals = ["WRONGPASS", "NOAUTH", "NOPERM"];
        if let Some(code) = refusals.into_iter().find(|code| said.contains(code)) {
            return Err(Problem::Refused(format!("Redis answered {code}")));
        }
        match said.split_whitespace().next() {
            None | Some("Error:") => Err(Problem::Ended),
            Some(number) if number.parse::<u64>().is_ok() => Ok(()),
            Some("Could") => Err(Problem::Other("no connection to Redis".to_owned())),
            Some(code) => Err(Problem::Other(format!("Redis answered {code}"))),
        }
    }
}
