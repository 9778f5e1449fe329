//! What was found, and how it is shown.

pub(crate) mod table;

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::Figures;
use super::machine::Machine;
use super::tape::{Host, Tape};

/// Everything that one run found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// How often each function was started.
    pub(crate) rounds: usize,
    /// How much later than its request each answer came, in milliseconds.
    pub(crate) latency_ms: u64,
    /// Without TLS and with it.
    pub(crate) modes: Vec<Mode>,
    /// What a clean rotation and its revocation ask.
    pub(crate) rotation: Vec<StepRequests>,
}

/// The functions, reached in one way.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mode {
    /// Whether everything that the functions reach is reached through TLS.
    pub(crate) tls: bool,
    /// A function that does nothing.
    pub(crate) floor: Row,
    pub(crate) functions: Vec<Row>,
}

impl Mode {
    pub(crate) fn name(&self) -> &'static str {
        if self.tls {
            "TLS, certificates checked"
        } else {
            "without TLS"
        }
    }
}

/// One function.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) function: String,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    pub(crate) zip_bytes: u64,
    /// The requests of the measured event, by host.
    pub(crate) requests: BTreeMap<Host, usize>,
}

/// The requests of one step: `rotate`'s and the called function's, the invocation counted as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StepRequests {
    /// `v1` or `v3`.
    pub(crate) api: &'static str,
    pub(crate) step: &'static str,
    pub(crate) aws: usize,
    pub(crate) heroku: usize,
    pub(crate) service: usize,
}

impl StepRequests {
    pub(crate) fn of<'a>(
        api: &'static str,
        step: &'static str,
        tapes: impl IntoIterator<Item = &'a Tape>,
    ) -> Self {
        let mut counted = Self {
            api,
            step,
            aws: 0,
            heroku: 0,
            service: 0,
        };
        for (question, _) in tapes.into_iter().flat_map(|tape| &tape.0) {
            match question.host {
                host if host.is_aws() => counted.aws += 1,
                host if host.is_heroku() => counted.heroku += 1,
                _ => counted.service += 1,
            }
        }
        counted
    }
}

/// How many times the floor's figure it is.
pub(crate) fn ratio(figure: f64, floor: f64) -> f64 {
    if floor > 0.0 { figure / floor } else { 0.0 }
}

/// A count as a number that ratios can be made of: what is counted here is far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report in which every function costs `times` what the floor does.
    pub(crate) fn report(times: f64, memory: u64, zip: u64) -> Report {
        let figures = |times: f64, memory: u64| Figures {
            init_ms: 2.0 * times,
            cold_ms: 3.0 * times,
            warm_ms: 0.5 * times,
            memory_bytes: memory,
            instructions: Some(1_000_000),
        };
        let row = |function: &str, figures: Figures, zip_bytes: u64| Row {
            function: function.to_owned(),
            figures,
            zip_bytes,
            requests: BTreeMap::from([(Host::SecretsManager, 2), (Host::Lambda, 1)]),
        };
        let modes = [false, true].map(|tls| Mode {
            tls,
            floor: row("floor", figures(1.0, 2_000_000), 400_000),
            functions: ["rotate", "finish-secret"]
                .map(|name| row(name, figures(times, memory), zip))
                .to_vec(),
        });
        Report {
            machine: Machine::new(),
            rounds: 20,
            latency_ms: 0,
            modes: modes.to_vec(),
            rotation: vec![StepRequests {
                api: "v3",
                step: "setSecret",
                aws: 5,
                heroku: 3,
                service: 0,
            }],
        }
    }

    #[test]
    fn json_has_every_figure_by_name() {
        let json = serde_json::to_value(report(2.0, 3_000_000, 900_000)).unwrap();
        let rotate = &json["modes"][1]["functions"][0];
        assert_eq!(json["modes"][1]["tls"], true);
        assert_eq!(rotate["function"], "rotate");
        assert_eq!(rotate["init_ms"], 4.0);
        assert_eq!(rotate["memory_bytes"], 3_000_000);
        assert_eq!(rotate["instructions"], 1_000_000);
        assert_eq!(rotate["requests"]["secretsmanager"], 2);
        assert_eq!(json["rotation"][0]["aws"], 5);
    }
}
