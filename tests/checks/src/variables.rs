//! The environment variables that each function reads, against the page that lists them and the template that sets them.

use std::collections::{BTreeMap, BTreeSet};

use lambda_in_process::read_by_each;

use crate::pages::facts::REFERENCE;
use crate::text::table;

/// Read by all functions, and told in the text above the table.
const OF_ALL: &str = "AWS_";

/// What the template never sets, and the page says so.
const FOR_TESTS: [&str; 2] = ["ALLOW_PLAIN_TEXT_ON_LOOPBACK", "SOONEST_SCHEDULE_SECONDS"];

/// `a, b`, `all but a, b`, or `the same` as in the row before.
fn functions<'a>(
    cell: &'a str,
    all: &BTreeSet<&'a str>,
    before: &BTreeSet<&'a str>,
) -> BTreeSet<&'a str> {
    match cell.strip_prefix("all but ") {
        Some(others) => {
            let others: BTreeSet<_> = others.split(", ").collect();
            all.difference(&others).copied().collect()
        }
        None if cell == "the same" => before.clone(),
        None => cell.split(", ").collect(),
    }
}

#[test]
fn the_table_of_variables_says_which_functions_read_each() {
    let read = read_by_each();
    let all: BTreeSet<&str> = read.iter().map(|(function, ..)| *function).collect();
    assert_eq!(all.len(), 10);
    let mut by_code: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (function, variables, _) in &read {
        for variable in variables.iter().filter(|name| !name.starts_with(OF_ALL)) {
            by_code.entry(variable).or_default().insert(function);
        }
    }
    let rows = table(REFERENCE, "variable");
    let (mut by_page, mut before) = (BTreeMap::new(), BTreeSet::new());
    for row in &rows {
        before = functions(&row[1], &all, &before);
        for variable in row[0].split(", ") {
            by_page.insert(variable.trim_matches('`'), before.clone());
        }
    }
    for (variable, functions) in &by_code {
        assert_eq!(by_page.get(variable), Some(functions), "{variable}");
    }
    assert_eq!(by_page.len(), by_code.len(), "{by_page:?}");
}

#[test]
fn all_that_is_missing_is_told_at_once_and_numbered() {
    for (function, variables, error) in read_by_each() {
        let missing = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let own = variables.iter().map(String::as_str);
        let own = own.filter(|name| name.ends_with("_PREFIX") || name.ends_with("_ARN"));
        for name in missing
            .into_iter()
            .chain(own.filter(|name| !name.contains("KMS")))
        {
            assert!(
                error.contains(&format!("{name} is missing")),
                "{function}: {name}: {error}"
            );
        }
        assert!(error.contains("4. "), "{function}: {error}");
    }
}

#[test]
fn the_template_sets_what_its_functions_read_but_for_what_tests_need() {
    let template = tools::workspace().join("infra/template.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let (mut checked, mut by_code) = (0, BTreeSet::new());
    let mut by_template = BTreeSet::from(FOR_TESTS.map(ToOwned::to_owned));
    // In Globals, as telemetry reads it in every function.
    by_template.insert("STACK_NAME".to_owned());
    for (function, variables, _) in read_by_each() {
        let name = format!("FunctionName: !Sub ${{AWS::StackName}}-{function}\n");
        let resource = template
            .split(&name)
            .nth(1)
            .expect("the template's function");
        let set = resource.split("        Variables:\n").nth(1).unwrap();
        let set = set
            .lines()
            .map_while(|line| line.strip_prefix("          "));
        let set = set.filter(|line| !line.starts_with('#'));
        for variable in set.filter_map(|line| line.split(':').next()) {
            let is_read = variables.iter().any(|it| it == variable);
            assert!(
                is_read && !FOR_TESTS.contains(&variable),
                "{function}: {variable}"
            );
            by_template.insert(variable.to_owned());
            checked += 1;
        }
        by_code.extend(variables.into_iter().filter(|it| !it.starts_with(OF_ALL)));
    }
    assert!(checked > 40, "{checked}");
    assert_eq!(by_template, by_code);
}
