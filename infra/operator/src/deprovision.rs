//! `deprovision`: the credentials of instances that are gone at Heroku end.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::confirm::confirm;
use crate::output::{Mark, Output};
use crate::stack::Stack;
use crate::{OperatorError, Outcome};

/// What to end.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  addon-rotation-operator deprovision 01234567-89ab-cdef-0123-456789abcdef fedcba98-7654-3210-fedc-ba9876543210")]
pub struct Options {
    /// The add-ons' ids.
    #[arg(required = true)]
    pub addons: Vec<String>,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    addon_id: &'a str,
}

/// Invokes `deprovision-addon` with one after the other. One that fails keeps no other from it.
///
/// # Errors
/// If nobody agrees.
pub async fn run(
    stack: &Stack,
    output: &Output,
    options: &Options,
) -> Result<Outcome, OperatorError> {
    let consequences = format!(
        "All credentials of {} will be revoked now, and their secrets will be marked for deletion:\n  {}",
        match options.addons.len() {
            1 => "this add-on".to_owned(),
            count => format!("these {count} add-ons"),
        },
        options.addons.join("\n  ")
    );
    confirm(output, options.yes, &consequences)?;
    let mut outcome = Outcome::Fine;
    for addon_id in &options.addons {
        match stack.ask("deprovision-addon", &Event { addon_id }).await {
            // What was deprovisioned before has a secret still, marked for deletion.
            Ok(answer) if answer["Outcome"] == "unchanged" && answer["SecretArn"].is_null() => {
                outcome = Outcome::Attention;
                let stack = &stack.name;
                let error = format!(
                    "There is no instance {addon_id} in stack {stack}. → Check AWS_REGION, and list the \
                     instances: `addon-rotation-operator --stack {stack} status`. A retry does not help."
                );
                failed(output, addon_id, &error);
            }
            Ok(answer) => {
                let became = answer["Outcome"].as_str().unwrap_or("no outcome");
                let revoked = answer["Revoked"].as_array().map_or(0, Vec::len);
                if output.is_json() {
                    let secret = &answer["SecretArn"];
                    let revoked = &answer["Revoked"];
                    output.object(&json!({ "addon_id": addon_id, "outcome": became, "secret": secret, "revoked": revoked }));
                } else {
                    let message = format!("{became}, {revoked} credentials revoked");
                    output.step(addon_id, Mark::Done, &message);
                }
            }
            Err(error) => {
                outcome = Outcome::Attention;
                failed(output, addon_id, &error.to_string());
            }
        }
    }
    Ok(outcome)
}

fn failed(output: &Output, addon_id: &str, error: &str) {
    if output.is_json() {
        output.object(&json!({ "addon_id": addon_id, "error": error }));
    } else {
        output.step(addon_id, Mark::Failed, error);
    }
}
