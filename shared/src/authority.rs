//! What a document may have done with a login that is not its own.
//!
//! A document is data: whoever may write one is trusted with that instance and with nothing else. So what it
//! names is compared with what others say, before anything is sent anywhere:
//!
//! - the secret's name says which add-on it is of, and where its administrator and its tokens are: [`Names`];
//! - the administrator's secret says which addresses its login is for: [`serves`];
//! - the pending document is the current one's renewal ([`renews`]), and the current version's credential logs in
//!   before that is issued ([`possession`]).

mod address;
mod error;

use std::fmt::Display;
use std::time::Duration;

use secrecy::SecretString;

pub(crate) use address::Place;
use address::Served;
pub use error::AuthorityError;

use crate::configuration::{ConfigurationError, Environment};
use crate::deadline::Deadline;
use crate::document::{Api, Document, Fields};
use crate::event::{SecretArn, StepEvent, VersionId};
use crate::secrets::Secret;
use crate::service::{Services, Verdict};
use crate::steps::StepError;
use crate::telemetry::Metric;

/// Kept back to look whether the pending credential is there already.
const LOOKING: Duration = Duration::from_secs(5);

/// What the names of a stack's secrets begin with. What follows is the add-on's id, but for the administrators'.
#[derive(Clone, Debug)]
pub struct Names {
    /// `SECRET_NAME_PREFIX`: the rotating secrets'.
    pub credentials: String,
    /// `ADMINISTRATOR_SECRET_NAME_PREFIX`: the administrators'.
    pub administrators: String,
    /// `OAUTH_SECRET_NAME_PREFIX`: those of the add-on instances' tokens.
    pub oauth: String,
}

impl Names {
    /// Reads the three prefixes.
    ///
    /// # Errors
    /// If one is missing, or begins with another: a secret would have two meanings.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let mut environment = Environment::new();
        let mut prefix = |name: &str, of: &str| {
            let text: Option<String> = environment.required(name, of);
            text.filter(|text| !text.is_empty())
        };
        let names = (
            prefix("SECRET_NAME_PREFIX", "the rotating secrets' prefix"),
            prefix(
                "ADMINISTRATOR_SECRET_NAME_PREFIX",
                "the administrators' secrets' prefix",
            ),
            prefix("OAUTH_SECRET_NAME_PREFIX", "the OAuth secrets' prefix"),
        );
        let names = (|| {
            Some(Self {
                credentials: names.0?,
                administrators: names.1?,
                oauth: names.2?,
            })
        })();
        if names.as_ref().is_some_and(Self::overlap) {
            environment.problem(
                "SECRET_NAME_PREFIX, ADMINISTRATOR_SECRET_NAME_PREFIX and OAUTH_SECRET_NAME_PREFIX must not begin with one another",
            );
        }
        environment.finish(names)
    }

    fn overlap(&self) -> bool {
        let all = [&self.credentials, &self.administrators, &self.oauth];
        let mut pairs = (0..3).flat_map(|one| (0..3).map(move |other| (one, other)));
        pairs.any(|(one, other)| one != other && all[one].starts_with(all[other].as_str()))
    }

    /// The name of an instance's rotating secret.
    #[must_use]
    pub fn secret_of(&self, addon: &str) -> String {
        format!("{}{addon}", self.credentials)
    }

    /// The name of an instance's OAuth secret.
    #[must_use]
    pub fn oauth_of(&self, addon: &str) -> String {
        format!("{}{addon}", self.oauth)
    }

    /// The document that the secret of this name holds: read, checked, and shown to be that secret's own.
    ///
    /// # Errors
    /// If it is not usable, or names what is not the instance's.
    pub fn document(
        &self,
        secret: &SecretArn,
        name: &str,
        value: &SecretString,
    ) -> Result<Document, crate::Error> {
        let document = Document::parse(value).map_err(|error| error.of(secret))?;
        self.bind(secret, name, &document)?;
        Ok(document)
    }

    /// Shows that a document belongs into the secret of this name. `beside` is an ARN of the account and
    /// region that the stack's secrets are in.
    pub(crate) fn bind(
        &self,
        beside: &impl Display,
        name: &str,
        document: &Document,
    ) -> Result<(), AuthorityError> {
        let addon = document.heroku.addon_id.as_str();
        let expected = self.secret_of(addon);
        if name != expected {
            return Err(AuthorityError::Name {
                secret: name.to_owned(),
                addon: addon.to_owned(),
                expected,
            });
        }
        self.bind_administrator(beside, document)?;
        let beside = beside.to_string();
        if let Api::V3 { oauth } = &document.heroku.api {
            let expected = self.oauth_of(addon);
            if !is_beside(&beside, oauth) || oauth.name() != Some(expected.as_str()) {
                return Err(AuthorityError::OAuth {
                    addon: addon.to_owned(),
                    oauth: oauth.clone(),
                    expected: at(&beside, &expected),
                });
            }
        }
        Ok(())
    }

    /// As [`Names::bind`], of what a document names before its secrets are made.
    pub(crate) fn bind_administrator(
        &self,
        beside: &impl Display,
        document: &Document,
    ) -> Result<(), AuthorityError> {
        let (beside, administrator) = (beside.to_string(), &document.administrator);
        let resource = administrator.resource();
        let name = resource.strip_prefix(&self.administrators);
        if is_beside(&beside, administrator) && name.is_some_and(|name| !name.is_empty()) {
            return Ok(());
        }
        Err(AuthorityError::Administrator {
            addon: document.heroku.addon_id.clone(),
            administrator: administrator.clone(),
            expected: at(&beside, &format!("{}*", self.administrators)),
        })
    }
}

/// The parts of an ARN that tell partition, region and account.
fn place_of(arn: &str) -> Option<[&str; 3]> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    Some([*parts.get(1)?, *parts.get(3)?, *parts.get(4)?])
}

fn is_beside(beside: &str, secret: &SecretArn) -> bool {
    let place = place_of(secret.as_str());
    place.is_some() && place == place_of(beside)
}

fn at(beside: &str, name: &str) -> String {
    let [partition, region, account] = place_of(beside).unwrap_or(["aws", "*", "*"]);
    format!("arn:{partition}:secretsmanager:{region}:{account}:secret:{name}")
}

/// Shows that every address of the document is one that its administrator's login is for. `administrator` is
/// the value of the secret that `masterarn` names.
///
/// # Errors
/// If one is not, or the administrator's secret says no address.
pub fn serves(document: &Document, administrator: &Fields) -> Result<(), AuthorityError> {
    let secret = &document.administrator;
    let places = document.engine.places();
    let served = Served::read(administrator).map_err(|problem| AuthorityError::Addresses {
        administrator: secret.clone(),
        problem,
        example: places.first().map_or("{}", Place::example),
    })?;
    let Some(foreign) = places.iter().find(|place| !served.has(place)) else {
        return Ok(());
    };
    Err(AuthorityError::NotServed {
        addon: document.heroku.addon_id.clone(),
        path: foreign.path.clone(),
        address: foreign.to_string(),
        administrator: secret.clone(),
        served: served.to_string(),
    })
}

/// What is to be issued, and what it is to be issued in place of.
pub(crate) struct Succession<'a> {
    /// The pending version's document.
    pub(crate) pending: &'a Document,
    /// The current version, and its document.
    pub(crate) current: (&'a VersionId, &'a Document),
}

/// Whose word stands for a credential that is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Possession {
    /// The current version's credential has logged in.
    Shown,
    /// An operator's.
    Vouched,
    /// Nobody's is needed: the pending credential is accepted already.
    Issued,
}

/// Shows that the pending document is the current one's renewal, and nothing else.
///
/// # Errors
/// If they differ in more than rotation makes, with the paths.
pub(crate) fn renews(event: &StepEvent, succession: &Succession<'_>) -> Result<(), crate::Error> {
    let (version, current) = succession.current;
    let paths = current
        .unlike(succession.pending, &event.version)
        .map_err(StepError::from)?;
    if paths.is_empty() {
        return Ok(());
    }
    Err(AuthorityError::NoRenewal {
        secret: event.secret.clone(),
        pending: event.version.clone(),
        current: version.clone(),
        paths,
    }
    .into())
}

/// Shows that whoever had the pending document made has the credential that it takes the place of.
///
/// # Errors
/// If the service refuses the current credential, or says that its login is another than the document claims, or
/// does not answer.
pub(crate) async fn possession(
    event: &StepEvent,
    succession: &Succession<'_>,
    services: &Services,
    deadline: Deadline,
) -> Result<Possession, crate::Error> {
    let (version, current) = succession.current;
    if event.vouched {
        tracing::warn!(current = %version, "an operator vouches for the current credential: it does not have to log in");
        Metric::Vouched.count();
        return Ok(Possession::Vouched);
    }
    let shown = services.verify(current, deadline.less(LOOKING)).await;
    if shown == Ok(Verdict::Accepted) {
        return Ok(Possession::Shown);
    }
    // What an operator has vouched for is issued.
    if services.verify(succession.pending, deadline).await == Ok(Verdict::Accepted) {
        tracing::info!(current = %version, "the pending credential is issued already");
        return Ok(Possession::Issued);
    }
    shown?;
    Err(AuthorityError::NotShown {
        secret: event.secret.clone(),
        current: version.clone(),
        addon: current.heroku.addon_id.clone(),
    }
    .into())
}

/// Shows that a version's credential is the instance's own, so that it may be ended: rotation made it, or it was
/// seen to log in. A `LIVE-` label does not show it: whoever may store a value may label it.
///
/// # Errors
/// If nothing shows it.
pub(crate) fn own(
    arn: &SecretArn,
    secret: &Secret,
    version: &VersionId,
    document: &Document,
) -> Result<(), AuthorityError> {
    if document.is_named_after(version) || secret.is_shown(version) {
        return Ok(());
    }
    Err(AuthorityError::NotOwn {
        secret: arn.clone(),
        version: version.clone(),
    })
}

#[cfg(test)]
mod tests;
