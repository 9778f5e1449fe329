//! What the fault runs find.

pub(super) const MUTANTS: &str = r#"
promotes first, schedules second
one-at-rest single
@ shared/src/steps/rotate.rs
-     let mut replaced = None;
+     self.secrets.promote(&event.secret, &event.version, &old, deadline).await?;
+     let mut replaced = None;
@ shared/src/steps/rotate.rs
-         self.secrets
-             .promote(&event.secret, &event.version, &old, deadline)
-             .await?;
-         Ok(replaced)
+     Ok(replaced)

labels after the service has issued
alive-is-labelled single
@ shared/src/secrets/values.rs
-
-             .version_stages(Label::Live(version.clone()).to_string());
+ ;

takes the label off before it revokes
alive-is-labelled single
@ shared/src/steps/revoke_secret.rs
-         let ended = self.end(event, &secret, &versions, seen, deadline).await?;
+         self.secrets.detach(&event.secret, &live, &event.version, deadline).await?;
+         let ended = self.end(event, &secret, &versions, seen, deadline).await?;

revokes without looking at the labels
nobody-locked-out histories
@ shared/src/steps/revoke_secret.rs
- if secret.carries(&event.version, &Label::Current) {
+ if false {
@ shared/src/steps/revoke_secret.rs
- if secret.carries(&event.version, &Label::Pending) {
+ if false {
@ shared/src/steps/revoke_secret/look.rs
-                 Some(true) => {}
+                 Some(true) => continue,
@ shared/src/steps/revoke_secret/look.rs
- if !vars.is_empty() {
+ if false {
@ shared/src/steps/revoke_secret/look.rs
- if !is_seen {
+ if false {

revokes without looking at Heroku
nobody-locked-out histories
@ shared/src/steps/revoke_secret/look.rs
- if !vars.is_empty() {
+ if false {
@ shared/src/steps/revoke_secret/look.rs
- if !is_seen {
+ if false {

revokes although the revocation was scheduled anew
nobody-locked-out histories
@ shared/src/steps/revoke_secret.rs
- if self.schedules.is_moved(event, deadline).await? {
+ if false {

takes what is rolled back to for out of use
nobody-locked-out histories
@ shared/src/steps/finish_secret.rs
- was_in_use: event.was_in_use.unwrap_or_default(),
+ was_in_use: false,

begins no grace period anew
nobody-locked-out histories
@ shared/src/steps/revoke_secret.rs
- if event.was_in_use {
+ if false {

publishes without comparing
one-release single
@ shared/src/heroku.rs
- if missing.is_empty() {
-                     return Ok(());
+ if false {
+                     return Ok(());
@ shared/src/heroku.rs
- if missing.iter().all(
+ if !missing.is_empty() && missing.iter().all(

reads by AWSCURRENT instead of the version's id
one-at-rest single
@ shared/src/steps/revoke_secret.rs
- let old = self.old(event, &secret, &holder, deadline).await?;
+ let old = self.document(event, &current, deadline).await?;

takes any answer for a function's
nobody-locked-out what_answers_in_a_step_functions_place
@ shared/src/invoke.rs
- if payload.trim_ascii() == b"null" {
+ if true {

gives what was abandoned a grace period from the sweep on
nobody-locked-out histories
@ shared/src/schedule.rs
- was_in_use: true,
+ was_in_use: false,
"#;
