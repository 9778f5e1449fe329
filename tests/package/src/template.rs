//! The template that deploys the zips.

use anyhow::{Result, bail, ensure};

pub(crate) const FILE: &str = "infra/template.yaml";

/// The template with each function's zip, next to it, in place of its source; all else, comments
/// included, stays as it is.
pub(crate) fn with_zips(template: &str, functions: &[String]) -> Result<String> {
    let mut text = template.to_owned();
    for function in functions {
        let source = format!("CodeUri: ../functions/{function}\n");
        ensure!(
            text.matches(&source).count() == 1,
            "{FILE}: no resource, or more than one, has `{}`: the function would not be deployed",
            source.trim_end()
        );
        text = text.replace(&source, &format!("CodeUri: ./{function}.zip\n"));
    }
    let is_known = |value: &str| {
        let mut functions = functions.iter();
        functions.any(|it| value == format!(" ./{it}.zip"))
    };
    for (index, line) in text.lines().enumerate() {
        let value = line.trim_start().strip_prefix("CodeUri:");
        if value.is_some_and(|it| !is_known(it)) {
            let (number, line) = (index + 1, line.trim());
            bail!("{FILE}, line {number}: `{line}` is no function of the workspace");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Resources:
  # CodeUri: ../functions/gone
  A:
    Properties:
      CodeUri: ../functions/a
      Environment: {Variables: {CODE: ../functions/a}}
";

    #[test]
    fn only_where_the_code_lies_changes_and_what_is_no_functions_is_refused() {
        let functions =
            |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let expected = TEMPLATE.replace("CodeUri: ../functions/a\n", "CodeUri: ./a.zip\n");
        assert_eq!(with_zips(TEMPLATE, &functions(&["a"])).unwrap(), expected);
        for (value, names, told) in [
            (
                "../functions/a",
                &["a", "c"][..],
                "`CodeUri: ../functions/c`",
            ),
            ("../elsewhere/a", &[], "line 5: `CodeUri: ../elsewhere/a`"),
            ("../functions/a/target", &["a"], "`CodeUri: ../functions/a`"),
            ("{Bucket: b, Key: k}", &[], "line 5: `CodeUri: {Bucket"),
        ] {
            let template = TEMPLATE.replacen(
                "CodeUri: ../functions/a\n",
                &format!("CodeUri: {value}\n"),
                1,
            );
            let error = with_zips(&template, &functions(names)).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
