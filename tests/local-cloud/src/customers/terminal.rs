//! A server's own client for the terminal, unmodified, that stays logged in and is asked the same
//! again and again.

use std::process::Stdio;

use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use url::Url;

use super::problem::{LogIn, Problem, Statements};

/// One dyno's way into a database: a client that is logged in from the dyno's restart to the next.
pub(super) struct TerminalLogin {
    statements: Box<dyn Statements>,
    dialect: Dialect,
    session: Option<Session>,
}

/// What there is to know of a database's client.
pub(super) struct Dialect {
    /// The client, logged in as the config var says, ending with its first error. The password is
    /// in its environment, not among its arguments.
    pub(super) client: fn(&str) -> Result<Command, Problem>,
    /// Why the client has ended, by what it said then.
    pub(super) problem: fn(&str) -> Problem,
}

struct Session {
    release: u32,
    terminal: Terminal,
    migrated: bool,
}

impl TerminalLogin {
    pub(super) fn new(statements: impl Statements + 'static, dialect: Dialect) -> Self {
        Self {
            statements: Box::new(statements),
            dialect,
            session: None,
        }
    }
}

impl LogIn for TerminalLogin {
    async fn try_once(&mut self, release: u32, value: &str) -> Result<(), Problem> {
        let kept = self.session.take();
        let mut session = match kept.filter(|kept| kept.release == release) {
            Some(kept) => kept,
            None => Session {
                release,
                terminal: Terminal::start((self.dialect.client)(value)?)?,
                migrated: false,
            },
        };
        let mut statements = self.statements.login(release);
        if !session.migrated {
            statements.splice(0..0, self.statements.migration(release));
            session.migrated = true;
        }
        let said = format!("{};\n", statements.join(";\n"));
        let answer = match session.terminal.say(&said).await {
            Ok(()) => session.terminal.answer().await,
            Err(_) => String::new(),
        };
        if answer.trim().parse::<u64>().is_err() {
            let last_words = session.terminal.last_words().await;
            return Err((self.dialect.problem)(&last_words));
        }
        self.session = Some(session);
        Ok(())
    }
}

/// A running client. It ends when this is dropped.
pub(super) struct Terminal {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
    _process: Child,
}

impl Terminal {
    pub(super) fn start(mut client: Command) -> Result<Self, Problem> {
        let spawned = client
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
            input,
            output: BufReader::new(output),
            errors: BufReader::new(errors),
            _process: process,
        })
    }

    pub(super) async fn say(&mut self, lines: &str) -> std::io::Result<()> {
        self.input.write_all(lines.as_bytes()).await
    }

    /// The next line; nothing if the client has ended.
    pub(super) async fn answer(&mut self) -> String {
        let mut line = String::new();
        // A pipe that cannot be read is as good as closed.
        let _ = self.output.read_line(&mut line).await;
        line
    }

    /// The next line, be it an error or an answer: the error, if there is one already.
    pub(super) async fn error_or_answer(&mut self) -> String {
        let (mut answer, mut error) = (String::new(), String::new());
        tokio::select! {
            biased;
            _ = self.errors.read_line(&mut error) => error,
            _ = self.output.read_line(&mut answer) => answer,
        }
    }

    /// The errors until the client's end.
    async fn last_words(&mut self) -> String {
        let mut text = Vec::new();
        let _ = self.errors.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What a config var of the form `scheme://user:password@host:port/database` says.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
}

impl Address {
    pub(super) fn parse(value: &str, scheme: &str) -> Result<Self, Problem> {
        let parse = || {
            let url = Url::parse(value)
                .ok()
                .filter(|url| url.scheme() == scheme)?;
            let decoded = |text: &str| {
                let text = percent_decode_str(text).decode_utf8().ok()?;
                Some(text.into_owned())
            };
            Some(Self {
                host: url.host_str()?.to_owned(),
                port: url.port()?.to_string(),
                user: decoded(url.username())?,
                password: decoded(url.password().unwrap_or_default())?,
                database: decoded(url.path().trim_start_matches('/'))?,
            })
        };
        parse().ok_or_else(|| Problem::not_a_url(scheme))
    }
}
