//! Logging in to a PostgreSQL database with the unmodified `psql`, which stays logged in.

use tokio::process::Command;

use super::postgres::problem_by_code;
use super::problem::Problem;
use super::terminal::{Address, Dialect};

pub(super) const PSQL: Dialect = Dialect { client, problem };

fn client(value: &str) -> Result<Command, Problem> {
    let address = Address::parse(value, "postgres")?;
    let mut client = tools::client("psql");
    client
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--set", "VERBOSITY=sqlstate"])
        .args(["--no-password", "--host", &address.host])
        .args(["--port", &address.port, "--username", &address.user])
        .args(["--dbname", &address.database])
        .env("PGPASSWORD", address.password)
        // What it says itself is read as well.
        .env("LC_ALL", "C.UTF-8");
    Ok(client)
}

/// It ends with its first error: `ERROR:  42501`. Until it is logged in it knows no codes, but
/// passes the server's words on.
fn problem(said: &str) -> Problem {
    const REFUSALS: [&str; 3] = [
        "password authentication failed",
        "is not permitted to log in",
        "permission denied for database",
    ];
    let code = said.lines().find_map(|line| {
        let (_, code) = line
            .split_once("ERROR:  ")
            .or_else(|| line.split_once("FATAL:  "))?;
        let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_code.then_some(code)
    });
    if let Some(code) = code {
        return problem_by_code(code);
    }
    // The server's words can name the role; these cannot.
    if let Some(refusal) = REFUSALS.into_iter().find(|words| said.contains(words)) {
        return Problem::Refused(format!("PostgreSQL answered: {refusal}"));
    }
    if said.contains("psql: error: connection to server at") {
        return Problem::Other("no connection to PostgreSQL".to_owned());
    }
    Problem::Ended
}
