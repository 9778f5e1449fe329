//! Least privilege, shown by enforcement: every permission in the deployed roles is needed, and every power that a
//! function's step does not need is denied.

mod fleet;
mod needed;
mod powers;
mod roles;
mod sequences;
mod things;

use std::sync::Arc;

use local_cloud::cloud::Cloud;

pub(crate) use things::FUNCTIONS;

use crate::support::{aws, named, schedule};
use crate::{Suite, TestResult};

/// Somebody deletes the schedule of a revocation's first try, if there is one.
pub(crate) async fn delete_schedule(cloud: &Cloud, version: &str) -> TestResult {
    if let Some(schedule) = schedule(cloud, version, 0) {
        let delete = format!("scheduler delete-schedule {}", named(&schedule));
        aws(cloud, &delete, &[]).await?;
    }
    Ok(())
}

/// Switches the schedule of a version's first try off, as somebody may do by hand.
pub(crate) async fn switch_schedule_off(cloud: &Cloud, version: &str) -> TestResult {
    let known = schedule(cloud, version, 0).ok_or_else(|| format!("no schedule of {version}"))?;
    let get = format!("scheduler get-schedule {}", named(&known));
    let mut whole = aws(cloud, &get, &[]).await?;
    let fields = whole.as_object_mut().ok_or("no object")?;
    for field in ["Arn", "CreationDate", "LastModificationDate"] {
        fields.remove(field);
    }
    fields.insert("State".to_owned(), "DISABLED".into());
    let update = "scheduler update-schedule --cli-input-json";
    aws(cloud, update, &[&whole.to_string()]).await.map(drop)
}

/// Does something while a role lacks an action.
pub(crate) async fn without_permission(
    cloud: &Arc<Cloud>,
    role: &str,
    action: &str,
    act: impl AsyncFnOnce() -> TestResult,
) -> TestResult {
    let roles = roles::roles(cloud).await?;
    let role = roles::role(&roles, role)?;
    let removed = role.without_each();
    let removed = removed.iter().find(|removed| removed.action == action);
    let removed = removed.ok_or_else(|| format!("the role lacks {action} already"))?;
    role.put(cloud, &removed.policy).await?;
    let acted = act().await;
    role.restore(cloud).await?;
    acted
}

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("permissions::every_power_is_the_steps_own", powers::powers);
    suite.test("permissions::code_makes_no_network", powers::no_network);
    suite.test(
        "permissions::no_sequence_of_a_functions_calls_reaches_what_one_is_denied",
        sequences::of_functions,
    );
    suite.test(
        "permissions::no_sequence_of_peoples_calls_reaches_a_value",
        sequences::of_people,
    );
    suite.test(
        "permissions::a_sequence_that_a_missing_condition_opens_is_found",
        sequences::finds_ways,
    );
    suite.test(
        "permissions::each_of_a_step_function_is_needed",
        needed::step_functions,
    );
    suite.test(
        "permissions::each_of_rotate_is_needed",
        needed::rotate_function,
    );
    suite.test(
        "permissions::each_of_revoke_secret_is_needed",
        needed::revoke_function,
    );
    suite.test(
        "permissions::fleet_each_of_enroll_addon_is_needed",
        fleet::enroll_function,
    );
    suite.test(
        "permissions::fleet_each_of_start_rotation_is_needed",
        fleet::start_function,
    );
    suite.test(
        "permissions::fleet_each_of_deprovision_addon_is_needed",
        fleet::deprovision_function,
    );
    suite.test(
        "permissions::fleet_those_for_earlier_tokens_are_needed",
        fleet::earlier_tokens,
    );
    suite.test(
        "permissions::those_of_the_scheduler_are_needed",
        needed::scheduler_role,
    );
}
