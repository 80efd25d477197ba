//! Who reads the rings of a session: one process, as long as it lives and runs the same program.
//!
//! The reader has a lock on the file `consumer` of the session, by a description of the open file that is its alone. The kernel gives it back when the process ends, however
//! it does, and when it executes another program. A process id tells nothing of the latter, and nothing at all in another namespace: the one in the file is for messages.
//!
//! Invariant: the child of a fork, which reads nothing, gives its copy of the description up before it goes on.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

use perseq::fork::{InChild, held_off};
use perseq::shared::SharedError;
use perseq::shared::locks::Own;

use crate::error::{SessionError, at};
use crate::home::{self, CONSUMER, Locked};
use crate::sys;

/// The byte of the file that is locked.
const BYTE: u32 = 0;
/// No descriptor.
const NONE: i32 = -1;

/// The descriptors of claims. Of more at a time than these, which hardly any process reads, a child keeps the rest.
static CLAIMED: [AtomicI32; 64] = [const { AtomicI32::new(NONE) }; 64];
static IN_CHILD: InChild = InChild::new(|| {
    for claimed in &CLAIMED {
        let number = claimed.swap(NONE, Ordering::Relaxed);
        if number != NONE {
            // SAFETY: it is of a claim of the parent. Whoever owns that there is no thread of the child.
            unsafe { libc::close(number) };
        }
    }
});

/// This process reads the rings of a session, until this is dropped or the process ends.
///
/// It is the file and not its path: there may be another session of the name meanwhile.
#[derive(Debug)]
pub(crate) struct Claim {
    own: Own,
}

impl Claim {
    /// # Errors
    /// If somebody reads them.
    pub(crate) fn take(place: &Path) -> Result<Self, SessionError> {
        let path = place.join(CONSUMER);
        let failed = |error| at(&path)(of_the_system(error));
        // One after the other.
        let file = Locked::open(&path)?;
        IN_CHILD.register();
        held_off(|| {
            let claim = Self { own: Own::of(file.as_fd()).map_err(failed)? };
            if claim.own.is_taken(BYTE) {
                return Err(SessionError::Consumed(reader(place)));
            }
            let written = file.set_len(0).and_then(|()| write!(&*file, "{}", sys::process()));
            written.map_err(at(&path))?;
            match claim.own.try_take(BYTE).map_err(failed)? {
                true => Ok(claim.registered()),
                false => Err(SessionError::Consumed(reader(place))),
            }
        })
    }

    /// Lets children know of it.
    fn registered(self) -> Self {
        let number = self.own.file().as_raw_fd();
        let set = |claimed: &AtomicI32| {
            claimed.compare_exchange(NONE, number, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        let _ = CLAIMED.iter().any(set);
        self
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let number = self.own.file().as_raw_fd();
        for claimed in &CLAIMED {
            let _ = claimed.compare_exchange(number, NONE, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// The process that reads the rings of a session, if there is one: by the number that it has for itself.
pub(crate) fn consumer(place: &Path) -> Option<u32> {
    let file = home::files().open(place.join(CONSUMER)).ok()?;
    Own::of(file.as_fd()).ok()?.is_taken(BYTE).then(|| reader(place))
}

/// What the file says.
fn reader(place: &Path) -> u32 {
    let text = home::read(&place.join(CONSUMER)).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().parse().unwrap_or_default()
}

fn of_the_system(error: SharedError) -> io::Error {
    match error {
        SharedError::System(_, errno) => io::Error::from_raw_os_error(errno),
        other => io::Error::other(other),
    }
}
