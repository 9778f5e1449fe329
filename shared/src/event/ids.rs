//! What names a secret and its versions.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

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
