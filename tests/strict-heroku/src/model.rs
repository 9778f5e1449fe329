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
    pub config_vars: Vec<String>,
}

/// How fast the dynos of an app restart after a release. The first dyno is back after `first`,
/// each further one `stagger` after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartSpeed {
    /// From the release until the first dyno runs with it.
    pub first: Duration,
    pub stagger: Duration,
}

#[derive(Clone, Debug)]
pub struct AppSpec {
    /// The app's name, unique.
    pub name: String,
    /// How many dynos it runs: `web.1` and so on.
    pub dynos: u8,
    /// Short for the common runtime, long for a Private Space.
    pub restart: RestartSpeed,
}

#[derive(Clone)]
pub struct Provision {
    pub service: String,
    /// The globally unique name, like `acme-fluffy-6756`.
    pub name: String,
    pub owner_app: String,
    /// The config vars that the provision answer sets.
    pub config: BTreeMap<String, String>,
}

/// What the partner learns of an add-on by the provision request.
#[derive(Clone)]
pub struct ProvisionedAddOn {
    /// The resource's UUID: the `uuid` of the provision request.
    pub id: String,
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

/// How v3 shows an add-on that was deprovisioned. Heroku documents the errors, not which is when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GoneAs {
    /// 404 `not_found` throughout: "Couldn't find that add-on."
    #[default]
    NotFound,
    /// 410 `gone` throughout.
    Gone,
}

/// What Heroku was seen to do with config vars in public code, beside what it documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untidiness {
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Counted from 1, the app's creation.
    pub version: u32,
    /// When it was made; its dynos restart from then on.
    pub at: Timestamp,
    pub description: String,
}

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
