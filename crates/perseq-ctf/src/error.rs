//! Why a trace cannot be created or read.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use crate::validate::InvalidType;

/// Why a trace cannot be created or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file or a folder cannot be read or written.
    Io(PathBuf, io::Error),
    /// There is a trace in the folder already.
    Exists(PathBuf),
    /// The trace is of no valid type.
    Type(InvalidType),
    /// The folder has no `.perseq.json`: it is no trace of ours.
    NoTrace(PathBuf),
    /// A file is damaged: at which byte, and what is wrong there.
    Damaged(PathBuf, u64, &'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Exists(path) => {
                write!(f, "there is a trace in {} already: name another folder, or remove it", path.display())
            }
            Self::Type(error) => write!(f, "{error}"),
            Self::NoTrace(path) => {
                write!(f, "{}: no trace of perseq-ctf, which has a file .perseq.json", path.display())
            }
            Self::Damaged(path, at, what) => write!(f, "{}: damaged at byte {at}: {what}", path.display()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Type(error) => Some(error),
            Self::Exists(_) | Self::NoTrace(_) | Self::Damaged(..) => None,
        }
    }
}

impl From<InvalidType> for Error {
    fn from(error: InvalidType) -> Self {
        Self::Type(error)
    }
}

/// Says which file it was.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    |error| Error::Io(path, error)
}
