//! OAuth's codes and tokens, each for one add-on.

use std::collections::HashMap;
use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use tokio::time::Instant;
use uuid::Uuid;

use super::model::Renewal;

/// How long a grant code can be exchanged, and an access token is accepted.
const GRANT_LIFETIME: Duration = Duration::from_mins(5);
const ACCESS_LIFETIME: Duration = Duration::from_hours(8);

pub(super) type AddOnNumber = u64;

/// Why a grant is not honoured: an unknown, used or expired code, or an ended refresh token.
pub(super) struct InvalidGrant;

pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// In seconds.
    pub(super) expires_in: u64,
}

struct RefreshToken {
    addon: AddOnNumber,
    /// The one that ends when this one is used.
    before: Option<String>,
}

#[derive(Default)]
pub(super) struct Tokens {
    pub(super) renewal: Renewal,
    codes: HashMap<String, (AddOnNumber, Instant)>,
    refresh: HashMap<String, RefreshToken>,
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
        let code = self.codes.get(grant).map(|(addon, _)| *addon);
        code.or_else(|| self.refresh.get(grant).map(|token| token.addon))
    }

    /// Uses up a code.
    pub(super) fn exchange(&mut self, code: &str) -> Result<Issued, InvalidGrant> {
        let (addon, expires) = self.codes.remove(code).ok_or(InvalidGrant)?;
        if expires <= Instant::now() {
            return Err(InvalidGrant);
        }
        let refresh_token = self.new_refresh_token(addon, None);
        Ok(Issued {
            access_token: self.new_access_token(addon),
            refresh_token,
            expires_in: ACCESS_LIFETIME.as_secs(),
        })
    }

    /// Answers a new access token, and the same or, if the rules say so, a new refresh token.
    pub(super) fn refresh(&mut self, refresh_token: &str) -> Result<Issued, InvalidGrant> {
        let sent = self.refresh.get_mut(refresh_token).ok_or(InvalidGrant)?;
        let addon = sent.addon;
        if let Some(before) = sent.before.take() {
            self.refresh.remove(&before);
        }
        let next = match self.renewal {
            Renewal::Never => refresh_token.to_owned(),
            Renewal::EndsOld => {
                self.refresh.remove(refresh_token);
                self.new_refresh_token(addon, None)
            }
            Renewal::EndsOldOnceUsed => {
                self.new_refresh_token(addon, Some(refresh_token.to_owned()))
            }
        };
        Ok(Issued {
            access_token: self.new_access_token(addon),
            refresh_token: next,
            // A refresh is answered with 28,799 s, the exchange with 28,800.
            expires_in: ACCESS_LIFETIME.as_secs().saturating_sub(1),
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

    pub(super) fn expire_access(&mut self, addon: AddOnNumber) {
        self.access.retain(|_, (owner, _)| *owner != addon);
    }

    /// Ends what lives as long as the add-on. Access tokens stay until they expire, so that their
    /// user learns from the answers that the add-on is gone.
    pub(super) fn end_grants(&mut self, addon: AddOnNumber) {
        self.codes.retain(|_, (owner, _)| *owner != addon);
        self.refresh.retain(|_, token| token.addon != addon);
    }

    /// A refresh token of the add-on, made if there is none.
    pub(super) fn any_refresh_token(&mut self, addon: AddOnNumber) -> String {
        let known = self.refresh.iter().find(|(_, it)| it.addon == addon);
        match known {
            Some((token, _)) => token.clone(),
            None => self.new_refresh_token(addon, None),
        }
    }

    pub(super) fn honours(&self, refresh_token: &str) -> bool {
        self.refresh.contains_key(refresh_token)
    }

    fn new_refresh_token(&mut self, addon: AddOnNumber, before: Option<String>) -> String {
        let token = Uuid::new_v4().to_string();
        self.refresh
            .insert(token.clone(), RefreshToken { addon, before });
        token
    }

    fn new_access_token(&mut self, addon: AddOnNumber) -> String {
        let random = Alphanumeric.sample_string(&mut rand::rng(), 40);
        let token = format!("HRKU-{random}");
        let expires = Instant::now() + ACCESS_LIFETIME;
        self.access.insert(token.clone(), (addon, expires));
        token
    }
}
