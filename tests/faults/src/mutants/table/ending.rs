//! The end of a credential, and what leads to it.

use faults::violation::Rule;

use super::{CONFIG, DEPROVISION, LABELS, LOOK, MOVES, REVOKE, ROTATE, SCHEDULE};
use crate::mutants::{Mutant, Runs};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "forgets that Heroku goes on showing the previous credential",
        changes: &[(
            ROTATE,
            "if let Some(LeftBehind { version_id, .. }) = left_behind {",
            "if let Some(LeftBehind { version_id, .. }) = left_behind.filter(|_| false) {",
        )],
        runs: Runs::Tests("apps_that_read_a_"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "begins a grace period without what its schedule knew before",
        changes: &[(
            SCHEDULE,
            "event.was_in_use || known.is_some_and(|it| it.was_in_use)",
            "event.was_in_use",
        )],
        runs: Runs::Tests("apps_that_read_a_"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "forgets what a try knew that a later one replaces",
        changes: &[(
            SCHEDULE,
            "if is_moved && is_forgotten",
            "if false && is_forgotten",
        )],
        runs: Runs::Tests("postponed::because_it_was_in_use_when"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "knows what Heroku shows while a secret is deleted",
        changes: &[(
            "shared/src/steps/revoke_secret/tries.rs",
            "let in_use = is_deleted",
            "let in_use = false && is_deleted",
        )],
        runs: Runs::Tests("postponed::because_the_secret_is_marked"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "rolls back without looking what Heroku goes on showing",
        changes: &[(
            "infra/operator/src/rollback.rs",
            "let was_in_use = is_left_behind.then_some(true);",
            "let was_in_use = (is_left_behind && false).then_some(true);",
        )],
        runs: Runs::Tests("apps_that_read_what_the_older_version"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "leaves config vars that the document has removed",
        changes: &[(
            "shared/src/heroku.rs",
            "removed.replace(shown.to_remove(rendered));",
            "removed.replace(Vec::new());",
        )],
        runs: Runs::Tests("removes_a_config_var_by_the_documents_word"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes any grace period from an event",
        changes: &[(
            "shared/src/event.rs",
            "event.optional_number(\"RevokeAfterSeconds\", 1..=longest)",
            "event.optional_number(\"RevokeAfterSeconds\", 1..=longest * 9999)",
        )],
        runs: Runs::Tests("a_number_or_time_out_of_its_bounds"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "notes nothing of what it has seen",
        changes: &[(ROTATE, "note.filter(|_| !is_own)", "note.filter(|_| false)")],
        runs: Runs::Tests("ending::what_was_shown"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "moves a label without what shows whose credential it is",
        changes: &[(
            LABELS,
            "self.ending(event, deadline)
            .show_own(secret, current, document)
            .await?;",
            "",
        )],
        runs: Runs::Tests("whose_credential_it_is_is_noted_before"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "believes a look that shows the label that another goes for",
        changes: &[(
            LABELS,
            "self.label(event, secret, &other, deadline).await?;",
            "drop(other.clone());",
        )],
        runs: Runs::Tests("a_label_that_another_goes_for"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "asks for the old credential in its own config vars alone",
        changes: &[(
            CONFIG,
            ".filter(|(_, shown)| is_shown(shown))",
            ".filter(|(name, shown)| rendered.iter().any(|(own, _)| own == *name) && is_shown(shown))",
        )],
        runs: Runs::Tests("ending::a_config_var_that"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes nothing for gone",
        changes: &[(LOOK, "if !is_seen {", "if false {")],
        runs: Runs::Tests("ending::a_look_that"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "ends a credential with the first of its labels",
        changes: &[(
            LOOK,
            "                Some(true) => {}",
            "                Some(true) => continue,",
        )],
        runs: Runs::Tests("ending::versions_with_one"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "believes a refusal that has no control",
        changes: &[(REVOKE, "if seen == Seen::Current {", "if false {")],
        runs: Runs::Tests("authority::a_broken_current"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "looks for no login that is under way",
        changes: &[(
            "shared/src/engine/mysql/end.rs",
            " OR USER = 'unauthenticated user'",
            "",
        )],
        runs: Runs::Tests("mysql_engine::adversary::a_login_that_stalls"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes a grant that nobody may pass on for the administrator's fault",
        changes: &[(
            "shared/src/engine/mysql/copy.rs",
            "grant.starts_with(\"GRANT PROXY \")",
            "false",
        )],
        runs: Runs::Tests("mysql_engine::adversary::a_user_that_lets"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "deletes a secret that somebody rotates by now",
        changes: &[(
            DEPROVISION,
            "        self.switched_off(arn, Some(&secret), deadline).await?;
",
            "",
        )],
        runs: Runs::Tests("deprovisioning::a_rotation_that_begins_meanwhile"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "says of a rotation that stands still that it is under way",
        changes: &[(
            "shared/src/instances/start_rotation.rs",
            "Rotation::UnderWay(_) if secret.stands_still() => return None,",
            "",
        )],
        runs: Runs::Tests("starting::a_rotation_that_stands_still"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "lets a panic be the last try",
        changes: &[(
            "shared/src/last_will.rs",
            "WILL.set(Some(Box::new(executed)));",
            "drop(executed);",
        )],
        runs: Runs::Tests("ending::a_panic_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "judges a promotion by its answer",
        changes: &[(
            MOVES,
            "if error.is(\"AccessDeniedException\") {",
            "if true {",
        )],
        runs: Runs::Tests("ending::a_promotion_whose"),
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "counts no labels",
        changes: &[(
            "shared/src/steps/rotate/due.rs",
            "if has + needed <= MOST_LABELS {",
            "if true || has + needed <= MOST_LABELS {",
        )],
        runs: Runs::Tests("ending::labels_that_have_no_room"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes a schedule's name for a plan",
        changes: &[(
            "shared/src/schedule/group.rs",
            "is_enabled: schedule.state != Some(ScheduleState::Disabled),",
            "is_enabled: true,",
        )],
        runs: Runs::Tests("ending::a_schedule_that_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "passes over secrets that somebody deleted",
        changes: &[(
            "shared/src/instances/sweep.rs",
            "if is_own && secret.is_deleted_alive() {",
            "if is_own && false && secret.is_deleted_alive() {",
        )],
        runs: Runs::Tests("steps::sweep::a_secret_that_was_deleted"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "takes a deprovisioned instance for one that is alive",
        changes: &[(
            "shared/src/secrets/labels.rs",
            "self.deleted && (self.rotation_enabled || self.live().next().is_some())",
            "self.deleted",
        )],
        runs: Runs::Tests("steps::sweep::a_secret_that_was_deleted"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "puts off a leaked credential's later try",
        changes: &[(
            "infra/operator/src/emergency.rs",
            "group.to_come(&self.instance.arn, version, soon())",
            "group.planned(&self.instance.arn, version, 0, soon())",
        )],
        runs: Runs::Tests("operator::emergency::typed_again"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes a try that has fired for what is to come",
        changes: &[(
            "shared/src/schedule/group.rs",
            "Some(next) if next.at > SystemTime::now() => return Ok(Some(next)),",
            "Some(next) if next.will_begin() => return Ok(Some(next)),",
        )],
        runs: Runs::Tests("operator::emergency::a_try_that_has_fired"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "rolls back from no version without a valid document",
        changes: &[(
            "infra/operator/src/rollback.rs",
            "Some(\"DocumentError\" | \"AuthorityError\" | \"SecretError\") => {",
            "Some(\"\") => {",
        )],
        runs: Runs::Tests("operator::rollback::a_current_version_without_a_valid"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes a service that does not answer for a refusal",
        changes: &[(
            "infra/operator/src/rollback.rs",
            "Some(\"ServiceError\") => Err(self.by_hand(&error)),",
            "Some(\"ServiceError\") => Ok(Some(\"\")),",
        )],
        runs: Runs::Tests("operator::rollback::a_version_whose_login_cannot"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "takes another name of its kind for another service",
        changes: &[(
            "shared/src/document/change.rs",
            "if !self.engine.is_of_kind_of(&other.engine) {",
            "if self.fields.text(\"engine\") != other.fields.text(\"engine\") {",
        )],
        runs: Runs::Tests("a_login_goes_along_to_a_service"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "has a login's renamed fields in the new document's templates",
        changes: &[(
            "shared/src/document/change.rs",
            "SHAPE.into_iter().filter(|_| is_renamed)",
            "SHAPE.into_iter().filter(|_| false && is_renamed)",
        )],
        runs: Runs::Tests("steps::moved::an_old_credential_whose_field"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "schedules for any time",
        changes: &[(SCHEDULE, "delay.max(self.configuration.soonest)", "delay")],
        runs: Runs::Tests("ending::no_schedule_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "writes again what Heroku stores in another text",
        changes: &[(
            "shared/src/heroku.rs",
            "if missing.iter().all(",
            "if false && missing.iter().all(",
        )],
        runs: Runs::Tests("ending::a_value_that"),
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "stores a renewed token once",
        changes: &[(
            "shared/src/heroku/oauth.rs",
            "impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        true",
            "impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        false",
        )],
        runs: Runs::Tests("tokens::a_renewed_refresh_token_is_stored"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "does not look whether a token was renewed meanwhile",
        changes: &[(
            "shared/src/heroku/oauth.rs",
            ".filter(|now| !known.has_all_of(now))",
            ".filter(|_| false)",
        )],
        runs: Runs::Tests("tokens::two_functions"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "puts a token over the one that another function has put there",
        changes: &[(
            "shared/src/tokens.rs",
            "            Err(error) if error.is(OTHERWISE) => Ok(false),
            put => put",
            "            Err(error) if error.is(OTHERWISE) => Ok(true),
            put => put",
        )],
        runs: Runs::Tests("tokens::of_two_functions"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "deletes the secret of a token before it is in the table",
        changes: &[(
            "shared/src/instances/enroll_addon/move_token.rs",
            "self.tokens.keep(addon, token, &known, deadline).await?;",
            "",
        )],
        runs: Runs::Tests("enrollment::moved::a_token_moves"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "does not look for a token that an earlier version has renewed since the move",
        changes: &[(
            "shared/src/heroku/oauth.rs",
            "tokens.read_both(heroku, deadline)",
            "tokens.read(heroku, deadline)",
        )],
        runs: Runs::Tests("enrollment::moved::a_token_that_an_earlier_version"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "enrols without trying the administrator's login",
        changes: &[(
            "shared/src/instances/enroll_addon.rs",
            "        self.rehearse(&secret, &version, deadline).await?;
",
            "",
        )],
        runs: Runs::Tests("an_administrator_that_cannot_rotate"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "keeps what it rehearses",
        changes: &[(
            "shared/src/engine/postgres/session.rs",
            "self.and_then(statements, \"ROLLBACK\").await",
            "self.and_then(statements, \"COMMIT\").await",
        )],
        runs: Runs::Tests("a_rehearsal_finds_everything"),
        breaks: Rule::AliveIsLabelled,
    },
];
