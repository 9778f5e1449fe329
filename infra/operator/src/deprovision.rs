//! `deprovision`: the credentials of instances that are gone at Heroku end.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

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
                if ended(output, addon_id, &answer) == Outcome::Attention {
                    outcome = Outcome::Attention;
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

/// Says what the function answers, and whether something is left to do.
fn ended(output: &Output, addon_id: &str, answer: &Value) -> Outcome {
    let became = answer["Outcome"].as_str().unwrap_or("no outcome");
    let versions = |name: &str| answer[name].as_array().cloned().unwrap_or_default();
    let (revoked, unproven) = (versions("Revoked"), versions("Unproven"));
    let mut message = format!("{became}, {} credentials revoked", revoked.len());
    if became == "revoked" {
        message.push_str(
            ". Its secret is not deleted yet: a rotation was under way, and deprovision-addon checks again after it. → \
             Repeat in half an hour",
        );
    }
    if !unproven.is_empty() {
        let unproven: Vec<_> = unproven.iter().filter_map(Value::as_str).collect();
        let unproven = unproven.join(", ");
        let one = format!(
            ". The service refuses the credential of version {unproven}, and nothing shows that it is this instance's: it is \
             not revoked. → End it at the service"
        );
        message.push_str(&one);
    }
    let outcome = if became == "revoked" || !unproven.is_empty() {
        Outcome::Attention
    } else {
        Outcome::Fine
    };
    if output.is_json() {
        let secret = &answer["SecretArn"];
        output.object(&json!({
            "addon_id": addon_id,
            "outcome": became,
            "secret": secret,
            "revoked": revoked,
            "unproven": unproven,
        }));
    } else {
        let mark = match outcome {
            Outcome::Fine => Mark::Done,
            Outcome::Attention => Mark::Note,
        };
        output.step(addon_id, mark, &message);
    }
    outcome
}

fn failed(output: &Output, addon_id: &str, error: &str) {
    if output.is_json() {
        output.object(&json!({ "addon_id": addon_id, "error": error }));
    } else {
        output.step(addon_id, Mark::Failed, error);
    }
}
