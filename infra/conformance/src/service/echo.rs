//! Looks for secret values in answers.

use addon_rotation::net::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// A shorter text may stand in an answer by chance.
const SHORTEST: usize = 8;

/// Where an answer holds one of the secrets, as it is or encoded.
pub(super) fn place(secrets: &[SecretString], answer: &Answer) -> Option<&'static str> {
    let forms: Vec<Vec<u8>> = secrets.iter().flat_map(forms).collect();
    let holds = |text: &[u8]| {
        forms
            .iter()
            .any(|form| text.windows(form.len()).any(|window| window == form))
    };
    if answer.headers.values().any(|value| holds(value.as_bytes())) {
        Some("headers")
    } else if holds(&answer.body) {
        Some("body")
    } else {
        None
    }
}

fn forms(secret: &SecretString) -> Vec<Vec<u8>> {
    let text = secret.expose_secret();
    // Of a header, what comes after the scheme.
    let text = text.split_once(' ').map_or(text, |(_, rest)| rest);
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let json = serde_json::Value::from(text).to_string();
    let mut forms = vec![
        text.to_owned(),
        json.trim_matches('"').to_owned(),
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
        STANDARD.encode(text).trim_end_matches('=').to_owned(),
    ];
    forms.sort();
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}
