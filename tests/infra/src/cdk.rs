//! The CDK construct: its properties, made from the template, and what it synthesizes, compared with the template.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::evaluate::{Stack, compare};
use crate::names::snake;
use crate::sets;
use crate::template::{Template, type_of};
use crate::{TEMPLATE, agrees, read, run, sees, using};

const DIRECTORY: &str = "infra/cdk";

pub(crate) fn files(template: &Template) -> Result<Vec<(String, String)>> {
    let (mut properties, mut names) = (String::new(), String::new());
    for (id, parameter) in template.section("Parameters")? {
        let kind = match parameter["Type"].as_str() {
            Some("Number") => "number",
            Some("CommaDelimitedList") => "readonly string[]",
            _ => "string",
        };
        let name = camel(id);
        let optional = if parameter["Default"].is_null() {
            ""
        } else {
            "?"
        };
        let description = parameter["Description"].as_str().unwrap_or_default();
        properties.push_str(&format!(
            "  /** {} */\n  readonly {name}{optional}: {kind};\n",
            description.trim()
        ));
        names.push_str(&format!("  {name}: '{id}',\n"));
    }
    let outputs: String = template
        .section("Outputs")?
        .keys()
        .map(|id| format!("\n  | '{id}'"))
        .collect();
    let text = format!(
        "// Made from {TEMPLATE} by `cargo xtask infra`: change that, not this.\n\n\
         /** The template's parameters. */\nexport interface Parameters {{\n{properties}}}\n\n\
         /** What the template calls each. */\n\
         export const PARAMETERS: Readonly<Record<keyof Parameters, string>> = {{\n{names}}};\n\n\
         /** The template's outputs. */\nexport type OutputName ={outputs};\n"
    );
    Ok(vec![(format!("{DIRECTORY}/lib/parameters.ts"), text)])
}

fn camel(id: &str) -> String {
    let mut words = snake(id);
    while let Some(at) = words.find('_') {
        let upper = words[at + 1..].chars().next().unwrap_or_default();
        words.replace_range(at..at + 2, &upper.to_ascii_uppercase().to_string());
    }
    words
}

/// Synthesizes the construct with the least that it takes, with everything set, and from a template with a planted
/// difference, which must be found.
pub(crate) fn check(workspace: &Path, template: &Template) -> Result<()> {
    let directory = workspace.join(DIRECTORY);
    if Command::new("node").arg("--version").output().is_err() {
        println!("cdk: left out, no `node` is on the PATH");
        return Ok(());
    }
    if let Err(error) = run(&directory, "npm ci --no-audit --no-fund", &[]) {
        println!("cdk: left out, its packages cannot be had:\n{error}");
        return Ok(());
    }
    run(&directory, "npm run build", &[])?;
    let text = read(&workspace.join(TEMPLATE))?;
    for (what, parameters) in sets::all() {
        let made = synthesized(&directory, &text, template, &parameters)?;
        let differences = differences(template, &made, &parameters)?;
        agrees(
            &format!("what {DIRECTORY} synthesizes ({what})"),
            &differences,
        )?;
        let count = made.section("Resources")?.len();
        println!("cdk: {count} resources as the template has them ({what})");
    }
    let (_, parameters) = sets::all().swap_remove(0);
    let planted = text.replacen("                  - secretsmanager:PutSecretValue\n", "", 1);
    let made = synthesized(&directory, &planted, template, &parameters)?;
    let found = differences(template, &made, &parameters)?;
    sees("the CDK construct", "Resources.RotateRole", &found)?;
    println!("cdk: a planted difference was found");
    Ok(())
}

/// What the construct makes of a template, packaged as `cargo xtask package` does.
fn synthesized(
    directory: &Path,
    text: &str,
    template: &Template,
    parameters: &BTreeMap<&str, Value>,
) -> Result<Template> {
    let package = sets::temporary()?;
    let mut text = text.to_owned();
    for binary in sets::binaries(template)? {
        let zip = package.path().join(format!("{binary}.zip"));
        fs::write(&zip, "a zip").with_context(using(&zip))?;
        text = text.replace(
            &format!("CodeUri: ../functions/{binary}\n"),
            &format!("CodeUri: ./{binary}.zip\n"),
        );
    }
    let path = package.path().join("template.yaml");
    fs::write(&path, text).with_context(using(&path))?;
    let properties: Map<_, _> = parameters
        .iter()
        .map(|(id, value)| (camel(id), value.clone()))
        .collect();
    let output = package.path().join("out");
    let arguments: [&str; 3] = [
        &package.path().to_string_lossy(),
        &output.to_string_lossy(),
        &json!(properties).to_string(),
    ];
    run(directory, "node dist/bin/synth.js", &arguments)?;
    let made = read(&output.join("some-stack.template.json"))?;
    let whole = serde_json::from_str(&made).context("the construct is no JSON")?;
    Ok(Template {
        whole: written_out(whole),
    })
}

/// With `Fn::GetAtt` in one form.
fn written_out(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("Fn::GetAtt", Some(text)) => {
                    let (id, attribute) = text.split_once('.').unwrap_or((text, ""));
                    (name, json!([id, attribute]))
                }
                _ => (name, written_out(value)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values.into_iter().map(written_out).collect(),
        simple => simple,
    }
}

fn differences(
    template: &Template,
    made: &Template,
    parameters: &BTreeMap<&str, Value>,
) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    let stack = |template| Stack {
        template,
        parameters,
    };
    // The parameters that are given are values there, and no parameters any more.
    let mut whole = made.clone();
    whole.whole["Parameters"] = template.whole["Parameters"].clone();
    for section in ["Globals", "Resources", "Outputs"] {
        let expected = evaluated(&stack(template), section)?;
        let found = evaluated(&stack(&whole), section)?;
        compare(section, &expected, &found, &[], &mut differences);
    }
    let left = made.section("Parameters")?;
    for (id, parameter) in template.section("Parameters")? {
        if !parameters.contains_key(id.as_str()) && left.get(id) != Some(parameter) {
            differences.push(format!("Parameters.{id}"));
        }
    }
    Ok(differences)
}

fn evaluated(stack: &Stack<'_>, section: &str) -> Result<Value> {
    let mut all = Map::new();
    for (id, value) in stack.template.section(section)? {
        let mut value = value.clone();
        if let Some(resource) = value.as_object_mut() {
            // Whatever builds and checks, and the bucket that CDK chooses.
            resource.remove("Metadata");
            resource.remove("Export");
            if type_of(&Value::Object(resource.clone())) == "AWS::Serverless::Function" {
                resource["Properties"]["CodeUri"] = json!("a zip");
            }
        }
        all.insert(id.clone(), stack.value(&value)?);
    }
    Ok(all.into())
}
