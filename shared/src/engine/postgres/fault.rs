//! What the server's errors mean, and what to do about each.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::SqlState;

use super::Fault;
use super::guard::Refused;
use crate::engine::{CallError, Cause, Kind, ServiceError};
use crate::net::Unreachable;

/// A login that failed, beside the server's answer.
pub(super) struct LoginFault<'a> {
    pub(super) user: &'a str,
    pub(super) is_customer: bool,
    /// The server had said that the password is right.
    pub(super) is_accepted: bool,
    /// The login asked for settings.
    pub(super) has_options: bool,
}

/// What was under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Login,
    Statement,
}

/// What an answer to a login means. Only the words for "this login is refused" say that; the unknown is told
/// as it is.
pub(super) fn login_fault(
    service: String,
    action: &'static str,
    error: &tokio_postgres::Error,
    about: &LoginFault<'_>,
) -> Fault {
    let failed = || failure(service, action, Moment::Login, error);
    let Some(code) = error.code() else {
        return Fault::Other(failed());
    };
    match *code {
        _ if is_login_failure(error, about.user) => Fault::Login(cause(error)),
        // RDS Proxy has none of them, PgBouncer few.
        _ if about.has_options
            && (is_about_a_parameter(error) || *code == SqlState::FEATURE_NOT_SUPPORTED) =>
        {
            Fault::Options(failed())
        }
        // The role's limit, the database's, and the slots that are kept for superusers are all counted after
        // the password; the server's own limit before it.
        SqlState::TOO_MANY_CONNECTIONS | SqlState::PROTOCOL_VIOLATION
            if about.is_accepted && is_for_want_of_a_connection(error) =>
        {
            Fault::Full(failed())
        }
        // Nobody is to look for a wrong password.
        _ if about.is_customer && about.is_accepted => {
            let error = failed().besides(", although the password is right");
            let error = error.of_right_password();
            // A library or a directory that is not there, a privilege, a value: all else may pass.
            let code = code.code();
            let is_kept_out = ["58P01", "42501"].contains(&code) || code.starts_with("22");
            Fault::Other(if is_kept_out {
                error.kept_out(KEPT_OUT)
            } else {
                error
            })
        }
        _ => Fault::Other(failed()),
    }
}

const KEPT_OUT: &str = "Look at what is set for the role and the database (ALTER ROLE … SET, ALTER DATABASE … SET), and at the privilege CONNECT";

/// `PgBouncer` 1.18 passes the server's words on without the code.
fn is_for_want_of_a_connection(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) || says(error, "too many connections for")
}

/// Whether a login failed for the credential itself.
fn is_login_failure(error: &tokio_postgres::Error, user: &str) -> bool {
    let Some(answer) = error.as_db_error() else {
        return false;
    };
    match *answer.code() {
        SqlState::INVALID_PASSWORD => true,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => !by_pg_hba(error),
        SqlState::PROTOCOL_VIOLATION => is_poolers_refusal(answer.message(), user),
        _ => false,
    }
}

/// `PgBouncer` has one code for all that it refuses, and says what the server has refused it, be it some time
/// ago and be it another user.
fn is_poolers_refusal(message: &str, user: &str) -> bool {
    const ITS_OWN: [&str; 4] = [
        "password authentication failed",
        "SASL authentication failed",
        "no such user",
        "auth failed",
    ];
    let lower = message.trim().to_lowercase();
    let its_own = ITS_OWN.map(str::to_lowercase).contains(&lower)
        || lower == format!("no such user: {}", user.to_lowercase());
    its_own
        || [
            format!("password authentication failed for user \"{user}\""),
            format!("role \"{user}\" is not permitted to log in"),
            format!("role \"{user}\" does not exist"),
        ]
        .iter()
        .any(|words| message.contains(words.as_str()))
}

/// The file's name is in the message in every language.
fn by_pg_hba(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|answer| answer.message().contains("pg_hba.conf"))
}

/// What the customer does here. Whatever it may not do is no matter of the administrator's rights.
pub(super) const LET_IN: &str = "Logging in with the instance's credential";

/// The server's own words, its message and code; never a statement.
fn cause(error: &tokio_postgres::Error) -> Cause {
    let Some(answer) = error.as_db_error() else {
        return without_answer(error).into();
    };
    let (message, code) = (answer.message(), answer.code());
    let words = match answer.detail() {
        Some(detail) if says_what(code) => {
            let detail = detail.lines().take(3).collect::<Vec<_>>().join(", ");
            format!("{message}: {detail}")
        }
        _ => message.to_owned(),
    };
    Cause::Answer {
        code: code.code().to_owned(),
        words,
    }
}

/// Whose details are names: of the role whose option is missing (since version 16), of what still
/// depends on a role. Others quote values.
fn says_what(code: &SqlState) -> bool {
    [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
    ]
    .contains(code)
}

/// `PgBouncer`'s words: it has one code for all that it refuses.
fn is_about_a_parameter(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|answer| {
        *answer.code() == SqlState::PROTOCOL_VIOLATION
            && ["parameter", "options"]
                .iter()
                .any(|word| answer.message().contains(word))
    })
}

/// What an answer means, and what to do about it.
///
/// Where no code decides, its class does, of which
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html> has these:
/// - that can pass: connection trouble (08), a standby or a transaction that is out of step (25, 40), out of
///   resources (53), busy or locked (55), an operator's doing (57), the system (58), and XX, which is also
///   "tuple concurrently updated": somebody else changed the same role just then;
/// - that cannot: what is asked, and what there is (0A, 22, 28, 2B, 3D, 42, 54, F0 and the rest), an
///   extension's or a trigger's own (P0, HV, 38, 39), and a class that is in no list.
fn meaning(
    action: &'static str,
    moment: Moment,
    error: &tokio_postgres::Error,
    code: &SqlState,
) -> (Kind, &'static str) {
    use Kind::{Administrator, Rejected, Unavailable};
    let is_customer = action == LET_IN;
    match *code {
        _ if by_pg_hba(error) => (
            Rejected,
            "Allow this role, this database and the functions' network in pg_hba.conf; the versions' roles as +<owner>",
        ),
        // A pooler that knows fewer parameters of a start than the server.
        _ if is_about_a_parameter(error) => (
            Rejected,
            "Let the pooler pass the parameter on or ignore it (PgBouncer: ignore_startup_parameters)",
        ),
        SqlState::INSUFFICIENT_PRIVILEGE if is_customer => {
            (Rejected, "Grant the privilege to the owner's role")
        }
        // A database's privilege, not one that takes a right of the administrator's.
        SqlState::INSUFFICIENT_PRIVILEGE if moment == Moment::Login => (
            Administrator,
            "Grant CONNECT on that database to the administrator or to the owner's role",
        ),
        // A database's new owner must be one that could have made it, or whoever hands it over.
        SqlState::INSUFFICIENT_PRIVILEGE if says(error, "database") => (
            Administrator,
            "Give the administrator CREATEDB: the role owns a database, which is handed over",
        ),
        SqlState::INSUFFICIENT_PRIVILEGE => (
            Administrator,
            "Give the administrator CREATEROLE and INHERIT and, since PostgreSQL 16, the owner's role WITH ADMIN OPTION",
        ),
        // "is not currently accepting connections": no lock that somebody will let go of.
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE if moment == Moment::Login => (
            Rejected,
            "Run ALTER DATABASE ... ALLOW_CONNECTIONS true, or drop the database if it is invalid",
        ),
        SqlState::CANNOT_CONNECT_NOW => (
            Unavailable,
            "Wait until the server has started; if it is a standby that cannot be read, let host name the primary",
        ),
        SqlState::TOO_MANY_CONNECTIONS => (
            Unavailable,
            "Close sessions, or raise max_connections or the CONNECTION LIMIT of the role or database",
        ),
        // One session's locks can fill the table of all.
        SqlState::OUT_OF_MEMORY => (
            Unavailable,
            "End the session that holds most locks (pg_locks), as root with kill if nobody can log in, and raise max_locks_per_transaction",
        ),
        SqlState::READ_ONLY_SQL_TRANSACTION => (
            Unavailable,
            "Let host name the primary: this is a standby, or set read-only",
        ),
        SqlState::LOCK_NOT_AVAILABLE => (
            Unavailable,
            "End the session or prepared transaction that holds the lock (pg_locks)",
        ),
        SqlState::QUERY_CANCELED => (
            Unavailable,
            "Check whether the server is busy, or something holds a lock (pg_locks)",
        ),
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST => (
            Rejected,
            "As a superuser, hand over or take back there what this administrator may not (REASSIGN OWNED, DROP OWNED)",
        ),
        SqlState::INVALID_CATALOG_NAME if is_customer => (Rejected, "Correct dbname"),
        SqlState::INVALID_CATALOG_NAME => (
            Rejected,
            "Put a database that no customer owns into dbname of the administrator's secret (masterarn)",
        ),
        _ => match code.code().get(..2) {
            Some("08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX") => (Unavailable, ""),
            _ => (Rejected, ""),
        },
    }
}

fn says(error: &tokio_postgres::Error, word: &str) -> bool {
    error
        .as_db_error()
        .is_some_and(|answer| answer.message().contains(word))
}

/// Why a statement failed.
pub(super) fn fault(
    service: String,
    action: &'static str,
    error: &tokio_postgres::Error,
) -> ServiceError {
    failure(service, action, Moment::Statement, error)
}

fn failure(
    service: String,
    action: &'static str,
    moment: Moment,
    error: &tokio_postgres::Error,
) -> ServiceError {
    let failed = match error.code() {
        Some(code) => {
            let (kind, remedy) = meaning(action, moment, error, code);
            CallError::new(service, action, kind, cause(error), remedy)
        }
        None => match withheld(error) {
            Some((found, remedy)) => {
                CallError::new(service, action, Kind::Withheld, Cause::Found(found), remedy)
            }
            None => CallError::unreachable(service, action, without_answer(error)),
        },
    };
    failed.into()
}

/// Why this side gave the login up, and what to do.
fn withheld(error: &tokio_postgres::Error) -> Option<(String, &'static str)> {
    const SCRAM: &str = "Set password_encryption to scram-sha-256 there, set the administrator's password again, and let pg_hba.conf ask for scram-sha-256";
    let cause = error.source()?;
    let guard = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .and_then(|cause| cause.downcast_ref::<Refused>());
    if let Some(refused) = guard {
        return Some((refused.to_string(), SCRAM));
    }
    // The driver's errors of this kind have no other sign.
    if !error.to_string().starts_with("authentication error") {
        return None;
    }
    Some(match cause.to_string().as_str() {
        "server did not use channel binding" => (
            "the server does not bind the login to the TLS connection (SCRAM-SHA-256-PLUS), so that something may stand between".to_owned(),
            "If that is a pooler of your own, put \"channel_binding\": \"prefer\" into the administrator's secret (masterarn)",
        ),
        "unsupported SASL mechanism" => ("the server offers no SCRAM-SHA-256".to_owned(), SCRAM),
        cause => (
            format!("{cause}, and the server has not proved that it knows the password"),
            "Check that host and port lead to the right server",
        ),
    })
}

fn without_answer(error: &tokio_postgres::Error) -> Unreachable {
    if let Some(reason) = Unreachable::by_certificate(error) {
        return reason;
    }
    if error.is_closed() {
        return Unreachable::Broken;
    }
    let Some(cause) = error.source() else {
        return Unreachable::Protocol;
    };
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        // What TLS or the driver finds wrong.
        Some(kind) => Unreachable::by_connection(kind).unwrap_or(Unreachable::Protocol),
        None if cause.to_string() == "server does not support TLS" => Unreachable::NoTls,
        None => Unreachable::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_postgres::{Config, NoTls};

    use super::*;
    use crate::message::with_retry;
    use crate::snapshot::assert_snapshot;

    /// The driver's error for what a server answers to a login.
    async fn answered(code: &str, message: &str) -> tokio_postgres::Error {
        let fields = format!("SERROR\0VERROR\0C{code}\0M{message}\0\0");
        let (ours, mut servers) = tokio::io::duplex(4096);
        let server = async {
            let length = servers.read_i32().await.unwrap();
            let mut start = vec![0; usize::try_from(length).unwrap() - 4];
            servers.read_exact(&mut start).await.unwrap();
            servers.write_u8(b'E').await.unwrap();
            let length = i32::try_from(fields.len()).unwrap() + 4;
            servers.write_i32(length).await.unwrap();
            servers.write_all(fields.as_bytes()).await.unwrap();
        };
        let mut config = Config::new();
        config.user("acme_admin");
        let (answer, ()) = tokio::join!(config.connect_raw(ours, NoTls), server);
        answer.err().unwrap()
    }

    const ANSWERS: &str = "\
28000 no pg_hba.conf entry for host \"10.0.0.1\", user \"u\", database \"d\", SSL encryption
08P01 unsupported startup parameter: options
42501 permission denied to create role
42501 permission denied for database \"d7f3k2\"
55000 database \"d7f3k2\" is not currently accepting connections
57P03 the database system is starting up
53300 sorry, too many clients already
25006 cannot execute ALTER ROLE in a read-only transaction
55P03 canceling statement due to lock timeout
57014 canceling statement due to statement timeout
2BP01 role \"u\" cannot be dropped because some objects depend on it
3D000 database \"d7f3k2\" does not exist
XX000 tuple concurrently updated
0A000 unknown to everybody";

    #[tokio::test]
    async fn what_the_servers_answers_mean() {
        let mut text = String::new();
        for (code, message) in ANSWERS.lines().map(|row| row.split_once(' ').unwrap()) {
            let error = answered(code, message).await;
            let service = "postgres://db7.acme.example:5432/postgres";
            for (case, action, moment) in [
                ("administrator, login", "Creating a role", Moment::Login),
                (
                    "administrator, statement",
                    "Creating a role",
                    Moment::Statement,
                ),
                ("customer, login", LET_IN, Moment::Login),
            ] {
                let failed = failure(service.to_owned(), action, moment, &error);
                let failed = with_retry(&failed);
                writeln!(text, "{code}, {case}\n    {failed}\n").unwrap();
            }
        }
        assert_snapshot("postgres", &text);
    }
}
