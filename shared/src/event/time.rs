//! When a try of a revocation was scheduled.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Serialize, Serializer};

/// When a try of a revocation was scheduled: of two tries the later one knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScheduledAt(DateTime);

/// By so much the clocks of two machines may differ.
const CLOCKS: Duration = Duration::from_mins(5);

impl ScheduledAt {
    /// Now, by this machine's clock, to the microsecond: no more is written.
    #[must_use]
    pub fn now() -> Self {
        let now = DateTime::from(SystemTime::now());
        let nanos = now.subsec_nanos();
        Self(DateTime::from_secs_and_nanos(
            now.secs(),
            nanos - nanos % 1_000,
        ))
    }

    /// So much later.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        let time = SystemTime::now() + delay;
        Self(DateTime::from_secs(DateTime::from(time).secs()))
    }

    /// The moment.
    #[must_use]
    pub fn time(self) -> SystemTime {
        SystemTime::try_from(self.0).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl FromStr for ScheduledAt {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = DateTime::from_str(text, Format::DateTime)
            .map_err(|_| "must be a time in UTC as in 2026-11-23T05:12:39.25Z")?;
        let time = Self(time);
        if time.time() > SystemTime::now() + CLOCKS {
            // Every other try would yield to it.
            return Err("must not lie in the future");
        }
        Ok(time)
    }
}

impl fmt::Display for ScheduledAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.fmt(Format::DateTime).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for ScheduledAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.fmt(Format::DateTime);
        serializer.serialize_str(&text.map_err(serde::ser::Error::custom)?)
    }
}
