//! The secret's document: one credential of one add-on instance, and where it is shown.
//!
//! The field names are those of [AWS's own secrets for database
//! credentials](https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html),
//! so that what reads those can read these, and one block for Heroku. A document is checked as a
//! whole before anything is done with it: every problem is reported, by path, and no value.

mod change;
#[cfg(test)]
mod schema;

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

#[cfg(test)]
pub(crate) use schema::schema;

use crate::engine::{self, AnyEngine};
use crate::fields::{self, Check, Found};
use crate::ids::{Note, SecretArn, VersionId};
use crate::message;

pub use crate::engine::{RandomError, credential_id};
pub use crate::fields::{ConfigVars, Fields};
pub use change::{id_of_change, is_change};

/// The largest value that Secrets Manager stores, in bytes.
const LARGEST_DOCUMENT: usize = 65_536;

/// A document that is not usable. Lists every problem found, by path, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}. → {}.", self.failure(), self.remedy())]
pub struct DocumentError {
    /// What is wrong, one entry per path.
    pub problems: Vec<String>,
    secret: Option<SecretArn>,
    version: Option<VersionId>,
}

impl DocumentError {
    /// Which secret holds it.
    pub(crate) fn of(self, secret: &SecretArn) -> Self {
        let secret = Some(secret.clone());
        Self { secret, ..self }
    }

    /// Which of its versions, current or not.
    pub(crate) fn of_version(self, version: &VersionId) -> Self {
        let version = Some(version.clone());
        Self { version, ..self }
    }

    fn failure(&self) -> String {
        let problems = message::numbered(&self.problems);
        let problems = message::bare(&problems);
        match (&self.secret, &self.version) {
            (Some(secret), Some(version)) => {
                format!("The document of version {version} of {secret} is not valid: {problems}")
            }
            (Some(secret), None) => format!("The document in {secret} is not valid: {problems}"),
            (None, _) => format!("The document is not valid: {problems}"),
        }
    }

    /// A stored version's value [cannot be changed](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html).
    fn remedy(&self) -> String {
        match (&self.secret, &self.version) {
            (Some(secret), Some(version)) => format!(
                "If the version is AWSCURRENT, store the corrected document as a new one (PutSecretValue). Nobody can correct an older one: end its credential at the service by hand, then take its label off: aws secretsmanager update-secret-version-stage --secret-id {secret} --version-stage LIVE-{version} --remove-from-version-id {version}"
            ),
            _ => "Correct it, and store it again (PutSecretValue)".to_owned(),
        }
    }
}

impl From<Vec<String>> for DocumentError {
    fn from(problems: Vec<String>) -> Self {
        Self {
            problems,
            secret: None,
            version: None,
        }
    }
}

/// A checked document. Its `Debug` shows no value.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Document {
    #[cfg_attr(test, schemars(skip))]
    fields: Fields,
    /// What the credential is for, and the credential itself.
    #[cfg_attr(test, schemars(flatten))]
    pub engine: AnyEngine,
    /// The ARN of the administrator's secret, which can issue and revoke credentials.
    #[cfg_attr(test, schemars(rename = "masterarn", with = "String", extend("pattern" = schema::SECRET_ARN)))]
    pub administrator: SecretArn,
    /// The add-on instance whose config vars show the credential.
    pub heroku: HerokuBlock,
}

/// The add-on instance at Heroku.
#[derive(Debug, Clone)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HerokuBlock {
    /// Which of Heroku's two partner APIs the add-on uses.
    #[cfg_attr(test, schemars(flatten))]
    pub api: Api,
    /// The add-on's UUID (v1: also the old `app123@heroku.com`).
    #[cfg_attr(test, schemars(extend("pattern" = r"^[A-Za-z0-9][A-Za-z0-9@._-]{0,254}$")))]
    pub addon_id: String,
    /// The config vars to publish: each a template over the document's fields.
    #[cfg_attr(test, schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": schema::CONFIG_VAR})))]
    pub config: BTreeMap<String, String>,
    /// Config vars of an earlier document that the next rotation removes (v3 only).
    #[cfg_attr(test, schemars(default, extend("uniqueItems" = true, "items" = {"type": "string", "pattern": schema::CONFIG_VAR})))]
    pub removed: Vec<String>,
}

/// One of Heroku's partner APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(tag = "api"))]
pub enum Api {
    /// The legacy App Info API: one password for the whole add-on service.
    #[cfg_attr(test, schemars(rename = "v1"))]
    V1,
    /// The Platform API for Partners: an OAuth token per add-on instance.
    #[cfg_attr(test, schemars(rename = "v3"))]
    V3 {
        /// The ARN of the secret in which an earlier version of this project has kept the instance's refresh token.
        #[cfg_attr(test, schemars(with = "Option<String>", extend("pattern" = schema::SECRET_ARN)))]
        oauth: Option<SecretArn>,
    },
}

impl Document {
    /// Reads and checks a secret's value.
    ///
    /// # Errors
    /// With every problem found, by path.
    pub fn parse(value: &SecretString) -> Result<Self, DocumentError> {
        let text = value.expose_secret();
        if text.len() > LARGEST_DOCUMENT {
            let problem = format!("it is larger than {LARGEST_DOCUMENT} bytes");
            return Err(vec![problem].into());
        }
        let fields = Fields::parse(text);
        let fields = fields.ok_or_else(|| vec!["it is not a JSON object".to_owned()])?;

        let (mut found, complete) = (Found::default(), fields.complete());
        let mut check = Check::new(complete.map(), &mut found);
        let engine = AnyEngine::read(&mut check);
        let administrator = check.parsed("masterarn");
        let heroku = check.object("heroku", HerokuBlock::read);
        let problems = &mut found.problems;
        if let Some(config) = heroku
            .as_ref()
            .map(|heroku| heroku.config.clone())
            .or_else(|| fields.heroku_config())
        {
            let before = problems.len();
            fields::check_templates(&complete, &config, problems);
            // What a broken template does not show is no mistake of its own.
            if let (Some(engine), Some(_)) = (&engine, &heroku)
                && problems.len() == before
            {
                fields::check_renewed(&complete, &config, &engine.renewed(), problems);
            }
        }
        let checked = engine.zip(administrator).zip(heroku);
        let ((engine, administrator), heroku) = found.finish(checked)?;
        Ok(Self {
            fields,
            engine,
            administrator,
            heroku,
        })
    }

    /// The config vars as they are to be shown.
    ///
    /// # Errors
    /// If a template cannot be rendered with these values, or the result is larger than Heroku
    /// takes.
    pub fn render(&self) -> Result<ConfigVars, DocumentError> {
        let renewed = self.engine.renewed().into_iter();
        let secrets = renewed
            .filter(|field| *field != "username")
            .filter_map(|field| self.fields.text(field))
            .map(SecretString::from)
            .collect();
        let rendered = fields::render(&self.fields.complete(), &self.heroku.config)?;
        let removed = self.heroku.removed.clone();
        Ok(rendered.with_secrets(secrets).without(removed))
    }

    /// The names of the fields in which another document differs, the OAuth secret's excepted.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut names = self.fields.differences(&other.fields);
        names.retain(|name| name != "heroku.oauth");
        names
    }

    /// The document as a secret's value.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        self.fields.to_secret()
    }

    /// The value of the next version, `version`: a new credential of the same kind, everything else
    /// carried over, fields that no engine knows included.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn next(&self, version: &VersionId) -> Result<SecretString, RandomError> {
        let mut fields = self.fields.clone();
        self.engine.renew(&mut fields, version)?;
        Ok(fields.to_secret())
    }
}

impl Document {
    /// The paths in which `next` is not what this document becomes as `version`. Only what is random may differ:
    /// what two renewals have differently.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn unlike(&self, next: &Self, version: &VersionId) -> Result<Vec<String>, RandomError> {
        let renewed = || {
            let mut fields = self.fields.clone();
            self.engine.renew(&mut fields, version).map(|()| fields)
        };
        let (one, another) = (renewed()?, renewed()?);
        let random = one.differences(&another);
        let mut paths = one.differences(&next.fields);
        paths.retain(|path| !random.contains(path));
        Ok(paths)
    }
}

impl Document {
    /// Whether another document is of the same login: of one name at one service, or with one password. `None` if
    /// it is of one name and nothing else, as of a server that was moved: nobody can tell.
    #[must_use]
    pub fn is_same_login(&self, other: &Self) -> Option<bool> {
        if self.engine.credential() != other.engine.credential() {
            return Some(false);
        }
        let renewed = self.engine.renewed();
        let mut fields = renewed.iter();
        let is_same = fields.all(|field| self.fields.text(field) == other.fields.text(field));
        (is_same || self.is_where(other)).then_some(true)
    }

    /// Whether another document has its service at the same addresses.
    #[must_use]
    pub fn is_where(&self, other: &Self) -> bool {
        self.engine.places() == other.engine.places()
    }

    /// The addresses of its service.
    pub(crate) fn address(&self) -> String {
        let places = self.engine.places();
        places
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What notes that the credential of this version was seen to log in: of this login, at these addresses, as this
    /// owner's. An id may come to hold another value, long after its version was forgotten.
    pub(crate) fn note(&self, version: &VersionId) -> Note {
        let mut claims = vec![version.to_string(), self.engine.credential().to_owned()];
        claims.extend(self.engine.places().iter().map(ToString::to_string));
        for field in ["engine", "owner", "previous_username", "rules_from"] {
            claims.push(self.fields.text(field).unwrap_or_default().to_owned());
        }
        Note::new(version, &claims.join("\n"))
    }

    /// Whether the credential has the name that only this version of this add-on has: rotation made it.
    pub(crate) fn is_named_after(&self, version: &VersionId) -> bool {
        let addon = self.heroku.addon_id.as_str();
        let names = [
            credential_id(addon, version),
            engine::user_of(addon, version),
        ];
        names.iter().any(|name| name == self.engine.credential())
    }
}

impl HerokuBlock {
    fn read(check: &mut Check<'_>) -> Option<Self> {
        let api = match check.one_of("api", &["v1", "v3"]) {
            Some("v1") => Some(Api::V1),
            Some(_) => Some(Api::V3 {
                oauth: check.optional("oauth"),
            }),
            None => None,
        };
        let addon_id = check.text(
            "addon_id",
            "the add-on's UUID, as Heroku gave it",
            is_addon_id,
        );
        let config = check.templates("config");
        let removed = check.config_vars("removed");
        for name in &removed {
            let is_same = |it: &String| it.eq_ignore_ascii_case(name);
            if config.iter().flat_map(BTreeMap::keys).any(is_same) {
                let problem = format!("names {name}, which config publishes");
                check.problem("removed", &problem);
            }
        }
        if !removed.is_empty() && api == Some(Api::V1) {
            let problem = "needs v3: no document says how v1 removes a config var";
            check.problem("removed", problem);
        }
        Some(Self {
            api: api?,
            addon_id: addon_id?,
            config: config?,
            removed,
        })
    }
}

/// Whether Heroku may have given an add-on this id.
pub(crate) fn is_addon_id(id: &str) -> bool {
    id.len() <= 255
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "@._-".contains(c))
}

/// Whether this is an add-on's id of [before UUIDs](https://devcenter.heroku.com/articles/add-on-app-info), like
/// `app123@heroku.com`.
pub(crate) fn is_legacy_id(id: &str) -> bool {
    id.ends_with("@heroku.com")
}

#[cfg(test)]
mod tests;
