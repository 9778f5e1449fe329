//! Whether the person wants it.

use std::io::{self, IsTerminal as _, Write as _};

use crate::OperatorError;
use crate::output::Output;

/// Says what will happen and asks, unless `yes`.
///
/// # Errors
/// If the answer is not yes, or nobody can be asked.
pub fn confirm(output: &Output, yes: bool, consequences: &str) -> Result<(), OperatorError> {
    if !output.is_json() {
        output.line(consequences);
    }
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(OperatorError::NobodyToAsk);
    }
    let mut stderr = io::stderr();
    write!(stderr, "Continue? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        Ok(())
    } else {
        Err(OperatorError::Declined)
    }
}
