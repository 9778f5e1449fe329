use std::fmt::Write as _;
use std::fs;

use super::*;

/// Whether cargo-deny takes a crate that depends on empty crates of these names and versions, and what
/// it says if not.
async fn verdict(dependencies: &[(&str, &str)]) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let mut table = String::new();
    for (index, (name, version)) in dependencies.iter().enumerate() {
        writeln!(
            table,
            "it{index} = {{ path = \"it{index}\", package = \"{name}\" }}"
        )
        .unwrap();
        write_crate(
            &directory.path().join(format!("it{index}")),
            name,
            version,
            "",
        );
    }
    write_crate(directory.path(), "app", "1.0.0", &table);
    let mut lock = local_cloud::tools::cargo(directory.path());
    lock.args(["generate-lockfile", "--offline", "--quiet"]);
    assert!(lock.status().await.unwrap().success());
    let rules = local_cloud::tools::workspace();
    let mut check = check(&rules, directory.path(), &["bans"]).await.unwrap();
    let output = check.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(said)
    }
}

fn write_crate(directory: &Path, name: &str, version: &str, dependencies: &str) {
    fs::create_dir_all(directory.join("src")).unwrap();
    fs::write(directory.join("src/lib.rs"), "").unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nlicense = \"MIT\"\npublish = false\n\
         edition = \"2024\"\n[dependencies]\n{dependencies}"
    );
    fs::write(directory.join("Cargo.toml"), manifest).unwrap();
}

#[tokio::test]
#[ignore = "needs cargo-deny: cargo xtask test"]
async fn a_second_tls_or_http_stack_or_runtime_is_refused() {
    let good = [("rustls", "0.23.0"), ("tokio", "1.0.0")];
    assert_eq!(verdict(&good).await, Ok(()));
    for name in ["openssl", "native-tls", "aws-lc-rs", "ureq", "async-std"] {
        let said = verdict(&[(name, "1.0.0")]).await.unwrap_err();
        let refused = format!("crate '{name} = 1.0.0' is explicitly banned");
        assert!(said.contains(&refused), "{said}");
    }
    for name in ["rustls", "ring", "reqwest", "hyper", "tokio"] {
        let said = verdict(&[(name, "0.1.0"), (name, "0.2.0")])
            .await
            .unwrap_err();
        let refused = format!("found 2 duplicate entries for crate '{name}'");
        assert!(said.contains(&refused), "{said}");
    }
}
