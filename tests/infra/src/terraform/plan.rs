//! What a plan of the module says, beside what the template does.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{Item, Part, Resource, all};
use crate::evaluate::{self, Stack};

/// All that differs, none if nothing does. `plan` is `terraform show -json`'s; the module is called `stack` in it.
pub(crate) fn differences(stack: &Stack<'_>, plan: &Value) -> Result<Vec<String>> {
    let planned = planned(plan);
    let configured = configured(plan);
    let mut differences = Vec::new();
    let mut expected = BTreeSet::new();
    for resource in all(stack.template)? {
        let mut address = resource.address();
        let configuration = configured.get(address.as_str());
        if let Some(condition) = &resource.condition {
            if !stack.holds(condition)? {
                continue;
            }
            address.push_str("[0]");
        }
        match (planned.get(&address), configuration) {
            (Some(change), Some(configuration)) => {
                let mut comparison = Comparison {
                    stack,
                    address: &address,
                    differences: &mut differences,
                };
                comparison.body(
                    &resource.body,
                    &change["after"],
                    &change["after_unknown"],
                    &configuration["expressions"],
                    "",
                )?;
                after(&resource, configuration, &mut differences);
            }
            _ => differences.push(format!("{address} is not planned")),
        }
        expected.insert(address);
    }
    let unexpected = planned.keys().filter(|it| !expected.contains(*it));
    differences.extend(unexpected.map(|it| format!("{it} is planned, and not in the template")));
    Ok(differences)
}

/// What is to be made, by its address within the module.
fn planned(plan: &Value) -> BTreeMap<String, &Value> {
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    changes
        .filter(|it| it["mode"] == "managed" && it["change"]["actions"] == json!(["create"]))
        .filter_map(|it| Some((it["address"].as_str()?, &it["change"])))
        .map(|(address, change)| {
            (
                address.trim_start_matches("module.stack.").to_owned(),
                change,
            )
        })
        .collect()
}

/// What the module says of each resource.
fn configured(plan: &Value) -> BTreeMap<&str, &Value> {
    let module = &plan["configuration"]["root_module"]["module_calls"]["stack"]["module"];
    let resources = module["resources"].as_array().into_iter().flatten();
    resources
        .filter_map(|it| Some((it["address"].as_str()?, it)))
        .collect()
}

fn after(resource: &Resource, configuration: &Value, differences: &mut Vec<String>) {
    for needed in &resource.after {
        let named = configuration["depends_on"].as_array().into_iter().flatten();
        if !named.into_iter().any(|it| it == needed) {
            let address = resource.address();
            differences.push(format!("{address} does not wait for {needed}"));
        }
    }
}

struct Comparison<'a> {
    stack: &'a Stack<'a>,
    address: &'a str,
    differences: &'a mut Vec<String>,
}

impl Comparison<'_> {
    fn body(
        &mut self,
        items: &[Part],
        planned: &Value,
        unknown: &Value,
        configured: &Value,
        within: &str,
    ) -> Result<()> {
        for (name, item) in items {
            let path = format!("{within}{name}");
            let (planned, unknown) = (&planned[*name], &unknown[*name]);
            match item {
                Item::Own(_) => {}
                Item::Block(condition, items) => {
                    let is_there = match condition {
                        Some(condition) => self.stack.holds(condition)?,
                        None => true,
                    };
                    let count = planned.as_array().map_or(0, Vec::len);
                    if count != usize::from(is_there) {
                        self.differs(&path, &format!("{count} blocks, and not {is_there}"));
                    } else if is_there {
                        let configured = &configured[*name][0];
                        let path = format!("{path}.");
                        self.body(items, &planned[0], &unknown[0], configured, &path)?;
                    }
                }
                Item::Known(value) if *unknown == true => {
                    self.named(&path, value, &configured[*name])?;
                }
                Item::Known(value) | Item::Named(value) => {
                    let expected = self.stack.value(value)?;
                    self.compare(&path, &expected, planned);
                }
                Item::Json(value) => {
                    let expected = self.stack.value(value)?;
                    self.compare(&path, &expected, &parsed(planned));
                }
                Item::Text(value) => {
                    let expected = parsed(&self.stack.value(value)?);
                    self.compare(&path, &expected, &parsed(planned));
                }
            }
        }
        let known = |name: &str| items.iter().any(|(it, _)| *it == name);
        for name in configured.as_object().into_iter().flat_map(Map::keys) {
            if !known(name) {
                self.differs(&format!("{within}{name}"), "it is not in the template");
            }
        }
        Ok(())
    }

    /// What a plan does not know is what Terraform makes of the resource that the template names.
    fn named(&mut self, path: &str, value: &Value, configured: &Value) -> Result<()> {
        let id = value["Ref"].as_str().or(value["Fn::GetAtt"][0].as_str());
        let address = super::resources::address(self.stack.template, id.unwrap_or_default())?;
        let references = configured["references"].as_array().into_iter().flatten();
        if !references.into_iter().any(|it| *it == *address) {
            self.differs(path, &format!("it does not name {address}"));
        }
        Ok(())
    }

    /// What is not given is the provider's default.
    fn compare(&mut self, path: &str, expected: &Value, planned: &Value) {
        let path = format!("{} {path}", self.address);
        let defaults = [json!(-1), json!([])];
        evaluate::compare(&path, expected, planned, &defaults, self.differences);
    }

    fn differs(&mut self, path: &str, how: &str) {
        self.differences
            .push(format!("{} {path}: {how}", self.address));
    }
}

/// A text of JSON; another one as it is.
fn parsed(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|_| value.clone())
}
