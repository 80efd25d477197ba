//! What `sequence!` refuses and what it says then, and what it accepts.
//!
//! Each file of `ui/refused` is one misuse that the macro refuses, each of `ui/refused_by_the_compiler` one that shows when
//! its expansion is compiled. The `.stderr` beside it is the message, which must name what is wrong and what to write
//! instead, on the tokens that are wrong. `TRYBUILD=overwrite cargo test -p perseq --test compile_errors` rewrites
//! them. The files of `ui/accepted` use the whole language and are run.

use std::path::Path;

/// Whether there is a compiler here: the machine that builds this test need not be the one that runs it.
fn compiler() -> bool {
    let cargo = std::env::var_os("CARGO");
    let found = cargo.is_some_and(|cargo| Path::new(&cargo).exists());
    if !found {
        eprintln!("skipped: compile errors need the compiler: cargo does not run this test");
    }
    found
}

#[test]
fn each_misuse_is_refused_with_advice() {
    if !compiler() {
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/refused/*.rs");
}

#[test]
fn the_whole_language_is_accepted_and_layouts_are_checked_when_built() {
    if !compiler() {
        return;
    }
    // With a program to run, the others are built too instead of only checked; that is when constants are evaluated.
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/accepted/*.rs");
    if !cfg!(target_pointer_width = "64") {
        // What the compiler says when it evaluates constants differs.
        return;
    }
    cases.compile_fail("tests/ui/refused_by_the_compiler/*.rs");
}
