//! The ways in which the functions are broken.

mod authority;
mod ending;
mod protocol;
mod sessions;
mod untidy;

use super::Mutant;

const ROTATE: &str = "shared/src/steps/rotate.rs";
const FINISH: &str = "shared/src/steps/finish_secret.rs";
const REVOKE: &str = "shared/src/steps/revoke_secret.rs";
const VALUES: &str = "shared/src/secrets/values.rs";
const MOVES: &str = "shared/src/secrets/moves.rs";
const CLAIMS: &str = "shared/src/claims.rs";
const POSSESSION: &str = "shared/src/steps/possession.rs";
const CREATE: &str = "shared/src/steps/create_secret.rs";
const DEPROVISION: &str = "shared/src/instances/deprovision_addon.rs";
const DEPROVISIONED: &str = "shared/src/instances/deprovision_addon/credentials.rs";
const SERVICE: &str = "shared/src/service.rs";
const SCHEDULE: &str = "shared/src/schedule.rs";
const LABELS: &str = "shared/src/steps/revoke_secret/labels.rs";
const END: &str = "shared/src/ending.rs";
const LOOK: &str = "shared/src/steps/revoke_secret/look.rs";
const CONFIG: &str = "shared/src/heroku/config.rs";

pub(super) fn mutants() -> impl Iterator<Item = &'static Mutant> {
    let tables = [
        protocol::MUTANTS,
        authority::MUTANTS,
        ending::MUTANTS,
        untidy::MUTANTS,
        sessions::MUTANTS,
    ];
    tables.into_iter().flatten()
}
