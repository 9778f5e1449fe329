//! `infra/examples/`, and the documents on the pages: as the schema, the functions and the template want them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use addon_rotation::claims;
use addon_rotation::document::Document;
use addon_rotation::event::{EnrollRequest, Event as _};
use addon_rotation::fields::Fields;
use addon_rotation::heroku::Partner;
use serde_json::{Value, json};

use crate::support::version_id;

const EXAMPLES: [&str; 2] = ["v3-postgres", "v1-http"];
const TEMPLATE: &str = include_str!("../../../infra/template.yaml");

fn infra(file: &str) -> PathBuf {
    tools::workspace().join("infra").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(infra(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn fields(example: &str, file: &str) -> Fields {
    Fields::parse(&read(&format!("examples/{example}/{file}"))).unwrap()
}

#[track_caller]
fn fits_the_schema(document: &Value) {
    let schema = serde_json::from_str(&read("document.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(document)
        .map(|it| it.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[track_caller]
fn parsed(document: &Value) -> Document {
    fits_the_schema(document);
    let document = Document::parse(&document.to_string().into()).unwrap();
    document.render().unwrap();
    document.next(&version_id()).unwrap();
    document
}

#[test]
fn an_example_can_be_enrolled() {
    for example in EXAMPLES {
        let text = read(&format!("examples/{example}/enrolment.json"));
        let event: Value = serde_json::from_str(&text).unwrap();
        let enrolment =
            EnrollRequest::read(&event).unwrap_or_else(|error| panic!("{example}: {error}"));
        let EnrollRequest::Enroll(enrolment) = enrolment else {
            panic!("{example} enrols nothing");
        };
        assert_eq!(enrolment.grant.is_some(), example.starts_with("v3"));
        let document = parsed(&event["Document"]);
        let administrator = document.administrator.to_string();
        assert!(
            administrator.contains(":secret:addon/masters/"),
            "{administrator}"
        );

        claims::serves(&document, &fields(example, "administrator.json")).unwrap();
        Partner::new(fields(example, "partner.json"))
            .check(&document.heroku.api)
            .unwrap();
        for other in EXAMPLES.into_iter().filter(|it| *it != example) {
            let foreign = fields(other, "administrator.json");
            claims::serves(&document, &foreign).unwrap_err();
            Partner::new(fields(other, "partner.json"))
                .check(&document.heroku.api)
                .unwrap_err();
        }
    }
}

/// `key: value` of the template's parameters.
fn parameters() -> BTreeMap<String, BTreeMap<String, String>> {
    let text = TEMPLATE.split("\nParameters:\n").nth(1).unwrap();
    let mut parameters = BTreeMap::<String, BTreeMap<String, String>>::new();
    let mut name = String::new();
    for line in text
        .lines()
        .take_while(|line| line.starts_with("  ") || line.is_empty())
    {
        let Some((key, value)) = line.trim().split_once(':') else {
            continue;
        };
        if line.starts_with("    ") {
            let value = value.trim().trim_matches('"').to_owned();
            parameters
                .get_mut(&name)
                .unwrap()
                .insert(key.to_owned(), value);
        } else {
            key.clone_into(&mut name);
            parameters.insert(name.clone(), BTreeMap::new());
        }
    }
    parameters
}

#[test]
fn the_templates_parameters_take_an_examples_values() {
    let parameters = parameters();
    for example in EXAMPLES {
        let text = read(&format!("examples/{example}/parameters.txt"));
        let given: BTreeMap<&str, &str> = text
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .collect();
        for (name, rules) in &parameters {
            assert!(
                rules.contains_key("Default") || given.contains_key(name.as_str()),
                "{example} does not give {name}"
            );
        }
        for (name, value) in given {
            let rules = parameters
                .get(name)
                .unwrap_or_else(|| panic!("no parameter {name}"));
            let is_number = rules["Type"] == "Number";
            let number = |rule: &str| rules.get(rule).map(|it| it.parse::<f64>().unwrap());
            let value = if is_number {
                json!(value.parse::<f64>().unwrap())
            } else {
                json!(value)
            };
            let mut schema = json!({});
            for (keyword, limit) in [
                ("minimum", number("MinValue")),
                ("maximum", number("MaxValue")),
            ] {
                if let Some(limit) = limit {
                    schema[keyword] = json!(limit);
                }
            }
            if let Some(pattern) = rules.get("AllowedPattern") {
                schema["pattern"] = json!(pattern);
            }
            assert!(
                jsonschema::is_valid(&schema, &value),
                "{example}: {name}={value}: {schema}"
            );
        }
    }
}

/// The page's document, and what it makes of its table.
#[test]
fn the_documents_on_the_pages_are_usable() {
    let page = read("reference.md");
    let block = page
        .split("```json\n")
        .nth(1)
        .and_then(|it| it.split("```").next())
        .unwrap();
    parsed(&serde_json::from_str(block).unwrap());

    let page = read("enrol.md");
    let table = page
        .split("```csv\n")
        .nth(1)
        .and_then(|it| it.split("```").next())
        .unwrap();
    assert_eq!(
        table,
        read("examples/fleet.csv"),
        "the page shows another table"
    );
}

#[test]
#[ignore = "needs jq, as the page does: cargo xtask test"]
fn a_table_becomes_enrolments_as_the_page_shows() {
    let masters = tempfile::NamedTempFile::new().unwrap();
    let arn = |server: &str| {
        format!(
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:addon/masters/{server}-AbCdEf"
        )
    };
    let map = json!({ "db7.acme.example:5432": arn("db7"), "my2.acme.example:3306": arn("my2") });
    let page = read("enrol.md");
    let mut shown = page
        .split("```json\n")
        .skip(1)
        .filter_map(|it| it.split("```").next());
    assert_eq!(
        serde_json::from_str::<Value>(shown.next().unwrap()).unwrap(),
        map
    );
    std::fs::write(masters.path(), map.to_string()).unwrap();
    let made = |table: PathBuf| {
        let mut jq = Command::new("jq");
        jq.args(["--raw-input", "--slurp", "--compact-output", "--from-file"]);
        jq.arg(infra("examples/fleet.jq"))
            .args(["--slurpfile", "masters"]);
        jq.arg(masters.path())
            .arg(table)
            .output()
            .expect("jq is installed")
    };
    let output = made(infra("examples/fleet.csv"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(events.len(), 2);
    for event in &events {
        EnrollRequest::read(event).unwrap();
        parsed(&event["Document"]);
    }
    assert_eq!(
        serde_json::from_str::<Value>(shown.next().unwrap()).unwrap(),
        events[0]
    );

    // What cannot be is said, and nothing comes of it.
    for (table, told) in [
        (
            "addon_id,host,port\na,nowhere.example,1",
            "no administrator's secret for server nowhere.example:1",
        ),
        ("addon_id,host\na", "row a has 1 columns, not 2"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), table).unwrap();
        let output = made(file.path().to_owned());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(told), "{error}");
        assert!(output.stdout.is_empty());
    }
}
