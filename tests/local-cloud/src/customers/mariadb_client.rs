//! Logging in to a MySQL or MariaDB database with the unmodified `mariadb` client, which stays
//! logged in.

use std::process::Stdio;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use url::Url;

use super::Outcome;
use super::mysql::{Problem, Statements};

/// One dyno's way into the database.
pub(super) struct MariadbClientLogin {
    statements: Statements,
    session: Option<Session>,
}

/// A client that is logged in. It ends when this is dropped.
struct Session {
    release: u32,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: ChildStderr,
    migrated: bool,
    _process: Child,
}

impl MariadbClientLogin {
    pub(super) fn new(app: &str, dyno: &str) -> Self {
        Self {
            statements: Statements::new(app, dyno),
            session: None,
        }
    }

    pub(super) async fn log_in(&mut self, release: u32, value: &str) -> Outcome {
        match self.try_once(release, value).await {
            Ok(()) => Outcome::Accepted,
            // Whether the credential has ended with the session is known by trying it again.
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
        if !session.migrated {
            session.say(&self.statements.migration(release)).await?;
            session.migrated = true;
        }
        session.say(&self.statements.login(release)).await?;
        session.answer().await?;
        self.session = Some(session);
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
        let (Some(host), Some(port)) = (url.host_str(), url.port()) else {
            return Err(Problem::NotAUrl);
        };
        let spawned = Command::new("mariadb")
            .args(["--no-defaults", "--unbuffered", "--batch"])
            .args(["--skip-column-names", "--skip-reconnect"])
            .args(["--protocol", "TCP", "--host", host])
            .args(["--port", &port.to_string()])
            .args(["--user", &decoded(url.username())?])
            .args(["--database", &decoded(url.path().trim_start_matches('/'))?])
            .env("MYSQL_PWD", decoded(url.password().unwrap_or_default())?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut process = spawned
            .map_err(|error| Problem::Other(format!("the client does not start: {error}")))?;
        let pipes = (
            process.stdin.take(),
            process.stdout.take(),
            process.stderr.take(),
        );
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(Problem::Other("the client has no pipes".to_owned()));
        };
        Ok(Self {
            release,
            input,
            output: BufReader::new(output),
            errors,
            migrated: false,
            _process: process,
        })
    }

    async fn say(&mut self, statements: &[String]) -> Result<(), Problem> {
        let lines = format!("{};\n", statements.join(";\n"));
        match self.input.write_all(lines.as_bytes()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.last_words().await),
        }
    }

    /// The number that the login answers.
    async fn answer(&mut self) -> Result<(), Problem> {
        let mut line = String::new();
        match self.output.read_line(&mut line).await {
            Ok(_) if line.trim().parse::<u64>().is_ok() => Ok(()),
            _ => Err(self.last_words().await),
        }
    }

    /// The client ends with its first error: `ERROR 1045 (28000): …`.
    async fn last_words(&mut self) -> Problem {
        let mut text = String::new();
        if self.errors.read_to_string(&mut text).await.is_err() {
            return Problem::Ended;
        }
        let code = text
            .split_once("ERROR ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        code.map_or(Problem::Ended, Problem::by_code)
    }
}
