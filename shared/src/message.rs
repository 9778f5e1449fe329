//! How a failure is worded, in three parts: what failed, on which resource, with the other side's words; `→` and
//! what to do; whether a retry helps. Each part is a sentence of its own, several problems are numbered.

use std::fmt::Display;

use crate::deadline::Transient;

/// An error with its third part: whether a retry helps.
#[must_use]
pub fn with_retry(error: &(impl Display + Transient)) -> String {
    format!("{error} {}", retry(error.is_transient()))
}

/// The third part.
pub(crate) fn retry(helps: bool) -> &'static str {
    if helps {
        "A retry can help."
    } else {
        "A retry does not help."
    }
}

/// What is wrong, each a sentence; numbered if there are several.
#[must_use]
pub fn numbered(problems: &[String]) -> String {
    match problems {
        [problem] => sentence(problem),
        problems => (1..)
            .zip(problems)
            .map(|(number, problem)| format!("{number}. {}", sentence(problem)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A text with one full stop at its end.
#[must_use]
pub fn sentence(text: &str) -> String {
    let bare = bare(text);
    if bare.ends_with(['?', '!']) {
        bare.to_owned()
    } else {
        format!("{bare}.")
    }
}

/// A text without a full stop at its end: the other side's words, to stand within a sentence.
pub(crate) fn bare(text: &str) -> &str {
    text.trim_end_matches(|it: char| it == '.' || it.is_whitespace())
}

/// The second part, with the blank before it; nothing if there is nothing to do.
pub(crate) fn remedy(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(" → {}", sentence(text))
    }
}

#[cfg(test)]
mod snapshots;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_is_a_sentence_and_several_are_numbered() {
        let problems = ["port is missing", "host must be a name."].map(ToOwned::to_owned);
        assert_eq!(numbered(&problems[..1]), "port is missing.");
        assert_eq!(
            numbered(&problems),
            "1. port is missing. 2. host must be a name."
        );
    }

    #[test]
    fn nothing_to_do_is_no_part() {
        assert_eq!(remedy("Wait"), " → Wait.");
        assert_eq!(remedy(""), "");
    }
}
