//! The ways in which the functions are broken.

use faults::violation::Rule;

use super::{Mutant, Runs};

const ROTATE: &str = "shared/src/steps/rotate.rs";
const FINISH: &str = "shared/src/steps/finish_secret.rs";
const REVOKE: &str = "shared/src/steps/revoke_secret.rs";
const SECRETS: &str = "shared/src/secrets.rs";
const CLAIMS: &str = "shared/src/claims.rs";
const POSSESSION: &str = "shared/src/steps/possession.rs";
const CREATE: &str = "shared/src/steps/create_secret.rs";
const DEPROVISION: &str = "shared/src/instances/deprovision_addon.rs";
const SERVICE: &str = "shared/src/service.rs";
const SCHEDULE: &str = "shared/src/schedule.rs";
const LOOK: &str = "shared/src/steps/revoke_secret/look.rs";
const CONFIG: &str = "shared/src/heroku/config.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "promotes first, schedules second",
        changes: &[
            (
                ROTATE,
                "    let mut replaced = None;
",
                "    secrets.promote(&event.secret, &event.version, &old, deadline).await?;
    let mut replaced = None;
",
            ),
            (
                ROTATE,
                "    secrets
        .promote(&event.secret, &event.version, &old, deadline)
        .await?;
    Ok(replaced)
",
                "    Ok(replaced)
",
            ),
        ],
        runs: Runs::Single,
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "labels after the service has issued",
        changes: &[(
            SECRETS,
            "
            .version_stages(Label::Live(version.clone()).to_string());",
            ";",
        )],
        runs: Runs::Single,
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "takes the label off before it revokes",
        changes: &[(
            REVOKE,
            "        self.services.revoke(old, &administrator, deadline).await?;
",
            "        self.secrets.detach(&event.secret, &live, &event.version, deadline).await?;
        self.services.revoke(old, &administrator, deadline).await?;
",
        )],
        runs: Runs::Single,
        breaks: Rule::AliveIsLabelled,
    },
    Mutant {
        name: "revokes without looking at the labels",
        changes: &[
            (
                REVOKE,
                "if secret.carries(&event.version, &Label::Current) {",
                "if false {",
            ),
            (
                REVOKE,
                "if secret.carries(&event.version, &Label::Pending) {",
                "if false {",
            ),
            (
                LOOK,
                "                Some(true) => {}",
                "                Some(true) => continue,",
            ),
            (LOOK, "if !vars.is_empty() {", "if false {"),
            (LOOK, "if !is_seen {", "if false {"),
        ],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "revokes without looking at Heroku",
        changes: &[
            (LOOK, "if !vars.is_empty() {", "if false {"),
            (LOOK, "if !is_seen {", "if false {"),
        ],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "revokes although the revocation was scheduled anew",
        changes: &[(
            REVOKE,
            "if self.schedules.is_moved(event, deadline).await? {",
            "if false {",
        )],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes what is rolled back to for out of use",
        changes: &[(
            FINISH,
            "was_in_use: event.was_in_use,",
            "was_in_use: false,",
        )],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "begins no grace period anew",
        changes: &[(REVOKE, "if event.was_in_use {", "if false {")],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "publishes without comparing",
        changes: &[(
            "shared/src/heroku.rs",
            "if !limited.take() {",
            "if limited.take() && !limited.take() {",
        )],
        runs: Runs::Single,
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "reads by AWSCURRENT instead of the version's id",
        changes: &[(
            REVOKE,
            "let old = self.document(event, &event.version, deadline).await?;",
            "let old = self.document(event, &current, deadline).await?;",
        )],
        runs: Runs::Single,
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "takes any answer for a function's",
        changes: &[(
            "shared/src/invoke.rs",
            "if payload.as_ref().trim_ascii() == b\"null\" {",
            "if true {",
        )],
        runs: Runs::Single,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "gives what was abandoned a grace period from the sweep on",
        changes: &[(SCHEDULE, "was_in_use: true,", "was_in_use: false,")],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
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
                "        claims::serves(&pending, &administrator)?;
",
                "",
            ),
            (
                DEPROVISION,
                "        claims::serves(document, &administrator)?;
",
                "",
            ),
        ],
        runs: Runs::Tests("steps::authority::no_function_sends"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "logs in before it compares the addresses",
        changes: &[(
            CREATE,
            "        claims::serves(&pending, &administrator)?;
",
            "",
        )],
        runs: Runs::Tests("steps::authority::no_function_sends"),
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
        runs: Runs::Tests("authority::a_pending_document_that"),
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
            "current.filter(|_| created.current_accepted)",
            "current.filter(|_| true)",
        )],
        runs: Runs::Tests("recover::the_new_credential"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "ends with an instance what nobody has seen log in",
        changes: &[(
            DEPROVISION,
            "if !self.is_accepted",
            "if false && !self.is_accepted",
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
        runs: Runs::Tests("postgres_engine::possession::debian"),
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
        changes: &[(
            REVOKE,
            "        self.services
            .prove_control(&versions.current, current, deadline)
            .await?;
",
            "",
        )],
        runs: Runs::Tests("revocation::a_label_follows"),
        breaks: Rule::NoForeignLogin,
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
            "            if users.is_open(source) {",
            "            if false {",
        )],
        runs: Runs::Tests("whoever_claims_a_user_without_a_password"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "sweeps what another function rotates",
        changes: &[(
            "shared/src/secrets/listing.rs",
            "            && secret.is_rotated_by(self.stack, arn) != Some(false)",
            "",
        )],
        runs: Runs::Tests("sweep::anothers_secret_is_left_alone"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "takes any grace period from an event",
        changes: &[(
            "shared/src/event.rs",
            "event.optional_number(\"RevokeAfterSeconds\", 1..=longest)",
            "event.optional_number(\"RevokeAfterSeconds\", 1..=longest * 9999)",
        )],
        runs: Runs::Tests("a_number_or_time_out_of_its_bounds"),
        breaks: Rule::OneAtRest,
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
            "None => own(&event.secret, &secret, &event.version, old)?,",
            "None => {}",
        )],
        runs: Runs::Tests("ending::a_label_that_somebody"),
        breaks: Rule::NoForeignLogin,
    },
    Mutant {
        name: "notes nothing of what it has seen",
        changes: &[(
            ROTATE,
            "note.filter(|note| !secret.is_noted(note))",
            "note.filter(|_| false)",
        )],
        runs: Runs::Tests("ending::what_was_shown"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "asks for the old credential in its own config vars alone",
        changes: &[(
            CONFIG,
            "                || rendered
                    .iter()",
            "                && rendered
                    .iter()",
        )],
        runs: Runs::Tests("ending::a_config_var_that"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes nothing for gone",
        changes: &[(LOOK, "if !is_seen {", "if false {")],
        runs: Runs::Tests("ending::a_look_that"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "ends a credential with the first of its labels",
        changes: &[(
            LOOK,
            "                Some(true) => {}",
            "                Some(true) => continue,",
        )],
        runs: Runs::Tests("ending::versions_with_one"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "believes a refusal that has no control",
        changes: &[(REVOKE, "if seen == Seen::Current && old", "if false && old")],
        runs: Runs::Tests("authority::a_broken_current"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "lets a panic be the last try",
        changes: &[(
            "shared/src/last_will.rs",
            "WILL.set(Some(Box::new(executed)));",
            "drop(executed);",
        )],
        runs: Runs::Tests("ending::a_panic_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "judges a promotion by its answer",
        changes: &[(
            SECRETS,
            "if error.is(\"AccessDeniedException\") {",
            "if true {",
        )],
        runs: Runs::Tests("ending::a_promotion_whose"),
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "counts no labels",
        changes: &[(
            ROTATE,
            "if has + needed <= MOST_LABELS {",
            "if true || has + needed <= MOST_LABELS {",
        )],
        runs: Runs::Tests("ending::labels_that_have_no_room"),
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "takes a schedule's name for a plan",
        changes: &[(
            "shared/src/schedule/group.rs",
            "is_enabled: schedule.state != Some(ScheduleState::Disabled),",
            "is_enabled: true,",
        )],
        runs: Runs::Tests("ending::a_schedule_that_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "schedules for any time",
        changes: &[(SCHEDULE, "delay.max(self.configuration.soonest)", "delay")],
        runs: Runs::Tests("ending::no_schedule_is"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "writes again what Heroku stores in another text",
        changes: &[(
            "shared/src/heroku.rs",
            "if missing.iter().all(",
            "if false && missing.iter().all(",
        )],
        runs: Runs::Tests("ending::a_value_that"),
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "stores a renewed token once",
        changes: &[(
            "shared/src/heroku/oauth.rs",
            "impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        true",
            "impl Transient for Unstored {
    fn is_transient(&self) -> bool {
        false",
        )],
        runs: Runs::Tests("tokens::a_renewed_refresh_token_is_stored"),
        breaks: Rule::OneAtRest,
    },
    Mutant {
        name: "does not look whether a token was renewed meanwhile",
        changes: &[(
            "shared/src/heroku/oauth.rs",
            "if now.text(REFRESH_TOKEN) == fields.text(REFRESH_TOKEN) {",
            "if true {",
        )],
        runs: Runs::Tests("tokens::two_functions"),
        breaks: Rule::OneAtRest,
    },
];
