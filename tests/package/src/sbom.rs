//! What the functions are made of, as a bill of materials that scanners read:
//! [CycloneDX](https://cyclonedx.org/docs/1.6/json/).
//!
//! cargo says which crates it compiles for them, and Cargo.lock which bytes those are. It holds no time and
//! no path: the same commit gives the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tools::process;

use super::{Architecture, output};

pub(crate) const FILE: &str = "sbom.cdx.json";

type Crate = (String, String);

pub(crate) async fn of(
    workspace: &Path,
    architecture: Architecture,
    functions: &[String],
    logs: &Path,
) -> Result<String> {
    let mut tree = process::command("cargo", Signal::SIGTERM);
    process::forget_cargo(tree.as_std_mut());
    tree.current_dir(workspace);
    tree.args(["tree", "--locked", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .args(["--target", architecture.triple()]);
    for function in functions {
        tree.args(["--package", function]);
    }
    let log = logs.join("cargo-tree.log");
    let compiled = process::run("cargo tree", tree, &log, None).await?.lines();
    let locked = checksums(&output::read(&workspace.join("Cargo.lock"))?);
    let crates: BTreeMap<Crate, String> = compiled.iter().filter_map(|line| read(line)).collect();
    let components: Vec<_> = crates
        .iter()
        .map(|(it, licence)| component(it, licence, locked.get(it), functions))
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "name": "heroku-addon-rotation",
            "version": env!("CARGO_PKG_VERSION"),
        } },
        "components": components,
    });
    Ok(format!("{bill:#}\n"))
}

/// A line of `cargo tree`: name, version, where it is from; licence.
fn read(line: &str) -> Option<(Crate, String)> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    // A repeated crate's line ends in a star.
    let licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
    Some(((name.to_owned(), version.to_owned()), licence))
}

fn component(
    (name, version): &Crate,
    licence: &str,
    checksum: Option<&String>,
    functions: &[String],
) -> Value {
    let is_function = functions.contains(name);
    let mut component = json!({
        "type": if is_function { "application" } else { "library" },
        "bom-ref": format!("{name}@{version}"),
        "name": name,
        "version": version,
    });
    if !licence.is_empty() {
        component["licenses"] = json!([{ "expression": licence }]);
    }
    // The workspace's own have none, and are on no registry.
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        let version = version.replace('+', "%2B");
        component["purl"] = format!("pkg:cargo/{name}@{version}").into();
    }
    component
}

fn checksums(lock: &str) -> BTreeMap<Crate, String> {
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let field = |name: &str| {
                let prefix = format!("{name} = \"");
                let line = package
                    .lines()
                    .find_map(|line| line.strip_prefix(&prefix))?;
                Some(line.trim_end_matches('"').to_owned())
            };
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What cargo would compile, by its build plan instead of its tree: name, version.
    async fn planned(workspace: &Path, functions: &[String]) -> BTreeSet<Crate> {
        let mut plan = tools::cargo(workspace);
        // A plan is for nightly alone.
        plan.env("RUSTC_BOOTSTRAP", "1")
            .args(["build", "--locked", "--release", "--unit-graph"])
            .args(["-Z", "unstable-options"])
            .args(["--target", Architecture::X86_64.triple()]);
        for function in functions {
            plan.args(["--package", function]);
        }
        let plan = plan.output().await.unwrap();
        assert!(plan.status.success(), "{plan:?}");
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        let units = plan["units"].as_array().unwrap().iter();
        units
            .map(|unit| {
                // registry+https://…#name@version, path+file:///…/name#version
                let (source, it) = unit["pkg_id"].as_str().unwrap().rsplit_once('#').unwrap();
                let in_path = || (source.rsplit('/').next().unwrap(), it);
                let (name, version) = it.split_once('@').unwrap_or_else(in_path);
                (name.to_owned(), version.to_owned())
            })
            .collect()
    }

    #[tokio::test]
    async fn it_lists_exactly_what_the_functions_are_compiled_from() {
        let workspace = tools::workspace();
        let functions = tools::functions(&workspace).unwrap();
        let logs = tempfile::tempdir().unwrap();
        let bill = of(&workspace, Architecture::X86_64, &functions, logs.path());
        let bill: Value = serde_json::from_str(&bill.await.unwrap()).unwrap();
        let components = bill["components"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let listed: BTreeSet<_> = components
            .iter()
            .map(|it| (text(&it["name"]), text(&it["version"])))
            .collect();
        assert_eq!(listed.len(), components.len(), "each once");
        assert_eq!(listed, planned(&workspace, &functions).await);
        // Each is from crates.io, with its sum, or the project's own.
        let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap();
        for it in components {
            let name = text(&it["name"]);
            let is_own = functions.contains(&name) || name == "addon-rotation";
            assert_eq!(it["purl"].is_null(), is_own, "{it}");
            assert_eq!(it["type"] == "application", functions.contains(&name));
            if !is_own {
                let sum = text(&it["hashes"][0]["content"]);
                let version = text(&it["version"]);
                let locked = format!(
                    "name = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{sum}\"\n"
                );
                assert!(sum.len() == 64 && lock.contains(&locked), "{it}");
            }
            assert!(it["licenses"][0]["expression"].is_string(), "{it}");
        }
    }
}
