//! What the server's errors mean, and what to do about each.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::SqlState;

use super::Fault;
use super::guard::Refused;
use crate::engine::ServiceError;
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

/// What an answer to a login means. Only the words for "this login is refused" say that; the unknown is told
/// as it is.
pub(super) fn login_fault(
    service: String,
    action: &'static str,
    error: &tokio_postgres::Error,
    about: &LoginFault<'_>,
) -> Fault {
    let Some(code) = error.code() else {
        return Fault::Other(fault(service, action, error));
    };
    match *code {
        _ if is_login_failure(error, about.user) => Fault::Login(reason(action, error)),
        // RDS Proxy has none of them, PgBouncer few.
        _ if about.has_options
            && (is_about_a_parameter(error) || *code == SqlState::FEATURE_NOT_SUPPORTED) =>
        {
            Fault::Options(fault(service, action, error))
        }
        // The role's limit, the database's, and the slots that are kept for superusers are all counted after
        // the password; the server's own limit before it.
        SqlState::TOO_MANY_CONNECTIONS | SqlState::PROTOCOL_VIOLATION
            if about.is_accepted && is_for_want_of_a_connection(error) =>
        {
            Fault::Full(fault(service, action, error))
        }
        // A database's privilege, not one that takes a right of the administrator's.
        SqlState::INSUFFICIENT_PRIVILEGE if !about.is_customer => {
            let words = words(error);
            Fault::Other(ServiceError::Administrator {
                service,
                action,
                reason: format!(
                    "{words}; grant CONNECT on that database to the administrator or to the owner's role"
                ),
            })
        }
        // "is not currently accepting connections": no lock that somebody will let go of.
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => Fault::Other(ServiceError::Rejected {
            service,
            action,
            reason: format!(
                "{}; ALTER DATABASE ... ALLOW_CONNECTIONS true, or drop it if it is invalid",
                words(error)
            ),
        }),
        _ if about.is_customer && about.is_accepted => {
            Fault::Other(after_the_password(fault(service, action, error)))
        }
        _ => Fault::Other(fault(service, action, error)),
    }
}

/// `PgBouncer` 1.18 passes the server's words on without the code.
fn is_for_want_of_a_connection(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) || says(error, "too many connections for")
}

/// Nobody is to look for a wrong password.
fn after_the_password(mut error: ServiceError) -> ServiceError {
    if let ServiceError::Unavailable { reason, .. } | ServiceError::Rejected { reason, .. } =
        &mut error
    {
        *reason = format!("the password is right, but {reason}");
    }
    error
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
pub(super) const LET_IN: &str = "let a customer in";

/// The server's own words, its message and code, and what to do; never a statement.
pub(super) fn reason(action: &'static str, error: &tokio_postgres::Error) -> String {
    let words = words(error);
    let advice = error.code().and_then(|code| advice(action, error, code));
    match advice {
        Some(advice) => format!("{words}; {advice}"),
        None => words,
    }
}

fn words(error: &tokio_postgres::Error) -> String {
    let Some(answer) = error.as_db_error() else {
        return without_answer(error).to_string();
    };
    let (message, code) = (answer.message(), answer.code());
    match answer.detail() {
        Some(detail) if says_what(code) => {
            let detail = detail.lines().take(3).collect::<Vec<_>>().join(", ");
            format!("{message}: {detail} ({})", code.code())
        }
        _ => format!("{message} ({})", code.code()),
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

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn advice(
    action: &'static str,
    error: &tokio_postgres::Error,
    code: &SqlState,
) -> Option<&'static str> {
    Some(match *code {
        _ if by_pg_hba(error) => {
            "allow this role, this database and the function's network in pg_hba.conf, the versions' roles by +<owner>"
        }
        _ if is_about_a_parameter(error) => {
            "have the pooler pass it on or ignore it (PgBouncer: ignore_startup_parameters)"
        }
        SqlState::INSUFFICIENT_PRIVILEGE if action == LET_IN => "grant it to the owner's role",
        // A database's new owner must be one that could have made it, or whoever hands it over.
        SqlState::INSUFFICIENT_PRIVILEGE if says(error, "database") => {
            "the administrator needs CREATEDB to hand over a database that the role owns"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the administrator needs CREATEROLE and INHERIT and, since PostgreSQL 16, the owner's role WITH ADMIN OPTION"
        }
        SqlState::CANNOT_CONNECT_NOW => {
            "it is starting or stopping, or a standby that cannot be read: have host name the primary"
        }
        SqlState::TOO_MANY_CONNECTIONS => {
            "close sessions or raise max_connections, or the role's or the database's CONNECTION LIMIT"
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "it is a standby or set read-only: have host name the primary"
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            "another session or a prepared transaction holds a lock on it (pg_locks): let it end"
        }
        SqlState::QUERY_CANCELED => {
            "it took too long: the server is busy or something is locked (pg_locks)"
        }
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
            "hand over or take back there, as a superuser, what this administrator may not (REASSIGN OWNED, DROP OWNED); the role's login is closed already"
        }
        SqlState::INVALID_CATALOG_NAME if action == LET_IN => "correct dbname",
        SqlState::INVALID_CATALOG_NAME => {
            "put a database that no customer owns into dbname of the administrator's secret (masterarn)"
        }
        _ => return None,
    })
}

fn says(error: &tokio_postgres::Error, word: &str) -> bool {
    error
        .as_db_error()
        .is_some_and(|answer| answer.message().contains(word))
}

/// What an answer to a statement means, and to a login where that is not about the login.
///
/// By the code's class, of which <https://www.postgresql.org/docs/current/errcodes-appendix.html> has these:
/// - that can pass: connection trouble (08), a standby or a transaction that is out of step (25, 40), out of
///   resources (53), busy or locked (55), an operator's doing (57), the system (58), and XX, which is also
///   "tuple concurrently updated": somebody else changed the same role just then;
/// - that cannot: what is asked, and what there is (0A, 22, 28, 2B, 3D, 42, 54, F0 and the rest), an
///   extension's or a trigger's own (P0, HV, 38, 39), and a class that is in no list.
pub(super) fn fault(
    service: String,
    action: &'static str,
    error: &tokio_postgres::Error,
) -> ServiceError {
    let Some(code) = error.code() else {
        return match withheld(error) {
            Some(reason) => ServiceError::Withheld { service, reason },
            None => ServiceError::Unreachable {
                service,
                reason: without_answer(error),
            },
        };
    };
    let reason = reason(action, error);
    match code.code().get(..2) {
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE && action != LET_IN => {
            ServiceError::Administrator {
                service,
                action,
                reason,
            }
        }
        // A pooler that knows fewer parameters of a start than the server.
        _ if is_about_a_parameter(error) => ServiceError::Rejected {
            service,
            action,
            reason,
        },
        Some("08" | "25" | "40" | "53" | "55" | "57" | "58" | "XX") => ServiceError::Unavailable {
            service,
            action,
            reason,
            retry_after: None,
        },
        _ => ServiceError::Rejected {
            service,
            action,
            reason,
        },
    }
}

/// Why this side gave the login up, and what to do.
fn withheld(error: &tokio_postgres::Error) -> Option<String> {
    const SCRAM: &str = "set password_encryption to scram-sha-256 there, give the administrator its password again, and have pg_hba.conf ask for scram-sha-256";
    let cause = error.source()?;
    let guard = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .and_then(|cause| cause.downcast_ref::<Refused>());
    if let Some(refused) = guard {
        return Some(format!("{refused}; {SCRAM}"));
    }
    // The driver's errors of this kind have no other sign.
    if !error.to_string().starts_with("authentication error") {
        return None;
    }
    Some(match cause.to_string().as_str() {
        "server did not use channel binding" => "it does not bind the login to the TLS connection (SCRAM-SHA-256-PLUS), so that something may stand between; if that is a pooler of your own, put \"channel_binding\": \"prefer\" into the administrator's secret (masterarn)".to_owned(),
        "unsupported SASL mechanism" => format!("it offers no SCRAM-SHA-256; {SCRAM}"),
        cause => format!("{cause}; it has not proved that it knows the password: see that host and port lead to the right server"),
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
        Some(io::ErrorKind::TimedOut) => Unreachable::Timeout,
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => Unreachable::Broken,
        // What TLS or the driver finds wrong.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other) => {
            Unreachable::Protocol
        }
        Some(_) => Unreachable::Connection,
        None if cause.to_string() == "server does not support TLS" => Unreachable::NoTls,
        None => Unreachable::Protocol,
    }
}
