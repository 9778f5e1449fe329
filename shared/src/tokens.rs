//! Where Heroku's refresh tokens are kept: a table of DynamoDB, with an item for each add-on instance that uses v3.
//!
//! An item holds the tokens that Heroku has given, the newest first. Two functions that renew one at once both leave
//! theirs there: nobody else knows which of them Heroku takes from then on. Each write names what was there before.

use std::borrow::Cow;

use aws_types::SdkConfig;
use http::Request;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::aws::{ATTEMPT_TIMEOUT, AwsError, Service};
use crate::deadline::{Deadline, retry};
use crate::document::{Api, HerokuBlock};
use crate::secrets::{SecretError, Secrets};
use crate::start::{Start, name};

/// A token that is older than so many others is dropped.
const MOST: usize = 4;

/// The item's key: the add-on's id.
const KEY: &str = "addon";

/// DynamoDB's word for an item that is not as the request names it.
const OTHERWISE: &str = "ConditionalCheckFailedException";

/// The refresh tokens of one instance, the newest first.
#[derive(Debug, Clone, Default)]
pub struct RefreshTokens {
    tokens: Vec<SecretString>,
    /// Whether these are in the table.
    is_item: bool,
    /// The one in the secret in which an earlier version of this project has kept it.
    earlier: Option<SecretString>,
}

impl RefreshTokens {
    /// The newest first.
    pub fn iter(&self) -> impl Iterator<Item = &SecretString> {
        self.tokens.iter().chain(self.unmoved())
    }

    /// The one in the secret of an earlier version, if the table has it not.
    #[must_use]
    pub fn unmoved(&self) -> Option<&SecretString> {
        let earlier = self.earlier.as_ref()?;
        let is_kept = self.tokens.iter().any(|it| is_same(it, earlier));
        (!is_kept).then_some(earlier)
    }

    /// Whether there are any in the table.
    #[must_use]
    pub fn are_kept(&self) -> bool {
        self.is_item
    }

    /// Whether it has each of the other's.
    #[must_use]
    pub fn has_all_of(&self, other: &Self) -> bool {
        let has = |it: &SecretString| self.iter().any(|own| is_same(own, it));
        other.iter().all(has)
    }

    /// Whether this is the newest, and in the table.
    #[must_use]
    pub fn begin_with(&self, newest: &SecretString) -> bool {
        self.is_item && self.tokens.first().is_some_and(|it| is_same(it, newest))
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// What an item looks like, as [DynamoDB's API](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html)
/// has it.
#[derive(Deserialize)]
struct Got {
    #[serde(rename = "Item")]
    item: Option<Item>,
}

/// An answer that says nothing else.
#[derive(Deserialize)]
struct Done {}

#[derive(Deserialize)]
struct Removed {
    #[serde(rename = "Attributes")]
    item: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Item {
    refresh_tokens: List,
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "L")]
    list: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: SecretString,
}

fn list<'a>(tokens: impl IntoIterator<Item = &'a SecretString>) -> Value {
    let tokens = tokens.into_iter();
    let tokens: Vec<_> = tokens
        .map(|it| json!({ "S": it.expose_secret() }))
        .collect();
    json!({ "L": tokens })
}

/// The stack's table of refresh tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    dynamodb: Service,
    table: String,
    /// Where an earlier version has kept them.
    secrets: Secrets,
}

impl Tokens {
    /// The table that the environment variables name, with the execution role's credentials.
    pub(crate) fn start(start: &mut Start) -> Option<Self> {
        let table = name(
            &mut start.variables(),
            "TOKENS_TABLE",
            "a DynamoDB table's name",
        )?;
        Some(Self::new(&start.http, &start.aws, table))
    }

    /// A table of this name.
    #[must_use]
    pub fn new(http: &reqwest::Client, aws: &SdkConfig, table: String) -> Self {
        Self {
            dynamodb: Service::new("dynamodb", http, aws),
            table,
            secrets: Secrets::new(aws),
        }
    }

    /// What is about the tokens of this add-on, for errors.
    #[must_use]
    pub fn place(&self, addon: &str) -> String {
        format!("add-on {addon} in table {}", self.table)
    }

    /// An instance's tokens: those of the table, or where it has none the one in the secret that its document names.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or there are none.
    pub async fn read(
        &self,
        heroku: &HerokuBlock,
        deadline: Deadline,
    ) -> Result<RefreshTokens, AwsError> {
        let found = self.find(&heroku.addon_id, deadline).await?;
        if found.is_item {
            return Ok(found);
        }
        self.with_earlier(found, heroku, deadline).await
    }

    /// Those of the table, and the one in the secret that the document names: a function of an earlier version may have
    /// renewed it there since the table has had one.
    ///
    /// # Errors
    /// If AWS refuses or does not answer, or there are none.
    pub async fn read_both(
        &self,
        heroku: &HerokuBlock,
        deadline: Deadline,
    ) -> Result<RefreshTokens, AwsError> {
        let found = self.find(&heroku.addon_id, deadline).await?;
        self.with_earlier(found, heroku, deadline).await
    }

    async fn with_earlier(
        &self,
        found: RefreshTokens,
        heroku: &HerokuBlock,
        deadline: Deadline,
    ) -> Result<RefreshTokens, AwsError> {
        let missing = || {
            let place = self.place(&heroku.addon_id);
            let words = "there is no refresh token";
            AwsError::new(GET, place, "NoRefreshToken", words, false)
                .with_remedy("Store the instance's refresh token there")
        };
        let Api::V3 { oauth: Some(oauth) } = &heroku.api else {
            return found.is_item.then_some(found).ok_or_else(missing);
        };
        let fields = self.secrets.fields(oauth, deadline).await;
        let fields = fields.map_err(|error| match error {
            SecretError::Aws(error) => error,
            _ => missing(),
        })?;
        let earlier = fields.text("refresh_token").ok_or_else(missing)?;
        Ok(RefreshTokens {
            earlier: Some(SecretString::from(earlier)),
            ..found
        })
    }

    /// Those of the table; nothing, if it has none.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn find(&self, addon: &str, deadline: Deadline) -> Result<RefreshTokens, AwsError> {
        let parameters = json!({ "ConsistentRead": true });
        let got: Got = self.call(GET, addon, parameters, deadline).await?;
        Ok(got.item.map_or_else(RefreshTokens::default, |item| {
            let tokens = item.refresh_tokens.list.into_iter();
            RefreshTokens {
                tokens: tokens.map(|it| it.text).collect(),
                is_item: true,
                earlier: None,
            }
        }))
    }

    /// Puts a token before the others, whichever they are by now.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn keep(
        &self,
        addon: &str,
        newest: &SecretString,
        before: &RefreshTokens,
        deadline: Deadline,
    ) -> Result<(), AwsError> {
        let mut before = Cow::Borrowed(before);
        while !before.begin_with(newest) && !self.put(addon, newest, &before, deadline).await? {
            // Another function has stored one meanwhile, or the answer to an earlier try was lost.
            before = Cow::Owned(self.find(addon, deadline).await?);
        }
        Ok(())
    }

    /// Puts a token before the others, if these are still the ones that are there; whether they were.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn put(
        &self,
        addon: &str,
        newest: &SecretString,
        before: &RefreshTokens,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let others = before.iter().filter(|it| !is_same(it, newest));
        let tokens = [newest].into_iter().chain(others).take(MOST);
        let mut values = json!({ ":now": list(tokens) });
        let condition = if before.is_item {
            values[":before"] = list(&before.tokens);
            "refresh_tokens = :before"
        } else {
            "attribute_not_exists(addon)"
        };
        let parameters = json!({
            "UpdateExpression": "SET refresh_tokens = :now",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        });
        match self.call(UPDATE, addon, parameters, deadline).await {
            Err(error) if error.is(OTHERWISE) => Ok(false),
            put => put.map(|Done {}| true),
        }
    }

    /// Removes an instance's tokens, unless there are others than the one that was given; whether there were none.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn take_back(
        &self,
        addon: &str,
        given: &SecretString,
        deadline: Deadline,
    ) -> Result<bool, AwsError> {
        let given = list([given]);
        let parameters = json!({
            "ConditionExpression": "attribute_not_exists(addon) OR refresh_tokens = :given",
            "ExpressionAttributeValues": { ":given": given },
        });
        match self.call(DELETE, addon, parameters, deadline).await {
            Err(error) if error.is(OTHERWISE) => Ok(false),
            removed => removed.map(|Done {}| true),
        }
    }

    /// Removes an instance's tokens; whether there were any. Heroku takes them no more: they end with the add-on.
    ///
    /// # Errors
    /// If AWS refuses or does not answer.
    pub async fn remove(&self, addon: &str, deadline: Deadline) -> Result<bool, AwsError> {
        let parameters = json!({ "ReturnValues": "ALL_OLD" });
        let removed: Removed = self.call(DELETE, addon, parameters, deadline).await?;
        Ok(removed.item.is_some())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        addon: &str,
        mut parameters: Value,
        deadline: Deadline,
    ) -> Result<T, AwsError> {
        let place = self.place(addon);
        parameters["TableName"] = self.table.as_str().into();
        parameters["Key"] = json!({ KEY: { "S": addon } });
        let target = operation.replace("dynamodb:", "DynamoDB_20120810.");
        let body = parameters.to_string().into_bytes();
        let call = || async {
            let request = Request::post("/")
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", target.as_str())
                .body(body.clone());
            let request = request.map_err(|error| {
                let words = error.to_string();
                AwsError::new(operation, &place, "ConstructionFailure", words, false)
            })?;
            let attempt = deadline.at_most(ATTEMPT_TIMEOUT);
            let answer = self.dynamodb.call(operation, &place, request, attempt);
            let answer = answer.await?.body;
            serde_json::from_slice(&answer).map_err(|_| AwsError::unreadable(operation, &place))
        };
        retry(deadline, call).await
    }
}

const GET: &str = "dynamodb:GetItem";
const UPDATE: &str = "dynamodb:UpdateItem";
const DELETE: &str = "dynamodb:DeleteItem";
