//! What the secrets of all instances have in common.

use crate::claims::Names;
use crate::fields::Check;
use crate::start::name;

/// What the secrets of all instances have in common.
#[derive(Clone, Debug)]
pub struct FleetConfiguration {
    /// The value of the tag `rotation:stack`.
    pub stack: String,
    /// What they are called.
    pub names: Names,
}

impl FleetConfiguration {
    /// Reads the stack's name and the prefixes.
    pub(super) fn read(variables: &mut Check<'_>) -> Option<Self> {
        let (stack, names) = (stack_name(variables), Names::read(variables));
        Some(Self {
            stack: stack?,
            names: names?,
        })
    }
}

/// The stack's name, with which its secrets are tagged.
pub(super) fn stack_name(variables: &mut Check<'_>) -> Option<String> {
    name(variables, "STACK_NAME", "the stack's name")
}
