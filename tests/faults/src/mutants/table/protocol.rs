//! What the fault runs find.

use faults::violation::Rule;

use super::{FINISH, LOOK, REVOKE, ROTATE, SCHEDULE, VALUES};
use crate::mutants::{Mutant, Runs};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "promotes first, schedules second",
        changes: &[
            (
                ROTATE,
                "    let mut replaced = None;
",
                "    self.secrets.promote(&event.secret, &event.version, &old, deadline).await?;
    let mut replaced = None;
",
            ),
            (
                ROTATE,
                "        self.secrets
            .promote(&event.secret, &event.version, &old, deadline)
            .await?;
        Ok(replaced)
",
                "    Ok(replaced)
",
            ),
        ],
        runs: Runs::Single,
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "labels after the service has issued",
        changes: &[(
            VALUES,
            "
            .version_stages(Label::Live(version.clone()).to_string());",
            ";",
        )],
        runs: Runs::Single,
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "takes the label off before it revokes",
        changes: &[(
            REVOKE,
            "        let ended = self.end(event, &secret, &versions, seen, deadline).await?;
",
            "        self.secrets.detach(&event.secret, &live, &event.version, deadline).await?;
        let ended = self.end(event, &secret, &versions, seen, deadline).await?;
",
        )],
        runs: Runs::Single,
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "revokes without looking at the labels",
        changes: &[
            (
                REVOKE,
                "if secret.carries(&event.version, &Label::Current) {",
                "if false {",
            ),
            (
                REVOKE,
                "if secret.carries(&event.version, &Label::Pending) {",
                "if false {",
            ),
            (
                LOOK,
                "                Some(true) => {}",
                "                Some(true) => continue,",
            ),
            (LOOK, "if !vars.is_empty() {", "if false {"),
            (LOOK, "if !is_seen {", "if false {"),
        ],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "revokes without looking at Heroku",
        changes: &[
            (LOOK, "if !vars.is_empty() {", "if false {"),
            (LOOK, "if !is_seen {", "if false {"),
        ],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "revokes although the revocation was scheduled anew",
        changes: &[(
            REVOKE,
            "if self.schedules.is_moved(event, deadline).await? {",
            "if false {",
        )],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes what is rolled back to for out of use",
        changes: &[(
            FINISH,
            "was_in_use: event.was_in_use.unwrap_or_default(),",
            "was_in_use: false,",
        )],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "begins no grace period anew",
        changes: &[(REVOKE, "if event.was_in_use {", "if false {")],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "publishes without comparing",
        changes: &[
            (
                "shared/src/heroku.rs",
                "if missing.is_empty() {
                    return Ok(());",
                "if false {
                    return Ok(());",
            ),
            (
                "shared/src/heroku.rs",
                "if missing.iter().all(",
                "if !missing.is_empty() && missing.iter().all(",
            ),
        ],
        runs: Runs::Single,
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "reads by AWSCURRENT instead of the version's id",
        changes: &[(
            REVOKE,
            "let old = self.old(event, &secret, &holder, deadline).await?;",
            "let old = self.document(event, &current, deadline).await?;",
        )],
        runs: Runs::Single,
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes any answer for a function's",
        changes: &[(
            "shared/src/invoke.rs",
            "if payload.trim_ascii() == b\"null\" {",
            "if true {",
        )],
        runs: Runs::Tests("what_answers_in_a_step_functions_place"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "gives what was abandoned a grace period from the sweep on",
        changes: &[(SCHEDULE, "was_in_use: true,", "was_in_use: false,")],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
];
