//! The local cloud that needs nothing but this program and the functions' binaries.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strict_aws::gateway::{Gateway, GatewayOptions};

use super::{Partner, STACK};
use crate::lambda::{self, Lambda};

#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Cargo's target directory, where database servers are looked for.
    pub target: PathBuf,
    pub logs: PathBuf,
    pub executables: PathBuf,
    /// The stack's grace period; whole seconds.
    pub grace_period: Duration,
}

/// A running cloud without MiniStack: the functions that the template deploys, with the variables that it gives
/// them, run as Lambda runs them; Secrets Manager, EventBridge Scheduler and Heroku are strict, and IAM allows all.
/// Everything in it is stopped on drop.
pub struct Embedded {
    partner: Partner,
}

impl Embedded {
    pub async fn start(options: EmbeddedOptions) -> anyhow::Result<Self> {
        let lambda = Lambda::new(&options.executables, &options.logs);
        let bound = Gateway::bind().await?;
        let endpoint = bound.endpoint().as_str().trim_end_matches('/').to_owned();
        let gateway = GatewayOptions {
            functions: Some(Arc::new(lambda.clone())),
            target: Some(Arc::new(lambda.clone())),
            others: lambda.router(),
            ..GatewayOptions::default()
        };
        let mut partner = Partner::start(&options.target, &options.logs, bound, gateway).await?;
        partner.store_secrets().await?;
        let parameters = partner.parameters(options.grace_period);
        let parameters: BTreeMap<_, _> = parameters.into_iter().collect();
        let mut functions = lambda::functions(STACK, &parameters)?;
        for function in &mut functions {
            let mut set = |name: &str, value: &str| {
                function
                    .environment
                    .insert(name.to_owned(), value.to_owned());
            };
            set("AWS_ENDPOINT_URL", &endpoint);
            set("ALLOW_PLAIN_TEXT_ON_LOOPBACK", "true");
            set("SOONEST_SCHEDULE_SECONDS", "0");
        }
        lambda.deploy(functions);
        Ok(Self { partner })
    }
}

impl Deref for Embedded {
    type Target = Partner;

    fn deref(&self) -> &Partner {
        &self.partner
    }
}
