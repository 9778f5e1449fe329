//! `change`: another document, by rights that no policy of the stack has.

use std::sync::Arc;

use local_cloud::cloud::{Api, Cloud, Engine};
use local_cloud::customers::Login;
use serde_json::json;

use super::{ON_CALL, Operator};
use crate::TestResult;
use crate::support::customer::{customer, live, logins, nobody_noticed};
use crate::support::{check, document, names, restarted, revoke, snapshot, spec};

pub(super) async fn another_var(cloud: Arc<Cloud>) -> TestResult {
    let operator = Operator::new(&cloud, ON_CALL).await?;
    let instance = cloud.enrol(spec("changed", Api::V3, Engine::Http)).await?;
    let customer = customer(&cloud, &instance, Login::Http).await?;
    let mut changed = document(&cloud, &instance).await?;
    let fields = changed.as_object_mut().ok_or("no object")?;
    for of_the_login in ["credential_id", "api_key"] {
        fields.remove(of_the_login);
    }
    changed["heroku"]["config"]["ACME_KEY"] = "{{ api_key }}".into();
    let text = changed.to_string();
    let change = [
        "change",
        &instance.addon,
        "--document",
        "-",
        "--wait",
        "--yes",
    ];

    let ended = operator.run_with(&change, &text).await?;
    check(ended.status == 2, || {
        format!("without rights: {}", ended.text)
    })?;
    names(
        &ended.errors,
        &["AccessDenied", "secretsmanager:GetSecretValue"],
    )?;
    let rights = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                "Resource": instance.secret_arn,
            },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": {
                    "StringEquals": { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" },
                },
            },
        ],
    });
    operator.person.may(&cloud, "change", &rights).await?;
    let ended = operator.run_with(&change, &text).await?;
    let said = format!("{}{}", ended.text, ended.errors);
    check(ended.status == 0, || said.clone())?;
    names(&said, &["ACME_KEY", "ACME_URL"])?;

    let now = document(&cloud, &instance).await?;
    let key = now["api_key"].as_str().ok_or("no key")?;
    check(!said.contains(key), || "a value is shown".to_owned())?;
    let config = cloud.heroku.config(&instance.addon)?;
    check(config["ACME_KEY"] == key, || {
        "Heroku shows another value".to_owned()
    })?;
    live(&cloud, &instance, 2).await?;
    restarted(&cloud, &instance).await?;
    logins(&customer, 3).await?;
    // The changed version has the credential that the rotation replaced.
    let secret = snapshot(&cloud, &instance)?;
    let stored = secret.labelled("CHANGED").ok_or("no version is CHANGED")?;
    revoke(&cloud, stored).await?;
    live(&cloud, &instance, 1).await?;
    operator.dismiss(&cloud).await?;
    nobody_noticed(customer).await
}
