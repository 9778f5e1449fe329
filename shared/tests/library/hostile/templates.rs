//! Templates that mean harm: each is bounded in time and size, and so are all of a document together.

use addon_rotation::document::Document;
use proptest::collection::vec;
use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;

use super::documents::http;
use super::{CANARY, assert_without_values, at_once, cases, odd_text};

/// The document's error, with this template beside the right one.
fn refused(template: &str) -> String {
    refused_all(&[template])
}

fn refused_all(templates: &[&str]) -> String {
    let mut document = http();
    document["list"] = json!([1, 2, 3]);
    document["text"] = "x".repeat(1000).into();
    for (number, template) in templates.iter().enumerate() {
        document["heroku"]["config"][format!("B{number}")] = (*template).into();
    }
    let text = SecretString::from(document.to_string());
    let error = at_once(move || Document::parse(&text).map(drop)).expect_err(templates[0]);
    assert_without_values(&error);
    error.to_string()
}

#[test]
fn bombs_do_not_go_off() {
    let doubled = format!(
        "{{% set a = text %}}{}{{{{ a }}}}",
        "{% set a = a ~ a %}".repeat(60)
    );
    let nested = format!(
        "{}{{{{ text }}}}{}",
        "{% for a in list %}".repeat(40),
        "{% endfor %}".repeat(40)
    );
    let captured = format!(
        "{{% set a %}}{{{{ text }}}}{{% endset %}}{}{{{{ a }}}}",
        "{% set a %}{{ a }}{{ a }}{% endset %}".repeat(60)
    );
    let lists = format!(
        "{{% set a = [1] %}}{}{{% if a == 1 or 2 in a %}}x{{% endif %}}x",
        "{% set a = a + a %}".repeat(60)
    );
    let shared = format!(
        "{{% set a = [1] %}}{{% set b = [1] %}}{}{{{{ a == b }}}}",
        "{% set a = [a, a] %}{% set b = [b, b] %}".repeat(60)
    );
    let looped = |open: &str, within: &str| {
        let loops: String = (0..12)
            .map(|level| {
                open.replace("NEW", &format!("a{}", level + 1))
                    .replace("OLD", &format!("a{level}"))
            })
            .collect();
        let first = open.replace("NEW", "a0").replace("OLD", "text");
        format!("{first}{loops}{within}{}", "{% endfor %}".repeat(13))
    };
    let joined = looped("{% for NEW in [OLD ~ OLD] %}", "{{ a12 }}");
    let paired = looped("{% for NEW in [[OLD, OLD]] %}", "{{ a12 == a11 }}");
    let escaped = format!("{{{{ '%' {} }}}}", "| urlencode ".repeat(4000));
    for bomb in [
        "{{ text * 1000000 }}",
        "{{ list * 1000000000 }}",
        "{% for a in list * 1000000000 %}{% endfor %}x",
        "{% for a in text * 99 %}{% for b in text * 99 %}{% endfor %}{% endfor %}x",
        "{% if 7 in list * 1000000000 %}x{% endif %}",
        "{% if list * 1000000000 == list * 1000000000 %}x{% endif %}",
        "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f(text) }}",
        "{% for a in list recursive %}{{ loop(list) }}{% endfor %}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        &doubled,
        &nested,
        &captured,
        &lists,
        &shared,
        &escaped,
        &joined,
        &paired,
    ] {
        let error = refused(bomb);
        assert!(error.contains("heroku.config.B0 "), "{bomb}: {error}");
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    for (open, middle, close) in [
        ("(", "text", ")"),
        ("[", "text", "]"),
        ("not ", "text", ""),
        ("-", "1", ""),
        ("text if ", "text", ""),
        ("text ~ ", "text", ""),
        ("text == ", "text", ""),
        ("text | urlencode | ", "urlencode", ""),
        ("text.", "text", ""),
        ("text[", "text", "]"),
    ] {
        let depth = 50_000 / (open.len() + close.len());
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        refused(&format!("{{{{ {open}{middle}{close} }}}}"));
        refused(&format!("{{{{ {open}"));
    }
    for tag in [
        "for a in list",
        "if text",
        "set a",
        "macro f()",
        "with a = 1",
    ] {
        refused(&format!("{{% {tag} %}}").repeat(2000));
    }
}

#[test]
fn a_documents_templates_share_their_fuel() {
    // Each makes 200 kB and shows a character of it.
    let large = format!("{{{{ (text {})[:1] }}}}", "~ text ".repeat(20));
    let shown = move |count: usize| {
        let mut document = http();
        document["text"] = "x".repeat(1000).into();
        for number in 0..count {
            document["heroku"]["config"][format!("B{number}")] = large.as_str().into();
        }
        Document::parse(&SecretString::from(document.to_string())).map(drop)
    };
    shown(1).unwrap();
    let error = at_once(move || shown(200)).unwrap_err().to_string();
    assert!(error.contains("takes too long to render"), "{error}");
    assert!(error.len() < 100_000, "{}", error.len());
}

#[test]
fn a_value_between_the_braces_is_not_shown_as_an_unknown_field() {
    let error = refused(&format!("{{{{ {CANARY}api_key }}}}"));
    assert!(
        error.contains("B0 uses an unknown field: (a field's value)"),
        "{error}"
    );
    let error = refused(&format!("{{{{ apikey }}}}{{{{ '{CANARY}' | nothing }}}}"));
    assert!(error.contains("heroku.config.B0 "), "{error}");
}

/// Pieces of templates, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "{{", "}}", "{%", "%}", "{#", "#}", "for", " a ", " in ", "endfor", "if", "else", "endif",
            "set", "endset", "macro", "endmacro", "call", "raw", "endraw", "filter", "with", " ~ ",
            " * ", " + ", " ** ", " // ", "|", "urlencode", "(", ")", "[", "]", "{", "}", ",", ":", ".",
            "=", "==", "not ", "api_key", "text", "list", "loop", "loop.index", "recursive", "self",
            "'x'", "99999999", "-1", "0", "1.5e300", "none", "true", "is defined", "[::-1]",
        ]).prop_map(str::to_owned),
        1 => odd_text(),
        1 => ".{0,6}",
    ];
    vec(piece, 1..30).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_template_renders_or_is_refused(source in prop_oneof![
        pieces(),
        pieces().prop_map(|it| format!("{{{{ {it} }}}}")),
        pieces().prop_map(|it| format!("{{% for a in list %}}{it}{{% endfor %}}")),
    ]) {
        let mut document = http();
        document["list"] = json!([1, [2], { "three": "3" }]);
        document["text"] = "x".repeat(1000).into();
        document["heroku"]["config"]["B0"] = source.into();
        let text = SecretString::from(document.to_string());
        if let Err(error) = at_once(move || Document::parse(&text).map(drop)) {
            assert_without_values(&error);
        }
    }
}
