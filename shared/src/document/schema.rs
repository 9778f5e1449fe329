//! The JSON Schema of the document, made from the types that it is read into.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::Document;

/// A secret's ARN, as [`crate::ids::SecretArn`] accepts it.
pub(crate) const SECRET_ARN: &str = r"^arn:aws[^:]*:secretsmanager:[^:]+:[^:]+:secret:[^\s]+$";

/// A config var's name.
pub(crate) const CONFIG_VAR: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The schema, for editors and for whoever writes documents. What a schema cannot say (templates
/// name known fields, an address is safe) is checked when the document is read.
pub(crate) fn schema() -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Document>();
    schema.insert("title".to_owned(), "Heroku add-on credential".into());
    schema.insert(
        "description".to_owned(),
        "One credential of one add-on instance, and the config vars that show it.".into(),
    );
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
    for (name, definition) in definitions.into_iter().flatten() {
        if let Some(definition) = definition.as_object_mut() {
            leave_out(definition, name == "Postgres");
        }
    }
    schema
}

/// Has a definition allow what [`crate::fields`] does: no port, one in a text, and, for
/// PostgreSQL, no database.
fn leave_out(definition: &mut Map<String, Value>, has_default_database: bool) {
    let properties = definition.get_mut("properties");
    let properties = properties.and_then(Value::as_object_mut);
    let Some(properties) = properties.filter(|it| it.contains_key("port")) else {
        return;
    };
    properties.insert(
        "port".to_owned(),
        json!({
            "description": "The server's port. The engine's usual one if it is absent.",
            "type": ["integer", "string", "null"],
            "minimum": 1,
            "maximum": u16::MAX,
            "pattern": "^[0-9]{1,5}$",
        }),
    );
    if let Some(database) = properties
        .get_mut("dbname")
        .filter(|_| has_default_database)
    {
        database["description"] = "The database. `postgres` if it is absent.".into();
        database["type"] = json!(["string", "null"]);
    }
    if let Some(required) = definition.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|it| it != "port" && !(has_default_database && it == "dbname"));
    }
}
