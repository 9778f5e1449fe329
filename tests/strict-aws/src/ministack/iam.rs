//! IAM: who signs with a key, and what a role may do.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use http::{Request, Response};
use serde_json::Value;

use super::client::{ACCOUNT_ID, Client, json_body};
use super::error::code;
use super::xml;

/// Condition keys and their values, as in `("aws:SourceAccount", "000000000000")`; several of a key that has several.
pub type Context<'a> = &'a [(&'a str, &'a str)];

/// Who signs a request, by the ARN that STS's `GetCallerIdentity` has of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(pub String);

impl Principal {
    /// The account's root user, who may do everything.
    pub(crate) fn is_root(&self) -> bool {
        self.0.ends_with(":root")
    }

    /// Whose policies hold: a session's are its role's.
    pub(crate) fn policies_of(&self) -> String {
        let role = self.0.split_once(":assumed-role/");
        match role.and_then(|(_, session)| session.split('/').next()) {
            Some(role) => format!("arn:aws:iam::{ACCOUNT_ID}:role/{role}"),
            None => self.0.clone(),
        }
    }
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

pub struct ExecutionCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

impl Client {
    /// The credentials that MiniStack gives a function under its role (`execution_credentials` in its
    /// `core/lambda_runtime.py`): what somebody could do who had taken the function over. They work once the function
    /// has run.
    pub async fn execution_credentials(&self, function_arn: &str) -> Result<ExecutionCredentials> {
        let role_arn = self.function_role(function_arn).await?;
        let role_arn = role_arn.with_context(|| format!("{function_arn} has no role"))?;
        let digest = sha256(&format!("{function_arn}:{role_arn}"));
        Ok(ExecutionCredentials {
            access_key_id: format!("ASIA{}", digest[..16].to_uppercase()),
            secret_access_key: sha256(&format!("secret:{digest}")),
            session_token: sha256(&format!("token:{digest}")),
        })
    }

    /// Who has signed a request that the gateway answers, or MiniStack's refusal: of such requests it checks the
    /// signature alone (`start.py`).
    pub async fn authenticate(
        &self,
        request: Request<Bytes>,
    ) -> Result<Result<Principal, Response<Bytes>>> {
        let answer = self.forward(request).await?;
        if !answer.status().is_success() {
            return Ok(Err(answer));
        }
        let body = json_body("the authentication", &answer)?;
        let arn = body["Arn"].as_str().context("nobody has signed")?;
        Ok(Ok(Principal(arn.to_owned())))
    }

    /// AWS's words for what IAM does not let somebody do, in a request with this context.
    pub(crate) async fn denial(
        &self,
        principal: &Principal,
        action: &str,
        resource: &str,
        context: Context<'_>,
    ) -> Result<Option<String>> {
        let source = principal.policies_of();
        let allowed = principal.is_root()
            || self
                .is_allowed_in(&source, action, resource, context)
                .await?;
        Ok((!allowed).then(|| {
            format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} because no \
                 identity-based policy allows the {action} action",
                principal.0
            )
        }))
    }

    /// Whether IAM lets the role do this to the resource, in a request without context.
    pub async fn is_allowed(
        &self,
        role_arn: &str,
        action: &str,
        resource_arn: &str,
    ) -> Result<bool> {
        self.is_allowed_in(role_arn, action, resource_arn, &[])
            .await
    }

    /// Like [`Self::is_allowed`] for a request with this context, which the role's policies may set
    /// conditions on (`iam:PassedToService`, say).
    pub async fn is_allowed_in(
        &self,
        role_arn: &str,
        action: &str,
        resource_arn: &str,
        context: Context<'_>,
    ) -> Result<bool> {
        let allowed = self
            .allowed_in(role_arn, &[action], resource_arn, context)
            .await?;
        Ok(!allowed.is_empty())
    }

    /// Which of the actions IAM lets the role do to the resource, in a request with this context.
    pub async fn allowed_in(
        &self,
        role_arn: &str,
        actions: &[&str],
        resource_arn: &str,
        context: Context<'_>,
    ) -> Result<Vec<String>> {
        let of_whom = [("PolicySourceArn".to_owned(), role_arn.to_owned())];
        self.simulate(
            "SimulatePrincipalPolicy",
            of_whom,
            actions,
            resource_arn,
            context,
        )
        .await
    }

    /// Which of the actions policies allow.
    pub async fn allowed_by(
        &self,
        policies: &[String],
        actions: &[&str],
        resource_arn: &str,
        context: Context<'_>,
    ) -> Result<Vec<String>> {
        let policies = numbered("PolicyInputList", policies.iter().cloned());
        self.simulate(
            "SimulateCustomPolicy",
            policies,
            actions,
            resource_arn,
            context,
        )
        .await
    }

    /// Whether a resource's policy lets a service do something to it, or a role's trust policy, of no resource.
    pub async fn lets_service(
        &self,
        (policy, resource): (&Value, Option<&str>),
        service: &str,
        action: &str,
        context: Context<'_>,
    ) -> Result<bool> {
        let policy = [
            ("ResourcePolicy".to_owned(), policy.to_string()),
            ("CallerArn".to_owned(), service.to_owned()),
        ];
        let allowed = self
            .simulate(
                "SimulateCustomPolicy",
                policy,
                &[action],
                resource.unwrap_or("*"),
                context,
            )
            .await?;
        Ok(!allowed.is_empty())
    }

    async fn simulate(
        &self,
        operation: &str,
        policies: impl IntoIterator<Item = (String, String)>,
        actions: &[&str],
        resource_arn: &str,
        context: Context<'_>,
    ) -> Result<Vec<String>> {
        let mut parameters: Vec<_> = policies.into_iter().collect();
        parameters.push(("ResourceArns.member.1".to_owned(), resource_arn.to_owned()));
        parameters.extend(numbered("ActionNames", actions.iter().copied()));
        let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
        for (key, value) in context {
            match entries.iter_mut().find(|(known, _)| known == key) {
                Some((_, values)) => values.push(value),
                None => entries.push((key, vec![value])),
            }
        }
        for (number, (key, values)) in (1..).zip(entries) {
            let entry = format!("ContextEntries.member.{number}");
            parameters.push((format!("{entry}.ContextKeyName"), key.to_owned()));
            parameters.extend(numbered(&format!("{entry}.ContextKeyValues"), values));
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let answer = self.iam(operation, &parameters).await?;
        Ok(xml::members(&answer, "EvaluationResults")
            .iter()
            .filter(|result| xml::text(result, "EvalDecision").as_deref() == Some("allowed"))
            .filter_map(|result| xml::text(result, "EvalActionName"))
            .collect())
    }

    /// Who may assume the role; `None` if there is no such role.
    pub async fn role_trust_policy(&self, role_arn: &str) -> Result<Option<Value>> {
        let Some(role) = role_name(role_arn) else {
            return Ok(None);
        };
        let answer = match self.iam("GetRole", &[("RoleName", role)]).await {
            Err(error) if code(&error) == Some("NoSuchEntity") => return Ok(None),
            answer => answer?,
        };
        document(&answer, "AssumeRolePolicyDocument").map(Some)
    }

    /// Calls an operation of IAM and gives its XML answer.
    pub(super) async fn iam(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<String> {
        self.query("iam", "2010-05-08", operation, parameters).await
    }
}

/// A list of IAM's query protocol.
fn numbered(
    list: &str,
    values: impl IntoIterator<Item = impl Into<String>>,
) -> Vec<(String, String)> {
    let values = (1..).zip(values);
    values
        .map(|(number, value)| (format!("{list}.member.{number}"), value.into()))
        .collect()
}

/// The name of a role, without the path in its ARN.
fn role_name(role_arn: &str) -> Option<&str> {
    let (_, path) = role_arn
        .strip_prefix("arn:aws:iam::")?
        .split_once(":role/")?;
    path.rsplit('/').next()
}

/// A policy document within an answer: percent-encoded, as IAM gives them, or plain.
fn document(answer: &str, element: &str) -> Result<Value> {
    let text = xml::text(answer, element).with_context(|| format!("no {element} in the answer"))?;
    let text = if text.trim_start().starts_with('{') {
        text
    } else {
        percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned()
    };
    serde_json::from_str(&text).with_context(|| format!("{element} is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_policies_of_its_role() {
        let of = |arn: &str| Principal(arn.to_owned()).policies_of();
        let session = "arn:aws:sts::000000000000:assumed-role/on-call/paula";
        assert_eq!(of(session), "arn:aws:iam::000000000000:role/on-call");
        let user = "arn:aws:iam::000000000000:user/paula";
        assert_eq!(of(user), user);
    }
}
