//! Tests that need something which this machine may not have.
//!
//! Such a test prints one line that begins with `skipped:` and returns. Where the thing must be there, on a machine that
//! is set up for it, `PERSEQ_REQUIRE` names it (a comma-separated list) and the test fails instead.

use std::fmt::Display;
use std::io::Write;

/// Prints `skipped: …` past the capture of the test harness, or fails if `PERSEQ_REQUIRE` names `what`.
///
/// # Panics
/// If `what` is required.
pub fn skip(what: &str, why: impl Display) {
    let required = std::env::var("PERSEQ_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name.trim() == what),
        "PERSEQ_REQUIRE names {what}, which is missing: {why}"
    );
    say(format_args!("skipped: {} needs {what}: {why}", test_name()));
}

/// Prints a line past the capture of the test harness: a result that is to be seen although the test passed.
pub fn say(line: impl Display) {
    // In one write, so that lines of tests that run at the same time do not mix. A closed stderr is no failure.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Whether the calling thread runs restartable sequences; if not, says that the test is skipped for it.
#[must_use]
pub fn sequences_run() -> bool {
    match perseq::status().reason {
        None => true,
        Some(reason) => {
            skip("rseq", reason);
            false
        }
    }
}

fn test_name() -> String {
    std::thread::current().name().unwrap_or("this test").to_string()
}
