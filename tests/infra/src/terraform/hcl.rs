//! Values of the template's language in Terraform's, laid out as `terraform fmt` does.

use anyhow::Result;
use serde_json::{Map, Value};

use super::resources;
use crate::names::{self, snake};
use crate::template::{Part, Template, function, parts, type_of};
use crate::unknown;

/// How a resource of the stack is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By its name and ARN, which are made of what is known before there is one.
    Named,
    /// By Terraform's own reference, which also says what must be there first.
    Known,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer<'a> {
    pub(crate) template: &'a Template,
    pub(crate) mode: Mode,
}

impl<'a> Printer<'a> {
    pub(crate) fn named(template: &'a Template) -> Self {
        let mode = Mode::Named;
        Self { template, mode }
    }

    /// The expression, whose further lines are indented by so much.
    pub(crate) fn print(&self, value: &Value, indent: usize) -> Result<String> {
        if let Some((name, argument)) = function(value) {
            return self.function(name, argument, indent);
        }
        Ok(match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::String(text) => quoted(&escaped(text)),
            Value::Array(values) => self.list(values, indent)?,
            Value::Object(values) => self.object(values, indent)?,
        })
    }

    fn function(&self, name: &str, argument: &Value, indent: usize) -> Result<String> {
        match (name, argument) {
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", Value::Array(of)) => self.attribute(text(&of[0])?, text(&of[1])?),
            ("Fn::Sub", Value::String(text)) => {
                Ok(simplified(&quoted(&self.substituted(text, escaped)?)))
            }
            ("Fn::If", Value::Array(of)) => Ok(format!(
                "local.{} ? {} : {}",
                snake(text(&of[0])?),
                self.print(&of[1], indent)?,
                self.print(&of[2], indent)?
            )),
            ("Fn::Equals", Value::Array(of)) => Ok(format!(
                "{} == {}",
                self.print(&of[0], indent)?,
                self.print(&of[1], indent)?
            )),
            ("Fn::Not", Value::Array(of)) => match function(&of[0]) {
                Some(("Fn::Equals", Value::Array(of))) => Ok(format!(
                    "{} != {}",
                    self.print(&of[0], indent)?,
                    self.print(&of[1], indent)?
                )),
                _ => Ok(format!("!({})", self.print(&of[0], indent)?)),
            },
            ("Fn::Join", Value::Array(of)) => Ok(format!(
                "join({}, {})",
                self.print(&of[0], indent)?,
                self.print(&of[1], indent)?
            )),
            _ => Err(unknown("the function", name)),
        }
    }

    fn reference(&self, id: &str) -> Result<String> {
        let pseudo = match id {
            "AWS::NoValue" => "null",
            "AWS::StackName" => "var.stack_name",
            "AWS::Region" => "local.region",
            "AWS::AccountId" => "local.account_id",
            "AWS::Partition" => "local.partition",
            "AWS::URLSuffix" => "local.dns_suffix",
            _ if self.template.section("Parameters")?.contains_key(id) => {
                return Ok(format!("var.{}", snake(id)));
            }
            _ => "",
        };
        if !pseudo.is_empty() {
            return Ok(pseudo.to_owned());
        }
        let resource = self.template.resource(id)?;
        let attribute = match type_of(resource) {
            "AWS::IAM::ManagedPolicy" => return self.attribute(id, "Arn"),
            "AWS::Serverless::Function" => "function_name",
            "AWS::SQS::Queue" => "url",
            "AWS::Lambda::EventSourceMapping" => "uuid",
            "AWS::CloudWatch::Dashboard" => "dashboard_name",
            _ => "name",
        };
        match self.mode {
            Mode::Named => self.print(&names::name(self.template, id)?, 0),
            Mode::Known => self.known(id, attribute),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String> {
        match (self.mode, attribute) {
            (Mode::Named, "Arn") => self.print(&names::arn(self.template, id)?, 0),
            (Mode::Named, "QueueName") => self.print(&names::name(self.template, id)?, 0),
            (Mode::Known, "Arn") => self.known(id, "arn"),
            _ => Err(unknown("the attribute", attribute)),
        }
    }

    /// Terraform's reference. One that may not be there has none.
    fn known(&self, id: &str, attribute: &str) -> Result<String> {
        if !self.template.resource(id)?["Condition"].is_null() {
            return Err(unknown("the condition of", id));
        }
        let address = resources::address(self.template, id)?;
        Ok(format!("{address}.{attribute}"))
    }

    /// `Fn::Sub`'s text, as the inside of one of Terraform's.
    pub(crate) fn substituted(
        &self,
        text: &str,
        escape: impl Fn(&str) -> String,
    ) -> Result<String> {
        let mut all = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => all.push_str(&escape(text)),
                Part::Name(name) => {
                    let expression = match name.split_once('.') {
                        Some((id, attribute)) => self.attribute(id, attribute)?,
                        None => self.reference(name)?,
                    };
                    match expression.strip_prefix('"') {
                        // A text within a text is a part of it.
                        Some(inner) => all.push_str(inner.strip_suffix('"').unwrap_or(inner)),
                        None => all.push_str(&format!("${{{expression}}}")),
                    }
                }
            }
        }
        Ok(all)
    }

    fn list(&self, values: &[Value], indent: usize) -> Result<String> {
        let are_simple = values
            .iter()
            .all(|value| function(value).is_some() || !(value.is_array() || value.is_object()));
        let may_lack = values.iter().any(may_lack);
        let inside = indent + 2;
        let mut printed = Vec::new();
        for value in values {
            printed.push(self.print(value, inside)?);
        }
        let line = printed.join(", ");
        if are_simple && !may_lack && line.len() < 60 && !line.contains('\n') {
            return Ok(format!("[{line}]"));
        }
        let space = " ".repeat(inside);
        let lines: String = printed
            .iter()
            .map(|value| format!("{space}{value},\n"))
            .collect();
        let list = format!("[\n{lines}{}]", " ".repeat(indent));
        Ok(if may_lack {
            format!("[for it in {list} : it if it != null]")
        } else {
            list
        })
    }

    fn object(&self, values: &Map<String, Value>, indent: usize) -> Result<String> {
        let mut names: Vec<_> = values.keys().collect();
        names.sort_by_key(|name| {
            let order = [
                "Version",
                "Sid",
                "Effect",
                "Principal",
                "Action",
                "Resource",
            ];
            order
                .iter()
                .position(|it| it == name)
                .unwrap_or(order.len())
        });
        let mut lines = Vec::new();
        for name in names {
            let is_bare = name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '_');
            let key = if is_bare { name.clone() } else { quoted(name) };
            lines.push((key, self.print(&values[name], indent + 2)?));
        }
        if lines.is_empty() {
            return Ok("{}".to_owned());
        }
        let object = format!(
            "{{\n{}{}}}",
            aligned(&lines, indent + 2),
            " ".repeat(indent)
        );
        Ok(if values.values().any(may_lack) {
            format!("{{ for name, value in {object} : name => value if value != null }}")
        } else {
            object
        })
    }
}

/// `name = value`, a line or more each. As `terraform fmt` does, neighbours of one line have their signs below
/// one another.
pub(crate) fn aligned(lines: &[(String, String)], indent: usize) -> String {
    let space = " ".repeat(indent);
    let is_long = |(_, value): &(String, String)| value.contains('\n');
    lines
        .chunk_by(|one, other| !is_long(one) && !is_long(other))
        .flat_map(|group| {
            let width = group.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            let space = &space;
            group
                .iter()
                .map(move |(name, value)| format!("{space}{name:width$} = {value}\n"))
        })
        .collect()
}

/// Whether a value is not there under a condition.
fn may_lack(value: &Value) -> bool {
    matches!(function(value), Some(("Fn::If", of)) if of[2]["Ref"] == "AWS::NoValue")
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .ok_or_else(|| unknown("the argument", &value.to_string()))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// As the inside of a text in quotation marks.
pub(crate) fn escaped(text: &str) -> String {
    unmarked(text)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Without what would be an expression.
pub(crate) fn unmarked(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// An expression alone is no text.
fn simplified(text: &str) -> String {
    let inner = text
        .strip_prefix("\"${")
        .and_then(|it| it.strip_suffix("}\""));
    match inner {
        Some(inner) if !inner.contains(['{', '}']) => inner.to_owned(),
        _ => text.to_owned(),
    }
}
