//! Whose a login is: what only an adversary would try.

pub(super) const MUTANTS: &str = r#"
sends the login wherever a document says
no-foreign-login authority::documents::a_document_that_names
@ shared/src/service.rs
-         claims::serves(document, administrator)?;
@ shared/src/steps/create_secret.rs
-         claims::serves(pending, &administrator)?;

logs in before it compares the addresses
no-foreign-login authority::documents::a_document_that_names
@ shared/src/steps/create_secret.rs
-         claims::serves(pending, &administrator)?;

compares the first address alone
no-foreign-login claims::tests::every_node
@ shared/src/claims.rs
- let Some(foreign) = places.iter().find(|place| !served.has(place)) else {
+ let Some(foreign) = places.iter().take(1).find(|place| !served.has(place)) else {

takes a document for any secret's
no-foreign-login authority::every_function_that_acts
@ shared/src/claims.rs
- if name != expected {
+ if false {

takes any secret for an administrator's
no-foreign-login authority::every_function_that_acts
@ shared/src/claims.rs
- if is_beside(&beside, administrator) && name.is_some_and(|name| !name.is_empty()) {
+ if name.is_some() || true {

takes another account's secret for an administrator's
no-foreign-login claims::tests::an_administrator_is
@ shared/src/claims.rs
- if is_beside(&beside, administrator) && name
+ if name

takes any secret for the add-on's tokens
no-foreign-login authority::every_function_that_acts
@ shared/src/claims.rs
- if !is_beside(&beside, oauth) || oauth.name() != Some(expected.as_str()) {
+ if false {

issues before the current credential has logged in
no-foreign-login authority::nothing_is_issued_before
@ shared/src/steps/possession.rs
- if shown == Ok(Verdict::Accepted) {
+ if true {

takes any document for the pending one
no-foreign-login authority::documents::a_pending_version_claims
@ shared/src/steps/possession.rs
-     if paths.is_empty() {
+     if true {

lets the pending document choose its user
no-foreign-login claims::tests::a_pending_document
@ shared/src/document.rs
- paths.retain(|path| !random.contains(path));
+ paths.retain(|path| path != "username" && !random.contains(path));

labels what it has not seen log in
no-foreign-login recover::the_new_credential
@ shared/src/steps/rotate.rs
- current.filter(|_| created.current_accepted || is_own)
+ current.filter(|_| true)

ends with an instance what nobody has seen log in
no-foreign-login authority::nothing_is_issued_before
@ shared/src/instances/deprovision_addon/credentials.rs
- if is_asked && !ending.is_shown_now
+ if false && !ending.is_shown_now

believes the owner that a document names
no-foreign-login postgres_engine::possession::v15
@ shared/src/engine/postgres.rs
- if acts_as == *expected || session.acts_like(expected).await? {
+ if acts_as == *role || owner.is_some() {

takes whoever logs in for the user that a document names
no-foreign-login mysql_engine::possession
@ shared/src/engine/mysql.rs
- Ok(user) if user == self.username =>
+ Ok(user) if user.len() < 99 =>

has a label follow its credential to a version that nobody has tried
# The note asks for a login once more.
no-foreign-login revocation::a_label_follows
@ shared/src/steps/revoke_secret/labels.rs
- let is_current = self.is_current(versions, deadline).await?;
+ let is_current = true;
@ shared/src/ending.rs
- if !self.is_shown_now(version, document).await? {
+ if false {

takes the current version's credential for the old one because it has its name
alive-is-labelled a_broken_current_credential_of_the_same_name
@ shared/src/steps/revoke_secret/labels.rs
-         if !matches!(error, ServiceError::Unproven(_))
-             || self.services.verify(old, deadline).await? != Verdict::Accepted
-         {
+         if true {

believes that a label which was moved is gone
alive-is-labelled a_label_that_somebody_moves
@ shared/src/steps/revoke_secret.rs
- secret.labelled(&live) else
+ secret.labelled(&live).filter(|it| *it == event.version) else

forgets at enrolment that the credential has logged in
alive-is-labelled a_password_that_the_customer_changed
@ shared/src/instances/enroll_addon.rs
- secret.shown = Some(&note);
+ let _ = note;

has a role's objects go to whoever the document names
no-foreign-login an_owner_that_the_role_is_no_member_of
@ shared/src/engine/postgres/revoke.rs
-     is_of(session, found, name, owner).await?;

takes an operator's word for any login
no-foreign-login ending::what_was_shown
@ shared/src/steps/possession.rs
-     if found == vouched {
+     if true {

notes a version instead of its credential
no-foreign-login a_note_is_of_one_version_s_one_login_alone
@ shared/src/document.rs
- Note::new(version, &claims.join("\n"))
+ Note::new(version, version.as_str())

believes a login that needs no password
no-foreign-login whoever_claims_a_user_without_a_password
@ shared/src/engine/redis.rs
-         not_open(session, users, source)?;

lists what another function rotates
no-foreign-login a_stacks_list_has
@ shared/src/secrets/listing.rs
-             && secret.is_rotated_by(self.stack, arn) != Some(false)

sweeps what another function rotates
no-foreign-login sweep::anothers_secret_is_left_alone
@ shared/src/secrets/listing.rs
-             && secret.is_rotated_by(self.stack, arn) != Some(false)
@ shared/src/instances/sweep.rs
- let is_own = is_own.unwrap_or(secret.rotation_off);
+ let is_own = is_own.is_some() || true;

follows a redirect with the login
no-foreign-login redirect
@ shared/src/net.rs
- .redirect(Policy::none())
+ .redirect(Policy::default())

sends a login in plain text wherever the server is near
no-foreign-login authority::plain_text
@ shared/src/engine.rs
- self.plain_text == PlainText::OnLoopback && net::is_loopback(host)
+ net::is_loopback(host)

takes a label for a proof
no-foreign-login ending::a_label_that_somebody
@ shared/src/steps/revoke_secret.rs
- None => {
-                 self.ending(event, deadline)
-                     .show_own(&secret, &event.version, old)
-                     .await?;
-             }
+ None => {}

takes hosts for one that a resolver keeps apart
no-foreign-login claims::tests::hosts_that
@ shared/src/authority/address.rs
- host.to_ascii_lowercase()
+ host.to_lowercase()

asks for no channel binding
no-foreign-login authority::methods
@ shared/src/engine/postgres/login.rs
- None | Some(Some("require")) => Ok(ChannelBinding::Require),
+ None | Some(Some("require")) => Ok(ChannelBinding::Prefer),

believes a PostgreSQL server that asks for no password
no-foreign-login scram_and_an_error
@ shared/src/engine/postgres/guard.rs
- (0, _) if !self.is_asked => Err(Refused::Nothing),
+ (0, _) if false => Err(Refused::Nothing),

enrols with any secret as an administrator's
no-foreign-login told_at_once_before_a_code_is_used
@ shared/src/instances/enroll_addon/look.rs
-         names.bind_administrator(rotate, document)?;
+         let _ = (names, rotate);

makes a previous role that is gone no question
no-foreign-login an_owner_is_not_believed_because_the_role_is_gone
@ shared/src/engine/postgres/issue.rs
-                 && session.has_role(&role, owners, becomes).await?
-             {
+             {
@ shared/src/engine/postgres/issue.rs
- if let Some(role) = session.role(&postgres.username).await?
+ if session.role(&postgres.username).await?.is_none()

lets a leaked login's settings keep its successor out
converges what_a_leaked_login_sets
@ shared/src/engine/postgres/issue.rs
- if let Some(owner) = &postgres.owner
+ if let Some(owner) = postgres.owner.as_ref().filter(|it| it.is_empty())

takes a login with any password for possession
no-foreign-login whoever_claims_a_user_without_a_password
@ shared/src/engine/redis.rs
-             not_open(&session, &users, self.credential())?;

takes anybody's limit of connections for the user's
no-foreign-login customers_that_use_all_their_connections
@ shared/src/engine/mysql/fault.rs
- names_user && !user.is_empty()
+ names_user || error.code == TOO_MUCH_USED

enrols an add-on by two ids
no-foreign-login enrolled_by_one_id
@ shared/src/instances/enroll_addon/look.rs
- if is_legacy_id(addon_id)
+ if addon_id.is_empty()

grants an owner's role without asking whose it is
no-foreign-login an_owner_is_not_believed
@ shared/src/engine/postgres/issue.rs
-         if !is_member {
+         if false {
"#;
