//! [`SharedError`].

use std::{fmt, io};

/// Why a process cannot be a member of a shared domain.
#[derive(Debug)]
#[non_exhaustive]
pub enum SharedError {
    /// A system call failed: which, and how. EACCES says that this process was not granted the file for reading and writing.
    Io(&'static str, io::Error),
    /// The file is no domain, or is not complete yet.
    NotADomain,
    /// The domain is of another version of this crate.
    Version {
        /// What the file says.
        found: u32,
        /// What this program knows.
        wanted: u32,
    },
    /// The domain was made where there are more or fewer possible CPUs.
    Cpus {
        /// What the file says.
        found: u32,
        /// What this system has.
        here: u32,
    },
    /// The file is longer or shorter than a domain of its shape.
    Size {
        /// Its bytes.
        found: u64,
        /// What they should be.
        wanted: u64,
    },
    /// A domain cannot have so many members: from 1 to 512.
    Members(u32),
    /// There are as many members as the domain has room for.
    Full(u32),
}

impl From<perseq::shared::SharedError> for SharedError {
    /// Of a system call, the only kind that locks have.
    fn from(error: perseq::shared::SharedError) -> Self {
        match error {
            perseq::shared::SharedError::System(call, errno) => {
                Self::Io(call, io::Error::from_raw_os_error(errno))
            }
            other => Self::Io("locks", io::Error::other(other)),
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(call, error) if error.kind() == io::ErrorKind::PermissionDenied => write!(
                f,
                "{call}: {error}: a member must be allowed to read and write the file of the domain; ask its owner"
            ),
            Self::Io(call, error) => write!(f, "{call}: {error}"),
            Self::NotADomain => f.write_str(
                "the file is no shared domain of perseq-rcu, or whoever makes it has not finished",
            ),
            Self::Version { found, wanted } => write!(
                f,
                "the shared domain has layout {found}, and this program knows {wanted}: build all members with one version of \
                 perseq-rcu"
            ),
            Self::Cpus { found, here } => write!(
                f,
                "the shared domain was made for {found} possible CPUs, and this system has {here}: make it anew here"
            ),
            Self::Size { found, wanted } => {
                write!(f, "the file of the shared domain has {found} bytes instead of {wanted}: make it anew")
            }
            Self::Members(members) => {
                write!(f, "a shared domain cannot have {members} members: from 1 to 512 processes")
            }
            Self::Full(members) => write!(
                f,
                "all {members} members of the shared domain are alive: make it with room for more processes"
            ),
        }
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            _ => None,
        }
    }
}
