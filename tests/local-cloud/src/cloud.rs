//! The local cloud as a whole: AWS, Heroku and the partner's services on one machine, with the
//! stack deployed to it the way a user deploys it.

mod account;
mod error;
mod functions;
mod instance;
mod mysql;
mod own;
mod partner;
mod postgres;
mod redis;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

pub use error::CloudError;
pub use functions::Held;
pub use instance::{AddOn, Api, Engine, Instance, InstanceSpec};
pub use own::Own;
pub use redis::SharedRedis;

use account::Account;

use crate::credential_service::CredentialService;
use crate::events::EventLog;
use crate::gateway::{Gateway, GatewayOptions};
use crate::heroku::Heroku;
use crate::mariadb::Mariadb;
use crate::ministack::{self, MiniStack, MiniStackOptions};
use crate::postgres::Postgres;
use crate::process::OnLine;
use crate::stack::{self, BuildMode, Stack};
use crate::tools::Tools;

/// The stack's name, and so the prefix of its functions'.
pub const STACK: &str = "addon-rotation";

/// The add-on service's slug at Heroku.
const SERVICE: &str = "acme";

/// Which of the template's parameters a deployment sets, beside those that every test stand needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parameters {
    /// None: the defaults.
    #[default]
    Defaults,
    /// All: customer-managed keys, a network, reserved concurrency, tracing, alarms.
    All,
}

/// How the cloud is set up.
#[derive(Clone)]
pub struct CloudOptions {
    /// The project's root.
    pub workspace: PathBuf,
    /// The stack's grace period; whole seconds.
    pub grace_period: Duration,
    /// Which of the template's parameters are set.
    pub parameters: Parameters,
    /// Told what happens while the cloud starts, a line at a time.
    pub progress: OnLine,
}

/// A running local cloud. Everything in it is stopped on drop.
pub struct Cloud {
    /// What happened so far.
    pub events: EventLog,
    /// Heroku.
    pub heroku: Arc<Heroku>,
    /// The partner's own service, for the `http` engine.
    pub credential_service: CredentialService,
    /// The partner's database server, for the `postgres` engine.
    pub postgres: Postgres,
    /// The partner's database server, for the `mysql` engine.
    pub mariadb: Mariadb,
    /// What the AWS CLI, the SDKs and the functions talk to.
    pub gateway: Gateway,
    /// MiniStack behind the gateway.
    pub ministack: MiniStack,
    /// The programs.
    pub tools: Tools,
    /// A client of the gateway with the account's root credentials.
    pub root: ministack::Client,
    functions: functions::Functions,
    account: Account,
    /// The stack.
    pub stack: Stack,
    /// The template as `sam build` left it.
    pub template: PathBuf,
    parameters: Vec<(String, String)>,
    /// By instance.
    redis: Mutex<BTreeMap<String, SharedRedis>>,
    own_postgres: own::OwnServers<Postgres>,
    own_mariadb: own::OwnServers<Mariadb>,
    outputs: BTreeMap<String, String>,
}

impl Cloud {
    /// Installs what is missing, builds the functions, starts everything and deploys the stack.
    ///
    /// # Errors
    /// If anything of that fails; the error says what to do.
    pub async fn start(options: CloudOptions) -> Result<Self, CloudError> {
        let CloudOptions {
            workspace,
            grace_period,
            parameters,
            progress,
        } = options;
        let target = crate::tools::target_directory(&workspace);
        let logs = target.join("local-cloud");
        let tools = Tools::ensure(&target, Arc::clone(&progress)).await?;
        let template = stack::sam_build(
            &workspace,
            &tools,
            BuildMode::Debug,
            &logs,
            Arc::clone(&progress),
        )
        .await?;

        progress("starting Heroku, the partner's services and AWS");
        let events = EventLog::default();
        let heroku = Arc::new(Heroku::start(events.clone()).await?);
        let manifest = partner::manifest();
        heroku.add_service(manifest.clone())?;
        let services = partner::Services::start(&target, &logs, &events, &progress).await?;

        let bound = Gateway::bind().await?;
        let endpoint = bound.endpoint().clone();
        let ministack = MiniStack::start(MiniStackOptions::new(
            tools.ministack(),
            endpoint.clone(),
            logs.clone(),
        ))
        .await?;
        let functions = functions::Functions::new(ministack.client().clone());
        let gateway = bound.serve(GatewayOptions {
            upstream: Some(ministack.client().clone()),
            events: events.clone(),
            functions: Some(Arc::new(functions.clone())),
            ..GatewayOptions::default()
        });
        let root = ministack::Client::new(endpoint.clone())?;

        let aws = || stack::aws(&tools, &endpoint);
        let administrators = &services.administrators;
        let account = Account::set_up(&root, &aws, parameters, &manifest, administrators).await?;

        progress("deploying the stack (sam deploy)");
        let parameters = [
            ("GracePeriodSeconds", grace_period.as_secs().to_string()),
            ("HerokuApiUrl", heroku.api_url().to_string()),
            ("HerokuOAuthUrl", heroku.oauth_url().to_string()),
        ];
        let parameters: Vec<_> = parameters
            .into_iter()
            .chain(account.parameters.iter().cloned())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let stack = Stack::new(tools.clone(), workspace, endpoint, STACK, logs);
        stack.deploy(&template, &parameters, progress).await?;
        let outputs = stack.outputs().await?;
        Ok(Self {
            events,
            heroku,
            credential_service: services.credential_service,
            postgres: services.postgres,
            mariadb: services.mariadb,
            gateway,
            ministack,
            tools,
            root,
            functions,
            account,
            stack,
            template,
            parameters,
            redis: Mutex::default(),
            own_postgres: own::OwnServers::default(),
            own_mariadb: own::OwnServers::default(),
            outputs,
        })
    }

    /// Deploys the stack once more, in place: from another template, or with some of the parameters
    /// changed.
    ///
    /// # Errors
    /// If CloudFormation refuses; with its reasons.
    pub async fn update(
        &self,
        template: &Path,
        changed: &[(&str, &str)],
        progress: OnLine,
    ) -> Result<(), CloudError> {
        let mut parameters = self.parameters.clone();
        for (name, value) in changed {
            parameters.retain(|(other, _)| other != name);
            parameters.push(((*name).to_owned(), (*value).to_owned()));
        }
        Ok(self.stack.deploy(template, &parameters, progress).await?)
    }

    /// One of the stack's outputs.
    ///
    /// # Errors
    /// If the template has no such output.
    pub fn output(&self, name: &str) -> Result<&str, CloudError> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| CloudError::Output {
                name: name.to_owned(),
            })
    }

    /// Runs the AWS CLI against the cloud; its output, read as JSON, `null` if there is none.
    ///
    /// # Errors
    /// With what the CLI printed, if it fails.
    pub async fn aws(&self, arguments: &[&str]) -> Result<Value, CloudError> {
        account::run(stack::aws(&self.tools, self.gateway.endpoint()), arguments).await
    }

    /// As [`Cloud::aws`], for a command that does not answer in JSON; what it printed.
    ///
    /// # Errors
    /// With what the CLI printed, if it fails.
    pub async fn aws_text(&self, arguments: &[&str]) -> Result<String, CloudError> {
        let aws = stack::aws(&self.tools, self.gateway.endpoint());
        account::print(aws, arguments).await
    }

    /// As [`Cloud::aws`], with the credentials of one of the stack's functions.
    ///
    /// # Errors
    /// With what the CLI printed, if it fails.
    pub async fn aws_as(&self, function: &str, arguments: &[&str]) -> Result<Value, CloudError> {
        let credentials = self
            .root
            .execution_credentials(&self.function_arn(function))
            .await?;
        let mut command = stack::aws(&self.tools, self.gateway.endpoint());
        command
            .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
            .env("AWS_SESSION_TOKEN", credentials.session_token);
        account::run(command, arguments).await
    }

    /// The ARN of one of the stack's functions.
    #[must_use]
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:us-east-1:000000000000:function:{STACK}-{name}")
    }

    /// From now on every step of this secret's rotations is called twice.
    pub fn call_steps_twice(&self, instance: &Instance) {
        self.functions.call_twice(&instance.secret_arn);
    }

    /// The next call of a step of this secret's rotations waits until it is let go.
    pub fn hold_step(&self, instance: &Instance, step: &str) -> Held {
        self.functions.hold(&instance.secret_arn, step)
    }

    /// Where the logs of all processes are.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        log_directory(self.tools.target())
    }

    /// Stops everything, and waits until it has stopped.
    pub async fn stop(self) {
        self.ministack.stop().await;
    }
}

fn log_directory(target: &Path) -> PathBuf {
    target.join("local-cloud")
}
