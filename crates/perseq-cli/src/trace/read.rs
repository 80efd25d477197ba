//! What reads traces.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use perseq_ctf::print::{Printer, Time};
use perseq_ctf::{Trace, chrome};
use wildmatch::WildMatch;

use super::{UNNAMED, unmatched};
use crate::args::{ExportArgs, PrintArgs, Times};
use crate::output::{Failure, say};

/// The trace in a folder, or the last here for which none was named.
fn open(folder: Option<&Path>) -> Result<Trace, Failure> {
    let last = || {
        let names = fs::read_dir(".").into_iter().flatten().flatten().map(|entry| entry.file_name());
        names
            .filter(|name| {
                let time = name.to_str().and_then(|name| name.strip_prefix(UNNAMED));
                time.is_some_and(|time| time.starts_with(|first: char| first.is_ascii_digit()))
            })
            .max()
    };
    let Some(folder) = folder.map(Path::to_path_buf).or_else(|| last().map(PathBuf::from)) else {
        return Err(Failure::Session(format!("there is no folder {UNNAMED}TIME here: name one").into()));
    };
    Trace::open(&folder).map_err(|error| Failure::Session(error.into()))
}

/// Says what is not in the trace that was there: events that were discarded, and what cannot be read.
fn missing(discarded: u64, errors: &[perseq_ctf::Error]) -> Result<(), Failure> {
    if discarded > 0 {
        say(format_args!("{discarded} events were discarded when this was recorded"));
    }
    match errors {
        [] => Ok(()),
        [one] => Err(Failure::Session(one.to_string().into())),
        [first, rest @ ..] => Err(Failure::Session(format!("{first}, and {} more", rest.len()).into())),
    }
}

/// `perseq trace print`.
pub fn print(options: &PrintArgs) -> Result<(), Failure> {
    let trace = open(options.folder.as_deref())?;
    let globs: Vec<_> = options.event.iter().map(|glob| WildMatch::new(glob)).collect();
    let mut printer = Printer::new(match options.time {
        Times::Day => Time::Day,
        Times::Date => Time::Date,
        Times::Seconds => Time::Seconds,
        Times::Cycles => Time::Cycles,
    });
    // By type, as globs cost more than events.
    let wanted: Vec<bool> = trace
        .types()
        .events
        .iter()
        .map(|event| {
            let name = event.full_name().to_string();
            globs.is_empty() || globs.iter().any(|glob| glob.matches(&name))
        })
        .collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut errors = Vec::new();
    let mut events = trace.events().map_err(|error| Failure::Session(error.into()))?;
    for event in &mut events {
        match event {
            Ok(event) if wanted.get(event.id() as usize) == Some(&true) => {
                printer.print(&event, &mut out).map_err(Failure::Stdout)?;
            }
            Ok(_) => {}
            Err(error) => errors.push(error),
        }
    }
    out.flush().map_err(Failure::Stdout)?;
    for glob in unmatched(&options.event, trace.types()) {
        say(format_args!("there is no event that -e '{glob}' matches"));
    }
    missing(events.discarded(), &errors)
}

/// `perseq trace export`.
pub fn export(options: &ExportArgs) -> Result<(), Failure> {
    let trace = open(options.folder.as_deref())?;
    let mut events = trace.events().map_err(|error| Failure::Session(error.into()))?;
    let errors = match &options.output {
        None => chrome::export(&mut events, chrome::by_suffix, BufWriter::new(io::stdout().lock()))
            .map_err(Failure::Stdout)?,
        Some(path) => {
            let failed = |error| Failure::File { path: path.clone(), error };
            let file = File::create(path).map_err(failed)?;
            chrome::export(&mut events, chrome::by_suffix, BufWriter::new(file)).map_err(failed)?
        }
    };
    missing(events.discarded(), &errors)
}
