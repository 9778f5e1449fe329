//! Why an instance is not enrolled.

use crate::deadline::Transient;
use crate::document::Document;
use crate::fields::ConfigVars;
use crate::ids::SecretArn;
use crate::message;

/// An instance that is not enrolled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrollError {
    /// What was looked at is not as it must be. Nothing was changed.
    #[error(
        "Add-on {addon} is not enrolled, and nothing was changed: {}",
        message::numbered(problems)
    )]
    NotReady {
        /// The add-on's id.
        addon: String,
        /// What is wrong, all of it.
        problems: Vec<String>,
        /// Whether all of it may pass.
        transient: bool,
    },
    /// Heroku shows something else than the document renders.
    #[error(
        "Heroku shows other values for {vars} of add-on {addon} than the document renders. → Correct the credential or the templates in heroku.config, or publish what they render."
    )]
    NotShown {
        /// The add-on's id.
        addon: String,
        /// The config vars' names.
        vars: String,
    },
    /// Heroku shows no such config var.
    #[error(
        "Add-on {addon} has no config var {vars} (it has {shown}). → Use the name that the add-on's manifest declares."
    )]
    NoSuchVar {
        /// The add-on's id.
        addon: String,
        /// The config vars' names.
        vars: String,
        /// The names that Heroku shows.
        shown: String,
    },
    /// A refresh token that can be received once.
    #[error(
        "The refresh token of add-on {addon} could not be stored: {}",
        message::because(
            cause,
            "It is lost, and the grant code is used up.",
            "Ask Heroku for a new grant"
        )
    )]
    TokenLost {
        /// The add-on's id.
        addon: String,
        /// Why.
        cause: String,
    },
    /// A later step failed, and not everything could be taken back.
    #[error(
        "Add-on {addon} is not enrolled: {}",
        message::because(cause, left, LEFT)
    )]
    Left {
        /// The add-on's id.
        addon: String,
        /// What failed.
        cause: String,
        /// What is there all the same, and why.
        left: String,
        /// Whether the cause may pass.
        transient: bool,
    },
}

/// What is kept is found then, tokens among it.
const LEFT: &str =
    "Repeat the enrolment without GrantCode and RefreshToken: it completes what is left";

/// One thing that is wrong.
pub(crate) struct Problem {
    text: String,
    transient: bool,
}

impl Problem {
    /// One that somebody has to correct.
    pub(crate) fn lasting(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            transient: false,
        }
    }
}

impl Problem {
    /// A rotating secret that has lost its label.
    pub(crate) fn without_current(secret: &SecretArn) -> Self {
        Self::lasting(format!(
            "No version of {secret} is AWSCURRENT. → Put the label back on the version that Heroku shows (UpdateSecretVersionStage)"
        ))
    }

    /// A secret that AWS is deleting. One that was deleted by force is shown so for some seconds.
    pub(crate) fn deleted(secret: &SecretArn) -> Self {
        Self {
            text: format!(
                "{secret} is marked for deletion. → If it was deleted by force a moment ago, repeat the enrolment in some seconds. Otherwise restore it (RestoreSecret), or wait until it is deleted"
            ),
            transient: true,
        }
    }
}

impl<E: Transient + ToString> From<E> for Problem {
    fn from(error: E) -> Self {
        Self {
            transient: error.is_transient(),
            text: error.to_string(),
        }
    }
}

impl EnrollError {
    pub(crate) fn unless_none(addon: &str, problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        Err(Self::refused(addon, problems))
    }

    pub(crate) fn refused(addon: &str, problems: Vec<Problem>) -> Self {
        Self::NotReady {
            addon: addon.to_owned(),
            transient: problems.iter().all(|problem| problem.transient),
            problems: problems.into_iter().map(|problem| problem.text).collect(),
        }
    }

    pub(crate) fn no_grant(addon: &str) -> Self {
        Self::NotReady {
            addon: addon.to_owned(),
            problems: vec![NO_GRANT.to_owned()],
            transient: false,
        }
    }

    /// Whether Heroku shows what the document renders.
    pub(crate) fn unless_shown(
        document: &Document,
        shown: &ConfigVars,
    ) -> Result<(), crate::Error> {
        let rendered = document.render()?;
        let missing = shown.missing(&rendered);
        if missing.is_empty() {
            return Ok(());
        }
        let unknown = shown.unknown(&rendered);
        if !unknown.is_empty() {
            let names: Vec<_> = shown.names().collect();
            return Err(Self::NoSuchVar {
                addon: document.heroku.addon_id.clone(),
                vars: unknown.join(", "),
                shown: if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                },
            }
            .into());
        }
        Err(Self::NotShown {
            addon: document.heroku.addon_id.clone(),
            vars: missing.join(", "),
        }
        .into())
    }
}

pub(crate) const NO_GRANT: &str = "There is no refresh token of this v3 instance, and the event has none. → Add GrantCode (from Heroku's provisioning request) or RefreshToken";

impl Transient for EnrollError {
    fn is_transient(&self) -> bool {
        match self {
            Self::NotReady { transient, .. } | Self::Left { transient, .. } => *transient,
            Self::NotShown { .. } | Self::NoSuchVar { .. } | Self::TokenLost { .. } => false,
        }
    }
}
