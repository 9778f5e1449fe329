//! The module as Terraform understands it, compared with the template.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{DIRECTORY, plan};
use crate::evaluate::Stack;
use crate::names::snake;
use crate::sets::{self, ACCOUNT, REGION, STACK, sparse, temporary};
use crate::template::Template;
use crate::{agrees, run, sees, using};

/// Where images of build machines keep providers, beside the system's optional software.
const MIRRORS: &str = "/opt";
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

/// Plans the module with all defaults and with everything set, and then with planted differences, which must be
/// found.
pub(crate) fn check(workspace: &Path, template: &Template) -> Result<()> {
    if Command::new("terraform").arg("version").output().is_err() {
        println!("terraform: left out, no `terraform` is on the PATH");
        return Ok(());
    }
    for (what, parameters) in sets::all() {
        let module = workspace.join(DIRECTORY);
        let Some(plan) = plan(template, &module, &parameters)? else {
            return Ok(());
        };
        let parameters = &parameters;
        let stack = Stack {
            template,
            parameters,
        };
        let differences = plan::differences(&stack, &plan)?;
        agrees(&format!("the plan of {DIRECTORY} ({what})"), &differences)?;
        let resources = plan["resource_changes"].as_array().map_or(0, Vec::len);
        println!("terraform: {resources} resources as the template has them ({what})");
    }
    planted(workspace, template)
}

/// One permission less, another time-out, an argument of its own.
const PLANTED: [(&str, &str, &str); 3] = [
    (
        "          \"secretsmanager:DescribeSecret\",\n          \"secretsmanager:GetSecretValue\",\n        ]",
        "          \"secretsmanager:GetSecretValue\",\n        ]",
        "aws_iam_role_policy.revoke_secret policy.Statement.ReadVersions.Action",
    ),
    (
        "timeout                        = 900",
        "timeout                        = 90",
        "aws_lambda_function.sweep timeout",
    ),
    (
        "  sqs_managed_sse_enabled    = true\n  visibility_timeout_seconds = 360\n",
        "  sqs_managed_sse_enabled    = true\n  visibility_timeout_seconds = 360\n  delay_seconds = 900\n",
        "aws_sqs_queue.dead_letter delay_seconds",
    ),
];

fn planted(workspace: &Path, template: &Template) -> Result<()> {
    let copy = temporary()?;
    let module = workspace.join(DIRECTORY);
    for entry in fs::read_dir(&module).with_context(using(&module))? {
        let path = entry.with_context(using(&module))?.path();
        if path.extension().is_none_or(|it| it != "tf") {
            continue;
        }
        let mut text = fs::read_to_string(&path).with_context(using(&path))?;
        for (right, wrong, _) in PLANTED {
            text = text.replacen(right, wrong, 1);
        }
        let name = path.file_name().unwrap_or_default();
        fs::write(copy.path().join(name), text).with_context(using(copy.path()))?;
    }
    let parameters = &sparse();
    let Some(plan) = plan(template, copy.path(), parameters)? else {
        return Ok(());
    };
    let stack = Stack {
        template,
        parameters,
    };
    let found = plan::differences(&stack, &plan)?;
    for (.., what) in PLANTED {
        sees("the Terraform module", what, &found)?;
    }
    println!(
        "terraform: {} planted differences were found",
        PLANTED.len()
    );
    Ok(())
}

/// A plan of the module, or none if the provider cannot be had.
fn plan(
    template: &Template,
    module: &Path,
    parameters: &BTreeMap<&str, Value>,
) -> Result<Option<Value>> {
    let directory = temporary()?;
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).with_context(using(&path))
    };
    for binary in sets::binaries(template)? {
        write(&format!("{binary}.zip"), "a zip")?;
    }
    let mut call = json!({
        "source": module,
        "stack_name": STACK,
        "package_directory": directory.path(),
    });
    for (name, value) in parameters {
        call[snake(name)] = value.clone();
    }
    let root = json!({
        "provider": {"aws": {
            "region": REGION,
            "access_key": "none",
            "secret_key": "none",
            "skip_credentials_validation": true,
            "skip_metadata_api_check": true,
            "skip_requesting_account_id": true,
            "endpoints": [{"sts": identity()?}],
        }},
        "module": {"stack": call},
    });
    write("main.tf.json", &root.to_string())?;
    if let Some(mirror) = mirror() {
        let settings = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {}\n  }}\n}}\n",
            json!(mirror)
        );
        write("terraform.rc", &settings)?;
    }
    if let Err(error) = run(
        directory.path(),
        "terraform init -input=false -backend=false",
        &[],
    ) {
        println!("terraform: left out, the provider cannot be had:\n{error}");
        return Ok(None);
    }
    run(
        directory.path(),
        "terraform plan -input=false -out=plan",
        &[],
    )?;
    let shown = run(directory.path(), "terraform show -json plan", &[])?;
    let plan = serde_json::from_str(&shown).context("terraform show answered no JSON")?;
    Ok(Some(plan))
}

/// A mirror of providers, unless whoever runs this has settings of their own.
fn mirror() -> Option<PathBuf> {
    let settings = std::env::var_os("TF_CLI_CONFIG_FILE");
    if settings.is_some_and(|path| Path::new(&path).is_file()) {
        return None;
    }
    let entries = fs::read_dir(MIRRORS).ok()?;
    let mut mirrors = entries.filter_map(|entry| Some(entry.ok()?.path()));
    mirrors.find(|path| path.join(PROVIDER).is_dir())
}

/// The address of what stands in for AWS STS: the module asks for the account's number, and for nothing else. It
/// ends with the process.
fn identity() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(format!("http://{address}"))
}

/// One request, whatever it is, once it has come with all of its body.
fn answer(mut stream: TcpStream) -> Option<()> {
    let mut request = BufReader::new(stream.try_clone().ok()?);
    let (mut line, mut length) = (String::new(), 0);
    while request.read_line(&mut line).ok()? > 2 {
        let head = line.to_ascii_lowercase();
        if let Some(value) = head.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    request.read_exact(&mut vec![0; length]).ok()?;
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).ok()
}
