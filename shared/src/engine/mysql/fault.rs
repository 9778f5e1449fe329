//! What the server's [error codes](https://mariadb.com/kb/en/mariadb-error-codes/) mean to a
//! rotation, and what is to be done about them.

use mysql_async::{DriverError, Error, IoError, ServerError};

use super::{grants, sha256};
use crate::engine::{CallError, Cause, Kind, ServiceError};
use crate::net::Unreachable;

/// Why a call failed.
pub(super) enum Fault {
    /// The server said no.
    Server(ServerError),
    /// The server said nothing.
    Unreachable(Unreachable),
    /// The two sides have no common way, of encryption or of authentication: what was found, and what to do.
    Incompatible(String, &'static str),
}

/// A table, column or routine that is no longer there, or a view that cannot be opened: of a table
/// that is gone, or of a definer that is.
const GONE: [u16; 5] = [1054, 1146, 1305, 1356, 1449];

/// There is no such user to grant to: a privilege (MariaDB's code, MySQL's code), a role (theirs); nor one to
/// take a part of a privilege from (MySQL's).
const NO_USER: [u16; 5] = [1133, 1410, 1961, 3523, 1141];

/// The credential is refused: wrong, without a password, or of a locked account (MySQL's code,
/// MariaDB's code). Nothing else proves a revocation.
const LOGIN: [u16; 4] = [1045, 1698, 3118, 4151];

/// The password is right and has expired: some clients are let in to change it, so that it is not
/// refused, and no statement is answered, so that it is not accepted.
const EXPIRED: [u16; 2] = [1820, 1862];

/// The password is right, and the login's database is not the user's, or not there.
const NO_DATABASE: [u16; 2] = [1044, 1049];

/// An option of the server's prevents the statement: `read_only`, `strict_password_validation`.
const PREVENTED: u16 = 1290;

/// The credential is right, and its user has as many connections as the server lets each have, or as many connections
/// or queries as it may itself: "User u already has more than …", "User 'u' has exceeded …".
const TOO_MANY_CONNECTIONS: u16 = 1203;
const TOO_MUCH_USED: u16 = 1226;

/// So many characters of a user's name do messages have.
const LONGEST_NAME_TOLD: usize = 64;

/// The time of `max_statement_time` or `max_execution_time` is over.
const OUT_OF_TIME: [u16; 2] = [1969, 3024];

/// Of this account so many logins failed that MySQL lets none in for a time, whatever its password.
const BLOCKED: u16 = 3955;

const PLUGINS: &str = "Give the user mysql_native_password or caching_sha2_password";

impl Fault {
    pub(super) fn unknown_plugin(name: &str) -> Self {
        let remedy = if name == sha256::PLUGIN {
            // Which of the two, MySQL does not say.
            "Check that there is such a user, and give it caching_sha2_password"
        } else {
            PLUGINS
        };
        Self::Incompatible(
            format!("the user logs in by the plugin {name}, which is not supported"),
            remedy,
        )
    }

    fn is_one_of(&self, codes: &[u16]) -> bool {
        matches!(self, Self::Server(error) if codes.contains(&error.code))
    }

    pub(super) fn has_code(&self, code: u16) -> bool {
        self.is_one_of(&[code])
    }

    /// Whether what a privilege is for cannot be given any more. In a session, 1045 is of a view
    /// whose definer is gone: who may not know that is told this. Of a global privilege it is that
    /// the administrator lacks it.
    pub(super) fn is_out_of_reach(&self, grant: &str) -> bool {
        self.is_one_of(&GONE) || self.has_code(1045) && !grants::is_global(grant)
    }

    /// Whether it is nothing but that there is no such user to grant anything to.
    pub(super) fn is_of_no_user(&self) -> bool {
        self.is_one_of(&NO_USER)
    }

    pub(super) fn is_login(&self) -> bool {
        self.is_one_of(&LOGIN)
    }

    /// Whether the password was right, and the user of this name may have no more connections or queries. The server
    /// [names the account](https://dev.mysql.com/doc/refman/8.4/en/user-resources.html) whose limit it
    /// is, which an anonymous account or a proxy is under another name.
    pub(super) fn is_over_limit_of(&self, user: &str) -> bool {
        let Self::Server(error) = self else {
            return false;
        };
        let user: String = user.chars().take(LONGEST_NAME_TOLD).collect();
        let names_user = match error.code {
            // In quotes, where the server's language has them.
            TOO_MANY_CONNECTIONS | TOO_MUCH_USED => ["'", " ", "\""]
                .iter()
                .any(|quote| error.message.contains(&format!("{quote}{user}{quote}"))),
            _ => false,
        };
        names_user && !user.is_empty()
    }

    /// The server takes no hash of a password, since it cannot check the password behind it.
    pub(super) fn is_strict(&self) -> bool {
        matches!(self, Self::Server(error) if is_strict(error))
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        self.is_one_of(&OUT_OF_TIME)
    }

    /// The error of a customer's login, which the administrator has no part in.
    pub(super) fn into_customers_error(
        self,
        service: String,
        action: &'static str,
    ) -> ServiceError {
        let remedy = if self.is_one_of(&EXPIRED) {
            "Run ALTER USER … PASSWORD EXPIRE NEVER, and rotate more often than the password expires"
        } else {
            "Check the user's privileges and account at the server"
        };
        let is_right = self.is_one_of(&EXPIRED) || self.is_one_of(&NO_DATABASE);
        let mut error = self.into_error(service, action);
        if is_right {
            error = error.of_right_password();
        }
        if error.kind() == Some(Kind::Administrator) {
            error.instead(Kind::Rejected, remedy)
        } else {
            error
        }
    }

    /// The error of a statement in a session: what is refused there is no login any more.
    pub(super) fn into_statements_error(
        self,
        service: String,
        action: &'static str,
    ) -> ServiceError {
        let is_of_login = self.is_login();
        let error = self.into_error(service, action);
        if is_of_login {
            error.instead(Kind::Administrator, LACKS_PRIVILEGE)
        } else {
            error
        }
    }

    /// The error for whoever has to do something about it.
    pub(super) fn into_error(self, service: String, action: &'static str) -> ServiceError {
        match self {
            Self::Unreachable(reason) => CallError::unreachable(service, action, reason),
            Self::Incompatible(found, remedy) => {
                CallError::new(service, action, Kind::Rejected, Cause::Found(found), remedy)
            }
            Self::Server(error) => {
                let (kind, remedy) = meaning(&error);
                let words = match error.code {
                    // The message quotes the statement.
                    1064 | 1149 => "the server does not understand the statement".to_owned(),
                    _ => error.message,
                };
                let code = error.code.to_string();
                CallError::new(service, action, kind, Cause::Answer { code, words }, remedy)
            }
        }
        .into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) => Self::Server(error),
            Error::Io(IoError::Io(error)) => Self::Unreachable(
                Unreachable::by_certificate(&error)
                    .or_else(|| Unreachable::by_connection(error.kind()))
                    // What TLS finds wrong comes as invalid data, and packets out of order as others.
                    .unwrap_or(Unreachable::Protocol),
            ),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => Self::Incompatible(
                "the server offers no TLS".to_owned(),
                "Switch TLS on there (ssl_cert, ssl_key): nothing is sent in plain text",
            ),
            Error::Driver(DriverError::UnknownAuthPlugin { name }) => Self::unknown_plugin(&name),
            Error::Driver(
                DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled,
            ) => Self::Incompatible(
                "the user logs in by a plugin that gives its password away".to_owned(),
                PLUGINS,
            ),
            Error::Driver(DriverError::LocalInfile(_)) => Self::Incompatible(
                "the server asks for a file of the function (LOAD DATA LOCAL), which none gets"
                    .to_owned(),
                "Check that host and port lead to the right server",
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

/// What an answer means, and what to do about it.
fn meaning(error: &ServerError) -> (Kind, &'static str) {
    let read_only = error.message.contains("read-only") || error.message.contains("read_only");
    match error.code {
        // Denied to the user, in its database, table, column, routine, for want of a privilege, a
        // role or the right to hand it on.
        1044 | 1095 | 1142 | 1143 | 1227 | 1370 | 1410 | 1959 => {
            (Kind::Administrator, LACKS_PRIVILEGE)
        }
        // An empty remedy is that of a refused login.
        1045 | 1698 | 1820 | 1862 | 3118 | 4151 => (Kind::Administrator, ""),
        1040 => (
            Kind::Unavailable,
            "Raise max_connections, or end connections",
        ),
        TOO_MANY_CONNECTIONS | TOO_MUCH_USED => (
            Kind::Unavailable,
            "End the user's other connections, wait for the end of the hour, or raise the user's limit",
        ),
        // A failover passes; the document of a replica does not.
        1792 | 1836 => (Kind::Unavailable, READ_ONLY),
        PREVENTED if read_only => (Kind::Unavailable, READ_ONLY),
        PREVENTED if is_strict(error) => (
            Kind::Rejected,
            "Run SET GLOBAL strict_password_validation = OFF there, and set it in the configuration: new passwords are sent as hashes, so that no log holds them",
        ),
        1205 | 1213 | 1223 => (
            Kind::Unavailable,
            "End the backup or long transaction that holds a lock on the grant tables, or wait",
        ),
        1969 | 3024 => (
            Kind::Unavailable,
            "End the session that holds a lock or slows the server down, or wait",
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
        BLOCKED => (
            Kind::Rejected,
            "Run ALTER USER … ACCOUNT UNLOCK, or wait until its PASSWORD_LOCK_TIME is over",
        ),
        1129 => (Kind::Rejected, "Run FLUSH HOSTS at the server"),
        1130 => (
            Kind::Rejected,
            "Give the user an account host that the functions' addresses match",
        ),
        _ => (Kind::Rejected, ""),
    }
}

const LACKS_PRIVILEGE: &str = "Grant the administrator the missing privilege";

pub(super) const READ_ONLY: &str =
    "Let the document's host name the primary server, or wait for the end of a failover";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::message::with_retry;
    use crate::snapshot::assert_snapshot;

    const ANSWERS: &str = "\
1044 Access denied for user 'admin'@'%' to database 'shop'
1045 Access denied for user 'admin'@'10.0.0.1' (using password: YES)
1820 You must SET PASSWORD before executing this statement
1040 Too many connections
1226 User 'u' has exceeded the 'max_user_connections' resource (current value: 2)
1290 The MariaDB server is running with the --read-only option so it cannot execute this statement
1290 The MariaDB server is running with the --strict-password-validation option so it cannot execute this statement
1205 Lock wait timeout exceeded; try restarting transaction
1969 Query execution was interrupted (max_statement_time exceeded)
1053 Server shutdown in progress
3955 Access denied for user 'u'@'10.0.0.1'. Account is blocked for 2 day(s) (2 day(s) remaining) due to 3 consecutive failed logins.
1129 Host '10.0.0.1' is blocked because of many connection errors
1130 Host '10.0.0.1' is not allowed to connect to this MariaDB server
1064 You have an error in your SQL syntax near 'hunter2'
1396 Operation CREATE USER failed";

    #[test]
    fn what_the_servers_answers_mean() {
        let mut text = String::new();
        for (code, message) in ANSWERS.lines().map(|row| row.split_once(' ').unwrap()) {
            for is_customer in [false, true] {
                let fault = Fault::Server(ServerError {
                    code: code.parse().unwrap(),
                    message: message.to_owned(),
                    state: "HY000".to_owned(),
                });
                let service = "mysql://db7.acme.example:3306".to_owned();
                let error = if is_customer {
                    fault.into_customers_error(service, "Logging in with the instance's credential")
                } else {
                    fault.into_error(service, "Creating a user")
                };
                assert!(!error.to_string().contains("hunter2"), "{error}");
                writeln!(text, "{code}\n    {}\n", with_retry(&error)).unwrap();
            }
        }
        for fault in [
            Fault::unknown_plugin("ed25519"),
            Fault::from(Error::Driver(DriverError::NoClientSslFlagFromServer)),
            Fault::from(Error::Driver(DriverError::CleartextPluginDisabled)),
        ] {
            let error = fault.into_error(
                "mysql://db7.acme.example:3306".to_owned(),
                "Creating a user",
            );
            writeln!(text, "no way in common\n    {}\n", with_retry(&error)).unwrap();
        }
        assert_snapshot("mysql", &text);
    }
}
