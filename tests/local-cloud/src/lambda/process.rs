//! One execution environment: a function's process and the Runtime API that it asks for events.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use serde_json::Value;
use strict_aws::ministack::Invocation;
use tools::process::{self, Process};

use super::{Call, Launch, RuntimeApi};

/// Ends with its owner.
pub(super) struct Sandbox {
    process: Process,
    api: RuntimeApi,
}

impl Sandbox {
    pub(super) async fn start(launch: &Launch, timeout: Duration, log: &Path) -> Result<Self> {
        let api = RuntimeApi::start(super::arn(&launch.function), timeout).await?;
        let mut command = process::command(&launch.executable, Signal::SIGKILL);
        launch.prepare(command.as_std_mut(), &api);
        let process = Process::spawn(&launch.function, command, log).await?;
        Ok(Self {
            process: process.stopped_by(Signal::SIGKILL),
            api,
        })
    }

    /// Hands over an event and waits for what the function says to it. Nothing, if its process ends instead.
    pub(super) async fn invoke(&mut self, event: &Value) -> Option<Invocation> {
        self.api.hand_over(event.clone());
        loop {
            let call = tokio::select! {
                call = self.api.call() => call?,
                () = self.process.wait() => return None,
            };
            return Some(match call {
                Call::Next(_) => continue,
                Call::Answer(_, payload) => Invocation {
                    payload,
                    function_error: None,
                },
                Call::Error(payload) => Invocation {
                    payload,
                    function_error: Some("Unhandled".to_owned()),
                },
            });
        }
    }
}
