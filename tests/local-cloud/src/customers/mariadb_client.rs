//! Logging in to a MySQL or MariaDB database with the unmodified `mariadb` client, which stays
//! logged in.

use tokio::process::Command;

use super::mysql::problem_by_code;
use super::problem::Problem;
use super::terminal::{Address, Dialect};

pub(super) const MARIADB: Dialect = Dialect { client, problem };

fn client(value: &str) -> Result<Command, Problem> {
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

/// It ends with its first error: `ERROR 1045 (28000): …`.
fn problem(said: &str) -> Problem {
    let code = said
        .split_once("ERROR ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    code.map_or(Problem::Ended, problem_by_code)
}
