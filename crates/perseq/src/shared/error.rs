//! [`SharedError`].

use core::fmt;

/// Why slots cannot be shared with other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedError {
    /// A system call failed: which, and its error number. EACCES says that this process was not granted the file for reading and
    /// writing.
    System(&'static str, i32),
    /// The file holds no slots, or is not complete yet.
    NotShared,
    /// The file is of another version of this crate.
    Version {
        /// What the file says.
        found: u32,
        /// What this program knows.
        wanted: u32,
    },
    /// What is in the file is of another type, or another version of it: see [`Shareable::LAYOUT`](super::Shareable::LAYOUT).
    Layout {
        /// What the file says.
        found: u64,
        /// What this program knows.
        wanted: u64,
    },
    /// The file was made where there are more or fewer possible CPUs.
    Cpus {
        /// What the file says.
        found: u32,
        /// What this system has.
        here: u32,
    },
    /// The file is longer or shorter than what it says it is.
    Size {
        /// Its bytes.
        found: u64,
        /// What they should be.
        wanted: u64,
    },
    /// There cannot be so many members: from 1 to 127.
    Members(u32),
    /// There are as many members as the file has room for.
    Full(u32),
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(call, libc::EACCES | libc::EPERM) => write!(
                f,
                "{call}: permission denied: a member must be allowed to read and write the file; ask its owner"
            ),
            Self::System(call, libc::ENOENT) => write!(f, "{call}: there is no such file"),
            Self::System(call, libc::EEXIST) => write!(f, "{call}: the file exists already: open it instead"),
            Self::System(call, errno) => write!(f, "{call}: error number {errno}"),
            Self::NotShared => {
                f.write_str("the file holds no shared slots, or whoever makes it has not finished")
            }
            Self::Version { found, wanted } => write!(
                f,
                "the shared slots have layout {found}, and this program knows {wanted}: build all members with one version \
                 of perseq"
            ),
            Self::Layout { found, wanted } => write!(
                f,
                "the shared slots hold items of layout {found:#x} or of another size, and this program knows {wanted:#x}: build all \
                 members from one source"
            ),
            Self::Cpus { found, here } => write!(
                f,
                "the shared slots were made for {found} possible CPUs, and this system has {here}: make them anew here"
            ),
            Self::Size { found, wanted } => {
                write!(f, "the file of the shared slots has {found} bytes instead of {wanted}: make it anew")
            }
            Self::Members(members) => {
                write!(f, "{members} members cannot share slots: from 1 to 127 processes")
            }
            Self::Full(members) => {
                write!(f, "all {members} members are alive: make the file with room for more processes")
            }
        }
    }
}

impl core::error::Error for SharedError {}
