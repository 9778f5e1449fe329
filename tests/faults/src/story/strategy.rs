//! Random histories, and smaller ones that fail as well.

use clap::ValueEnum as _;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Interruption, Operation, Story, Which};
use crate::engine::Engine;
use crate::fault::{Fault, Kind, When};
use crate::world::{Api, Manners, Setup};

/// The longest history. Two rotations within the grace period and what befalls them take some five.
const LONGEST: usize = 12;

/// The requests of a rotation: interruptions and faults are within them.
const REQUESTS: u32 = 45;

/// A history that can be made smaller.
pub type Tree = Box<dyn ValueTree<Value = Story>>;

/// Histories of these engines' instances, the same ones for the same seed.
pub fn stories(engines: &[Engine], seed: u64, count: usize) -> impl Iterator<Item = Tree> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = story(engines.to_vec());
    (0..count).filter_map(move |_| strategy.new_tree(&mut runner).ok())
}

fn story(engines: Vec<Engine>) -> BoxedStrategy<Story> {
    let setup = (
        select(engines),
        select(Api::value_variants().to_vec()),
        select(Manners::value_variants().to_vec()),
    );
    let setup = setup.prop_map(|(engine, api, manners)| Setup {
        engine,
        api,
        manners,
    });
    (setup, vec(operation(), 2..=LONGEST))
        .prop_map(|(setup, operations)| Story { setup, operations })
        .boxed()
}

fn operation() -> BoxedStrategy<Operation> {
    let interruption = select(vec![
        Interruption::Cancel,
        Interruption::Cancel,
        Interruption::Deprovision,
        Interruption::Delete,
        Interruption::Fire,
        Interruption::Fire,
    ]);
    let which = select(vec![Which::Earliest, Which::Latest]);
    proptest::prop_oneof![
        6 => Just(Operation::RotateNow),
        2 => Just(Operation::RotateBySchedule),
        2 => Just(Operation::Press),
        4 => (1..REQUESTS, interruption).prop_map(|(after, by)| Operation::Interrupt { after, by }),
        3 => (1_u32..180).prop_map(|minutes| Operation::Wait { minutes }),
        4 => (which, any::<bool>()).prop_map(|(which, twice)| Operation::Fire { which, twice }),
        1 => Just(Operation::LoseSchedule),
        1 => Just(Operation::SwitchOffSchedule),
        2 => Just(Operation::Queue),
        2 => Just(Operation::Deliver),
        2 => Just(Operation::Sweep),
        3 => Just(Operation::RollBack),
        1 => Just(Operation::Emergency),
        1 => Just(Operation::EndInstance),
        1 => Just(Operation::EditDocument),
        1 => Just(Operation::RenameVar),
        1 => Just(Operation::RemoveOtherVars),
        1 => Just(Operation::Delete),
        1 => Just(Operation::Restore),
        1 => Just(Operation::Deprovision),
        1 => (-60_i8..=60).prop_map(|seconds| Operation::Clock { seconds }),
        6 => vec(fault(), 1..=3).prop_map(Operation::Faults),
    ]
    .boxed()
}

fn fault() -> impl Strategy<Value = Fault> {
    (0..REQUESTS, select(Kind::HTTP.to_vec())).prop_map(|(after, kind)| Fault {
        when: When::After(after),
        kind,
    })
}
