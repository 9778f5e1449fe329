//! What a secret's tags say.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::Secret;
use crate::ids::{Note, SecretArn};
use crate::limits::{LONGEST_GRACE_PERIOD_SECONDS, LONGEST_HOLD_SECONDS};

/// The tag with which one secret has a grace period of its own, in seconds.
pub(crate) const GRACE_PERIOD_TAG: &str = "rotation:revoke-after";

/// The tag with which one secret has its revocations held while sessions are open with the old credential: for so
/// many seconds at most.
pub(crate) const HOLD_TAG: &str = "rotation:hold-while-in-use";

/// The tag that names the stack which rotates a secret. The functions' roles have rights to no other
/// secrets.
pub(crate) const STACK_TAG: &str = "rotation:stack";

/// The tag that names the stack which an OAuth secret was made for: another than [`STACK_TAG`], by which the
/// rotating secrets are listed.
pub(crate) const OAUTH_TAG: &str = "rotation:oauth-of";

/// The tag that names the versions whose credentials were seen to log in, but for those whose credential has the
/// name of the version itself. Whoever may store values can put any label on a version; not this tag.
pub(crate) const SHOWN_TAG: &str = "rotation:shown";

/// [The longest value of a tag](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html).
const LONGEST_TAG: usize = 256;

impl Secret {
    /// The stack that an OAuth secret was made for, if it says one.
    #[must_use]
    pub fn oauth_of(&self) -> Option<&str> {
        self.tags.get(OAUTH_TAG).map(String::as_str)
    }

    /// Whether the stack of this name rotates the secret.
    #[must_use]
    pub fn is_of_stack(&self, stack: &str) -> bool {
        self.tags.get(STACK_TAG).is_some_and(|name| name == stack)
    }

    /// Whether the stack of this name rotates the secret whose ARN this is, by the function that it names, the
    /// template's `<stack>-rotate` of the secret's own account and region. `None` if it names none.
    #[must_use]
    pub fn is_rotated_by(&self, stack: &str, secret: &SecretArn) -> Option<bool> {
        let function = self.rotation_function.as_deref()?;
        // arn:partition:service:region:account:…
        let parts: Vec<&str> = secret.as_str().split(':').collect();
        let [arn, partition, _, region, account, ..] = parts.as_slice() else {
            return Some(false);
        };
        let own = format!("{arn}:{partition}:lambda:{region}:{account}:function:{stack}-rotate");
        Some(function == own)
    }

    /// Whether a credential was seen to log in, by the tag that says so.
    #[must_use]
    pub fn is_noted(&self, note: &Note) -> bool {
        self.notes().any(|noted| noted == note.as_str())
    }

    fn notes(&self) -> impl Iterator<Item = &str> {
        let tag = self.tags.get(SHOWN_TAG).map(String::as_str);
        tag.unwrap_or_default().split_whitespace()
    }

    /// The tag's value with one note more, without those of versions that have no label any more; `None` if it is too
    /// long.
    pub(super) fn noted_with(&self, note: &Note) -> Option<String> {
        let labelled = self.labels.keys().filter_map(|it| it.parse().ok());
        let versions = labelled.chain(self.live());
        let versions: BTreeSet<String> = versions.map(|it| Note::begin(&it)).collect();
        let known = |noted: &&str| {
            *noted != note.as_str() && versions.iter().any(|begin| noted.starts_with(begin))
        };
        let mut notes: Vec<_> = self.notes().filter(known).collect();
        notes.push(note.as_str());
        let value = notes.join(" ");
        (value.len() <= LONGEST_TAG).then_some(value)
    }

    /// The secret's own grace period in seconds, if it has the tag.
    ///
    /// # Errors
    /// With what is wrong with the tag.
    pub fn grace_period_seconds(&self) -> Result<Option<u32>, String> {
        self.seconds(GRACE_PERIOD_TAG, 1..=LONGEST_GRACE_PERIOD_SECONDS)
    }

    /// For how many seconds at most the secret's revocations are held while sessions are open with the old
    /// credential, if it has the tag.
    ///
    /// # Errors
    /// With what is wrong with the tag.
    pub fn hold_while_in_use_seconds(&self) -> Result<Option<u32>, String> {
        self.seconds(HOLD_TAG, 0..=LONGEST_HOLD_SECONDS)
    }

    fn seconds(&self, tag: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, String> {
        let Some(text) = self.tags.get(tag) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(seconds) if bounds.contains(&seconds) => Ok(Some(seconds)),
            _ => Err(format!(
                "the tag {tag} must be a whole number of seconds from {} to {}",
                bounds.start(),
                bounds.end()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{Listing, Order};

    fn tagged(value: &str) -> Secret {
        Secret {
            tags: [(GRACE_PERIOD_TAG.to_owned(), value.to_owned())].into(),
            ..Secret::default()
        }
    }

    #[test]
    fn a_stacks_list_has_nothing_that_another_function_rotates() {
        let listing = Listing {
            stack: "acme",
            prefix: "acme/credentials/",
            order: Order::OldestFirst,
            with_deleted: true,
        };
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:acme/credentials/1-AbCdEf";
        let arn = arn.parse().unwrap();
        let lambda = "arn:aws:lambda:us-east-1:123456789012:function";
        for (name, stack, function, has) in [
            ("acme/credentials/1", "acme", None, true),
            ("acme/credentials/1", "acme", Some("acme-rotate"), true),
            ("acme/credentials/1", "acme", Some("payroll-rotate"), false),
            ("acme/credentials/1", "payroll", Some("acme-rotate"), false),
            ("payroll/1", "acme", Some("acme-rotate"), false),
        ] {
            let secret = Secret {
                name: name.to_owned(),
                tags: [(STACK_TAG.to_owned(), stack.to_owned())].into(),
                rotation_function: function.map(|it| format!("{lambda}:{it}")),
                ..Secret::default()
            };
            assert_eq!(
                listing.has(&arn, &secret),
                has,
                "{name} {stack} {function:?}"
            );
        }
    }

    #[test]
    fn only_the_stacks_own_rotation_function_is_its_own() {
        let secret = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:acme/db-AbCdEf";
        let secret: SecretArn = secret.parse().unwrap();
        let rotated = |function: Option<&str>| {
            let rotated = Secret {
                rotation_function: function.map(ToOwned::to_owned),
                ..Secret::default()
            };
            rotated.is_rotated_by("acme", &secret)
        };
        let own = "arn:aws-cn:lambda:cn-north-1:123456789012:function:acme-rotate";
        assert_eq!(rotated(Some(own)), Some(true));
        assert_eq!(rotated(None), None);
        for (part, another) in [
            ("123456789012", "210987654321"),
            ("cn-north-1", "cn-northwest-1"),
            ("acme-rotate", "acme-2-rotate"),
            ("acme-rotate", "rotate"),
        ] {
            let another = own.replace(part, another);
            assert_eq!(rotated(Some(&another)), Some(false), "{another}");
        }
    }

    #[test]
    fn a_secret_may_have_a_grace_period_of_its_own_if_it_is_a_sensible_duration() {
        assert_eq!(Secret::default().grace_period_seconds(), Ok(None));
        assert_eq!(tagged("14400").grace_period_seconds(), Ok(Some(14_400)));
        for value in ["", "0", "-1", "2h", "604801", "99999999999"] {
            assert!(tagged(value).grace_period_seconds().is_err(), "{value}");
        }
    }
}
