//! Rotations and revocations as Lambda, Secrets Manager and EventBridge Scheduler run them, with the
//! functions in this process.

mod announced;
mod authority;
mod counts;
mod crashes;
mod deprovisioning;
mod ending;
mod enrollment;
mod limits;
mod moved;
mod postponed;
mod refused;
mod requests;
mod revocation;
mod rotation;
pub(crate) mod schedules;
mod starting;
mod sweep;
mod versions;

use addon_rotation::event::{RevokeEvent, SecretArn, VersionId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stand_in::events::EventKind;
use strict_aws::scheduler::ScheduleSummary;

use crate::support::{GRACE_PERIOD, Instance, Stand, credential};

/// The schedule of one try of a version's revocation.
pub(crate) fn schedule(
    stand: &Stand,
    version: &VersionId,
    attempt: u32,
) -> Option<ScheduleSummary> {
    let schedules = stand.gateway.scheduler().schedules();
    schedules.into_iter().find(|schedule| {
        let input: Value = serde_json::from_str(&schedule.input).unwrap();
        input["VersionId"] == version.as_str() && input["Attempt"] == attempt
    })
}

/// Has the schedule of a try fire now instead of after the grace period, and waits until the
/// function is done with it. When it began.
pub(crate) async fn fire(stand: &Stand, version: &VersionId, attempt: u32) -> Timestamp {
    let schedule = schedule(stand, version, attempt).expect("the schedule of this try");
    let began = Timestamp::now();
    assert!(stand.gateway.scheduler().bring_forward(&schedule.name));
    fired(stand, &schedule).await;
    began
}

/// Waits until the function is done with what a schedule gave it.
pub(crate) async fn fired(stand: &Stand, schedule: &ScheduleSummary) {
    stand
        .wait_for("the schedule's firing", |event| {
            matches!(event, EventKind::ScheduleFired { input, .. } if *input == schedule.input)
                .then_some(())
        })
        .await;
}

/// The schedule fires so many seconds after it was made, at some time since something began: however long
/// that took.
pub(crate) fn assert_fires(schedule: &ScheduleSummary, seconds: i64, began: Timestamp) {
    let wait = SignedDuration::from_secs(seconds);
    // It fires at a whole second.
    let latest = Timestamp::now() + wait + SignedDuration::from_secs(1);
    let fires_at = schedule.fires_at.unwrap();
    assert!(
        (began + wait..=latest).contains(&fires_at),
        "{seconds} s after {began} or later: {schedule:?}"
    );
}

fn grace_period() -> i64 {
    i64::try_from(GRACE_PERIOD.as_secs()).unwrap()
}

/// The event of a try of a version's revocation.
pub(crate) fn revocation(secret: &SecretArn, version: &VersionId, attempt: u32) -> RevokeEvent {
    RevokeEvent {
        secret: secret.clone(),
        version: version.clone(),
        attempt,
        was_in_use: false,
        vouched: None,
        held_seconds: 0,
        scheduled_at: None,
    }
}

/// Delivers a revocation's event to `revoke-secret` directly, as Lambda does a second time.
async fn deliver(stand: &Stand, instance: &Instance, version: &VersionId) {
    let event = json!({ "SecretId": instance.secret.as_str(), "VersionId": version.as_str() });
    stand.lambda.invoke("revoke-secret", event).await.unwrap();
}

/// The releases that rotations made: the first two are the app's creation and the add-on's.
fn releases(stand: &Stand, instance: &Instance) -> usize {
    stand.heroku.releases(&instance.app).unwrap().len() - 2
}

/// What must be when all is quiet: the service accepts the current credential alone, and Heroku
/// shows it.
pub(crate) async fn assert_settled(stand: &Stand, instance: &Instance) {
    let current = stand.current(instance);
    assert_eq!(stand.service.live(), [credential(instance, &current)]);
    assert_shown(stand, instance, &current).await;
    let secret = stand.snapshot(instance);
    let labels: Vec<_> = secret.versions.iter().flat_map(|it| &it.labels).collect();
    let live = labels.iter().filter(|label| label.starts_with("LIVE-"));
    assert!(live.count() <= 1, "{labels:?}");
    // On the current version it may stay.
    let pending = secret.labelled("AWSPENDING");
    assert!(
        pending.is_none_or(|it| it == current.as_str()),
        "{labels:?}"
    );
}

/// Heroku shows this version's credential.
async fn assert_shown(stand: &Stand, instance: &Instance, version: &VersionId) {
    let value = stand.value(&instance.secret, Some(version)).await;
    let key = value["api_key"].as_str().unwrap();
    assert_eq!(stand.shown(instance), stand.url_with(key));
}
