//! Why a call to the service failed.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::time::Duration;

use crate::authority::AuthorityError;
use crate::deadline::Transient;
use crate::ids::{SecretArn, VersionId};
use crate::message;
use crate::net::Unreachable;

/// Whose affair a failed call is, and whether it can pass. Each engine decides it in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No answer. The call may have taken effect; it can be repeated.
    Unreachable,
    /// The service is there but out of order or too busy.
    Unavailable,
    /// The service does not take the administrator's credential, or it lacks a right.
    Administrator,
    /// The service understood and said no.
    Rejected,
    /// The credential is right, and what its role or its database sets, or may not, leaves it no session, or another
    /// one than it should have.
    KeptOut,
    /// The password is not sent in the way in which the server asks for it, or the server has not proved that it
    /// knows it.
    Withheld,
}

/// Why a call failed, without what it may quote of a statement or a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Nothing came that could be understood.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The service's own words.
    #[error("{} ({code})", message::bare(&message::plain(words)))]
    Answer {
        /// Its code.
        code: String,
        /// Its words.
        words: String,
    },
    /// What was found there.
    #[error("{}", message::plain(_0))]
    Found(String),
}

/// A call that failed: an operation (a service and what it was asked to do), its kind, its cause, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CallError {
    /// The service's address, without any credential.
    pub service: String,
    /// What it was asked to do: `Creating a role`.
    pub action: &'static str,
    /// Whose affair it is.
    pub kind: Kind,
    /// Why it failed.
    #[source]
    pub cause: Cause,
    /// What is true besides: `; its login is closed already`.
    besides: String,
    remedy: Cow<'static, str>,
    /// How long the service asked to wait.
    retry_after: Option<Duration>,
    administrator: Option<SecretArn>,
    /// Whether the service had found a customer's password right.
    is_of_right_password: bool,
}

impl CallError {
    pub(crate) fn new(
        service: impl Display,
        action: &'static str,
        kind: Kind,
        cause: Cause,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            service: service.to_string(),
            action,
            kind,
            cause,
            besides: String::new(),
            remedy: remedy.into(),
            retry_after: None,
            administrator: None,
            is_of_right_password: false,
        }
    }

    pub(crate) fn unreachable(
        service: impl Display,
        action: &'static str,
        reason: Unreachable,
    ) -> Self {
        let (kind, remedy) = (Kind::Unreachable, reason.remedy());
        Self::new(service, action, kind, reason.into(), remedy)
    }

    pub(crate) fn retry_after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }
}

impl Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = match self.kind {
            Kind::Administrator => "the service refused the administrator: ",
            Kind::Withheld => "the password was not sent: ",
            Kind::Unreachable | Kind::Unavailable | Kind::Rejected | Kind::KeptOut => "",
        };
        write!(
            f,
            "{} at {} failed: {refused}{}{}.",
            self.action, self.service, self.cause, self.besides
        )?;
        match (self.kind, &self.administrator) {
            _ if !self.remedy.is_empty() => f.write_str(&message::remedy(&self.remedy)),
            (Kind::Administrator, Some(secret)) => {
                write!(f, " → Put the administrator's right login into {secret} (masterarn).")
            }
            (Kind::Administrator, None) => f.write_str(
                " → Put the administrator's right login into the administrator's secret (masterarn).",
            ),
            (Kind::Unreachable | Kind::Unavailable, _) => {
                f.write_str(" → Look in the server's log.")
            }
            (Kind::Rejected | Kind::Withheld | Kind::KeptOut, _) => f.write_str(
                " → Compare the document and the server with the engine's prerequisites.",
            ),
        }
    }
}

/// A call to the service that failed, or that was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A call failed.
    #[error(transparent)]
    Call(Box<CallError>),
    /// The administrator's secret lacks a field.
    #[error(
        "The administrator's secret {secret} has no text in {field:?}. → Store it there, from your own records."
    )]
    AdministratorField {
        /// The administrator's secret.
        secret: SecretArn,
        /// The field that the engine needs.
        field: &'static str,
    },
    /// The administrator's secret has another value in a field than those that it may have.
    #[error(
        "The administrator's secret {secret} has an unknown value in {field:?}. → Store {expected} there."
    )]
    AdministratorOption {
        /// The administrator's secret.
        secret: SecretArn,
        /// The field.
        field: &'static str,
        /// What may be in it.
        expected: &'static str,
    },
    /// The document has no right to the administrator's login. Nobody was asked anything.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The step has no right to the administrator's secret, by design.
    #[error(
        "This function has no administrator's credential. → Report it: this is a fault of the function."
    )]
    NoAdministrator,
    /// The service confirmed the credential and still refuses it.
    #[error(
        "The service does not accept the credential of version {0}. → Check that the service acts upon what it confirms."
    )]
    NotAccepted(VersionId),
    /// The service refuses the revoked credential, and the current one as well.
    #[error(
        "The service refuses the revoked credential of version {0}, and the current one as well: the refusal proves nothing. → Check that the service works. If it does, store the current credential that works, or recover the instance: addon-rotation-operator recover."
    )]
    Unproven(VersionId),
    /// The service confirmed the revocation and still accepts the credential.
    #[error(
        "The service still accepts the revoked credential of version {0}. → Check that the service acts upon what it confirms."
    )]
    StillAccepted(VersionId),
}

impl From<CallError> for ServiceError {
    fn from(error: CallError) -> Self {
        Self::Call(Box::new(error))
    }
}

impl ServiceError {
    /// The kind of a call that failed.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Call(call) => Some(call.kind),
            _ => None,
        }
    }

    /// Whose login it was.
    pub(crate) fn with_administrator(self, secret: &SecretArn) -> Self {
        self.and(|call| call.administrator = Some(secret.clone()))
    }

    /// What is true besides, once.
    pub(crate) fn besides(self, besides: &str) -> Self {
        self.and(|call| {
            if !call.besides.contains(besides) {
                call.besides.push_str(besides);
            }
        })
    }

    /// As of a login whose password the service has found right, whatever it did then.
    pub(super) fn of_right_password(self) -> Self {
        self.and(|call| call.is_of_right_password = true)
    }

    /// Whether the service has found the password right: the login is shown, whatever keeps it out.
    pub(crate) fn is_of_right_password(&self) -> bool {
        matches!(self, Self::Call(call) if call.is_of_right_password)
    }

    /// As of a login that what is set for it keeps out.
    pub(super) fn kept_out(self, remedy: &'static str) -> Self {
        self.and(|call| {
            call.kind = Kind::KeptOut;
            if call.remedy.is_empty() {
                call.remedy = remedy.into();
            }
        })
    }

    /// The same of another kind, and what to do about that.
    pub(super) fn instead(self, kind: Kind, remedy: &'static str) -> Self {
        self.and(|call| {
            call.kind = kind;
            call.remedy = remedy.into();
        })
    }

    fn and(mut self, change: impl FnOnce(&mut CallError)) -> Self {
        if let Self::Call(call) = &mut self {
            change(call);
        }
        self
    }
}

impl Transient for ServiceError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Call(call) => match (call.kind, &call.cause) {
                (Kind::Unreachable, Cause::Unreachable(reason)) => reason.is_transient(),
                (Kind::Unreachable | Kind::Unavailable, _) => true,
                (Kind::Administrator | Kind::Rejected | Kind::Withheld | Kind::KeptOut, _) => false,
            },
            Self::NotAccepted(_) | Self::Unproven(_) | Self::StillAccepted(_) => true,
            Self::AdministratorField { .. }
            | Self::AdministratorOption { .. }
            | Self::Authority(_)
            | Self::NoAdministrator => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call(call) => call.retry_after,
            _ => None,
        }
    }
}
