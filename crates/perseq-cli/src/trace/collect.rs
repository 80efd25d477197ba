//! What reads rings.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use perseq_trace::{Builder, Mode, Programs, Session, Summary, Version};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

use super::{failed, session};
use crate::args::{AttachArgs, RecordArgs, RecordingArgs, SessionArgs, SnapshotArgs};
use crate::output::Failure;

/// How often a session is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

fn builder(options: &RecordingArgs, programs: Programs) -> Builder {
    let mode = match (options.overwrite, options.wait) {
        (true, _) => Mode::Overwrite,
        (_, true) => Mode::Block,
        _ => Mode::Discard,
    };
    let mut builder = Session::builder(options.output.clone().unwrap_or_else(unnamed))
        .mode(mode)
        .level(options.level)
        .buffer(options.buffer_size, options.sub_buffers)
        .context(&options.context.0)
        .version(if options.ctf2 { Version::V2 } else { Version::V1_8 })
        .programs(programs);
    builder = options.enable.iter().fold(builder, |builder, glob| builder.enable(glob));
    builder = options.disable.iter().fold(builder, |builder, glob| builder.disable(glob));
    match &options.name {
        Some(name) => builder.name(name),
        None => builder,
    }
}

/// A folder for a trace that has no name.
fn unnamed() -> PathBuf {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    format!("perseq-trace-{}", now.trim_end_matches('Z').replace(':', "-")).into()
}

/// Says what has become of a session.
fn report(folder: &std::path::Path, summary: Summary) {
    let Summary { events, lost, damaged, .. } = summary;
    let mut text = format!("{events} events in {}", folder.display());
    if lost > 0 {
        text += &format!("; {lost} lost: there was no room, see --buffer-size and --wait");
    }
    if damaged > 0 {
        text += &format!("; {damaged} damaged parts of rings were left out");
    }
    eprintln!("perseq: {text}");
}

/// `perseq trace record`.
pub fn record(options: &RecordArgs) -> Result<ExitCode, Failure> {
    // Of signals from the terminal the program hears too, and ends by them or not.
    let heard = Arc::new(AtomicBool::new(false));
    hear(&heard, &[SIGINT, SIGQUIT])?;
    let recording = builder(&options.recording, Programs::Started).start().map_err(failed)?;
    let Some((program, arguments)) = options.command.split_first() else { return Ok(ExitCode::SUCCESS) };
    let child = Command::new(program).args(arguments).env("PERSEQ_TRACE", recording.place()).spawn();
    let mut child = child.map_err(|error| Failure::Input { path: program.into(), error: error.into() })?;
    let status = child.wait().map_err(|error| Failure::Session(error.into()))?;
    let folder = recording.folder().to_path_buf();
    let summary = recording.stop().map_err(failed)?;
    report(&folder, summary);
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// `perseq trace attach`.
pub fn attach(options: &AttachArgs) -> Result<(), Failure> {
    let programs = match options.pid.as_slice() {
        [] => Programs::Listening,
        some => Programs::Of(some.to_vec()),
    };
    until_told(|| builder(&options.recording, programs).start().map_err(failed))
}

/// `perseq trace resume`.
pub fn resume(options: &SessionArgs) -> Result<(), Failure> {
    until_told(|| session(options.session.as_deref())?.resume().map_err(failed))
}

/// Has a session go on until a signal comes, or somebody stops it.
fn until_told(start: impl FnOnce() -> Result<Session, Failure>) -> Result<(), Failure> {
    let told = Arc::new(AtomicBool::new(false));
    hear(&told, &[SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let session = start()?;
    eprintln!("perseq: session {} records to {}", session.active().name(), session.folder().display());
    while !told.load(Ordering::Relaxed) && !session.is_over() {
        std::thread::sleep(INTERVAL);
    }
    let folder = session.folder().to_path_buf();
    report(&folder, session.stop().map_err(failed)?);
    Ok(())
}

fn hear(flag: &Arc<AtomicBool>, signals: &[i32]) -> Result<(), Failure> {
    let heard: io::Result<Vec<_>> =
        signals.iter().map(|signal| flag::register(*signal, Arc::clone(flag))).collect();
    heard.map(drop).map_err(|error| Failure::Session(error.into()))
}

/// `perseq trace recover`.
pub fn recover(options: &SessionArgs) -> Result<(), Failure> {
    let session = session(options.session.as_deref())?;
    let folder = session.status().map_err(failed)?.output;
    report(&folder, session.recover().map_err(failed)?);
    Ok(())
}

/// `perseq trace snapshot`.
pub fn snapshot(options: &SnapshotArgs) -> Result<(), Failure> {
    let folder = options.output.clone().unwrap_or_else(unnamed);
    report(&folder, session(options.session.as_deref())?.snapshot(&folder).map_err(failed)?);
    Ok(())
}
