use std::sync::Arc;

use super::*;
use crate::ministack::{self, MiniStack, MiniStackOptions};

fn progress() -> crate::process::OnLine {
    Arc::new(|line: &str| println!("{line}"))
}

/// A stack whose MiniStack takes the gateway's place.
async fn stack(directory: &Path) -> (Stack, MiniStack) {
    let workspace = crate::tools::workspace();
    let target = crate::tools::target_directory(&workspace);
    let tools = Tools::ensure(&target, progress()).await.unwrap();
    let gateway = "http://127.0.0.1:9".parse().unwrap();
    let options = MiniStackOptions::new(tools.ministack(), gateway, directory.to_owned());
    let ministack = MiniStack::start(options).await.unwrap();
    let endpoint = ministack.client().endpoint().clone();
    let stack = Stack::new(tools, workspace, endpoint, "s", directory.to_owned());
    (stack, ministack)
}

fn template(directory: &Path, queue: &str) -> PathBuf {
    let path = directory.join("template.yaml");
    let text = format!(
        "Transform: AWS::Serverless-2016-10-31\n\
         Parameters: {{Suffix: {{Type: String}}}}\n\
         Resources: {{Queue: {{Type: {queue}, Properties: {{QueueName: !Sub 'q-${{Suffix}}'}}}}}}\n\
         Outputs: {{Name: {{Value: !GetAtt Queue.QueueName}}}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_stack_is_deployed_twice_and_tells_its_outputs() {
    let directory = tempfile::tempdir().unwrap();
    let (stack, ministack) = stack(directory.path()).await;
    let template = template(directory.path(), "AWS::SQS::Queue");
    for _ in 0..2 {
        let parameters = [("Suffix".to_owned(), "one".to_owned())];
        stack.deploy(&template, &parameters).await.unwrap();
        let outputs = stack.outputs().await.unwrap();
        assert_eq!(outputs["Name"], "q-one");
    }
    let arn = format!("arn:aws:sqs:{REGION}:{}:q-one", ministack::ACCOUNT_ID);
    ministack
        .client()
        .send_message(&arn, "hello")
        .await
        .unwrap();

    let mut command = aws(&stack.tools, &stack.endpoint);
    command.args(["sts", "get-caller-identity", "--output", "json"]);
    let log = directory.path().join("aws.log");
    let output = process::run("aws", command, &log, None).await.unwrap();
    assert!(
        output.contains(ministack::ACCOUNT_ID),
        "{:?}",
        output.lines()
    );
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_failed_deployment_tells_why() {
    let directory = tempfile::tempdir().unwrap();
    let (stack, _ministack) = stack(directory.path()).await;
    let template = template(directory.path(), "AWS::None::Such");
    let parameters = [("Suffix".to_owned(), "one".to_owned())];
    let error = stack.deploy(&template, &parameters).await.unwrap_err();
    assert!(error.to_string().contains("AWS::None::Such"), "{error}");
}
