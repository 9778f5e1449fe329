//! Sessions compared: what a session of a version is and can do, beside the imported login's, over set-ups that are
//! generated.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Runtime;

/// So many set-ups are tried, in place of the few of each run.
const COUNT: &str = "PROBE_SETUPS";
/// Another number, other set-ups.
const SEED: &str = "PROBE_SEED";

/// In so many there is everything that differs.
const MANY: u32 = 200;

/// A set-up is made smaller in so many attempts at most.
const SHRINKING: u32 = 60;

/// What a session is and can do, by what was asked.
pub(crate) type Description = BTreeMap<String, String>;

/// What differs and may: a part of the question, and what the page for operators says of it.
pub(crate) type Documented = (&'static str, &'static str);

/// What differs, by `documented`, and did so in some set-up.
pub(crate) struct Differences {
    documented: &'static [Documented],
    seen: RefCell<BTreeSet<&'static str>>,
}

impl Differences {
    /// Fails if the page does not say so.
    pub(crate) fn new(documented: &'static [Documented]) -> Self {
        let page = include_str!("../../../../infra/engines.md");
        for (line, sentence) in documented {
            assert!(
                page.contains(sentence),
                "{line}: the page does not say {sentence:?}"
            );
        }
        Self {
            documented,
            seen: RefCell::default(),
        }
    }

    /// What is not documented of the differences between two sessions.
    pub(crate) fn between(
        &self,
        first: &Description,
        other: &Description,
        when: &str,
    ) -> Result<(), String> {
        let lines: BTreeSet<&String> = first.keys().chain(other.keys()).collect();
        let mut undocumented = Vec::new();
        for line in lines {
            let (was, is) = (first.get(line), other.get(line));
            if was == is {
                continue;
            }
            let mut documented = self.documented.iter();
            match documented.find(|(part, _)| line.contains(part)) {
                Some((part, _)) => drop(self.seen.borrow_mut().insert(part)),
                None => undocumented.push(format!("{line}: {was:?}, then {is:?}")),
            }
        }
        match undocumented.as_slice() {
            [] => Ok(()),
            lines => Err(format!("{when}:\n  {}", lines.join("\n  "))),
        }
    }
}

/// Tries set-ups, the same ones for the same seed, and makes one that fails smaller.
pub(crate) fn try_all<S: Strategy>(
    runtime: &Runtime,
    few: u32,
    differences: &Differences,
    set_ups: &S,
    check: &impl AsyncFn(&S::Value) -> Result<(), String>,
) {
    let number = |name| -> Option<u32> { std::env::var(name).ok()?.parse().ok() };
    let (count, seed) = (number(COUNT), number(SEED).unwrap_or(1));
    let config = Config {
        cases: count.unwrap_or(few),
        max_shrink_iters: SHRINKING,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(8));
    let tried = TestRunner::new_with_rng(config, rng).run(set_ups, |set_up| {
        let checked = runtime.block_on(check(&set_up));
        checked.map_err(TestCaseError::fail)
    });
    if let Err(error) = tried {
        panic!("with {SEED}={seed}: {error}");
    }
    // What never differs needs no leave.
    if count >= Some(MANY) {
        let stale = differences.documented.iter().map(|(line, _)| *line);
        let stale: Vec<_> = stale
            .filter(|line| !differences.seen.borrow().contains(line))
            .collect();
        assert!(stale.is_empty(), "documented, and never seen: {stale:?}");
    }
}
