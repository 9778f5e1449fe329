//! How a failure is worded, in three parts: what failed, on which resource, with the other side's words; `→` and
//! what to do; whether a retry helps. Each part is a sentence of its own, several problems are numbered.

use std::borrow::Cow;
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

/// A failure that another caused: what failed, what is true besides, then what to do about the cause, and then about
/// this.
#[must_use]
pub fn because(cause: &str, besides: &str, then: &str) -> String {
    let cause = without_retry(cause);
    let gap = if besides.is_empty() { "" } else { " " };
    match cause.split_once(" → ") {
        Some((fact, remedy)) if !remedy.contains(" → ") => format!(
            "{}{gap}{besides} → 1. {} 2. {}",
            sentence(fact),
            sentence(remedy),
            sentence(then)
        ),
        _ => format!("{}{gap}{besides} → {}", sentence(cause), sentence(then)),
    }
}

/// Whether another function's error says that a retry helps.
pub(crate) fn helps(error: &str) -> bool {
    error.ends_with(retry(true))
}

/// An error of another function without its third part: whether a retry helps is then another's to say.
#[must_use]
pub fn without_retry(error: &str) -> &str {
    let bare = [true, false]
        .map(retry)
        .into_iter()
        .find_map(|it| error.strip_suffix(it));
    bare.unwrap_or(error).trim_end()
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

/// A text of somebody else's without what a terminal obeys.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|it| {
        if it.is_control() {
            it.escape_default().to_string()
        } else {
            it.to_string()
        }
    });
    Cow::Owned(escaped.collect())
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
    fn what_to_do_about_a_cause_comes_before_what_to_do_about_its_effect() {
        let cause = "It is closed. → Open it. A retry does not help.";
        assert_eq!(
            because(cause, "Nobody is in.", "Repeat it"),
            "It is closed. Nobody is in. → 1. Open it. 2. Repeat it."
        );
        assert_eq!(
            because("It is shut", "", "Repeat it"),
            "It is shut. → Repeat it."
        );
        let several = "1. It is shut. → Open it. 2. It is off. → Switch it on.";
        assert_eq!(
            because(several, "", "Repeat it"),
            format!("{several} → Repeat it.")
        );
    }

    #[test]
    fn nothing_to_do_is_no_part() {
        assert_eq!(remedy("Wait"), " → Wait.");
        assert_eq!(remedy(""), "");
    }
}
