//! What makes the product right where AWS and Heroku are untidy.

use faults::violation::Rule;

use super::{CONFIG, ROTATE, SCHEDULE};
use crate::mutants::{Mutant, Runs};

const CHANGE: &str = "infra/operator/src/change.rs";
const EMERGENCY: &str = "infra/operator/src/emergency.rs";
const ROTATION: &str = "infra/operator/src/rotation.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "takes AWSPENDING for a rotation under way",
        changes: &[(
            "shared/src/secrets/labels.rs",
            "if !self.carries(&version, &Label::Current) {",
            "if true {",
        )],
        runs: Runs::Tests("pressed_again_it_says_how_long_to_wait"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "leaves AWSPENDING on what it rolls back",
        changes: &[(
            "infra/operator/src/rollback.rs",
            "            stack.take_off_pending(output, instance, new).await?;
",
            "",
        )],
        runs: Runs::Tests("rollback::the_previous_version_is_current_again"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "makes a changed document current that does not work",
        changes: &[(
            CHANGE,
            "tried.map_err(|error| self.step(\"try\", error, stored_only(&new)))?;",
            "drop(tried);",
        )],
        runs: Runs::Tests("change::a_host_that_moved"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "makes a changed document current between a rotation's steps",
        changes: &[(
            CHANGE,
            "let current = rotation::at_rest(instance, &secret)",
            "let current = rotation::current(instance, &secret)",
        )],
        runs: Runs::Tests("change::a_rotation_that_begins_meanwhile"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes a changed document for published that no rotation has taken up",
        changes: &[(CHANGE, "if !is_change(old) {", "if true {")],
        runs: Runs::Tests("change::wherever_it_is_cut_off"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes what no look has shown yet for given up",
        changes: &[
            (ROTATION, "} else if seen {", "} else {"),
            (ROTATION, "if absences >= ABSENCES {", "if absences >= 1 {"),
        ],
        runs: Runs::Tests("emergency::at_once_every_older"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "ends an emergency after a single look",
        changes: &[(EMERGENCY, "&& looks < rotation::ABSENCES", "&& looks < 1")],
        runs: Runs::Tests("emergency::that_nothing_older_is_alive"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "schedules nothing for what cannot be ended at once",
        changes: &[
            (
                EMERGENCY,
                "        self.stack
            .revoke_after(self.instance, version, Some(SOON), Some(false))
            .await?;
        // Without",
                "        // Without",
            ),
            (
                EMERGENCY,
                "        let is_tried = self.options.revoke_after.is_none()
",
                "        let is_tried = false
",
            ),
        ],
        runs: Runs::Tests("emergency::a_revocation_that_must_be_postponed"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "believes a read that contradicts what has just been begun",
        changes: &[
            (
                ROTATE,
                ") -> Result<Option<Secret>, Error> {
        let patience = deadline.at_most(CONSISTENCY);",
                ") -> Result<Option<Secret>, Error> {
        let patience = deadline.at_most(Duration::ZERO);",
            ),
            (
                ROTATE,
                ") -> Result<VersionId, Error> {
        let patience = deadline.at_most(CONSISTENCY);",
                ") -> Result<VersionId, Error> {
        let patience = deadline.at_most(Duration::ZERO);",
            ),
        ],
        runs: Runs::Tests("rotation::late_reads_refuse_no_step"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "believes a look rather than Secrets Manager's refusal",
        changes: &[(
            "shared/src/instances/start_rotation.rs",
            "if error.is(\"InvalidRequestException\") {",
            "if false {",
        )],
        runs: Runs::Tests("starting::a_rotation_that_no_look_shows_yet"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes an enrolment back although its rotation may be on",
        changes: &[(
            "shared/src/instances/enroll_addon.rs",
            "made.may_rotate = error.is_transient();",
            "made.may_rotate = false;",
        )],
        runs: Runs::Tests("enrollment::failed::nothing_is_taken_back"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "passes over what waits while AWS forgets the function",
        changes: &[(
            "shared/src/instances/sweep.rs",
            "let is_own = is_own.unwrap_or(secret.rotation_off);",
            "let is_own = is_own.unwrap_or(false);",
        )],
        runs: Runs::Tests("sweep::what_waits_ends_while"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes a list without secrets for a stack without any",
        changes: &[(
            "shared/src/instances/sweep.rs",
            "found.listed == 0",
            "found.listed == u64::MAX",
        )],
        runs: Runs::Tests("sweep::a_sweep_that_sees_no_secret"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes a refusal for a conflict for a schedule",
        changes: &[(
            SCHEDULE,
            "                Err(error) if error.is(CONFLICT) => {}
                created",
            "                Err(error) if error.is(CONFLICT) => return Ok(()),
                created",
        )],
        runs: Runs::Tests("schedules::a_schedule_that_is_being_changed"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "knows config vars by the manifest's names alone",
        changes: &[(
            CONFIG,
            "for form in forms {",
            "for form in forms.into_iter().take(0) {",
        )],
        runs: Runs::Tests("ending::whatever_heroku_calls"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "lets nobody go first where Heroku's requests are used up",
        changes: &[(
            "shared/src/heroku/line.rs",
            "self.begun = true;",
            "self.begun = false;",
        )],
        runs: Runs::Tests("line::tests::who_has_begun"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "begins a rotation for each press",
        changes: &[(
            "shared/src/instances/start_rotation.rs",
            "not_now(&arn, &secret, *minimum_interval)",
            "not_now(&arn, &secret, Duration::ZERO)",
        )],
        runs: Runs::Tests("pressed_again_it_says_how_long_to_wait"),
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "looks once more before a write that was limited",
        changes: &[(
            "shared/src/heroku.rs",
            "limited.set(matches!(answer, Err(HerokuError::RateLimited { .. })));",
            "limited.set(false && answer.is_err());",
        )],
        runs: Runs::Tests("a_write_that_met_the_rate_limit"),
        breaks: Rule::Converges,
    },
];
