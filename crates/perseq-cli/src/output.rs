//! Standard output, and the failures that end the command.

use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{error, fmt};

/// Why the command could not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// Standard output does not take what is written.
    Stdout(io::Error),
    /// A file does not.
    File {
        /// The file, as it was named on the command line.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file cannot be inspected.
    Input {
        /// The file, as it was named on the command line.
        path: PathBuf,
        /// What the system said, or what is wrong with the file.
        error: Box<dyn error::Error>,
    },
    /// A file has critical sections that break rules: what is to be said last.
    Violations(String),
    /// A session cannot be what it is asked to be.
    #[cfg(target_os = "linux")]
    Session(Box<dyn error::Error>),
    /// A benchmark came to a result that shows its figures to be worthless.
    Wrong(String),
}

impl Failure {
    /// The reader of our standard output has gone.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// The command's exit status: 2 for what it was given, as for wrong usage, and 1 for all else.
    pub fn exit_code(&self) -> ExitCode {
        if matches!(self, Self::Input { .. }) { ExitCode::from(2) } else { ExitCode::FAILURE }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout(error) => write!(f, "cannot write to standard output: {error}"),
            Self::File { path, error } => write!(f, "cannot write {}: {error}", path.display()),
            Self::Input { path, error } => write!(f, "{}: {error}", path.display()),
            #[cfg(target_os = "linux")]
            Self::Session(error) => error.fmt(f),
            Self::Violations(what) | Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl error::Error for Failure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Stdout(error) | Self::File { error, .. } => Some(error),
            Self::Input { error, .. } => Some(&**error),
            #[cfg(target_os = "linux")]
            Self::Session(error) => Some(&**error),
            Self::Violations(_) | Self::Wrong(_) => None,
        }
    }
}

/// Says something on standard error, if anybody listens there.
pub fn say(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "perseq: {text}");
}

/// Writes `text` and a line break to standard output, at once.
pub fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(Failure::Stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let failure = Failure::File {
            path: "/nowhere/report.html".into(),
            error: io::Error::from(ErrorKind::PermissionDenied),
        };
        assert!(failure.to_string().contains("/nowhere/report.html"));
        assert!(!failure.is_broken_pipe());
    }

    #[test]
    fn only_a_broken_standard_output_is_a_broken_pipe() {
        let broken = || io::Error::from(ErrorKind::BrokenPipe);
        assert!(Failure::Stdout(broken()).is_broken_pipe());
        assert!(!Failure::File { path: "a".into(), error: broken() }.is_broken_pipe());
    }
}
