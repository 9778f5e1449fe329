//! A server's ACL users.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

use super::Persistence;
use super::session::Session;
use crate::engine::{Context, ServiceError};

/// The users of a server, a line each: `user <name> <rule> <rule> …`. A pattern may be any bytes
/// but white space.
pub(super) struct Users(Vec<Vec<u8>>);

impl Users {
    /// Whether the server lets whoever knows a user's name log in as that, whatever the password.
    pub(super) fn is_open(&self, name: &str) -> bool {
        self.words(name)
            .is_some_and(|mut words| words.any(|word| word == b"nopass"))
    }

    fn words(&self, name: &str) -> Option<impl Iterator<Item = &[u8]>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split(|byte| *byte == b' ');
            let is_of = words.next() == Some(b"user") && words.next() == Some(name.as_bytes());
            is_of.then_some(words)
        })
    }

    /// A user's rules, without what belongs to its password and without `on` and `off`.
    pub(super) fn rules(&self, name: &str) -> Option<Vec<&[u8]>> {
        Some(self.words(name)?.filter(|word| !is_login(word)).collect())
    }
}

/// Whether a rule is about the login, not about what may be done after it.
fn is_login(rule: &[u8]) -> bool {
    matches!(rule, b"" | b"on" | b"off" | b"nopass" | b"resetpass") || rule.starts_with(b"#")
}

/// The rule that gives a user this password. The password itself stays here.
pub(super) fn hash(password: &SecretString) -> String {
    let hash = digest(&SHA256, password.expose_secret().as_bytes());
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("#".to_owned()).chain(digits).collect()
}

pub(super) async fn list(session: &mut Session) -> Result<Users, ServiceError> {
    session.query(&["ACL", "LIST"]).await.map(Users)
}

/// Creates a user: one command, so that it is there with all of its rules or not at all.
pub(super) async fn create(
    session: &mut Session,
    name: &str,
    rules: Vec<&[u8]>,
    hash: &str,
) -> Result<(), ServiceError> {
    let mut command: Vec<&[u8]> = vec![b"ACL", b"SETUSER", name.as_bytes(), b"reset"];
    command.extend(rules);
    command.extend([b"on", hash.as_bytes()]);
    session.command(&command).await
}

/// What keeps a server's users over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// The document says that something else does.
    Elsewhere,
    /// `ACL SAVE`.
    AclFile,
    /// `CONFIG REWRITE`.
    ConfigurationFile,
}

impl Storage {
    /// Finds out what keeps the users, and that it works: what the server holds is saved as it is.
    ///
    /// `CONFIG REWRITE` writes
    /// [every user](https://github.com/redis/redis/blob/7.0/src/config.c#:~:text=rewriteConfigUserOption)
    /// into the main configuration file, also those that an included file or the command line
    /// defines. A server that finds a user twice does not start, and no command tells where a user
    /// comes from. So the administrator's secret has to ask for it: whoever runs the server knows
    /// its files, and they are the same for all of its instances.
    pub(super) async fn find(
        session: &mut Session,
        context: &Context<'_>,
        persistence: Persistence,
    ) -> Result<Self, ServiceError> {
        if persistence == Persistence::None {
            return Ok(Self::Elsewhere);
        }
        let Err(error) = session.attempt(&["ACL", "SAVE"]).await? else {
            return Ok(Self::AclFile);
        };
        if !error.says("not configured to use an ACL file") {
            return Err(session.refused(
                &error,
                "Let the server write its ACL file, and files beside it",
            ));
        }
        if !may_rewrite(context)? {
            return Err(session.rejected(
                "the server has no ACL file: a restart would lose its users",
                "Start it with an aclfile. Or store \"persist_users\": \"config-rewrite\" in the administrator's secret if all of its users are in the main configuration file, none in an included file or on the command line. Or store \"persistence\": \"none\" in the document if something else brings the users back",
            ));
        }
        Self::rewrite(session).await?;
        Ok(Self::ConfigurationFile)
    }

    /// Has the server keep the users that it holds now.
    pub(super) async fn keep(self, session: &mut Session) -> Result<(), ServiceError> {
        match self {
            Self::Elsewhere => Ok(()),
            Self::AclFile => session.command(&["ACL", "SAVE"]).await,
            Self::ConfigurationFile => Self::rewrite(session).await,
        }
    }

    async fn rewrite(session: &mut Session) -> Result<(), ServiceError> {
        match session.attempt(&["CONFIG", "REWRITE"]).await? {
            Ok(()) => Ok(()),
            Err(error) if error.says("running without a config file") => Err(session.rejected(
                "the server has neither an ACL file nor a configuration file: a restart would lose its users",
                "Start it with an aclfile. Or store \"persistence\": \"none\" in the document, if something else brings the users back",
            )),
            Err(error) => Err(session.refused(
                &error,
                "Let the server write its configuration file, or start it with an aclfile",
            )),
        }
    }
}

/// Whether the administrator's secret asks for `CONFIG REWRITE`.
fn may_rewrite(context: &Context<'_>) -> Result<bool, ServiceError> {
    const FIELD: &str = "persist_users";
    let (secret, fields) = context.administrators_secret()?;
    match fields.map().get(FIELD).map(|value| value.as_str()) {
        None | Some(Some("acl-file")) => Ok(false),
        Some(Some("config-rewrite")) => Ok(true),
        Some(_) => Err(ServiceError::AdministratorOption {
            secret: secret.clone(),
            field: FIELD,
            expected: "\"acl-file\", the default, or \"config-rewrite\"",
        }),
    }
}

/// The commands with which a user can make another login that no rotation ends: `CONFIG SET` gives
/// the user `default` a password (`requirepass`), a master may send its replica any command, a module do anything.
const MAKES_LOGINS: [&str; 7] = [
    "acl|setuser",
    "config|set",
    "failover",
    "module|load",
    "module|loadex",
    "replicaof",
    "slaveof",
];

/// Which of them these rules allow. Each is in the categories
/// [@admin, @slow and @dangerous](https://redis.io/docs/latest/commands/acl-setuser/).
pub(super) fn makes_logins(rules: &[&[u8]]) -> Vec<&'static str> {
    let mut found = MAKES_LOGINS.to_vec();
    found.retain(|command| allows(rules, command));
    found
}

/// Whether rules allow a subcommand: of each selector, the last rule about it counts.
fn allows(rules: &[&[u8]], command: &str) -> bool {
    let container = command.split('|').next().unwrap_or(command);
    let (mut root, mut selector) = (false, None);
    for rule in rules {
        let mut rule = *rule;
        if let Some(first) = rule.strip_prefix(b"(") {
            (rule, selector) = (first, Some(false));
        }
        let last = rule.strip_suffix(b")").filter(|_| selector.is_some());
        let text = String::from_utf8_lossy(last.unwrap_or(rule)).to_ascii_lowercase();
        let about = text.get(1..).unwrap_or_default();
        let is_about = about == container
            || about == command
            || matches!(about, "@all" | "@admin" | "@slow" | "@dangerous");
        let allowed = match text.as_bytes().first() {
            _ if text == "allcommands" => Some(true),
            _ if text == "nocommands" => Some(false),
            Some(b'+') if is_about => Some(true),
            Some(b'-') if is_about => Some(false),
            _ => None,
        };
        if let Some(allowed) = allowed {
            *selector.as_mut().unwrap_or(&mut root) = allowed;
        }
        if last.is_some() {
            if selector == Some(true) {
                return true;
            }
            selector = None;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_copied_word_for_word_and_logins_are_not() {
        let users = Users(vec![
            b"user default off nopass ~* &* +@all".to_vec(),
            b"user bob on sanitize-payload #00ff #11ee ~on:\xff* resetchannels &off -@all +get (~x %R~#y resetchannels -@all +set)".to_vec(),
        ]);
        let rules = |name| users.rules(name).map(|rules| rules.join(&b' '));
        assert_eq!(rules("default").unwrap(), b"~* &* +@all");
        assert_eq!(
            rules("bob").unwrap(),
            b"sanitize-payload ~on:\xff* resetchannels &off -@all +get (~x %R~#y resetchannels -@all +set)"
        );
        assert_eq!(rules("bo"), None);
        assert_eq!(rules("user"), None);
    }

    #[test]
    fn a_password_is_told_as_its_hash() {
        assert_eq!(
            hash(&SecretString::from("oldpw")),
            "#95bdf37e29ffb5511aa878b04661bee69a1bcf59a5284f38fa120294b17f3cdc"
        );
    }

    #[test]
    fn whoever_may_make_logins_is_found() {
        let all = MAKES_LOGINS.as_slice();
        let without = |one| -> Vec<_> {
            all.iter()
                .copied()
                .filter(|command| *command != one)
                .collect()
        };
        let both = ["acl|setuser", "config|set"].as_slice();
        for (rules, due) in [
            ("~* &* +@all", all),
            ("~* resetchannels -@all +@admin", all),
            ("-@all +@dangerous -acl", &without("acl|setuser")),
            ("-@all +@slow -config|set", &without("config|set")),
            (
                "+@all -acl -config -debug -module",
                &["failover", "replicaof", "slaveof"],
            ),
            ("-@all +acl|setuser", &["acl|setuser"]),
            ("-@all +get +ping", &[]),
            ("+@all -@admin", &[]),
            ("+@all -@dangerous +config", &["config|set"]),
            ("+acl -acl|setuser", &[]),
            ("~+acl %R~@all -@all", &[]),
            (
                "-@all (~x -@all +get) (%R~y +acl -@all) (-@all +config)",
                &["config|set"],
            ),
            ("-@all (-@all +config) +acl", both),
            ("allcommands nocommands", &[]),
        ] {
            let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
            assert_eq!(makes_logins(&words), due, "{rules}");
        }
    }
}
