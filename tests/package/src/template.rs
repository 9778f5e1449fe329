//! The template that deploys the zips.

/// The template that builds from source, within the workspace.
pub(crate) const FILE: &str = "infra/template.yaml";

const KEY: &str = "CodeUri:";
const SOURCE: &str = "../functions/";

/// Why the template cannot be made to deploy zips.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A resource's code is not where a function's is.
    #[error("line {line}: `{KEY} {value}` is not `{KEY} {SOURCE}<a function of the workspace>`")]
    Code {
        /// Its line, from 1.
        line: usize,
        /// Where it says the code is.
        value: String,
    },
    /// No resource has the function's code.
    #[error("no resource has `{KEY} {SOURCE}{function}`: the function would not be deployed")]
    Missing {
        /// The function.
        function: String,
    },
}

/// The template with each function's zip, next to it, in place of its source; all else, comments
/// included, stays as it is.
pub(crate) fn with_zips(template: &str, functions: &[String]) -> Result<String, TemplateError> {
    let mut found = Vec::new();
    let mut text = String::with_capacity(template.len());
    for (index, line) in template.split_inclusive('\n').enumerate() {
        let Some(rest) = line.trim_start().strip_prefix(KEY) else {
            text.push_str(line);
            continue;
        };
        let value = rest.split(" #").next().unwrap_or(rest).trim();
        let function = value.strip_prefix(SOURCE).unwrap_or_default();
        if !functions.iter().any(|known| known == function) {
            return Err(TemplateError::Code {
                line: index + 1,
                value: value.to_owned(),
            });
        }
        found.push(function);
        text.push_str(&line.replacen(value, &format!("./{function}.zip"), 1));
    }
    match functions.iter().find(|it| !found.contains(&it.as_str())) {
        Some(function) => Err(TemplateError::Missing {
            function: function.clone(),
        }),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests;
