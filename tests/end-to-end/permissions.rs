//! Least privilege, shown by enforcement: every permission in the deployed roles is needed, every
//! power that a function's step does not need is denied, and nobody but the rotation function
//! stores a pending value.

mod needed;
mod powers;
mod roles;

use crate::Suite;

pub(crate) fn tests(suite: &mut Suite) {
    suite.test("permissions::every_power_is_the_steps_own", powers::powers);
    suite.test(
        "permissions::each_of_a_step_function_is_needed",
        needed::step_functions,
    );
    suite.test(
        "permissions::each_of_rotate_is_needed",
        needed::rotate_function,
    );
    suite.test(
        "permissions::each_of_revoke_secret_is_needed",
        needed::revoke_function,
    );
    suite.test(
        "permissions::those_of_the_scheduler_are_needed",
        needed::scheduler_role,
    );
    suite.test(
        "permissions::only_rotate_stores_a_pending_value",
        needed::only_rotate_stores,
    );
}
