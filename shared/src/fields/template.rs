//! Config vars, rendered from templates over the document's fields.
//!
//! minijinja's sandbox has no input or output; a document's templates have fuel for a few
//! thousand operations and some hundred kilobytes, so that none can hang or fill a function. An unknown field is an error, never an empty string.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Captured, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::Fields;
use super::check::{MOST_PROBLEMS, shortened};

/// Fields that no template may show: they are not the credential's.
const HIDDEN: [&str; 3] = ["heroku", "masterarn", "generate"];

/// [All of an app's config vars together may have 32 kB](https://devcenter.heroku.com/articles/config-vars#config-var-policies).
const LARGEST_CONFIG: usize = 32 * 1024;

/// An operation costs one, and so do 64 bytes that it reads or makes.
const FUEL: u64 = 10_000;

/// So many tokens may stand between two braces: minijinja's parser and compiler call themselves for each
/// operator, some without a limit.
const LONGEST_TAG: usize = 100;

const TAGS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// Shorter texts may stand in a template by chance.
const SHORTEST_SECRET: usize = 8;

/// RFC 3986's unreserved characters stay; unlike Jinja's filter, `/` does not: in a password it
/// would end the authority of a URL.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Config vars with their values, and what is secret in them: as a document renders them, or as Heroku shows them.
#[derive(Debug, Clone, Default)]
pub struct ConfigVars {
    pub(crate) vars: BTreeMap<String, SecretString>,
    secrets: Vec<SecretString>,
    removed: Vec<String>,
}

impl ConfigVars {
    /// The config vars' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.vars.keys().map(String::as_str)
    }

    /// The config vars with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let vars = self.vars.iter();
        vars.map(|(name, value)| (name.as_str(), value))
    }

    /// The same, with what shows the credential wherever it stands.
    #[must_use]
    pub fn with_secrets(self, secrets: Vec<SecretString>) -> Self {
        Self { secrets, ..self }
    }

    /// The same, with the names of those that are to be there no longer.
    #[must_use]
    pub fn without(self, removed: Vec<String>) -> Self {
        Self { removed, ..self }
    }

    /// The names of those that are to be there no longer.
    pub(crate) fn removed(&self) -> &[String] {
        &self.removed
    }

    /// What shows the credential wherever it stands: what is new in each version, but for users' names, which
    /// may well stand elsewhere.
    pub(crate) fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    /// The value of one config var.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(ExposeSecret::expose_secret)
    }
}

impl FromIterator<(String, SecretString)> for ConfigVars {
    fn from_iter<I: IntoIterator<Item = (String, SecretString)>>(vars: I) -> Self {
        Self {
            vars: vars.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// The detail of an error of this module's own.
const WHOLE: &str = "shows a list or an object";

/// A value that JSON has a word for, and minijinja another: it shows as in JSON, also when it is
/// joined to a text.
#[derive(Debug, Clone, Copy)]
enum Word {
    Bool(bool),
    Null,
}

impl Object for Word {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        matches!(**self, Self::Bool(true))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match **self {
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Null => "null",
        })
    }
}

/// A document's value in a template.
fn shown(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from_object(Word::Null),
        Value::Bool(value) => minijinja::Value::from_object(Word::Bool(*value)),
        Value::Number(_) | Value::String(_) => {
            minijinja::Value::from(minijinja::value::Serde(value))
        }
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => by_name(map),
    }
}

fn by_name<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> minijinja::Value {
    let fields = fields.into_iter();
    let shown: BTreeMap<_, _> = fields
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect();
    shown.into()
}

/// Jinja's, but that a template's last line end stays: a key in PEM form ends in one.
fn syntax() -> SyntaxConfig {
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    // Only other delimiters can be refused.
    syntax.unwrap_or_default()
}

fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(syntax());
    environment.set_formatter(|output, state, value| match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            Err(Error::new(ErrorKind::InvalidOperation, WHOLE))
        }
        _ => escape_formatter(output, state, value),
    });
    environment.add_filter("urlencode", |text: &str| {
        utf8_percent_encode(text, UNRESERVED).to_string()
    });
    environment
}

/// One document's templates, which share its fuel: however many there are, what they all do and make
/// is bounded.
pub(super) struct Renderer<'a> {
    fields: &'a Map<String, Value>,
    context: minijinja::Value,
    names: BTreeSet<String>,
    fuel: u64,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        let fields_shown = fields
            .iter()
            .filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
        Self {
            fields,
            names: fields_shown.clone().map(|(name, _)| name.clone()).collect(),
            context: by_name(fields_shown),
            fuel: FUEL,
        }
    }

    /// A name, unless it is what a field holds: a value that somebody put between the braces.
    fn unless_value(&self, name: String) -> String {
        let mut texts = self.fields.values().filter_map(Value::as_str);
        if texts.any(|text| text == name) {
            "(a field's value)".to_owned()
        } else {
            name
        }
    }

    /// Renders one template over the document's top-level fields.
    ///
    /// # Errors
    /// With what is wrong with it, in words that follow its path.
    pub(super) fn render(&mut self, source: &str) -> Result<String, String> {
        if let Some(problem) = excess(source) {
            return Err(problem);
        }
        let mut environment = environment();
        environment.set_fuel(Some(self.fuel));
        let template = environment
            .template_from_str(source)
            .map_err(|error| describe(&error))?;
        let unknown: BTreeSet<_> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !self.names.contains(name))
            .take(MOST_PROBLEMS)
            .map(|name| self.unless_value(name))
            .collect();
        if !unknown.is_empty() {
            return Err(format!(
                "uses an unknown field: {} (the document has {})",
                list(&unknown),
                list(&self.names)
            ));
        }
        let rendered = template.render_captured(self.context.clone());
        // What a template that fails has used is not said.
        let left = rendered
            .as_ref()
            .ok()
            .and_then(|it| it.state().fuel_levels());
        self.fuel = left.map_or(self.fuel / 2, |(_, left)| left);
        match rendered.map(Captured::into_output) {
            Ok(text) if text.is_empty() => Err("renders to nothing".to_owned()),
            Ok(text) => Ok(text),
            Err(error) => Err(describe(&error)),
        }
    }
}

/// What a template has that none needs and some bomb does, in words that follow its path: fuel does not
/// bound minijinja's stack, nor how long it compares lists that grew by doubling.
fn excess(source: &str) -> Option<String> {
    let (mut length, mut is_tag) = (0, false);
    // What is no token is the parser's to report, after it has read what was before it.
    let tokens = tokenize(source, false, syntax()).map_while(Result::ok);
    for (token, _) in tokens {
        length += 1;
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart => length = 0,
            Token::Ident(tag) if is_tag && !TAGS.contains(&tag) => {
                return Some("uses a tag other than if and for".to_owned());
            }
            // A field is no such constant's equal, and none shows as in JSON.
            Token::Ident("true" | "True" | "false" | "False" | "none" | "None") => {
                return Some(
                    "compares with true, false or none (write {% if field %}, {% if not field %})"
                        .to_owned(),
                );
            }
            Token::Plus | Token::Mul | Token::Pow | Token::Comma => {
                return Some(
                    "calculates or makes a list (there is only ~, which joins)".to_owned(),
                );
            }
            _ => {}
        }
        if length > LONGEST_TAG {
            return Some(format!(
                "has more than {LONGEST_TAG} words between two braces (simplify it)"
            ));
        }
        is_tag = matches!(token, Token::BlockStart);
    }
    None
}

/// Names, as many as somebody reads.
fn list(names: &BTreeSet<String>) -> String {
    let all = names.iter().map(String::as_str).collect::<Vec<_>>();
    shortened(all.join(", "))
}

/// What failed, in words that hold nothing of the document.
fn describe(error: &Error) -> String {
    match error.kind() {
        ErrorKind::InvalidOperation if error.detail() == Some(WHOLE) => {
            format!("{WHOLE} as a whole (show its members)")
        }
        ErrorKind::SyntaxError => {
            "is not a valid template (write {{ field }}, {% if field %} … {% endif %})".to_owned()
        }
        ErrorKind::UnknownFilter => "uses an unknown filter (there is only urlencode)".to_owned(),
        ErrorKind::UndefinedError => "uses a field that the document does not have".to_owned(),
        ErrorKind::OutOfFuel => {
            "takes too long to render, or renders to too much, with those before it (simplify it)"
                .to_owned()
        }
        kind => format!("cannot be rendered ({kind})"),
    }
}

/// Checks every config var's template: syntax, fields, and that it can be rendered with these
/// values.
pub(crate) fn check(
    fields: &Fields,
    config: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) {
    problems.extend(render(fields, config).err().into_iter().flatten());
}

/// Checks that the apps get every new credential: a config var that shows none of it, or the present
/// one word for word, would leave them with what is about to be revoked.
pub(crate) fn check_renewed(
    fields: &Fields,
    config: &BTreeMap<String, String>,
    renewed: &[&str],
    problems: &mut Vec<String>,
) {
    let environment = environment();
    let templates = config
        .values()
        .filter(|source| excess(source).is_none())
        .filter_map(|source| environment.template_from_str(source).ok());
    let shown: BTreeSet<_> = templates
        .flat_map(|template| template.undeclared_variables(false))
        .collect();
    for field in renewed {
        if problems.len() > MOST_PROBLEMS {
            break;
        }
        if !shown.contains(*field) {
            problems.push(format!("heroku.config does not show {field}, which is new in each version (use it in a template)"));
        }
        // A user's name may well stand elsewhere, as a database's name for one.
        let Some(value) = fields.text(field).filter(|_| *field != "username") else {
            continue;
        };
        for (var, source) in config {
            if value.len() >= SHORTEST_SECRET && source.contains(value) {
                problems.push(format!("heroku.config.{var} contains the current value of {field} (use {{{{ {field} }}}} instead)"));
            }
        }
    }
}

/// Renders every config var.
///
/// # Errors
/// With all that is wrong.
pub(crate) fn render(
    fields: &Fields,
    config: &BTreeMap<String, String>,
) -> Result<ConfigVars, Vec<String>> {
    let mut problems = Vec::new();
    let (mut size, mut largest) = (0, None);
    let mut templates = Renderer::new(fields.map());
    let rendered = config
        .iter()
        .filter_map(|(var, source)| match templates.render(source) {
            Ok(text) => {
                size += var.len() + text.len();
                largest = largest.max(Some((text.len(), var)));
                Some((var.clone(), SecretString::from(text)))
            }
            Err(problem) => {
                problems.push(format!("heroku.config.{var} {problem}"));
                None
            }
        })
        .collect();
    if let Some((length, var)) = largest.filter(|_| size > LARGEST_CONFIG) {
        problems.push(format!(
            "heroku.config renders to {size} bytes, {length} of them in {var}: Heroku takes {LARGEST_CONFIG} bytes for all config vars of an app (shorten it)"
        ));
    }
    if problems.is_empty() {
        Ok(rendered)
    } else {
        Err(problems)
    }
}
