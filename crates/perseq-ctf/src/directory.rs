//! A folder that is a trace.
//!
//! | file | what it is |
//! |---|---|
//! | `metadata` | the types, for readers of the format |
//! | `.perseq.json` | the types, for our reader; others skip hidden files |
//! | `cpu_0`, `cpu_1`, … | the streams |
//!
//! The first two are replaced whole, by renaming: whenever the process ends, the types are there.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, at};
use crate::metadata::{Version, metadata};
use crate::reader::{Packets, Trace};
use crate::side;
use crate::types::TraceType;
use crate::writer::StreamWriter;

pub(crate) const METADATA: &str = "metadata";
pub(crate) const SIDE: &str = ".perseq.json";
pub(crate) const STREAM: &str = "cpu_";

/// A folder to which a trace is written.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    version: Version,
}

impl Directory {
    /// Makes a folder, if there is none, and writes the types of a trace to it.
    ///
    /// # Errors
    /// If a type is invalid, the folder or a file cannot be written, or there is a trace already.
    pub fn create(path: impl Into<PathBuf>, types: &TraceType, version: Version) -> Result<Self, Error> {
        let directory = Self { path: path.into(), version };
        types.validate()?;
        fs::create_dir_all(&directory.path).map_err(at(&directory.path))?;
        // Whoever makes this file first has the folder.
        let mark = directory.path.join(METADATA);
        File::create_new(&mark).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists(directory.path.clone()),
            _ => at(&mark)(error),
        })?;
        if let Err(error) = directory.update(types) {
            let _ = fs::remove_file(&mark);
            return Err(error);
        }
        Ok(directory)
    }

    /// Goes on with a trace whose writer is gone; its types too. The version must be that in which it is written.
    ///
    /// # Errors
    /// If the folder is no trace of ours, its types are damaged, or it cannot be read.
    pub fn resume(path: impl Into<PathBuf>, version: Version) -> Result<(Self, TraceType), Error> {
        let path = path.into();
        let types = Trace::open(&path)?.types().clone();
        Ok((Self { path, version }, types))
    }

    /// Writes the types again: there are more events than before. What was there may only have grown at its end, or events that
    /// are written already cannot be read.
    ///
    /// # Errors
    /// If a type is invalid, or a file cannot be written; what it was before is there still.
    pub fn update(&self, types: &TraceType) -> Result<(), Error> {
        let text = metadata(types, self.version)?;
        self.replace(SIDE, &side::to_json(types))?;
        self.replace(METADATA, &text)
    }

    /// The stream of a CPU, which begins at a time; its file must not exist yet.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn stream(&self, types: &TraceType, cpu: u32, start: u64) -> Result<StreamWriter<File>, Error> {
        let path = self.path.join(format!("{STREAM}{cpu}"));
        let file = File::create_new(&path).map_err(at(&path))?;
        Ok(StreamWriter::new(file, types, cpu, start))
    }

    /// Goes on with the stream of a CPU: after its last whole packet, or as [`stream`](Self::stream) if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or written, or is damaged before its end: it stays as it is then.
    pub fn resume_stream(
        &self,
        types: &TraceType,
        cpu: u32,
        start: u64,
    ) -> Result<StreamWriter<File>, Error> {
        let path = self.path.join(format!("{STREAM}{cpu}"));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(at(&path))?;
        let reader = file.try_clone().map_err(at(&path))?;
        let (last, written) = Packets::new(Box::new(reader), path, types).last()?;
        Ok(StreamWriter::new(file, types, cpu, start).after(last, written))
    }

    /// Removes what was [created](Self::create) a moment ago, with the streams of so many CPUs; and the folder, if nothing else is in it.
    pub fn discard(self, streams: u32) {
        let streams = (0..streams).map(|cpu| format!("{STREAM}{cpu}"));
        for name in streams.chain([SIDE.to_owned(), METADATA.to_owned()]) {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        let new = self.path.join(format!(".new-{}", name.trim_start_matches('.')));
        fs::write(&new, text).and_then(|()| fs::rename(&new, &path)).map_err(|error| {
            // A disk that is full need not keep a part of it.
            let _ = fs::remove_file(&new);
            at(&path)(error)
        })
    }
}
