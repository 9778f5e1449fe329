//! The command line. No secret is on it: values come from files or standard input.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::{deprovision, emergency, enroll, recover, rollback, rotation, status};

const ENVIRONMENT: &str = "\
Environment:
  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                      as `aws configure export-credentials --format env` prints them
  AWS_ENDPOINT_URL    another endpoint than AWS's
  STACK_NAME          the same as --stack
  NO_COLOR            no colours, on a terminal either

Exit status:
  0  all is well
  1  something is to be looked at
  2  the command could not run; nothing is changed";

/// The state of a stack's fleet of rotated credentials, and what to do about it.
#[derive(Debug, Parser)]
#[command(name = "addon-rotation-operator", version, after_help = ENVIRONMENT)]
pub struct Arguments {
    /// The stack's name.
    #[arg(long, env = "STACK_NAME", global = true)]
    pub stack: Option<String>,
    /// What the names of the rotating secrets begin with: the stack's
    /// `SecretNamePrefix`. The add-on's id follows.
    #[arg(
        long,
        env = "SECRET_NAME_PREFIX",
        global = true,
        default_value = "addon/credentials/"
    )]
    pub secret_prefix: String,
    /// For programs: JSON Lines on standard output, one object per row or step.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The fleet as a table: states, ages, pending revocations, next rotations. No value is read.
    Status(status::Options),
    /// Rotate an instance's credential now. The apps' dynos restart.
    Rotate(rotation::Options),
    /// Make an older credential current again, within its grace period. The apps' dynos restart.
    Rollback(rollback::Options),
    /// A credential leaked: rotate now, and end the old ones sooner than their grace period.
    Emergency(emergency::Options),
    /// The current credential does not work: vouch for the instance, and rotate it.
    Recover(recover::Options),
    /// Enrol the instances of a file of JSON Lines or JSON.
    Enroll(enroll::Options),
    /// End the credentials of instances that are gone at Heroku.
    Deprovision(deprovision::Options),
    /// Check a service of your own against the http engine's contract. No stack is needed.
    Conformance(conformance::Options),
    /// Print a script that completes this command's arguments.
    #[command(after_help = "Example:
  addon-rotation-operator completions bash > ~/.local/share/bash-completion/completions/addon-rotation-operator")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_emergency_takes_one_choice() {
        let parse = |more: &[&str]| {
            Arguments::try_parse_from([&["it", "emergency", "addon"], more].concat()).is_ok()
        };
        assert!(parse(&["--revoke-after", "15m"]) && parse(&["--accept-downtime"]));
        assert!(!parse(&[]) && !parse(&["--accept-downtime", "--revoke-after", "1h"]));
        let neither = Arguments::try_parse_from(["it", "emergency", "addon"]).unwrap_err();
        let neither = neither.to_string();
        for choice in ["--revoke-after <TIME>", "--accept-downtime"] {
            assert!(neither.contains(choice), "{neither}");
        }
        for nonsense in ["0s", "-5m", "soon", "30d"] {
            assert!(
                !parse(&[&format!("--revoke-after={nonsense}")]),
                "{nonsense}"
            );
        }
    }
}
