//! What Secrets Manager calls: owns the secret's versions. For every power beyond them it calls the
//! function that holds it.

mod due;

use std::time::Duration;

use due::{current, grace_period, is_due, room_for_labels, tagged};
use secrecy::ExposeSecret as _;

use crate::Error;
use crate::claims::Names;
use crate::deadline::{BackOff, Deadline};
use crate::event::{FinishEvent, RotationEvent, Step, StepEvent};
use crate::event_bus::{self, EventBus, Occurrence};
use crate::fields::Check;
use crate::function::{Function, Handling};
use crate::ids::VersionId;
use crate::invoke::{Functions, Refused};
use crate::secrets::{Label, Secret, Secrets, own_document};
use crate::start::{Start, name};

use super::{Created, LeftBehind, Scheduled, StepError};

/// So long a read may show what was before a change: an assumption.
const CONSISTENCY: Duration = Duration::from_secs(3);

/// Where `rotate` finds the functions with the powers that it lacks: their names or ARNs.
#[derive(Debug)]
struct StepFunctions {
    create_secret: String,
    publish_to_heroku: String,
    test_secret: String,
    finish_secret: String,
}

impl StepFunctions {
    fn read(variables: &mut Check<'_>) -> Option<Self> {
        let mut function = |variable| name(variables, variable, "a Lambda function's name or ARN");
        let functions = [
            function("CREATE_SECRET_FUNCTION"),
            function("PUBLISH_TO_HEROKU_FUNCTION"),
            function("TEST_SECRET_FUNCTION"),
            function("FINISH_SECRET_FUNCTION"),
        ];
        let [create_secret, publish_to_heroku, test_secret, finish_secret] = functions;
        Some(Self {
            create_secret: create_secret?,
            publish_to_heroku: publish_to_heroku?,
            test_secret: test_secret?,
            finish_secret: finish_secret?,
        })
    }
}

/// Performs one step of a rotation. Every step may be repeated from any point of failure: Secrets
/// Manager begins a failed rotation again at `createSecret`, with the same token. Says on the event bus when
/// the rotation is done, and what failed.
#[derive(Debug)]
pub struct Rotate {
    secrets: Secrets,
    names: Names,
    functions: Functions,
    steps: StepFunctions,
    bus: EventBus,
}

impl Function for Rotate {
    type Event = RotationEvent;
    type Answer = Option<Refused>;

    fn start(start: &mut Start) -> Option<Self> {
        let names = Names::read(&mut start.variables());
        let steps = StepFunctions::read(&mut start.variables());
        Some(Self {
            functions: Functions::start(start),
            secrets: Secrets::new(&start.aws),
            bus: EventBus::start(start),
            names: names?,
            steps: steps?,
        })
    }

    fn handle(&self, event: RotationEvent, deadline: Deadline) -> Handling<'_, Option<Refused>> {
        Box::pin(async move {
            let result = self
                .perform(&event, deadline.less(event_bus::LONGEST))
                .await;
            let mut occurrences = Vec::new();
            match &result {
                // No rotation has failed: there is none.
                Ok(Done::Rehearsal(_)) => {}
                Err(_) if event.step == Step::Rehearse => {}
                Ok(Done::Step(scheduled)) => {
                    if event.step == Step::FinishSecret {
                        occurrences.push((&event.version, Occurrence::RotationSucceeded));
                    }
                    let scheduled = scheduled.iter();
                    occurrences.extend(scheduled.map(|(version, at)| {
                        (version, Occurrence::RevocationScheduled(at.clone()))
                    }));
                }
                Err(error) => {
                    let failed = Occurrence::RotationStepFailed(event.step, error.into());
                    occurrences.push((&event.version, failed));
                }
            }
            self.bus.put(&event.secret, &occurrences, deadline).await;
            match result? {
                Done::Step(_) => Ok(None),
                Done::Rehearsal(refused) => Ok(refused),
            }
        })
    }
}

/// What has come of an event.
enum Done {
    /// A step, or nothing, as there was nothing to do.
    Step(Replaced),
    /// A rehearsal, and why rotations would fail.
    Rehearsal(Option<Refused>),
}

/// The version whose revocation was scheduled, and for when.
type Replaced = Option<(VersionId, String)>;

impl Rotate {
    async fn perform(&self, event: &RotationEvent, deadline: Deadline) -> Result<Done, Error> {
        let Self {
            functions, steps, ..
        } = self;
        let step = step(event, event.step);
        if event.step == Step::Rehearse {
            let rehearsed = functions.ask(&steps.create_secret, &step, deadline);
            let rehearsed: Result<Created, _> = rehearsed.await;
            return Ok(Done::Rehearsal(Refused::of(rehearsed)?));
        }
        let Some(secret) = self.due(event, deadline).await? else {
            tracing::info!("the version is already current: nothing to do");
            return Ok(Done::Step(None));
        };
        match event.step {
            Step::CreateSecret => {
                self.store_new_value(event, &secret, deadline).await?;
                self.create(event, &secret, deadline).await?;
            }
            Step::SetSecret => {
                functions
                    .invoke(&steps.publish_to_heroku, &step, deadline)
                    .await?;
            }
            Step::TestSecret => {
                self.test(event, &secret, deadline).await?;
            }
            Step::FinishSecret => {
                return Ok(Done::Step(self.finish(event, &secret, deadline).await?));
            }
            Step::Rehearse => {}
        }
        Ok(Done::Step(None))
    }

    /// The secret, if the step is due. A read that says otherwise may be from before Secrets Manager began the rotation
    /// ([eventually consistent](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html)
    /// to a reader): it is repeated.
    async fn due(
        &self,
        event: &RotationEvent,
        deadline: Deadline,
    ) -> Result<Option<Secret>, Error> {
        let patience = deadline.at_most(CONSISTENCY);
        let mut waits = BackOff::new();
        loop {
            let secret = self.secrets.describe(&event.secret, deadline).await?;
            match (is_due(event, &secret), waits.next()) {
                (Ok(is_due), _) => return Ok(is_due.then_some(secret)),
                (Err(_), Some(wait)) if wait < patience.left() => tokio::time::sleep(wait).await,
                (Err(error), _) => return Err(error.into()),
            }
        }
    }

    /// Stores a new value for the pending version, unless it has one. Value and `LIVE-` label go in one
    /// call, before the service hears of the credential: a crash leaves a label without a credential,
    /// never a credential without a label.
    async fn store_new_value(
        &self,
        event: &RotationEvent,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let Self { secrets, names, .. } = self;
        grace_period(event, secret)?;
        tagged(event, secret.hold_while_in_use_seconds())?;
        let current = current(event, secret)?;
        let live = Label::Live(event.version.clone());
        let is_live = secret.is_live(&event.version);
        room_for_labels(event, secret, &current)?;
        // Without the label there is no value to be expected, so that asking for it would be a request
        // for nothing. One that is there all the same stays: "you can't modify an existing version" (`PutSecretValue`).
        let known = if is_live {
            secrets
                .value(&event.secret, &event.version, deadline)
                .await?
        } else {
            None
        };
        if let Some(value) = known {
            own_document(names, &event.secret, &secret.name, &value)?;
            return Ok(());
        }
        let document = secrets
            .document(names, &event.secret, &current, deadline)
            .await?;
        let next = document.next(&event.version).map_err(StepError::from)?;
        // A new credential may be longer, and what shows it more than Heroku takes.
        own_document(names, &event.secret, &secret.name, &next)?;
        let token = event.rotation_token.as_ref();
        let stored = secrets
            .put_pending(&event.secret, &event.version, token, &next, deadline)
            .await?;
        if !stored {
            secrets
                .document(names, &event.secret, &event.version, deadline)
                .await?;
            if !is_live {
                secrets
                    .attach(&event.secret, &live, &event.version, deadline)
                    .await?;
            }
        }
        Ok(())
    }

    /// Has the credential issued. The current version has its `LIVE-` label from then on, if its credential was seen
    /// to log in, now or before: that version, if it was.
    async fn create(
        &self,
        event: &RotationEvent,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<Option<VersionId>, Error> {
        let step = step(event, Step::CreateSecret);
        let created = self
            .functions
            .ask(&self.steps.create_secret, &step, deadline);
        let created: Created = created.await?;
        let current: Option<VersionId> = created.current_version_id.parse().ok();
        let note = created.current_note.as_ref();
        // What was shown before to be the instance's own ends, whatever its password has become since.
        let is_own = note.is_none_or(|note| secret.is_noted(note));
        let Some(current) = current.filter(|_| created.current_accepted || is_own) else {
            return Ok(None);
        };
        if let Some(note) = note.filter(|_| !is_own) {
            self.secrets
                .note_shown(&event.secret, secret, note, deadline)
                .await?;
        }
        let live = Label::Live(current.clone());
        if !secret.is_live(&current) {
            self.secrets
                .attach(&event.secret, &live, &current, deadline)
                .await?;
        }
        Ok(Some(current))
    }

    /// What Heroku goes on showing of the current credential, its revocation must know of, whatever becomes of the
    /// config vars by then: it is scheduled here already, and finishSecret moves it.
    async fn test(
        &self,
        event: &RotationEvent,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let Self {
            functions, steps, ..
        } = self;
        let step = StepEvent {
            version: self.version_to_test(event, secret, deadline).await?,
            ..step(event, Step::TestSecret)
        };
        let left_behind: Option<LeftBehind> =
            functions.ask(&steps.test_secret, &step, deadline).await?;
        if let Some(LeftBehind { version_id, .. }) = left_behind {
            // Its look is later than this one's.
            let shown = version_id.and_then(|it| it.parse().ok());
            let shown = shown.map_or_else(|| current(event, secret), Ok)?;
            let event = FinishEvent {
                was_in_use: Some(true),
                ..begin_grace_period(event, secret, shown)?
            };
            let scheduled = functions.ask(&steps.finish_secret, &event, deadline);
            let _: Option<Scheduled> = scheduled.await?;
        }
        Ok(())
    }

    /// Secrets Manager also asks for testSecret when a secret is enrolled without being rotated
    /// ([`RotateImmediately=false`](https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html)),
    /// with a pending version that has the current one's value, or none: then the current credential is what must work
    /// and be shown. That there is no value, no single read says: it may be from before createSecret, and a rotation
    /// would be completed whose credential nobody has tried.
    async fn version_to_test(
        &self,
        event: &RotationEvent,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<VersionId, Error> {
        let patience = deadline.at_most(CONSISTENCY);
        let mut waits = BackOff::new();
        // Value and label are stored in one call.
        if secret.is_live(&event.version) {
            return Ok(event.version.clone());
        }
        loop {
            let value = self.secrets.value(&event.secret, &event.version, deadline);
            match (value.await?, waits.next()) {
                (Some(value), _) => {
                    // Of the two with one value, the current one is there after an enrolment, and named in errors.
                    let current = current(event, secret)?;
                    let own = self
                        .secrets
                        .value(&event.secret, &current, deadline)
                        .await?;
                    let is_same =
                        own.is_some_and(|own| own.expose_secret() == value.expose_secret());
                    return Ok(if is_same {
                        current
                    } else {
                        event.version.clone()
                    });
                }
                (None, Some(wait)) if wait < patience.left() => tokio::time::sleep(wait).await,
                (None, _) => return Ok(current(event, secret)?),
            }
        }
    }

    /// The schedule comes first and the promotion second: a crash between the two leaves a schedule
    /// that finds its version still current and waits, never an old credential that nothing revokes.
    async fn finish(
        &self,
        event: &RotationEvent,
        secret: &Secret,
        deadline: Deadline,
    ) -> Result<Replaced, Error> {
        let Self {
            functions, steps, ..
        } = self;
        let old = current(event, secret)?;
        // Without a label it was stored by hand since createSecret, or an operator vouched for it.
        let was_live = secret.is_live(&old);
        let is_live = was_live || self.create(event, secret, deadline).await? == Some(old.clone());
        let mut replaced = None;
        if is_live {
            let event = FinishEvent {
                // What testSecret looked for was another credential.
                was_in_use: (!was_live).then_some(true),
                ..begin_grace_period(event, secret, old.clone())?
            };
            let scheduled: Option<Scheduled> = functions
                .ask(&steps.finish_secret, &event, deadline)
                .await?;
            replaced = scheduled.map(|it| (old.clone(), it.revokes_at));
        }
        // What earlier rotations left behind and nobody came to revoke ends as well.
        for version in secret
            .live()
            .filter(|version| *version != old && *version != event.version)
        {
            let event = FinishEvent {
                only_if_unscheduled: true,
                ..begin_grace_period(event, secret, version)?
            };
            let scheduled = functions.ask(&steps.finish_secret, &event, deadline);
            let _: Option<Scheduled> = scheduled.await?;
        }
        self.secrets
            .promote(&event.secret, &event.version, &old, deadline)
            .await?;
        Ok(replaced)
    }
}

fn step(event: &RotationEvent, step: Step) -> StepEvent {
    StepEvent {
        step,
        secret: event.secret.clone(),
        version: event.version.clone(),
        vouched: None,
    }
}

fn begin_grace_period(
    event: &RotationEvent,
    secret: &Secret,
    version: VersionId,
) -> Result<FinishEvent, StepError> {
    Ok(FinishEvent {
        secret: event.secret.clone(),
        version,
        revoke_after_seconds: grace_period(event, secret)?,
        only_if_unscheduled: false,
        was_in_use: None,
        even_if_in_use: false,
    })
}
