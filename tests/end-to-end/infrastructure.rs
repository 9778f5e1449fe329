//! The templates as a platform team has them: reviewed by linters, updated in place, watched, tried
//! again, taken away.

mod dead_letters;
mod instances;
mod linters;
mod metrics;
mod operations;
mod removal;
mod rotation_template;
mod sweep;
mod update;

use crate::Suite;

/// What leaves the stack as it is.
pub(crate) fn reviews(suite: &mut Suite) {
    linters::tests(suite);
    instances::tests(suite);
    suite.test(
        "infrastructure::the_guides_own_rotation_function_rotates",
        rotation_template::rotates,
    );
}

/// What changes the stack, one after the other.
pub(crate) fn changes(suite: &mut Suite) {
    suite.test(
        "infrastructure::a_dead_letter_is_tried_again",
        dead_letters::tried_again,
    );
    suite.test(
        "infrastructure::the_sweep_finds_what_was_lost",
        sweep::finds,
    );
    suite.test(
        "infrastructure::an_update_in_place_loses_no_revocation",
        update::in_place,
    );
    suite.test(
        "infrastructure::alarms_and_dashboard_name_what_is_emitted",
        metrics::agree,
    );
}

/// The end of the stack, after everything else; and another one's beginning, as a new user makes it.
pub(crate) fn end(suite: &mut Suite) {
    suite.test(
        "infrastructure::a_deleted_stack_leaves_the_secrets",
        removal::leaves_the_secrets,
    );
    suite.test(
        "infrastructure::the_operations_page_leads_to_a_rotated_secret",
        operations::page,
    );
}
