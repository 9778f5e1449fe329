//! Times and durations for people and for programs.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

/// How long a command waits, if nobody says so.
pub(crate) const PATIENCE: &str = "15m";

/// A duration in two units at most.
pub(crate) fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..172_800 => format!("{hours} h {:02} min", minutes % 60),
        172_800.. => format!("{days} d {} h", hours % 24),
    }
}

/// How long ago, or in how long.
pub(crate) fn from_now(time: SystemTime) -> String {
    match time.duration_since(SystemTime::now()) {
        Ok(left) => format!("in {}", words(left)),
        Err(past) => format!("{} ago", words(past.duration())),
    }
}

/// A time in UTC as in 2026-11-23T05:12:39Z.
pub(crate) fn text(time: SystemTime) -> Option<String> {
    let seconds = Timestamp::try_from(time).ok()?.as_second();
    Some(Timestamp::from_second(seconds).ok()?.to_string())
}

/// A duration as a person writes it: `90s`, `15m`, `2h`, of at most a week, as a schedule's.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let expected = "use a time such as 90s, 15m or 2h, of at most 7 days";
    let duration: SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    let duration = Duration::try_from(duration).map_err(|_| expected.to_owned())?;
    if (1..=604_800).contains(&duration.as_secs()) {
        Ok(duration)
    } else {
        Err(expected.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_what_matters() {
        for (seconds, expected) in [
            (0, "0 s"),
            (61, "1 min"),
            (7200, "2 h 00 min"),
            (90_000, "25 h 00 min"),
            (1_000_000, "11 d 13 h"),
        ] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_time_is_written_in_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_410_759_250);
        assert_eq!(text(time).unwrap(), "2026-11-23T05:12:39Z");
    }
}
