//! A document that a person changes: the same login with another address, other config vars or another API.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{Api, Document, DocumentError};
use crate::engine::{RandomError, password};
use crate::fields::Fields;
use crate::ids::VersionId;

/// What says beside the renewed fields whose login the credential is. Most of it is rotation's own.
const LOGIN: [&str; 5] = [
    "credential_id",
    "owner",
    "previous_username",
    "rules_from",
    "settings_from",
];

/// What says how a login with other fields is made, sent and shown.
const SHAPE: [&str; 3] = ["authorization", "generate", "heroku"];

/// What the id of a version begins with that holds a changed document.
const STORED: &str = "stored-";

/// The id of a version for a changed document.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn id_of_change() -> Result<VersionId, RandomError> {
    Ok(VersionId::hashed(STORED, &password()?))
}

/// Whether a version holds a changed document, which no rotation has renewed yet.
#[must_use]
pub fn is_change(version: &VersionId) -> bool {
    version.as_str().starts_with(STORED)
}

impl Document {
    /// The document of a file, in place of this one. Its login is this one's: what the file leaves out of that is kept.
    ///
    /// # Errors
    /// With every problem found, by path: another engine, add-on or login is one.
    pub fn changed(&self, file: &SecretString) -> Result<Self, DocumentError> {
        let fields = Fields::parse(file.expose_secret());
        let mut fields = fields.ok_or_else(|| vec!["it is not a JSON object".to_owned()])?;
        self.keep_login(&mut fields);
        let mut problems = self.other_login(&fields);
        // Of another engine's fields there is nothing to say.
        if fields.text("engine").is_none_or(|it| self.has_engine(it)) {
            match Self::parse(&fields.to_secret()) {
                Ok(document) if problems.is_empty() => return Ok(document),
                Ok(_) => {}
                Err(error) => problems.extend(error.problems),
            }
        }
        Err(problems.into())
    }

    /// This document with another one's login: what that is where this one has the service. `None` if they are of two
    /// kinds of service.
    ///
    /// # Errors
    /// If that is no valid document.
    pub(crate) fn with_login_of(&self, other: &Self) -> Result<Option<Self>, DocumentError> {
        if !self.engine.is_of_kind_of(&other.engine) {
            return Ok(None);
        }
        let mut fields = self.fields.clone();
        // An `http` service's fields may have been renamed since: this document's templates know the new names alone.
        let is_renamed = self.engine.renewed() != other.engine.renewed();
        let shape = SHAPE.into_iter().filter(|_| is_renamed);
        for name in self.login_fields().chain(other.login_fields()).chain(shape) {
            let value = other.fields.map().get(name);
            fields.set(name, value.cloned().unwrap_or_default());
        }
        Self::parse(&fields.to_secret()).map(Some)
    }

    fn keep_login(&self, fields: &mut Fields) {
        for name in self.login_fields() {
            if let Some(value) = self.fields.map().get(name)
                && fields.map().get(name).is_none_or(Value::is_null)
            {
                fields.set(name, value.clone());
            }
        }
        // An earlier version of this project keeps the refresh token there.
        if let Api::V3 { oauth: Some(oauth) } = &self.heroku.api
            && let Some(Value::Object(heroku)) = fields.map().get("heroku")
            && heroku.get("api").is_some_and(|it| it == "v3")
            && heroku.get("oauth").is_none_or(Value::is_null)
        {
            let mut heroku = heroku.clone();
            heroku.insert("oauth".to_owned(), oauth.as_str().into());
            fields.set("heroku", heroku);
        }
    }

    fn other_login(&self, fields: &Fields) -> Vec<String> {
        let mut problems = Vec::new();
        if fields.text("engine").is_some_and(|it| !self.has_engine(it)) {
            problems.push("engine must be the current version's".to_owned());
        }
        if fields
            .heroku_text("addon_id")
            .is_some_and(|it| it != self.heroku.addon_id)
        {
            problems.push("heroku.addon_id must be the current version's".to_owned());
        }
        for name in self.login_fields() {
            if fields.map().get(name) != self.fields.map().get(name) {
                problems.push(format!(
                    "{name} must be left out, or the current version's: a change keeps the login"
                ));
            }
        }
        problems
    }

    fn has_engine(&self, name: &str) -> bool {
        self.fields.text("engine") == Some(name)
    }

    fn login_fields(&self) -> impl Iterator<Item = &str> {
        self.engine.renewed().into_iter().chain(LOGIN)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> SecretString {
        SecretString::from(value.to_string())
    }

    fn value(document: &Document) -> Value {
        serde_json::from_str(document.to_secret().expose_secret()).unwrap()
    }

    fn current() -> Value {
        json!({
            "engine": "postgres",
            "host": "db7.acme.example", "dbname": "d", "username": "u_4c1f", "password": "s3cret",
            "owner": "acme_0042", "previous_username": "acme_0042",
            "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/db7-AbCdEf",
            "heroku": {
                "api": "v3", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
                "oauth": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/oauth/0123-AbCdEf",
                "config": { "ACME_URL": "postgres://{{ username }}:{{ password }}@{{ host }}/{{ dbname }}" },
            },
            "note": "a field that no engine knows",
        })
    }

    /// Without what the file need not hold.
    fn file() -> Value {
        let mut file = current();
        for name in ["username", "password", "owner", "previous_username", "note"] {
            file.as_object_mut().unwrap().remove(name);
        }
        file["heroku"].as_object_mut().unwrap().remove("oauth");
        file
    }

    #[test]
    fn what_the_file_leaves_out_of_the_login_is_kept_and_nothing_else() {
        let document = Document::parse(&text(&current())).unwrap();
        let mut file = file();
        file["host"] = "db8.acme.example".into();
        let changed = document.changed(&text(&file)).unwrap();
        assert_eq!(document.differences(&changed), ["host", "note"]);
        let mut expected = current();
        expected["host"] = "db8.acme.example".into();
        expected.as_object_mut().unwrap().remove("note");
        assert_eq!(value(&changed), expected);
    }

    #[test]
    fn another_login_is_refused_with_all_that_is_wrong_and_without_a_value() {
        let document = Document::parse(&text(&current())).unwrap();
        let mut file = file();
        file["password"] = "an0ther".into();
        file["settings_from"] = "login".into();
        file["host"] = "".into();
        file["heroku"]["addon_id"] = "another".into();
        let error = document.changed(&text(&file)).unwrap_err();
        let paths: Vec<_> = error
            .problems
            .iter()
            .map(|it| it.split(' ').next())
            .collect();
        assert_eq!(
            paths,
            ["heroku.addon_id", "password", "settings_from", "host"].map(Some)
        );
        assert!(!error.to_string().contains("an0ther"), "{error}");
        file["engine"] = "mysql".into();
        let error = document.changed(&text(&file)).unwrap_err();
        assert!(error.problems[0].starts_with("engine "), "{error}");
    }

    #[test]
    fn a_login_goes_along_to_a_service_of_the_same_kind_whatever_its_name() {
        let parse = |value: &Value| Document::parse(&text(value)).unwrap();
        let of = |engine: &str| {
            let mut value = current();
            value["engine"] = engine.into();
            value["owner"].take();
            value["previous_username"].take();
            value
        };
        let kinds: [&[&str]; 3] = [
            &["aurora-mysql", "mariadb", "mysql"],
            &["aurora-postgresql", "postgres"],
            &["redis", "valkey"],
        ];
        let engines = kinds.concat();
        for (one, other) in engines
            .iter()
            .flat_map(|one| engines.iter().map(move |it| (one, it)))
        {
            let mut moved = of(one);
            moved["host"] = "db8.acme.example".into();
            moved["username"] = "u_5d20".into();
            let login = parse(&moved).with_login_of(&parse(&of(other))).unwrap();
            let is_same = kinds
                .iter()
                .any(|kind| kind.contains(one) && kind.contains(other));
            assert_eq!(login.is_some(), is_same, "{one} {other}");
            if let Some(login) = login {
                let fields = ["engine", "host", "username"].map(|it| login.fields.text(it));
                assert_eq!(
                    fields,
                    [Some(*one), Some("db8.acme.example"), Some("u_4c1f")]
                );
            }
        }
    }

    #[test]
    fn a_login_goes_along_although_its_fields_were_renamed_since() {
        let text = |url: &str, field: &str, key: &str| {
            SecretString::from(
                json!({
                    "engine": "http", "url": url, "credential_id": format!("id-of-{key}"),
                    "authorization": format!("Bearer {{{{ {field} }}}}"),
                    "generate": { field: { "length": 40 } }, field: key,
                    "masterarn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/db7-AbCdEf",
                    "heroku": {
                        "api": "v1", "addon_id": "01234567-89ab-cdef-0123-456789abcdef",
                        "config": { "ACME_KEY": format!("{{{{ {field} }}}}") },
                    },
                })
                .to_string(),
            )
        };
        let old = Document::parse(&text("https://old.acme.example/", "api_key", "old")).unwrap();
        for field in ["api_key", "token"] {
            let new = text("https://new.acme.example/", field, "new");
            let new = Document::parse(&new).unwrap();
            let login = new.with_login_of(&old).unwrap().unwrap();
            assert!(login.is_where(&new) && !login.is_where(&old));
            assert_eq!(login.engine.credential(), "id-of-old");
            assert_eq!(login.fields.text("api_key"), Some("old"));
        }
    }

    #[test]
    fn the_id_of_a_change_is_told_from_any_other() {
        let id = id_of_change().unwrap();
        assert!(is_change(&id) && id.as_str().parse::<VersionId>().is_ok());
        assert_ne!(id_of_change().unwrap(), id);
        for other in [
            "ffffffff-ffff-4fff-bfff-ffffffffffff",
            "FFFFFFFF",
            "enrolled-f",
        ] {
            assert!(!other.starts_with(STORED));
        }
    }
}
