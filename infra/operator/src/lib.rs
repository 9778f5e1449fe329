//! The operator's tool: the state of a stack's fleet, and what to do about it. It is no Lambda function: it
//! runs with an operator's credentials from the environment, and does by the stack's own functions what
//! they may and the operator need not. Only `change` reads and stores a value, by rights of its caller's own.
//!
//! | module | command |
//! |---|---|
//! | [`status`] | `status`: the fleet as a table |
//! | [`rotation`] | `rotate`: a rotation now, followed to its end |
//! | [`rollback`] | `rollback`: an older credential again, within its grace period |
//! | [`emergency`] | `emergency`: a leaked credential |
//! | [`recover`] | `recover`: a current credential that does not work |
//! | [`change`] | `change`: another document for an instance |
//! | [`enroll`] | `enroll`: instances from a file |
//! | [`deprovision`] | `deprovision`: instances that are gone at Heroku |
//! | [`conformance`] | `conformance`: a partner's own service against the `http` engine's contract |
//!
//! The exit status is 0 if all is well, 1 if something needs attention, 2 if the command could not run
//! and nothing was changed.

#![warn(missing_docs)]

mod arguments;
pub mod change;
pub mod confirm;
pub mod deprovision;
pub mod emergency;
pub mod enroll;
mod error;
mod file;
pub mod output;
pub mod recover;
pub mod rollback;
pub mod rotation;
pub mod stack;
pub mod status;
mod time;

use std::process::ExitCode;

use addon_rotation::rotation_schedule::schedule_expression;
use clap::CommandFactory as _;
use serde_json::json;

pub use arguments::{Arguments, Command};
pub use error::OperatorError;

use output::Output;
use stack::Stack;

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine,
    /// Something needs attention.
    Attention,
}

/// Runs the command, and says what came of it.
pub async fn run(arguments: Arguments) -> ExitCode {
    if let Command::Conformance(options) = &arguments.command {
        return conformance::run(options, arguments.json).await;
    }
    let output = Output::new(arguments.json);
    match execute(arguments, &output).await {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Attention) => ExitCode::from(1),
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.status())
        }
    }
}

async fn execute(arguments: Arguments, output: &Output) -> Result<Outcome, OperatorError> {
    if let Command::Completions { shell } = arguments.command {
        let mut command = Arguments::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
        return Ok(Outcome::Fine);
    }
    if let Command::Schedule { addon, days } = &arguments.command {
        let expression = schedule_expression(addon, *days);
        if output.is_json() {
            output.object(&json!({ "schedule_expression": expression }));
        } else {
            output.line(&expression);
        }
        return Ok(Outcome::Fine);
    }
    let name = arguments.stack.ok_or(OperatorError::NoStack)?;
    let stack = Stack::from_environment(name, arguments.secret_prefix)?;
    with_stack(&stack, arguments.command, output).await
}

/// Does what a command says with a stack.
///
/// # Errors
/// If it cannot be done: the error says what to do.
pub async fn with_stack(
    stack: &Stack,
    command: Command,
    output: &Output,
) -> Result<Outcome, OperatorError> {
    match command {
        Command::Status(options) => status::run(stack, output, &options).await,
        Command::Rotate(options) => rotation::run(stack, output, &options).await,
        Command::Rollback(options) => rollback::run(stack, output, &options).await,
        Command::Emergency(options) => emergency::run(stack, output, &options).await,
        Command::Recover(options) => recover::run(stack, output, &options).await,
        Command::Change(options) => change::run(stack, output, &options).await,
        Command::Enroll(options) => enroll::run(stack, output, &options).await,
        Command::Deprovision(options) => deprovision::run(stack, output, &options).await,
        Command::Conformance(_) | Command::Schedule { .. } | Command::Completions { .. } => {
            Ok(Outcome::Fine)
        }
    }
}
