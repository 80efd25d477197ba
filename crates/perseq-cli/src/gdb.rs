//! `perseq gdb`: the commands for gdb, which are in `tools/gdb/perseq.py` too.

use crate::output::{self, Failure};

/// Prints the script.
pub fn run() -> Result<(), Failure> {
    output::print(include_str!("gdb/perseq.py").trim_end())
}
