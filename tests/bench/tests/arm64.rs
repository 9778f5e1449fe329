//! The functions, built for arm64 and emulated: all of them start and answer, in rotations and revocations by TLS.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bench::{FLOOR, FUNCTIONS, World};
use local_cloud::cloud::Api;
use local_cloud::lambda::{Lambda, functions};
use nix::sys::signal::Signal;
use package::Architecture;
use serde_json::json;
use tokio::sync::OnceCell;
use tools::process::{self, OnLine};
use tools::{Arm64, Tools, target_directory, workspace};

/// A connection takes seconds unoptimised.
const OPTIMISED: &str = "profile.dev.package.ring.opt-level=3";

/// The functions' scripts, and where the logs go.
struct Built {
    scripts: PathBuf,
    logs: PathBuf,
}

/// Builds once for all tests.
async fn built() -> &'static Built {
    static BUILT: OnceCell<Built> = OnceCell::const_new();
    BUILT.get_or_init(build).await
}

/// As the package is built, but by Debian's compiler, and all but the cryptography unoptimised.
async fn build() -> Built {
    let target = target_directory(&workspace());
    let progress: OnLine = Arc::new(|line| println!("{line}"));
    let tools = Tools::ensure(&target, progress.clone()).await.unwrap();
    let arm64 = Arm64::ensure(&target, progress.clone()).await.unwrap();
    let directory = target.join("arm64");
    let (lambda, scripts, logs) = (
        directory.join("lambda"),
        directory.join("scripts"),
        directory.join("logs"),
    );
    for directory in [&scripts, &logs] {
        fs::create_dir_all(directory).unwrap();
    }

    let cargo_lambda = tools.sam_bin().join("cargo-lambda");
    let mut build = process::command(cargo_lambda, Signal::SIGTERM);
    process::forget_cargo(build.as_std_mut());
    build
        .args([
            "lambda", "build", "--locked", "--config", OPTIMISED, "--target",
        ])
        .arg(Architecture::Arm64.target())
        .arg("--lambda-dir")
        .arg(&lambda)
        .env("PATH", tools.search_path())
        .env("RUSTC", &arm64.rustc)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("-Ctarget-cpu={}", Architecture::Arm64.cpu()),
        )
        .env("CARGO_TARGET_DIR", &directory)
        .current_dir(workspace());
    let names = || FUNCTIONS.iter().chain([&FLOOR]);
    for function in names() {
        build.args(["--package", function, "--bin", function]);
    }
    let log = directory.join("build.log");
    process::run("cargo lambda build", build, &log, Some(progress))
        .await
        .unwrap();

    for function in names() {
        let executable = lambda.join(function).join("bootstrap");
        let checked = Architecture::Arm64.check(&fs::read(&executable).unwrap());
        checked.unwrap_or_else(|error| panic!("{function}: {error:#}"));
        arm64.emulate(&executable, &scripts.join(function)).unwrap();
    }
    Built { scripts, logs }
}

#[tokio::test]
#[ignore = "builds the functions for arm64, which takes minutes: cargo xtask prove"]
async fn bad_configuration_is_refused_on_arm64() {
    let Built { scripts, logs } = built().await;
    let parameters = BTreeMap::from([("PartnerSecretArn", "arn:partner".to_owned())]);
    let mut deployed = functions("refusing", &parameters).unwrap();
    for function in &mut deployed {
        let file = "/no/bundle.pem".to_owned();
        function
            .environment
            .insert("AWS_CA_BUNDLE".to_owned(), file);
    }
    let lambda = Lambda::new(scripts, logs);
    lambda.deploy(deployed.clone());
    let binaries: BTreeSet<_> = deployed.iter().map(|it| it.binary.as_str()).collect();
    assert_eq!(binaries, BTreeSet::from(FUNCTIONS));
    for (number, function) in deployed.iter().enumerate() {
        let ended = lambda.invoke(&function.name, &json!({})).await.unwrap();
        assert_eq!(ended.payload["errorType"], "Runtime.ExitError");
        let log = format!("{}-{}.log", function.binary, number + 1);
        let said = fs::read_to_string(logs.join(log)).unwrap();
        assert!(said.contains("AWS_CA_BUNDLE is /no/bundle.pem"), "{said}");
    }
}

#[tokio::test]
#[ignore = "builds the functions for arm64, which takes minutes: cargo xtask prove"]
async fn instances_begin_rotate_and_end_on_arm64() {
    let Built { scripts, logs } = built().await;
    let world = World::start(scripts, logs, None).await.unwrap();
    let all: BTreeSet<_> = FUNCTIONS.into_iter().chain([FLOOR]).collect();
    // Enrolled, rotated, the old credential revoked; then the life of another instance.
    let secret = world.enrol(Api::V1).await.unwrap();
    let round = world.round(Api::V1, &secret).await.unwrap();
    // A rotation's steps are named after the function.
    let answered = round.keys().filter_map(|kind| kind.split(' ').next());
    assert_eq!(answered.collect::<BTreeSet<_>>(), all);
}
