//! infra/addon-secret.yaml: an add-on instance by CloudFormation, enrolled, rotated, updated and
//! deleted.

use std::io::Write as _;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{AddOn, Api, Cloud, Engine, Instance, STACK};
use serde_json::{Value, json};

use crate::support::{
    aws, check, current, document, failures, live_versions, names, revoke, rotate, snapshot, spec,
    workspace,
};
use crate::{Suite, TestResult};

pub(crate) fn tests(suite: &mut Suite) {
    for (name, api, engine) in [
        ("v1_http", Api::V1, Engine::Http),
        ("v3_postgres", Api::V3, Engine::Postgres),
    ] {
        suite.test(
            &format!("infrastructure::an_instance_by_cloudformation_{name}"),
            move |cloud| {
                instance(
                    cloud,
                    format!("iac-{}", name.replace('_', "-")),
                    api,
                    engine,
                )
            },
        );
    }
    suite.test(
        "infrastructure::an_instance_whose_document_is_wrong_is_refused",
        refused,
    );
}

async fn instance(cloud: Arc<Cloud>, name: String, api: Api, engine: Engine) -> TestResult {
    let provisioned = cloud.provision_add_on(spec(&name, api, engine)).await?;
    let parameters = parameters(&cloud, &provisioned);
    if api == Api::V3 {
        put_token(&cloud, &provisioned.instance).await?;
    }
    deploy(&cloud, &name, &parameters, &[]).await?;
    let instance = by_cloudformation(&cloud, &name, provisioned.instance).await?;
    let secret = snapshot(&cloud, &instance)?;
    check(
        secret.rotation_enabled
            && secret.tags.get("rotation:revoke-after").map(String::as_str) == Some("14400"),
        || format!("{secret:?}"),
    )?;

    let first = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let value = document(&cloud, &instance).await?;
    // Another schedule; what rotation has stored stays.
    deploy(
        &cloud,
        &name,
        &parameters,
        &[("ScheduleExpression", "rate(30 days)")],
    )
    .await?;
    check(document(&cloud, &instance).await? == value, || {
        "the update stored another value".to_owned()
    })?;
    let next = snapshot(&cloud, &instance)?.next_rotation;
    check(
        next > secret.last_rotated && next < secret.next_rotation,
        || format!("{:?} became {next:?}", secret.next_rotation),
    )?;
    revoke(&cloud, &first).await?;
    check(live_versions(&cloud, &instance)?.len() == 1, || {
        "the old credential is alive".to_owned()
    })?;
    check(failures(&cloud, &instance).is_empty(), || {
        format!("{:?}", failures(&cloud, &instance))
    })?;

    // Deleted, the secret stays: without it nobody could revoke.
    for command in ["delete-stack", "wait stack-delete-complete"] {
        let command = format!("cloudformation {command} --stack-name");
        aws(&cloud, &command, &[&name]).await?;
    }
    check(document(&cloud, &instance).await? == value, || {
        "the secret is gone".to_owned()
    })?;
    check(!snapshot(&cloud, &instance)?.rotation_enabled, || {
        "rotation is on".to_owned()
    })
}

/// Secrets Manager asks testSecret at the enrolment, and the stack fails with what that says.
async fn refused(cloud: Arc<Cloud>) -> TestResult {
    let provisioned = cloud
        .provision_add_on(spec("iac-refused", Api::V1, Engine::Http))
        .await?;
    let mut parameters = parameters(&cloud, &provisioned);
    parameters["ConfigTemplate"] = "https://key:{{ apikey }}@api.acme.example/".into();
    let error = deploy(&cloud, "iac-refused", &parameters, &[]).await;
    check(error.is_err(), || "the stack was made".to_owned())?;
    let events = "cloudformation describe-stack-events --stack-name iac-refused";
    let events = aws(&cloud, events, &[]).await?;
    names(&events.to_string(), &["CREATE_FAILED", "heroku.config"])
}

/// The template's parameters for an add-on that AWS does not know yet.
fn parameters(cloud: &Cloud, add_on: &AddOn) -> Value {
    let AddOn {
        instance, document, ..
    } = add_on;
    let partner = cloud.gateway.secrets_manager().secret("addon/partner");
    let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let template = &document["heroku"]["config"][&instance.config_var];
    let mut parameters = json!({
        "AddonId": instance.addon,
        "ScheduleExpression": "cron(0 21 24 1,4,7,10 ? *)",
        "ConfigVar": instance.config_var,
        "ConfigTemplate": template,
        "AdministratorSecretArn": text("masterarn"),
        "RevokeAfterSeconds": "14400",
        "SecretsKmsKeyArn": partner.and_then(|partner| partner.kms_key_id),
    });
    let mut set = |name: &str, value: String| parameters[name] = value.into();
    match instance.engine {
        Engine::Http => {
            set("Engine", "http".to_owned());
            set("ServiceUrl", text("url"));
            set("CredentialId", text("credential_id"));
            set("ApiKey", text("api_key"));
            set("ApiKeyPrefix", "acme_live_".to_owned());
        }
        Engine::Postgres | Engine::Mysql | Engine::Redis => {
            set("Engine", instance.engine.name().to_owned());
            set("Host", text("host"));
            set("Port", document["port"].to_string());
            set("DatabaseName", text("dbname"));
            set("Username", text("username"));
            set("Password", text("password"));
        }
    }
    match instance.api {
        Api::V1 => set("HerokuApi", "v1".to_owned()),
        Api::V3 => set("HerokuApi", "v3".to_owned()),
    }
    parameters
}

/// `aws dynamodb put-item`, as `infra/enrol.md` has it: CloudFormation makes no items.
async fn put_token(cloud: &Cloud, instance: &Instance) -> TestResult {
    let token = cloud.heroku.refresh_token(&instance.addon)?;
    let item = json!({
        "addon": { "S": instance.addon },
        "refresh_tokens": { "L": [{ "S": token }] },
    });
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(item.to_string().as_bytes())?;
    let table = format!("{STACK}-refresh-tokens");
    let item = format!("file://{}", file.path().display());
    let condition = "--condition-expression attribute_not_exists(addon)";
    let put = format!("dynamodb put-item --table-name {table} {condition} --item");
    aws(cloud, &put, &[&item]).await.map(drop)
}

/// `aws cloudformation deploy`, the parameters from a file: no value on a command line.
async fn deploy(
    cloud: &Cloud,
    stack: &str,
    parameters: &Value,
    changed: &[(&str, &str)],
) -> TestResult {
    let mut parameters = parameters.clone();
    for (name, value) in changed {
        parameters[*name] = (*value).into();
    }
    let pairs: Vec<_> = parameters
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(Value::from(pairs).to_string().as_bytes())?;
    let file_url = format!("file://{}", file.path().display());
    let template = workspace().join("infra/addon-secret.yaml");
    let template = template.to_str().ok_or("a path that is no text")?;
    let arguments = [
        "cloudformation",
        "deploy",
        "--stack-name",
        stack,
        "--template-file",
        template,
        "--parameter-overrides",
        &file_url,
    ];
    cloud.aws_text(&arguments).await?;
    Ok(())
}

/// The instance with the secret that CloudFormation made.
async fn by_cloudformation(
    cloud: &Cloud,
    stack: &str,
    instance: Instance,
) -> Result<Instance, Failed> {
    let describe = "cloudformation describe-stack-resource --logical-resource-id Secret";
    let answer = aws(cloud, describe, &["--stack-name", stack]).await?;
    let name = answer["StackResourceDetail"]["PhysicalResourceId"].as_str();
    let name = name.ok_or("no secret")?;
    let describe = "secretsmanager describe-secret --secret-id";
    let described = aws(cloud, describe, &[name]).await?;
    let text = |field: &str| described[field].as_str().map(ToOwned::to_owned);
    Ok(Instance {
        secret_name: text("Name").ok_or("no name")?,
        secret_arn: text("ARN").ok_or("no ARN")?,
        ..instance
    })
}
