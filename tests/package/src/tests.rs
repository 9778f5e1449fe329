use std::path::PathBuf;

use super::*;
use package::AMAZON_LINUX;
use package::archive::{self, sha256};

fn workspace() -> PathBuf {
    tools::workspace()
}

fn package(function: &str, bootstrap: &[u8]) -> Package {
    let zip = archive::zip(bootstrap).unwrap();
    Package {
        function: function.to_owned(),
        bootstrap: bootstrap.to_vec(),
        sha256: sha256(&zip),
        zip,
        glibc: AMAZON_LINUX.to_vec(),
    }
}

#[test]
fn all_functions_are_chosen_unless_some_are_named_and_none_may_be_unknown() {
    let functions = ["create-secret", "finish-secret", "rotate"].map(str::to_owned);
    let chosen = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        choose(&functions, &names)
    };
    assert_eq!(chosen(&[]).unwrap(), functions);
    assert_eq!(
        chosen(&["rotate", "create-secret"]).unwrap(),
        ["create-secret", "rotate"]
    );
    let error = chosen(&["rotate", "rotato"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no function rotato; there are: create-secret, finish-secret, rotate"
    );
}

#[test]
fn a_zip_that_is_larger_than_it_may_be_is_named() {
    let sized = |function: &str, size: u64| Package {
        zip: vec![0; usize::try_from(size).unwrap()],
        ..package(function, b"")
    };
    let most = most_bytes("finish-secret");
    keep_to_budgets(&[sized("rotate", most + 1), sized("finish-secret", most)]).unwrap();
    let error = keep_to_budgets(&[sized("finish-secret", most + 1)]).unwrap_err();
    assert!(error.to_string().contains("finish-secret"), "{error}");
}

#[test]
fn the_first_function_that_differs_is_named() {
    let built = |b: &[u8], c: &[u8]| [package("a", b"same"), package("b", b), package("c", c)];
    let (first, second) = (built(b"one", b"x"), built(b"two", b"y"));
    compare(&first, &built(b"one", b"x"), Path::new("/zips")).unwrap();
    let error = compare(&first, &second, Path::new("/zips")).unwrap_err();
    let error = error.to_string();
    for part in ["b is not reproducible", "up to byte 0x0", "/zips/b.zip"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_zip_holds_the_executable_and_nothing_that_changes() {
    let executable = b"#!/bin/sh\nexit 0\n".repeat(1000);
    let zip = archive::zip(&executable).unwrap();
    assert_eq!(zip, archive::zip(&executable).unwrap());
    // On every machine. An update of the crates may change it.
    assert_eq!(
        sha256(&zip),
        "08e355b5418cfc2a4ffbce506dd13699edda3716a71ea689e0dd7c5058d57c7b"
    );

    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&zip)).unwrap();
    assert_eq!(archive.len(), 1);
    let file = archive.by_name("bootstrap").unwrap();
    assert_eq!(file.unix_mode(), Some(0o100_755));
    assert_eq!(
        file.last_modified().map(|it| it.to_string()).as_deref(),
        Some("1980-01-01 00:00:00")
    );
    assert_eq!(file.compression(), zip::CompressionMethod::Deflated);
    drop(file);
    assert_eq!(unzipped(&zip), executable);
}

fn unzipped(zip: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut file = archive.by_name(archive::EXECUTABLE).unwrap();
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut read).unwrap();
    read
}

/// Compiled as the functions are, but for their size.
#[test]
fn an_executable_from_a_zip_runs_and_a_panic_in_it_ends_as_before() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::ExitStatusExt as _;

    const SOURCE: &str = "fn main() {
        std::panic::set_hook(Box::new(|it| println!(\"the hook: {it}\")));
        let thread = std::thread::spawn(|| std::env::args().count());
        assert_eq!(thread.join().unwrap(), 1, \"with an argument\");
    }";
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("main.rs"), SOURCE).unwrap();
    let compiled = std::process::Command::new("rustc")
        .args(["--edition=2024", "-Cpanic=abort", "-Cstrip=symbols", "-o"])
        .args([path("compiled"), path("main.rs")])
        .status();
    assert!(compiled.unwrap().success());
    let compiled = std::fs::read(path("compiled")).unwrap();
    let zipped = unzipped(&archive::zip(&compiled).unwrap());
    assert_eq!(zipped.len(), compiled.len());
    let changed = zipped.iter().zip(&compiled).filter(|(a, b)| a != b).count();
    assert!(changed > 1_000, "{changed}");
    std::fs::write(path("bootstrap"), zipped).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path("bootstrap"), executable).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(path("bootstrap"));
        command.args(arguments).output().unwrap()
    };
    assert!(run(&[]).status.success());
    let panicked = run(&["one"]);
    assert_eq!(panicked.status.signal(), Some(6), "{panicked:?}");
    let told = String::from_utf8(panicked.stdout).unwrap();
    assert!(
        told.contains("the hook: ") && told.contains("with an argument"),
        "{told}"
    );
}

async fn repository() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let workspace = directory.path().join("work");
    std::fs::create_dir(&workspace).unwrap();
    std::fs::write(workspace.join("Cargo.toml"), "committed").unwrap();
    let somebody = "-c user.name=a -c user.email=a@b.example";
    for arguments in [
        "init --quiet",
        "add .",
        &format!("{somebody} commit --quiet -m c"),
    ] {
        let mut git = tokio::process::Command::new("git");
        git.args(arguments.split(' ')).current_dir(&workspace);
        assert!(git.status().await.unwrap().success());
    }
    (directory, workspace)
}

#[tokio::test]
async fn a_copy_has_the_committed_files_and_goes_with_its_value() {
    let (directory, workspace) = repository().await;
    let commit = source::commit(&workspace, directory.path()).await.unwrap();
    std::fs::write(workspace.join("Cargo.toml"), "changed").unwrap();

    let copied = source::copy(&commit, &workspace, directory.path()).await;
    let (place, copy) = copied.unwrap();
    let copied = place.workspace;
    assert_eq!(
        output::read(&copied.join("Cargo.toml")).unwrap(),
        "committed"
    );
    assert_ne!(copied, workspace);
    let cargo_home = source::cargo_home().unwrap();
    assert_ne!(place.cargo_home, cargo_home);
    let downloads = || {
        cargo_home
            .read_dir()
            .map(Iterator::count)
            .unwrap_or_default()
    };
    let before = downloads();
    drop(copy);
    assert!(!copied.exists());
    assert_eq!(downloads(), before);
}

#[tokio::test]
async fn a_working_tree_that_differs_is_no_commit() {
    let (directory, workspace) = repository().await;
    source::commit(&workspace, directory.path()).await.unwrap();
    std::fs::write(workspace.join("new.rs"), "").unwrap();
    let error = source::commit(&workspace, directory.path())
        .await
        .unwrap_err();
    assert!(error.to_string().ends_with("stash\n?? new.rs"), "{error}");
}

#[test]
fn the_real_template_deploys_every_function_of_the_workspace() {
    let template = output::read(&workspace().join(template::FILE)).unwrap();
    let functions = tools::functions(&workspace()).unwrap();
    let rewritten = template::with_zips(&template, &functions).unwrap();

    assert!(!rewritten.contains("../functions/"), "{rewritten}");
    let mut changed = 0;
    for (old, new) in template.lines().zip(rewritten.lines()) {
        if old != new {
            changed += 1;
            let function = old.trim().strip_prefix("CodeUri: ../functions/").unwrap();
            assert_eq!(new.trim(), format!("CodeUri: ./{function}.zip"));
        }
    }
    assert_eq!(changed, functions.len());
    assert_eq!(template.lines().count(), rewritten.lines().count());
}
