//! No test waits for so long, or fails by how long something took: a busy machine would decide then.

use std::fs;

use crate::text::files;

/// Where time is waited for or measured all the same, and why that decides nothing.
const ALLOWED: [(&str, &str); 15] = [
    ("bench/src/lambda.rs", "what is measured"),
    ("checks/src/stages", "only told"),
    (
        "conformance/stopping.rs",
        "what is too early would be seen within it; what is late changes nothing",
    ),
    ("demo/src/stage.rs", "between two looks at a state"),
    ("faults/src/main.rs", "only told"),
    ("faults/src/run.rs", "between two logins of a customer"),
    ("strict-aws/src/gateway.rs", "a fault that is asked for"),
    ("stand-in/src/faults.rs", "a fault that is asked for"),
    (
        "stand-in/src/server.rs",
        "until file descriptors are free again",
    ),
    ("strict-heroku/src", "dynos' restarts"),
    (
        "stand-in/src/patience.rs",
        "a test that hangs ends with an error",
    ),
    ("tools/src/process.rs", "between two looks at a process"),
    (
        "strict-aws/src/scheduler/firing.rs",
        "EventBridge Scheduler's own time",
    ),
    (
        "strict-aws/src/secrets_manager/rotation.rs",
        "Secrets Manager's own time",
    ),
    (
        "shared/library/authority/impatience.rs",
        "a clock that stands still",
    ),
];

const WAITS: [&str; 2] = ["sleep(", ".elapsed()"];

#[test]
fn no_test_waits_for_a_while() {
    let workspace = tools::workspace();
    let mut waiting = Vec::new();
    for (root, name) in [
        ("tests", ""),
        ("shared/tests", "shared/"),
        ("infra/conformance/src/tests", "conformance/"),
    ] {
        let root = workspace.join(root);
        let files = files(&root, "rs");
        assert!(!files.is_empty());
        for file in files {
            let path = format!("{name}{}", file.strip_prefix(&root).unwrap().display());
            let is_this = path.ends_with("checks/src/waits.rs");
            if is_this || ALLOWED.iter().any(|(allowed, _)| path.starts_with(allowed)) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                if WAITS.iter().any(|wait| line.contains(wait)) {
                    waiting.push(format!("{path}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(
        waiting.is_empty(),
        "wait for the state instead, or let the test have its own clock:\n{}",
        waiting.join("\n")
    );
}
