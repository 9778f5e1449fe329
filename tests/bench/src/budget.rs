//! What may be spent: ratios to the floor of the same run, sizes and counts, never a time.

use package::most_bytes;

use super::report::{Mode, Report, Row, StepRequests, number, ratio};

/// The most memory that a function may have resident, in bytes.
pub(crate) const MEMORY: u64 = 12_000_000;

/// How many times the floor's init a function's may be.
pub(crate) fn init(tls: bool) -> f64 {
    if tls { 6.0 } else { 4.0 }
}

/// How many times the floor's cold start a function's may be.
pub(crate) fn cold(tls: bool) -> Option<f64> {
    (!tls).then_some(6.0)
}

/// The most requests of a step to AWS and to Heroku, whatever the API.
fn requests(step: &str) -> (usize, usize) {
    match step {
        "createSecret" => (7, 0),
        "setSecret" => (5, 3),
        "testSecret" => (5, 2),
        "finishSecret" => (5, 0),
        // One asks whether it was scheduled anew, one tells what became of it.
        _ => (9, 2),
    }
}

/// What is over its budget, one line each.
pub(crate) fn excesses(report: &Report) -> Vec<String> {
    let functions = report
        .modes
        .iter()
        .flat_map(|mode| mode.functions.iter().flat_map(|row| of_row(row, mode)));
    functions
        .chain(report.rotation.iter().filter_map(of_step))
        .collect()
}

fn of_row(row: &Row, mode: &Mode) -> Vec<String> {
    let (own, floor) = (&row.figures, &mode.floor.figures);
    let times = [
        ("init", own.init_ms, floor.init_ms, Some(init(mode.tls))),
        ("cold", own.cold_ms, floor.cold_ms, cold(mode.tls)),
    ];
    let times = times.into_iter().filter_map(|(name, own, floor, most)| {
        let (ratio, most) = (ratio(own, floor), most?);
        (ratio > most).then(|| format!("{name} is {ratio:.1} times the floor's, of {most:.0}"))
    });
    let sizes = [
        ("peak memory", own.memory_bytes, MEMORY),
        ("zip", row.zip_bytes, most_bytes(&row.function)),
    ];
    let sizes = sizes.into_iter().filter_map(|(name, own, most)| {
        let mega = |bytes| number(bytes) / 1e6;
        (own > most).then(|| format!("{name} is {:.2} MB, of {:.1}", mega(own), mega(most)))
    });
    times
        .chain(sizes)
        .map(|excess| format!("{}, {}: {excess}", row.function, mode.name()))
        .collect()
}

fn of_step(step: &StepRequests) -> Option<String> {
    let (aws, heroku) = requests(step.step);
    (step.aws > aws || step.heroku > heroku).then(|| {
        format!(
            "{}, {}: {} requests to AWS and {} to Heroku, of {aws} and {heroku}",
            step.api, step.step, step.aws, step.heroku
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn what_is_within_its_budget_is_no_excess() {
        assert_eq!(excesses(&report(4.0, MEMORY, 1_600_000)), [""; 0]);
    }

    #[test]
    fn every_figure_has_a_budget_of_its_own() {
        let excess = |times, memory, zip| excesses(&report(times, memory, zip));
        // Twice: each of the two functions, where TLS has more room.
        assert_eq!(excess(4.1, MEMORY, 1_000_000).len(), 2);
        // Init in both modes; cold without TLS alone.
        assert_eq!(excess(6.1, MEMORY, 1_000_000).len(), 6);
        assert_eq!(excess(1.0, MEMORY + 1, 1_000_000).len(), 4);
        let larger = excess(1.0, MEMORY, 1_600_001);
        assert_eq!(larger.len(), 2, "{larger:?}");
        assert!(larger[0].starts_with("finish-secret"), "{larger:?}");
        assert_eq!(excess(1.0, MEMORY, 2_500_001).len(), 4);
    }

    #[test]
    fn requests_are_counted_for_each_side() {
        let mut report = report(1.0, MEMORY, 1_000_000);
        for (aws, heroku, excesses_) in [(5, 3, 0), (6, 3, 1), (5, 4, 1)] {
            (report.rotation[0].aws, report.rotation[0].heroku) = (aws, heroku);
            assert_eq!(excesses(&report).len(), excesses_);
        }
    }
}
