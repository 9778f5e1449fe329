//! What a version's session is to have as the one before it.

pub(super) const MUTANTS: &str = r#"
makes versions that stream no log
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- (role.replicates, "REPLICATION"),
+ (false, "REPLICATION"),

makes versions that create no database
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- (role.creates_databases, "CREATEDB"),
+ (false, "CREATEDB"),

makes versions that policies hold back
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- (role.bypasses_policies, "BYPASSRLS"),
+ (false, "BYPASSRLS"),

makes versions without a limit of connections
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
-         role.connection_limit,
+         "-1",

makes versions without an end in time
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- role.valid_until.as_deref().unwrap_or("infinity")
+ "infinity"

leaves every setting behind
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- statements.push(set(&format!("{role}{database}"), &setting, &value));

leaves the settings for another database behind
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
-         if setting == "session_authorization" {
+         if setting == "session_authorization" || database.contains("elsewhere") {

takes a list for one name
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue/same.rs
- let values = if LISTS.contains(&setting) {
+ let values = if false {

takes a group's settings for the login's
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue.rs
- model = before.or(copy).unwrap_or(model);
+ let _ = before.or(copy);

hands nothing over to the next version
same-session every_version_is_the_same_session_on_15
@ shared/src/engine/postgres/issue.rs
- before.hand_over(postgres, context, &session, owner).await;
+ let _ = (&before, owner);

copies one account of several
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/copy.rs
- for account in &models {
+ for account in models.iter().take(1) {

leaves default roles behind
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/copy.rs
- session.execute(&default).await?;
+ drop(default);

leaves limits behind
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/account.rs
- "{requirement} {limits} PASSWORD
+ "{requirement} PASSWORD

leaves a password's lifetime behind
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/account.rs
- Some(days) => format!("INTERVAL {days} DAY"),
+ Some(_) => "DEFAULT".to_owned(),

lets everybody in without TLS
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/account.rs
- "ANY" => "REQUIRE SSL".to_owned(),
+ "ANY" => "REQUIRE NONE".to_owned(),

passes on no right to give roles
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/grants.rs
- Token::Word("OPTION") if before == "ADMIN" => return Some(" WITH ADMIN OPTION"),
+ Token::Word("OPTION") if before == "ADMIN" => return Some(""),

passes on no right to give privileges
same-session every_version_is_the_same_session_on_mariadb
@ shared/src/engine/mysql/grants.rs
- Token::Word("OPTION") if before == "GRANT" => return Some(" WITH GRANT OPTION"),
+ Token::Word("OPTION") if before == "GRANT" => return Some(""),

leaves rules for passwords behind
same-session every_version_is_the_same_session_on_mysql
@ shared/src/engine/mysql/account.rs
- {lifetime}{policy} ACCOUNT
+ {lifetime} ACCOUNT

leaves an account's comment behind
same-session every_version_is_the_same_session_on_mysql
@ shared/src/engine/mysql/account.rs
- json => format!(" ATTRIBUTE {}", literal(json)),
+ _ => String::new(),
"#;
