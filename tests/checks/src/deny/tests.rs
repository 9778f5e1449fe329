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
    let mut lock = tools::cargo(directory.path());
    lock.args(["generate-lockfile", "--offline", "--quiet"]);
    assert!(lock.status().await.unwrap().success());
    let rules = tools::workspace();
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

/// A database of advisories that git takes for `RustSec`'s: one about every version of a crate.
fn database(directory: &Path, name: &str) -> String {
    fs::create_dir_all(directory.join("crates")).unwrap();
    fs::write(directory.join("README.md"), "advisories").unwrap();
    let advisory = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"{name}\"\ndate = \"2026-01-01\"\n\n\
         [versions]\npatched = []\n```\n\n# Made up\n\nFor a test.\n"
    );
    let about = directory.join("crates").join(name);
    fs::create_dir_all(&about).unwrap();
    fs::write(about.join("RUSTSEC-2026-9999.md"), advisory).unwrap();
    let commit = "-c user.name=test -c user.email=test@test.invalid commit --quiet -m one";
    for arguments in ["init --quiet --initial-branch main", "add .", commit] {
        let mut git = std::process::Command::new("git");
        git.current_dir(directory).args(arguments.split(' '));
        assert!(git.status().unwrap().success());
    }
    format!("url.file://{}.insteadOf", directory.display())
}

/// What is said when git fetches the database from there.
async fn told(key: &str) -> Advisories {
    // Of its own: what is fetched here is nobody else's database.
    let home = tempfile::tempdir().unwrap();
    let real = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let real = real.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cargo"));
    std::os::unix::fs::symlink(real.join("registry"), home.path().join("registry")).unwrap();
    let environment = [
        ("CARGO_HOME", home.path().as_os_str()),
        ("GIT_CONFIG_COUNT", OsStr::new("1")),
        ("GIT_CONFIG_KEY_0", OsStr::new(key)),
        ("GIT_CONFIG_VALUE_0", OsStr::new(DATABASE)),
    ];
    advisories(&tools::workspace(), &environment).await.unwrap()
}

#[tokio::test]
#[ignore = "needs cargo-deny: cargo xtask test"]
async fn an_advisory_is_told_from_a_copy_of_the_database_and_none_from_none() {
    let directory = tempfile::tempdir().unwrap();
    let none = told(&database(&directory.path().join("none"), "nobody-has-it")).await;
    assert!(matches!(none, Advisories::None), "{none}");
    let found = told(&database(&directory.path().join("one"), "secrecy")).await;
    let is_found = matches!(&found, Advisories::Found(said) if said.contains("RUSTSEC-2026-9999"));
    assert!(is_found, "{found}");
    let nowhere = format!(
        "url.file://{}.insteadOf",
        directory.path().join("nowhere").display()
    );
    let unknown = told(&nowhere).await.to_string();
    assert!(
        unknown.contains("not checked") && unknown.contains("insteadOf"),
        "{unknown}"
    );
}
