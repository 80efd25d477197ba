//! Why there is no session, or it cannot do what it is asked.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no session, or it cannot do what it is asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// This process is in a session already.
    Active,
    /// There is a session of this name.
    Exists(String),
    /// There is no session of this name.
    Unknown(String),
    /// A session's name is not one.
    Name(String),
    /// Somebody reads the rings of the session: this process id.
    Consumed(u32),
    /// The session writes all to its folder as it is recorded: only those that overwrite old events have snapshots.
    NoSnapshot,
    /// A folder is not this user's, or others may enter it.
    NotPrivate(PathBuf),
    /// `PERSEQ_TRACE` is neither `listen` nor the folder of a session.
    Variable(PathBuf),
    /// The plan of a session is not one, or of another version of this crate.
    Plan(PathBuf),
    /// A file or a folder cannot be read or written.
    Io(PathBuf, io::Error),
    /// There can be no rings.
    Rings(perseq::shared::SharedError),
    /// The trace cannot be made, or its types not be written.
    Output(perseq_ctf::Error),
    /// The events cannot be written. What was written before can be read, and events since are counted as lost.
    Write(perseq_ctf::WriteError),
    /// There can be no thread.
    Thread(io::Error),
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Active => f.write_str("this process is in a session already: stop that first"),
            Self::Exists(name) => write!(f, "there is a session {name} already: stop or recover it, or take another name"),
            Self::Unknown(name) => write!(f, "there is no session {name}"),
            Self::Name(name) => write!(f, "{name:?} is no name of a session: it has letters, digits, '.', '_' and '-', and begins with no '.'"),
            Self::Consumed(process) => write!(f, "process {process} reads the rings of this session: stop the session instead"),
            Self::NoSnapshot => f.write_str("the session writes what it records to its folder: only one that overwrites old events has snapshots"),
            Self::NotPrivate(path) => write!(f, "{}: this must be a folder of this user's that nobody else may enter (chmod 700)", path.display()),
            Self::Variable(value) => write!(f, "PERSEQ_TRACE={}: neither `listen` nor the folder of a session", value.display()),
            Self::Plan(path) => write!(f, "{}: this is no plan of a session, or of another version", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Rings(error) => write!(f, "there can be no rings: {error}"),
            Self::Output(error) => write!(f, "the trace cannot be written: {error}"),
            Self::Write(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "there can be no thread: {error}"),
        }
    }
}

impl std::error::Error for SessionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) | Self::Thread(error) => Some(error),
            Self::Rings(error) => Some(error),
            Self::Output(error) => Some(error),
            Self::Write(error) => Some(error),
            _ => None,
        }
    }
}

/// Says which file it was.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> SessionError {
    let path = path.to_path_buf();
    |error| SessionError::Io(path, error)
}
