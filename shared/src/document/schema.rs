//! The JSON Schema of the document, made from the types that it is read into.

use schemars::{Schema, SchemaGenerator};

use super::Document;

/// A secret's ARN, as [`crate::event::SecretArn`] accepts it.
pub(crate) const SECRET_ARN: &str = r"^arn:aws[^:]*:secretsmanager:[^:]+:[^:]+:secret:[^\s]+$";

/// A config var's name.
pub(crate) const CONFIG_VAR: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The schema, for editors and for whoever writes documents. What a schema cannot say (templates
/// name known fields, an address is safe) is checked when the document is read.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Document>();
    schema.insert("title".to_owned(), "Heroku add-on credential".into());
    schema.insert(
        "description".to_owned(),
        "One credential of one add-on instance, and the config vars that show it.".into(),
    );
    schema
}
