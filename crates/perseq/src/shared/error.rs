//! [`SharedError`].

use core::ffi::CStr;
use core::fmt;

/// Why memory cannot be shared with other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedError {
    /// A system call failed: which, and its error number. EACCES says that this process was not granted the file for reading and
    /// writing.
    System(&'static str, i32),
    /// The file is none of this crate, or is not complete yet.
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
    /// There cannot be so many members.
    Members {
        /// How many there should be.
        members: u32,
        /// From 1 to so many there can be.
        most: u32,
    },
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
            Self::System(call, errno) => {
                let mut text = [0; 128];
                // SAFETY: so many bytes may be written there.
                unsafe { libc::strerror_r(*errno, text.as_mut_ptr().cast(), text.len()) };
                let text = CStr::from_bytes_until_nul(&text).unwrap_or_default().to_str().unwrap_or_default();
                write!(f, "{call}: {text} (error number {errno})")
            }
            Self::NotShared => f.write_str(
                "the file holds no shared slots and no shared domain, or whoever makes it has not finished",
            ),
            Self::Version { found, wanted } => write!(
                f,
                "the file has layout {found}, and this program knows {wanted}: build all members with one version of perseq"
            ),
            Self::Layout { found, wanted } => write!(
                f,
                "the file holds items of layout {found:#x} or of another size, and this program knows {wanted:#x}: take another \
                 file, or build all members from one source"
            ),
            Self::Cpus { found, here } => write!(
                f,
                "the file was made for {found} possible CPUs, and this system has {here}: make it anew here"
            ),
            Self::Size { found, wanted } => {
                write!(f, "the file has {found} bytes instead of {wanted}: make it anew")
            }
            Self::Members { members, most } => {
                write!(f, "there cannot be {members} members: from 1 to {most} processes")
            }
            Self::Full(members) => {
                write!(f, "all {members} members are alive: make the file with room for more processes")
            }
        }
    }
}

impl core::error::Error for SharedError {}
