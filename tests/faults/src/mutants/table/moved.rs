//! A credential at two addresses, and an administrator's secret that names one no more.

pub(super) const MUTANTS: &str = r#"
ends a credential at the address in its own document alone
one-at-rest moved::an_old_credential_ends_at_both
@ shared/src/ending.rs
- let moved = current.filter(|current| !document.is_where(current));
+ let moved = current.filter(|_| false);

leaves a credential to a version at another address
one-at-rest moved::of_two_versions
@ shared/src/steps/revoke_secret/look.rs
- if !self.old.is_where(document) {
-                 //
+ if false {
+                 //

takes another address for another server
nobody-locked-out moved::what_two_names
@ shared/src/steps/revoke_secret/look.rs
- if is_first
-                     && (event
+ if true || is_first
+                     && (event

does not wait for the time of a version at another address
nobody-locked-out moved::what_two_names
@ shared/src/steps/revoke_secret/look.rs
- || !schedules.is_to_come
+ || true || !schedules.is_to_come

leaves a credential to the current version at another address
one-at-rest moved::what_is_current_at_another
@ shared/src/steps/revoke_secret/labels.rs
- if is_current && !versions.old
+ if false && !versions.old

takes off a label at an address where nothing ended
one-at-rest moved::a_version_that_nobody_saw
@ shared/src/steps/revoke_secret/look.rs
- && (self.old.is_where(document) || self.current.is_where(document))

asks for a session of a login whose password is right
one-at-rest a_login_that_keeps_itself_out
@ shared/src/service.rs
- Err(error) if error.is_of_right_password()
+ Err(error) if false && error.is_of_right_password()

takes an anonymous account's password for the user's
no-foreign-login an_account_that_stands_in
@ shared/src/engine/mysql.rs
- if !is_kept_out {
+ if true || !is_kept_out {

knows no administrator's secret that is for no server
converges moved::an_old_credential_ends_at_both_addresses_with
@ shared/src/authority/address.rs
- if !["host", "hosts", "url", "urls"]
+ if served.servers.is_empty() && served.urls.is_empty() || !["host", "hosts", "url", "urls"]

takes an administrator's secret that is deleted for one that says something
one-at-rest moved::an_administrator_s_secret_that_is_deleted
@ shared/src/ending.rs
- Err(error) if elsewhere.is_ok() && is_given_up(&error) => {
+ Err(error) if elsewhere.is_ok() => {

ends whatever has the credential's name where the service has moved to
no-foreign-login moved::what_has_the_old_credential_s_name
@ shared/src/ending.rs
- if !is_named && !self.logs_in
+ if false && !self.logs_in

takes a changed password at the new address for another's login
one-at-rest moved::an_old_credential_whose_password
@ shared/src/ending.rs
- if !is_named && !self.logs_in
+ if !self.logs_in

ends with an instance its login's namesake at another server
no-foreign-login moved::with_an_instance_no_login
@ shared/src/instances/deprovision_addon/credentials.rs
- !same.contains(&true)
+ same.is_empty()

takes what a refused current version holds as well for that one's
nobody-locked-out moved::what_apps_read_outlives
@ shared/src/steps/revoke_secret/look.rs
- let vars = config.showing_both(&old, &rendered);
+ let vars = Vec::<&str>::new();
"#;
