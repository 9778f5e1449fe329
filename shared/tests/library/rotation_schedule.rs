//! The schedules of a fleet, by Secrets Manager's rules.

use std::collections::BTreeMap;

use addon_rotation::rotation_schedule::{WINDOW, schedule_expression};
use jiff::{Timestamp, Unit};
use strict_aws::secrets_manager::RotationRules;
use uuid::Uuid;

const ADDON: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn rules(addon: &str, days: u32) -> RotationRules {
    RotationRules {
        schedule_expression: Some(schedule_expression(addon, days)),
        duration: Some(WINDOW.to_owned()),
        ..RotationRules::default()
    }
}

fn fleet(instances: u128) -> impl Iterator<Item = String> {
    // Ids that have almost everything in common.
    (0..instances).map(|it| Uuid::from_u128(it).to_string())
}

/// When the windows of two years open.
fn windows(rules: &RotationRules) -> Vec<Timestamp> {
    let start: Timestamp = "2026-11-24T13:30:00Z".parse().unwrap();
    let end: Timestamp = "2028-11-24T13:30:00Z".parse().unwrap();
    std::iter::successors(rules.next(start), |last| rules.next(*last))
        .take_while(|at| *at < end)
        .collect()
}

#[test]
fn secrets_manager_takes_every_schedule() {
    for days in (0..=400).chain([u32::MAX]) {
        for addon in fleet(20) {
            let rules = rules(&addon, days);
            assert_eq!(rules.check(), Ok(()), "{days}: {rules:?}");
            let expression = rules.schedule_expression.unwrap();
            assert!(expression.len() <= 256, "{expression}");
        }
    }
}

#[test]
fn intervals_are_as_long_as_asked_but_for_what_months_differ() {
    for (asked, least, most) in [
        (1, 1, 1),
        (2, 1, 2),
        (3, 2, 3),
        (5, 3, 4),
        (7, 7, 7),
        (14, 7, 7),
        (15, 14, 17),
        (30, 28, 31),
        (60, 59, 62),
        (90, 89, 92),
        (100, 89, 92),
        (180, 181, 184),
        (365, 365, 366),
        (999, 365, 366),
    ] {
        let mut seen = (i64::MAX, 0);
        for addon in fleet(40) {
            for pair in windows(&rules(&addon, asked)).windows(2) {
                let gap = pair[1].since((Unit::Hour, pair[0])).unwrap().get_hours();
                assert_eq!(gap % 24, 0, "always at the same hour");
                let days = i64::from(gap) / 24;
                seen = (seen.0.min(days), seen.1.max(days));
            }
        }
        assert_eq!(seen, (least, most), "asked for {asked}");
    }
}

#[test]
fn an_instance_always_has_the_same_schedule() {
    // Not to be changed: instances that are enrolled have these.
    for (days, expected) in [
        (1, "cron(0 21 ? * 1,2,3,4,5,6,7 *)"),
        (7, "cron(0 21 ? * 3 *)"),
        (15, "cron(0 21 10,24 * ? *)"),
        (30, "cron(0 21 24 1,2,3,4,5,6,7,8,9,10,11,12 ? *)"),
        (90, "cron(0 21 24 1,4,7,10 ? *)"),
    ] {
        assert_eq!(schedule_expression(ADDON, days), expected);
    }
}

#[test]
fn a_fleet_is_spread_over_all_hours() {
    let mut hours: BTreeMap<Timestamp, usize> = BTreeMap::new();
    let first: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    for addon in fleet(20_160) {
        let at = rules(&addon, 90).next(first).unwrap();
        *hours.entry(at).or_default() += 1;
    }
    // Ten an hour, as chance has it.
    assert_eq!(hours.len(), 3 * 28 * 24);
    let most = hours.values().max().unwrap();
    assert!((11..=30).contains(most), "{most}");
}
