//! Fleets of add-on instances under the quotas of AWS and Heroku: a discrete-event simulation, request by
//! request, in virtual time.
//!
//! What waits, and for how long, is decided by the library's own code ([`policy`]); what is asked, in which
//! order, is what the library's tests count ([`calls`]). Quotas, durations and what is assumed are
//! [`parameters`]. The same scenario, parameters and seed give the same figures.
//!
//! It leaves out whatever goes wrong but for quotas, the sweep, the quotas' own slack (a bucket holds a second's
//! worth), and what Secrets Manager, Scheduler and Lambda do not document.

pub mod bucket;
pub mod calls;
pub mod outcome;
pub mod parameters;
pub mod policy;
pub mod prices;
pub mod scenario;
pub mod simulation;

pub use outcome::Outcome;
pub use parameters::Parameters;
pub use scenario::{Fleet, Start};
pub use simulation::simulate;

/// Virtual time, in microseconds since the simulation's start.
pub type Time = u64;

/// In microseconds.
pub const MILLISECOND: Time = 1_000;
/// In microseconds.
pub const SECOND: Time = 1_000 * MILLISECOND;
/// In microseconds.
pub const MINUTE: Time = 60 * SECOND;
/// In microseconds.
pub const HOUR: Time = 60 * MINUTE;
/// In microseconds.
pub const DAY: Time = 24 * HOUR;

/// A count as a number that can be divided: what is counted here is far below 2^52.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn number(count: u64) -> f64 {
    count as f64
}

/// So many microseconds, rounded; at most some 500,000 years.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative is none, and what is larger saturates"
)]
pub fn microseconds(number: f64) -> Time {
    number.round() as Time
}
