use crate::{Protocol, explorations};

#[test]
fn the_protocol_holds_and_each_broken_one_breaks_what_it_should() {
    for explored in explorations(1) {
        assert!(explored.is_as_expected(), "{explored:?}");
        if explored.rotations.protocol == Protocol::AsItIs {
            // A model in which little happens proves little.
            let least = if explored.rotations.late_reads {
                10_000
            } else {
                500_000
            };
            assert!(explored.states > least, "{explored:?}");
        }
    }
}
