//! `status`: what it says is so.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use serde_json::json;

use super::{ON_CALL, Operator};
use crate::TestResult;
use crate::permissions::delete_schedule;
use crate::support::{check, current, managed_policy, names, revoke, spec};

pub(super) async fn agrees(cloud: Arc<Cloud>) -> TestResult {
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let name = "looked-at";
    let instance = cloud.enrol(spec(name, Api::V1, Engine::Http)).await?;
    let name = instance.addon.as_str();
    let is = async |state: &str, waiting: usize| -> TestResult {
        let row = operator.row(name).await?;
        check(row["state"] == state, || format!("not {state}: {row}"))?;
        let revocations = row["revocations"].as_array().map_or(0, Vec::len);
        check(revocations == waiting, || format!("not {waiting}: {row}"))?;
        // The current one and those that wait are what the service accepts.
        let live = cloud.live_credentials(&instance).await?;
        check(live.len() == 1 + waiting, || {
            format!("the service accepts {live:?}")
        })?;
        check(
            row["current"] == current(&cloud, &instance)?.as_str(),
            || row.to_string(),
        )
    };
    is("healthy", 0).await?;
    let first = current(&cloud, &instance)?;
    operator.succeeds(&["rotate", name, "--wait"]).await?;
    is("waiting-for-revocation", 1).await?;
    let table = operator.succeeds(&["status", "--name", name]).await?;
    println!("{table}");
    names(
        &table,
        &[
            name,
            "waiting-for-revocation",
            "1, in 1 h 59 min",
            "next rotation",
        ],
    )?;
    check(!table.contains('\u{1b}'), || {
        "colours, and no terminal".to_owned()
    })?;

    delete_schedule(&cloud, &first).await?;
    is("unscheduled", 1).await?;
    let ended = operator.run(&["status", "--name", name]).await?;
    check(ended.status == 1, || ended.text.clone())?;
    let others = ["status", "--name", name, "--state", "healthy"];
    operator.succeeds(&others).await?;
    // The next sweep would: here an operator does.
    let ended = operator
        .run(&[
            "emergency",
            name,
            "--rotated",
            "--revoke-after",
            "1h",
            "--yes",
        ])
        .await?;
    check(ended.status == 0, || ended.errors.clone())?;
    is("waiting-for-revocation", 1).await?;
    revoke(&cloud, &first).await?;
    is("healthy", 0).await?;

    let ended = operator.run(&["status", "--watch"]).await?;
    check(ended.status == 2, || {
        "watched without a terminal".to_owned()
    })?;
    names(&ended.errors, &["terminal"])?;
    operator.dismiss(&cloud).await
}

pub(super) async fn rights(cloud: Arc<Cloud>) -> TestResult {
    let nobody = Operator::new(&cloud, &[]).await?;
    let instance = cloud
        .enrol(spec("untouchable", Api::V1, Engine::Http))
        .await?;
    let before = current(&cloud, &instance)?;
    for arguments in [
        ["status", "--json"].as_slice(),
        &["rotate", &instance.addon],
        &["rollback", &instance.addon, "--yes"],
        &["recover", &instance.addon, "--login", "acme", "--yes"],
    ] {
        let ended = nobody.run(arguments).await?;
        check(ended.status == 2, || {
            format!("{arguments:?}: {}{}", ended.text, ended.errors)
        })?;
        names(&ended.errors, &["AccessDenied", "OperatorPolicy"])?;
    }
    check(current(&cloud, &instance)? == before, || {
        "rotated by nobody".to_owned()
    })?;
    // Whoever is on call does not enrol: that is a right of its own.
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let addon = spec("not-for-operators", Api::V1, Engine::Http);
    let addon = cloud.provision_add_on(addon).await?;
    let line = json!({ "Document": addon.document }).to_string();
    let ended = operator.run_with(&["enroll", "-"], &line).await?;
    let said = format!("{}{}", ended.text, ended.errors);
    check(ended.status == 1, || said.clone())?;
    names(
        &said,
        &["AccessDenied", "lambda:InvokeFunction", "EnrollPolicy"],
    )?;
    let secrets = cloud.gateway.secrets_manager();
    let name = format!("addon/credentials/{}", addon.instance.addon);
    check(secrets.secret(&name).is_none(), || "enrolled".to_owned())?;
    operator.dismiss(&cloud).await?;
    // The policy reads no value.
    let arn = cloud.output("OperatorPolicyArn")?;
    let text = managed_policy(&cloud, arn).await?.to_string();
    check(
        text.contains("DescribeSecret") && !text.contains("GetSecretValue"),
        || text.clone(),
    )
}
