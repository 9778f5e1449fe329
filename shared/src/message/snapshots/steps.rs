//! Of steps and of instances.

use super::{Snapshot, addon, answer, call, denied, secret, version};
use crate::document::RandomError;
use crate::error::{DeprovisionError, EnrollError, StepError};
use crate::service::Kind;
use crate::snapshot::assert_snapshot;

#[test]
fn steps() {
    let (secret, version) = (secret(), version());
    let vars = || "ACME_URL".to_owned();
    let cause = || call(Kind::Administrator, answer(), "").to_string();
    let mut snapshot = Snapshot::default();
    for (case, error) in [
        ("RotationDisabled", StepError::RotationDisabled(secret.clone())),
        ("NotEnrolled", StepError::NotEnrolled("addon/credentials/acme-1".to_owned())),
        ("UnknownVersion", StepError::UnknownVersion { secret: secret.clone(), version: version.clone() }),
        ("NotPending", StepError::NotPending { secret: secret.clone(), version: version.clone() }),
        ("NoCurrentVersion", StepError::NoCurrentVersion(secret.clone())),
        ("Labels", StepError::Labels { secret: secret.clone(), has: 19, needed: 2, waiting: 16 }),
        ("Tag", StepError::Tag {
            secret: secret.clone(),
            problem: "the tag rotation:revoke-after must be a whole number of seconds from 1 to 604800".to_owned(),
        }),
        ("Random: RandomError", StepError::Random(RandomError)),
        ("NotShown", StepError::NotShown { secret: secret.clone(), version: version.clone(), addon: addon(), vars: vars() }),
        ("Current", StepError::Current { secret: secret.clone(), version: version.clone() }),
        ("InUse", StepError::InUse {
            secret: secret.clone(),
            version: version.clone(),
            reason: "it is AWSPENDING. → If its rotation was cancelled, take the label off".to_owned(),
        }),
        ("NothingSeen", StepError::NothingSeen { secret: secret.clone(), version: version.clone(), addon: addon(), shown: vars() }),
        ("Deleted", StepError::Deleted { secret: secret.clone(), version: version.clone() }),
        ("NoAdministrator", StepError::NoAdministrator {
            secret: secret.clone(),
            version: version.clone(),
            credential: "u_4c1f".to_owned(),
            address: "db7.acme.example:5432".to_owned(),
            cause: denied().to_string(),
        }),
        ("GaveUp", StepError::GaveUp { secret: secret.clone(), version, cause: cause() }),
    ] {
        snapshot.error(&format!("StepError::{case}"), error);
    }
    let problems = || {
        vec![denied().to_string(), "The service refuses the document's credential. → Send the one that works, which Heroku shows".to_owned()]
    };
    let errors = vec![
        EnrollError::NotReady {
            addon: addon(),
            problems: problems(),
            transient: false,
        },
        EnrollError::NotShown {
            addon: addon(),
            vars: vars(),
        },
        EnrollError::NoSuchVar {
            addon: addon(),
            vars: vars(),
            shown: "ACME_DATABASE_URL".to_owned(),
        },
        EnrollError::TokenLost {
            addon: addon(),
            cause: denied().to_string(),
        },
        EnrollError::Left {
            addon: addon(),
            cause: denied().to_string(),
            left: format!("{secret} is left behind: it is in use."),
            transient: true,
        },
    ];
    snapshot.errors("EnrollError", errors);
    let errors = vec![
        DeprovisionError::Foreign {
            secret: secret.clone(),
            stack: "addon-rotation".to_owned(),
        },
        DeprovisionError::Deleted(secret.clone()),
        DeprovisionError::Late(secret),
        DeprovisionError::Alive {
            addon: addon(),
            problems: problems(),
            transient: true,
        },
        DeprovisionError::GaveUp {
            addon: addon(),
            cause: cause(),
        },
    ];
    snapshot.errors("DeprovisionError", errors);
    assert_snapshot("steps", &snapshot.0);
}
