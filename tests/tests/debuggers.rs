//! Sequences under debuggers, the real ones.
//!
//! A thread that is stopped inside a critical section is aborted when it goes on, so a debugger that steps is the worst neighbour that a
//! section has. What must hold: a program built on Perseq gets through all its sequences under any debugger ([`plain`],
//! [`single_step`]), and with `perseq.py` gdb and lldb get through everybody's ([`script`], [`lldb`]). Each has a control in which a loop without a bound
//! does not.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

#[allow(dead_code, reason = "each test binary builds fixtures in its own ways")]
#[path = "../fixtures/mod.rs"]
mod fixtures;
#[path = "debuggers/gdb.rs"]
mod gdb;
#[path = "debuggers/lldb.rs"]
mod lldb;
#[path = "debuggers/plain.rs"]
mod plain;
#[path = "debuggers/script.rs"]
mod script;
#[path = "debuggers/single_step.rs"]
mod single_step;
#[path = "debuggers/stepper.rs"]
mod stepper;

use std::path::PathBuf;

/// A program of the package that is there to be stepped through, optimised so that its sequences are inlined.
fn program(name: &'static str) -> PathBuf {
    fixtures::Fixture::program("stepped", name).setting("opt-level", "2").build()
}
