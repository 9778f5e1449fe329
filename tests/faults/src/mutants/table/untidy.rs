//! What makes the product right where AWS and Heroku are untidy.

pub(super) const MUTANTS: &str = r#"
takes AWSPENDING for a rotation under way
converges pressed_again_it_says_how_long_to_wait
@ shared/src/secrets/labels.rs
- if !self.carries(&version, &Label::Current) {
+ if true {

leaves AWSPENDING on what it rolls back
one-at-rest rollback::the_previous_version_is_current_again
@ infra/operator/src/rollback.rs
-             stack.take_off_pending(output, instance, new).await?;

makes a changed document current that does not work
converges change::a_host_that_moved
@ infra/operator/src/change.rs
- tried.map_err(|error| self.step("try", error, stored_only(&new)))?;
+ drop(tried);

makes a changed document current between a rotation's steps
converges change::a_rotation_that_begins_meanwhile
@ infra/operator/src/change.rs
- let current = rotation::at_rest(instance, &secret)
+ let current = rotation::current(instance, &secret)

takes a changed document for published that no rotation has taken up
converges change::wherever_it_is_cut_off
@ infra/operator/src/change.rs
- if !is_change(old) {
+ if true {

takes what no look has shown yet for given up
one-at-rest emergency::at_once_every_older
@ infra/operator/src/rotation.rs
- } else if seen {
+ } else {
@ infra/operator/src/rotation.rs
- if absences >= ABSENCES {
+ if absences >= 1 {

ends an emergency after a single look
one-at-rest emergency::that_nothing_older_is_alive
@ infra/operator/src/emergency.rs
- && looks < rotation::ABSENCES
+ && looks < 1

schedules nothing for what cannot be ended at once
one-at-rest emergency::a_revocation_that_must_be_postponed
@ infra/operator/src/emergency.rs
-         self.stack
-             .revoke_after(self.instance, version, Some(SOON), Some(false))
-             .await?;
-         // Without
+         // Without
@ infra/operator/src/emergency.rs
-         let is_tried = self.options.revoke_after.is_none()
+         let is_tried = false

believes a read that contradicts what has just been begun
converges rotation::late_reads_refuse_no_step
@ shared/src/steps/rotate.rs
- ) -> Result<Option<Secret>, Error> {
-         let patience = deadline.at_most(CONSISTENCY);
+ ) -> Result<Option<Secret>, Error> {
+         let patience = deadline.at_most(Duration::ZERO);
@ shared/src/steps/rotate.rs
- ) -> Result<VersionId, Error> {
-         let patience = deadline.at_most(CONSISTENCY);
+ ) -> Result<VersionId, Error> {
+         let patience = deadline.at_most(Duration::ZERO);

believes a look rather than Secrets Manager's refusal
converges starting::a_rotation_that_no_look_shows_yet
@ shared/src/instances/start_rotation.rs
- if error.is("InvalidRequestException") {
+ if false {

takes an enrolment back although its rotation may be on
converges enrollment::failed::nothing_is_taken_back
@ shared/src/instances/enroll_addon.rs
- made.may_rotate = error.is_transient();
+ made.may_rotate = false;

passes over what waits while AWS forgets the function
one-at-rest sweep::what_waits_ends_while
@ shared/src/instances/sweep.rs
- let is_own = is_own.unwrap_or(secret.rotation_off);
+ let is_own = is_own.unwrap_or(false);

takes a list without secrets for a stack without any
one-at-rest sweep::a_sweep_that_sees_no_secret
@ shared/src/instances/sweep.rs
- found.listed == 0
+ found.listed == u64::MAX

takes a refusal for a conflict for a schedule
one-at-rest schedules::a_schedule_that_is_being_changed
@ shared/src/schedule.rs
-                 Err(error) if error.is(CONFLICT) => {}
-                 created
+                 Err(error) if error.is(CONFLICT) => return Ok(()),
+                 created

knows config vars by the manifest's names alone
converges ending::whatever_heroku_calls
@ shared/src/heroku/config.rs
- for form in forms {
+ for form in forms.into_iter().take(0) {

lets nobody go first where Heroku's requests are used up
converges line::tests::who_has_begun
@ shared/src/heroku/line.rs
- self.begun = true;
+ self.begun = false;

begins a rotation for each press
one-release pressed_again_it_says_how_long_to_wait
@ shared/src/instances/start_rotation.rs
- not_now(&arn, &secret, *minimum_interval)
+ not_now(&arn, &secret, Duration::ZERO)

looks once more before a write that was limited
converges a_write_that_met_the_rate_limit
@ shared/src/heroku.rs
- limited.set(matches!(answer, Err(HerokuError::RateLimited { .. })));
+ limited.set(false && answer.is_err());
"#;
