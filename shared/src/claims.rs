//! What a document may claim: that nothing is done with a login that is not its own.
//!
//! A document is data: whoever may write one is trusted with that instance and with nothing else. So what it
//! names is compared with what others say, before anything is sent anywhere:
//!
//! - the secret's name says which add-on it is of, and where its administrator and its tokens are: [`Names`];
//! - the administrator's secret says which addresses its login is for: [`serves`];
//! - the pending document is the current one's renewal, and the current version's credential logs in before that is
//!   issued: the steps show that.

use std::collections::HashMap;
use std::fmt::Display;

use crate::authority::{AuthorityError, Place, Served};
use crate::document::{Api, Document};
use crate::fields::{Check, Fields, Found};
use crate::ids::SecretArn;
use crate::start::name;

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
    /// As the environment variables of a function have them.
    ///
    /// # Errors
    /// With what is missing or malformed.
    pub fn of(variables: &HashMap<String, String>) -> Result<Self, Vec<String>> {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| (name.clone(), value.as_str().into()));
        let (variables, mut found) = (variables.collect(), Found::of_texts());
        let names = Self::read(&mut Check::new(&variables, &mut found));
        found.finish(names)
    }

    /// Reads the three prefixes. None begins with another: a secret would have two meanings.
    pub(crate) fn read(variables: &mut Check<'_>) -> Option<Self> {
        const VARIABLES: [&str; 3] = [
            "SECRET_NAME_PREFIX",
            "ADMINISTRATOR_SECRET_NAME_PREFIX",
            "OAUTH_SECRET_NAME_PREFIX",
        ];
        let [credentials, administrators, oauth] =
            VARIABLES.map(|variable| name(variables, variable, "a prefix of secrets' names"));
        let names = Self {
            credentials: credentials?,
            administrators: administrators?,
            oauth: oauth?,
        };
        if names.overlap() {
            variables.problem(&VARIABLES.join(", "), "must not begin with each other");
        }
        Some(names)
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

    /// Shows that a document belongs into the secret of this name. `beside` is an ARN of the account and
    /// region that the stack's secrets are in.
    ///
    /// # Errors
    /// If it does not: with what the document names, and what it should.
    pub fn bind(
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
        if let Api::V3 { oauth: Some(oauth) } = &document.heroku.api {
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

#[cfg(test)]
mod tests;
