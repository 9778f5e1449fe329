//! `cargo xtask package`: the functions as the zips that are deployed, the same bytes from the same
//! commit wherever and whenever it is built.

#![allow(clippy::print_stdout, reason = "tasks talk to whoever runs them")]

mod build;
mod elf;
mod output;
mod sbom;
mod source;
mod template;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use local_cloud::process::{OnLine, ProcessError};
use local_cloud::tools::{self, Tools, ToolsError};

use self::build::{Build, Package, Place};
use self::elf::{ElfError, GlibcVersion};
use self::source::FreshCopy;
use self::template::TemplateError;
use package::{archive, most_bytes};

/// Builds the functions as zips to deploy, the same bytes from the same commit, with their sums.
///
/// They come to target/package/, with a template that deploys them. The build is for Amazon Linux
/// 2023, by the pinned cargo-lambda and zig, which are set up if they are missing; the same bytes
/// also take the same version of Rust.
#[derive(Parser)]
#[command(name = "cargo xtask package")]
struct PackageOptions {
    /// The processor of the functions. What is built for arm64 is not tested, and takes Rust's
    /// target aarch64-unknown-linux-gnu.
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

/// A processor, by its name in AWS Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// Intel's and AMD's.
    #[value(name = "x86_64")]
    X86_64,
    /// AWS Graviton.
    #[value(name = "arm64")]
    Arm64,
}

/// Why there are no packages, or none to rely on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// The tools cannot be set up.
    #[error(transparent)]
    Tools(#[from] ToolsError),
    /// A tool fails.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file or directory cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A function that is asked for does not exist.
    #[error("there is no function {name}; there are: {}", .functions.join(", "))]
    UnknownFunction {
        /// What is asked for.
        name: String,
        /// What there is.
        functions: Vec<String>,
    },
    /// Neither is known where cargo keeps its downloads, nor the home directory.
    #[error("cargo's home directory is unknown: set CARGO_HOME or HOME")]
    NoCargoHome,
    /// A directory's name cannot be given to the compiler.
    #[error("the path {path} is not UTF-8: build in a directory that is")]
    Path {
        /// The directory.
        path: PathBuf,
    },
    /// The compiler does not say what is asked of it.
    #[error("`{command}` answered without {what}")]
    Rustc {
        /// What was run.
        command: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// What was built cannot be deployed.
    #[error("the executable of {function} cannot be deployed: {source}")]
    Executable {
        /// The function.
        function: String,
        /// Why not.
        source: ElfError,
    },
    /// A zip cannot be written.
    #[error("the zip of {function} cannot be made: {source}")]
    Zip {
        /// The function.
        function: String,
        /// Why not.
        source: zip::result::ZipError,
    },
    /// The template is not as expected.
    #[error("{}: {source}", template::FILE)]
    Template {
        /// What is not.
        #[from]
        source: TemplateError,
    },
    /// The working tree differs from the commit.
    #[error(
        "--verify compares two builds of one commit, and the working tree differs from it: commit or \
         stash\n{}",
        .changes.join("\n")
    )]
    Dirty {
        /// `git status`.
        changes: Vec<String>,
    },
    /// A zip is larger than it may be.
    #[error(
        "the zip of {function} has {size} bytes, of {budget}: find out what has grown (`cargo xtask bench`, \
         cargo-bloat)"
    )]
    TooLarge {
        /// The function.
        function: String,
        /// Its zip's size.
        size: u64,
        /// The most that it may be.
        budget: u64,
    },
    /// Two builds differ.
    #[error(
        "{function} is not reproducible: two builds of the same commit differ\n{difference}\n\
         first build: {}\nsecond build: in a copy, now deleted",
        .directory.display()
    )]
    NotReproducible {
        /// The first function that differs.
        function: String,
        /// Where, as far as can be told.
        difference: String,
        /// Where the first build's zips are.
        directory: PathBuf,
    },
}

impl PackageError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// What the functions run on: Amazon Linux 2023 has this version of glibc.
fn amazon_linux() -> GlibcVersion {
    GlibcVersion::new([2, 34])
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = PackageOptions::parse();
    tools::task(run(&tools::workspace(), options)).await
}

/// Builds the packages, prints what they are, and with `verify` builds them again and compares.
async fn run(workspace: &Path, options: PackageOptions) -> Result<ExitCode, PackageError> {
    let functions = source::functions(workspace)?;
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
    println!("\n{}\n", output::table(&packages));
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
        let copy = FreshCopy::of(&commit, workspace, &directory.join("build")).await?;
        let again = build.run(copy.place()).await?;
        compare(&packages, &again, &directory)?;
        let names: Vec<_> = packages.iter().map(|it| it.function.as_str()).collect();
        println!(
            "\n  reproducible: the same bytes twice from {commit}: {}",
            names.join(", ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The functions that are asked for, or all.
fn choose(functions: &[String], asked_for: &[String]) -> Result<Vec<String>, PackageError> {
    if let Some(name) = asked_for.iter().find(|name| !functions.contains(name)) {
        return Err(PackageError::UnknownFunction {
            name: name.clone(),
            functions: functions.to_vec(),
        });
    }
    let is_chosen = |name: &&String| asked_for.is_empty() || asked_for.contains(name);
    Ok(functions.iter().filter(is_chosen).cloned().collect())
}

/// Fails with the first function whose zip is larger than it may be.
fn keep_to_budgets(packages: &[Package]) -> Result<(), PackageError> {
    for package in packages {
        let size = u64::try_from(package.zip.len()).unwrap_or(u64::MAX);
        let budget = most_bytes(&package.function);
        if size > budget {
            return Err(PackageError::TooLarge {
                function: package.function.clone(),
                size,
                budget,
            });
        }
    }
    Ok(())
}

/// Fails with the first function whose packages differ.
fn compare(first: &[Package], second: &[Package], directory: &Path) -> Result<(), PackageError> {
    for (one, other) in first.iter().zip(second) {
        if one.zip != other.zip {
            return Err(PackageError::NotReproducible {
                function: one.function.clone(),
                difference: elf::difference(&one.bootstrap, &other.bootstrap),
                directory: directory.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
