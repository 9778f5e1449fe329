//! How long a test waits for what must come.

use std::time::Duration;

/// Far longer than anything takes on the slowest machine: it only makes an error of what would hang.
pub const PATIENCE: Duration = Duration::from_mins(5);
