use crate::{Protocol, Rotations};

fn explored(protocol: Protocol) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    for abandoned_and_swept in [false, true] {
        let explored = Rotations {
            protocol,
            crashes: 1,
            abandoned_and_swept,
        }
        .explore();
        // A model in which nothing happens proves nothing.
        if protocol == Protocol::AsItIs {
            assert!(explored.states > 3_000, "{}", explored.states);
        }
        found.extend(
            explored
                .broken
                .iter()
                .map(|(name, path)| (*name, path.len())),
        );
    }
    found
}

#[test]
fn the_protocol_holds_whatever_crashes() {
    assert_eq!(explored(Protocol::AsItIs), []);
}

#[test]
fn each_broken_protocol_breaks_what_it_should() {
    for protocol in Protocol::ALL {
        if let Some(name) = protocol.breaks() {
            let found = explored(protocol);
            assert!(
                found.iter().any(|(it, _)| *it == name),
                "{protocol:?}: {found:?}"
            );
        }
    }
}
