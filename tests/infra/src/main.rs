//! `cargo xtask infra`: what is made from `infra/template.yaml`, and whether it still agrees with it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to whoever runs them"
)]
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "files of some kilobytes, written once"
)]

mod cdk;
mod evaluate;
mod names;
mod sets;
mod template;
mod terraform;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use self::template::Template;

const TEMPLATE: &str = "infra/template.yaml";

/// Writes what is made from infra/template.yaml: the Terraform module of the stack, the properties of the
/// CDK construct.
#[derive(Parser)]
#[command(name = "cargo xtask infra")]
struct Arguments {
    /// Writes nothing: compares. Where Terraform and Node.js are, also compares what they make of the module and the
    /// construct with the template; where they are not, says so.
    #[arg(long)]
    check: bool,
}

/// Why nothing can be made of the template, or what does not agree with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InfraError {
    /// The template cannot be read.
    #[error("{TEMPLATE} is no YAML: {0}")]
    Yaml(String),
    /// Something is not there.
    #[error("{of} has no {what}")]
    Missing { of: String, what: String },
    /// Something has no translation.
    #[error(
        "{what} {name} in {TEMPLATE} has no translation. → Add it to tests/infra/src/terraform/. A retry does not help."
    )]
    Unknown { what: &'static str, name: String },
    /// A file or program cannot be used.
    #[error("cannot use {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// A program's output is no JSON.
    #[error("{program} answered no JSON: {source}")]
    Json {
        program: &'static str,
        source: serde_json::Error,
    },
    /// A program failed.
    #[error("`{command}` failed: {output}")]
    Failed { command: String, output: String },
    /// What is made differs.
    #[error("{subject} differs from {TEMPLATE}:\n  {}", .differences.join("\n  "))]
    Differs {
        subject: String,
        differences: Vec<String>,
    },
    /// A check is blind.
    #[error("the check of {subject} did not find a planted difference: {what}")]
    Blind { subject: &'static str, what: String },
}

impl InfraError {
    fn missing(of: &str, what: &str) -> Self {
        Self::Missing {
            of: of.to_owned(),
            what: what.to_owned(),
        }
    }

    fn unknown(what: &'static str, name: &str) -> Self {
        Self::Unknown {
            what,
            name: name.to_owned(),
        }
    }

    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

fn main() -> ExitCode {
    match run(&workspace(), &Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run(workspace: &Path, arguments: &Arguments) -> Result<(), InfraError> {
    let template = Template::read(&read(&workspace.join(TEMPLATE))?)?;
    let mut differences = Vec::new();
    for (name, text) in made(&template)? {
        let path = workspace.join(&name);
        if !arguments.check {
            fs::write(&path, text).map_err(InfraError::file(&path))?;
            println!("wrote {name}");
        } else if read(&path)? != text {
            differences.push(format!("{name}: write it again with `cargo xtask infra`"));
        }
    }
    if !differences.is_empty() {
        return Err(InfraError::Differs {
            subject: "what is made".to_owned(),
            differences,
        });
    }
    if arguments.check {
        terraform::check::run(workspace, &template)?;
        cdk::check(workspace, &template)?;
    }
    Ok(())
}

/// All files that are made from the template.
fn made(template: &Template) -> Result<Vec<(String, String)>, InfraError> {
    let module = terraform::files(template)?.into_iter();
    let module = module.map(|(name, text)| (format!("{}/{name}", terraform::DIRECTORY), text));
    Ok(module.chain(cdk::files(template)?).collect())
}

fn read(path: &Path) -> Result<String, InfraError> {
    fs::read_to_string(path).map_err(InfraError::file(path))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Whoever changes the template writes the rest again.
    #[test]
    fn what_is_made_from_the_template_is_as_the_template_says() {
        let template = Template::read(&read(&workspace().join(TEMPLATE)).unwrap()).unwrap();
        for (name, text) in made(&template).unwrap() {
            let there = read(&workspace().join(&name)).unwrap();
            assert!(there == text, "{name}: run `cargo xtask infra`");
        }
    }

    #[test]
    fn what_is_published_has_the_version_that_the_functions_log() {
        let template = Template::read(&read(&workspace().join(TEMPLATE)).unwrap()).unwrap();
        let published = &template.whole["Metadata"]["AWS::ServerlessRepo::Application"];
        assert_eq!(published["SemanticVersion"], env!("CARGO_PKG_VERSION"));
    }

    /// A small partner pays for secrets, not for watching.
    #[test]
    fn a_stack_has_ten_alarms_and_ten_metrics_unless_it_asks_for_more() {
        let template = Template::read(&read(&workspace().join(TEMPLATE)).unwrap()).unwrap();
        let resources = template.section("Resources").unwrap().values();
        let watching: Vec<_> = resources
            .filter(|it| {
                it["Type"]
                    .as_str()
                    .unwrap_or_default()
                    .contains("CloudWatch")
            })
            .filter(|it| it["Condition"].is_null())
            .collect();
        assert!(
            watching
                .iter()
                .all(|it| it["Type"] == "AWS::CloudWatch::Alarm")
        );
        assert_eq!(watching.len(), 10);
        let of_its_own = |it: &&&Value| it["Properties"]["Namespace"] == "HerokuAddonRotation";
        assert_eq!(watching.iter().filter(of_its_own).count(), 7);
    }
}
