//! `perseq trace`: sessions of [`perseq_trace`], and traces by [`perseq_ctf`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`collect`] | what reads rings: `record`, `attach`, `resume`, `recover`, `snapshot` |
//! | [`control`] | what is said to other sessions: `list`, `enable`, `disable`, `stop` |
//! | [`read`] | what reads traces: `print`, `export` |

mod collect;
mod control;
mod read;

use std::path::Path;
use std::process::ExitCode;

use perseq_trace::{Active, SessionError, active};

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
    Failure::Session(error.into())
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
