//! What every stand-in has: a server, the faults that a test asks for, the record of what was asked, the log of what
//! happened, and the time that tests wait.

pub mod events;
mod faults;
pub mod patience;
mod server;

pub use faults::{Fault, FaultRule, FrontDesk, RequestRecord};
pub use server::{LoopbackServer, listen};
