//! The types of the events of a session: a file to which programs add, and of which the place of a line is the id.
//!
//! Invariant: lines are only ever added, each by one who has the file locked; a line that was not finished, because who wrote it was killed, is cut off by
//! the next. A line is there before an event of it is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use perseq_ctf::EventType;

use crate::home::{EVENTS, files};
use crate::session::{SessionError, at};

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
    read: u64,
}

impl Registry {
    /// That of a session, of which nothing is known yet.
    pub(crate) fn of(session: &Path) -> Self {
        Self { path: session.join(EVENTS), known: Vec::new(), read: 0 }
    }

    /// The types by id, as far as they were read.
    pub(crate) fn known(&self) -> &[Option<EventType>] {
        &self.known
    }

    fn open(&self) -> Result<File, SessionError> {
        files().create(true).truncate(false).open(&self.path).map_err(at(&self.path))
    }

    /// Reads what was added.
    pub(crate) fn refresh(&mut self) -> Result<(), SessionError> {
        let mut file = self.open()?;
        self.read_on(&mut file).map_err(at(&self.path))
    }

    fn read_on(&mut self, file: &mut File) -> io::Result<()> {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(self.read))?;
        file.take(LONGEST.saturating_sub(self.read)).read_to_end(&mut text)?;
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            self.read += line.len() as u64;
            if self.known.len() < MOST {
                let event = EventType::from_json(line).filter(is_valid);
                self.known.push(event);
            }
        }
        Ok(())
    }

    /// The ids of types, of which those that are new are added. What is no valid type has none.
    pub(crate) fn add(&mut self, types: &[EventType]) -> Result<Vec<Option<u32>>, SessionError> {
        let mut file = self.open()?;
        file.lock().map_err(at(&self.path))?;
        let ids = self.add_locked(&mut file, types);
        // The child of a fork may have it open too.
        let _ = file.unlock();
        ids.map_err(at(&self.path))
    }

    fn add_locked(&mut self, file: &mut File, types: &[EventType]) -> io::Result<Vec<Option<u32>>> {
        self.read_on(file)?;
        let (mut ids, mut lines, before) = (Vec::new(), String::new(), self.known.len());
        for new in types {
            if !is_valid(new) {
                ids.push(None);
                continue;
            }
            let same = |known: &Option<EventType>| known.as_ref().is_some_and(|known| is_same(known, new));
            let id = self.known.iter().position(same).unwrap_or_else(|| {
                lines += &new.to_json();
                lines.push('\n');
                self.known.push(Some(new.clone()));
                self.known.len() - 1
            });
            ids.push(Some(id as u32));
        }
        let full = self.known.len() > MOST || self.read + lines.len() as u64 > LONGEST;
        let added = match full {
            true => Err(io::Error::other("a session cannot have so many types of events")),
            false => file.set_len(self.read).and_then(|()| {
                file.seek(SeekFrom::Start(self.read))?;
                file.write_all(lines.as_bytes())
            }),
        };
        match added {
            Ok(()) => {
                self.read += lines.len() as u64;
                Ok(ids)
            }
            Err(error) => {
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
