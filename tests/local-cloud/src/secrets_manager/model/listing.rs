//! `ListSecrets`.

use serde_json::{Value, json};

use super::Model;
use super::describe::{description, insert, labels_by_version};
use crate::secrets_manager::error::ServiceError;
use crate::secrets_manager::request::{Filter, ListSecrets, page_size};
use crate::secrets_manager::secret::Secret;

const MOST_FILTERS: usize = 10;

impl Model {
    pub(in crate::secrets_manager) fn list(
        &self,
        request: &ListSecrets,
    ) -> Result<Value, ServiceError> {
        let size = page_size(request.max_results)?;
        if request.filters.len() > MOST_FILTERS {
            return Err(ServiceError::invalid_parameter(
                "You can't use more than 10 filters.",
            ));
        }
        for filter in &request.filters {
            check(filter)?;
        }
        let mut found: Vec<&Secret> = self
            .secrets
            .values()
            .filter(|secret| request.include_planned_deletion || secret.deleted.is_none())
            .filter(|secret| request.filters.iter().all(|filter| matches(filter, secret)))
            .collect();
        found.sort_by_key(|secret| secret.created);
        match request.sort_order.as_deref() {
            None | Some("desc") => found.reverse(),
            Some("asc") => {}
            Some(_) => {
                return Err(ServiceError::validation(
                    "1 validation error detected: 'sortOrder' failed to satisfy constraint: \
                     Member must satisfy enum value set: [asc, desc]",
                ));
            }
        }
        let keys = |secret: &&Secret| secret.arn.clone();
        let (page, next) = page(&found, request.next_token.as_deref(), size, keys)?;
        let list: Vec<Value> = page
            .iter()
            .map(|secret| {
                let mut entry = description(secret);
                insert(
                    &mut entry,
                    "SecretVersionsToStages",
                    labels_by_version(secret),
                );
                Value::Object(entry)
            })
            .collect();
        let mut answer = json!({ "SecretList": list });
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    }
}

/// The page after the item that the token names, and the token of the next page.
fn page<'a, T>(
    items: &'a [T],
    token: Option<&str>,
    size: usize,
    key: impl Fn(&T) -> String,
) -> Result<(&'a [T], Option<String>), ServiceError> {
    let start = match token {
        None => 0,
        Some(token) => {
            let last = items.iter().position(|item| key(item) == token);
            last.ok_or_else(ServiceError::invalid_next_token)? + 1
        }
    };
    let end = items.len().min(start + size);
    let page = items.get(start..end).unwrap_or_default();
    let next = (end < items.len()).then(|| page.last().map(&key)).flatten();
    Ok((page, next))
}

fn check(filter: &Filter) -> Result<(), ServiceError> {
    const KEYS: [&str; 7] = [
        "description",
        "name",
        "tag-key",
        "tag-value",
        "primary-region",
        "owning-service",
        "all",
    ];
    if !KEYS.contains(&filter.key.as_str()) {
        return Err(ServiceError::validation(format!(
            "1 validation error detected: Value '{}' at 'filters.key' failed to satisfy \
             constraint: Member must satisfy enum value set: [{}]",
            filter.key,
            KEYS.join(", ")
        )));
    }
    if filter.values.is_empty() || filter.values.len() > MOST_FILTERS {
        return Err(ServiceError::invalid_parameter(format!(
            "Invalid filter values for key: {}",
            filter.key
        )));
    }
    Ok(())
}

/// Whether any of the filter's values is found in the secret. A value that begins with an
/// exclamation mark is met where the rest of it is not found.
fn matches(filter: &Filter, secret: &Secret) -> bool {
    filter
        .values
        .iter()
        .any(|value| match value.strip_prefix('!') {
            Some(value) => !has(&filter.key, value, secret),
            None => has(&filter.key, value, secret),
        })
}

fn has(key: &str, value: &str, secret: &Secret) -> bool {
    let description = secret.description.as_deref().unwrap_or_default();
    match key {
        "name" => secret.name.starts_with(value),
        "description" => description
            .to_lowercase()
            .starts_with(&value.to_lowercase()),
        "tag-key" => secret.tags.iter().any(|tag| tag.key.starts_with(value)),
        "tag-value" => secret.tags.iter().any(|tag| tag.value.starts_with(value)),
        "all" => {
            let mut text = format!("{} {description}", secret.name);
            for tag in &secret.tags {
                text = format!("{text} {} {}", tag.key, tag.value);
            }
            let text = text.to_lowercase();
            value
                .to_lowercase()
                .split_whitespace()
                .any(|word| text.contains(word))
        }
        // No secret here is a replica or owned by another service.
        _ => false,
    }
}
