//! The command line. No secret is on it: values come from files or standard input.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::{change, deprovision, emergency, enroll, recover, rollback, rotation, status};

/// What the names of the rotating secrets begin with, if nobody says so: the template's default.
pub(crate) const SECRET_PREFIX: &str = "addon/credentials/";

const ENVIRONMENT: &str = "\
Environment:
  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                      as `aws configure export-credentials --format env` prints them
  AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_LAMBDA
                      other endpoints than AWS's
  STACK_NAME          the same as --stack
  NO_COLOR            no colours

Exit status:
  0  all is well
  1  something needs your attention
  2  the command could not run; nothing was changed";

/// Shows the state of a stack's fleet of rotated credentials, and acts on single instances.
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
        default_value = SECRET_PREFIX
    )]
    pub secret_prefix: String,
    /// Write JSON Lines to standard output, one object per row or step.
    #[arg(long, global = true)]
    pub json: bool,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the fleet as a table: states, ages, pending revocations, next rotations. Reads no value.
    Status(status::Options),
    /// Rotate an instance's credential now. The apps' dynos restart.
    Rotate(rotation::Options),
    /// Make an older credential current again, within its grace period. The apps' dynos restart.
    Rollback(rollback::Options),
    /// After a leak: rotate now, and revoke the old credentials before their grace period ends.
    Emergency(emergency::Options),
    /// If the current credential does not work: vouch for the instance, and rotate it.
    Recover(recover::Options),
    /// Change an instance's document: another host, other config vars, v3. The apps' dynos restart.
    Change(change::Options),
    /// Enrol the instances of a JSON Lines or JSON file.
    Enroll(enroll::Options),
    /// Revoke the credentials of instances that no longer exist at Heroku.
    Deprovision(deprovision::Options),
    /// Check a service of your own against the http engine's contract. No stack is needed.
    Conformance(conformance::Options),
    /// Print the schedule that enroll-addon gives an instance: an hour of its own. No stack is needed.
    #[command(after_help = "Example:
  addon-rotation-operator schedule 01234567-89ab-cdef-0123-456789abcdef --days 30")]
    Schedule {
        /// The add-on's id.
        addon: String,
        /// The interval of rotations in days.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
    },
    /// Print a shell completion script.
    #[command(after_help = "Example:
  addon-rotation-operator completions bash > ~/.local/share/bash-completion/completions/addon-rotation-operator")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// A command on a stack, as a shell takes it.
pub(crate) fn line(stack: &str, prefix: &str, words: &[&str]) -> String {
    let mut line = vec!["addon-rotation-operator", "--stack", stack];
    if prefix != SECRET_PREFIX {
        line.extend(["--secret-prefix", prefix]);
    }
    line.extend(words);
    // Only a NUL cannot be quoted, and no argument has one.
    shlex::try_join(line.iter().copied()).unwrap_or_else(|_| line.join(" "))
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

    #[test]
    fn a_command_to_repeat_is_the_same_when_pasted() {
        let words = ["recover", "acme-1", "--login", "it's \"$HOME\" `id` & more"];
        let line = line("acme", "other one/", &words);
        let pasted = Arguments::try_parse_from(shlex::split(&line).unwrap()).unwrap();
        assert_eq!(pasted.stack.as_deref(), Some("acme"));
        assert_eq!(pasted.secret_prefix, "other one/");
        let Command::Recover(options) = pasted.command else {
            panic!("{line}");
        };
        assert_eq!(options.login, words[3]);
    }

    #[test]
    fn a_command_to_repeat_names_no_default() {
        let line = line("acme", SECRET_PREFIX, &["rotate", "acme-1"]);
        assert_eq!(line, "addon-rotation-operator --stack acme rotate acme-1");
    }
}
