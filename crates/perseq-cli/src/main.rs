//! The `perseq` command.
//!
//! `perseq info` says what this machine offers to restartable sequences, and why not where it does not.
//! `perseq bench` measures what per-CPU operations cost on it, against what one would otherwise use.
//! `perseq gdb` prints what lets gdb step over critical sections.
//! `perseq inspect` shows the critical sections of a program or library, and verifies them.
//! `perseq trace` records the events of programs, and reads traces.
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | the command line |
//! | [`info`] | `perseq info` |
//! | [`bench`] | `perseq bench`: groups, engine, reports |
//! | [`gdb`] | `perseq gdb`: a script for gdb |
//! | [`inspect`] | `perseq inspect`, around the crate `perseq-inspect` |
//! | [`machine`] | the machine that a figure belongs to |
//! | `man` | the manual pages, which its tests compare with the committed ones |
//! | [`output`] | standard output, and the failures that end the command |
//! | [`sys`] | what is asked of the operating system |
//! | `trace` | `perseq trace`, around the crates `perseq-trace` and `perseq-ctf`; on Linux |

mod args;
mod bench;
mod gdb;
mod info;
mod inspect;
mod machine;
#[cfg(test)]
mod man;
mod output;
mod sys;
#[cfg(target_os = "linux")]
mod trace;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser as _;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.command {
        Command::Info(options) => info::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Gdb => gdb::run(),
        Command::Inspect(options) => inspect::run(options),
        #[cfg(target_os = "linux")]
        Command::Trace(command) => match trace::run(command) {
            Ok(status) => return status,
            Err(failure) => Err(failure),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough: `perseq bench | head` is no failure.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(&failure);
            failure.exit_code()
        }
    }
}
