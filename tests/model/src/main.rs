//! `cargo run -p model`: explores the protocol, and its broken variants.
#![allow(clippy::print_stdout, reason = "a program for whoever runs it")]

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{Table, presets};
use model::{Protocol, Rotations};

/// Explores all that can happen to two rotations and their revocations.
#[derive(Parser)]
struct Arguments {
    /// How many crashes may come.
    #[arg(long, default_value_t = 1)]
    crashes: u8,
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
        "abandoned, swept",
        "states",
        "depth",
        "does not hold",
    ]);
    let mut as_expected = true;
    for protocol in Protocol::ALL {
        let mut found = Vec::new();
        for abandoned_and_swept in [false, true] {
            let explored = Rotations {
                protocol,
                crashes: arguments.crashes,
                abandoned_and_swept,
            }
            .explore();
            let names: Vec<_> = explored.broken.iter().map(|(name, _)| *name).collect();
            table.add_row([
                protocol.name(),
                if abandoned_and_swept { "yes" } else { "no" },
                &explored.states.to_string(),
                &explored.depth.to_string(),
                &names.join("; "),
            ]);
            if arguments.paths {
                for (name, actions) in &explored.broken {
                    println!("{}: {name}", protocol.name());
                    for action in actions {
                        println!("  {action:?}");
                    }
                }
            }
            found.extend(names);
        }
        as_expected &= match protocol.breaks() {
            None => found.is_empty(),
            Some(name) => found.contains(&name),
        };
    }
    println!("{table}");
    if as_expected {
        ExitCode::SUCCESS
    } else {
        println!("this is not as it must be");
        ExitCode::FAILURE
    }
}
