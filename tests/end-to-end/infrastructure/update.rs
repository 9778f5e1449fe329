//! The stack is updated in place, code and grace period, while a revocation is pending.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use libtest_mimic::Failed;
use local_cloud::cloud::{Api, Cloud, Engine};

use crate::permissions::FUNCTIONS;
use crate::support::{aws, check, current, live_versions, revoke, rotate, schedule, spec};
use crate::{GRACE_PERIOD, TestResult};

pub(super) async fn in_place(cloud: Arc<Cloud>) -> TestResult {
    let instance = cloud
        .enrol(spec("updated", Api::V3, Engine::Postgres))
        .await?;
    let first = current(&cloud, &instance)?;
    rotate(&cloud, &instance).await?;
    let pending = schedule(&cloud, &first, 0).ok_or("nothing is scheduled")?;
    let code = code(&cloud).await?;

    let directory = cloud.logs().join("changed");
    let template = changed_code(&cloud.template, &directory)?;
    cloud
        .update(&template, &[("GracePeriodSeconds", "600")])
        .await?;
    let new_code = self::code(&cloud).await?;
    check(
        code.iter().zip(&new_code).all(|(old, new)| old != new),
        || "the code is as before".to_owned(),
    )?;

    let kept = schedule(&cloud, &first, 0);
    check(kept.as_ref() == Some(&pending), || {
        format!("{pending:?} became {kept:?}")
    })?;
    // The next rotation, with the new code and the new grace period; then both revocations.
    let second = current(&cloud, &instance)?;
    let before = SystemTime::now();
    rotate(&cloud, &instance).await?;
    let fires_at = schedule(&cloud, &second, 0).and_then(|schedule| schedule.fires_at);
    let fires_at = SystemTime::from(fires_at.ok_or("nothing is scheduled")?);
    check(fires_at < before + GRACE_PERIOD / 2, || {
        "the grace period is as before".to_owned()
    })?;
    for version in [&first, &second] {
        revoke(&cloud, version).await?;
    }
    let (live, credentials) = (
        live_versions(&cloud, &instance)?,
        cloud.live_credentials(&instance).await?,
    );
    check(live.len() == 1 && credentials.len() == 1, || {
        format!("labels on {live:?}, the service accepts {credentials:?}")
    })
}

/// The hashes of the deployed functions' code.
async fn code(cloud: &Cloud) -> Result<Vec<String>, Failed> {
    let mut hashes = Vec::new();
    for function in FUNCTIONS {
        let get = "lambda get-function-configuration --function-name";
        let answer = aws(cloud, get, &[&cloud.function_arn(function)]).await?;
        let hash = answer["CodeSha256"].as_str().ok_or("no CodeSha256")?;
        hashes.push(hash.to_owned());
    }
    Ok(hashes)
}

/// The built template, with one file more in every function's code.
fn changed_code(template: &Path, directory: &Path) -> Result<PathBuf, Failed> {
    let built = template.parent().ok_or("no directory")?;
    std::fs::create_dir_all(directory)?;
    for function in FUNCTIONS {
        let archive = format!("{function}.zip");
        let copy = directory.join(&archive);
        std::fs::copy(built.join(&archive), &copy)?;
        let copy = std::fs::File::options().read(true).write(true).open(copy)?;
        let mut writer = zip::ZipWriter::new_append(copy)?;
        writer.start_file("CHANGED", zip::write::SimpleFileOptions::default())?;
        writer.finish()?;
    }
    let (from, to) = (built.display().to_string(), directory.display().to_string());
    let changed = std::fs::read_to_string(template)?.replace(&from, &to);
    let template = directory.join("template.yaml");
    std::fs::write(&template, changed)?;
    Ok(template)
}
