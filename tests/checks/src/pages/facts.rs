//! What the pages list is what the template and the code have.

use std::collections::BTreeSet;

use super::page::Page;
use crate::text::{self, table};

type Names = BTreeSet<String>;

const DEPLOY: &str = include_str!("../../../../infra/deploy.md");
const OPERATE: &str = include_str!("../../../../infra/operate.md");
pub(crate) const REFERENCE: &str = include_str!("../../../../infra/reference.md");
const TEMPLATE: &str = include_str!("../../../../infra/template.yaml");
const EVENTS: &str = include_str!("../../../../infra/rotation-events.schema.json");
const README: &str = include_str!("../../../../README.md");
const TELEMETRY: &str = include_str!("../../../../shared/src/telemetry.rs");

fn code(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect()
}

fn named(page: &str, head: &str) -> Names {
    table(page, head)
        .iter()
        .flat_map(|row| code(&row[0]))
        .collect()
}

/// The top level keys of one of the template's sections, each with its lines.
fn section(name: &str) -> Vec<(String, String)> {
    let begin = format!("\n{name}:\n");
    let text = TEMPLATE.split(&begin).nth(1).unwrap();
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
    {
        let key = line
            .strip_prefix("  ")
            .filter(|it| it.starts_with(|c: char| c.is_ascii_alphabetic()));
        if let Some(key) = key.and_then(|it| it.strip_suffix(':')) {
            entries.push((key.to_owned(), String::new()));
        } else if let Some((_, lines)) = entries.last_mut() {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    entries
}

fn keys(name: &str) -> Names {
    section(name).into_iter().map(|(key, _)| key).collect()
}

/// The values of all lines `key: value` in the template.
fn values(key: &str) -> Vec<String> {
    let begin = format!("{key}: ");
    let lines = TEMPLATE
        .lines()
        .filter_map(|line| line.trim().strip_prefix(begin.as_str()));
    lines.map(ToOwned::to_owned).collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    let pieces = text.split(begin).skip(1);
    pieces.filter_map(|piece| piece.split(end).next()).collect()
}

#[track_caller]
fn same(what: &str, page: &Names, truth: &Names) {
    let missing: Vec<_> = truth.difference(page).collect();
    let made_up: Vec<_> = page.difference(truth).collect();
    assert!(
        missing.is_empty() && made_up.is_empty(),
        "{what}: the page lacks {missing:?} and makes up {made_up:?}"
    );
}

#[test]
fn the_parameters_are_the_templates_with_their_defaults() {
    same(
        "parameters",
        &named(REFERENCE, "parameter"),
        &keys("Parameters"),
    );
    let parameters = section("Parameters");
    for row in table(REFERENCE, "parameter") {
        let name = &code(&row[0])[0];
        let (_, lines) = parameters.iter().find(|(key, _)| key == name).unwrap();
        let default = lines
            .lines()
            .find_map(|line| line.trim().strip_prefix("Default: "));
        let expected = match default.map(|it| it.trim_matches('"')) {
            None => "required".to_owned(),
            Some("") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        assert_eq!(row[1], expected, "{name}");
    }
    let decisions = named(DEPLOY, "parameter");
    let parameters = keys("Parameters");
    let unknown: Vec<_> = decisions.difference(&parameters).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_outputs_are_the_templates() {
    same("outputs", &named(REFERENCE, "output"), &keys("Outputs"));
}

fn functions() -> Names {
    let uris = values("CodeUri");
    let names = uris
        .iter()
        .filter_map(|it| it.strip_prefix("../functions/"));
    let functions: Names = names.map(ToOwned::to_owned).collect();
    assert!(functions.len() > 8, "{functions:?}");
    functions
}

#[test]
fn the_functions_are_the_templates() {
    same("functions", &named(REFERENCE, "function"), &functions());
}

/// What the template grants, and what the page calls it.
const RIGHTS: [(&str, &str); 10] = [
    ("- dynamodb:DeleteItem", "delete refresh tokens"),
    ("- events:PutEvents", "put events"),
    ("- scheduler:", "schedule"),
    ("- secretsmanager:CancelRotateSecret", "switch rotation off"),
    ("- secretsmanager:DeleteSecret", "delete"),
    ("- secretsmanager:GetSecretValue", "read"),
    ("- secretsmanager:TagResource", "tag"),
    ("- secretsmanager:UpdateSecretVersionStage", "`LIVE-`"),
    ("- sqs:", "dead-letter queue"),
    ("Sid: KeepTokens", "store a renewed token"),
];

#[test]
fn the_functions_rights_are_the_templates() {
    let resources = section("Resources");
    let mut may = String::new();
    for row in table(REFERENCE, "function") {
        let name = &code(&row[0])[0];
        let words = name.split('-').map(|it| it[..1].to_uppercase() + &it[1..]);
        let role = words.collect::<String>() + "Role";
        let (_, role) = resources.iter().find(|(key, _)| *key == role).unwrap();
        if row[2] != "the same" {
            may.clone_from(&row[2]);
        }
        for (right, words) in RIGHTS {
            assert_eq!(role.contains(right), may.contains(words), "{name}: {words}");
        }
    }
}

/// Those of a rotation, and the sweep. The others are said beside it.
#[test]
fn the_architectures_functions_are_the_templates() {
    let picture = between(README, "```mermaid\n", "```")[0];
    let boxes = between(picture, "[\"", "\"]");
    let names = boxes.iter().filter_map(|it| it.split(['<', ',']).next());
    let drawn: Names = names
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .map(ToOwned::to_owned)
        .collect();
    let mut truth = functions();
    for other in ["enroll-addon", "deprovision-addon", "start-rotation"] {
        assert!(truth.remove(other), "{other}");
    }
    same("functions in the picture", &drawn, &truth);
}

#[test]
fn the_events_on_the_bus_are_the_schemas() {
    let types = between(EVENTS, "\"detail-type\": {", "]")[0];
    let types = between(types, "\"", "\"");
    let types = types
        .into_iter()
        .filter(|it| it.contains("Credential"))
        .map(ToOwned::to_owned)
        .collect();
    same("events", &named(REFERENCE, "detail-type"), &types);
}

#[test]
fn the_metrics_are_the_codes() {
    let metrics: Names = between(TELEMETRY, "Self::", ",\n")
        .iter()
        .filter_map(|it| it.split_once(" => \""))
        .filter(|(variant, name)| name.strip_suffix('"') == Some(variant))
        .map(|(variant, _)| variant.to_owned())
        .collect();
    assert!(metrics.len() > 10, "{metrics:?}");
    same("metrics", &named(REFERENCE, "metric"), &metrics);
}

#[test]
fn every_alarm_is_on_the_page_and_no_other() {
    let alarms = values("AlarmName");
    let alarms: Names = alarms
        .iter()
        .filter_map(|it| it.strip_prefix("!Sub ${AWS::StackName}-"))
        .map(ToOwned::to_owned)
        .collect();
    assert!(alarms.len() > 5, "{alarms:?}");
    same("alarms", &named(OPERATE, "alarm"), &alarms);
}

/// Row by row, as the console draws it.
#[test]
fn the_dashboards_panels_are_the_templates() {
    let (_, dashboard) = section("Resources")
        .into_iter()
        .find(|(key, _)| key == "Dashboard")
        .unwrap();
    // What is in it of the template's is within its texts.
    let body = dashboard.split_once("DashboardBody: !Sub |").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let mut panels: Vec<_> = body["widgets"].as_array().unwrap().iter().collect();
    panels.sort_by_key(|panel| (panel["y"].as_u64(), panel["x"].as_u64()));
    let title =
        |panel: &&serde_json::Value| panel["properties"]["title"].as_str().unwrap().to_owned();
    let drawn: Vec<_> = panels.iter().map(title).collect();
    let rows = table(REFERENCE, "left");
    let shown: Vec<_> = rows
        .into_iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    assert_eq!(shown, drawn);
}

#[test]
fn the_deployers_rights_name_every_kind_of_resource() {
    let kinds = values("Type");
    let mut services: Names = kinds
        .iter()
        .filter_map(|kind| kind.strip_prefix("AWS::")?.split("::").next())
        .map(str::to_lowercase)
        .collect();
    // What SAM makes of it, and what `sam deploy`, subnets and the page's own secrets need.
    assert!(services.remove("serverless"));
    for other in ["cloudformation", "s3", "ec2", "secretsmanager"] {
        services.insert(other.to_owned());
    }
    let section = text::section(DEPLOY, "The deployer's rights");
    let policy = between(section, "```json\n", "```")[0];
    let shown = policy
        .split('"')
        .filter_map(|text| text.split_once(':'))
        .filter(|(service, action)| {
            service.starts_with(|it: char| it.is_ascii_lowercase()) && !action.contains(':')
        })
        .map(|(service, _)| service.to_owned())
        .collect();
    same("services", &shown, &services);
}

#[test]
fn tables_have_as_many_cells_in_each_row() {
    for page in super::pages() {
        no_ragged_table(&page);
    }
}

fn no_ragged_table(page: &Page) {
    let mut cells = None;
    for line in &page.lines {
        if line.kind != super::page::Kind::Table {
            cells = None;
            continue;
        }
        let here = line.text.replace("\\|", "").matches('|').count();
        assert_eq!(
            *cells.get_or_insert(here),
            here,
            "{}:{}",
            page.path,
            line.number
        );
    }
}
