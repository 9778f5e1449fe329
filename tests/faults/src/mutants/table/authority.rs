//! Whose a login is: what only an adversary would try.

use faults::violation::Rule;

use super::{CLAIMS, CREATE, DEPROVISIONED, END, LABELS, POSSESSION, REVOKE, ROTATE, SERVICE};
use crate::mutants::{Mutant, Runs};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "sends the login wherever a document says",
        changes: &[
            (
                SERVICE,
                "        claims::serves(document, administrator)?;
",
                "",
            ),
            (
                CREATE,
                "        claims::serves(pending, &administrator)?;
",
                "",
            ),
        ],
        runs: Runs::Tests("authority::documents::a_document_that_names"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "logs in before it compares the addresses",
        changes: &[(
            CREATE,
            "        claims::serves(pending, &administrator)?;
",
            "",
        )],
        runs: Runs::Tests("authority::documents::a_document_that_names"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "compares the first address alone",
        changes: &[(
            CLAIMS,
            "let Some(foreign) = places.iter().find(|place| !served.has(place)) else {",
            "let Some(foreign) = places.iter().take(1).find(|place| !served.has(place)) else {",
        )],
        runs: Runs::Tests("claims::tests::every_node"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes a document for any secret's",
        changes: &[(CLAIMS, "if name != expected {", "if false {")],
        runs: Runs::Tests("authority::every_function_that_acts"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes any secret for an administrator's",
        changes: &[(
            CLAIMS,
            "if is_beside(&beside, administrator) && name.is_some_and(|name| !name.is_empty()) {",
            "if name.is_some() || true {",
        )],
        runs: Runs::Tests("authority::every_function_that_acts"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes another account's secret for an administrator's",
        changes: &[(
            CLAIMS,
            "if is_beside(&beside, administrator) && name",
            "if name",
        )],
        runs: Runs::Tests("claims::tests::an_administrator_is"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes any secret for the add-on's tokens",
        changes: &[(
            CLAIMS,
            "if !is_beside(&beside, oauth) || oauth.name() != Some(expected.as_str()) {",
            "if false {",
        )],
        runs: Runs::Tests("authority::every_function_that_acts"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "issues before the current credential has logged in",
        changes: &[(
            POSSESSION,
            "if shown == Ok(Verdict::Accepted) {",
            "if true {",
        )],
        runs: Runs::Tests("authority::nothing_is_issued_before"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes any document for the pending one",
        changes: &[(POSSESSION, "    if paths.is_empty() {", "    if true {")],
        runs: Runs::Tests("authority::documents::a_pending_version_claims"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "lets the pending document choose its user",
        changes: &[(
            "shared/src/document.rs",
            "paths.retain(|path| !random.contains(path));",
            "paths.retain(|path| path != \"username\" && !random.contains(path));",
        )],
        runs: Runs::Tests("claims::tests::a_pending_document"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "labels what it has not seen log in",
        changes: &[(
            ROTATE,
            "current.filter(|_| created.current_accepted || is_own)",
            "current.filter(|_| true)",
        )],
        runs: Runs::Tests("recover::the_new_credential"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "ends with an instance what nobody has seen log in",
        changes: &[(
            DEPROVISIONED,
            "if is_asked && !ending.is_shown_now",
            "if false && !ending.is_shown_now",
        )],
        runs: Runs::Tests("authority::nothing_is_issued_before"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "believes the owner that a document names",
        changes: &[(
            "shared/src/engine/postgres.rs",
            "if acts_as == *expected || session.acts_like(expected).await? {",
            "if acts_as == *role || owner.is_some() {",
        )],
        runs: Runs::Tests("postgres_engine::possession::v15"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes whoever logs in for the user that a document names",
        changes: &[(
            "shared/src/engine/mysql.rs",
            "Ok(user) if user == self.username =>",
            "Ok(user) if user.len() < 99 =>",
        )],
        runs: Runs::Tests("mysql_engine::possession"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "has a label follow its credential to a version that nobody has tried",
        changes: &[
            (
                LABELS,
                "let is_current = self.is_current(versions, deadline).await?;",
                "let is_current = true;",
            ),
            // The note asks for a login once more.
            (
                END,
                "if !self.is_shown_now(version, document).await? {",
                "if false {",
            ),
        ],
        runs: Runs::Tests("revocation::a_label_follows"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes the current version's credential for the old one because it has its name",
        changes: &[(
            LABELS,
            "        if !matches!(error, ServiceError::Unproven(_))
            || self.services.verify(old, deadline).await? != Verdict::Accepted
        {",
            "        if true {",
        )],
        runs: Runs::Tests("a_broken_current_credential_of_the_same_name"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "believes that a label which was moved is gone",
        changes: &[(
            REVOKE,
            "secret.labelled(&live) else",
            "secret.labelled(&live).filter(|it| *it == event.version) else",
        )],
        runs: Runs::Tests("a_label_that_somebody_moves"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "forgets at enrolment that the credential has logged in",
        changes: &[(
            "shared/src/instances/enroll_addon.rs",
            "secret.shown = Some(&note);",
            "let _ = note;",
        )],
        runs: Runs::Tests("a_password_that_the_customer_changed"),
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "has a role's objects go to whoever the document names",
        changes: &[(
            "shared/src/engine/postgres/revoke.rs",
            "    is_of(session, found, name, owner).await?;
",
            "",
        )],
        runs: Runs::Tests("an_owner_that_the_role_is_no_member_of"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes an operator's word for any login",
        changes: &[(POSSESSION, "    if found == vouched {", "    if true {")],
        runs: Runs::Tests("ending::what_was_shown"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "notes a version instead of its credential",
        changes: &[(
            "shared/src/document.rs",
            "Note::new(version, &claims.join(\"\\n\"))",
            "Note::new(version, version.as_str())",
        )],
        runs: Runs::Tests("a_note_is_of_one_version_s_one_login_alone"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "believes a login that needs no password",
        changes: &[(
            "shared/src/engine/redis.rs",
            "        not_open(session, users, source)?;
",
            "",
        )],
        runs: Runs::Tests("whoever_claims_a_user_without_a_password"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "lists what another function rotates",
        changes: &[(
            "shared/src/secrets/listing.rs",
            "            && secret.is_rotated_by(self.stack, arn) != Some(false)",
            "",
        )],
        runs: Runs::Tests("a_stacks_list_has"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "sweeps what another function rotates",
        changes: &[
            (
                "shared/src/secrets/listing.rs",
                "            && secret.is_rotated_by(self.stack, arn) != Some(false)",
                "",
            ),
            (
                "shared/src/instances/sweep.rs",
                "if is_own.unwrap_or(secret.rotation_off) {",
                "if true {",
            ),
        ],
        runs: Runs::Tests("sweep::anothers_secret_is_left_alone"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "follows a redirect with the login",
        changes: &[(
            "shared/src/net.rs",
            ".redirect(Policy::none())",
            ".redirect(Policy::default())",
        )],
        runs: Runs::Tests("redirect"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "sends a login in plain text wherever the server is near",
        changes: &[(
            "shared/src/engine.rs",
            "self.plain_text == PlainText::OnLoopback && net::is_loopback(host)",
            "net::is_loopback(host)",
        )],
        runs: Runs::Tests("authority::plain_text"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes a label for a proof",
        changes: &[(
            REVOKE,
            "None => {
                self.ending(event, deadline)
                    .show_own(&secret, &event.version, old)
                    .await?;
            }",
            "None => {}",
        )],
        runs: Runs::Tests("ending::a_label_that_somebody"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes hosts for one that a resolver keeps apart",
        changes: &[(
            "shared/src/authority/address.rs",
            "host.to_ascii_lowercase()",
            "host.to_lowercase()",
        )],
        runs: Runs::Tests("claims::tests::hosts_that"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "asks for no channel binding",
        changes: &[(
            "shared/src/engine/postgres/login.rs",
            "None | Some(Some(\"require\")) => Ok(ChannelBinding::Require),",
            "None | Some(Some(\"require\")) => Ok(ChannelBinding::Prefer),",
        )],
        runs: Runs::Tests("authority::methods"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "believes a PostgreSQL server that asks for no password",
        changes: &[(
            "shared/src/engine/postgres/guard.rs",
            "(0, _) if !self.is_asked => Err(Refused::Nothing),",
            "(0, _) if false => Err(Refused::Nothing),",
        )],
        runs: Runs::Tests("scram_and_an_error"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "enrols with any secret as an administrator's",
        changes: &[(
            "shared/src/instances/enroll_addon/look.rs",
            "        names.bind_administrator(rotate, document)?;
",
            "        let _ = (names, rotate);
",
        )],
        runs: Runs::Tests("told_at_once_before_a_code_is_used"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "makes a previous role that is gone no question",
        changes: &[
            (
                "shared/src/engine/postgres/issue.rs",
                "                && session.has_role(&role, owners, becomes).await?
            {",
                "            {",
            ),
            (
                "shared/src/engine/postgres/issue.rs",
                "if let Some(role) = session.role(&postgres.username).await?",
                "if session.role(&postgres.username).await?.is_none()",
            ),
        ],
        runs: Runs::Tests("an_owner_is_not_believed_because_the_role_is_gone"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "lets a leaked login's settings keep its successor out",
        changes: &[(
            "shared/src/engine/postgres/issue.rs",
            "if let Some(owner) = &postgres.owner
",
            "if let Some(owner) = postgres.owner.as_ref().filter(|it| it.is_empty())
",
        )],
        runs: Runs::Tests("what_a_leaked_login_sets"),
        breaks: Rule::Converges,
    },
    Mutant {
        name: "takes a login with any password for possession",
        changes: &[(
            "shared/src/engine/redis.rs",
            "            not_open(&session, &users, self.credential())?;
",
            "",
        )],
        runs: Runs::Tests("whoever_claims_a_user_without_a_password"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes anybody's limit of connections for the user's",
        changes: &[(
            "shared/src/engine/mysql/fault.rs",
            "names_user && !user.is_empty()",
            "names_user || error.code == TOO_MUCH_USED",
        )],
        runs: Runs::Tests("customers_that_use_all_their_connections"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "enrols an add-on by two ids",
        changes: &[(
            "shared/src/instances/enroll_addon/look.rs",
            "if is_legacy_id(addon_id)",
            "if addon_id.is_empty()",
        )],
        runs: Runs::Tests("enrolled_by_one_id"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "grants an owner's role without asking whose it is",
        changes: &[(
            "shared/src/engine/postgres/issue.rs",
            "        if !is_member {",
            "        if false {",
        )],
        runs: Runs::Tests("an_owner_is_not_believed"),
        breaks: Rule::NoForeignLogin,
    },
];
