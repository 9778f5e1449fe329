//! Accounts: a user's name and [the hosts that it may come from](https://mariadb.com/kb/en/create-user/#account-names),
//! and what an account has besides its privileges.

use mysql_async::Value;

use super::session::{Dialect, Row, Session};
use super::verifier::{Format, Plugin};
use crate::engine::ServiceError;

/// One account of a user, as it is at the server. The clauses are ready for a statement.
pub(super) struct Account {
    pub(super) host: String,
    pub(super) plugin: String,
    format: Format,
    pub(super) locked: bool,
    /// `REQUIRE …`
    requirement: String,
    /// `WITH MAX_…`
    limits: String,
    /// After how many days its password expires; 0 is never, `None` the server's default.
    pub(super) lifetime: Option<u32>,
    /// MariaDB's default role; MySQL has a table of them.
    default_role: Option<String>,
    /// What MySQL alone asks of passwords and logins: `PASSWORD HISTORY …`
    policy: String,
    /// MySQL's `ATTRIBUTE …`, which has the comment.
    attribute: String,
}

impl Account {
    /// All accounts of a user.
    pub(super) async fn of(session: &mut Session, name: &str) -> Result<Vec<Self>, ServiceError> {
        const COLUMNS: &str = "u.Host, u.plugin, u.ssl_type, u.ssl_cipher, u.x509_issuer, \
             u.x509_subject, u.max_questions, u.max_updates, u.max_connections, \
             u.max_user_connections";
        let is_of_user = is("u.User", name);
        let query = match session.dialect {
            Dialect::MariaDb => format!(
                "SELECT {COLUMNS}, JSON_VALUE(g.Priv, '$.account_locked'), \
                 JSON_VALUE(g.Priv, '$.password_lifetime'), u.max_statement_time, u.default_role \
                 FROM mysql.user u JOIN mysql.global_priv g ON g.Host = u.Host AND g.User = u.User \
                 WHERE u.is_role = 'N' AND {is_of_user}"
            ),
            Dialect::MySql => format!(
                "SELECT {COLUMNS}, u.account_locked, u.password_lifetime, NULL, NULL, \
                 LEFT(u.authentication_string, 3), u.Password_reuse_history, u.Password_reuse_time, \
                 u.Password_require_current, \
                 u.User_attributes->'$.Password_locking.failed_login_attempts', \
                 u.User_attributes->'$.Password_locking.password_lock_time_days', \
                 u.User_attributes->'$.metadata' \
                 FROM mysql.user u WHERE {is_of_user}"
            ),
        };
        let rows = session.rows(&query).await?;
        Ok(rows.iter().map(Self::read).collect())
    }

    fn read(row: &Row) -> Self {
        let text = |column: usize| {
            row.get(column)
                .and_then(Option::as_deref)
                .unwrap_or_default()
        };
        let whole = |column: usize| text(column).parse::<i64>().unwrap_or_default();
        let mut limits = format!(
            "WITH MAX_QUERIES_PER_HOUR {} MAX_UPDATES_PER_HOUR {} MAX_CONNECTIONS_PER_HOUR {} \
             MAX_USER_CONNECTIONS {}",
            whole(6),
            whole(7),
            whole(8),
            whole(9)
        );
        // MariaDB alone has it, and shows it with six decimals.
        if let Ok(seconds) = text(12).parse::<f64>() {
            limits = format!("{limits} MAX_STATEMENT_TIME {seconds:.6}");
        }
        Self {
            host: text(0).to_owned(),
            plugin: text(1).to_owned(),
            locked: matches!(text(10), "1" | "true" | "Y"),
            requirement: requirement(text(2), text(5), text(4), text(3)),
            limits,
            lifetime: text(11).parse().ok(),
            default_role: Some(text(13).to_owned()).filter(|role| !role.is_empty()),
            format: Format::of(text(14)),
            policy: policy(text(15), text(16), text(17), text(18), text(19)),
            attribute: match text(20) {
                "" => String::new(),
                json => format!(" ATTRIBUTE {}", literal(json)),
            },
        }
    }

    /// All that the account has besides its name, password and privileges, with its lock or none.
    pub(super) fn attributes(&self, lock: &str) -> String {
        let Self {
            requirement,
            limits,
            lifetime,
            policy,
            attribute,
            ..
        } = self;
        let lifetime = match lifetime {
            Some(0) => "NEVER".to_owned(),
            Some(days) => format!("INTERVAL {days} DAY"),
            None => "DEFAULT".to_owned(),
        };
        format!(
            "{requirement} {limits} PASSWORD EXPIRE {lifetime}{policy} ACCOUNT {lock}{attribute}"
        )
    }

    /// The plugin of a new account like this one: its own, so that the server's policy and the
    /// customers' clients find what they know. `None` if no password is behind it, or none whose
    /// verifier is made here.
    pub(super) fn plugin_of_copy(&self, dialect: Dialect) -> Option<Plugin> {
        match (self.plugin.as_str(), dialect) {
            // A user that was made without a plugin has the native one.
            ("mysql_native_password", _) | ("", Dialect::MariaDb) => Some(Plugin::Native),
            ("caching_sha2_password", Dialect::MySql) => Some(Plugin::CachingSha2(self.format)),
            _ => None,
        }
    }

    /// The statement that gives `name` this account's default roles, if it has any.
    pub(super) async fn default_roles(
        &self,
        session: &mut Session,
        own_name: &str,
        name: &str,
    ) -> Result<Option<String>, ServiceError> {
        let copy = account(name, &self.host);
        match session.dialect {
            Dialect::MariaDb => Ok(self
                .default_role
                .as_deref()
                .map(|role| format!("SET DEFAULT ROLE {} FOR {copy}", identifier(role)))),
            Dialect::MySql => {
                let query = format!(
                    "SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles \
                     WHERE {} AND {}",
                    is("USER", own_name),
                    is("HOST", &self.host)
                );
                let roles: Vec<String> = session
                    .rows(&query)
                    .await?
                    .into_iter()
                    .filter_map(|row| match row.as_slice() {
                        [Some(role), Some(host)] => Some(account(role, host)),
                        _ => None,
                    })
                    .collect();
                Ok((!roles.is_empty())
                    .then(|| format!("SET DEFAULT ROLE {} TO {copy}", roles.join(", "))))
            }
        }
    }
}

fn requirement(kind: &str, subject: &str, issuer: &str, cipher: &str) -> String {
    match kind {
        "ANY" => "REQUIRE SSL".to_owned(),
        "X509" => "REQUIRE X509".to_owned(),
        "SPECIFIED" => {
            let specified: Vec<String> =
                [("SUBJECT", subject), ("ISSUER", issuer), ("CIPHER", cipher)]
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(what, value)| format!("{what} {}", literal(value)))
                    .collect();
            format!("REQUIRE {}", specified.join(" AND "))
        }
        _ => "REQUIRE NONE".to_owned(),
    }
}

/// What is not set has the server's default, and stays so.
fn policy(history: &str, reuse: &str, current: &str, attempts: &str, days: &str) -> String {
    let clause = |clause: &str, value: &str, unit: &str| match value {
        "" => String::new(),
        value => format!(" {clause} {value}{unit}"),
    };
    let current = match current {
        "Y" => "CURRENT",
        "N" => "CURRENT OPTIONAL",
        _ => "",
    };
    let days = if days == "-1" { "UNBOUNDED" } else { days };
    [
        clause("PASSWORD HISTORY", history, ""),
        clause("PASSWORD REUSE INTERVAL", reuse, " DAY"),
        clause("PASSWORD REQUIRE", current, ""),
        clause("FAILED_LOGIN_ATTEMPTS", attempts, ""),
        clause("PASSWORD_LOCK_TIME", days, ""),
    ]
    .concat()
}

/// An account's name in a statement.
pub(super) fn account(name: &str, host: &str) -> String {
    format!("{}@{}", literal(name), literal(host))
}

/// A condition: the column has exactly this text, whatever its collation takes for equal.
pub(super) fn is(column: &str, text: &str) -> String {
    format!(
        "CAST({column} AS BINARY) = CAST({} AS BINARY)",
        literal(text)
    )
}

/// A text in a statement. The session's SQL mode leaves the backslash its meaning.
pub(super) fn literal(text: &str) -> String {
    Value::from(text).as_sql(false)
}

/// A name in a statement.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_break_out_of_their_quotes() {
        assert_eq!(
            literal(r"a\'; DROP USER b; --"),
            r"'a\\\'; DROP USER b; --'"
        );
        assert_eq!(identifier("a`; DROP USER b; --"), "`a``; DROP USER b; --`");
        assert_eq!(account("a'b", "10.%"), r"'a\'b'@'10.%'");
    }

    #[test]
    fn what_an_account_has_becomes_clauses() {
        let row = |values: &[&str]| -> Row {
            let value = |value: &&str| (*value != "NULL").then(|| (*value).to_owned());
            values.iter().map(value).collect()
        };
        let plain = Account::read(&row(&[
            "%",
            "mysql_native_password",
            "",
            "",
            "",
            "",
            "0",
            "0",
            "0",
            "0",
            "NULL",
            "NULL",
            "0.000000",
            "",
        ]));
        assert_eq!(
            plain.attributes("LOCK"),
            "REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 \
             MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0 MAX_STATEMENT_TIME 0.000000 \
             PASSWORD EXPIRE DEFAULT ACCOUNT LOCK"
        );
        assert!(!plain.locked);
        // As MySQL 8 answers: no MAX_STATEMENT_TIME there.
        let specified = Account::read(&row(&[
            "10.%",
            "caching_sha2_password",
            "SPECIFIED",
            "AES",
            "/CN=i",
            "/CN='s",
            "1",
            "2",
            "3",
            "4",
            "Y",
            "30",
            "NULL",
            "NULL",
            "$A$",
            "5",
            "10",
            "N",
            "3",
            "-1",
            r#"{"comment": "it's \\"}"#,
        ]));
        assert_eq!(
            specified.attributes("UNLOCK"),
            r#"REQUIRE SUBJECT '/CN=\'s' AND ISSUER '/CN=i' AND CIPHER 'AES' WITH MAX_QUERIES_PER_HOUR 1 MAX_UPDATES_PER_HOUR 2 MAX_CONNECTIONS_PER_HOUR 3 MAX_USER_CONNECTIONS 4 PASSWORD EXPIRE INTERVAL 30 DAY PASSWORD HISTORY 5 PASSWORD REUSE INTERVAL 10 DAY PASSWORD REQUIRE CURRENT OPTIONAL FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME UNBOUNDED ACCOUNT UNLOCK ATTRIBUTE '{\"comment\": \"it\'s \\\\\"}'"#
        );
        assert!(specified.locked);
        assert_eq!(
            specified.plugin_of_copy(Dialect::MySql),
            Some(Plugin::CachingSha2(Format::Crypt5))
        );
        assert_eq!(specified.plugin_of_copy(Dialect::MariaDb), None);
        assert_eq!(requirement("ANY", "", "", ""), "REQUIRE SSL");
        assert_eq!(requirement("X509", "", "", ""), "REQUIRE X509");
    }
}
