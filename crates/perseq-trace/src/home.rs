//! Where sessions and programs find each other: a folder of the user's, which nobody else may enter.
//!
//! ```text
//! $XDG_RUNTIME_DIR/perseq/                or /dev/shm/perseq-UID/
//!     bell                                a word that counts changes of what is here; programs sleep on it
//!     programs/PID                        what a program that listens can record
//!     sessions/NAME/                      a session:
//!         plan                                what is recorded and where to; replaced whole
//!         rings                               the rings
//!         events                              the types of events: a line is added for each
//!         consumer                            locked by whoever reads the rings
//!         stop                                there, if the session is to end
//! ```
//!
//! Invariant: all of it belongs to the user and is open to nobody else, or it is not used.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::SessionError;
use crate::session::at;
use crate::sys;

pub(crate) const PLAN: &str = "plan";
pub(crate) const RINGS: &str = "rings";
pub(crate) const EVENTS: &str = "events";
pub(crate) const CONSUMER: &str = "consumer";
pub(crate) const STOP: &str = "stop";

/// The folder of all sessions, made if it is not there.
pub(crate) fn sessions() -> Result<PathBuf, SessionError> {
    private(home()?.join("sessions"))
}

/// The folder of the programs that listen, made if it is not there.
pub(crate) fn programs() -> Result<PathBuf, SessionError> {
    private(home()?.join("programs"))
}

/// Removes what programs have said that are gone: they do not do it themselves, however they ended.
pub(crate) fn sweep() {
    let Some(entries) = programs().ok().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.split('.').next()?.parse().ok());
        if process.is_some_and(|process| sys::started(process).is_none()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn home() -> Result<PathBuf, SessionError> {
    let own = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute() && path.is_dir());
    private(match own {
        Some(path) => path.join("perseq"),
        None => format!("/dev/shm/perseq-{}", sys::user()).into(),
    })
}

/// A folder of this user's, made if it is not there.
pub(crate) fn private(path: PathBuf) -> Result<PathBuf, SessionError> {
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(&path)(error)),
        _ => is_private(&path).map(|()| path),
    }
}

/// Whether nobody else can have put there what is there.
pub(crate) fn is_private(path: &Path) -> Result<(), SessionError> {
    let found = fs::symlink_metadata(path).map_err(at(path))?;
    match found.is_dir() && found.uid() == sys::user() && found.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(SessionError::NotPrivate(path.to_path_buf())),
    }
}

/// How files are opened that others of this user write too.
pub(crate) fn files() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW);
    options
}

/// Replaces a file whole.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), SessionError> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&new, content).and_then(|()| fs::rename(&new, path)).map_err(|error| {
        let _ = fs::remove_file(&new);
        at(path)(error)
    })
}

/// The bell. It stays mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bell(&'static AtomicU32);

impl Bell {
    pub(crate) fn open() -> Result<Self, SessionError> {
        let path = home()?.join("bell");
        let file = files().create(true).truncate(false).open(&path).map_err(at(&path))?;
        file.set_len(4096).map_err(at(&path))?;
        map(&file).map(Self).map_err(at(&path))
    }

    /// How often it was rung.
    pub(crate) fn count(self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// Waits until it is rung once more than that, or for some time.
    pub(crate) fn wait(self, count: u32, time: Duration) {
        sys::wait(self.0, count, time);
    }

    fn ring(self) {
        self.0.fetch_add(1, Ordering::Release);
        sys::wake(self.0);
    }
}

/// Something here has changed. Whoever does not hear it looks by himself, after a while.
pub(crate) fn ring() {
    if let Ok(bell) = Bell::open() {
        bell.ring();
    }
}

fn map(file: &File) -> io::Result<&'static AtomicU32> {
    let (protection, length) = (libc::PROT_READ | libc::PROT_WRITE, 4096);
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let at = unsafe { libc::mmap(null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    match NonNull::new(at.cast::<AtomicU32>()) {
        // SAFETY: mapped for ever, aligned, and accessed atomically only.
        Some(word) if at != libc::MAP_FAILED => Ok(unsafe { word.as_ref() }),
        _ => Err(io::Error::last_os_error()),
    }
}
