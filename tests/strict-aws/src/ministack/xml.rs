//! The little that IAM's XML answers need.

/// The text of the first element of this name, unescaped.
pub(super) fn text(document: &str, element: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{element}>"))?;
    let (text, _) = rest.split_once(&format!("</{element}>"))?;
    Some(unescape(text))
}

/// The texts of the members of a list: of each `<member>` in the first element of this name.
pub(super) fn members(document: &str, list: &str) -> Vec<String> {
    let Some((_, rest)) = document.split_once(&format!("<{list}>")) else {
        return Vec::new();
    };
    let list = rest
        .split_once(&format!("</{list}>"))
        .map_or(rest, |(list, _)| list);
    list.split("<member>")
        .skip(1)
        .filter_map(|member| member.split_once("</member>"))
        .map(|(member, _)| member.to_owned())
        .collect()
}

/// The text with XML's five named entities resolved.
pub(super) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&amp;", "&")
}
