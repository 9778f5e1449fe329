//! `cargo xtask up`: a local cloud to try things in with the AWS CLI and boto3.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::routing::post;
use local_cloud::cloud::{AddOn, Api, Engine, InstanceSpec, Partner, STACK};
use serde_json::{Value, json};
use stand_in::{Fault, FaultRule};
use strict_aws::ministack::{InvocationType, ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY};
use strict_heroku::{AppSpec, RestartSpeed};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::view::View;
use crate::{CloudKind, Running};

/// Short enough to watch a revocation.
const GRACE_PERIOD: Duration = Duration::from_mins(1);

/// Runs until Ctrl-C, which is its proper end.
pub(crate) async fn run(workspace: &Path, kind: CloudKind) -> ExitCode {
    let stopped = std::pin::pin!(tokio::signal::ctrl_c());
    let up = std::pin::pin!(up(workspace, kind));
    let error = tokio::select! {
        ended = up => match ended {
            Ok(never) => match never {},
            Err(error) => error,
        },
        _ = stopped => {
            // Nobody may be left to read it.
            let _ = writeln!(io::stdout(), "\nStopped.");
            return ExitCode::SUCCESS;
        }
    };
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

async fn up(workspace: &Path, kind: CloudKind) -> Result<std::convert::Infallible> {
    let view = View::new();
    view.phase(2, "setting up the local cloud");
    let cloud = Running::start(workspace, kind, GRACE_PERIOD, &view).await?;
    view.phase(3, "two add-ons are provisioned, and the first is enrolled");
    let first = cloud
        .provision_add_on(spec("fluffy-6756", "fluffy"))
        .await?;
    let second = cloud.provision_add_on(spec("calm-1234", "calm")).await?;
    let function = cloud.function_arn("enroll-addon");
    let event = enrolment(&first);
    let enrolled = cloud
        .root
        .invoke(&function, &event, InvocationType::RequestResponse);
    let enrolled = enrolled.await?;
    ensure!(
        enrolled.function_error.is_none(),
        "enroll-addon refused the first instance: {}",
        enrolled.payload
    );
    let (breaking, _serving) = breaking(&cloud)
        .await
        .context("cannot listen on a free port of 127.0.0.1")?;
    let files = Files::write(workspace, &first, &second)?;
    view.phase(4, "up; Ctrl-C stops it");
    let operator = operator();
    println!("\n{}", exports(&cloud, kind));
    println!("{}", lines(&first, &second, &files, &breaking, &operator));
    std::future::pending().await
}

fn spec(name: &str, app: &str) -> InstanceSpec {
    InstanceSpec {
        name: name.to_owned(),
        api: Api::V3,
        engine: Engine::Http,
        apps: vec![AppSpec {
            name: app.to_owned(),
            dynos: 2,
            restart: RestartSpeed {
                first: Duration::from_secs(2),
                stagger: Duration::from_secs(1),
            },
        }],
        tags: Vec::new(),
    }
}

fn enrolment(add_on: &AddOn) -> Value {
    json!({ "Document": add_on.document, "GrantCode": add_on.grant_code })
}

/// What the functions are given, as files. They go with this process.
struct Files {
    directory: PathBuf,
    enrolment: PathBuf,
    button: PathBuf,
}

impl Files {
    fn write(workspace: &Path, first: &AddOn, second: &AddOn) -> Result<Self> {
        let name = format!("demo/up-{}", std::process::id());
        let directory = tools::target_directory(workspace).join(name);
        let failed = || format!("cannot write to {}", directory.display());
        fs::create_dir_all(&directory).with_context(failed)?;
        let files = Self {
            enrolment: directory.join("enrolment.json"),
            button: directory.join("button.json"),
            directory: directory.clone(),
        };
        let button = json!({ "AddonId": first.instance.addon });
        fs::write(&files.enrolment, enrolment(second).to_string()).with_context(failed)?;
        fs::write(&files.button, button.to_string()).with_context(failed)?;
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn operator() -> String {
    let this = std::env::current_exe().unwrap_or_default();
    let tool = this.with_file_name("addon-rotation-operator");
    format!("{} --stack {STACK}", tool.display())
}

/// An address at which things can be broken, served until dropped.
async fn breaking(cloud: &Partner) -> io::Result<(String, AbortOnDropHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/break", listener.local_addr()?);
    let unavailable = || FaultRule::next(Fault::status(503)).times(20);
    let (heroku, service) = (cloud.heroku.clone(), cloud.credential_service.clone());
    let break_heroku = move || {
        heroku.fail_next(unavailable());
        async { "Heroku answers its next 20 requests with 503.\n" }
    };
    let break_service = move || {
        service.fail_next(unavailable());
        async { "The partner's service answers its next 20 requests with 503.\n" }
    };
    let router = Router::new()
        .route("/break/heroku", post(break_heroku))
        .route("/break/service", post(break_service));
    let serving = tokio::spawn(async move {
        // It ends with the handle only.
        let _ = axum::serve(listener, router).await;
    });
    Ok((url, AbortOnDropHandle::new(serving)))
}

fn exports(cloud: &Partner, kind: CloudKind) -> String {
    let endpoint = cloud.gateway.endpoint().as_str().trim_end_matches('/');
    let manifest = &cloud.manifest;
    let path = if kind.deployed {
        let bin = cloud.target().join("tools/cloud/bin");
        format!("export PATH={}:$PATH\n", bin.display())
    } else {
        String::new()
    };
    format!(
        "# Paste this into another shell:\n\
         export AWS_ENDPOINT_URL={endpoint} AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=\n\
         export AWS_ACCESS_KEY_ID={ROOT_ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY={ROOT_SECRET_ACCESS_KEY}\n\
         export HEROKU_API_URL={} HEROKU_USER={}:{}\n{path}",
        cloud.heroku.api_url().as_str().trim_end_matches('/'),
        manifest.id,
        manifest.api_password,
    )
}

/// What to type, each with what it does. Every line works as it stands.
fn lines(first: &AddOn, second: &AddOn, files: &Files, breaking: &str, operator: &str) -> String {
    let (secret, addon) = (&first.instance.secret_name, &first.instance.addon);
    let other = &second.instance.addon;
    let (enrolment, button) = (files.enrolment.display(), files.button.display());
    let seconds = GRACE_PERIOD.as_secs();
    format!(
        "\
# Enrol the second add-on:
aws lambda invoke --function-name {STACK}-enroll-addon --payload fileb://{enrolment} /dev/stdout

# Press the customer's rotate button; pressed again at once, it is refused:
aws lambda invoke --function-name {STACK}-start-rotation --payload fileb://{button} /dev/stdout

# Rotate now, as the console does:
aws secretsmanager rotate-secret --secret-id {secret}

# Watch the versions and their labels:
aws secretsmanager describe-secret --secret-id {secret} --query VersionIdsToStages

# See which credentials are to be revoked, {seconds} s after each rotation:
aws scheduler list-schedules --group-name {STACK} --query 'Schedules[].Name'

# See what Heroku shows the customer's apps:
curl -s -u \"$HEROKU_USER\" \"$HEROKU_API_URL/vendor/apps/{addon}\"

# See the fleet:
{operator} status

# Take the last rotation back, while the old credential is still accepted:
{operator} rollback {addon} --yes

# Break something: Heroku answers its next 20 requests with 503, or the service does:
curl -s -X POST {breaking}/heroku
curl -s -X POST {breaking}/service

# Deprovision the second add-on:
{operator} deprovision {other} --yes
"
    )
}
