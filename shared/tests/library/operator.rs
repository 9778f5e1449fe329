//! The operator's tool, with the functions in this process.

mod change;
mod emergency;
mod enroll;
mod leak;
mod recover;
mod rollback;
mod status;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use addon_rotation::schedule::ScheduleGroup;
use addon_rotation::secrets::Secrets;
use addon_rotation_operator::output::Output;
use addon_rotation_operator::stack::Stack;
use addon_rotation_operator::{OperatorError, Outcome};
use serde_json::Value;
use strict_aws::secrets_manager::Untidy;

use crate::support::{Instance, Stand};

/// What the tool's caller is at AWS.
const OPERATOR: &str = "an-operator";

/// So many looks of the tool's are late.
const LATE: u32 = 2;

/// AWS at its tidiest, and as it may be as well.
fn manners() -> [Untidy; 3] {
    let late = Untidy {
        late_reads: LATE,
        late_for: Some(OPERATOR),
        ..Untidy::default()
    };
    let pending_stays = Untidy {
        pending_stays: true,
        ..Untidy::default()
    };
    [Untidy::default(), pending_stays, late]
}

/// Has AWS be so, and the tool know how things stand now.
async fn be(stand: &Stand, instance: &Instance, untidy: Untidy) {
    stand.gateway.secrets_manager().be(untidy);
    for _ in 0..=LATE {
        stack(stand).instance(&id(instance)).await.unwrap();
    }
}

/// Functions say so of their time-out: so long is waited for a revocation.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The stack as the tool reaches it.
pub(crate) fn stack(stand: &Stand) -> Stack {
    stand.lambda.tell_timeout(TIMEOUT);
    let aws = stand.lambda.sdk_config(OPERATOR);
    Stack {
        name: "addon-rotation".to_owned(),
        prefix: "acme/credentials/".to_owned(),
        secrets: Secrets::new(&aws),
        functions: stand.lambda.functions(),
        group: ScheduleGroup::new(&aws, "addon-rotation"),
    }
}

/// Keeps what the tool says.
#[derive(Clone, Default)]
pub(crate) struct Words(Arc<Mutex<Vec<u8>>>);

impl Write for Words {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Words {
    pub(crate) fn output(&self) -> Output {
        Output::to(self.clone(), true)
    }

    pub(crate) fn for_people(&self) -> Output {
        Output::to(self.clone(), false)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn objects(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The steps that are done, in their order.
    fn done(&self) -> Vec<String> {
        let objects = self.objects().into_iter();
        objects
            .filter(|object| object["outcome"] == "done")
            .map(|object| object["step"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Nothing that a command says holds a secret value.
fn assert_tells_no_secret(stand: &Stand, words: &Words, ended: &Result<Outcome, OperatorError>) {
    stand.assert_holds_no_secret(&words.text());
    if let Err(error) = ended {
        stand.assert_holds_no_secret(&format!("{error} {error:?}"));
    }
}

/// What an operator calls the instance.
pub(crate) fn id(instance: &Instance) -> String {
    instance.addon.clone()
}

/// The operations of Secrets Manager that the tool's caller has asked for.
fn operations(stand: &Stand) -> Vec<String> {
    let requests = stand.gateway.requests().into_iter();
    requests
        .filter(|request| request.access_key_id.as_deref() == Some(OPERATOR))
        .map(|request| request.operation)
        .collect()
}
