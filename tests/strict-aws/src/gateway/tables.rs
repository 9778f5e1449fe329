//! DynamoDB where there is no MiniStack: the operations and expressions that the functions use, and no others.
//!
//! Rules: the [API reference](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/Welcome.html), and for
//! conditions the [developer guide](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What an operation is refused with: DynamoDB's code, and its words.
pub(super) struct Refused(&'static str, String);

impl Refused {
    /// As [JSON 1.0](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html) has it.
    pub(super) fn body(&self) -> Value {
        let Self(code, message) = self;
        let namespace = match *code {
            "ValidationException" => "com.amazon.coral.validate",
            _ => "com.amazonaws.dynamodb.v20120810",
        };
        json!({ "__type": format!("{namespace}#{code}"), "message": message })
    }
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused("ValidationException", message.into())
}

pub(super) type Item = Map<String, Value>;

#[derive(Default)]
pub(super) struct Tables(BTreeMap<(String, String), Item>);

impl Tables {
    pub(super) fn handle(&mut self, operation: &str, request: &Value) -> Result<Value, Refused> {
        let table = request["TableName"].as_str();
        let table = table.ok_or_else(|| invalid("there is no TableName"))?;
        let key = request["Key"].as_object().filter(|key| key.len() == 1);
        let key = key.ok_or_else(|| invalid("the Key is not one attribute"))?;
        let place = (table.to_owned(), json!(key).to_string());
        let item = self.0.get(&place);
        if let Some(condition) = request["ConditionExpression"].as_str()
            && !holds(condition, request, item)?
        {
            let words = "The conditional request failed".to_owned();
            return Err(Refused("ConditionalCheckFailedException", words));
        }
        match operation {
            "GetItem" => Ok(item.map_or_else(|| json!({}), |item| json!({ "Item": item }))),
            "UpdateItem" => {
                let update = request["UpdateExpression"].as_str().unwrap_or_default();
                let (name, value) = update
                    .strip_prefix("SET ")
                    .and_then(|update| update.split_once(" = "))
                    .ok_or_else(|| invalid(format!("no update: {update}")))?;
                let value = value_of(value, request)?.clone();
                let item = self.0.entry(place).or_insert_with(|| key.clone());
                item.insert(name.to_owned(), value);
                Ok(json!({}))
            }
            "DeleteItem" => {
                let old = self.0.remove(&place);
                let is_asked = request["ReturnValues"] == "ALL_OLD";
                let old = old.filter(|_| is_asked);
                Ok(old.map_or_else(|| json!({}), |old| json!({ "Attributes": old })))
            }
            _ => Err(invalid(format!("there is no {operation} here"))),
        }
    }

    pub(super) fn put(&mut self, table: &str, key: &str, item: Item) {
        let own = json!({ key: item.get(key) }).to_string();
        self.0.insert((table.to_owned(), own), item);
    }

    pub(super) fn remove(&mut self, table: &str, key: &Value) {
        self.0.remove(&(table.to_owned(), key.to_string()));
    }

    pub(super) fn item(&self, table: &str, key: &Value) -> Option<Value> {
        let item = self.0.get(&(table.to_owned(), key.to_string()));
        item.map(|item| json!(item))
    }
}

fn holds(condition: &str, request: &Value, item: Option<&Item>) -> Result<bool, Refused> {
    for term in condition.split(" OR ") {
        let absent = term.strip_prefix("attribute_not_exists(");
        let is_met = if let Some(name) = absent.and_then(|name| name.strip_suffix(')')) {
            item.is_none_or(|item| !item.contains_key(name))
        } else {
            let (name, value) = term
                .split_once(" = ")
                .ok_or_else(|| invalid(format!("no condition: {term}")))?;
            let value = value_of(value, request)?;
            item.is_some_and(|item| item.get(name) == Some(value))
        };
        if is_met {
            return Ok(true);
        }
    }
    Ok(false)
}

fn value_of<'a>(name: &str, request: &'a Value) -> Result<&'a Value, Refused> {
    let values = request["ExpressionAttributeValues"].as_object();
    let value = values.and_then(|values| values.get(name));
    value.ok_or_else(|| invalid(format!("there is no value {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(condition: &str, before: &str, now: &str) -> Value {
        json!({
            "TableName": "t", "Key": { "addon": { "S": "a" } },
            "UpdateExpression": "SET refresh_tokens = :now", "ConditionExpression": condition,
            "ExpressionAttributeValues": { ":before": { "S": before }, ":now": { "S": now } },
        })
    }

    /// The API reference of `UpdateItem` and `DeleteItem`; MiniStack's DynamoDB answers the same requests alike in
    /// `tests/end-to-end/infrastructure/instances.rs`.
    #[test]
    fn a_condition_decides_about_what_is_there() {
        let mut tables = Tables::default();
        let mut put = |condition, before, now| {
            let answer = tables.handle("UpdateItem", &update(condition, before, now));
            answer.map_err(|refused| refused.body()["__type"].clone())
        };
        let conflict = json!("com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException");
        let (absent, same) = ("attribute_not_exists(addon)", "refresh_tokens = :before");
        assert_eq!(put(same, "one", "two"), Err(conflict.clone()));
        assert_eq!(put(absent, "", "one"), Ok(json!({})));
        assert_eq!(put(absent, "", "two"), Err(conflict.clone()));
        assert_eq!(put(same, "two", "three"), Err(conflict));
        assert_eq!(put(same, "one", "two"), Ok(json!({})));
        let invalid = json!("com.amazon.coral.validate#ValidationException");
        assert_eq!(put("size(refresh_tokens) > :before", "", "x"), Err(invalid));

        let key = json!({ "addon": { "S": "a" } });
        let item = json!({ "addon": { "S": "a" }, "refresh_tokens": { "S": "two" } });
        assert_eq!(tables.item("t", &key), Some(item.clone()));
        let get = json!({ "TableName": "t", "Key": key });
        let found = tables.handle("GetItem", &get).ok();
        assert_eq!(found, Some(json!({ "Item": item })));
        let mut delete = get.clone();
        delete["ReturnValues"] = json!("ALL_OLD");
        let deleted = tables.handle("DeleteItem", &delete).ok();
        assert_eq!(deleted, Some(json!({ "Attributes": item })));
        let deleted = tables.handle("DeleteItem", &delete).ok();
        assert_eq!(deleted, Some(json!({})));
        assert_eq!(tables.handle("GetItem", &get).ok(), Some(json!({})));
    }
}
