//! Logging in to a MySQL or MariaDB database with the unmodified `mariadb` client, which stays
//! logged in.

use tokio::process::Command;

use super::mysql::{Statements, problem_by_code};
use super::problem::Problem;
use super::terminal::{Address, Dialect, TerminalLogin};

/// The client.
pub(super) struct MariadbClient(Statements);

impl MariadbClient {
    pub(super) fn login(app: &str, dyno: &str) -> TerminalLogin<Self> {
        TerminalLogin::new(Self(Statements::new(app, dyno)))
    }
}

impl Dialect for MariadbClient {
    fn client(&self, value: &str) -> Result<Command, Problem> {
        let address = Address::parse(value, "mysql")?;
        let mut client = tools::client("mariadb");
        client
            .args(["--no-defaults", "--unbuffered", "--batch"])
            .args(["--skip-column-names", "--skip-reconnect"])
            .args(["--protocol", "TCP", "--host", &address.host])
            .args(["--port", &address.port, "--user", &address.user])
            .args(["--database", &address.database])
            .env("MYSQL_PWD", address.password);
        Ok(client)
    }

    fn migration(&self, release: u32) -> Vec<String> {
        self.0.migration(release).into()
    }

    fn login(&self, release: u32) -> Vec<String> {
        self.0.login(release).into()
    }

    /// It ends with its first error: `ERROR 1045 (28000): …`.
    fn problem(&self, said: &str) -> Problem {
        let code = said
            .split_once("ERROR ")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        code.map_or(Problem::Ended, problem_by_code)
    }
}
