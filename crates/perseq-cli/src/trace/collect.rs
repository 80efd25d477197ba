//! What reads rings.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use perseq_ctf::Trace;
use perseq_trace::{Builder, Mode, Program, Programs, Session, Summary, Version, programs};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};

use super::{UNNAMED, failed, session, unmatched, values};
use crate::args::{AttachArgs, RecordArgs, RecordingArgs, SessionArgs, SnapshotArgs};
use crate::output::{Failure, say};

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
        .level(options.level.0)
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

/// A folder for a trace that has no name. The last that was made has the greatest.
fn unnamed() -> PathBuf {
    // Two processes may do this in one microsecond.
    let now = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    format!("{UNNAMED}{}-{}", now.trim_end_matches('Z').replace(':', "-"), std::process::id()).into()
}

/// Says what has become of a session.
fn report(folder: &Path, summary: Summary) {
    say(told(folder, summary, "", ""));
}

/// The same of one that another has read before: what he has written is not counted.
fn report_rest(folder: &Path, summary: Summary) {
    say(told(folder, summary, "more ", ""));
}

/// The same of one that was started with these options, and which of them had no effect.
fn report_started(folder: &Path, summary: Summary, options: &RecordingArgs) {
    let advice = match options.overwrite || options.wait {
        true => "",
        false => ": if there was no room, see --buffer-size and --wait",
    };
    say(told(folder, summary, "", advice));
    let Ok(trace) = Trace::open(folder) else { return };
    for glob in unmatched(&options.enable, trace.types()) {
        let meant = values::suggestion(glob).map(|meant| format!("; try '{meant}'")).unwrap_or_default();
        say(format_args!("no event was recorded that -e '{glob}' matches{meant}"));
    }
}

fn told(folder: &Path, summary: Summary, more: &str, advice: &str) -> String {
    let Summary { events, lost, damaged, .. } = summary;
    let mut text = format!("{events} {more}events in {}", folder.display());
    if lost > 0 {
        text += &format!("; {lost} {more}lost{advice}");
    }
    if damaged > 0 {
        text += &format!("; {damaged} damaged parts of rings were left out");
    }
    text
}

/// `perseq trace record`.
pub fn record(options: &RecordArgs) -> Result<ExitCode, Failure> {
    let recorded = Arc::new(Recorded::default());
    recorded.hear()?;
    let was_there = options.recording.output.as_ref().is_some_and(|folder| folder.exists());
    let recording = builder(&options.recording, Programs::Started).start().map_err(failed)?;
    let folder = recording.folder().to_path_buf();
    let code = recorded.run(&options.command, recording.place());
    let summary = recording.stop().map_err(failed);
    if code.is_err() && !was_there {
        // So that the same can be said again, with the right program.
        let _ = std::fs::remove_dir_all(&folder);
    }
    let code = code?;
    report_started(&folder, summary?, &options.recording);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// What handlers of signals know of the program that is recorded: it ends by them or not, and the session after it.
///
/// A signal is noted before the handler looks for the program, and the program before whoever has started it looks for signals, all in
/// one order: so one of the two hands it on. Whoever takes the note does, so it is handed on once.
#[derive(Debug, Default)]
struct Recorded {
    /// 0 while it does not run.
    process: AtomicI32,
    /// The signals that came and were not handed on: bits by their numbers.
    heard: AtomicU32,
}

impl Recorded {
    /// Runs it in a session, unless it was to end before it began; the exit status that is to be passed on.
    fn run(&self, command: &[OsString], session: &Path) -> Result<i32, Failure> {
        let heard = self.heard.load(Ordering::SeqCst);
        let Some((program, arguments)) = command.split_first().filter(|_| heard == 0) else {
            return Ok(128 + heard.trailing_zeros().cast_signed());
        };
        let child = Command::new(program).args(arguments).env("PERSEQ_TRACE", session).spawn();
        let mut child =
            child.map_err(|error| Failure::Input { path: program.into(), error: error.into() })?;
        self.began(child.id().cast_signed());
        let status = child.wait().map_err(|error| Failure::Session(error.into()))?;
        self.process.store(0, Ordering::SeqCst);
        Ok(status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1))
    }

    /// It runs.
    fn began(&self, process: i32) {
        self.process.store(process, Ordering::SeqCst);
        self.hand_on();
    }

    /// Sends it what has come, but for signals from the terminal, of which it hears by itself. Async-signal-safe.
    fn hand_on(&self) {
        let process = self.process.load(Ordering::SeqCst);
        if process == 0 {
            return;
        }
        let heard = self.heard.swap(0, Ordering::SeqCst);
        for signal in [SIGTERM, SIGHUP].into_iter().filter(|signal| heard & (1 << signal) != 0) {
            // SAFETY: no memory is accessed.
            unsafe { libc::kill(process, signal) };
        }
    }

    /// Has signals go to the program.
    fn hear(self: &Arc<Self>) -> Result<(), Failure> {
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            let recorded = Arc::clone(self);
            let handler = move || {
                recorded.heard.fetch_or(1 << signal, Ordering::SeqCst);
                recorded.hand_on();
            };
            // SAFETY: what it does may be done in handlers: it accesses atomics, and makes a system call.
            let registered = unsafe { low_level::register(signal, handler) };
            registered.map_err(|error| Failure::Session(error.into()))?;
        }
        Ok(())
    }
}

/// `perseq trace attach`.
pub fn attach(options: &AttachArgs) -> Result<(), Failure> {
    let which = match options.pid.as_slice() {
        [] => Programs::Listening,
        some => Programs::Of(some.to_vec()),
    };
    let ended = until_told(|| {
        let listening = programs().map_err(failed)?;
        let session = builder(&options.recording, which).start().map_err(failed)?;
        absent(&options.pid, &listening);
        Ok(session)
    })?;
    report_started(&ended.folder, ended.summary, &options.recording);
    if ended.alone && (ended.summary.events, ended.summary.lost) == (0, 0) {
        say("no program took part, or none that recorded anything: see perseq trace list");
    }
    Ok(())
}

/// Says which programs a session cannot record that begins now, of those that listen.
fn absent(processes: &[u32], listening: &[Program]) {
    for process in processes {
        match listening.iter().find(|program| program.process == *process) {
            None => say(format_args!("process {process} does not listen, or not yet: see perseq trace list")),
            Some(Program { session: Some(other), .. }) => {
                say(format_args!("process {process} is in session {other}, and in no other until that ends"));
            }
            Some(_) => {}
        }
    }
    if processes.is_empty() && listening.iter().all(|program| program.session.is_some()) {
        match listening.len() {
            0 => say("no program listens, or not yet: see perseq trace list"),
            _ => say("all programs that listen are in other sessions: see perseq trace list"),
        }
    }
}

/// `perseq trace resume`.
pub fn resume(options: &SessionArgs) -> Result<(), Failure> {
    let ended = until_told(|| session(options.session.as_deref())?.resume().map_err(failed))?;
    report_rest(&ended.folder, ended.summary);
    Ok(())
}

/// What has become of a session.
struct Ended {
    folder: PathBuf,
    summary: Summary,
    /// No program was in it at the end.
    alone: bool,
}

/// Has a session go on until a signal comes, or somebody stops it.
fn until_told(start: impl FnOnce() -> Result<Session, Failure>) -> Result<Ended, Failure> {
    let told = Arc::new(AtomicBool::new(false));
    hear(&told, &[SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let session = start()?;
    let name = session.active().name();
    say(format_args!("session {name} records to {}", session.folder().display()));
    while !told.load(Ordering::Relaxed) && !session.is_over() {
        std::thread::sleep(INTERVAL);
    }
    let is_member = |program: &Program| program.session.as_ref() == Some(&name);
    let alone = !programs().is_ok_and(|programs| programs.iter().any(is_member));
    Ok(Ended { folder: session.folder().to_path_buf(), summary: session.stop().map_err(failed)?, alone })
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
    report_rest(&folder, session.recover().map_err(failed)?);
    Ok(())
}

/// `perseq trace snapshot`.
pub fn snapshot(options: &SnapshotArgs) -> Result<(), Failure> {
    let folder = options.output.clone().unwrap_or_else(unnamed);
    report(&folder, session(options.session.as_deref())?.snapshot(&folder).map_err(failed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_came_while_the_program_was_started_is_handed_on_once() {
        let recorded = Arc::new(Recorded::default());
        recorded.heard.store(1 << SIGTERM | 1 << SIGINT, Ordering::SeqCst);
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        recorded.began(child.id().cast_signed());
        assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
        assert_eq!(recorded.heard.load(Ordering::SeqCst), 0);
    }
}
