//! The contract, read from its file: which answers there are, and which form they have.

use std::collections::BTreeMap;

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

/// The file, as it was when this was built.
pub(crate) const FILE: &str = include_str!("../../credential-service.openapi.yaml");

/// What may be asked of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Registers it.
    Put,
    /// Says whether it is accepted.
    Get,
    /// Revokes it.
    Delete,
}

impl Operation {
    /// As the file spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Delete => "delete",
        }
    }

    /// As HTTP spells it.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Put => Method::PUT,
            Self::Get => Method::GET,
            Self::Delete => Method::DELETE,
        }
    }

    /// Where the file has this operation's response.
    pub(crate) fn response(self, status: &str) -> String {
        format!(
            "paths./credentials/{{id}}.{}.responses.{status}",
            self.as_str()
        )
    }
}

/// The file could not be read; a fault of the build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("infra/credential-service.openapi.yaml is not as this command expects it: {0}")]
pub(crate) struct ContractError(String);

/// The documented responses.
pub(crate) struct Contract {
    /// By pointer, what the body must be; `None` if there must be none.
    responses: BTreeMap<String, Option<Validator>>,
}

impl Contract {
    /// Reads the file.
    pub(crate) fn read() -> Result<Self, ContractError> {
        let file: Value =
            serde_saphyr::from_str(FILE).map_err(|error| ContractError(error.to_string()))?;
        let mut responses = BTreeMap::new();
        for operation in [Operation::Put, Operation::Get, Operation::Delete] {
            let documented = &file["paths"]["/credentials/{id}"][operation.as_str()]["responses"];
            for (status, response) in documented.as_object().into_iter().flatten() {
                let validator = validator(&file, response)?;
                responses.insert(operation.response(status), validator);
            }
        }
        Ok(Self { responses })
    }

    /// Where the file has the answer: under its status, or under `default`.
    pub(crate) fn pointer(&self, operation: Operation, status: u16) -> String {
        let pointer = operation.response(&status.to_string());
        if self.responses.contains_key(&pointer) {
            pointer
        } else {
            operation.response("default")
        }
    }

    /// What is wrong with the form of a documented answer. `default` has none that is judged: a
    /// proxy in front of the service may have given it.
    pub(crate) fn misfit(
        &self,
        operation: Operation,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Option<&'static str> {
        let expected = self
            .responses
            .get(&operation.response(&status.to_string()))?;
        let Some(validator) = expected else {
            return (!body.is_empty()).then_some("has a body, and must have none");
        };
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Some("has a body that is not JSON");
        };
        if !validator.is_valid(&value) {
            // The validator's own words would repeat the body's.
            return Some("has a body that does not fit its schema");
        }
        let media_type = content_type.and_then(|it| it.split(';').next());
        media_type
            .is_none_or(|it| !it.trim().eq_ignore_ascii_case("application/json"))
            .then_some("does not say Content-Type: application/json")
    }

    /// Every documented response, by pointer.
    #[cfg(test)]
    pub(crate) fn responses(&self) -> impl Iterator<Item = &str> {
        self.responses.keys().map(String::as_str)
    }
}

fn validator(file: &Value, response: &Value) -> Result<Option<Validator>, ContractError> {
    let unusable = |what: &str| ContractError(what.to_owned());
    let response = match response["$ref"].as_str() {
        Some(reference) => reference
            .strip_prefix('#')
            .and_then(|pointer| file.pointer(pointer))
            .ok_or_else(|| unusable(reference))?,
        None => response,
    };
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        return Ok(None);
    }
    let schema = json!({ "allOf": [schema], "components": file["components"] });
    jsonschema::validator_for(&schema)
        .map(Some)
        .map_err(|error| unusable(&error.to_string()))
}
