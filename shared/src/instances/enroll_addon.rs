//! Enrolment: an add-on instance's secrets are made, and its rotation is switched on.
//!
//! Nothing is changed before everything is looked at that can be: a grant code is good for one exchange, and a
//! secret that is wrong would be found at its first rotation.

mod look;
mod move_token;
mod take_back;

use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;

use look::Found;
use take_back::is_untouched;

use super::FleetConfiguration;
use crate::Error;
use crate::deadline::{Deadline, Transient as _};
use crate::document::{Api, Document};
use crate::error::EnrollError;
use crate::event::{EnrollEvent, EnrollRequest, Grant, RotationEvent, Step};
use crate::function::{Function, Handling};
use crate::heroku::{AddOn, HerokuClient, Partner, exchange};
use crate::ids::{SecretArn, VersionId};
use crate::invoke::{Functions, InvokeError, Refused};
use crate::rotation_schedule::schedule_expression;
use crate::secrets::{NewSecret, Secrets};
use crate::service::Services;
use crate::start::{Start, name};
use crate::tokens::{RefreshTokens, Tokens};

/// Kept back to take back what was made.
const TAKING_BACK: Duration = Duration::from_secs(10);

/// Kept back to store what was exchanged: a refresh token that is lost cannot be replaced.
const STORING: Duration = Duration::from_secs(10);

/// Kept back to look whether rotation is on.
const LOOKING_AGAIN: Duration = Duration::from_secs(5);

/// What `enroll-addon` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Enrolled {
    /// The rotating secret.
    pub secret_arn: SecretArn,
    /// Its current version.
    pub version_id: VersionId,
    /// When it is rotated.
    pub schedule_expression: String,
    /// What had to be done.
    pub outcome: EnrollOutcome,
}

/// What an enrolment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EnrollOutcome {
    /// The instance is new.
    Created,
    /// An earlier enrolment had been left half-done.
    Completed,
    /// The instance was enrolled already.
    Unchanged,
}

/// Enrols an instance: its secret, its refresh token, its rotation. Repeating it changes nothing; one that was
/// left half-done is completed. It fails with all that is wrong, and what it made is removed again, but for the
/// refresh token of a grant code, which cannot be had again: the error says so.
#[derive(Debug)]
pub struct EnrollAddon {
    secrets: Secrets,
    tokens: Tokens,
    services: Services,
    heroku: HerokuClient,
    functions: Functions,
    fleet: FleetConfiguration,
    /// The key that the secrets are under, AWS's own if there is none.
    key: Option<String>,
    /// The stack's rotation function.
    rotate: String,
    /// The interval of rotations in days.
    rotation_days: u32,
}

impl Function for EnrollAddon {
    type Event = EnrollRequest;
    type Answer = Enrolled;

    fn start(start: &mut Start) -> Option<Self> {
        let mut variables = start.variables();
        let fleet = FleetConfiguration::read(&mut variables);
        let key = variables.optional_text("SECRETS_KMS_KEY_ARN", "a KMS key's ARN", |_| true);
        let rotate = name(
            &mut variables,
            "ROTATE_FUNCTION_ARN",
            "a Lambda function's ARN",
        );
        let rotation_days = variables.number("ROTATION_DAYS", 1..=365);
        let (services, heroku) = (Services::start(start), HerokuClient::start(start));
        let tokens = Tokens::start(start);
        Some(Self {
            secrets: Secrets::new(&start.aws),
            tokens: tokens?,
            functions: Functions::start(start),
            services: services?,
            heroku: heroku?,
            fleet: fleet?,
            key,
            rotate: rotate?,
            rotation_days: rotation_days?,
        })
    }

    fn handle(&self, event: EnrollRequest, deadline: Deadline) -> Handling<'_, Enrolled> {
        Box::pin(async move {
            let event = match event {
                EnrollRequest::Enroll(event) => event,
                EnrollRequest::MoveToken(addon) => return self.move_token(&addon, deadline).await,
            };
            let addon = event.document.heroku.addon_id.as_str();
            tracing::info!(addon, "enrolment");
            let working = deadline.less(TAKING_BACK);
            let (found, mut problems) = self.look(&event, working).await?;
            if problems.is_empty()
                && let Some(enrolled) = found.enrolled()
            {
                tracing::info!(addon, "already enrolled: nothing to do");
                return Ok(enrolled);
            }
            problems.extend(self.check(&event, working).await);
            EnrollError::unless_none(addon, problems)?;
            let mut made = Made::default();
            match self.make(&event, found, &mut made, working).await {
                Ok(enrolled) => Ok(enrolled),
                Err(error) => Err(self.take_back(addon, made, error, deadline).await),
            }
        })
    }
}

/// What a call has made.
#[derive(Debug, Default)]
struct Made {
    token: Option<Stored>,
    secret: Option<SecretArn>,
    /// Whether rotation may be on, or its test under way, although no answer says so.
    may_rotate: bool,
}

/// The refresh token that a call has stored.
#[derive(Debug)]
enum Stored {
    /// It came for a grant code.
    Exchanged,
    /// It came with the event, and may be stored.
    Given(SecretString),
}

impl EnrollAddon {
    /// Makes what there is not yet, and notes it in `made` as soon as it may be there.
    async fn make(
        &self,
        event: &EnrollEvent,
        found: Found,
        made: &mut Made,
        deadline: Deadline,
    ) -> Result<Enrolled, Error> {
        let addon = event.document.heroku.addon_id.as_str();
        let outcome = if found.is_something() {
            EnrollOutcome::Completed
        } else {
            EnrollOutcome::Created
        };
        if event.document.heroku.api != Api::V1 {
            self.show_by_tokens(event, &found, made, deadline).await?;
        }
        let (secret, version) = match found.secret {
            Some(secret) => (secret.arn, secret.version),
            None => self.store(addon, &event.document, made, deadline).await?,
        };
        self.rehearse(&secret, &version, deadline).await?;
        let days = event.rotation_days.unwrap_or(self.rotation_days);
        let schedule_expression = schedule_expression(addon, days);
        self.switch_rotation_on(&secret, &schedule_expression, made, deadline)
            .await?;
        Ok(Enrolled {
            secret_arn: secret,
            version_id: version,
            schedule_expression,
            outcome,
        })
    }

    /// Has the administrator's login tried, to which this function has no right: what is wrong with it would show at
    /// the first rotation, months later.
    async fn rehearse(
        &self,
        secret: &SecretArn,
        version: &VersionId,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let event = RotationEvent {
            step: Step::Rehearse,
            secret: secret.clone(),
            version: version.clone(),
            rotation_token: None,
        };
        let refused: Option<Refused> = self.functions.ask(&self.rotate, &event, deadline).await?;
        refused.map_or(Ok(()), |refused| Err(InvokeError::from(refused).into()))
    }

    /// Stores a v3 instance's refresh token, which shows that Heroku shows what the document renders.
    async fn show_by_tokens(
        &self,
        event: &EnrollEvent,
        found: &Found,
        made: &mut Made,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let addon = event.document.heroku.addon_id.as_str();
        let partner = self.partner(deadline).await?;
        let none = RefreshTokens::default();
        let access_token = match &event.grant {
            _ if found.has_token() => None,
            Some(Grant::Code(code)) => {
                let exchanging =
                    exchange(&self.heroku, &partner, addon, code, deadline.less(STORING));
                let exchanged = exchanging.await?;
                let token = &exchanged.refresh_token;
                let kept = self.tokens.keep(addon, token, &none, deadline).await;
                kept.map_err(|cause| EnrollError::TokenLost {
                    addon: addon.to_owned(),
                    cause: cause.to_string(),
                })?;
                made.token = Some(Stored::Exchanged);
                Some(exchanged.access_token)
            }
            Some(Grant::RefreshToken(token)) => {
                made.token = Some(Stored::Given(token.clone()));
                self.tokens.keep(addon, token, &none, deadline).await?;
                None
            }
            None => return Err(EnrollError::no_grant(addon).into()),
        };
        // Its tokens may be where an earlier version has kept them.
        let stored = found.secret.as_ref().map(|it| &it.document);
        let document = stored.unwrap_or(&event.document);
        let heroku = AddOn::of(document, &self.heroku, &partner, &self.tokens);
        let shown = heroku.knowing(access_token).config(deadline).await?;
        EnrollError::unless_shown(document, &shown)?;
        Ok(())
    }

    async fn store(
        &self,
        addon: &str,
        document: &Document,
        made: &mut Made,
        deadline: Deadline,
    ) -> Result<(SecretArn, VersionId), Error> {
        let fleet = &self.fleet;
        let (name, version) = (
            fleet.names.secret_of(addon),
            look::first_version(fleet, addon),
        );
        let value = document.to_secret();
        let key = self.key.as_deref();
        // The service has let the customer in: the credential ends with the instance, whatever its password becomes.
        let note = document.note(&version);
        let mut secret = NewSecret::rotating(&fleet.stack, &name, &version, &value, key);
        secret.shown = Some(&note);
        match self.secrets.create(&secret, deadline).await {
            Ok(arn) => {
                made.secret = Some(arn.clone());
                Ok((arn, version))
            }
            Err(error) => {
                // Its answer may have been lost. One of another value is not this call's, nor is one that was
                // there before: of an earlier life, marked for deletion.
                if error.is_transient()
                    && let Ok(Some((arn, secret))) = self.secrets.find(&name, deadline).await
                    && is_untouched(&secret, &version)
                {
                    made.secret = Some(arn);
                }
                Err(error.into())
            }
        }
    }

    /// Rotation may be on although no answer came.
    async fn switch_rotation_on(
        &self,
        secret: &SecretArn,
        schedule: &str,
        made: &mut Made,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let rotate = &self.rotate;
        let switched = self
            .secrets
            .switch_rotation_on(secret, rotate, schedule, deadline.less(LOOKING_AGAIN))
            .await;
        let Err(error) = switched else {
            return Ok(());
        };
        match self.secrets.describe(secret, deadline).await {
            Ok(it) if it.rotation_enabled && it.rotation_function.as_deref() == Some(rotate) => {
                tracing::info!(%error, "the call failed, and rotation is on");
                Ok(())
            }
            Ok(_) | Err(_) => {
                // Neither that look nor the missing answer says that it is off, nor that its test is over.
                made.may_rotate = error.is_transient();
                Err(error.into())
            }
        }
    }

    async fn partner(&self, deadline: Deadline) -> Result<Partner, Error> {
        let fields = self.secrets.fields(self.heroku.partner(), deadline);
        Ok(Partner::new(fields.await?))
    }
}
