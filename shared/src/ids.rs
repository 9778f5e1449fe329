//! What names a secret and its versions.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// The ARN of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SecretArn(String);

impl SecretArn {
    /// The ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What names the secret within its account and region: its name and six random characters.
    pub(crate) fn resource(&self) -> &str {
        self.0.splitn(7, ':').nth(6).unwrap_or_default()
    }

    /// The secret's name, if this is the whole ARN.
    pub(crate) fn name(&self) -> Option<&str> {
        let (name, random) = self.resource().rsplit_once('-')?;
        let is_whole = random.len() == 6 && random.bytes().all(|it| it.is_ascii_alphanumeric());
        is_whole.then_some(name)
    }
}

impl FromStr for SecretArn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(7, ':');
        let is_secret = parts.next() == Some("arn")
            && parts
                .next()
                .is_some_and(|partition| partition.starts_with("aws"))
            && parts.next() == Some("secretsmanager")
            && parts.next().is_some_and(|region| !region.is_empty())
            && parts.next().is_some_and(|account| !account.is_empty())
            && parts.next() == Some("secret")
            && parts
                .next()
                .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
        if is_secret {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "must be the ARN of a secret (arn:aws:secretsmanager:<region>:<account>:secret:<name>)",
            )
        }
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of one version of a secret; during a rotation, the `ClientRequestToken`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct VersionId(String);

impl VersionId {
    /// An id that is always the same for the same text. `prefix` has at most 32 characters.
    pub(crate) fn hashed(prefix: &str, text: &str) -> Self {
        Self(format!("{prefix}{}", hashed(text)))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VersionId {
    type Err = &'static str;

    /// Accepts what [`PutSecretValue`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html)
    /// accepts as `ClientRequestToken`, limited to the characters that can stand in a label.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (32..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a version id of 32 to 64 characters, as Secrets Manager gives it")
        }
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What notes in a tag that a version's credential was seen to log in: the beginning says of which version, the rest
/// of which credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Note(String);

impl Note {
    /// A note of the credential that these claims describe. None of them is secret: who reads the tag could guess.
    pub(crate) fn new(version: &VersionId, claims: &str) -> Self {
        Self(format!("{}{}", Self::begin(version), hashed(claims)))
    }

    /// What each note of a version begins with.
    pub(crate) fn begin(version: &VersionId) -> String {
        format!("{}.", &hashed(version.as_str())[..8])
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 bits that are always the same for the same text, in hexadecimal digits.
fn hashed(text: &str) -> String {
    let mut digits = String::new();
    for byte in &digest(&SHA256, text.as_bytes()).as_ref()[..16] {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
