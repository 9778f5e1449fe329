//! No sequence of permitted calls reaches what one call is denied.
//!
//! The search begins with every state that a secret of somebody else can be in, makes every call that the
//! policies allow, and goes on from what that makes of the secret, until nothing new is found: sequences of any
//! length. What a call needs is asked of the local cloud's gateway, and whether it is allowed of IAM.

mod model;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use libtest_mimic::Failed;
use local_cloud::cloud::Cloud;
use serde_json::{Value, json};
use strict_aws::gateway::{Needed, needed};

use super::roles::{Role, roles};
use crate::support::{check, managed_policy};
use crate::{TestResult, dashboard};
use model::{Request, State, beginnings, requests};

/// One secret of each kind of name.
const NAMES: [&str; 5] = [
    "addon/credentials/0123",
    "addon/masters/db7",
    "addon/oauth/0123",
    "addon/partner",
    "payroll/database",
];

/// What shows or changes a value, or gives somebody the right to.
const VALUES: [&str; 7] = [
    "CreateSecret",
    "GetSecretValue",
    "PutResourcePolicy",
    "PutSecretValue",
    "ReplicateSecretToRegions",
    "TagResource",
    "UpdateSecret",
];

/// An action, a resource, and what the policies that name the action make of the context.
type Question = (String, String, Vec<(String, String)>);

/// Whose policies are searched.
struct Search<'a> {
    cloud: &'a Cloud,
    /// Of each action that they name, the policies with the statements that name it: no other has a say.
    policies: BTreeMap<String, Vec<String>>,
    functions: [String; 2],
    /// What IAM says.
    verdicts: RefCell<HashMap<Question, bool>>,
}

/// What was found.
#[derive(Default)]
struct Found {
    /// Calls that lead to one that was denied at first, and that one.
    paths: Vec<Vec<String>>,
    /// The operations that were allowed in any state.
    operations: BTreeSet<&'static str>,
    /// How many states were looked at.
    states: usize,
}

impl<'a> Search<'a> {
    fn new(cloud: &'a Cloud, policies: &[Value]) -> Self {
        let named: BTreeSet<_> = policies.iter().flat_map(actions).collect();
        let about = |action: &str| {
            let policies = policies.iter();
            policies
                .map(|policy| naming(policy, action).to_string())
                .collect()
        };
        Self {
            cloud,
            policies: named
                .into_iter()
                .map(|action| (action.to_owned(), about(action)))
                .collect(),
            functions: ["rotate", "another"].map(|name| cloud.function_arn(name)),
            verdicts: RefCell::default(),
        }
    }

    async fn run(&self) -> Result<Found, Failed> {
        let functions = [self.functions[0].as_str(), self.functions[1].as_str()];
        let mut found = Found::default();
        for name in NAMES {
            let requests = requests(name, functions);
            for beginning in beginnings(functions) {
                self.explore(name, &requests, &beginning, &mut found)
                    .await?;
            }
        }
        found.paths.sort_by_key(Vec::len);
        Ok(found)
    }

    /// All that can be reached from one state, the shortest way first.
    async fn explore(
        &self,
        name: &str,
        requests: &[Request],
        beginning: &State,
        found: &mut Found,
    ) -> TestResult {
        let mut at_first = BTreeSet::new();
        let mut seen = BTreeSet::from([beginning.clone()]);
        let mut open = VecDeque::from([(beginning.clone(), Vec::new())]);
        while let Some((state, path)) = open.pop_front() {
            found.states += 1;
            for (number, request) in requests.iter().enumerate() {
                if !request.fits(&state) || !self.is_allowed(name, request, &state).await? {
                    continue;
                }
                found.operations.insert(request.operation);
                let mut longer = path.clone();
                longer.push(request.name());
                if path.is_empty() {
                    at_first.insert(number);
                } else if !at_first.contains(&number)
                    && state.as_ref().is_some_and(|secret| !secret.is_own)
                {
                    let mut told = vec![format!("{name} {beginning:?}")];
                    told.extend(longer.clone());
                    found.paths.push(told);
                }
                for after in request.effects(&state) {
                    if seen.insert(after.clone()) {
                        open.push_back((after, longer.clone()));
                    }
                }
            }
        }
        Ok(())
    }

    async fn is_allowed(
        &self,
        name: &str,
        request: &Request,
        state: &State,
    ) -> Result<bool, Failed> {
        let secret = state.as_ref().map(|secret| secret.snapshot(name));
        for needed in needed(request.operation, &request.parameters, secret.as_ref()) {
            let Some(policies) = self.policies.get(&needed.action) else {
                return Ok(false);
            };
            if !self.verdict(policies, needed).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn verdict(&self, policies: &[String], needed: Needed) -> Result<bool, Failed> {
        let Needed {
            action,
            resource,
            mut context,
        } = needed;
        // Keys are told apart without regard to case.
        let named = policies.concat().to_ascii_lowercase();
        context.retain(|(key, _)| named.contains(&format!("{:?}", key.to_ascii_lowercase())));
        let question = (action, resource, context);
        if let Some(verdict) = self.verdicts.borrow().get(&question) {
            return Ok(*verdict);
        }
        let (action, resource, context) = &question;
        let context = context
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let context: Vec<_> = context.collect();
        let client = self.cloud.ministack.client();
        let actions = [action.as_str()];
        let allowed = client.allowed_by(policies, &actions, resource, &context);
        let verdict = !allowed.await?.is_empty();
        self.verdicts.borrow_mut().insert(question, verdict);
        Ok(verdict)
    }
}

/// A policy's statements that name an action.
fn naming(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.retain(|statement| {
            let actions = statement["Action"].as_array().into_iter().flatten();
            actions.into_iter().any(|it| it == action)
        });
    }
    policy
}

/// The actions that a policy names. None of the template's has a wildcard.
fn actions(policy: &Value) -> impl Iterator<Item = &str> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements
        .flat_map(|statement| statement["Action"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
}

/// The managed policies for people and backends.
async fn for_people(cloud: &Cloud) -> Result<BTreeMap<&'static str, Value>, Failed> {
    let mut policies = BTreeMap::new();
    for output in [
        "OperatorPolicyArn",
        "StartRotationPolicyArn",
        "EnrollPolicyArn",
        "DeprovisionPolicyArn",
        "RecoverPolicyArn",
    ] {
        let policy = managed_policy(cloud, cloud.output(output)?).await?;
        policies.insert(output, policy);
    }
    policies.insert("the example of a dashboard", dashboard::policy()?);
    Ok(policies)
}

fn nothing_new(who: &str, found: &Found) -> TestResult {
    check(found.paths.is_empty(), || {
        let paths: Vec<_> = found.paths.iter().take(5).collect();
        format!(
            "{who} reaches by several calls what one is denied: {} ways, as in {paths:#?}",
            found.paths.len()
        )
    })
}

/// Every function's role, with all that it is allowed.
pub(super) async fn of_functions(cloud: Arc<Cloud>) -> TestResult {
    for (id, role) in roles(&cloud).await? {
        let found = Search::new(&cloud, std::slice::from_ref(&role.policy))
            .run()
            .await?;
        nothing_new(&id, &found)?;
        // The search has found what a function does: it creates, tags, rotates, deletes.
        if id == "EnrollAddonRole" {
            for operation in ["CreateSecret", "RotateSecret", "DeleteSecret"] {
                check(found.operations.contains(operation), || {
                    format!("{id} may not {operation}, or the search is blind")
                })?;
            }
            // More than where it began, of each of five names: a new secret, and its rotation.
            check(found.states > NAMES.len() * 28, || {
                format!("{} states were looked at", found.states)
            })?;
        }
    }
    Ok(())
}

/// The policies for people, each by itself and all that a person may have together.
pub(super) async fn of_people(cloud: Arc<Cloud>) -> TestResult {
    let policies = for_people(&cloud).await?;
    let invoked = |policy: &Value| {
        let text = policy.to_string();
        text.contains(&format!("\"{}\"", cloud.function_arn("enroll-addon")))
    };
    for (output, policy) in &policies {
        let wanted = *output == "EnrollPolicyArn";
        check(invoked(policy) == wanted, || {
            format!("{output} and enroll-addon: {policy}")
        })?;
    }
    let each = policies.values().map(|policy| vec![policy.clone()]);
    let all = policies.values().cloned().collect();
    for policies in each.chain([all]) {
        let who = format!("{policies:?}");
        let found = Search::new(&cloud, &policies).run().await?;
        nothing_new(&who, &found)?;
        let values: Vec<_> = VALUES
            .iter()
            .filter(|operation| found.operations.contains(*operation))
            .collect();
        check(values.is_empty(), || format!("{who} may {values:?}"))?;
    }
    Ok(())
}

/// The search finds the ways that there would be without the conditions that close them.
pub(super) async fn finds_ways(cloud: Arc<Cloud>) -> TestResult {
    let roles = roles(&cloud).await?;
    let enrolling = super::roles::role(&roles, "EnrollAddonRole")?;
    // Two calls: what is tagged is read, rotated, deleted.
    let tagging = without(enrolling, "MakeSecrets", "Null");
    let found = Search::new(&cloud, std::slice::from_ref(&tagging))
        .run()
        .await?;
    let ways = |found: &Found, calls: &[&str]| {
        let begins = |path: &[String]| {
            path.len() == calls.len()
                && path
                    .iter()
                    .zip(calls)
                    .all(|(told, call)| told.starts_with(call))
        };
        found.paths.iter().filter(|path| begins(&path[1..])).count()
    };
    for last in ["GetSecretValue", "DeleteSecret", "RotateSecret"] {
        check(ways(&found, &["TagResource", last]) > 0, || {
            format!("TagResource, {last}: not among {:#?}", found.paths)
        })?;
    }
    // Three calls, where two do not do: only what the stack rotates is read.
    let mut rotated = tagging;
    for statement in rotated["Statement"].as_array_mut().into_iter().flatten() {
        if statement["Sid"] == "ReadDocuments" {
            let function = statement["Condition"]["StringEqualsIfExists"].take();
            statement["Condition"] = json!({ "StringEquals": function });
        }
    }
    let found = Search::new(&cloud, &[rotated]).run().await?;
    let read = ["TagResource", "GetSecretValue"];
    check(ways(&found, &read) == 0, || format!("{:#?}", found.paths))?;
    let read = ["TagResource", "RotateSecret", "GetSecretValue"];
    check(ways(&found, &read) > 0, || {
        format!("{read:?}: not among {:#?}", found.paths)
    })
}

/// A role's policy without one condition of a statement.
fn without(role: &Role, sid: &str, operator: &str) -> Value {
    let mut policy = role.policy.clone();
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        if statement["Sid"] == sid
            && let Value::Object(condition) = &mut statement["Condition"]
        {
            condition.remove(operator);
        }
    }
    policy
}
