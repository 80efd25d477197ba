//! Why a file cannot be inspected.

use std::{error, fmt};

/// Why a file cannot be inspected. A file that *can* be, but whose sections break rules, is no error: see
/// [`Violation`](crate::Violation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as an ELF file does.
    NotElf,
    /// An object file (`.o`), whose addresses a linker has yet to choose, or a core dump: neither a program nor a library.
    NotLinked,
    /// Made for a processor that has no restartable sequences, or none that is known here: the number that ELF gives it.
    Architecture(u16),
    /// A part of it is not where the headers say, or makes no sense: its name.
    Malformed(&'static str),
    /// There is more of something than any program has, which would take too long: its name, and the limit.
    TooMuch(&'static str, usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("this is no ELF file"),
            Self::NotLinked => f.write_str(
                "this is no linked program or library, so its code has no addresses yet; inspect what it is linked into",
            ),
            Self::Architecture(machine) => {
                write!(f, "restartable sequences are not known for its architecture (ELF machine {machine})")
            }
            Self::Malformed(part) => write!(f, "the file is damaged or truncated: its {part}"),
            Self::TooMuch(what, limit) => write!(f, "the file has more than {limit} {what}"),
        }
    }
}

impl error::Error for Error {}
