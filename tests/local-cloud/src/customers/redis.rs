//! Logging in to a Redis server with the unmodified `redis-cli`, and using it as an app does.

use std::process::Stdio;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use url::Url;

use super::Outcome;

/// One dyno's way into the server.
pub(super) struct RedisLogin {
    key: String,
    keep_session: bool,
    session: Option<Session>,
}

/// A `redis-cli` that is logged in. It ends when this is dropped.
struct Session {
    release: u32,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
    _process: Child,
}

enum Problem {
    NotAUrl,
    /// The server says that this user may not.
    Refused(String),
    /// The server ended the connection.
    Ended,
    Other(String),
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotAUrl => Self::Failed("the config var is no redis:// URL".to_owned()),
            Problem::Refused(text) => Self::Refused(text),
            Problem::Ended => Self::Failed("the server ended the connection".to_owned()),
            Problem::Other(text) => Self::Failed(text),
        }
    }
}

impl RedisLogin {
    pub(super) fn new(app: &str, dyno: &str, keep_session: bool) -> Self {
        Self {
            key: format!("logins:{app}:{dyno}"),
            keep_session,
            session: None,
        }
    }

    pub(super) async fn log_in(&mut self, release: u32, value: &str) -> Outcome {
        match self.try_once(release, value).await {
            Ok(()) => Outcome::Accepted,
            // Whether the credential has ended with the connection is known by trying it again.
            Err(Problem::Ended) => match self.try_once(release, value).await {
                Ok(()) => Problem::Ended.into(),
                Err(problem) => problem.into(),
            },
            Err(problem) => problem.into(),
        }
    }

    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let kept = self.session.take();
        let mut session = match kept.filter(|kept| kept.release == release) {
            Some(kept) => kept,
            None => Session::open(release, value)?,
        };
        session.count(&self.key).await?;
        if self.keep_session {
            self.session = Some(session);
        }
        Ok(())
    }
}

impl Session {
    fn open(release: u32, value: &str) -> Result<Self, Problem> {
        let url = Url::parse(value).map_err(|_| Problem::NotAUrl)?;
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned)
                .map_err(|_| Problem::NotAUrl)
        };
        let (host, port) = (url.host_str(), url.port());
        let (Some(host), Some(port)) = (host, port) else {
            return Err(Problem::NotAUrl);
        };
        let mut command = Command::new("redis-cli");
        command.args(["-h", host, "-p", &port.to_string()]);
        if !url.username().is_empty() {
            command.args(["--user", &decoded(url.username())?]);
        }
        let spawned = command
            .env(
                "REDISCLI_AUTH",
                decoded(url.password().unwrap_or_default())?,
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = spawned
            .map_err(|error| Problem::Other(format!("redis-cli does not start: {error}")))?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(Problem::Other("redis-cli has no pipes".to_owned()));
        };
        Ok(Self {
            release,
            input,
            output: BufReader::new(output),
            errors: BufReader::new(errors),
            _process: process,
        })
    }

    /// Counts this login at the server.
    async fn count(&mut self, key: &str) -> Result<(), Problem> {
        let ended = |_| Problem::Ended;
        let command = format!("INCR {key}\n");
        self.input
            .write_all(command.as_bytes())
            .await
            .map_err(ended)?;
        let (mut answer, mut error) = (String::new(), String::new());
        tokio::select! {
            // A login that fails is told there, and the command's failure then follows.
            biased;
            read = self.errors.read_line(&mut error) => { read.map_err(ended)?; }
            read = self.output.read_line(&mut answer) => { read.map_err(ended)?; }
        }
        let said = if error.is_empty() { answer } else { error };
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
