//! What babeltrace2 makes of a trace, where it is installed.

use std::path::Path;
use std::process::Command;

use crate::skip::skip;

/// babeltrace2 reads that many events, if it is there.
///
/// # Panics
/// If it refuses the trace, or reads others.
#[track_caller]
pub fn babeltrace_reads(folder: &Path, events: u64) {
    match Command::new("babeltrace2").arg(folder).output() {
        Err(error) => skip("babeltrace2", error),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            assert_eq!(lines as u64, events);
        }
    }
}
