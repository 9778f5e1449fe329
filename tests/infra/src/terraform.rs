//! The Terraform module of the stack, made from the template.

pub(crate) mod check;
mod hcl;
mod plan;
mod resources;

use anyhow::Result;
use serde_json::{Value, json};

use self::resources::{Item, Part, Resource, all};

use self::hcl::{Mode, Printer, aligned, unmarked};
use crate::names::snake;
use crate::template::{Template, function};
use crate::unknown;

pub(crate) const DIRECTORY: &str = "infra/terraform/stack";

const HEAD: &str = "# Made from infra/template.yaml, which says why, by `cargo xtask infra`: change that, not this.\n";

/// Commands for CloudFormation's users; the instance module and its README say how it is done here.
const NOT_HERE: [&str; 2] = ["TagCommand", "EnrolCommand"];

pub(crate) fn files(template: &Template) -> Result<Vec<(&'static str, String)>> {
    let (mut main, mut watching) = (locals(template)?, String::from(HEAD));
    for resource in all(template)? {
        let watches = resource.kind.contains("metric_alarm") || resource.kind.contains("dashboard");
        let file = if watches { &mut watching } else { &mut main };
        file.push('\n');
        file.push_str(&print(template, &resource)?);
    }
    Ok(vec![
        ("main.tf", main),
        ("watching.tf", watching),
        ("variables.tf", variables(template)?),
        ("outputs.tf", outputs(template)?),
    ])
}

fn locals(template: &Template) -> Result<String> {
    let mut lines: Vec<_> = [
        ("account_id", "data.aws_caller_identity.current.account_id"),
        ("dns_suffix", "data.aws_partition.current.dns_suffix"),
        ("partition", "data.aws_partition.current.partition"),
        ("region", "data.aws_region.current.name"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let printer = Printer::named(template);
    for (name, condition) in template.section("Conditions")? {
        lines.push((snake(name), printer.print(condition, 2)?));
    }
    Ok(format!("{HEAD}\nlocals {{\n{}}}\n", aligned(&lines, 2)))
}

fn print(template: &Template, resource: &Resource) -> Result<String> {
    let mut text = format!("resource \"{}\" \"{}\" {{\n", resource.kind, resource.name);
    if let Some(condition) = &resource.condition {
        text.push_str(&format!("  count = local.{} ? 1 : 0\n\n", snake(condition)));
    }
    text.push_str(&body(template, &resource.body, 2)?);
    if !resource.after.is_empty() {
        text.push_str(&format!(
            "\n  depends_on = [{}]\n",
            resource.after.join(", ")
        ));
    }
    Ok(text + "}\n")
}

/// Arguments first, then blocks.
fn body(template: &Template, items: &[Part], indent: usize) -> Result<String> {
    let mut lines = Vec::new();
    let mut blocks = String::new();
    for (name, item) in items {
        let print = |value: &Value, mode| Printer { template, mode }.print(value, indent);
        let value = match item {
            Item::Block(condition, items) => {
                blocks.push('\n');
                blocks.push_str(&block(template, name, condition.as_deref(), items, indent)?);
                continue;
            }
            Item::Own(expression) => expression.clone(),
            Item::Known(value) => print(value, Mode::Known)?,
            Item::Named(value) => print(value, Mode::Named)?,
            Item::Json(value) => format!("jsonencode({})", print(value, Mode::Named)?),
            Item::Text(value) => here_document(template, value, indent)?,
        };
        lines.push(((*name).to_owned(), value));
    }
    let blocks = if lines.is_empty() {
        blocks.trim_start_matches('\n')
    } else {
        &blocks
    };
    Ok(aligned(&lines, indent) + blocks)
}

fn block(
    template: &Template,
    name: &str,
    condition: Option<&str>,
    items: &[Part],
    indent: usize,
) -> Result<String> {
    let space = " ".repeat(indent);
    let Some(condition) = condition else {
        let body = body(template, items, indent + 2)?;
        return Ok(format!("{space}{name} {{\n{body}{space}}}\n"));
    };
    let body = body(template, items, indent + 4)?;
    let condition = snake(condition);
    Ok(format!(
        "{space}dynamic \"{name}\" {{\n{space}  for_each = local.{condition} ? [true] : []\n\n\
         {space}  content {{\n{body}{space}  }}\n{space}}}\n"
    ))
}

fn here_document(template: &Template, value: &Value, indent: usize) -> Result<String> {
    let Some(("Fn::Sub", Value::String(text))) = function(value) else {
        return Err(unknown("the text", &value.to_string()));
    };
    let printer = Printer::named(template);
    let text = printer.substituted(text, unmarked)?;
    let space = " ".repeat(indent);
    let lines: String = text
        .lines()
        .map(|line| format!("{space}  {line}\n"))
        .collect();
    Ok(format!("<<-EOT\n{lines}{space}EOT"))
}

fn variables(template: &Template) -> Result<String> {
    let mut text = format!(
        "{HEAD}\n\
         variable \"stack_name\" {{\n  \
           type        = string\n  \
           default     = \"addon-rotation\"\n  \
           description = \"What the names of everything in the stack begin with, and the value of the tag rotation:stack.\"\n\n  \
           validation {{\n    \
             condition     = can(regex(\"^[A-Za-z][A-Za-z0-9-]{{0,24}}$\", var.stack_name))\n    \
             error_message = \"stack_name has 1 to 25 letters, digits and hyphens: the names of roles have at most 64.\"\n  \
           }}\n}}\n\n\
         variable \"package_directory\" {{\n  \
           type        = string\n  \
           description = \"The directory with the functions' zips: a release's, or target/package after `cargo xtask package`.\"\n}}\n"
    );
    let printer = Printer::named(template);
    for (id, parameter) in template.section("Parameters")? {
        let name = snake(id);
        let is_list = parameter["Type"] == "CommaDelimitedList";
        let r#type = match parameter["Type"].as_str() {
            Some("String") => "string",
            Some("Number") => "number",
            Some("CommaDelimitedList") => "list(string)",
            other => return Err(unknown("the type", other.unwrap_or_default())),
        };
        let mut lines = vec![("type".to_owned(), r#type.to_owned())];
        if let Some(default) = parameter.get("Default") {
            let default = if is_list && default == "" {
                "[]".to_owned()
            } else {
                printer.print(default, 2)?
            };
            lines.push(("default".to_owned(), default));
        }
        let description = printer.print(&parameter["Description"], 2)?;
        lines.push(("description".to_owned(), description));
        lines.push(("nullable".to_owned(), "false".to_owned()));
        text.push_str(&format!(
            "\nvariable \"{name}\" {{\n{}{}}}\n",
            aligned(&lines, 2),
            validation(printer, &name, parameter)?
        ));
    }
    Ok(text)
}

/// What CloudFormation checks of a parameter.
fn validation(printer: Printer<'_>, name: &str, parameter: &Value) -> Result<String> {
    let (condition, rule) = if let Some(pattern) = parameter["AllowedPattern"].as_str() {
        let rule = parameter["ConstraintDescription"].as_str();
        (
            format!(
                "can(regex({}, var.{name}))",
                printer.print(&json!(pattern), 0)?
            ),
            rule.map_or_else(
                || format!("must match {pattern}"),
                |it| format!("must be {}", it.trim_end_matches('.')),
            ),
        )
    } else if let Some(values) = parameter["AllowedValues"].as_array() {
        let texts: Vec<_> = values
            .iter()
            .map(|it| {
                it.as_str()
                    .map_or_else(|| it.to_string(), ToOwned::to_owned)
            })
            .collect();
        (
            format!(
                "contains({}, var.{name})",
                printer.print(&parameter["AllowedValues"], 4)?
            ),
            format!("must be one of {}", texts.join(", ")),
        )
    } else if let (Some(least), Some(most)) = (
        parameter["MinValue"].as_i64(),
        parameter["MaxValue"].as_i64(),
    ) {
        (
            format!("var.{name} >= {least} && var.{name} <= {most}"),
            format!("must be from {least} to {most}"),
        )
    } else {
        return Ok(String::new());
    };
    let message = printer.print(&json!(format!("{name} {rule}.")), 0)?;
    let lines = [
        ("condition".to_owned(), condition),
        ("error_message".to_owned(), message),
    ];
    Ok(format!("\n  validation {{\n{}  }}\n", aligned(&lines, 4)))
}

fn outputs(template: &Template) -> Result<String> {
    let mut text = String::from(HEAD);
    let printer = Printer {
        template,
        mode: Mode::Known,
    };
    for (id, output) in template.section("Outputs")? {
        if NOT_HERE.contains(&id.as_str()) {
            continue;
        }
        let value = match output["Condition"].as_str() {
            // What may not be there has no reference; its name is known.
            Some(condition) => {
                let value = Printer::named(template).print(&output["Value"], 2)?;
                format!("local.{} ? {value} : null", snake(condition))
            }
            None => printer.print(&output["Value"], 2)?,
        };
        let lines = [
            (
                "description".to_owned(),
                printer.print(&output["Description"], 2)?,
            ),
            ("value".to_owned(), value),
        ];
        text.push_str(&format!(
            "\noutput \"{}\" {{\n{}}}\n",
            snake(id),
            aligned(&lines, 2)
        ));
    }
    Ok(text)
}
