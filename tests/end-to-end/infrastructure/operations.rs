//! The pages under infra/, typed as they stand: from nothing to a deployed stack, one rotated secret, and a
//! button for the customer.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine, Instance};
use local_cloud::stack;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::TestResult;
use crate::support::{aws, check, current, document, names, rotated, spec, workspace};

/// The pages whose blocks of `sh` are one session, in this order.
const PAGES: [&str; 3] = ["infra/deploy.md", "infra/enrol.md", "infra/backend.md"];

/// Another stack than the other tests'.
const NAME: &str = "operations";

pub(super) async fn page(cloud: Arc<Cloud>) -> TestResult {
    let provisioned = cloud
        .provision(spec("operated", Api::V3, Engine::Postgres))
        .await?;
    let mut pages = String::new();
    for page in PAGES {
        pages.push_str(&std::fs::read_to_string(workspace().join(page))?);
    }
    let blocks: Vec<&str> = pages
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let position = |words: &str| {
        let found = blocks.iter().position(|block| block.contains(words));
        found.ok_or_else(|| Failed::from(format!("the pages have no block with {words:?}")))
    };
    let values = position("# Your own values.")?;
    let with_document = position("enrolment.json")?;
    let result = position("describe-secret")?;
    let button = position("button.json")?;
    let last = blocks.len() - 1;
    check(values == 0 && result == last - 1 && button == last, || {
        format!("the pages have {} blocks in another order", blocks.len())
    })?;

    let files = tempfile::tempdir()?;
    let session = Session {
        cloud: &cloud,
        values: own_values(&cloud, &provisioned, files.path(), blocks[values])?,
    };
    store(&cloud, files.path()).await?;
    let deployed = session.run(&blocks[1..with_document]).await;
    let sam = workspace().join("infra/.aws-sam");
    if sam.exists() {
        std::fs::remove_dir_all(sam)?;
    }
    names(&deployed?, &["RotationFunctionArn"])?;

    write_enrolment(&cloud, &provisioned, files.path()).await?;
    session.run(&blocks[with_document..result]).await?;
    let name = format!("{NAME}/credentials/{}", provisioned.addon);
    let described = ["secretsmanager", "describe-secret", "--secret-id", &name];
    let described = cloud.aws(&described).await?;
    let instance = Instance {
        secret_arn: described["ARN"].as_str().unwrap_or_default().to_owned(),
        secret_name: name,
        ..provisioned
    };
    let pending = described["VersionIdsToStages"].as_object();
    let pending = pending
        .into_iter()
        .flatten()
        .find(|(_, labels)| labels.to_string().contains("AWSPENDING"))
        .map(|(version, _)| version.clone());
    let version = match pending {
        Some(version) => version,
        // It was quick.
        None => current(&cloud, &instance)?,
    };
    rotated(&cloud, &instance, &version).await?;
    let shown = session.run(&blocks[result..button]).await?;
    names(&shown, &[&version, "AWSCURRENT", "AWSPREVIOUS", "revoke-"])?;

    let event = json!({ "AddonId": instance.addon });
    std::fs::write(files.path().join("button.json"), event.to_string())?;
    let shown = session.run(&blocks[button..]).await?;
    // It was rotated just now.
    names(&shown, &["too-soon", "RetryAfterSeconds"])
}

struct Session<'a> {
    cloud: &'a Cloud,
    values: String,
}

impl Session<'_> {
    /// Types the blocks after the values; what was printed.
    async fn run(&self, blocks: &[&str]) -> Result<String, Failed> {
        let script = format!("set -eu -o pipefail\n{}\n{}", self.values, blocks.concat());
        let endpoint = self.cloud.gateway.endpoint();
        let mut shell = stack::shell(&self.cloud.tools, endpoint);
        shell
            .args(["-c", &script])
            .current_dir(workspace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut shell = shell.spawn()?;
        // To sam's question whether to deploy.
        if let Some(mut stdin) = shell.stdin.take() {
            stdin.write_all(b"y\n").await?;
        }
        let output = shell.wait_with_output().await?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        check(output.status.success(), || format!("{script}\n{text}"))?;
        Ok(text)
    }
}

/// The page's, with this cloud's instance and addresses. Its parameters follow the names.
fn own_values(
    cloud: &Cloud,
    instance: &Instance,
    files: &Path,
    block: &str,
) -> Result<String, Failed> {
    let (_, parameters) = block
        .split_once("export PARAMETERS=\"")
        .ok_or("the page sets no PARAMETERS")?;
    let (parameters, _) = parameters.split_once('"').ok_or("PARAMETERS do not end")?;
    Ok(format!(
        "export STACK={NAME} NAMES={NAME} ADDON_ID={} FILES={}\n\
         export PARAMETERS=\"{parameters} HerokuApiUrl={} HerokuOAuthUrl={}\"",
        instance.addon,
        files.display(),
        cloud.heroku.api_url(),
        cloud.heroku.oauth_url(),
    ))
}

/// The files that the page asks for, with what the cloud's own secrets hold.
async fn store(cloud: &Cloud, files: &Path) -> TestResult {
    for (secret, file) in [
        ("addon/partner", "partner.json"),
        ("addon/masters/acme-db", "administrator.json"),
    ] {
        let request = json!({ "SecretId": secret });
        let call =
            cloud
                .root
                .json_call("secretsmanager", "secretsmanager.GetSecretValue", &request);
        let value = call.await?["SecretString"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        std::fs::write(files.join(file), value)?;
    }
    Ok(())
}

async fn write_enrolment(cloud: &Cloud, instance: &Instance, files: &Path) -> TestResult {
    let mut document = document(cloud, instance).await?;
    let administrator = format!("{NAME}/masters/db7");
    let describe = "secretsmanager describe-secret --secret-id";
    document["masterarn"] = aws(cloud, describe, &[&administrator]).await?["ARN"].clone();
    let event = json!({
        "Document": document,
        "RefreshToken": cloud.heroku.refresh_token(&instance.addon)?,
    });
    std::fs::write(files.join("enrolment.json"), event.to_string())?;
    Ok(())
}
