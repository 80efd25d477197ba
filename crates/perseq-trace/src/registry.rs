//! The types of the events of a session: a file to which programs add, and of which the place of a line is the id.
//!
//! Invariant: the file only ever grows, by who has it locked, so it is read without that; a line that was not finished, because who wrote it was killed or the
//! disk was full, is ended by the next who writes, and most likely no type. A line is there before an event of it is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use perseq_ctf::EventType;

use crate::error::{SessionError, at};
use crate::home::{EVENTS, Locked, files};

/// Bytes that the file may have; who adds more is not of this crate.
const LONGEST: u64 = 16 << 20;
/// Types there can be.
pub(crate) const MOST: usize = 1 << 20;

/// What is known of the file.
#[derive(Debug)]
pub(crate) struct Registry {
    path: PathBuf,
    /// Those that are not valid are none.
    known: Vec<Option<EventType>>,
    /// The ids of those of a name.
    ids: HashMap<String, Vec<usize>>,
    read: u64,
}

impl Registry {
    /// That of a session, of which nothing is known yet.
    pub(crate) fn of(session: &Path) -> Self {
        Self { path: session.join(EVENTS), known: Vec::new(), ids: HashMap::new(), read: 0 }
    }

    /// The types by id, as far as they were read.
    pub(crate) fn known(&self) -> &[Option<EventType>] {
        &self.known
    }

    /// Reads what was added.
    pub(crate) fn refresh(&mut self) -> Result<(), SessionError> {
        let file = files().open(&self.path).map_err(at(&self.path))?;
        self.read_on(&file).map(drop).map_err(at(&self.path))
    }

    /// Reads what was added, and says how long the line is that was not finished.
    fn read_on(&mut self, mut file: &File) -> io::Result<u64> {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.read))?;
        file.take(LONGEST.saturating_sub(self.read)).read_to_end(&mut text)?;
        let mut unfinished = text.len() as u64;
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            self.read += line.len() as u64;
            unfinished -= line.len() as u64;
            if self.known.len() < MOST {
                self.push(EventType::from_json(line).filter(is_valid));
            }
        }
        Ok(unfinished)
    }

    fn push(&mut self, event: Option<EventType>) -> usize {
        let id = self.known.len();
        if let Some(event) = &event {
            self.ids.entry(event.full_name().to_string()).or_default().push(id);
        }
        self.known.push(event);
        id
    }

    /// The id of a type, if there is one.
    fn find(&self, new: &EventType) -> Option<usize> {
        let same = |id: &&usize| {
            self.known.get(**id).is_some_and(|known| known.as_ref().is_some_and(|known| is_same(known, new)))
        };
        self.ids.get(&new.full_name().to_string())?.iter().find(same).copied()
    }

    /// The ids of types, of which those that are new are added. What is no valid type has none.
    pub(crate) fn add(&mut self, types: &[EventType]) -> Result<Vec<Option<u32>>, SessionError> {
        let file = Locked::open(&self.path)?;
        self.add_locked(&file, types).map_err(at(&self.path))
    }

    fn add_locked(&mut self, mut file: &File, types: &[EventType]) -> io::Result<Vec<Option<u32>>> {
        if self.read_on(file)? > 0 {
            file.write_all(b"\n")?;
            self.read_on(file)?;
        }
        let (mut ids, mut lines, before) = (Vec::new(), String::new(), self.known.len());
        for new in types {
            if !is_valid(new) {
                ids.push(None);
                continue;
            }
            let id = self.find(new).unwrap_or_else(|| {
                lines += &new.to_json();
                lines.push('\n');
                self.push(Some(new.clone()))
            });
            ids.push(Some(id as u32));
        }
        let full = self.known.len() > MOST || self.read + lines.len() as u64 > LONGEST;
        let added = match full {
            true => Err(io::Error::other("a session cannot have so many types of events")),
            false => file.write_all(lines.as_bytes()),
        };
        match added {
            Ok(()) => {
                self.read += lines.len() as u64;
                Ok(ids)
            }
            Err(error) => {
                // Names lead to what is there only.
                self.known.truncate(before);
                Err(error)
            }
        }
    }
}

/// Whether events of both are the same, wherever they are recorded.
fn is_same(one: &EventType, other: &EventType) -> bool {
    (&one.provider, &one.name, one.level, &one.fields)
        == (&other.provider, &other.name, other.level, &other.fields)
}

/// Whether a trace can have such events.
fn is_valid(event: &EventType) -> bool {
    event.validate().is_ok()
}
