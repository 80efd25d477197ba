//! Where sessions and programs find each other: a folder of the user's, which nobody else may enter.
//!
//! ```text
//! $XDG_RUNTIME_DIR/perseq/                or /run/user/UID/perseq/, or /dev/shm/perseq-UID/
//!     bell                                a word that counts changes of what is here; programs sleep on it
//!     programs/PID.COPY                   what a program that listens can record, by the copy of this crate that listens
//!     sessions/NAME/                      a session:
//!         plan                                what is recorded and where to; replaced whole
//!         rings                               the rings
//!         events                              the types of events: a line is added for each
//!         consumer                            who reads the rings: it holds a lock on it; and who changes the plan locks it for that time
//!         stop                                there, if the session is to end
//!     sessions/.NAME-PID/                 one that is being removed
//! ```
//!
//! Invariant: all of it belongs to the user and is open to nobody else, or it is not used.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::SessionError;
use crate::error::at;
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

/// The folders of sessions, by name.
pub(crate) fn all_sessions() -> Result<Vec<PathBuf>, SessionError> {
    let folder = sessions()?;
    let entries = fs::read_dir(&folder).map_err(at(&folder))?.flatten();
    let mut sessions: Vec<_> = entries.filter(|entry| !is_hidden(entry)).map(|entry| entry.path()).collect();
    sessions.sort();
    Ok(sessions)
}

fn is_hidden(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Removes a session. It is gone at once for whoever has its path, or he would add files to what is being removed. What others, who were
/// killed, have left is removed too.
pub(crate) fn remove(session: &Path) {
    let name = session.file_name().unwrap_or_default().to_string_lossy();
    let _ = fs::rename(session, session.with_file_name(format!(".{name}-{}", sys::process())));
    let others = session.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in others.into_iter().flatten().flatten().filter(is_hidden) {
        let _ = fs::remove_dir_all(entry.path());
    }
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

/// Services and those who run by `sudo` often lack the variable, and are to find the same place.
fn home() -> Result<PathBuf, SessionError> {
    let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let usual = PathBuf::from(format!("/run/user/{}", sys::user()));
    let is_own =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == sys::user());
    let own = named.into_iter().chain([usual]).find(is_own);
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

/// How files are opened that others of this user write too; whatever they are, nobody waits for them.
pub(crate) fn files() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

/// Makes a file, if it is not there.
pub(crate) fn make(path: &Path) -> Result<File, SessionError> {
    files().create(true).truncate(false).open(path).map_err(at(path))
}

/// Bytes of a file that is read whole, at most.
const LONGEST: u64 = 64 << 20;

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, SessionError> {
    let mut text = Vec::new();
    let read = files().open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    read.map(|_| text).map_err(at(path))
}

/// A file that nobody else has locked.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// How long to wait for others at most: one of them may have been stopped, and who waits holds forks off, which have less patience than twice this.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// One that is there: what is missing must not be made, for its folder may be on its way out.
    pub(crate) fn open(path: &Path) -> Result<Self, SessionError> {
        let file = files().open(path).map_err(at(path))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if since.elapsed() < Self::PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(at(path)(io::Error::other("somebody has it locked, and does not go on")));
                }
                Err(TryLockError::Error(error)) => return Err(at(path)(error)),
            }
        }
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // The child of a fork may have it open too.
        let _ = self.0.unlock();
    }
}

/// Replaces a file whole.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), SessionError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!("{name}.new-{}", std::process::id()));
    fs::write(&new, content).and_then(|()| fs::rename(&new, path)).map_err(|error| {
        let _ = fs::remove_file(&new);
        at(path)(error)
    })
}

/// The bell, as long as it is mapped.
#[derive(Debug)]
pub(crate) struct Bell(NonNull<AtomicU32>);

// SAFETY: a word that processes share.
unsafe impl Send for Bell {}

/// Bytes of it.
const BELL: usize = 4096;

impl Bell {
    pub(crate) fn open() -> Result<Self, SessionError> {
        let path = home()?.join("bell");
        let file = make(&path)?;
        // Where there is no memory for it, it is better to know than to be killed by SIGBUS.
        // SAFETY: no memory is accessed.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, BELL as libc::off_t) } {
            0 => map(&file).map(Self).map_err(at(&path)),
            error => Err(at(&path)(io::Error::from_raw_os_error(error))),
        }
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: mapped as long as this is there, aligned, and accessed atomically only.
        unsafe { self.0.as_ref() }
    }

    /// How often it was rung.
    pub(crate) fn count(&self) -> u32 {
        self.word().load(Ordering::Acquire)
    }

    /// Waits until it is rung once more than that, or for some time.
    pub(crate) fn wait(&self, count: u32, time: Duration) {
        sys::wait(self.word(), count, time);
    }

    fn ring(&self) {
        self.word().fetch_add(1, Ordering::Release);
        sys::wake(self.word());
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // SAFETY: a whole mapping, which nobody uses any more. That does not fail.
        unsafe { libc::munmap(self.0.as_ptr().cast(), BELL) };
    }
}

/// Something here has changed. Whoever does not hear it looks by himself, after a while.
pub(crate) fn ring() {
    if let Ok(bell) = Bell::open() {
        bell.ring();
    }
}

fn map(file: &File) -> io::Result<NonNull<AtomicU32>> {
    let (protection, length) = (libc::PROT_READ | libc::PROT_WRITE, BELL);
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let at = unsafe { libc::mmap(null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    match NonNull::new(at.cast::<AtomicU32>()) {
        Some(word) if at != libc::MAP_FAILED => Ok(word),
        _ => Err(io::Error::last_os_error()),
    }
}
