//! What the stand-in is told and what it shows.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// An add-on service, as its manifest declares it.
#[derive(Clone)]
pub struct Manifest {
    /// The slug: the user name of v1's Basic authentication.
    pub id: String,
    /// `api.password`, 8 to 72 characters.
    pub api_password: String,
    /// The OAuth client secret, one for all resources of the service.
    pub client_secret: String,
    /// The names that the service may write.
    pub config_vars: Vec<String>,
}

/// How fast the dynos of an app restart after a release. The first dyno is back after `first`,
/// each further one `stagger` after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartSpeed {
    /// From the release until the first dyno runs with it.
    pub first: Duration,
    /// From one dyno to the next.
    pub stagger: Duration,
}

/// An app to create.
#[derive(Clone, Debug)]
pub struct AppSpec {
    /// The app's name, unique.
    pub name: String,
    /// How many dynos it runs: `web.1` and so on.
    pub dynos: u8,
    /// Short for the common runtime, long for a Private Space.
    pub restart: RestartSpeed,
}

/// An add-on to provision.
#[derive(Clone)]
pub struct Provision {
    /// The manifest's id.
    pub service: String,
    /// The globally unique name, like `acme-fluffy-6756`.
    pub name: String,
    /// The plan, like `acme:gold`.
    pub plan: String,
    /// The region, like `amazon-web-services::us-east-1`.
    pub region: String,
    /// The app that owns the add-on.
    pub owner_app: String,
    /// The config vars that the provision answer sets.
    pub config: BTreeMap<String, String>,
}

/// What the partner learns of an add-on by the provision request.
#[derive(Clone)]
pub struct ProvisionedAddOn {
    /// The resource's UUID: the `uuid` of the provision request.
    pub id: String,
    /// The globally unique name.
    pub name: String,
    /// The legacy id, like `app123@heroku.com`.
    pub heroku_id: String,
    /// The name under which it is attached to the app that owns it, like `ACME_GOLD`.
    pub attachment: String,
    /// `oauth_grant.code`: good once, within five minutes. A secret.
    pub grant_code: String,
}

impl fmt::Debug for ProvisionedAddOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvisionedAddOn")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The state of an add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddOnState {
    /// In use.
    Provisioned,
    /// Removed by the customer.
    Deprovisioned,
}

impl AddOnState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Provisioned => "provisioned",
            Self::Deprovisioned => "deprovisioned",
        }
    }
}

/// How v3 shows an add-on that was deprovisioned. Heroku documents the errors, not which is when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GoneAs {
    /// 404 `not_found` throughout: "Couldn't find that add-on."
    #[default]
    NotFound,
    /// 410 `gone` throughout.
    Gone,
    /// The resource is still shown with the state `deprovisioned`; its config is 404.
    Deprovisioned,
}

/// What Heroku was seen to do with config vars in public code, beside what it documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untidiness {
    /// How it names them to partners.
    pub names: ShownNames,
    /// Whether it strips blanks at a value's ends.
    pub strips_blanks: bool,
    /// Whether v1 says no UUID of an add-on, as its guide had it until 2014.
    pub without_uuid: bool,
    /// Whether v3 leaves a config var as it is whose value is to be null, as heroku/sudo-sandwich#17 saw in 2018.
    pub keeps_nulls: bool,
}

/// How Heroku names the config vars that it shows a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShownNames {
    /// As the manifest declares them, and v1 under the attachment's name as well.
    #[default]
    Manifest,
    /// `url` for `ACME_URL`, as readers of v3 expect.
    LowerCaseWithoutPrefix,
    /// `URL` and `ACME_GOLD_URL`, as v1 answered will/securekey.
    WithoutPrefixAndAttachment,
    /// `ACME_GOLD_URL` alone.
    Attachment,
}

/// The rules of OAuth tokens.
#[derive(Clone, Copy, Debug)]
pub struct TokenRules {
    /// How long an access token is accepted.
    pub access_lifetime: Duration,
    /// How long a grant code can be exchanged.
    pub grant_lifetime: Duration,
    /// Whether each refresh answers a new refresh token.
    pub renewal: Renewal,
}

/// Whether a refresh answers a new refresh token, and what becomes of the one sent. Heroku does not say; it has been
/// seen to keep the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renewal {
    /// It answers the one sent.
    #[default]
    Never,
    /// A new one, and the one sent ends: an answer that is lost takes both.
    EndsOld,
    /// A new one, and the one sent ends when the new one is used.
    EndsOldOnceUsed,
}

impl Default for TokenRules {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_hours(8),
            grant_lifetime: Duration::from_mins(5),
            renewal: Renewal::Never,
        }
    }
}

/// A release of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Counted from 1, the app's creation.
    pub version: u32,
    /// When it was made; its dynos restart from then on.
    pub at: Timestamp,
    /// What it was made for.
    pub description: String,
}

/// A dyno, at the moment of asking.
#[derive(Clone)]
pub struct DynoState {
    /// `web.1` and so on.
    pub name: String,
    /// The version of the release that it runs with.
    pub release: u32,
    /// The config vars that it runs with. Secrets.
    pub config: BTreeMap<String, String>,
    /// Whether a restart is due or under way; until it is over, the dyno runs with what it had.
    pub restarting: bool,
}

impl fmt::Debug for DynoState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynoState")
            .field("name", &self.name)
            .field("release", &self.release)
            .field("config_vars", &self.config.keys())
            .field("restarting", &self.restarting)
            .finish_non_exhaustive()
    }
}

/// Why the stand-in refuses what a test or a task tells it.
#[derive(Debug, thiserror::Error)]
pub enum HerokuError {
    /// No port of 127.0.0.1 could be bound.
    #[error("the Heroku stand-in cannot listen on 127.0.0.1: {0}")]
    Listen(#[from] std::io::Error),
    /// Something is named that was never made.
    #[error("the Heroku stand-in has no {kind} `{name}`: make it first")]
    Unknown {
        /// `add-on service`, `app` or `add-on`.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Something is made twice.
    #[error("the Heroku stand-in already has the {kind} `{name}`: choose another name")]
    Taken {
        /// `add-on service`, `app`, `add-on` or `attachment`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The manifest is not one that Heroku would take.
    #[error("the manifest of `{service}` is refused: {reason}")]
    Manifest {
        /// The manifest's id.
        service: String,
        /// What is wrong, without any value.
        reason: &'static str,
    },
    /// The manifest does not declare the config var.
    #[error(
        "the config var {var} is not declared in the manifest of `{service}`: add it to `config_vars`"
    )]
    Undeclared {
        /// The manifest's id.
        service: String,
        /// The var's name.
        var: String,
    },
    /// An app's config vars would take more than 32 kB together.
    #[error("the config vars of `{app}` would exceed 32 kB together: make them smaller")]
    TooLarge {
        /// The app's name.
        app: String,
    },
    /// The add-on is deprovisioned.
    #[error("the add-on `{0}` is deprovisioned")]
    Gone(String),
}
