//! Who writes: taking turns at grace periods, and waiting for them.
//!
//! One thread at a time takes a grace period forward, the one that holds `leader`. The others wait for that lock, and find their grace
//! period over when they get it, or lead the next.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use perseq::fence::FenceError;

use crate::anew::Anew;
use crate::grace::{Progress, Readers, Sequence};
use crate::patience::Patience;
use crate::stall::{Balanced, Report, Stall, Watch};

/// Why a grace period could not be waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraceError {
    /// CPUs cannot be made to execute a barrier for this process.
    Fence(FenceError),
    /// CPUs cannot be made to execute a barrier for all processes: the error number of membarrier(2).
    Membarrier(i32),
    /// This process is the child of a fork that could not become a member of the shared domain.
    NotAMember,
    /// Readers have not left in time.
    Stalled(Stall),
}

impl fmt::Display for GraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fence(error) => write!(f, "there can be no grace period: {error}"),
            Self::Membarrier(errno) => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "there can be no grace period across processes: membarrier(2): {error}")
            }
            Self::NotAMember => f.write_str(
                "there can be no grace period: this process was forked, and is no member of the shared domain: make it with room for \
                 more processes",
            ),
            Self::Stalled(stall) => stall.fmt(f),
        }
    }
}

impl std::error::Error for GraceError {}

/// A point in time, for [`Domain::poll`](crate::Domain::poll).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraceState(pub(crate) u64);

/// The writers of a domain.
#[derive(Debug)]
pub(crate) struct Writers {
    sequence: Sequence,
    leader: Anew<Mutex<Progress>>,
    watch: Watch,
}

/// The thread that takes grace periods forward.
struct Leader<'w, R: Readers> {
    progress: MutexGuard<'w, Progress>,
    readers: &'w R,
}

impl<R: Readers> Drop for Leader<'_, R> {
    fn drop(&mut self) {
        self.readers.let_go(!self.progress.has_begun());
    }
}

impl Writers {
    pub(crate) const fn new() -> Self {
        Self {
            sequence: Sequence::new(AtomicU64::new(0)),
            leader: Anew::new(Mutex::new(Progress::none())),
            watch: Watch::new(),
        }
    }

    /// Begins anew: nobody leads. Numbers go on, for whoever has taken one. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    pub(crate) unsafe fn begin_anew(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.leader.replace(Mutex::new(Progress::none())) };
    }

    pub(crate) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    pub(crate) fn on_stall(&self, after: Duration, report: Report) {
        self.watch.set(after, report);
    }

    fn try_lead<'w, R: Readers>(&'w self, readers: &'w R) -> Option<Leader<'w, R>> {
        let progress = match self.leader.try_lock() {
            Ok(progress) => progress,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Leader { progress, readers })
    }

    fn lead<'w, R: Readers>(&'w self, readers: &'w R) -> Leader<'w, R> {
        let progress = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        Leader { progress, readers }
    }

    /// One step of a grace period; says whether it was the last.
    fn advance<R>(&self, leader: &mut Leader<'_, R>) -> Result<bool, GraceError>
    where
        R: Readers<Error = GraceError>,
    {
        if !leader.progress.has_begun() {
            self.sequence.begin();
        }
        let ended = leader.progress.advance(leader.readers)?;
        if ended {
            self.sequence.end();
        }
        Ok(ended)
    }

    /// Goes towards a number of the sequence as far as that is possible without waiting; says whether it is reached.
    pub(crate) fn try_reach<R>(&self, readers: &R, target: u64) -> bool
    where
        R: Readers<Error = GraceError>,
    {
        if !self.sequence.has_reached(target)
            && let Some(mut leader) = self.try_lead(readers)
        {
            // One that was under way before does not count, so there may be two to end.
            while !self.sequence.has_reached(target) && self.advance(&mut leader) == Ok(true) {}
        }
        self.sequence.has_reached(target)
    }

    /// Waits for a number of the sequence, for no longer than `time`.
    pub(crate) fn reach<R>(&self, readers: &R, target: u64, time: Option<Duration>) -> Result<(), GraceError>
    where
        R: Readers<Error = GraceError> + Balanced,
    {
        let mut patience = Patience::new();
        let in_time = |patience: &Patience| match patience.elapsed() {
            elapsed if time.is_some_and(|time| elapsed >= time) => {
                Err(GraceError::Stalled(readers.balance().into_stall(elapsed)))
            }
            _ => Ok(()),
        };
        let mut leader = loop {
            if self.sequence.has_reached(target) {
                return Ok(());
            }
            match (self.try_lead(readers), time) {
                (Some(leader), _) => break leader,
                (None, None) => break self.lead(readers),
                (None, Some(_)) => {
                    patience.wait();
                    in_time(&patience)?;
                }
            }
        };
        let mut reported = Duration::ZERO;
        while !self.sequence.has_reached(target) {
            if !self.advance(&mut leader)? {
                patience.wait();
                // Before the time is up, so that nobody gives up in silence.
                self.watch.look(patience.elapsed(), &mut reported, || readers.balance());
                in_time(&patience)?;
            }
        }
        Ok(())
    }
}
