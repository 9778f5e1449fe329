//! A history: what an operator, the customer, AWS and bad luck do to one instance, one thing after the
//! other. It can be written down and replayed.

pub mod known;
pub mod strategy;
pub mod tell;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::world::Setup;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interruption {
    /// The operator cancels it (`CancelRotateSecret`) and takes AWSPENDING off.
    Cancel,
    Deprovision,
    Delete,
    /// A schedule is due. Its event waits in Lambda's queue until the rotation is over.
    Fire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one that is due first.
    Earliest,
    /// The one that is due last: the others are late, and out of order.
    Latest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// "Rotate now" in the AWS console.
    RotateNow,
    /// The secret's own schedule is due.
    RotateBySchedule,
    Press,
    /// "Rotate now", and something else after so many requests.
    Interrupt {
        after: u32,
        by: Interruption,
    },
    /// Time passes, and what is due in it fires.
    Wait {
        minutes: u32,
    },
    /// Time passes until a schedule is due, and it fires.
    Fire {
        which: Which,
        /// Whether Lambda delivers the event a second time.
        twice: bool,
    },
    /// Time passes until the first schedule is due. Its event waits in Lambda's queue, until the history's end
    /// if not until an earlier [`Operation::Deliver`].
    Queue,
    LoseSchedule,
    SwitchOffSchedule,
    /// The first event that there was is delivered: late, or again.
    #[serde(alias = "deliver-again")]
    Deliver,
    Sweep,
    /// The operator makes an older version current that still is accepted.
    RollBack,
    /// The operator is told that a credential leaked, and accepts that dynos lose access.
    Emergency,
    /// The customer removes the add-on, and the partner's backend has the instance end.
    EndInstance,
    /// Somebody stores a document whose template differs.
    EditDocument,
    /// Somebody stores a document that has the other of two config vars show the credential.
    RenameVar,
    /// Somebody removes the config vars that the document does not name.
    RemoveOtherVars,
    Delete,
    Restore,
    Deprovision,
    /// Scheduler's clock is so far ahead of the functions'.
    Clock {
        /// How far; behind, if negative.
        seconds: i8,
    },
    /// So go the next requests wrong.
    Faults(Vec<Fault>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    pub setup: Setup,
    pub operations: Vec<Operation>,
}
