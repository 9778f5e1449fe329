//! Why a document has nothing done with a login that is not its own.

use crate::deadline::Transient;
use crate::ids::{SecretArn, VersionId};

/// A document that claims what is not its own. Nothing was sent to any address that it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// The document is another add-on's.
    #[error(
        "Secret {secret} holds a document whose heroku.addon_id is {addon}, and that add-on's secret is {expected}. → Correct heroku.addon_id, or enrol the add-on under its own name."
    )]
    Name {
        /// The secret's name.
        secret: String,
        /// The add-on that its document names.
        addon: String,
        /// The name of that add-on's secret.
        expected: String,
    },
    /// `masterarn` is no administrator's secret.
    #[error(
        "masterarn of add-on {addon} is {administrator}, which is no administrator's secret of this stack. → Name one of {expected}."
    )]
    Administrator {
        /// The add-on's id.
        addon: String,
        /// What its document names.
        administrator: SecretArn,
        /// What it may name.
        expected: String,
    },
    /// `heroku.oauth` is not the instance's.
    #[error(
        "heroku.oauth of add-on {addon} is {oauth}, which does not hold this add-on's tokens. → Name {expected}, by its whole ARN."
    )]
    OAuth {
        /// The add-on's id.
        addon: String,
        /// What its document names.
        oauth: SecretArn,
        /// What it must name.
        expected: String,
    },
    /// The administrator's secret does not say what it is for.
    #[error(
        "The administrator's secret {administrator} cannot be used: {problem}. → Complete it from your own records, not from a document: `{}`. If its login is for no server any more, complete it with {{hosts: []}}.",
        complete(administrator, example)
    )]
    Addresses {
        /// The administrator's secret.
        administrator: SecretArn,
        /// What is wrong with what it says.
        problem: &'static str,
        /// What it must have, as jq writes it.
        example: &'static str,
    },
    /// An address of the document is none of the administrator's.
    #[error(
        "{path} of add-on {addon}'s document is {address}, and the administrator's secret {administrator} is for {served}. → Correct the document. If the login is for that address as well, add it to hosts in the administrator's secret."
    )]
    NotServed {
        /// The add-on's id.
        addon: String,
        /// The address's path in the document.
        path: String,
        /// The address.
        address: String,
        /// The administrator's secret.
        administrator: SecretArn,
        /// The addresses that its login is for.
        served: String,
    },
    /// The pending document is another than rotation makes.
    #[error(
        "Version {pending} of {secret} is not the renewal of the current version {current}: they differ in {}. → Cancel this rotation (take AWSPENDING off version {pending}), and start another.",
        paths.join(", ")
    )]
    NoRenewal {
        /// The secret.
        secret: SecretArn,
        /// The pending version.
        pending: VersionId,
        /// The current version.
        current: VersionId,
        /// Where they differ.
        paths: Vec<String>,
    },
    /// Nobody has shown that the credential which is to end is the instance's own.
    #[error(
        "Version {version} of {secret} is not revoked: its credential {credential:?} was never seen to log in, and a LIVE- label alone does not show that it is this instance's. → Look up in your own records whose {credential:?} is. If it is this instance's, invoke revoke-secret with {{\"SecretId\": \"{secret}\", \"VersionId\": \"{version}\", \"Vouched\": \"<its name>\"}}. If not, take the label off."
    )]
    NotOwn {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// What its credential is called.
        credential: String,
    },
    /// An operator vouched for another login than the document names.
    #[error(
        "Version {version} of {secret} names {found:?}, and {vouched:?} was vouched for. → Look up in your own records which login is this instance's, and store a document that names it (PutSecretValue)."
    )]
    OtherVouched {
        /// The secret.
        secret: SecretArn,
        /// The version.
        version: VersionId,
        /// The login in its document.
        found: String,
        /// The login that was vouched for.
        vouched: String,
    },
    /// The current credential does not work.
    #[error(
        "The service refuses the current credential, of version {current} of {secret}, which is {login:?}: no new one is issued. → Store the one that works (PutSecretValue). Or look up in your own records whose {login:?} is, and if it is this instance's, vouch for it: `addon-rotation-operator recover {addon} --login <its name>`."
    )]
    NotShown {
        /// The secret.
        secret: SecretArn,
        /// The current version.
        current: VersionId,
        /// Whose privileges a new credential would have.
        login: String,
        /// The add-on's id.
        addon: String,
    },
}

/// The command that completes an administrator's secret. No value is among its arguments.
fn complete(administrator: &SecretArn, example: &str) -> String {
    format!(
        "aws secretsmanager get-secret-value --secret-id {administrator} --query SecretString --output text | jq '. + {example}' | aws secretsmanager put-secret-value --secret-id {administrator} --secret-string file:///dev/stdin"
    )
}

impl Transient for AuthorityError {
    fn is_transient(&self) -> bool {
        false
    }
}
