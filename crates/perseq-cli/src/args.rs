//! The command line, as clap reads it. Wrong usage ends the command with status 2.

use std::path::PathBuf;

#[cfg(target_os = "linux")]
use clap::builder::RangedU64ValueParser;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, Subcommand};

use crate::bench::groups;
#[cfg(target_os = "linux")]
use crate::trace::values::{Context, Level, context, glob, size};

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
    /// Record what programs say of themselves, and read it
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Trace(TraceCommand),
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

/// The subcommands of `perseq trace`.
#[cfg(target_os = "linux")]
#[derive(Debug, Subcommand)]
pub enum TraceCommand {
    /// Run a program, and record its events and those of its children
    Record(RecordArgs),
    /// Record the events of programs that run and listen, until interrupted or stopped
    Attach(AttachArgs),
    /// List the sessions, and the programs that listen
    List(ListArgs),
    /// Turn on events of a session
    Enable(EnableArgs),
    /// Turn off events of a session
    Disable(DisableArgs),
    /// Write what the rings of a session hold that overwrites old events
    Snapshot(SnapshotArgs),
    /// End a session
    Stop(SessionArgs),
    /// Go on with a session whose reader was killed, until interrupted or stopped
    Resume(SessionArgs),
    /// Write what is left in the rings of a session whose reader was killed, and end it
    Recover(SessionArgs),
    /// Print the events of a trace
    Print(PrintArgs),
    /// Convert a trace to JSON for Perfetto and chrome://tracing
    Export(ExportArgs),
}

/// What is recorded, and how.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct RecordingArgs {
    /// The folder of the trace; perseq-trace-TIME if it is not named
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Also events whose PROVIDER:NAME matches; `*` stands for any characters, `?` for one; all if none is named
    #[arg(short, long, value_name = "GLOB", value_parser = glob)]
    pub enable: Vec<String>,
    /// No events whose name matches, whatever is enabled
    #[arg(short, long, value_name = "GLOB", value_parser = glob)]
    pub disable: Vec<String>,
    /// Only events as grave as this, or graver
    #[arg(short, long, value_name = "LEVEL", default_value = "debug", value_enum, ignore_case = true)]
    pub level: Level,
    /// Overwrite the oldest events when a ring is full: a flight recorder, written at the end and by snapshots
    #[arg(long, conflicts_with = "wait")]
    pub overwrite: bool,
    /// Have programs wait for room when a ring is full, instead of discarding the event
    #[arg(long)]
    pub wait: bool,
    /// The ring of each CPU, in bytes, or with a unit such as 512KiB or 8M; from 256 KiB to 16 MiB (256 KiB on machines of 32 bits), rounded up to a power of two
    #[arg(short, long, value_name = "SIZE", default_value = "4MiB", value_parser = size)]
    pub buffer_size: usize,
    /// In how many parts a ring is written, from 2 to 128, rounded up to a power of two; fewer, where each would have less than 128 KiB
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = RangedU64ValueParser::<usize>::new().range(2..=128))]
    pub sub_buffers: usize,
    /// What is recorded with every event: some of pid, tid and procname, separated by commas, or none
    #[arg(short, long, value_name = "LIST", default_value = "pid,tid", value_parser = context)]
    pub context: Context,
    /// Write CTF 2 instead of 1.8
    #[arg(long)]
    pub ctf2: bool,
    /// What the session is called
    #[arg(short, long)]
    pub name: Option<String>,
}

/// Options of `perseq trace record`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: that of the program, or 128 and the number of the signal that ended it."
)]
pub struct RecordArgs {
    /// What is recorded, and how
    #[command(flatten)]
    pub recording: RecordingArgs,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

/// Options of `perseq trace attach`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct AttachArgs {
    /// What is recorded, and how
    #[command(flatten)]
    pub recording: RecordingArgs,
    /// Only the programs of these process ids
    #[arg(short, long, value_name = "PID")]
    pub pid: Vec<u32>,
}

/// Options of `perseq trace list`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// What each program can record, too
    #[arg(long)]
    pub events: bool,
    /// Print one JSON object a line for each session and each program
    #[arg(long)]
    pub json: bool,
}

/// Options of what concerns a session.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct SessionArgs {
    /// The session, or the folder of its trace; the only one, if it is not named
    pub session: Option<String>,
}

/// Options of `perseq trace enable`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct EnableArgs {
    /// Events whose PROVIDER:NAME matches
    #[arg(value_parser = glob)]
    pub glob: String,
    /// Only those that are as grave as this, or graver
    #[arg(short, long, value_name = "LEVEL", default_value = "debug", value_enum, ignore_case = true)]
    pub level: Level,
    /// The session, or the folder of its trace; the only one, if it is not named
    #[arg(short, long)]
    pub session: Option<String>,
}

/// Options of `perseq trace disable`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct DisableArgs {
    /// Events whose PROVIDER:NAME matches
    #[arg(value_parser = glob)]
    pub glob: String,
    /// The session, or the folder of its trace; the only one, if it is not named
    #[arg(short, long)]
    pub session: Option<String>,
}

/// Options of `perseq trace snapshot`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct SnapshotArgs {
    /// The session, or the folder of its trace; the only one, if it is not named
    pub session: Option<String>,
    /// The folder of the trace; perseq-trace-TIME if it is not named
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Options of `perseq trace print`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct PrintArgs {
    /// The folder of the trace; the last perseq-trace-TIME here, if it is not named
    pub folder: Option<PathBuf>,
    /// How times are printed
    #[arg(long, value_enum, default_value_t = Times::Day)]
    pub time: Times,
    /// Only events whose PROVIDER:NAME matches
    #[arg(short, long, value_name = "GLOB", value_parser = glob)]
    pub event: Vec<String>,
}

/// Options of `perseq trace export`.
#[cfg(target_os = "linux")]
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The folder of the trace; the last perseq-trace-TIME here, if it is not named
    pub folder: Option<PathBuf>,
    /// The file to write, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How times are printed.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Times {
    /// The time of day, in UTC
    Day,
    /// Date and time of day, in UTC
    Date,
    /// Seconds since 1970
    Seconds,
    /// Cycles of the clock
    Cycles,
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
