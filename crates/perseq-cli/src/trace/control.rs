//! What is said to sessions that other processes host.

use std::time::Duration;

use perseq_trace::{Active, Mode, Program, Status, active, programs};
use serde_json::json;

use super::{failed, session};
use crate::args::{DisableArgs, EnableArgs, ListArgs, SessionArgs};
use crate::output::{self, Failure};

/// How long a session may take to write what is in its rings.
const PATIENCE: Duration = Duration::from_secs(60);

/// `perseq trace list`.
pub fn list(options: &ListArgs) -> Result<(), Failure> {
    let sessions = active().map_err(failed)?;
    let programs = programs().map_err(failed)?;
    for session in &sessions {
        let Ok(status) = session.status() else { continue };
        if options.json {
            output::print(session_to_json(session, &status))?;
        } else {
            show(session, &status, &programs)?;
        }
    }
    for program in &programs {
        if options.json {
            output::print(program_to_json(program))?;
            continue;
        }
        let Program { process, name, events, .. } = program;
        let session =
            program.session.as_deref().map(|name| format!(", in session {name}")).unwrap_or_default();
        output::print(format_args!("program {process} {name}: {} events{session}", events.len()))?;
        if let Some(trouble) = &program.trouble {
            output::print(format_args!("  trouble: {trouble}"))?;
        }
        for event in events.iter().filter(|_| options.events) {
            let fields: Vec<_> = event.fields.iter().map(|field| field.name.as_ref()).collect();
            output::print(format_args!(
                "  {} ({}): {}",
                event.full_name(),
                event.level.name(),
                fields.join(", ")
            ))?;
        }
    }
    if sessions.is_empty() && programs.is_empty() && !options.json {
        output::print("no session, and no program that listens")?;
    }
    Ok(())
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Discard => "discards events when a ring is full",
        Mode::Block => "has programs wait when a ring is full",
        Mode::Overwrite => "overwrites the oldest events",
    }
}

fn show(session: &Active, status: &Status, programs: &[Program]) -> Result<(), Failure> {
    let name = session.name();
    let reader = match status.consumer {
        Some(process) => format!("read by process {process}"),
        None => format!("its reader was killed: perseq trace resume {name}, or recover {name}"),
    };
    output::print(format_args!("session {name}: {reader}"))?;
    output::print(format_args!("  writes {}", status.output.display()))?;
    output::print(format_args!("  {}; {} KiB for each CPU", mode(status.mode), status.ring / 1024))?;
    for (on, glob, level) in &status.rules {
        match on {
            true => output::print(format_args!("  on  {glob} (down to {})", level.name()))?,
            false => output::print(format_args!("  off {glob}"))?,
        }
    }
    let members: Vec<_> = programs.iter().filter(|program| program.session.as_ref() == Some(&name)).collect();
    match members.len() {
        0 => Ok(()),
        _ => {
            let list: Vec<_> = members.iter().map(|program| program.process.to_string()).collect();
            output::print(format_args!("  records {}", list.join(", ")))
        }
    }
}

fn session_to_json(session: &Active, status: &Status) -> serde_json::Value {
    let rules: Vec<_> = status
        .rules
        .iter()
        .map(|(on, glob, level)| json!({ "on": on, "glob": glob, "level": format!("{level:?}") }))
        .collect();
    json!({
        "session": session.name(),
        "output": status.output,
        "mode": format!("{:?}", status.mode).to_lowercase(),
        "ring_bytes": status.ring,
        "context": status.context.iter().map(|context| context.name()).collect::<Vec<_>>(),
        "rules": rules,
        "reader": status.consumer,
    })
}

fn program_to_json(program: &Program) -> serde_json::Value {
    let events: Vec<_> = program
        .events
        .iter()
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(&event.to_json()).ok())
        .collect();
    json!({
        "program": program.name,
        "process": program.process,
        "session": program.session,
        "trouble": program.trouble,
        "events": events,
    })
}

/// `perseq trace enable`.
pub fn enable(options: &EnableArgs) -> Result<(), Failure> {
    session(options.session.as_deref())?.enable(&options.glob, options.level.0).map_err(failed)
}

/// `perseq trace disable`.
pub fn disable(options: &DisableArgs) -> Result<(), Failure> {
    session(options.session.as_deref())?.disable(&options.glob).map_err(failed)
}

/// `perseq trace stop`.
pub fn stop(options: &SessionArgs) -> Result<(), Failure> {
    session(options.session.as_deref())?.stop(PATIENCE).map_err(failed)
}
