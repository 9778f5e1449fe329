//! IAM: who signs with a key, and what a role may do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use http::Request;
use serde_json::Value;

use super::client::{Client, ROOT_ACCESS_KEY_ID};
use super::error::MiniStackError;
use super::policy::{self, Context};
use super::xml;

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
type Session = (String, String);

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
    pub async fn execution_credentials(
        &self,
        function_arn: &str,
    ) -> Result<ExecutionCredentials, MiniStackError> {
        let functions = self.functions().await?;
        let role_arn = functions
            .iter()
            .find_map(|(function, role)| (function == function_arn).then_some(role.as_str()))
            .ok_or_else(|| MiniStackError::Arn {
                arn: function_arn.to_owned(),
                kind: "function that exists",
            })?;
        let digest = sha256(&format!("{function_arn}:{role_arn}"));
        Ok(ExecutionCredentials {
            access_key_id: access_key_id(function_arn, role_arn),
            secret_access_key: sha256(&format!("secret:{digest}")),
            session_token: sha256(&format!("token:{digest}")),
        })
    }

    /// Who signs with this access key id.
    pub async fn principal(&self, access_key_id: &str) -> Result<Principal, MiniStackError> {
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

    /// Tells of somebody who has assumed a role: from now on its policies hold for them with the context
    /// that MiniStack does not know.
    pub fn know_session(&self, access_key_id: &str, role_arn: &str, session: &str) {
        let mut assumed = self
            .sessions
            .assumed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let session = (role_arn.to_owned(), session.to_owned());
        assumed.insert(access_key_id.to_owned(), session);
    }

    /// Whether IAM lets the role do this to the resource. Conditions on request context that
    /// MiniStack's simulator does not know count as unmet.
    pub async fn is_allowed(
        &self,
        role_arn: &str,
        action: &str,
        resource_arn: &str,
    ) -> Result<bool, MiniStackError> {
        let answer = self
            .iam(
                "SimulatePrincipalPolicy",
                &[
                    ("PolicySourceArn", role_arn),
                    ("ActionNames.member.1", action),
                    ("ResourceArns.member.1", resource_arn),
                ],
            )
            .await?;
        Ok(xml::text(&answer, "EvalDecision").as_deref() == Some("allowed"))
    }

    /// Like [`Self::is_allowed`] for a request with this context, which the role's policies may set
    /// conditions on (`iam:PassedToService`, say).
    pub async fn is_allowed_in(
        &self,
        role_arn: &str,
        action: &str,
        resource_arn: &str,
        context: Context<'_>,
    ) -> Result<bool, MiniStackError> {
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
    ) -> Result<Vec<String>, MiniStackError> {
        let policies = self.role_policies(role_arn).await?;
        let policies = resolved(&policies, context);
        self.simulated(&policies, actions, resource_arn).await
    }

    /// Which of the actions policies allow that are [`resolved`].
    pub async fn simulated(
        &self,
        policies: &[String],
        actions: &[&str],
        resource_arn: &str,
    ) -> Result<Vec<String>, MiniStackError> {
        let numbered = |list: &str, length: usize| -> Vec<String> {
            (1..=length)
                .map(|number| format!("{list}.member.{number}"))
                .collect()
        };
        let policy_names = numbered("PolicyInputList", policies.len());
        let action_names = numbered("ActionNames", actions.len());
        let mut parameters = vec![("ResourceArns.member.1", resource_arn)];
        let texts = policies.iter().map(String::as_str);
        let names = policy_names.iter().map(String::as_str);
        parameters.extend(names.zip(texts));
        let names = action_names.iter().map(String::as_str);
        parameters.extend(names.zip(actions.iter().copied()));
        let answer = self.iam("SimulateCustomPolicy", &parameters).await?;
        Ok(xml::members(&answer, "EvaluationResults")
            .iter()
            .filter(|result| xml::text(result, "EvalDecision").as_deref() == Some("allowed"))
            .filter_map(|result| xml::text(result, "EvalActionName"))
            .collect())
    }

    /// Who may assume the role; `None` if there is no such role.
    pub async fn role_trust_policy(&self, role_arn: &str) -> Result<Option<Value>, MiniStackError> {
        let role = role_name(role_arn)?;
        let answer = match self.iam("GetRole", &[("RoleName", role)]).await {
            Err(error) if error.code() == Some("NoSuchEntity") => return Ok(None),
            answer => answer?,
        };
        document("iam:GetRole", &answer, "AssumeRolePolicyDocument").map(Some)
    }

    /// The documents of the role's policies, its own and attached ones.
    pub async fn role_policies(&self, role_arn: &str) -> Result<Vec<Value>, MiniStackError> {
        let role = role_name(role_arn)?;
        let mut documents = Vec::new();
        let own = self.iam("ListRolePolicies", &[("RoleName", role)]).await?;
        for name in xml::members(&own, "PolicyNames") {
            let name = xml::unescape(&name);
            let parameters = [("RoleName", role), ("PolicyName", name.as_str())];
            let answer = self.iam("GetRolePolicy", &parameters).await?;
            documents.push(document("iam:GetRolePolicy", &answer, "PolicyDocument")?);
        }
        let attached = self
            .iam("ListAttachedRolePolicies", &[("RoleName", role)])
            .await?;
        for member in xml::members(&attached, "AttachedPolicies") {
            let Some(arn) = xml::text(&member, "PolicyArn") else {
                continue;
            };
            let policy = self.iam("GetPolicy", &[("PolicyArn", &arn)]).await?;
            let version = xml::text(&policy, "DefaultVersionId").unwrap_or_default();
            let parameters = [("PolicyArn", arn.as_str()), ("VersionId", version.as_str())];
            let answer = self.iam("GetPolicyVersion", &parameters).await?;
            documents.push(document("iam:GetPolicyVersion", &answer, "Document")?);
        }
        Ok(documents)
    }

    /// Calls an operation of IAM and gives its XML answer.
    pub(super) async fn iam(
        &self,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, MiniStackError> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", operation)
            .append_pair("Version", "2010-05-08")
            .extend_pairs(parameters)
            .finish();
        let request = Request::post("/")
            .header(
                http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .body(Bytes::from(body))
            .map_err(|error| MiniStackError::Request {
                service: "iam".to_owned(),
                reason: error.to_string(),
            })?;
        let answer = self
            .call("iam", &format!("iam:{operation}"), request)
            .await?;
        Ok(String::from_utf8_lossy(answer.body()).into_owned())
    }
}

/// Policies for a request of this context: what their conditions on its keys amount to is decided.
#[must_use]
pub fn resolved(policies: &[Value], context: Context<'_>) -> Vec<String> {
    policies
        .iter()
        .map(|document| policy::resolve(document, context).to_string())
        .collect()
}

/// The name of a role, without the path in its ARN.
fn role_name(role_arn: &str) -> Result<&str, MiniStackError> {
    role_arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .and_then(|(_, path)| path.rsplit('/').next())
        .ok_or_else(|| MiniStackError::Arn {
            arn: role_arn.to_owned(),
            kind: "role",
        })
}

/// A policy document within an answer: percent-encoded, as IAM gives them, or plain.
fn document(operation: &str, answer: &str, element: &str) -> Result<Value, MiniStackError> {
    let unexpected = |reason: String| MiniStackError::Answer {
        operation: operation.to_owned(),
        reason,
    };
    let text = xml::text(answer, element)
        .ok_or_else(|| unexpected(format!("no {element} in the answer")))?;
    let text = if text.trim_start().starts_with('{') {
        text
    } else {
        percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned()
    };
    serde_json::from_str(&text).map_err(|error| unexpected(format!("{element}: {error}")))
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
