//! What a leaked login of PostgreSQL holds up.

pub(super) const MUTANTS: &str = r"
leaves a prepared change of a role
one-at-rest maintenance::v15::a_prepared_change_of_a_role
@ shared/src/engine/postgres/held_up.rs
- for row in &rows {
+ for row in rows.iter().take(0) {

rolls back what has read a role
nobody-locked-out maintenance::v15::a_prepared_change_of_a_role
@ shared/src/engine/postgres/held_up.rs
- held.mode <> 'AccessShareLock'
+ true

rolls back what another customer has prepared
no-foreign-login maintenance::v15::a_prepared_change_of_a_role
@ shared/src/engine/postgres/held_up.rs
- OR pg_has_role(pg_roles.oid, {oid}::oid, 'MEMBER'))
+ OR true)

leaves what is prepared in a database that is shut
one-at-rest maintenance::v15::a_prepared_change_in_a_database_that_is_shut
@ shared/src/engine/postgres/held_up.rs
- if ended.is_err() {
+ if false {

waits for who holds the database
converges same::v15::a_lock_on_the_database
@ shared/src/engine/postgres/issue/same.rs
- (Err(error), Some(name)) if error.is_transient() => {
+ (Err(error), Some(name)) if error.is_transient() && name.is_empty() => {

copies settings without end
converges same::v15::more_settings_than
@ shared/src/engine/postgres/issue/same.rs
- LIMIT {MOST} + 1
+ LIMIT 1000000
@ shared/src/engine/postgres/issue/same.rs
- for row in rows.iter().take(MOST) {
+ for row in &rows {

hands all tables over at once
converges handed_over::v15::what_is_more_than
@ shared/src/engine/postgres/hand_over.rs
- WHERE relowner = {oid} AND relkind
+ WHERE relowner = {oid} AND false AND relkind
";
