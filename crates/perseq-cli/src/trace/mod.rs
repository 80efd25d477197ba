//! `perseq trace`: sessions of [`perseq_trace`], and traces by [`perseq_ctf`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`collect`] | what reads rings: `record`, `attach`, `resume`, `recover`, `snapshot` |
//! | [`control`] | what is said to other sessions: `list`, `enable`, `disable`, `stop` |
//! | [`read`] | what reads traces: `print`, `export` |
//! | [`values`] | what options take: levels, globs, sizes |

mod collect;
mod control;
mod read;
pub mod values;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use perseq::shared::SharedError;
use perseq_ctf::TraceType;
use perseq_trace::{Active, SessionError, active};
use wildmatch::WildMatch;

use crate::args::TraceCommand;
use crate::output::Failure;

/// How the names of folders begin for which none was given.
const UNNAMED: &str = "perseq-trace-";

/// Does what a subcommand says.
pub fn run(command: &TraceCommand) -> Result<ExitCode, Failure> {
    let done = match command {
        TraceCommand::Record(options) => return collect::record(options),
        TraceCommand::Attach(options) => collect::attach(options),
        TraceCommand::Resume(options) => collect::resume(options),
        TraceCommand::Recover(options) => collect::recover(options),
        TraceCommand::Snapshot(options) => collect::snapshot(options),
        TraceCommand::List(options) => control::list(options),
        TraceCommand::Enable(options) => control::enable(options),
        TraceCommand::Disable(options) => control::disable(options),
        TraceCommand::Stop(options) => control::stop(options),
        TraceCommand::Print(options) => read::print(options),
        TraceCommand::Export(options) => read::export(options),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn failed(error: SessionError) -> Failure {
    match error {
        SessionError::Rings(SharedError::System(
            call,
            errno @ (libc::ENOSPC | libc::ENOMEM | libc::EFBIG),
        )) => {
            let error = io::Error::from_raw_os_error(errno);
            Failure::Session(format!("there is no room for rings: {call}: {error}; see --buffer-size").into())
        }
        error => Failure::Session(error.into()),
    }
}

/// Those of some globs that match no type of a trace, and so no event in it.
fn unmatched<'g>(globs: &'g [String], types: &TraceType) -> impl Iterator<Item = &'g String> {
    let names: Vec<_> = types.events.iter().map(|event| event.full_name().to_string()).collect();
    globs.iter().filter(move |glob| {
        let glob = WildMatch::new(glob);
        !names.iter().any(|name| glob.matches(name))
    })
}

/// The session of a name, or whose trace is in a folder; or the only one.
fn session(name: Option<&str>) -> Result<Active, Failure> {
    let all = || active().map_err(failed);
    let Some(name) = name else {
        let mut sessions = all()?;
        return match sessions.len() {
            1 => Ok(sessions.remove(0)),
            0 => Err(Failure::Session("there is no session: see perseq trace record and attach".into())),
            _ => {
                let names: Vec<_> = sessions.iter().map(Active::name).collect();
                Err(Failure::Session(
                    format!("there are several sessions, name one: {}", names.join(", ")).into(),
                ))
            }
        };
    };
    let folder = std::path::absolute(Path::new(name)).unwrap_or_default();
    let writes_there = |session: &Active| session.status().is_ok_and(|status| status.output == folder);
    match all()?.into_iter().find(writes_there) {
        Some(session) => Ok(session),
        None => Active::named(name).map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_is_no_room_is_said_in_words() {
        let said =
            |error| failed(SessionError::Rings(SharedError::System("fallocate(2)", error))).to_string();
        let full = said(libc::ENOSPC);
        assert!(full.contains("No space left on device") && full.ends_with("see --buffer-size"), "{full}");
        assert!(!said(libc::EACCES).contains("--buffer-size"));
    }
}
