//! What Heroku can answer instead of what was asked for, and what to do about it.

use std::time::Duration;

use serde::Deserialize;

use crate::aws::AwsError;
use crate::deadline::Transient;
use crate::message;
use crate::net::{Answer, Unreachable};

/// The ids of [Heroku's errors](https://devcenter.heroku.com/articles/platform-api-reference#error-responses)
/// and of [OAuth's](https://datatracker.ietf.org/doc/html/rfc6749#section-5.2).
const IDS: [&str; 23] = [
    "bad_request",
    "conflict",
    "delinquency",
    "delinquent",
    "forbidden",
    "gone",
    "internal_server_error",
    "invalid_client",
    "invalid_grant",
    "invalid_params",
    "invalid_request",
    "invalid_scope",
    "not_acceptable",
    "not_found",
    "rate_limit",
    "service_unavailable",
    "suspended",
    "too_many_requests",
    "unauthorized",
    "unauthorized_client",
    "unprocessable_entity",
    "unsupported_grant_type",
    "verification_required",
];

const LONGEST_REQUEST_ID: usize = 200;

/// A call to Heroku that failed. `request_id` is what Heroku's support asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HerokuError {
    /// No answer. A write may have taken effect.
    #[error(
        "{action} at Heroku failed: {reason}. → Check the functions' way to the internet (NAT gateway, proxy, DNS), and https://status.heroku.com."
    )]
    Unreachable {
        /// What was asked for, with the add-on's id.
        action: String,
        /// What happened, and whether it can pass.
        #[source]
        reason: Unreachable,
    },
    /// Heroku is out of order or busy, or its answer is no Heroku answer.
    #[error(
        "{action} at Heroku failed: it answered {answer}. → Look at https://status.heroku.com."
    )]
    Unavailable {
        /// What was asked for, with the add-on's id.
        action: String,
        /// Status and id of the answer.
        answer: String,
    },
    /// The account's rate limit is used up.
    #[error(
        "{action} at Heroku failed: the rate limit is used up ({answer}). → Wait, or rotate fewer instances at once."
    )]
    RateLimited {
        /// What was asked for, with the add-on's id.
        action: String,
        /// Status and id of the answer.
        answer: String,
        /// How long Heroku asked to wait.
        retry_after: Option<Duration>,
    },
    /// Heroku does not know these credentials.
    #[error("{action} at Heroku failed: it refused the credentials ({answer}). → {remedy}.")]
    Unauthorized {
        /// What was asked for, with the add-on's id.
        action: String,
        /// Status and id of the answer.
        answer: String,
        /// Which secret to correct.
        remedy: String,
    },
    /// There is no such add-on, or not any more.
    #[error(
        "{action} at Heroku failed: there is no such add-on ({answer}). → Correct heroku.addon_id. If it is right, the add-on is deprovisioned or still being provisioned."
    )]
    Gone {
        /// What was asked for, with the add-on's id.
        action: String,
        /// Status and id of the answer.
        answer: String,
    },
    /// Heroku understood and said no.
    #[error(
        "{action} at Heroku failed: it refused ({answer}). → Declare these config vars in the add-on's manifest, and check that Heroku has granted you this API."
    )]
    Refused {
        /// What was asked for, with the add-on's id and the config vars' names.
        action: String,
        /// Status and id of the answer.
        answer: String,
    },
    /// Heroku confirmed a write and shows something else.
    #[error(
        "Heroku does not show what was written to {vars} of add-on {addon}. → Check that nothing else writes these config vars, and that the template has no blanks at its ends, which Heroku may strip."
    )]
    NotShown {
        /// The add-on's id.
        addon: String,
        /// The config vars' names.
        vars: String,
    },
    /// A config var may be any of several.
    #[error(
        "Heroku shows several config vars of add-on {addon} that could be {var}: {shown}. Nothing was written. → Use the right one's name in heroku.config."
    )]
    Ambiguous {
        /// The add-on's id.
        addon: String,
        /// The config var of the document.
        var: String,
        /// The names that Heroku shows.
        shown: String,
    },
    /// The instance's tokens could not be read or stored.
    #[error(transparent)]
    Tokens(#[from] AwsError),
    /// Heroku renewed the refresh token, and it could not be stored.
    #[error(
        "Heroku has renewed the refresh token, and the new one could not be stored: {}",
        message::because(
            &source.to_string(),
            "The old one may not work any more.",
            &format!("If Heroku refuses it from now on, ask Heroku for a new grant for this add-on, and store its refresh token: {place}")
        )
    )]
    Unstored {
        /// Where it belongs.
        place: String,
        /// What storing it was answered last.
        source: Box<AwsError>,
    },
    /// The partner secret lacks a field.
    #[error("Secret {secret} has no text in {field:?}. → Store it there.")]
    Incomplete {
        /// The partner secret.
        secret: String,
        /// The field.
        field: &'static str,
    },
}

impl HerokuError {
    /// Whether the add-on instance does not exist.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    pub(super) fn not_shown(addon: &str, vars: &[&str]) -> Self {
        Self::NotShown {
            addon: addon.to_owned(),
            vars: vars.join(", "),
        }
    }

    /// The error for an answer that is no success. `remedy` is what to do about a 401.
    pub(super) fn from_answer(action: String, answer: &Answer, remedy: &str) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(alias = "error")] // OAuth's name for it
            id: String,
        }
        let header = |name: &str| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        // Heroku's message is not repeated: it may quote what was sent. Its id is one of a few words.
        let id = serde_json::from_slice(&answer.body)
            .map(|Body { id }| id)
            .unwrap_or_default();
        let mut words = answer.status.to_string();
        if IDS.contains(&id.as_str()) {
            words.extend([", id ", &id]);
        }
        if let Some(request_id) = request_id(answer) {
            words.extend([", Request-Id ", request_id]);
        }
        let is_herokus =
            header("Request-Id").is_some() || matches!(id.as_str(), "not_found" | "gone");
        let answered = words;
        match answer.status.as_u16() {
            401 => Self::Unauthorized {
                action,
                answer: answered,
                remedy: remedy.to_owned(),
            },
            // A proxy's page, or another server's, is not Heroku's word.
            404 | 410 if is_herokus => Self::Gone {
                action,
                answer: answered,
            },
            429 => {
                let seconds = header("Retry-After").and_then(|seconds| seconds.parse().ok());
                Self::RateLimited {
                    action,
                    answer: answered,
                    retry_after: seconds.map(Duration::from_secs),
                }
            }
            // 409: Heroku is busy with the add-on's apps. 2xx comes here if its body is no JSON.
            200..=299 | 404 | 408 | 409 | 410 | 425 | 500.. => Self::Unavailable {
                action,
                answer: answered,
            },
            _ => Self::Refused {
                action,
                answer: answered,
            },
        }
    }
}

/// What Heroku's support asks for: UUIDs, one for each of its routers. Anything else in its place is
/// not repeated.
pub(super) fn request_id(answer: &Answer) -> Option<&str> {
    let id = answer.headers.get("Request-Id")?.to_str().ok()?;
    let is_known = id.len() <= LONGEST_REQUEST_ID
        && id
            .chars()
            .all(|c| c.is_ascii_hexdigit() || "-, ".contains(c));
    is_known.then_some(id)
}

impl Transient for HerokuError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { reason, .. } => reason.is_transient(),
            Self::Unavailable { .. } | Self::RateLimited { .. } => true,
            Self::Tokens(error) => error.is_transient(),
            Self::Unauthorized { .. }
            | Self::Gone { .. }
            | Self::Refused { .. }
            | Self::NotShown { .. }
            | Self::Ambiguous { .. }
            | Self::Unstored { .. }
            | Self::Incomplete { .. } => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
