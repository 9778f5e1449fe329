//! The sweep: what waits for its revocation has a schedule, whatever was lost.

use addon_rotation::event::VersionId;
use http::Method;
use local_cloud::credential_service::{Fault, FaultRule};
use local_cloud::scheduler::ScheduleSummary;
use serde_json::json;

use super::{assert_settled, fire, grace_period, schedule, seconds_until};
use crate::support::{Api, Instance, Stand};

async fn sweep(stand: &Stand) {
    stand.lambda.invoke("sweep", json!({})).await.unwrap();
}

fn schedules(stand: &Stand) -> Vec<ScheduleSummary> {
    stand.gateway.scheduler().schedules()
}

async fn lose(stand: &Stand, version: &VersionId, attempt: u32) {
    let lost = schedule(stand, version, attempt).unwrap();
    stand.delete_schedule(&lost.name).await;
    assert!(schedule(stand, version, attempt).is_none());
}

/// A rotation that got as far as publishing and was then given up by an operator.
async fn abandoned(stand: &Stand, instance: &Instance) -> VersionId {
    stand.service.set_fault(FaultRule {
        method: Some(Method::GET),
        ..FaultRule::once(Fault::Status(500))
    });
    stand.abandon_rotation(instance).await
}

#[tokio::test]
async fn a_lost_schedule_is_made_anew_with_the_whole_grace_period() {
    let stand = Stand::start().await;
    let instance = stand.enrolled(Api::V3).await;
    let first = stand.current(&instance);
    stand.rotate(&instance).await;
    lose(&stand, &first, 0).await;
    sweep(&stand).await;
    let seconds = seconds_until(&schedule(&stand, &first, 0).unwrap());
    assert!((grace_period() - 5..=grace_period() + 1).contains(&seconds));
    fire(&stand, &first, 0).await;
    assert_settled(&stand, &instance).await;
}
