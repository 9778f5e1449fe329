use super::*;

const TEMPLATE: &str = "\
Resources:
  # CodeUri: ../functions/gone
  A:
    Properties:
      CodeUri: ../functions/a   # built by cargo-lambda
      Environment: {Variables: {CODE: ../functions/a}}
  B:
    Properties:
      CodeUri: ../functions/b
";

fn functions(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn only_where_the_code_lies_changes() {
    let expected = TEMPLATE
        .replace("CodeUri: ../functions/a ", "CodeUri: ./a.zip ")
        .replace("CodeUri: ../functions/b", "CodeUri: ./b.zip");
    let rewritten = with_zips(TEMPLATE, &functions(&["a", "b"]));
    assert_eq!(rewritten.unwrap(), expected);
}

#[test]
fn a_function_that_no_resource_has_is_missing() {
    let rewritten = with_zips(TEMPLATE, &functions(&["a", "b", "c"]));
    let function = "c".to_owned();
    assert_eq!(rewritten.unwrap_err(), TemplateError::Missing { function });
}

#[test]
fn code_that_is_no_functions_is_refused_with_its_line() {
    for value in [
        "../functions/c",
        "../elsewhere/a",
        "\"../functions/a\"",
        "../functions/a/target",
        "{Bucket: b, Key: k}",
        "",
    ] {
        let template = TEMPLATE.replace("../functions/b", value);
        let error = with_zips(&template, &functions(&["a", "b"])).unwrap_err();
        let value = value.to_owned();
        assert_eq!(error, TemplateError::Code { line: 9, value });
    }
}
