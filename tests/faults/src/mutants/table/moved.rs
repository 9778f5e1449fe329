//! A credential at two addresses, and an administrator's secret that names one no more.

use faults::violation::Rule;

use super::{DEPROVISIONED, END, LABELS, LOOK, SERVICE};
use crate::mutants::{Mutant, Runs};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "ends a credential at the address in its own document alone",
        changes: &[(
            END,
            "let moved = current.filter(|current| !document.is_where(current));",
            "let moved = current.filter(|_| false);",
        )],
        runs: Runs::Tests("moved::an_old_credential_ends_at_both"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "leaves a credential to a version at another address",
        changes: &[(
            LOOK,
            "if !self.old.is_where(document) {\n                //",
            "if false {\n                //",
        )],
        runs: Runs::Tests("moved::of_two_versions"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes another address for another server",
        changes: &[(
            LOOK,
            "if is_first\n                    && (event",
            "if true || is_first\n                    && (event",
        )],
        runs: Runs::Tests("moved::what_two_names"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "does not wait for the time of a version at another address",
        changes: &[(
            LOOK,
            "|| !schedules.is_to_come",
            "|| true || !schedules.is_to_come",
        )],
        runs: Runs::Tests("moved::what_two_names"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "leaves a credential to the current version at another address",
        changes: &[(
            LABELS,
            "if is_current && !versions.old",
            "if false && !versions.old",
        )],
        runs: Runs::Tests("moved::what_is_current_at_another"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes off a label at an address where nothing ended",
        changes: &[(
            LOOK,
            "&& (self.old.is_where(document) || self.current.is_where(document))",
            "",
        )],
        runs: Runs::Tests("moved::a_version_that_nobody_saw"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "asks for a session of a login whose password is right",
        changes: &[(
            SERVICE,
            "Err(error) if error.is_of_right_password()",
            "Err(error) if false && error.is_of_right_password()",
        )],
        runs: Runs::Tests("a_login_that_keeps_itself_out"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes an anonymous account's password for the user's",
        changes: &[(
            "shared/src/engine/mysql.rs",
            "if !is_kept_out {",
            "if true || !is_kept_out {",
        )],
        runs: Runs::Tests("an_account_that_stands_in"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "knows no administrator's secret that is for no server",
        changes: &[(
            "shared/src/authority/address.rs",
            "if ![\"host\", \"hosts\", \"url\", \"urls\"]",
            "if served.servers.is_empty() && served.urls.is_empty() || ![\"host\", \"hosts\", \"url\", \"urls\"]",
        )],
        runs: Runs::Tests("moved::an_old_credential_ends_at_both_addresses_with"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes an administrator's secret that is deleted for one that says something",
        changes: &[(
            END,
            "Err(error) if elsewhere.is_ok() && is_given_up(&error) => {",
            "Err(error) if elsewhere.is_ok() => {",
        )],
        runs: Runs::Tests("moved::an_administrator_s_secret_that_is_deleted"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "ends whatever has the credential's name where the service has moved to",
        changes: &[(
            END,
            "if !is_named && !self.logs_in",
            "if false && !self.logs_in",
        )],
        runs: Runs::Tests("moved::what_has_the_old_credential_s_name"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes a changed password at the new address for another's login",
        changes: &[(END, "if !is_named && !self.logs_in", "if !self.logs_in")],
        runs: Runs::Tests("moved::an_old_credential_whose_password"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "ends with an instance its login's namesake at another server",
        changes: &[(DEPROVISIONED, "!same.contains(&true)", "same.is_empty()")],
        runs: Runs::Tests("moved::with_an_instance_no_login"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes what a refused current version holds as well for that one's",
        changes: &[(
            LOOK,
            "let vars = config.showing_both(&old, &rendered);",
            "let vars = Vec::<&str>::new();",
        )],
        runs: Runs::Tests("moved::what_apps_read_outlives"),
        breaks: Rule::NobodyLockedOut,
    },
];
