//! New usernames, passwords and keys, from the operating system's randomness, in characters that
//! need no escaping in a URL, a connection string or SQL.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::fields::{Check, Fields};
use crate::ids::VersionId;

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The operating system gave no randomness for a new credential.")]
pub struct RandomError;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWERCASE: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// 238 bits; well below the 100 characters that some clients still limit passwords to.
const PASSWORD_LENGTH: usize = 40;

/// Some 123 bits: never the same twice in one database cluster.
const USERNAME_LENGTH: usize = 24;

/// What a field that is new in each version looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Generate {
    /// What it begins with, such as `acme_live_`.
    #[cfg_attr(test, schemars(with = "Option<String>", extend("pattern" = "^[A-Za-z0-9_-]{0,64}$")))]
    pub prefix: String,
    /// How many random letters and digits follow: 22 are 131 bits.
    #[cfg_attr(test, schemars(range(min = 22, max = 256)))]
    pub length: usize,
}

impl Generate {
    pub(crate) fn read(check: &mut Check<'_>) -> Option<Self> {
        let prefix =
            check.optional_text("prefix", "at most 64 letters, digits, - and _", |prefix| {
                prefix.len() <= 64
                    && prefix
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            });
        let length = check.number("length", 22..=256);
        Some(Self {
            prefix: prefix.unwrap_or_default(),
            length: length?,
        })
    }

    /// A new value of this look.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub(crate) fn value(&self) -> Result<String, RandomError> {
        Ok(format!(
            "{}{}",
            self.prefix,
            random_text(ALPHANUMERIC, self.length)?
        ))
    }
}

/// A new database user's name: see [`name_of`].
pub(crate) fn username(fields: &Fields, version: &VersionId) -> String {
    let addon = fields.heroku_text("addon_id").unwrap_or_default();
    user_of(&addon, version)
}

pub(crate) fn user_of(addon: &str, version: &VersionId) -> String {
    format!("u_{}", name_of(addon, version))
}

/// What a credential is called that is made for a version: that version of that add-on has it and no other, so that
/// whoever writes a document cannot have another's credential changed or ended.
fn name_of(addon: &str, version: &VersionId) -> String {
    let digest = digest(&SHA256, format!("{addon}\n{version}").as_bytes());
    let letters = digest.as_ref().iter().take(USERNAME_LENGTH);
    let letters = letters.map(|byte| char::from(LOWERCASE[usize::from(*byte) % LOWERCASE.len()]));
    letters.collect()
}

/// What the service of a partner calls the credential that is made for a version of an add-on: it begins with the
/// version's id, and no other version of any add-on has one of this name.
#[must_use]
pub fn credential_id(addon: &str, version: &VersionId) -> String {
    format!("{version}-{}", name_of(addon, version))
}

/// A new password.
pub(crate) fn password() -> Result<String, RandomError> {
    random_text(ALPHANUMERIC, PASSWORD_LENGTH)
}

fn random_text(alphabet: &[u8], length: usize) -> Result<String, RandomError> {
    let random = SystemRandom::new();
    // Bytes past the largest multiple of the alphabet's length would favour its first characters.
    let limit = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        random.fill(&mut bytes).map_err(|_| RandomError)?;
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < limit);
        text.extend(
            fair.take(length - text.len())
                .map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_long_enough_new_each_time_and_need_no_escaping() {
        let generate = Generate {
            prefix: "acme_live_".to_owned(),
            length: 100,
        };
        let values: BTreeSet<String> = (0..100).map(|_| generate.value().unwrap()).collect();
        assert_eq!(values.len(), 100);
        for value in values {
            let random = value.strip_prefix("acme_live_").unwrap();
            assert_eq!(random.len(), 100);
            assert!(random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
        assert_ne!(password().unwrap(), password().unwrap());
    }

    #[test]
    fn a_version_s_user_has_a_name_that_no_other_has() {
        let of = |addon: &str, version: &str| {
            let fields = json!({ "heroku": { "addon_id": addon } }).to_string();
            username(&Fields::parse(&fields).unwrap(), &version.parse().unwrap())
        };
        let (one, two) = ("0".repeat(36), "1".repeat(36));
        let names = BTreeSet::from([of("a", &one), of("a", &two), of("b", &one), of("b", &two)]);
        assert_eq!(names.len(), 4);
        assert_eq!(of("a", &one), of("a", &one));
        for name in names {
            assert!(name.len() <= 32 && name.starts_with("u_"), "{name}");
        }
    }

    #[test]
    fn every_character_of_the_alphabet_occurs() {
        let seen: BTreeSet<u8> = random_text(ALPHANUMERIC, 10_000)
            .unwrap()
            .into_bytes()
            .into_iter()
            .collect();
        assert_eq!(seen.len(), ALPHANUMERIC.len());
    }
}
