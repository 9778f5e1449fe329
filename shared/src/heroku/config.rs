//! The config vars that Heroku shows for an add-on instance, and what they tell of a credential.
//!
//! Heroku has been seen to show a config var under other names than the manifest's: without its prefix, in lower
//! case, under the attachment's name, or twice. So a var is found by its name and its forms, and whether a credential is
//! shown is asked of the credential, whatever the vars are called.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::HerokuError;
use crate::fields::ConfigVars;

/// A value may be escaped within what is escaped, as a URL in a URL's query.
const ESCAPED: usize = 3;

/// Of those that Heroku shows for an add-on instance.
impl ConfigVars {
    /// The names of the config vars that `rendered` has and that Heroku shows otherwise, not at all, or under
    /// several names.
    #[must_use]
    pub fn missing<'a>(&self, rendered: &'a ConfigVars) -> Vec<&'a str> {
        rendered
            .names()
            .filter(|name| self.shown(name) != rendered.get(name))
            .collect()
    }

    /// The names of the config vars that `rendered` has and for which Heroku shows none.
    #[must_use]
    pub fn unknown<'a>(&self, rendered: &'a ConfigVars) -> Vec<&'a str> {
        rendered
            .names()
            .filter(|name| matches!(self.find(name), Found::None))
            .collect()
    }

    /// The names of the config vars that `rendered` is to be without and that Heroku shows, in any form.
    pub(super) fn to_remove<'a>(&self, rendered: &'a ConfigVars) -> Vec<&'a str> {
        let vars = self.vars.iter();
        let others = vars.filter(|(name, _)| rendered.get(name).is_none());
        let others: ConfigVars = others
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let removed = rendered.removed().iter().map(String::as_str);
        removed
            .filter(|name| !matches!(others.find(name), Found::None))
            .collect()
    }

    /// The config vars whose values are none of `rendered`'s, in any spelling.
    #[must_use]
    pub fn besides(&self, rendered: &ConfigVars) -> ConfigVars {
        let written: Vec<_> = rendered
            .iter()
            .map(|(_, value)| unquoted(value.expose_secret()))
            .collect();
        let is_written = |value: &SecretString| {
            let looks = Looks::of(value.expose_secret());
            looks.0.iter().any(|it| written.contains(&unquoted(it)))
        };
        let vars = self.vars.iter().filter(|(_, value)| !is_written(value));
        vars.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Refuses to guess.
    ///
    /// # Errors
    /// If a var of `rendered` could be any of several that Heroku shows.
    pub(super) fn unambiguous(
        &self,
        addon: &str,
        rendered: &ConfigVars,
    ) -> Result<(), HerokuError> {
        for var in rendered.names() {
            if let Found::Several(names) = self.find(var) {
                return Err(HerokuError::Ambiguous {
                    addon: addon.to_owned(),
                    var: var.to_owned(),
                    shown: names.join(", "),
                });
            }
        }
        Ok(())
    }

    /// Whether a var has `rendered`'s value already in another spelling: without the blanks at its ends, quoted or
    /// escaped, say. To write it again would restart the dynos again and change nothing. Another template with the
    /// same credential is another value.
    pub(super) fn is_altered(&self, name: &str, rendered: &ConfigVars) -> bool {
        let (Some(shown), Some(written)) = (self.shown(name), rendered.get(name)) else {
            return false;
        };
        let (shown, written) = (Looks::of(shown), Looks::of(written));
        let mut spellings = shown.0.iter().map(|it| unquoted(it));
        spellings.any(|it| written.0.iter().any(|own| unquoted(own) == it))
    }

    /// The names under which Heroku shows a credential: whole, within a longer text, or escaped.
    #[must_use]
    pub fn showing(&self, credential: &ConfigVars) -> Vec<&str> {
        self.showing_any(&needles(credential.secrets()), credential)
    }

    /// The names under which Heroku shows what is secret of one credential and of another.
    #[must_use]
    pub fn showing_both(&self, one: &ConfigVars, another: &ConfigVars) -> Vec<&str> {
        let (mut both, another) = (needles(one.secrets()), needles(another.secrets()));
        both.retain(|secret| another.contains(secret));
        self.showing_any(&both, &ConfigVars::default())
    }

    /// The names under which Heroku shows `old` and not what `current` has as well: as long as there is one, dynos
    /// may be started with the old credential.
    #[must_use]
    pub fn still_showing(&self, old: &ConfigVars, current: &ConfigVars) -> Vec<&str> {
        let kept = needles(current.secrets());
        let mut gone = needles(old.secrets());
        gone.retain(|secret| !kept.contains(secret));
        let is_current = |name: &&str| {
            let shown = self.vars.get(*name).map(ExposeSecret::expose_secret);
            let mut values = current.iter().map(|(_, value)| value.expose_secret());
            values.any(|value| Some(value) == shown)
        };
        let mut names = self.showing_any(&gone, old);
        names.retain(|name| !is_current(name));
        names
    }

    fn showing_any(&self, secrets: &[Zeroizing<String>], rendered: &ConfigVars) -> Vec<&str> {
        let is_shown = |shown: &SecretString| {
            let shown = shown.expose_secret();
            let looks = Looks::of(shown);
            secrets.iter().any(|secret| looks.show(secret))
                || rendered
                    .iter()
                    .any(|(_, value)| value.expose_secret() == shown)
        };
        self.vars
            .iter()
            .filter(|(_, shown)| is_shown(shown))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// What a var of the manifest shows.
    fn shown(&self, name: &str) -> Option<&str> {
        match self.find(name) {
            Found::One(value) => Some(value),
            Found::None | Found::Several(_) => None,
        }
    }

    /// The var of this name; else the one that has it without regard to case; else the one that has it when a prefix
    /// is taken off either; else the one of an attachment, which has its prefix, a name of its own and the rest.
    fn find(&self, name: &str) -> Found<'_> {
        if let Some(value) = self.vars.get(name) {
            return Found::One(value.expose_secret());
        }
        let name = name.to_ascii_uppercase();
        let (prefix, rest) = name.split_once('_').unwrap_or(("", &name));
        let is_after_prefix = |long: &str, short: &str| {
            long.strip_suffix(short)
                .is_some_and(|before| before.len() > 1 && before.ends_with('_'))
        };
        let forms: [&dyn Fn(&str) -> bool; 3] = [
            &|shown| shown == name,
            &|shown| is_after_prefix(&name, shown) || is_after_prefix(shown, &name),
            &|shown| {
                !prefix.is_empty()
                    && shown.starts_with(&format!("{prefix}_"))
                    && is_after_prefix(shown, rest)
            },
        ];
        for form in forms {
            let found = self
                .vars
                .iter()
                .filter(|(shown, _)| form(&shown.to_ascii_uppercase()));
            let found: Vec<_> = found.collect();
            let values: BTreeSet<_> = found.iter().map(|(_, it)| it.expose_secret()).collect();
            match (values.first(), values.len()) {
                (None, _) => {}
                (Some(value), 1) => return Found::One(value),
                _ => return Found::Several(found.into_iter().map(|(it, _)| it.as_str()).collect()),
            }
        }
        Found::None
    }
}

/// What is found for a var's name.
enum Found<'a> {
    One(&'a str),
    /// Under these names, with different values.
    Several(Vec<&'a str>),
    None,
}

/// A text with what it may be when what escapes it is taken off.
struct Looks(Vec<Zeroizing<String>>);

impl Looks {
    fn of(shown: &str) -> Self {
        let mut looks = vec![Zeroizing::new(shown.to_owned())];
        for _ in 0..ESCAPED {
            let Some(last) = looks.last().filter(|it| it.contains(['%', '+'])) else {
                break;
            };
            let plain = percent_decode_str(last).decode_utf8_lossy().into_owned();
            let form = last.replace('+', " ");
            let form = percent_decode_str(&form).decode_utf8_lossy().into_owned();
            looks.extend([form, plain].map(Zeroizing::new));
        }
        let bare = looks
            .iter()
            .map(|it| without_escapes(it))
            .collect::<Vec<_>>();
        looks.extend(bare);
        Self(looks)
    }

    fn show(&self, secret: &str) -> bool {
        let bare = without_escapes(secret);
        let mut looks = self.0.iter();
        looks.any(|look| look.contains(secret) || look.contains(bare.as_str()))
    }
}

/// JSON, connection strings and shells escape by a backslash.
fn without_escapes(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('\\', ""))
}

/// Without blanks and quotes.
fn unquoted(text: &str) -> Zeroizing<String> {
    let kept = |c: &char| !c.is_whitespace() && !['"', '\''].contains(c);
    Zeroizing::new(text.chars().filter(kept).collect())
}

/// A shorter text may stand anywhere by chance: it is looked for as the whole value of a var alone, rendered.
const SHORTEST: usize = 8;

fn needles(secrets: &[SecretString]) -> Vec<Zeroizing<String>> {
    let texts = secrets.iter().map(ExposeSecret::expose_secret);
    texts
        .filter(|text| text.len() >= SHORTEST)
        .map(|text| Zeroizing::new(text.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> ConfigVars {
        let vars = vars.iter();
        vars.map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect()
    }

    fn rendered(vars: &[(&str, &str)], secret: &str) -> ConfigVars {
        let vars = vars.iter();
        vars.map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect::<ConfigVars>()
            .with_secrets(vec![SecretString::from(secret)])
    }

    #[test]
    fn a_var_is_found_in_every_form_that_heroku_was_seen_to_show() {
        let written = rendered(&[("ACME_KEY", "k-12345678")], "k-12345678");
        for shown in [
            &[("ACME_KEY", "k-12345678"), ("KEY", "other")][..],
            &[("acme_key", "k-12345678")],
            &[("key", "k-12345678")],
            &[
                ("KEY", "k-12345678"),
                ("ACME_STAGING_GOLD_KEY", "k-12345678"),
            ],
            &[("ACME_STAGING_GOLD_KEY", "k-12345678")],
            &[("HEROKU_ACME_KEY", "k-12345678")],
        ] {
            let config = config(shown);
            assert_eq!(config.missing(&written), [""; 0], "{shown:?}");
            config.unambiguous("a", &written).unwrap();
        }
        for shown in [
            &[][..],
            &[("ACME_SECRET", "k-12345678")],
            &[("OTHER_SECRET_KEY", "k-12345678")],
            &[("Y", "k-12345678")],
        ] {
            assert_eq!(config(shown).missing(&written), ["ACME_KEY"], "{shown:?}");
        }
    }

    #[test]
    fn several_that_differ_are_an_error_that_lists_their_names() {
        let written = rendered(&[("ACME_KEY", "k-12345678")], "k-12345678");
        let shown = config(&[("key", "one-value"), ("Key", "another"), ("X", "x")]);
        let error = shown.unambiguous("addon-1", &written).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("Key, key") && error.contains("ACME_KEY"),
            "{error}"
        );
        assert!(!error.contains("another"), "{error}");
        assert_eq!(shown.missing(&written), ["ACME_KEY"]);
    }

    #[test]
    fn a_credential_is_found_whole_within_a_text_and_escaped() {
        let secret = r#"p@ss/w"rd\1"#;
        let old = rendered(&[("ACME_URL", "something else")], secret);
        for shown in [
            secret.to_owned(),
            format!("postgres://u:{secret}@h/d?sslmode=require"),
            "postgres://u:p%40ss%2Fw%22rd%5C1@h/d".to_owned(),
            "postgres://u:p%40ss%2fw%22rd%5c1@h/d".to_owned(),
            "https://x/?dsn=postgres%3A%2F%2Fu%3Ap%2540ss%252Fw%2522rd%255C1%40h".to_owned(),
            serde_json::json!({ "password": secret }).to_string(),
        ] {
            let config = config(&[("RENAMED", &shown), ("Z", "z")]);
            assert_eq!(config.showing(&old), ["RENAMED"], "{shown}");
        }
        let form = rendered(&[], "two words");
        assert_eq!(config(&[("A", "x=two+words")]).showing(&form), ["A"]);
        assert_eq!(config(&[("A", "p@ss/w")]).showing(&old), [""; 0]);
    }

    #[test]
    fn a_short_credential_is_looked_for_as_a_whole_value() {
        let old = rendered(&[("ACME_KEY", "abc")], "abc");
        assert_eq!(
            config(&[("OTHER", "abc"), ("B", "xabcx")]).showing(&old),
            ["OTHER"]
        );
    }

    #[test]
    fn what_the_current_version_shows_as_well_is_not_the_old_ones() {
        let old = rendered(&[("HOST", "h"), ("KEY", "old-12345678")], "old-12345678");
        let new = rendered(&[("HOST", "h"), ("KEY", "new-12345678")], "new-12345678");
        let shown = config(&[("HOST", "h"), ("KEY", "new-12345678")]);
        assert_eq!(shown.still_showing(&old, &new), [""; 0]);
        let shown = config(&[
            ("HOST", "h"),
            ("KEY", "new-12345678"),
            ("WAS", "a old-12345678"),
        ]);
        assert_eq!(shown.still_showing(&old, &new), ["WAS"]);
    }

    #[test]
    fn what_heroku_has_stored_in_another_text_is_not_written_again() {
        let written = rendered(
            &[("URL", "x://k-12345678/ "), ("HOST", "h "), ("NEW", "n")],
            "k-12345678",
        );
        let shown = config(&[("URL", "x://k-12345678/"), ("HOST", "h")]);
        assert!(shown.is_altered("URL", &written) && shown.is_altered("HOST", &written));
        assert!(!shown.is_altered("NEW", &written));
        let escaped = config(&[("URL", "\"x%3A//k-12345678/\"")]);
        assert!(escaped.is_altered("URL", &written));
        let edited = config(&[("URL", "x://k-12345678/?edited"), ("HOST", "h.")]);
        assert!(!edited.is_altered("URL", &written) && !edited.is_altered("HOST", &written));
        let before = config(&[("URL", "x://before-12345/"), ("HOST", "other")]);
        assert!(!before.is_altered("URL", &written) && !before.is_altered("HOST", &written));
    }
}
