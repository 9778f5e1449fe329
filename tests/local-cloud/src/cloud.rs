//! The local cloud as a whole: AWS, Heroku and the partner's services on one machine, with the
//! stack deployed to it the way a user deploys it.

mod account;
mod embedded;
mod functions;
mod instance;
mod mysql;
mod own;
mod partner;
mod postgres;
mod redis;

use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use strict_aws::gateway::{Gateway, GatewayOptions};
use tools::Tools;
use tools::process::OnLine;

use serde_json::Value;

pub use embedded::{Embedded, EmbeddedOptions};
pub use functions::Held;
pub use instance::{AddOn, Api, Engine, Instance, InstanceSpec};
pub use own::{Own, Owned};
pub use partner::Partner;

use crate::ministack::MiniStack;
use crate::stack::{self, Stack};

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

#[derive(Clone)]
pub struct CloudOptions {
    pub workspace: PathBuf,
    /// The stack's grace period; whole seconds.
    pub grace_period: Duration,
    pub parameters: Parameters,
    /// Told what happens while the cloud starts, a line at a time.
    pub progress: OnLine,
}

/// A running local cloud. Everything in it is stopped on drop.
pub struct Cloud {
    partner: Partner,
    /// MiniStack behind the gateway.
    pub ministack: MiniStack,
    pub tools: Tools,
    functions: functions::Functions,
    pub stack: Stack,
    pub template: PathBuf,
    parameters: Vec<(String, String)>,
    outputs: BTreeMap<String, String>,
    /// What it builds and deploys has one place in a checkout.
    _only: Only,
}

impl Deref for Cloud {
    type Target = Partner;

    fn deref(&self) -> &Partner {
        &self.partner
    }
}

impl Cloud {
    /// Installs what is missing, builds the functions, starts everything and deploys the stack.
    pub async fn start(options: CloudOptions) -> anyhow::Result<Self> {
        let CloudOptions {
            workspace,
            grace_period,
            parameters,
            progress,
        } = options;
        let target = tools::target_directory(&workspace);
        let logs = target.join("local-cloud");
        let only = Only::new(&logs)?;
        progress("setting up the Python tools");
        let tools = Tools::ensure(&target, Arc::clone(&progress)).await?;
        progress("building the functions");
        let template = stack::build(&workspace, &target, &logs).await?;

        progress("starting Heroku, the partner's services and AWS");
        let bound = Gateway::bind().await?;
        let endpoint = bound.endpoint().clone();
        let ministack = MiniStack::start(&tools.ministack(), &endpoint, &logs).await?;
        let functions = functions::Functions::new(ministack.client().clone());
        let gateway = GatewayOptions {
            upstream: Some(ministack.client().clone()),
            functions: Some(Arc::new(functions.clone())),
            ..GatewayOptions::default()
        };
        let mut partner = Partner::start(&target, &logs, bound, gateway).await?;
        if parameters == Parameters::All {
            partner.account.set_all(ministack.client()).await?;
        }
        partner.store_secrets().await?;

        progress("deploying the stack (sam deploy)");
        let parameters = partner.parameters(grace_period);
        let parameters: Vec<_> = parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let stack = Stack::new(tools.clone(), workspace, endpoint, STACK, logs);
        stack.deploy(&template, &parameters).await?;
        let outputs = stack.outputs().await?;
        Ok(Self {
            partner,
            ministack,
            tools,
            functions,
            stack,
            template,
            parameters,
            outputs,
            _only: only,
        })
    }

    /// Deploys the stack once more, in place: from another template, or with some of the parameters
    /// changed.
    pub async fn update(&self, template: &Path, changed: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut parameters = self.parameters.clone();
        for (name, value) in changed {
            parameters.retain(|(other, _)| other != name);
            parameters.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.stack.deploy(template, &parameters).await
    }

    pub fn output(&self, name: &str) -> anyhow::Result<&str> {
        self.outputs
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("the stack has no output {name}: compare infra/template.yaml"))
    }

    /// Runs the AWS CLI against the cloud; its output, read as JSON, `null` if there is none.
    pub async fn aws(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        account::run(stack::aws(&self.tools, self.gateway.endpoint()), arguments).await
    }

    /// As [`Cloud::aws`], for a command that does not answer in JSON; what it printed.
    pub async fn aws_text(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let aws = stack::aws(&self.tools, self.gateway.endpoint());
        account::print(aws, arguments).await
    }

    /// From now on every step of this secret's rotations is called twice.
    pub fn call_steps_twice(&self, instance: &Instance) {
        self.functions.call_twice(&instance.secret_arn);
    }

    /// The next call of a step of this secret's rotations waits until it is let go.
    pub fn hold_step(&self, instance: &Instance, step: &str) -> Held {
        self.functions.hold(&instance.secret_arn, step)
    }

    /// Stops everything, and waits until it has stopped.
    pub async fn stop(self) {
        self.ministack.stop().await;
    }
}

/// Holds the place of the one deployed cloud that a checkout can have.
struct Only(
    #[expect(
        dead_code,
        reason = "held, and given back with the process at the latest"
    )]
    File,
);

impl Only {
    fn new(logs: &Path) -> anyhow::Result<Self> {
        let path = logs.join("deployed.lock");
        let failed = || format!("cannot use {}", path.display());
        std::fs::create_dir_all(logs).with_context(failed)?;
        let options = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path);
        let mut file = options.with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).with_context(failed)?;
                bail!(
                    "another deployed cloud of this checkout runs, as process {pid} (`demo --deployed`, \
                     `up --deployed` or `test`): end it first, or wait for it"
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        file.set_len(0).with_context(failed)?;
        write!(file, "{}", std::process::id()).with_context(failed)?;
        Ok(Self(file))
    }
}
