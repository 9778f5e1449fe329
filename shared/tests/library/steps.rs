//! Rotations and revocations, with the functions run in this process.

mod crashes;
mod revocation;
mod rotation;
mod schedules;
