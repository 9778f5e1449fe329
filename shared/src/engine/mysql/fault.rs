//! What the server's [error codes](https://mariadb.com/kb/en/mariadb-error-codes/) mean to a
//! rotation, and what is to be done about them.

use std::io::ErrorKind;

use mysql_async::{DriverError, Error, IoError, ServerError};

use crate::engine::ServiceError;
use crate::net::Unreachable;

/// Why a call failed.
pub(super) enum Fault {
    /// The server said no.
    Server(ServerError),
    /// The server said nothing.
    Unreachable(Unreachable),
    /// The two sides have no common way: of encryption or of authentication.
    Incompatible(String),
}

/// A table, column or routine that is no longer there, or a view that cannot be opened: of a table
/// that is gone, or of a definer that is.
const GONE: [u16; 5] = [1054, 1146, 1305, 1356, 1449];

/// The credential is refused: wrong, without a password, or of a locked account (MySQL's code,
/// MariaDB's code). Nothing else proves a revocation.
const LOGIN: [u16; 4] = [1045, 1698, 3118, 4151];

/// The password is right and has expired: some clients are let in to change it, so that it is not
/// refused, and no statement is answered, so that it is not accepted.
const EXPIRED: [u16; 2] = [1820, 1862];

/// An option of the server's prevents the statement: `read_only`, `strict_password_validation`.
const PREVENTED: u16 = 1290;

/// The credential is right, and its user has as many connections or queries as it may.
const OVER_LIMIT: [u16; 2] = [1203, 1226];

/// The time of `max_statement_time` or `max_execution_time` is over.
const OUT_OF_TIME: [u16; 2] = [1969, 3024];

impl Fault {
    pub(super) fn unknown_plugin(name: &str) -> Self {
        Self::Incompatible(format!(
            "the user logs in by the plugin {name}, which is not known here; give it mysql_native_password or caching_sha2_password"
        ))
    }

    fn is_one_of(&self, codes: &[u16]) -> bool {
        matches!(self, Self::Server(error) if codes.contains(&error.code))
    }

    pub(super) fn has_code(&self, code: u16) -> bool {
        self.is_one_of(&[code])
    }

    /// Whether what a privilege is for cannot be given any more. In a session, 1045 is of a view
    /// whose definer is gone: who may not know that is told this.
    pub(super) fn is_out_of_reach(&self) -> bool {
        self.is_one_of(&GONE) || self.has_code(1045)
    }

    pub(super) fn is_login(&self) -> bool {
        self.is_one_of(&LOGIN)
    }

    pub(super) fn is_over_limit(&self) -> bool {
        self.is_one_of(&OVER_LIMIT)
    }

    /// The server takes no hash of a password, since it cannot check the password behind it.
    pub(super) fn is_strict(&self) -> bool {
        matches!(self, Self::Server(error) if is_strict(error))
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        self.is_one_of(&OUT_OF_TIME)
    }

    /// What a customer's refused login is told as, which the administrator has no part in.
    pub(super) fn into_customers_error(
        self,
        service: String,
        action: &'static str,
    ) -> ServiceError {
        let remedy = if self.is_one_of(&EXPIRED) {
            "; let the user's password live (ALTER USER … PASSWORD EXPIRE NEVER), and rotate more often than it expires"
        } else {
            ""
        };
        match self.into_error(service, action) {
            ServiceError::Administrator {
                service,
                action,
                reason,
            } => ServiceError::Rejected {
                service,
                action,
                reason: format!("{reason}{remedy}"),
            },
            error => error,
        }
    }

    /// What it is told as, to whoever has to do something about it.
    pub(super) fn into_error(self, service: String, action: &'static str) -> ServiceError {
        match self {
            Self::Unreachable(reason) => ServiceError::Unreachable { service, reason },
            Self::Incompatible(reason) => ServiceError::Rejected {
                service,
                action,
                reason,
            },
            Self::Server(error) => by_server(&error, service, action),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => Self::Server(error),
            Error::Io(IoError::Io(error)) => Self::Unreachable(
                Unreachable::by_certificate(&error).unwrap_or(match error.kind() {
                    // What TLS finds wrong comes as invalid data, and packets out of order as others.
                    ErrorKind::InvalidData | ErrorKind::Other => Unreachable::Protocol,
                    ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe => Unreachable::Broken,
                    _ => Unreachable::Connection,
                }),
            ),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => Self::Incompatible(
                "it offers no TLS; switch TLS on there (ssl_cert, ssl_key): nothing is sent in plain text".to_owned(),
            ),
            Error::Driver(DriverError::UnknownAuthPlugin { name }) => Self::unknown_plugin(&name),
            Error::Driver(
                DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled,
            ) => Self::Incompatible(
                "the user logs in by a plugin that gives its password away; give it mysql_native_password or caching_sha2_password".to_owned(),
            ),
            Error::Driver(DriverError::LocalInfile(_)) => Self::Incompatible(
                "it asks for a file of the function's (LOAD DATA LOCAL), which no server gets; see that host and port lead to the right one".to_owned(),
            ),
            Error::Driver(DriverError::ConnectionClosed) => Self::Unreachable(Unreachable::Broken),
            Error::Io(IoError::Tls(_)) | Error::Driver(_) | Error::Other(_) | Error::Url(_) => {
                Self::Unreachable(Unreachable::Protocol)
            }
        }
    }
}

fn is_strict(error: &ServerError) -> bool {
    error.code == PREVENTED && error.message.contains("strict-password-validation")
}

enum Kind {
    Administrator,
    Unavailable,
    Rejected,
}

fn by_server(error: &ServerError, service: String, action: &'static str) -> ServiceError {
    let (kind, remedy) = meaning(error);
    let words = match error.code {
        // The message quotes the statement.
        1064 | 1149 => "it does not understand the statement",
        _ => error.message.as_str(),
    };
    let reason = format!("{words} ({}){remedy}", error.code);
    match kind {
        Kind::Administrator => ServiceError::Administrator {
            service,
            action,
            reason,
        },
        Kind::Unavailable => ServiceError::Unavailable {
            service,
            action,
            reason,
            retry_after: None,
        },
        Kind::Rejected => ServiceError::Rejected {
            service,
            action,
            reason,
        },
    }
}

fn meaning(error: &ServerError) -> (Kind, &'static str) {
    let read_only = error.message.contains("read-only") || error.message.contains("read_only");
    match error.code {
        // Denied to the user, in its database, table, column, routine, for want of a privilege, a
        // role or the right to hand it on; its login refused.
        1044 | 1045 | 1095 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 1820 | 1862 | 1959
        | 3118 | 4151 => (Kind::Administrator, ""),
        1040 => (
            Kind::Unavailable,
            "; raise max_connections or end connections",
        ),
        1203 | 1226 => (
            Kind::Unavailable,
            "; end the user's other connections, wait for the hour's end or raise the user's limit",
        ),
        // A failover passes; the document of a replica does not.
        1792 | 1836 => (Kind::Unavailable, READ_ONLY),
        PREVENTED if read_only => (Kind::Unavailable, READ_ONLY),
        PREVENTED if is_strict(error) => (
            Kind::Rejected,
            "; a new password is sent as its hash, so that no log holds it, and the server refuses hashes: SET GLOBAL strict_password_validation = OFF there, and in its configuration",
        ),
        1205 | 1213 | 1223 => (
            Kind::Unavailable,
            "; something holds a lock on the grant tables (a backup, a long transaction): end it or wait",
        ),
        1969 | 3024 => (
            Kind::Unavailable,
            "; the server is too slow or something holds a lock: end it or wait",
        ),
        // Shutting down, out of memory or disk, the network, killed, a cluster's node not ready.
        1021
        | 1030
        | 1037
        | 1038
        | 1041
        | 1047
        | 1053
        | 1080
        | 1135
        | 1152..=1161
        | 1180
        | 1184
        | 1317
        | 1927
        | 3169 => (Kind::Unavailable, ""),
        1129 => (
            Kind::Rejected,
            "; FLUSH HOSTS at the server lets it in again",
        ),
        1130 => (
            Kind::Rejected,
            "; give the user an account host that the functions' addresses match",
        ),
        _ => (Kind::Rejected, ""),
    }
}

const READ_ONLY: &str =
    "; let the document's host be the primary server, or wait for the end of a failover";
