//! The command line, as clap reads it. Wrong usage ends the command with status 2.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, Subcommand};

use crate::bench::groups;

/// Per-CPU programming on Linux restartable sequences: what this machine offers, what it costs, and what a program does with it.
#[derive(Debug, Parser)]
#[command(name = "perseq", version, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report whether restartable sequences work here, through whom, and if not, why
    Info(InfoArgs),
    /// Measure per-CPU operations against what one would otherwise use
    Bench(BenchArgs),
    /// Print a script for gdb that lists critical sections and steps over them
    Gdb,
    /// Show the critical sections of an ELF program or library, and verify them
    Inspect(InspectArgs),
}

/// Options of `perseq info`.
#[derive(Debug, clap::Args)]
pub struct InfoArgs {
    /// Print one JSON object instead of the report
    #[arg(long)]
    pub json: bool,
}

/// Options of `perseq bench`.
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// The groups to measure; all of them if none is named
    #[arg(value_name = "GROUP", value_parser = group_names())]
    pub groups: Vec<String>,
    /// Fewer samples: seconds instead of minutes, and figures to match
    #[arg(long)]
    pub quick: bool,
    /// Print one JSON object a line, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// With --json: add every sample, in nanoseconds, as `samples_ns`
    #[arg(long, requires = "json")]
    pub raw: bool,
    /// Also write a report with charts, complete in one file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Options of `perseq inspect`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0, or 1 if --verify finds a violation, or 2 if the file cannot be inspected."
)]
pub struct InspectArgs {
    /// A linked program or library, for this architecture or another
    pub file: PathBuf,
    /// Print what breaks a rule, and nothing else; end with status 1 if anything does
    #[arg(long)]
    pub verify: bool,
    /// Print the instructions too
    #[arg(long)]
    pub disassemble: bool,
    /// Print one JSON object a line for each section
    #[arg(long)]
    pub json: bool,
}

/// The groups, each with its line of help.
fn group_names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        groups::ALL.iter().map(|group| PossibleValue::new(group.name).help(group.about)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn groups_may_be_left_out_and_raw_needs_json() {
        let args = Args::try_parse_from(["perseq", "bench"]).unwrap();
        assert!(matches!(args.command, Command::Bench(BenchArgs { groups, .. }) if groups.is_empty()));
        assert!(Args::try_parse_from(["perseq", "bench", "--raw"]).is_err());
    }
}
