//! The part of IAM's policy language that MiniStack's simulator leaves out: conditions on the
//! context of a request, and what a policy lets a service do.
//!
//! See "IAM JSON policy elements: Condition operators" in the IAM User Guide.

use serde_json::{Map, Value};

/// Condition keys and their values, as in `("aws:SourceAccount", "000000000000")`.
pub type Context<'a> = &'a [(&'a str, &'a str)];

/// Whether a resource policy or a role's trust policy lets a service do something.
///
/// A condition on a key that the context does not hold is not met, as in AWS, unless its operator
/// ends in `IfExists` or is `Null`; an operator that is not played here is not met either.
#[must_use]
pub fn lets_service(policy: &Value, service: &str, action: &str, context: Context<'_>) -> bool {
    let applies = |statement: &Value| {
        names_service(statement.get("Principal"), service)
            && texts(statement.get("Action"))
                .any(|pattern| glob(&pattern.to_lowercase(), &action.to_lowercase()))
            && statement
                .get("Condition")
                .and_then(Value::as_object)
                .is_none_or(|condition| is_met(condition, context))
    };
    let has = |effect: &str| {
        items(policy.get("Statement")).any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some(effect) && applies(statement)
        })
    };
    has("Allow") && !has("Deny")
}

/// The policy with all conditions on the context's keys resolved: those that are met are gone,
/// and so is every statement with one that is not. Other conditions stay.
#[must_use]
pub(super) fn resolve(policy: &Value, context: Context<'_>) -> Value {
    let statements: Vec<Value> = items(policy.get("Statement"))
        .filter_map(|statement| resolve_statement(statement, context))
        .collect();
    let mut resolved = policy.clone();
    resolved["Statement"] = Value::Array(statements);
    resolved
}

fn resolve_statement(statement: &Value, context: Context<'_>) -> Option<Value> {
    let mut statement = statement.clone();
    let Some(Value::Object(condition)) = statement.get_mut("Condition") else {
        return Some(statement);
    };
    for (operator, keys) in condition.iter_mut() {
        let Value::Object(keys) = keys else { continue };
        let known: Vec<String> = keys
            .keys()
            // MiniStack does not know this operator: what is not in the context is not there.
            .filter(|key| operator == "Null" || !lookup(context, key).is_empty())
            .cloned()
            .collect();
        for key in known {
            let wanted = keys.remove(&key)?;
            if !holds(operator, &lookup(context, &key), &wanted) {
                return None;
            }
        }
    }
    condition.retain(|_, keys| keys.as_object().is_none_or(|keys| !keys.is_empty()));
    if condition.is_empty()
        && let Value::Object(statement) = &mut statement
    {
        statement.remove("Condition");
    }
    Some(statement)
}

fn is_met(condition: &Map<String, Value>, context: Context<'_>) -> bool {
    condition.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter()
                .all(|(key, wanted)| holds(operator, &lookup(context, key), wanted))
        })
    })
}

/// A key that can have several values is asked about by a set operator.
fn holds(operator: &str, actual: &[&str], wanted: &Value) -> bool {
    let each = |operator: &str, value: &&str| holds_of_one(operator, Some(*value), wanted);
    if let Some(operator) = operator.strip_prefix("ForAllValues:") {
        return actual.iter().all(|value| each(operator, value));
    }
    if let Some(operator) = operator.strip_prefix("ForAnyValue:") {
        return actual.iter().any(|value| each(operator, value));
    }
    holds_of_one(operator, actual.first().copied(), wanted)
}

fn holds_of_one(operator: &str, actual: Option<&str>, wanted: &Value) -> bool {
    let (operator, optional) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    if operator == "Null" {
        return says(wanted, actual.is_none());
    }
    let Some(actual) = actual else {
        return optional;
    };
    if operator == "Bool" {
        return actual.parse().is_ok_and(|actual| says(wanted, actual));
    }
    if let Some(comparison) = operator.strip_prefix("Numeric") {
        return items(Some(wanted)).any(|wanted| compares(comparison, actual, wanted));
    }
    let mut wanted = texts(Some(wanted));
    match operator {
        "StringEquals" => wanted.any(|wanted| wanted == actual),
        "StringEqualsIgnoreCase" => wanted.any(|wanted| wanted.eq_ignore_ascii_case(actual)),
        "StringNotEquals" => wanted.all(|wanted| wanted != actual),
        "StringLike" | "ArnLike" | "ArnEquals" => wanted.any(|wanted| glob(wanted, actual)),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => {
            wanted.all(|wanted| !glob(wanted, actual))
        }
        _ => false,
    }
}

/// Policies have numbers and truth values as such or as text.
fn says(wanted: &Value, actual: bool) -> bool {
    items(Some(wanted)).any(|wanted| match wanted {
        Value::Bool(wanted) => *wanted == actual,
        Value::String(wanted) => wanted.eq_ignore_ascii_case(&actual.to_string()),
        _ => false,
    })
}

fn compares(comparison: &str, actual: &str, wanted: &Value) -> bool {
    let wanted = match wanted {
        Value::String(wanted) => wanted.parse().ok(),
        wanted => wanted.as_f64(),
    };
    let (Ok(actual), Some(wanted)) = (actual.parse::<f64>(), wanted) else {
        return false;
    };
    match comparison {
        "LessThan" => actual < wanted,
        "LessThanEquals" => actual <= wanted,
        "GreaterThan" => actual > wanted,
        "GreaterThanEquals" => actual >= wanted,
        // Whole numbers are all that is compared here.
        "Equals" => (actual - wanted).abs() < 0.5,
        "NotEquals" => (actual - wanted).abs() >= 0.5,
        _ => false,
    }
}

fn names_service(principal: Option<&Value>, service: &str) -> bool {
    match principal {
        Some(Value::String(anyone)) => anyone == "*",
        Some(Value::Object(principal)) => {
            texts(principal.get("Service")).any(|name| name == service)
        }
        _ => false,
    }
}

/// Keys are told apart without regard to case.
fn lookup<'a>(context: Context<'a>, key: &str) -> Vec<&'a str> {
    let known = context.iter();
    known
        .filter(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| *value)
        .collect()
}

/// What may be one thing or a list of them.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(item) => std::slice::from_ref(item),
        None => &[],
    }
    .iter()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

/// Whether the text is of the pattern, in which `*` is any text and `?` any character.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pattern_characters = pattern.chars();
    match pattern_characters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_characters.as_str();
            text.char_indices()
                .map(|(start, _)| start)
                .chain([text.len()])
                .any(|start| glob(rest, &text[start..]))
        }
        Some(expected) => {
            let mut characters = text.chars();
            characters
                .next()
                .is_some_and(|actual| expected == '?' || expected == actual)
                && glob(pattern_characters.as_str(), characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SERVICE: &str = "scheduler.amazonaws.com";
    const CONTEXT: Context<'static> = &[
        ("aws:SourceAccount", "000000000000"),
        (
            "aws:SourceArn",
            "arn:aws:scheduler:us-east-1:000000000000:schedule-group/g",
        ),
    ];

    fn trust(condition: &Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": [SERVICE]}, "Action": "sts:AssumeRole",
            "Condition": condition}})
    }

    #[test]
    fn a_set_operator_asks_every_value_or_any() {
        let all = json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}});
        let any = json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}});
        let meets = |condition: &Value, keys: &[&str]| {
            let context: Vec<_> = keys.iter().map(|key| ("aws:TagKeys", *key)).collect();
            is_met(condition.as_object().unwrap(), &context)
        };
        for (keys, of_all, of_any) in [
            (&[][..], true, false),
            (&["a"], true, true),
            (&["b", "a"], true, true),
            (&["a", "c"], false, true),
            (&["c"], false, false),
        ] {
            assert_eq!(meets(&all, keys), of_all, "{keys:?}");
            assert_eq!(meets(&any, keys), of_any, "{keys:?}");
        }
    }

    fn lets(condition: &Value) -> bool {
        lets_service(&trust(condition), SERVICE, "sts:AssumeRole", CONTEXT)
    }

    #[test]
    fn trust_conditions_are_honoured() {
        let group = "arn:aws:scheduler:us-east-1:000000000000:schedule-group/";
        assert!(lets(&json!({})));
        assert!(lets(
            &json!({"StringEquals": {"AWS:sourceaccount": "000000000000"}})
        ));
        assert!(!lets(
            &json!({"StringEquals": {"aws:SourceAccount": "111111111111"}})
        ));
        assert!(lets(
            &json!({"ArnLike": {"aws:SourceArn": format!("{group}*")}})
        ));
        assert!(lets(
            &json!({"ArnEquals": {"aws:SourceArn": [format!("{group}f"), format!("{group}g")]}})
        ));
        assert!(!lets(
            &json!({"StringLike": {"aws:SourceArn": format!("{group}f")}})
        ));
        assert!(!lets(&json!({"StringEquals": {"aws:SourceOrgID": "o-1"}})));
        assert!(lets(
            &json!({"StringEqualsIfExists": {"aws:SourceOrgID": "o-1"}})
        ));
        assert!(!lets(
            &json!({"Bool": {"aws:SourceAccount": "000000000000"}})
        ));
    }

    #[test]
    fn conditions_are_also_on_truth_numbers_and_absence() {
        const DELETION: Context<'static> = &[("forced", "false"), ("days", "30")];
        for (operator, key, wanted, met) in [
            ("Bool", "forced", json!("false"), true),
            ("Bool", "forced", json!(false), true),
            ("Bool", "forced", json!("true"), false),
            ("Bool", "days", json!("true"), false),
            ("Bool", "absent", json!("false"), false),
            ("NumericGreaterThanEquals", "days", json!("30"), true),
            ("NumericGreaterThanEquals", "days", json!(31), false),
            ("NumericGreaterThanEquals", "absent", json!(7), false),
            ("NumericLessThan", "days", json!("31"), true),
            ("NumericEquals", "days", json!(30), true),
            ("NumericEquals", "forced", json!(0), false),
            ("Null", "absent", json!("true"), true),
            ("Null", "absent", json!("false"), false),
            ("Null", "days", json!("true"), false),
            ("Null", "days", json!("false"), true),
        ] {
            assert_eq!(
                holds(operator, &lookup(DELETION, key), &wanted),
                met,
                "{operator} {key} {wanted}"
            );
        }
    }

    #[test]
    fn only_the_named_service_and_action_are_let() {
        let policy = trust(&json!({}));
        assert!(!lets_service(
            &policy,
            "lambda.amazonaws.com",
            "sts:AssumeRole",
            CONTEXT
        ));
        assert!(!lets_service(&policy, SERVICE, "sts:TagSession", CONTEXT));
        assert!(!lets_service(
            &json!({}),
            SERVICE,
            "sts:AssumeRole",
            CONTEXT
        ));
    }

    #[test]
    fn a_denial_outweighs() {
        let mut policy = trust(&json!({}));
        let mut deny = policy["Statement"].clone();
        deny["Effect"] = json!("Deny");
        policy["Statement"] = json!([policy["Statement"], deny]);
        assert!(!lets_service(&policy, SERVICE, "sts:AssumeRole", CONTEXT));
    }

    #[test]
    fn resolving_keeps_unknown_conditions_and_drops_unmet_statements() {
        let passed: Context<'_> = &[("iam:PassedToService", SERVICE)];
        let statement = |condition: Value| json!({"Effect": "Allow", "Condition": condition});
        let policy = json!({"Statement": [
            statement(json!({"StringEquals": {"iam:PassedToService": SERVICE}})),
            statement(json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})),
            statement(json!({"StringEquals": {"iam:PassedToService": SERVICE, "aws:x": "y"}})),
            statement(json!({"Null": {"aws:TagKeys": "false"}})),
            statement(json!({"Null": {"aws:TagKeys": "true"}})),
        ]});
        assert_eq!(
            resolve(&policy, passed),
            json!({"Statement": [
                {"Effect": "Allow"},
                statement(json!({"StringEquals": {"aws:x": "y"}})),
                {"Effect": "Allow"},
            ]})
        );
    }

    #[test]
    fn globs() {
        assert!(glob("a*c?", "abbcd"));
        assert!(glob("*", ""));
        assert!(!glob("a?", "a"));
        assert!(!glob("a", "ab"));
    }
}
