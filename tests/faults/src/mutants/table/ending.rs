//! The end of a credential, and what leads to it.

pub(super) const MUTANTS: &str = r#"
forgets that Heroku goes on showing the previous credential
nobody-locked-out apps_that_read_a_
@ shared/src/steps/rotate.rs
- if let Some(LeftBehind { version_id, .. }) = left_behind {
+ if let Some(LeftBehind { version_id, .. }) = left_behind.filter(|_| false) {

begins a grace period without what its schedule knew before
nobody-locked-out apps_that_read_a_
@ shared/src/schedule.rs
- event.was_in_use || known.is_some_and(|it| it.was_in_use)
+ event.was_in_use

forgets what a try knew that a later one replaces
nobody-locked-out postponed::because_it_was_in_use_when
@ shared/src/schedule.rs
- if is_moved && is_forgotten
+ if false && is_forgotten

knows what Heroku shows while a secret is deleted
nobody-locked-out postponed::because_the_secret_is_marked
@ shared/src/steps/revoke_secret/tries.rs
- let in_use = is_deleted
+ let in_use = false && is_deleted

rolls back without looking what Heroku goes on showing
nobody-locked-out apps_that_read_what_the_older_version
@ infra/operator/src/rollback.rs
- let was_in_use = is_left_behind.then_some(true);
+ let was_in_use = (is_left_behind && false).then_some(true);

leaves config vars that the document has removed
one-at-rest removes_a_config_var_by_the_documents_word
@ shared/src/heroku.rs
- removed.replace(shown.to_remove(rendered));
+ removed.replace(Vec::new());

takes any grace period from an event
one-at-rest a_number_or_time_out_of_its_bounds
@ shared/src/event.rs
- event.optional_number("RevokeAfterSeconds", 1..=longest)
+ event.optional_number("RevokeAfterSeconds", 1..=longest * 9999)

notes nothing of what it has seen
one-at-rest ending::what_was_shown
@ shared/src/steps/rotate.rs
- note.filter(|_| !is_own)
+ note.filter(|_| false)

moves a label without what shows whose credential it is
one-at-rest whose_credential_it_is_is_noted_before
@ shared/src/steps/revoke_secret/labels.rs
- self.ending(event, deadline)
-             .show_own(secret, current, document)
-             .await?;

believes a look that shows the label that another goes for
alive-is-labelled a_label_that_another_goes_for
@ shared/src/steps/revoke_secret/labels.rs
- self.label(event, secret, &other, deadline).await?;
+ drop(other.clone());

asks for the old credential in its own config vars alone
nobody-locked-out ending::a_config_var_that
@ shared/src/heroku/config.rs
- .filter(|(_, shown)| is_shown(shown))
+ .filter(|(name, shown)| rendered.iter().any(|(own, _)| own == *name) && is_shown(shown))

takes nothing for gone
nobody-locked-out ending::a_look_that
@ shared/src/steps/revoke_secret/look.rs
- if !is_seen {
+ if false {

ends a credential with the first of its labels
nobody-locked-out ending::versions_with_one
@ shared/src/steps/revoke_secret/look.rs
-                 Some(true) => {}
+                 Some(true) => continue,

believes a refusal that has no control
one-at-rest authority::a_broken_current
@ shared/src/steps/revoke_secret.rs
- if seen == Seen::Current {
+ if false {

looks for no login that is under way
one-at-rest mysql_engine::adversary::a_login_that_stalls
@ shared/src/engine/mysql/end.rs
-  OR USER = 'unauthenticated user'

takes a grant that nobody may pass on for the administrator's fault
converges mysql_engine::adversary::a_user_that_lets
@ shared/src/engine/mysql/copy.rs
- grant.starts_with("GRANT PROXY ")
+ false

deletes a secret that somebody rotates by now
one-at-rest deprovisioning::a_rotation_that_begins_meanwhile
@ shared/src/instances/deprovision_addon.rs
-         self.switched_off(arn, Some(&secret), deadline).await?;

says of a rotation that stands still that it is under way
converges starting::a_rotation_that_stands_still
@ shared/src/instances/start_rotation.rs
- Rotation::UnderWay(_) if secret.stands_still() => return None,

lets a panic be the last try
one-at-rest ending::a_panic_is
@ shared/src/last_will.rs
- WILL.set(Some(Box::new(executed)));
+ drop(executed);

judges a promotion by its answer
one-release ending::a_promotion_whose
@ shared/src/secrets/moves.rs
- if error.is("AccessDeniedException") {
+ if true {

counts no labels
nobody-locked-out ending::labels_that_have_no_room
@ shared/src/steps/rotate/due.rs
- if has + needed <= MOST_LABELS {
+ if true || has + needed <= MOST_LABELS {

takes a schedule's name for a plan
one-at-rest ending::a_schedule_that_is
@ shared/src/schedule/group.rs
- is_enabled: schedule.state != Some(ScheduleState::Disabled),
+ is_enabled: true,

passes over secrets that somebody deleted
alive-is-labelled steps::sweep::a_secret_that_was_deleted
@ shared/src/instances/sweep.rs
- if is_own && secret.is_deleted_alive() {
+ if is_own && false && secret.is_deleted_alive() {

takes a deprovisioned instance for one that is alive
alive-is-labelled steps::sweep::a_secret_that_was_deleted
@ shared/src/secrets/labels.rs
- self.deleted && (self.rotation_enabled || self.live().next().is_some())
+ self.deleted

puts off a leaked credential's later try
one-at-rest operator::emergency::typed_again
@ infra/operator/src/emergency.rs
- group.to_come(&self.instance.arn, version, soon())
+ group.planned(&self.instance.arn, version, 0, soon())

takes a try that has fired for what is to come
nobody-locked-out operator::emergency::a_try_that_has_fired
@ shared/src/schedule/group.rs
- Some(next) if next.at > SystemTime::now() => return Ok(Some(next)),
+ Some(next) if next.will_begin() => return Ok(Some(next)),

rolls back from no version without a valid document
converges operator::rollback::a_current_version_without_a_valid
@ infra/operator/src/rollback.rs
- Some("DocumentError" | "AuthorityError" | "SecretError") => {
+ Some("") => {

takes a service that does not answer for a refusal
alive-is-labelled operator::rollback::a_version_whose_login_cannot
@ infra/operator/src/rollback.rs
- Some("ServiceError") => Err(self.by_hand(&error)),
+ Some("ServiceError") => Ok(Some("")),

takes another name of its kind for another service
one-at-rest a_login_goes_along_to_a_service
@ shared/src/document/change.rs
- if !self.engine.is_of_kind_of(&other.engine) {
+ if self.fields.text("engine") != other.fields.text("engine") {

has a login's renamed fields in the new document's templates
one-at-rest steps::moved::an_old_credential_whose_field
@ shared/src/document/change.rs
- SHAPE.into_iter().filter(|_| is_renamed)
+ SHAPE.into_iter().filter(|_| false && is_renamed)

schedules for any time
one-at-rest ending::no_schedule_is
@ shared/src/schedule.rs
- delay.max(self.configuration.soonest)
+ delay

writes again what Heroku stores in another text
one-release ending::a_value_that
@ shared/src/heroku.rs
- if missing.iter().all(
+ if false && missing.iter().all(

stores a renewed token once
one-at-rest tokens::a_renewed_refresh_token_is_stored
@ shared/src/heroku/oauth.rs
- impl Transient for Unstored {
-     fn is_transient(&self) -> bool {
-         true
+ impl Transient for Unstored {
+     fn is_transient(&self) -> bool {
+         false

does not look whether a token was renewed meanwhile
one-at-rest tokens::two_functions
@ shared/src/heroku/oauth.rs
- .filter(|now| !known.has_all_of(now))
+ .filter(|_| false)

puts a token over the one that another function has put there
one-at-rest tokens::of_two_functions
@ shared/src/tokens.rs
-             Err(error) if error.is(OTHERWISE) => Ok(false),
-             put => put
+             Err(error) if error.is(OTHERWISE) => Ok(true),
+             put => put

deletes the secret of a token before it is in the table
converges enrollment::moved::a_token_moves
@ shared/src/instances/enroll_addon/move_token.rs
- self.tokens.keep(addon, token, &known, deadline).await?;

does not look for a token that an earlier version has renewed since the move
converges enrollment::moved::a_token_that_an_earlier_version
@ shared/src/heroku/oauth.rs
- tokens.read_both(heroku, deadline)
+ tokens.read(heroku, deadline)

enrols without trying the administrator's login
converges an_administrator_that_cannot_rotate
@ shared/src/instances/enroll_addon.rs
-         self.rehearse(&secret, &version, deadline).await?;

keeps what it rehearses
alive-is-labelled a_rehearsal_finds_everything
@ shared/src/engine/postgres/session.rs
- self.and_then(statements, "ROLLBACK").await
+ self.and_then(statements, "COMMIT").await
"#;
