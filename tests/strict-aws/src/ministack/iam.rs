//! IAM: who signs with a key, and what a role may do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::client::{Client, ROOT_ACCESS_KEY_ID};
use super::error::code;
use super::xml;

/// Condition keys and their values, as in `("aws:SourceAccount", "000000000000")`; several of a key that has several.
pub type Context<'a> = &'a [(&'a str, &'a str)];

/// Who signs a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The account's root user, who may do everything.
    Root,
    /// A function under its execution role, or somebody who has assumed one.
    Role {
        /// The role's ARN.
        role_arn: String,
        /// The session's name: the function's, or what was said when the role was assumed.
        session: String,
    },
    /// Somebody else.
    Unknown,
}

/// A role's ARN and a session's name.
pub(super) type Session = (String, String);

/// What is longer is no form, but an archive of a function, say.
const LONGEST_FORM: usize = 64 * 1024;

/// Whose session a request asks STS for, if it does.
pub(super) fn assumed_role(body: &[u8]) -> Option<Session> {
    if body.len() > LONGEST_FORM {
        return None;
    }
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(body);
        pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    };
    parameter("Action").filter(|it| it == "AssumeRole")?;
    Some((parameter("RoleArn")?, parameter("RoleSessionName")?))
}

/// The access keys of sessions as far as they are known, by key id.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    functions: Mutex<HashMap<String, Session>>,
    assumed: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn get(&self, access_key_id: &str) -> Option<Principal> {
        let find = |keys: &Mutex<HashMap<String, Session>>| {
            let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.get(access_key_id).cloned()
        };
        let (role_arn, session) = find(&self.assumed).or_else(|| find(&self.functions))?;
        Some(Principal::Role { role_arn, session })
    }

    fn replace_functions(&self, functions: Vec<(String, String)>) {
        let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        let keys = functions
            .into_iter()
            .map(|(function, role)| (access_key_id(&function, &role), (role, name(&function))))
            .collect();
        *self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = keys;
    }
}

/// The key that MiniStack gives a function under its role (`execution_credentials` in its
/// `core/lambda_runtime.py`).
fn access_key_id(function_arn: &str, role_arn: &str) -> String {
    let digest = sha256(&format!("{function_arn}:{role_arn}"));
    format!("ASIA{}", digest[..16].to_uppercase())
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The credentials under which a function runs.
pub struct ExecutionCredentials {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`
    pub session_token: String,
}

impl Client {
    /// The credentials that MiniStack gives a function under its role: what somebody could do who
    /// had taken the function over. They work once the function has run.
    pub async fn execution_credentials(&self, function_arn: &str) -> Result<ExecutionCredentials> {
        let functions = self.functions().await?;
        let role_arn = functions
            .iter()
            .find_map(|(function, role)| (function == function_arn).then_some(role.as_str()))
            .with_context(|| format!("there is no function {function_arn}"))?;
        let digest = sha256(&format!("{function_arn}:{role_arn}"));
        Ok(ExecutionCredentials {
            access_key_id: access_key_id(function_arn, role_arn),
            secret_access_key: sha256(&format!("secret:{digest}")),
            session_token: sha256(&format!("token:{digest}")),
        })
    }

    /// Who signs with this access key id.
    pub async fn principal(&self, access_key_id: &str) -> Result<Principal> {
        let account_id =
            access_key_id.len() == 12 && access_key_id.bytes().all(|byte| byte.is_ascii_digit());
        if access_key_id == ROOT_ACCESS_KEY_ID || access_key_id == "test" || account_id {
            return Ok(Principal::Root);
        }
        if let Some(principal) = self.sessions.get(access_key_id) {
            return Ok(principal);
        }
        self.sessions.replace_functions(self.functions().await?);
        Ok(self
            .sessions
            .get(access_key_id)
            .unwrap_or(Principal::Unknown))
    }

    /// Notes who has assumed a role, from STS's answer: the role's policies hold for them with the context that MiniStack
    /// does not know.
    pub(super) fn know_session(&self, answer: &str, session: Session) {
        if let Some(access_key_id) = xml::text(answer, "AccessKeyId") {
            let assumed = self.sessions.assumed.lock();
            let mut assumed = assumed.unwrap_or_else(PoisonError::into_inner);
            assumed.insert(access_key_id, session);
        }
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
    fn a_functions_key_is_the_one_ministack_derives() {
        // python3 -c 'import hashlib; print(hashlib.sha256(b"f:r").hexdigest()[:16].upper())'
        assert_eq!(access_key_id("f", "r"), "ASIA328E940FC5C552B7");
    }
}
