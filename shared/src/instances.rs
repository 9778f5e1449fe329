//! What is done with an instance besides its rotation, and with all of them: enrolment, deprovisioning, the start of a
//! rotation, the sweep.

mod deprovision_addon;
mod enroll_addon;
mod fleet;
mod start_rotation;
mod sweep;

pub use deprovision_addon::{DeprovisionAddon, DeprovisionOutcome, Deprovisioned};
pub use enroll_addon::{EnrollAddon, EnrollOutcome, Enrolled};
pub use fleet::FleetConfiguration;
pub use start_rotation::{StartOutcome, StartRotation, Started};
pub use sweep::{Order, Sweep};
