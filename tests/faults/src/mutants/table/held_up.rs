//! What a leaked login of PostgreSQL holds up.

use faults::violation::Rule;

use crate::mutants::{Mutant, Runs};

const HELD_UP: &str = "shared/src/engine/postgres/held_up.rs";
const HAND_OVER: &str = "shared/src/engine/postgres/hand_over.rs";
const SAME: &str = "shared/src/engine/postgres/issue/same.rs";

const PREPARED: &str = "maintenance::v15::a_prepared_change_of_a_role";

const fn mutant(
    name: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
    tests: &'static str,
    breaks: Rule,
) -> Mutant {
    Mutant {
        name,
        changes,
        runs: Runs::Tests(tests),
        breaks,
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "leaves a prepared change of a role",
        &[(
            HELD_UP,
            "for row in &rows {",
            "for row in rows.iter().take(0) {",
        )],
        PREPARED,
        Rule::OneAtRest,
    ),
    mutant(
        "rolls back what has read a role",
        &[(HELD_UP, "AND held.mode <> 'AccessShareLock' ", "")],
        PREPARED,
        Rule::NobodyLockedOut,
    ),
    mutant(
        "rolls back what another customer has prepared",
        &[(
            HELD_UP,
            "OR pg_has_role(pg_roles.oid, {oid}::oid, 'MEMBER'))",
            "OR true)",
        )],
        PREPARED,
        Rule::NoForeignLogin,
    ),
    mutant(
        "leaves what is prepared in a database that is shut",
        &[(HELD_UP, "if ended.is_err() {", "if false {")],
        "maintenance::v15::a_prepared_change_in_a_database_that_is_shut",
        Rule::OneAtRest,
    ),
    mutant(
        "waits for who holds the database",
        &[(
            SAME,
            "(Err(error), Some(name)) if error.is_transient() => {",
            "(Err(error), Some(name)) if error.is_transient() && name.is_empty() => {",
        )],
        "same::v15::a_lock_on_the_database",
        Rule::Converges,
    ),
    mutant(
        "copies settings without end",
        &[
            (SAME, "LIMIT {MOST} + 1", "LIMIT 1000000"),
            (
                SAME,
                "for row in rows.iter().take(MOST) {",
                "for row in &rows {",
            ),
        ],
        "same::v15::more_settings_than",
        Rule::Converges,
    ),
    mutant(
        "hands all tables over at once",
        &[(
            HAND_OVER,
            "WHERE relowner = {oid} AND relkind",
            "WHERE relowner = {oid} AND false AND relkind",
        )],
        "handed_over::v15::what_is_more_than",
        Rule::Converges,
    ),
];
