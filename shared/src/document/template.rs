//! Config vars, rendered from templates over the document's fields.
//!
//! minijinja's sandbox has no input or output; templates have fuel for a few thousand operations,
//! so that no document can hang a function. An unknown field is an error, never an empty string.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::{DocumentError, Fields};

/// Fields that no template may show: they are not the credential's.
const HIDDEN: [&str; 3] = ["heroku", "masterarn", "generate"];

/// [All of an app's config vars together may have 32 kB](https://devcenter.heroku.com/articles/config-vars#config-var-policies).
const LARGEST_CONFIG: usize = 32 * 1024;

const FUEL: u64 = 10_000;

/// Shorter texts may stand in a template by chance.
const SHORTEST_SECRET: usize = 8;

/// RFC 3986's unreserved characters stay; unlike Jinja's filter, `/` does not: in a password it
/// would end the authority of a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Config vars with their values.
#[derive(Debug, Clone)]
pub struct Rendered(BTreeMap<String, SecretString>);

impl Rendered {
    /// The config vars' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The config vars with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of one config var.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret)
    }
}

impl FromIterator<(String, SecretString)> for Rendered {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(vars: I) -> Self {
        Self(vars.into_iter().collect())
    }
}

fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("urlencode", |text: &str| {
        utf8_percent_encode(text, UNRESERVED).to_string()
    });
    environment
}

fn context(fields: &Map<String, Value>) -> Map<String, Value> {
    let shown = fields
        .iter()
        .filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
    shown
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What failed, in words that hold nothing of the document.
fn describe(error: &Error) -> String {
    match error.kind() {
        ErrorKind::SyntaxError => "is not a valid template (see minijinja's syntax)".to_owned(),
        ErrorKind::UnknownFilter => "uses an unknown filter (there is only urlencode)".to_owned(),
        ErrorKind::UndefinedError => "uses a field that the document does not have".to_owned(),
        ErrorKind::OutOfFuel => "takes too long to render (simplify it)".to_owned(),
        kind => format!("cannot be rendered ({kind})"),
    }
}

/// Renders one template over a document's top-level fields.
///
/// # Errors
/// With what is wrong with it, in words that follow its path.
pub(super) fn render_one(fields: &Map<String, Value>, source: &str) -> Result<String, String> {
    let environment = environment();
    let context = context(fields);
    let template = environment
        .template_from_str(source)
        .map_err(|error| describe(&error))?;
    let mut unknown: Vec<_> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !context.contains_key(name))
        .collect();
    if !unknown.is_empty() {
        unknown.sort();
        let known: Vec<_> = context.keys().map(String::as_str).collect();
        return Err(format!(
            "uses an unknown field: {} (the document has {})",
            unknown.join(", "),
            known.join(", ")
        ));
    }
    match template.render(minijinja::Value::from(minijinja::value::Serde(&context))) {
        Ok(text) if text.is_empty() => Err("renders to nothing".to_owned()),
        Ok(text) => Ok(text),
        Err(error) => Err(describe(&error)),
    }
}

/// Checks every config var's template: syntax, fields, and that it can be rendered with these
/// values.
pub(super) fn check(
    fields: &Fields,
    config: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) {
    if let Err(error) = render(fields, config) {
        problems.extend(error.problems);
    }
}

/// Checks that the apps get every new credential: a config var that shows none of it, or the present
/// one word for word, would leave them with what is about to be revoked.
pub(super) fn check_renewed(
    fields: &Fields,
    config: &BTreeMap<String, String>,
    renewed: &[&str],
    problems: &mut Vec<String>,
) {
    let environment = environment();
    let templates = config
        .values()
        .filter_map(|source| environment.template_from_str(source).ok());
    let shown: BTreeSet<_> = templates
        .flat_map(|template| template.undeclared_variables(false))
        .collect();
    for field in renewed {
        if !shown.contains(*field) {
            problems.push(format!("heroku.config shows {field} nowhere, which is new in each version (use it in a template)"));
        }
        // A user's name may well stand elsewhere, as a database's name for one.
        let Some(value) = fields.text(field).filter(|_| *field != "username") else {
            continue;
        };
        for (var, source) in config {
            if value.len() >= SHORTEST_SECRET && source.contains(value) {
                problems.push(format!("heroku.config.{var} holds the present {field} word for word (use the field in the template)"));
            }
        }
    }
}

/// Renders every config var.
pub(super) fn render(
    fields: &Fields,
    config: &BTreeMap<String, String>,
) -> Result<Rendered, DocumentError> {
    let mut problems = Vec::new();
    let mut size = 0;
    let rendered = config
        .iter()
        .filter_map(|(var, source)| match render_one(fields.map(), source) {
            Ok(text) => {
                size += var.len() + text.len();
                Some((var.clone(), SecretString::from(text)))
            }
            Err(problem) => {
                problems.push(format!("heroku.config.{var} {problem}"));
                None
            }
        })
        .collect();
    if size > LARGEST_CONFIG {
        problems.push(format!(
            "heroku.config renders to more than the {LARGEST_CONFIG} bytes that Heroku takes"
        ));
    }
    if problems.is_empty() {
        Ok(rendered)
    } else {
        Err(DocumentError { problems })
    }
}
