//! CloudWatch Logs, where the functions' output goes, and SQS, where dead letters go.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::client::Client;

impl Client {
    /// Every line that any function has logged so far, by log group and stream.
    pub async fn all_log_events(&self) -> Result<Vec<String>> {
        let mut events = Vec::new();
        for group in self
            .pages("DescribeLogGroups", json!({}), "logGroups")
            .await?
        {
            let Some(group) = group.get("logGroupName") else {
                continue;
            };
            let streams = json!({ "logGroupName": group });
            for stream in self
                .pages("DescribeLogStreams", streams, "logStreams")
                .await?
            {
                let Some(stream) = stream.get("logStreamName") else {
                    continue;
                };
                events.extend(self.log_events(group, stream).await?);
            }
        }
        Ok(events)
    }

    async fn log_events(&self, group: &Value, stream: &Value) -> Result<Vec<String>> {
        let mut messages = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut body = json!({
                "logGroupName": group, "logStreamName": stream, "startFromHead": true
            });
            if !token.is_null() {
                body["nextToken"] = token.clone();
            }
            let answer = self
                .json_call("logs", "Logs_20140328.GetLogEvents", &body)
                .await?;
            let page = answer.get("events").and_then(Value::as_array);
            messages.extend(
                page.into_iter()
                    .flatten()
                    .filter_map(|event| Some(event.get("message")?.as_str()?.to_owned())),
            );
            // The end is told by the same token coming back.
            let next = answer.get("nextForwardToken").cloned().unwrap_or_default();
            if next.is_null() || next == token {
                return Ok(messages);
            }
            token = next;
        }
    }

    async fn pages(&self, operation: &str, mut body: Value, list: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            let mut answer = self
                .json_call("logs", &format!("Logs_20140328.{operation}"), &body)
                .await?;
            if let Some(Value::Array(page)) = answer.get_mut(list) {
                items.append(page);
            }
            match answer.get("nextToken") {
                Some(token) if token.is_string() => body["nextToken"] = token.clone(),
                _ => return Ok(items),
            }
        }
    }

    /// Sends a message with these attributes to the queue of this ARN, as root.
    pub(crate) async fn send_message(
        &self,
        queue_arn: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) -> Result<()> {
        let name = queue_arn
            .strip_prefix("arn:aws:sqs:")
            .and_then(|rest| rest.rsplit(':').next())
            .with_context(|| format!("{queue_arn} is no queue's ARN"))?;
        let queue = self
            .json_call(
                "sqs",
                "AmazonSQS.GetQueueUrl",
                &json!({ "QueueName": name }),
            )
            .await?;
        let attributes: serde_json::Map<String, Value> = attributes
            .iter()
            .map(|(name, value)| {
                let attribute = json!({ "DataType": "String", "StringValue": value });
                ((*name).to_owned(), attribute)
            })
            .collect();
        let message = json!({
            "QueueUrl": queue.get("QueueUrl"),
            "MessageBody": body,
            "MessageAttributes": attributes,
        });
        self.json_call("sqs", "AmazonSQS.SendMessage", &message)
            .await
            .map(drop)
    }
}
