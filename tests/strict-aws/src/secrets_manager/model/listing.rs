//! `ListSecrets` and `ListSecretVersionIds`.

use serde_json::{Value, json};

use super::Model;
use super::describe::{description, insert, labels_by_version, named, seconds};
use crate::secrets_manager::error::ServiceError;
use crate::secrets_manager::request::{Filter, ListSecretVersionIds, ListSecrets, page_size};
use crate::secrets_manager::secret::{Secret, Version};

impl Model {
    pub(crate) fn list(&self, request: &ListSecrets) -> Result<Value, ServiceError> {
        let size = page_size(request.max_results)?;
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

    /// Versions without labels only if they are asked for. The order is not documented: oldest first here.
    pub(crate) fn list_version_ids(
        &self,
        request: &ListSecretVersionIds,
    ) -> Result<Value, ServiceError> {
        let size = page_size(request.max_results)?;
        let secret = self.find(&request.secret_id)?;
        let is_listed = |it: &&Version| request.include_deprecated || !it.labels.is_empty();
        let listed: Vec<&Version> = secret.versions.iter().filter(is_listed).collect();
        let keys = |version: &&Version| version.id.clone();
        let (page, next) = page(&listed, request.next_token.as_deref(), size, keys)?;
        let versions = page.iter().map(|version| {
            let mut entry = json!({
                "VersionId": version.id,
                "CreatedDate": seconds(version.created),
            });
            if !version.labels.is_empty() {
                entry["VersionStages"] = json!(version.labels);
            }
            entry
        });
        let mut answer = named(secret);
        answer["Versions"] = versions.collect();
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

/// Only the keys that the product and its pages filter by are played.
fn check(filter: &Filter) -> Result<(), ServiceError> {
    const KEYS: [&str; 3] = ["name", "tag-key", "tag-value"];
    if !KEYS.contains(&filter.key.as_str()) || filter.values.iter().any(|it| it.starts_with('!')) {
        return Err(ServiceError::validation(format!(
            "this stand-in of Secrets Manager does not play the filter {} {:?}",
            filter.key, filter.values
        )));
    }
    Ok(())
}

/// Whether any of the filter's values is what something in the secret begins with.
fn matches(filter: &Filter, secret: &Secret) -> bool {
    let has = |value: &String| match filter.key.as_str() {
        "name" => secret.name.starts_with(value),
        "tag-key" => secret.tags.iter().any(|tag| tag.key.starts_with(value)),
        _ => secret.tags.iter().any(|tag| tag.value.starts_with(value)),
    };
    filter.values.iter().any(has)
}
