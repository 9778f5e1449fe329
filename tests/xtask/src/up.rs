//! `cargo xtask up`: a local cloud to try things in with the AWS CLI.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use local_cloud::cloud::{Api, Cloud, CloudOptions, Engine, InstanceSpec, Parameters};
use local_cloud::heroku::{AppSpec, RestartSpeed};

/// Short enough to watch a revocation.
const GRACE_PERIOD: Duration = Duration::from_mins(1);

/// Starts the cloud with one enrolled instance, prints what to type, and waits for ever: Ctrl-C
/// drops it.
pub(crate) async fn run(workspace: PathBuf) -> Result<ExitCode, Box<dyn Error>> {
    let cloud = Cloud::start(CloudOptions {
        workspace,
        grace_period: GRACE_PERIOD,
        parameters: Parameters::Defaults,
        progress: Arc::new(|line| println!("{line}")),
    })
    .await?;
    let restart = RestartSpeed {
        first: Duration::from_secs(2),
        stagger: Duration::from_secs(1),
    };
    let instance = cloud
        .enrol(InstanceSpec {
            name: "fluffy-6756".to_owned(),
            api: Api::V3,
            engine: Engine::Postgres,
            apps: vec![AppSpec {
                name: "fluffy".to_owned(),
                dynos: 2,
                restart,
            }],
            tags: Vec::new(),
        })
        .await?;

    let secret = &instance.secret_name;
    let aws = format!(
        "{} --endpoint-url {}",
        cloud.tools.aws().display(),
        cloud.gateway.endpoint().as_str().trim_end_matches('/')
    );
    println!(
        "\nThe local cloud is up; revocations come {} s after a rotation. Ctrl-C stops it.\n\n\
         # The credentials, in the shell that you use:\n\
         export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={} AWS_DEFAULT_REGION=us-east-1 AWS_PAGER=\n\n\
         # List the secrets:\n{aws} secretsmanager list-secrets --query 'SecretList[].Name'\n\n\
         # Rotate now:\n{aws} secretsmanager rotate-secret --secret-id {secret}\n\n\
         # Watch the versions:\nwatch -n 1 {aws} secretsmanager describe-secret --secret-id {secret} --query VersionIdsToStages\n\n\
         # See what is to be revoked, and when:\n{aws} scheduler list-schedules --group-name {}\n",
        GRACE_PERIOD.as_secs(),
        local_cloud::ministack::ROOT_ACCESS_KEY_ID,
        local_cloud::ministack::ROOT_SECRET_ACCESS_KEY,
        cloud.output("ScheduleGroupName")?,
    );
    std::future::pending::<()>().await;
    Ok(ExitCode::SUCCESS)
}
