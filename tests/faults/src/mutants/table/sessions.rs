//! What a version's session is to have as the one before it.

use faults::violation::Rule;

use crate::mutants::{Mutant, Runs};

const SAME: &str = "shared/src/engine/postgres/issue/same.rs";
const ISSUE: &str = "shared/src/engine/postgres/issue.rs";
const ACCOUNT: &str = "shared/src/engine/mysql/account.rs";
const COPY: &str = "shared/src/engine/mysql/copy.rs";
const GRANTS: &str = "shared/src/engine/mysql/grants.rs";

const POSTGRES: &str = "every_version_is_the_same_session_on_15";
const MARIADB: &str = "every_version_is_the_same_session_on_mariadb";
const MYSQL: &str = "every_version_is_the_same_session_on_mysql";

const fn mutant(
    name: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
    tests: &'static str,
) -> Mutant {
    Mutant {
        name,
        changes,
        runs: Runs::Tests(tests),
        breaks: Rule::SameSession,
    }
}

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "makes versions that stream no log",
        &[(
            SAME,
            "(role.replicates, \"REPLICATION\"),",
            "(false, \"REPLICATION\"),",
        )],
        POSTGRES,
    ),
    mutant(
        "makes versions that create no database",
        &[(
            SAME,
            "(role.creates_databases, \"CREATEDB\"),",
            "(false, \"CREATEDB\"),",
        )],
        POSTGRES,
    ),
    mutant(
        "makes versions that policies hold back",
        &[(
            SAME,
            "(role.bypasses_policies, \"BYPASSRLS\"),",
            "(false, \"BYPASSRLS\"),",
        )],
        POSTGRES,
    ),
    mutant(
        "makes versions without a limit of connections",
        &[(
            SAME,
            "        role.connection_limit,\n",
            "        \"-1\",\n",
        )],
        POSTGRES,
    ),
    mutant(
        "makes versions without an end in time",
        &[(
            SAME,
            "role.valid_until.as_deref().unwrap_or(\"infinity\")",
            "\"infinity\"",
        )],
        POSTGRES,
    ),
    mutant(
        "leaves every setting behind",
        &[(
            SAME,
            "statements.push(set(&format!(\"{role}{database}\"), &setting, &value));",
            "",
        )],
        POSTGRES,
    ),
    mutant(
        "leaves the settings for another database behind",
        &[(
            SAME,
            "        if setting == \"session_authorization\" {",
            "        if setting == \"session_authorization\" || database.contains(\"elsewhere\") {",
        )],
        POSTGRES,
    ),
    mutant(
        "takes a list for one name",
        &[(
            SAME,
            "let values = if LISTS.contains(&setting) {",
            "let values = if false {",
        )],
        POSTGRES,
    ),
    mutant(
        "takes a group's settings for the login's",
        &[(
            ISSUE,
            "model = before.or(copy).unwrap_or(model);",
            "let _ = before.or(copy);",
        )],
        POSTGRES,
    ),
    mutant(
        "hands nothing over to the next version",
        &[(
            ISSUE,
            "before.hand_over(postgres, context, &session, owner).await;",
            "let _ = (&before, owner);",
        )],
        POSTGRES,
    ),
    mutant(
        "copies one account of several",
        &[(
            COPY,
            "for account in &models {",
            "for account in models.iter().take(1) {",
        )],
        MARIADB,
    ),
    mutant(
        "leaves default roles behind",
        &[(COPY, "session.execute(&default).await?;", "drop(default);")],
        MARIADB,
    ),
    mutant(
        "leaves limits behind",
        &[(
            ACCOUNT,
            "\"{requirement} {limits} PASSWORD",
            "\"{requirement} PASSWORD",
        )],
        MARIADB,
    ),
    mutant(
        "leaves a password's lifetime behind",
        &[(
            ACCOUNT,
            "Some(days) => format!(\"INTERVAL {days} DAY\"),",
            "Some(_) => \"DEFAULT\".to_owned(),",
        )],
        MARIADB,
    ),
    mutant(
        "lets everybody in without TLS",
        &[(
            ACCOUNT,
            "\"ANY\" => \"REQUIRE SSL\".to_owned(),",
            "\"ANY\" => \"REQUIRE NONE\".to_owned(),",
        )],
        MARIADB,
    ),
    mutant(
        "passes on no right to give roles",
        &[(
            GRANTS,
            "Token::Word(\"OPTION\") if before == \"ADMIN\" => return Some(\" WITH ADMIN OPTION\"),",
            "Token::Word(\"OPTION\") if before == \"ADMIN\" => return Some(\"\"),",
        )],
        MARIADB,
    ),
    mutant(
        "passes on no right to give privileges",
        &[(
            GRANTS,
            "Token::Word(\"OPTION\") if before == \"GRANT\" => return Some(\" WITH GRANT OPTION\"),",
            "Token::Word(\"OPTION\") if before == \"GRANT\" => return Some(\"\"),",
        )],
        MARIADB,
    ),
    mutant(
        "leaves rules for passwords behind",
        &[(ACCOUNT, "{lifetime}{policy} ACCOUNT", "{lifetime} ACCOUNT")],
        MYSQL,
    ),
    mutant(
        "leaves an account's comment behind",
        &[(
            ACCOUNT,
            "json => format!(\" ATTRIBUTE {}\", literal(json)),",
            "_ => String::new(),",
        )],
        MYSQL,
    ),
];
