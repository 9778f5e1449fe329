//! `cargo xtask package`: the functions as the zips that are deployed, the same bytes from the same
//! commit wherever and whenever it is built.

#![allow(clippy::print_stdout, reason = "tasks talk to whoever runs them")]

mod build;
mod output;
mod sbom;
mod source;
mod template;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use tools::Tools;
use tools::process::OnLine;

use self::build::{Build, Package, Place};
use package::{Architecture, most_bytes};

/// Builds the functions as zips to deploy, the same bytes from the same commit, with their sums.
///
/// They come to target/package/, with a template that deploys them. The build is for Amazon Linux
/// 2023, by the pinned cargo-lambda and zig, which are set up if they are missing; the same bytes
/// also take the same version of Rust.
#[derive(Parser)]
#[command(name = "cargo xtask package")]
struct PackageOptions {
    /// The processor of the functions. arm64 takes Rust's target aarch64-unknown-linux-gnu (`rustup
    /// target add`). The tests emulate arm64, with another build: by Debian's Rust, unoptimised.
    #[arg(long, value_enum, default_value = "x86_64")]
    architecture: Architecture,
    /// Only this function; may be given several times.
    #[arg(long = "function", value_name = "NAME")]
    functions: Vec<String>,
    /// Builds the commit again, from a fresh copy at another path, and fails if any byte differs, or if
    /// a zip is larger than it may be.
    #[arg(long)]
    verify: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = PackageOptions::parse();
    tools::task(run(&tools::workspace(), options)).await
}

/// Builds the packages, prints what they are, and with `verify` builds them again and compares.
async fn run(workspace: &Path, options: PackageOptions) -> Result<ExitCode> {
    let functions = tools::functions(workspace)?;
    let chosen = choose(&functions, &options.functions)?;
    let template =
        template::with_zips(&output::read(&workspace.join(template::FILE))?, &functions)?;
    let target = tools::target_directory(workspace);
    let directory = target.join("package");
    let commit = if options.verify {
        Some(source::commit(workspace, &directory.join("build")).await?)
    } else {
        None
    };
    output::clear(&directory)?;

    let progress: OnLine = Arc::new(|line| println!("{line}"));
    let build = Build {
        tools: Tools::ensure(&target, Arc::clone(&progress)).await?,
        architecture: options.architecture,
        functions,
        chosen,
        progress: Arc::clone(&progress),
    };
    let packages = build
        .run(&Place {
            workspace: workspace.to_owned(),
            target: directory.join("build"),
            cargo_home: source::cargo_home()?,
            cache: None,
        })
        .await?;
    let bill = sbom::of(workspace, options.architecture, &build.chosen, &directory);
    output::write(&directory, &packages, &bill.await?)?;
    println!("\n{}\n", output::lines(&packages));
    if build.is_complete() {
        let path = directory.join("template.yaml");
        output::write_file(&path, template.as_bytes())?;
        let parameters = match options.architecture {
            Architecture::X86_64 => "",
            Architecture::Arm64 => " --parameter-overrides Architecture=arm64",
        };
        println!("  to deploy: sam deploy -t {}{parameters}", path.display());
    } else {
        println!(
            "  in {}, without a template: it takes all functions",
            directory.display()
        );
    }

    if let Some(commit) = commit {
        keep_to_budgets(&packages)?;
        progress(&format!(
            "building {commit} again, from a copy, from nothing"
        ));
        let (place, _copy) = source::copy(&commit, workspace, &directory.join("build")).await?;
        let again = build.run(&place).await?;
        compare(&packages, &again, &directory)?;
        let names: Vec<_> = packages.iter().map(|it| it.function.as_str()).collect();
        println!(
            "\n  reproducible: the same bytes twice from {commit}: {}",
            names.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(functions: &[String], asked_for: &[String]) -> Result<Vec<String>> {
    if let Some(name) = asked_for.iter().find(|name| !functions.contains(name)) {
        bail!(
            "there is no function {name}; there are: {}",
            functions.join(", ")
        );
    }
    let is_chosen = |name: &&String| asked_for.is_empty() || asked_for.contains(name);
    Ok(functions.iter().filter(is_chosen).cloned().collect())
}

fn keep_to_budgets(packages: &[Package]) -> Result<()> {
    for Package { function, zip, .. } in packages {
        let (size, budget) = (u64::try_from(zip.len())?, most_bytes(function));
        ensure!(
            size <= budget,
            "the zip of {function} has {size} bytes, of {budget}: find out what has grown (`cargo xtask \
             bench`, cargo-bloat)"
        );
    }
    Ok(())
}

/// Fails with the first function whose packages differ, and the first byte of the executables that does.
fn compare(first: &[Package], second: &[Package], directory: &Path) -> Result<()> {
    for (one, other) in first.iter().zip(second) {
        let both = one.bootstrap.iter().zip(&other.bootstrap);
        let same = both.take_while(|(a, b)| a == b).count();
        ensure!(
            one.zip == other.zip,
            "{} is not reproducible: two builds of the same commit differ: the executables, of {} and {} bytes, are the \
             same up to byte {same:#x}\nfirst build: {}\nsecond build: in a copy, now deleted",
            one.function,
            one.bootstrap.len(),
            other.bootstrap.len(),
            directory.join(one.file_name()).display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
