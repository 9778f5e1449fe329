//! Each permission of `enroll-addon`, `start-rotation` and `deprovision-addon` is needed: without it the function fails and names
//! it; given back, the same call completes.

use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::json;

use super::needed::renew_refresh_tokens;
use super::roles::{Removed, Role, role, roles};
use super::switch_schedule_off;
use crate::TestResult;
use crate::fleet::{answer, enrolled, enrolment, rotate_in_vain};
use crate::support::{aws, check, current, invoke, names, rotate, spec};

pub(super) async fn enroll_function(cloud: Arc<Cloud>) -> TestResult {
    const FUNCTION: &str = "enroll-addon";
    let roles = roles(&cloud).await?;
    let role = role(&roles, "EnrollAddonRole")?;
    for (index, mut removed) in role.without_each().into_iter().enumerate() {
        if removed.is_used_by_aws() || removed.is_for_earlier_tokens() {
            continue;
        }
        let name = format!("privileges-enroll-{index}");
        let addon = spec(&name, Api::V3, Engine::Http);
        let addon = cloud.provision_add_on(addon).await?;
        let mut event = enrolment(&addon);
        if removed.sid.starts_with("TakeBack") {
            // Only a failed enrolment needs these: its probe is refused as well.
            event = json!({
                "Document": addon.document,
                "RefreshToken": cloud.heroku.refresh_token(&addon.instance.addon)?,
            });
            removed.policy = Role::without(&removed.policy, "NameRotationFunction");
        }
        let sid = removed.sid.as_str();
        if sid == "ReadDocuments" {
            answer(&cloud, FUNCTION, &event).await?;
        }
        if sid == "KeepTokens" {
            // With a code comes an access token: only a refresh token is read, and stored if Heroku renews it.
            event = json!({
                "Document": addon.document,
                "RefreshToken": cloud.heroku.refresh_token(&addon.instance.addon)?,
            });
            renew_refresh_tokens(&cloud, true);
        }
        let what = role.needs(&cloud, &removed, FUNCTION, &event).await;
        renew_refresh_tokens(&cloud, false);
        let what = what?;
        // The token that could not be stored is lost, as in life.
        event = json!({ "Document": addon.document });
        event["RefreshToken"] = cloud.heroku.refresh_token(&addon.instance.addon)?.into();
        answer(&cloud, FUNCTION, &event)
            .await
            .map_err(|error| format!("{what}, given back: {error:?}"))?;
    }
    Ok(())
}

/// What only instances of a version before 0.2 need, whose refresh tokens are in secrets.
pub(super) async fn earlier_tokens(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    let without = async |id: &str, sid: &str| {
        let role = role(&roles, id)?;
        let policy = Role::without(&role.policy, sid);
        role.put(&cloud, &policy).await?;
        Ok::<_, Failed>(role)
    };
    for (id, function, step) in [
        ("PublishToHerokuRole", "publish-to-heroku", "setSecret"),
        ("TestSecretRole", "test-secret", "testSecret"),
    ] {
        let name = format!("privileges-earlier-{step}");
        let instance = enrolled(&cloud, &name.to_lowercase(), Api::V3, Engine::Http).await?;
        cloud.keep_token_in_a_secret(&instance).await?;
        let event = json!({
            "Step": step, "SecretId": instance.secret_arn, "VersionId": current(&cloud, &instance)?,
        });
        let role = without(id, "ReadEarlierTokens").await?;
        let error = invoke(&cloud, function, &event).await;
        role.restore(&cloud).await?;
        let what = format!("{function} without ReadEarlierTokens");
        let error = error?.ok_or_else(|| format!("{what} still works"))?;
        names(&error, &["AccessDenied", "secretsmanager:GetSecretValue"])?;
        answer(&cloud, function, &event).await?;
        let tokens = cloud.tokens(&instance.addon).await?;
        check(tokens.len() == 1, || {
            format!("{what}: the token is not in the table")
        })?;
    }
    let instance = enrolled(&cloud, "privileges-moved", Api::V3, Engine::Http).await?;
    let held = cloud.keep_token_in_a_secret(&instance).await?;
    let event = json!({ "MoveTokenOf": instance.addon });
    let role = role(&roles, "EnrollAddonRole")?;
    let needed = role.without_each().into_iter();
    let needed: Vec<_> = needed.filter(Removed::is_for_earlier_tokens).collect();
    check(needed.len() == 3, || format!("{} are needed", needed.len()))?;
    for removed in needed {
        role.needs(&cloud, &removed, "enroll-addon", &event).await?;
    }
    let moved = answer(&cloud, "enroll-addon", &event).await?;
    check(moved["Outcome"] == "completed", || moved.to_string())?;
    let secret = cloud.gateway.secrets_manager().secret(&held);
    check(secret.is_some_and(|it| it.deletion.is_some()), || {
        format!("{held} is in use")
    })?;
    rotate(&cloud, &instance).await?;
    Ok(())
}

pub(super) async fn start_function(cloud: Arc<Cloud>) -> TestResult {
    const FUNCTION: &str = "start-rotation";
    let roles = roles(&cloud).await?;
    let role = role(&roles, "StartRotationRole")?;
    for (index, removed) in role.without_each().into_iter().enumerate() {
        if removed.is_used_by_aws() {
            continue;
        }
        let name = format!("privileges-start-{index}");
        let instance = enrolled(&cloud, &name, Api::V1, Engine::Http).await?;
        let event = json!({ "AddonId": instance.addon });
        let what = role.needs(&cloud, &removed, FUNCTION, &event).await?;
        let started = answer(&cloud, FUNCTION, &event).await;
        let started = started.map_err(|error| format!("{what}, given back: {error:?}"))?;
        check(started["Outcome"] == "started", || started.to_string())?;
    }
    Ok(())
}

pub(super) async fn deprovision_function(cloud: Arc<Cloud>) -> TestResult {
    const FUNCTION: &str = "deprovision-addon";
    let roles = roles(&cloud).await?;
    let role = role(&roles, "DeprovisionAddonRole")?;
    for (index, removed) in role.without_each().into_iter().enumerate() {
        if removed.is_used_by_aws() || removed.is_for_earlier_tokens() {
            continue;
        }
        let name = format!("privileges-deprovision-{index}");
        let instance = enrolled(&cloud, &name, Api::V3, Engine::Http).await?;
        rotate(&cloud, &instance).await?;
        let sid = removed.sid.as_str();
        // Only a rotation under way is waited for.
        let waits = ["ScheduleItself", "LetSchedulerInvoke"].contains(&sid);
        if waits {
            rotate_in_vain(&cloud, &instance).await?;
        }
        // Only what nobody has seen log in is noted.
        if sid == "NoteWhatWasShown" {
            let untag = "secretsmanager untag-resource --tag-keys rotation:shown --secret-id";
            aws(&cloud, untag, &[&instance.secret_arn]).await?;
        }
        let event = json!({ "AddonId": instance.addon });
        // What is scheduled already is looked at, and moved if it will not begin.
        let of_one_there = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"];
        if of_one_there.contains(&removed.action.as_str()) {
            answer(&cloud, FUNCTION, &event).await?;
            let own = format!("\"AddonId\":\"{}\"", instance.addon);
            switch_schedule_off(&cloud, &own).await?;
        }
        let what = role.needs(&cloud, &removed, FUNCTION, &event).await?;
        let ended = answer(&cloud, FUNCTION, &event).await;
        let ended = ended.map_err(|error| format!("{what}, given back: {error:?}"))?;
        let outcome = if waits { "revoked" } else { "deprovisioned" };
        check(ended["Outcome"] == outcome, || format!("{what}: {ended}"))?;
    }
    Ok(())
}
