//! OAuth's codes and tokens, each for one add-on.

use std::collections::HashMap;
use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use tokio::time::Instant;
use uuid::Uuid;

use super::model::TokenRules;

/// How long a grant code can be exchanged.
const GRANT_LIFETIME: Duration = Duration::from_mins(5);

/// The number of an add-on within the stand-in.
pub(super) type AddOnNumber = u64;

/// Why a grant is not honoured: an unknown, used or expired code, or an ended refresh token.
pub(super) struct InvalidGrant;

/// The tokens of one answer.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// In seconds.
    pub(super) expires_in: u64,
}

#[derive(Default)]
pub(super) struct Tokens {
    pub(super) rules: TokenRules,
    codes: HashMap<String, (AddOnNumber, Instant)>,
    refresh: HashMap<String, AddOnNumber>,
    access: HashMap<String, (AddOnNumber, Instant)>,
}

impl Tokens {
    pub(super) fn new_code(&mut self, addon: AddOnNumber) -> String {
        let code = Uuid::new_v4().to_string();
        let expires = Instant::now() + GRANT_LIFETIME;
        self.codes.insert(code.clone(), (addon, expires));
        code
    }

    /// The add-on that a code or refresh token, good or expired, belongs to.
    pub(super) fn owner_of_grant(&self, grant: &str) -> Option<AddOnNumber> {
        let code = self.codes.get(grant).map(|(addon, _)| addon);
        code.or_else(|| self.refresh.get(grant)).copied()
    }

    /// Uses up a code.
    pub(super) fn exchange(&mut self, code: &str) -> Result<Issued, InvalidGrant> {
        let (addon, expires) = self.codes.remove(code).ok_or(InvalidGrant)?;
        if expires <= Instant::now() {
            return Err(InvalidGrant);
        }
        let refresh_token = self.new_refresh_token(addon);
        Ok(Issued {
            access_token: self.new_access_token(addon),
            refresh_token,
            expires_in: self.rules.access_lifetime.as_secs(),
        })
    }

    /// Answers a new access token, and the same or, if the rules say so, a new refresh token.
    pub(super) fn refresh(&mut self, refresh_token: &str) -> Result<Issued, InvalidGrant> {
        let addon = *self.refresh.get(refresh_token).ok_or(InvalidGrant)?;
        let next = if self.rules.rotate_refresh_token {
            self.refresh.remove(refresh_token);
            self.new_refresh_token(addon)
        } else {
            refresh_token.to_owned()
        };
        Ok(Issued {
            access_token: self.new_access_token(addon),
            refresh_token: next,
            // A refresh is answered with 28,799 s, the exchange with 28,800.
            expires_in: self.rules.access_lifetime.as_secs().saturating_sub(1),
        })
    }

    /// The add-on that an access token is for, if the token has not expired.
    pub(super) fn check(&mut self, access_token: &str) -> Option<AddOnNumber> {
        let (addon, expires) = *self.access.get(access_token)?;
        if expires <= Instant::now() {
            self.access.remove(access_token);
            return None;
        }
        Some(addon)
    }

    /// Expires an add-on's access tokens.
    pub(super) fn expire_access(&mut self, addon: AddOnNumber) {
        self.access.retain(|_, (owner, _)| *owner != addon);
    }

    /// Ends what lives as long as the add-on. Access tokens stay until they expire, so that their
    /// user learns from the answers that the add-on is gone.
    pub(super) fn end_grants(&mut self, addon: AddOnNumber) {
        self.codes.retain(|_, (owner, _)| *owner != addon);
        self.refresh.retain(|_, owner| *owner != addon);
    }

    /// A refresh token of the add-on, made if there is none.
    pub(super) fn any_refresh_token(&mut self, addon: AddOnNumber) -> String {
        let known = self.refresh.iter().find(|(_, owner)| **owner == addon);
        match known {
            Some((token, _)) => token.clone(),
            None => self.new_refresh_token(addon),
        }
    }

    fn new_refresh_token(&mut self, addon: AddOnNumber) -> String {
        let token = Uuid::new_v4().to_string();
        self.refresh.insert(token.clone(), addon);
        token
    }

    fn new_access_token(&mut self, addon: AddOnNumber) -> String {
        let random = Alphanumeric.sample_string(&mut rand::rng(), 40);
        let token = format!("HRKU-{random}");
        let expires = Instant::now() + self.rules.access_lifetime;
        self.access.insert(token.clone(), (addon, expires));
        token
    }
}
