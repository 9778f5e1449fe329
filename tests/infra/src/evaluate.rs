//! What a value of the template is in a stack with given parameters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::names;
use crate::sets::{ACCOUNT, REGION, STACK};
use crate::template::{Part, Template, function, parts, type_of};
use crate::{missing, unknown};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Stack<'a> {
    pub(crate) template: &'a Template,
    pub(crate) parameters: &'a BTreeMap<&'a str, Value>,
}

impl Stack<'_> {
    /// The value; what is `AWS::NoValue` is null, and left out of lists and objects.
    pub(crate) fn value(&self, value: &Value) -> Result<Value> {
        if let Some((name, argument)) = function(value) {
            return self.function(name, argument);
        }
        Ok(match value {
            Value::Array(values) => {
                let mut all = Vec::new();
                for value in values {
                    all.push(self.value(value)?);
                }
                all.retain(|value| !value.is_null());
                all.into()
            }
            Value::Object(values) => {
                let mut all = Map::new();
                for (name, value) in values {
                    let value = self.value(value)?;
                    if !value.is_null() {
                        all.insert(name.clone(), value);
                    }
                }
                all.into()
            }
            simple => simple.clone(),
        })
    }

    pub(crate) fn holds(&self, condition: &str) -> Result<bool> {
        let conditions = self.template.section("Conditions")?;
        let missing = || missing("Conditions", condition);
        let value = self.value(conditions.get(condition).ok_or_else(missing)?)?;
        value.as_bool().ok_or_else(missing)
    }

    fn function(&self, name: &str, argument: &Value) -> Result<Value> {
        match (name, argument) {
            ("Ref", Value::String(id)) => self.reference(id),
            ("Fn::GetAtt", of) => self.attribute(
                of[0].as_str().unwrap_or_default(),
                of[1].as_str().unwrap_or_default(),
            ),
            ("Fn::Sub", Value::String(text)) => {
                let mut all = String::new();
                for part in parts(text) {
                    match part {
                        Part::Text(text) => all.push_str(text),
                        Part::Name(name) => all.push_str(&plain(&match name.split_once('.') {
                            Some((id, attribute)) => self.attribute(id, attribute)?,
                            None => self.reference(name)?,
                        })),
                    }
                }
                Ok(all.into())
            }
            ("Fn::If", of) => {
                let holds = self.holds(of[0].as_str().unwrap_or_default())?;
                self.value(&of[if holds { 1 } else { 2 }])
            }
            ("Fn::Equals", of) => {
                Ok((plain(&self.value(&of[0])?) == plain(&self.value(&of[1])?)).into())
            }
            ("Fn::Not", of) => Ok((self.value(&of[0])? != json!(true)).into()),
            ("Fn::Join", of) => {
                let separator = of[0].as_str().unwrap_or_default();
                let list = self.value(&of[1])?;
                let list = list.as_array().into_iter().flatten();
                Ok(list.map(plain).collect::<Vec<_>>().join(separator).into())
            }
            _ => Err(unknown("the function", name)),
        }
    }

    fn reference(&self, id: &str) -> Result<Value> {
        let pseudo = match id {
            "AWS::NoValue" => return Ok(Value::Null),
            "AWS::StackName" => STACK,
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            _ => "",
        };
        if !pseudo.is_empty() {
            return Ok(pseudo.into());
        }
        if let Some(parameter) = self.template.section("Parameters")?.get(id) {
            let given = self.parameters.get(id).or(parameter.get("Default"));
            let value = given.ok_or_else(|| missing(id, "value"))?;
            let is_list = parameter["Type"] == "CommaDelimitedList";
            return Ok(if is_list && *value == "" {
                json!([])
            } else {
                value.clone()
            });
        }
        match type_of(self.template.resource(id)?) {
            "AWS::IAM::ManagedPolicy" => self.attribute(id, "Arn"),
            // An id that AWS makes up.
            "AWS::Lambda::EventSourceMapping" => Ok(json!({ "Ref": id })),
            _ => self.value(&names::name(self.template, id)?),
        }
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<Value> {
        match attribute {
            "Arn" => self.value(&names::arn(self.template, id)?),
            "QueueName" => self.value(&names::name(self.template, id)?),
            other => Err(unknown("the attribute", other)),
        }
    }
}

/// As CloudFormation puts a parameter into a text.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What differs, by its path; a statement of a policy is named by its `Sid`. Where nothing is expected, a default may be.
pub(crate) fn compare(
    path: &str,
    expected: &Value,
    found: &Value,
    defaults: &[Value],
    differences: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for name in names {
                let of = |it: &Map<String, Value>| it.get(name).cloned().unwrap_or_default();
                let path = format!("{path}.{name}");
                compare(&path, &of(one), &of(other), defaults, differences);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                let name = one["Sid"].as_str().map(ToOwned::to_owned);
                let path = format!("{path}.{}", name.unwrap_or_else(|| index.to_string()));
                compare(&path, one, other, defaults, differences);
            }
        }
        (Value::Null, found) if defaults.contains(found) => {}
        (expected, found) if plain(expected) == plain(found) => {}
        _ => differences.push(format!("{path}: {found}, and not {expected}")),
    }
}
