//! What a document may leave out, and how AWS's own secrets may write what it has: as
//! [AWS's rotation functions](https://github.com/aws-samples/aws-secrets-manager-rotation-lambdas)
//! read it. The document itself stays as it is, from version to version.

use serde_json::{Map, Value};

/// What an engine's field is if the document has none.
type Defaults = &'static [(&'static str, Usual)];

#[derive(Clone, Copy)]
enum Usual {
    Number(u16),
    Text(&'static str),
}

impl From<Usual> for Value {
    fn from(usual: Usual) -> Self {
        match usual {
            Usual::Number(number) => number.into(),
            Usual::Text(text) => text.into(),
        }
    }
}

fn defaults(engine: &str) -> Defaults {
    use Usual::{Number, Text};
    match engine {
        "postgres" | "aurora-postgresql" => &[("port", Number(5432)), ("dbname", Text("postgres"))],
        "mysql" | "mariadb" | "aurora-mysql" => &[("port", Number(3306))],
        "redis" | "valkey" => &[("port", Number(6379))],
        _ => &[],
    }
}

/// The fields as they are read and shown: with what is left out, and a port as a number.
pub(super) fn complete(fields: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = fields.clone();
    let engine = fields.get("engine").and_then(Value::as_str);
    let defaults = defaults(engine.unwrap_or_default());
    fill(&mut fields, defaults);
    let nodes = fields.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten() {
        if let Some(node) = node.as_object_mut() {
            fill(node, defaults);
        }
    }
    fields
}

fn fill(fields: &mut Map<String, Value>, defaults: Defaults) {
    for (name, usual) in defaults {
        let field = fields.entry(*name).or_insert(Value::Null);
        if field.is_null() {
            *field = (*usual).into();
        } else if let (Usual::Number(_), Some(text)) = (usual, field.as_str()) {
            let digits = Some(text).filter(|text| text.bytes().all(|it| it.is_ascii_digit()));
            if let Some(number) = digits.and_then(|text| text.parse::<u16>().ok()) {
                *field = number.into();
            }
        }
    }
}
