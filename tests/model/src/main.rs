//! `cargo run -p model`: explores the protocol, and its broken variants.
#![allow(clippy::print_stdout, reason = "a program for whoever runs it")]

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{Table, presets};

/// Explores all that can happen to two rotations and their revocations.
#[derive(Parser)]
struct Arguments {
    /// How often something may go wrong. 2 takes three minutes and some gigabytes.
    #[arg(long, default_value_t = 1)]
    misfortunes: u8,
    /// Prints the actions that show what a broken protocol breaks.
    #[arg(long)]
    paths: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "protocol",
        "swept",
        "pending stays",
        "late reads",
        "states",
        "depth",
        "does not hold",
    ]);
    let mut as_expected = true;
    for explored in model::explorations(arguments.misfortunes) {
        let names: Vec<_> = explored.broken.iter().map(|(name, _)| *name).collect();
        table.add_row([
            explored.rotations.protocol.name(),
            if explored.rotations.swept {
                "yes"
            } else {
                "no"
            },
            if explored.rotations.pending_stays {
                "yes"
            } else {
                "no"
            },
            if explored.rotations.late_reads {
                "yes"
            } else {
                "no"
            },
            &explored.states.to_string(),
            &explored.depth.to_string(),
            &names.join("; "),
        ]);
        for (name, actions) in &explored.broken {
            if arguments.paths || !explored.is_as_expected() {
                println!("{}: {name}", explored.rotations.protocol.name());
                for action in actions {
                    println!("  {action}");
                }
            }
        }
        as_expected &= explored.is_as_expected();
    }
    println!("{table}");
    if as_expected {
        ExitCode::SUCCESS
    } else {
        println!("this is not as it must be");
        ExitCode::FAILURE
    }
}
