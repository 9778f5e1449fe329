//! CloudFormation templates, with the short forms of functions (`!Ref`) written out (`{"Ref": …}`).

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use serde_saphyr::Tagged;

use crate::{TEMPLATE, missing};

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) whole: Value,
}

impl Template {
    pub(crate) fn read(text: &str) -> Result<Self> {
        let Node(whole) =
            serde_saphyr::from_str(text).with_context(|| format!("{TEMPLATE} is no YAML"))?;
        Ok(Self { whole })
    }

    /// A section, such as `Resources`.
    pub(crate) fn section(&self, name: &str) -> Result<&Map<String, Value>> {
        self.whole[name]
            .as_object()
            .ok_or_else(|| missing("the template", name))
    }

    pub(crate) fn resource(&self, id: &str) -> Result<&Value> {
        self.section("Resources")?
            .get(id)
            .ok_or_else(|| missing("Resources", id))
    }
}

pub(crate) fn type_of(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}

/// The function that a value is, with its argument.
pub(crate) fn function(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

/// A part of `Fn::Sub`'s text.
pub(crate) enum Part<'a> {
    /// As it stands there.
    Text(&'a str),
    /// `${name}`, or `${resource.attribute}`.
    Name(&'a str),
}

pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Name(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// A value that may have a tag, at any depth.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        let Some(tag) = tag else {
            return Ok(Self(value));
        };
        let written_out = match (tag.as_str(), &value) {
            ("!Ref", _) => json!({ "Ref": value }),
            ("!GetAtt", Value::String(text)) => {
                let (resource, attribute) = text.split_once('.').unwrap_or((text, ""));
                json!({ "Fn::GetAtt": [resource, attribute] })
            }
            (tag, _) => match tag.strip_prefix('!') {
                Some(name) => json!({ format!("Fn::{name}"): value }),
                None => value,
            },
        };
        Ok(Self(written_out))
    }
}

/// A value whose own tag has been read.
struct Untagged(Value);

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Untagged;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Untagged, E> {
        Ok(Untagged(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Untagged, E> {
        Ok(Untagged(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Untagged, E> {
        Ok(Untagged(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Untagged, E> {
        Ok(Untagged(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Untagged, E> {
        Ok(Untagged(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Untagged, E> {
        Ok(Untagged(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Untagged, A::Error> {
        let mut values = Vec::new();
        while let Some(Node(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Untagged(values.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Untagged, A::Error> {
        let mut values = Map::new();
        while let Some((key, Node(value))) = map.next_entry()? {
            values.insert(key, value);
        }
        Ok(Untagged(values.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_written_out_at_any_depth() {
        let text =
            "a: !If [C, [!Sub '${X}-y'], !Ref AWS::NoValue]\nb: !GetAtt R.Arn\nc: 7\nd: \"7\"\n";
        let expected = json!({
            "a": {"Fn::If": ["C", [{"Fn::Sub": "${X}-y"}], {"Ref": "AWS::NoValue"}]},
            "b": {"Fn::GetAtt": ["R", "Arn"]},
            "c": 7,
            "d": "7",
        });
        assert_eq!(Template::read(text).unwrap().whole, expected);
    }
}
