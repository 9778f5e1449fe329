//! Making a version's user after the one before it.

use secrecy::ExposeSecret as _;

use super::account::{Account, account, literal};
use super::session::Session;
use super::verifier::Plugin;
use super::{Mysql, grants};
use crate::engine::ServiceError;

impl Mysql {
    /// Makes the user from the one before it. A step that was done already is done to no effect.
    pub(super) async fn copy_user(&self, session: &mut Session) -> Result<(), ServiceError> {
        session.is_writable()?;
        let name = self.username.as_str();
        let model = self.previous_username.as_deref().unwrap_or(name);
        let models = Account::of(session, model).await?;
        let revoked = model != name && models.iter().any(|account| account.locked);
        if models.is_empty() || revoked {
            return self.without_model(session, model, revoked).await;
        }
        let mut unlocks = Vec::new();
        warn_of_expiry(session, model, &models).await?;
        for account in &models {
            unlocks.push(self.copy_account(session, account, model).await?);
        }
        for unlock in unlocks {
            session.execute(&unlock).await?;
        }
        Ok(())
    }

    /// What making the user needs, tried to no effect: on a user of whom nobody has heard.
    pub(super) async fn rehearse_copy(&self, session: &mut Session) -> Result<(), ServiceError> {
        session.is_writable()?;
        let name = self.username.as_str();
        let model = self.previous_username.as_deref().unwrap_or(name);
        let models = Account::of(session, model).await?;
        if models.is_empty() {
            return self.without_model(session, model, false).await;
        }
        for found in &models {
            plugin_of_copy(session, found, model)?;
            let original = account(model, &found.host);
            // The privilege that dropping needs is the one that making needs, and is asked for first.
            let copy = account(name, &found.host);
            session
                .execute(&format!("DROP USER IF EXISTS {copy}"))
                .await?;
            let grants = grants_of(session, &original, (model, &found.host), name).await?;
            for grant in grants {
                match session.attempt(&grant).await {
                    Ok(_) => {}
                    // That the administrator may grant it is what the server looked at before.
                    Err(fault) if fault.is_of_no_user() || fault.is_out_of_reach(&grant) => {}
                    Err(fault) => return Err(session.error_at(fault, &grant)),
                }
            }
        }
        Ok(())
    }

    /// The user before is gone or locked: long after this one was made, or too soon.
    async fn without_model(
        &self,
        session: &mut Session,
        model: &str,
        locked: bool,
    ) -> Result<(), ServiceError> {
        let made = Account::of(session, &self.username).await?;
        if !made.is_empty() && made.iter().all(|account| !account.locked) {
            return Ok(());
        }
        if locked {
            let found = format!("the user {model} is locked, and its successor would not be");
            return Err(session.rejected(
                found,
                "Unlock it (ALTER USER … ACCOUNT UNLOCK), or deprovision its instance",
            ));
        }
        let found = format!("there is no user {model}, whose privileges the new user is to get");
        Err(session.rejected(
            found,
            "Take AWSPENDING off, correct the current version's document, and rotate again",
        ))
    }

    /// Makes one account, but for what unlocks it: that statement is answered.
    async fn copy_account(
        &self,
        session: &mut Session,
        model: &Account,
        model_name: &str,
    ) -> Result<String, ServiceError> {
        let name = self.username.as_str();
        let original = account(model_name, &model.host);
        let plugin = plugin_of_copy(session, model, model_name)?;
        let copy = account(name, &model.host);
        let identified = format!(
            "{copy} IDENTIFIED WITH {} AS {}",
            plugin.name(),
            literal(&plugin.verifier(name, self.password.expose_secret()))
        );
        let locked = model.attributes("LOCK");
        session
            .execute(&format!("CREATE USER IF NOT EXISTS {identified} {locked}"))
            .await?;
        for grant in grants_of(session, &original, (model_name, &model.host), name).await? {
            regrant(session, &grant).await?;
        }
        if let Some(default) = model.default_roles(session, model_name, name).await? {
            session.execute(&default).await?;
        }
        let unlocked = model.attributes("UNLOCK");
        Ok(format!("ALTER USER {identified} {unlocked}"))
    }
}

fn plugin_of_copy(
    session: &Session,
    model: &Account,
    model_name: &str,
) -> Result<Plugin, ServiceError> {
    model.plugin_of_copy(session.dialect).ok_or_else(|| {
        let original = account(model_name, &model.host);
        let found = format!("{original} logs in by the plugin {}", model.plugin);
        let remedy =
            "Give it a password by mysql_native_password, or on MySQL by caching_sha2_password";
        session.rejected(found, remedy)
    })
}

/// The new user's password lives as long as the one before it, from now on: how often it is rotated,
/// nobody here knows.
async fn warn_of_expiry(
    session: &mut Session,
    user: &str,
    accounts: &[Account],
) -> Result<(), ServiceError> {
    let default = if accounts.iter().any(|account| account.lifetime.is_none()) {
        let rows = session.rows("SELECT @@default_password_lifetime").await?;
        let days = rows.into_iter().flatten().next().flatten();
        days.and_then(|days| days.parse().ok()).unwrap_or_default()
    } else {
        0
    };
    let lifetimes = accounts.iter().map(|it| it.lifetime.unwrap_or(default));
    if let Some(days) = lifetimes.filter(|days| *days > 0).min() {
        tracing::warn!(
            user,
            days,
            "the user's password expires {days} days after each rotation, and the server refuses its apps then: rotate more often, or run ALTER USER … PASSWORD EXPIRE NEVER"
        );
    }
    Ok(())
}

/// Whoever lets another user act for a third lacks the right to it.
const MAY_NOT_PROXY: u16 = 1698;

/// What gives `name` the grants of an account.
async fn grants_of(
    session: &mut Session,
    original: &str,
    model: (&str, &str),
    name: &str,
) -> Result<Vec<String>, ServiceError> {
    let rows = session.rows(&format!("SHOW GRANTS FOR {original}")).await?;
    let shown = rows.iter().filter_map(|row| row.first()?.as_deref());
    let grants: Vec<_> = shown
        .filter_map(|shown| grants::regranted(shown, model, name))
        .collect();
    if grants.iter().any(|grant| grants::hands_on(grant)) {
        tracing::warn!(
            user = original,
            "the user can hand privileges or roles to another login, which no rotation ends. If its apps do not need that, revoke its GRANT OPTION, and grant its roles again without ADMIN OPTION"
        );
    }
    Ok(grants)
}

/// Gives what still can be given: privileges outlive the tables and columns that they are for.
async fn regrant(session: &mut Session, grant: &str) -> Result<(), ServiceError> {
    match session.attempt(grant).await {
        Ok(_) => return Ok(()),
        Err(fault) if grant.starts_with("GRANT PROXY ") && fault.has_code(MAY_NOT_PROXY) => {
            tracing::warn!(
                grant,
                "every user may let others act for it, and the administrator may not: the new user does not get the grant"
            );
            return Ok(());
        }
        Err(fault) if fault.is_out_of_reach(grant) => {}
        Err(fault) => return Err(session.error_at(fault, grant)),
    }
    for grant in grants::one_by_one(grant) {
        match session.attempt(&grant).await {
            Ok(_) => {}
            Err(fault) if fault.is_out_of_reach(&grant) => {
                tracing::warn!(
                    grant,
                    "the grant's object is gone, or a view that cannot be opened: the new user does not get the grant"
                );
            }
            Err(fault) => return Err(session.error_at(fault, &grant)),
        }
    }
    Ok(())
}
