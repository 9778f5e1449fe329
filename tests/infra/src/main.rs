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
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Error, Result, anyhow, ensure};
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

fn missing(of: &str, what: &str) -> Error {
    anyhow!("{of} has no {what}")
}

/// Something of the template that nothing is made of.
fn unknown(what: &str, name: &str) -> Error {
    anyhow!(
        "{what} {name} in {TEMPLATE} has no translation. → Add it to tests/infra/src/terraform/. A retry does not help."
    )
}

fn using(path: &Path) -> impl FnOnce() -> String {
    move || format!("cannot use {}", path.display())
}

fn agrees(subject: &str, differences: &[String]) -> Result<()> {
    let all = differences.join("\n  ");
    ensure!(
        differences.is_empty(),
        "{subject} differs from {TEMPLATE}:\n  {all}"
    );
    Ok(())
}

fn sees(subject: &str, planted: &str, found: &[String]) -> Result<()> {
    ensure!(
        found.iter().any(|it| it.starts_with(planted)),
        "the check of {subject} did not find a planted difference: {planted}; found: {found:?}"
    );
    Ok(())
}

fn main() -> ExitCode {
    match make(&workspace(), &Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn make(workspace: &Path, arguments: &Arguments) -> Result<()> {
    let template = template(workspace)?;
    let mut differences = Vec::new();
    for (name, text) in made(&template)? {
        let path = workspace.join(&name);
        if !arguments.check {
            fs::write(&path, text).with_context(using(&path))?;
            println!("wrote {name}");
        } else if read(&path)? != text {
            differences.push(format!("{name}: write it again with `cargo xtask infra`"));
        }
    }
    agrees("what is made", &differences)?;
    if arguments.check {
        terraform::check::check(workspace, &template)?;
        cdk::check(workspace, &template)?;
    }
    Ok(())
}

fn template(workspace: &Path) -> Result<Template> {
    Template::read(&read(&workspace.join(TEMPLATE))?)
}

fn made(template: &Template) -> Result<Vec<(String, String)>> {
    let module = terraform::files(template)?.into_iter();
    let module = module.map(|(name, text)| (format!("{}/{name}", terraform::DIRECTORY), text));
    Ok(module.chain(cdk::files(template)?).collect())
}

/// Runs a command with further arguments; what it says.
fn run(directory: &Path, command: &str, arguments: &[&str]) -> Result<String> {
    let mut words = command.split(' ');
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args(arguments)
        .current_dir(directory)
        .env("CHECKPOINT_DISABLE", "1")
        .env("NO_COLOR", "1")
        .env("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
        // Where Terraform finds its provider, if this is there.
        .envs(settings(directory))
        .output()
        .with_context(|| format!("cannot run {command}"))?;
    let (said, errors) = (output.stdout, output.stderr);
    let said = String::from_utf8_lossy(&said);
    let errors = String::from_utf8_lossy(&errors);
    ensure!(
        output.status.success(),
        "`{command}` failed: {said}{errors}"
    );
    Ok(said.into_owned())
}

fn settings(directory: &Path) -> Option<(&'static str, PathBuf)> {
    let settings = directory.join("terraform.rc");
    settings
        .is_file()
        .then_some(("TF_CLI_CONFIG_FILE", settings))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(using(path))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Whoever changes the template writes the rest again.
    #[test]
    fn what_is_made_from_the_template_is_as_the_template_says() {
        let template = template(&workspace()).unwrap();
        for (name, text) in made(&template).unwrap() {
            let there = read(&workspace().join(&name)).unwrap();
            assert!(there == text, "{name}: run `cargo xtask infra`");
        }
    }

    #[test]
    fn what_is_published_has_the_version_that_the_functions_log() {
        let template = template(&workspace()).unwrap();
        let published = &template.whole["Metadata"]["AWS::ServerlessRepo::Application"];
        assert_eq!(published["SemanticVersion"], env!("CARGO_PKG_VERSION"));
    }

    /// A small partner pays for secrets, not for watching.
    #[test]
    fn a_stack_has_seven_alarms_unless_it_asks_for_more() {
        let template = template(&workspace()).unwrap();
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
        assert_eq!(watching.len(), 7);
        let of_its_own = |it: &&&Value| it["Properties"]["Namespace"] == "HerokuAddonRotation";
        assert_eq!(watching.iter().filter(of_its_own).count(), 4);
    }

    /// A role that the table's policy leaves out could not refresh; one that it names besides could read.
    #[test]
    fn the_table_is_read_by_the_roles_that_are_allowed_to_and_by_nobody_else() {
        let template = template(&workspace()).unwrap();
        let resources = template.section("Resources").unwrap();
        let allowed: Vec<_> = resources
            .iter()
            .filter(|(_, it)| it["Type"] == "AWS::IAM::Role")
            .filter(|(_, it)| {
                it["Properties"]["Policies"]
                    .to_string()
                    .contains("dynamodb:GetItem")
            })
            .map(|(id, _)| json!({ "Fn::GetAtt": [id, "Arn"] }))
            .collect();
        let policy = &template.resource("RefreshTokens").unwrap()["Properties"]["ResourcePolicy"];
        let statement = &policy["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny");
        assert_eq!(statement["Principal"], "*");
        let excepted = &statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"];
        let mut excepted = excepted.as_array().unwrap().clone();
        excepted.sort_by_key(Value::to_string);
        assert_eq!(excepted, allowed);
        // Whatever answers with an item, but for what writes or deletes it:
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
        let reading = ["BatchGetItem", "GetItem", "PartiQLSelect", "Query", "Scan"];
        assert_eq!(
            statement["Action"],
            json!(reading.map(|it| format!("dynamodb:{it}")))
        );
    }
}
