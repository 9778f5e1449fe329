//! A server's ACL users.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

use super::Persistence;
use super::session::Session;
use crate::service::ServiceError;

/// The users of a server, a line each: `user <name> <rule> <rule> …`. A pattern may be any bytes
/// but white space.
pub(super) struct Users(Vec<Vec<u8>>);

impl Users {
    /// A user's rules, without what belongs to its password and without `on` and `off`.
    pub(super) fn rules(&self, name: &str) -> Option<Vec<&[u8]>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split(|byte| *byte == b' ');
            if words.next() != Some(b"user") || words.next() != Some(name.as_bytes()) {
                return None;
            }
            Some(words.filter(|word| !is_login(word)).collect())
        })
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

/// Has the server keep its users over a restart.
pub(super) async fn save(
    session: &mut Session,
    persistence: Persistence,
) -> Result<(), ServiceError> {
    const NO_ACL_FILE: &str = "not configured to use an ACL file";
    const NO_FILE: &str = "running without a config file";
    if persistence == Persistence::None {
        return Ok(());
    }
    let Err(error) = session.attempt(&["ACL", "SAVE"]).await? else {
        return Ok(());
    };
    if !error.says(NO_ACL_FILE) {
        return Err(session.refused(
            &error,
            "let the server write its ACL file, and files beside it",
        ));
    }
    match session.attempt(&["CONFIG", "REWRITE"]).await? {
        Ok(()) => Ok(()),
        Err(error) if error.says(NO_FILE) => Err(session.rejected(
            "a restart would lose its users, for it has neither an ACL file nor a configuration file: start it with an aclfile, or store \"persistence\": \"none\" in the document if something else brings them back",
        )),
        Err(error) => Err(session.refused(
            &error,
            "let the server write its configuration file, or start it with an aclfile",
        )),
    }
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
}
