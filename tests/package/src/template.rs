//! The template that deploys the zips.

use anyhow::{Result, bail, ensure};

/// The template that builds from source, within the workspace.
pub(crate) const FILE: &str = "infra/template.yaml";

const KEY: &str = "CodeUri:";
const SOURCE: &str = "../functions/";

/// The template with each function's zip, next to it, in place of its source; all else, comments
/// included, stays as it is.
pub(crate) fn with_zips(template: &str, functions: &[String]) -> Result<String> {
    let mut found = Vec::new();
    let mut text = String::with_capacity(template.len());
    for (index, line) in template.split_inclusive('\n').enumerate() {
        let Some(rest) = line.trim_start().strip_prefix(KEY) else {
            text.push_str(line);
            continue;
        };
        let value = rest.split(" #").next().unwrap_or(rest).trim();
        let function = value.strip_prefix(SOURCE).unwrap_or_default();
        ensure!(
            functions.iter().any(|known| known == function),
            "{FILE}, line {}: `{KEY} {value}` is not `{KEY} {SOURCE}<a function of the workspace>`",
            index + 1
        );
        found.push(function);
        text.push_str(&line.replacen(value, &format!("./{function}.zip"), 1));
    }
    match functions.iter().find(|it| !found.contains(&it.as_str())) {
        Some(function) => bail!(
            "{FILE}: no resource has `{KEY} {SOURCE}{function}`: the function would not be deployed"
        ),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
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
        let error = rewritten.unwrap_err().to_string();
        assert!(error.contains("../functions/c`"), "{error}");
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
            let told = format!("line 9: `CodeUri: {value}`");
            assert!(error.to_string().contains(&told), "{error}");
        }
    }
}
