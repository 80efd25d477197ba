//! `perseq gdb` as a user runs it. What the script does is tested with the real gdb, by the tests that cross crates.

use std::process::Command;

#[test]
fn the_script_is_printed_as_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_perseq")).arg("gdb").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), include_str!("../src/gdb/perseq.py"));
}
