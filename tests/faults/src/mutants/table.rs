//! The ways in which the functions are broken.

use faults::violation::Rule;

use super::{Mutant, Runs};

const ROTATE: &str = "shared/src/steps/rotate.rs";
const FINISH: &str = "shared/src/steps/finish_secret.rs";
const REVOKE: &str = "shared/src/steps/revoke_secret.rs";
const SECRETS: &str = "shared/src/secrets.rs";
const SCHEDULE: &str = "shared/src/schedule.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "promotes first, schedules second",
        changes: &[
            (
                ROTATE,
                "    functions
        .invoke(&names.finish_secret, &finish(old.clone(), false), deadline)
        .await?;
",
                "    secrets.promote(&event.secret, &event.version, &old, deadline).await?;
    functions
        .invoke(&names.finish_secret, &finish(old.clone(), false), deadline)
        .await?;
",
            ),
            (
                ROTATE,
                "    secrets
        .promote(&event.secret, &event.version, &old, deadline)
        .await?;
    Ok(())
",
                "    Ok(())
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
            "        self.services.revoke(&old, &administrator, deadline).await?;
",
            "        self.secrets.detach(&event.secret, &live, &event.version, deadline).await?;
        self.services.revoke(&old, &administrator, deadline).await?;
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
                REVOKE,
                "if old.engine.credential() == current.engine.credential() {",
                "if false {",
            ),
            (
                REVOKE,
                "self.shown(&old, &current, deadline).await?",
                "None::<String>",
            ),
        ],
        runs: Runs::Histories,
        breaks: Rule::NobodyLockedOut,
    },
    Mutant {
        name: "revokes without looking at Heroku",
        changes: &[(
            REVOKE,
            "self.shown(&old, &current, deadline).await?",
            "None::<String>",
        )],
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
            "if self.read(deadline).await?.missing(rendered).is_empty() {",
            "if false {",
        )],
        runs: Runs::Single,
        breaks: Rule::OneRelease,
    },
    Mutant {
        name: "reads by AWSPENDING instead of the version's id",
        changes: &[(
            SECRETS,
            "            .version_id(version.as_str());",
            "            .version_stage(\"AWSPENDING\");",
        )],
        runs: Runs::Single,
        breaks: Rule::Converges,
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
];
