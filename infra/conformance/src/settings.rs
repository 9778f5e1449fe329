//! What the command line says, checked as a whole before anything is asked of the service.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use addon_rotation::document::{Document, Fields};
use addon_rotation::event::VersionId;
use addon_rotation::net::Roots;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

/// The field of a credential if the command line does not say.
const FIELD: &str = "api_key";

/// How many random characters a field has if the command line does not say.
const LENGTH: usize = 40;

/// The config var of the document below that holds the customer's header.
const HEADER: &str = "AUTHORIZATION";

/// What the command line has.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The service's base address, as the secret's `url`: https://, or http:// on loopback.
    #[arg(long)]
    pub(crate) url: String,
    /// A file with the administrator's token; - for standard input.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) token_file: PathBuf,
    /// A field of a credential, as the secret's `generate`; may be given several times.
    #[arg(
        long = "field",
        value_name = "NAME[=PREFIX[:LENGTH]]",
        default_value = FIELD
    )]
    pub(crate) fields: Vec<String>,
    /// The header with which a customer is let in, as the secret's `authorization`: a template over
    /// the fields. Without it, `Bearer` and the first field.
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) authorization: Option<String>,
    /// Further root certificates, as the functions' `CA_BUNDLE_FILE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
}

/// The command could not run. Lists every problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing was asked of the service:\n  {}", problems.join("\n  "))]
pub(crate) struct SettingsError {
    /// What is wrong, one entry each.
    pub(crate) problems: Vec<String>,
}

/// The checked command line.
pub(crate) struct Settings {
    /// The service's base address.
    pub(crate) url: Url,
    /// The administrator's token.
    pub(crate) token: SecretString,
    /// The certificate authorities that are trusted.
    pub(crate) roots: Roots,
    /// What new credentials are made by.
    pub(crate) credentials: Credentials,
}

/// Makes credentials as rotation does: each is the next version of one document.
pub(crate) struct Credentials {
    document: Document,
    fields: Vec<String>,
}

/// A credential's values.
pub(crate) struct Values {
    /// The fields that the service is told, by name.
    pub(crate) fields: Vec<(String, SecretString)>,
    /// The header with which its customer is let in.
    pub(crate) authorization: SecretString,
}

impl Settings {
    /// Checks the command line and reads the files that it names.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub(crate) fn read(arguments: &Options) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let token = token(&arguments.token_file).map_err(|problem| problems.push(problem));
        let roots = match &arguments.ca_bundle {
            None => Ok(Roots::mozilla()),
            Some(file) => Roots::with_bundle(file)
                .map_err(|error| problems.push(format!("--ca-bundle {}: {error}", file.display()))),
        };
        let credentials = Credentials::read(arguments, &mut problems);
        let url = Url::parse(&arguments.url);
        match (token, roots, credentials, url) {
            (Ok(token), Ok(roots), Some(credentials), Ok(url)) if problems.is_empty() => Ok(Self {
                url,
                token,
                roots,
                credentials,
            }),
            _ => Err(SettingsError { problems }),
        }
    }
}

impl Credentials {
    /// The engine itself reads what the options say, so both have the same rules.
    fn read(arguments: &Options, problems: &mut Vec<String>) -> Option<Self> {
        let mut generate = Map::new();
        let mut names = Vec::new();
        for field in &arguments.fields {
            let (name, look) = field.split_once('=').unwrap_or((field, ""));
            let (prefix, length) = look.split_once(':').unwrap_or((look, ""));
            let is_name = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let length = if length.is_empty() {
                Some(LENGTH)
            } else {
                length.parse().ok()
            };
            match length {
                Some(length) if is_name => {
                    names.push(name.to_owned());
                    generate.insert(
                        name.to_owned(),
                        json!({ "prefix": prefix, "length": length }),
                    );
                }
                _ => problems.push(format!(
                    "--field {field:?} must be NAME, NAME=PREFIX or NAME=PREFIX:LENGTH, the name of letters, digits and _"
                )),
            }
        }
        if names.is_empty() {
            // So that the other options are checked all the same.
            names.push(FIELD.to_owned());
            generate.insert(FIELD.to_owned(), json!({ "length": LENGTH }));
        }
        let first = &names[0];
        let authorization = arguments
            .authorization
            .clone()
            .unwrap_or_else(|| format!("Bearer {{{{ {first} }}}}"));
        let mut config = Map::from_iter([(HEADER.to_owned(), Value::from(authorization.clone()))]);
        let mut document = Map::new();
        for name in &names {
            // A document has to show each field somewhere, and the header need not.
            let var = format!("FIELD_{}", config.len());
            config.insert(var, format!("{{{{ {name} }}}}").into());
            document.insert(name.clone(), "unknown".into());
        }
        let Value::Object(engine) = json!({
            "engine": "http",
            "url": arguments.url,
            "credential_id": "conformance",
            "authorization": authorization,
            "generate": generate,
            "masterarn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:conformance-AbCdEf",
            "heroku": { "api": "v1", "addon_id": "conformance", "config": config },
        }) else {
            return None;
        };
        document.extend(engine);
        match Document::parse(&Value::Object(document).to_string().into()) {
            Ok(document) => Some(Self {
                document,
                fields: names,
            }),
            Err(error) => {
                // The block for Heroku repeats the template; it is this command's own.
                let own = error
                    .problems
                    .into_iter()
                    .filter(|it| !it.starts_with("heroku."));
                problems.extend(
                    own.map(|problem| format!("--{}", problem.replacen("generate.", "field ", 1))),
                );
                None
            }
        }
    }

    /// New values.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub(crate) fn next(&self) -> Result<Values, String> {
        let version: VersionId = Uuid::new_v4().to_string().parse()?;
        let next = self.document.next(&version).map_err(|it| it.to_string())?;
        let document = Document::parse(&next).map_err(|it| it.to_string())?;
        let rendered = document.render().map_err(|it| it.to_string())?;
        let values = Fields::parse(secrecy::ExposeSecret::expose_secret(&next));
        let values = values.ok_or("a new document is no JSON")?;
        let field = |name: &String| Some((name.clone(), values.text(name)?.into()));
        Ok(Values {
            fields: self.fields.iter().filter_map(field).collect(),
            authorization: rendered.get(HEADER).unwrap_or_default().into(),
        })
    }
}

fn token(file: &Path) -> Result<SecretString, String> {
    let name = format!("--token-file {}", file.display());
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|it| text = it)
    };
    read.map_err(|error| format!("{name} cannot be read ({})", error.kind()))?;
    let token = text.trim_ascii();
    if token.is_empty() {
        return Err(format!(
            "{name} is empty; it must hold the administrator's token"
        ));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{name} must hold one token, of printable characters without a space"
        ));
    }
    Ok(token.into())
}
