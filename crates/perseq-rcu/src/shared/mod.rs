//! Domains of several processes: a writer in one waits for readers in all.
//!
//! The counts are in shared memory, a *row* for each member process, in which only its own threads count. So a sequence
//! meets no other process on its words, and what a process leaves behind when it is killed inside a read section is in its row alone.
//!
//! ```text
//! reader:  as in a domain of one process (see `counts`), in the row of its process
//! writer:  1. a barrier on the CPUs of all members                                                 (see `barrier`)
//!          2. for each phase and row: until its leaves are as many as its enters, or its member is gone   (see `perseq::shared::locks`)
//!          3. meanwhile has new readers of all members take the other phase
//! ```
//!
//! # Why that is right
//! The argument of [`grace`] holds for each row by itself, as a reader enters and leaves in one. It says of a member that is alive at
//! the barrier that its readers of before have left when its row was found balanced. A member that is gone has no readers: whoever
//! finds its lock free after the barrier clears the row. If another process has taken the row meanwhile, then after the barrier, so its readers need not be
//! waited for; or before, and then it holds the lock, and its row was cleared before its first reader entered.
//!
//! Only one writer of all switches phases, for the time of its grace period: who holds the lock for that. So two writers do not
//! send readers to and fro. If nobody is reading, none needs it. One that polls does not keep the lock from one poll to the next, as there may be none;
//! instead nobody switches again for a time in which readers leave.
//!
//! Invariant: row `n` is written to by the process that holds the lock on byte `n` of the file, and is of no reader when that lock is taken.
//!
//! Members trust each other: each can write to the memory, and hold up or deceive the others. One that is stopped (SIGSTOP, a debugger) or dumps
//! core holds up writers as long as it has readers inside, or has phases to itself.
//!
//! # Forks
//! The child of a fork is no longer the member that its parent is. It joins as another, in the handler of the fork; if there is no room for
//! it, or no `/proc`, reading panics in it, and there are no grace periods. Guards that it has taken along protect nothing, and are dropped
//! into memory of its own. A child that was forked past the handlers (`vfork`, a bare system call) must exec or exit.
//!
//! # Descriptors
//! A domain has two of this process's file descriptors, which are close-on-exec. A program that closes all it has (closefrom(3)) remains a
//! member; but it cannot tell any more which others are gone, so its writers wait for readers of the dead until another member's writer has
//! found them, and its children are no members.

mod barrier;
mod member;
mod offset;

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use perseq::fork::InChild;
use perseq::shared::Membership;
use perseq::statics::{Link, Linked};

use crate::anew::Anew;
use crate::counts::{Counted, Counts, enter, leave};
use crate::grace;
use crate::stall::{Balance, Balanced, Stall};
use crate::writers::{GraceError, GraceState, Writers};
use member::{Place, SHAPE, allocate};
pub use offset::{Offset, OutOfRegion, Region};
pub use perseq::shared::SharedError;

type Phase = crate::counts::Phase<SharedDomain>;

/// How long phases stay as they are, after somebody switched them who polls, in nanoseconds.
const SETTLE: u64 = 20_000_000;

fn c_path(path: impl AsRef<Path>) -> Result<CString, SharedError> {
    let path = path.as_ref().as_os_str().as_bytes();
    // No file has a path with a null in it.
    CString::new(path).map_err(|_| SharedError::System("open(2)", libc::ENOENT))
}

/// Nanoseconds of the monotonic clock, which all processes share.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// The byte that whoever switches phases has locked, beyond those of rows.
const SWITCH: u32 = u32::MAX;

/// A domain whose readers and writers are in several processes. See the [module](self).
///
/// This process is a member of it until it ends, executes another program or is killed.
///
/// ```
/// use perseq_rcu::shared::SharedDomain;
///
/// let domain = SharedDomain::memfd(8)?; // up to eight processes
/// // … others join by `SharedDomain::join` on `domain.as_fd()`, sent over a socket or inherited …
/// let reading = domain.read();
/// // … what is loaded from shared memory stays whole …
/// drop(reading);
/// domain.synchronize()?; // waits for readers of all members
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedDomain {
    membership: Membership,
    /// `None` in a child that could not join.
    place: Anew<Option<Place>>,
    /// Members' barriers reach this process.
    reached: bool,
    writers: Writers,
    /// Who judges whether a member is alive, one thread at a time: to the kernel they are one.
    judge: Anew<Mutex<()>>,
    /// The lock of whoever switches phases is held by this process.
    switching: AtomicBool,
    forks: AtomicU32,
    next: Link<SharedDomain>,
}

impl Linked for SharedDomain {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// Every shared domain that this process is a member of.
static DOMAINS: Link<SharedDomain> = Link::new();
static IN_CHILD: InChild = InChild::new(|| {
    // SAFETY: called in the child of a fork only.
    DOMAINS.iter().for_each(|domain| unsafe { domain.begin_anew() });
});

/// A reader of a [`SharedDomain`] until it is dropped, on whatever thread of this process.
#[derive(Debug)]
#[must_use = "a reader is one until this is dropped"]
pub struct SharedGuard {
    domain: &'static SharedDomain,
    phase: Phase,
}

// SAFETY: as `ReadGuard`.
unsafe impl Send for SharedGuard {}
// SAFETY: as above.
unsafe impl Sync for SharedGuard {}

impl Drop for SharedGuard {
    #[inline]
    fn drop(&mut self) {
        leave(&self.phase, self.domain);
    }
}

impl SharedDomain {
    /// Makes a domain for up to `members` processes in an anonymous file, and joins it. Others join by a file descriptor of it.
    ///
    /// It takes 64 KiB of address space for each number that a CPU can have, and of memory what it uses.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn memfd(members: u32) -> Result<&'static Self, SharedError> {
        Self::of(Membership::memfd(SHAPE, members, allocate(members))?)
    }

    /// Makes a domain in a new file, which only this user may open, and joins it. On a file system in memory, for instance below `/dev/shm`.
    ///
    /// Who makes the file shorter while it is used has its members killed by SIGBUS.
    ///
    /// # Errors
    /// [`SharedError`]; an existing file is one.
    pub fn create(path: impl AsRef<Path>, members: u32) -> Result<&'static Self, SharedError> {
        let name = c_path(&path)?;
        let created = Self::of(Membership::create(&name, SHAPE, members, allocate(members))?);
        // It would be in the way of another attempt.
        created.inspect_err(|_| _ = fs::remove_file(path))
    }

    /// Joins the domain in a file.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn open(path: impl AsRef<Path>) -> Result<&'static Self, SharedError> {
        Self::of(Membership::open(&c_path(path)?, SHAPE)?)
    }

    /// Joins the domain that `file` is. It is opened anew, through `/proc`; the caller may close it.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn join(file: impl AsFd) -> Result<&'static Self, SharedError> {
        Self::of(Membership::join(file.as_fd().as_raw_fd(), SHAPE)?)
    }

    fn of(membership: Membership) -> Result<&'static Self, SharedError> {
        let reached = barrier::register()?;
        let domain = Box::leak(Box::new(Self {
            place: Anew::new(Place::of(&membership)),
            membership,
            reached,
            writers: Writers::new(),
            judge: Anew::new(Mutex::new(())),
            switching: AtomicBool::new(false),
            forks: AtomicU32::new(0),
            next: Link::new(),
        }));
        // After that of memberships: there is another one in the child then.
        IN_CHILD.register();
        DOMAINS.add(domain);
        Ok(domain)
    }

    /// Becomes a reader: what any member unpublishes from now on stays whole until the guard is dropped. As
    /// [`Domain::read`](crate::Domain::read). Wait-free; async-signal-safe.
    ///
    /// # Panics
    /// In the child of a fork that could not become a member.
    #[inline]
    #[track_caller]
    pub fn read(&'static self) -> SharedGuard {
        SharedGuard { domain: self, phase: enter(&self.phase(), self) }
    }

    /// Waits until all readers of all members have left that were inside at the call, or their process is gone. Not for signal
    /// handlers, and not to be called by a reader.
    ///
    /// # Errors
    /// [`GraceError::Membarrier`]: membarrier(2) is forbidden to this process. [`GraceError::NotAMember`]: it is the child of a fork that could
    /// not become a member.
    pub fn synchronize(&'static self) -> Result<(), GraceError> {
        self.writers.reach(self, self.writers.sequence().target(), None)
    }

    /// [`synchronize`](Self::synchronize), for no longer than `time`.
    ///
    /// # Errors
    /// As there, and [`GraceError::Stalled`].
    pub fn synchronize_within(&'static self, time: Duration) -> Result<(), GraceError> {
        self.writers.reach(self, self.writers.sequence().target(), Some(time))
    }

    /// As [`Domain::state`](crate::Domain::state). Means nothing to other processes.
    #[must_use]
    pub fn state(&self) -> GraceState {
        GraceState(self.writers.sequence().target())
    }

    /// As [`Domain::poll`](crate::Domain::poll).
    #[must_use]
    pub fn poll(&'static self, state: GraceState) -> bool {
        self.writers.try_reach(self, state.0)
    }

    /// As [`Domain::on_stall`](crate::Domain::on_stall), of grace periods that this process waits for. The report names the
    /// processes whose readers hold it up.
    pub fn on_stall(&self, after: Duration, report: impl Fn(&Stall) + Send + Sync + 'static) {
        self.writers.on_stall(after, Box::new(report));
    }

    /// How many processes are members now.
    #[must_use]
    pub fn members(&self) -> u32 {
        let Some(place) = *self.place else { return 0 };
        place.members().map(|member| u32::from(self.is_alive(place, member))).sum()
    }

    /// The phase that new readers take.
    #[inline]
    fn phase(&self) -> Phase {
        let Some(place) = &*self.place else { return self.absent(0) };
        let current = place.common.current.0.load(Ordering::Relaxed) as usize & 1;
        if self.reached {
            // SAFETY: counts of this process in the mapping, which stays until no thread of it is left.
            unsafe { Phase::at(place.counts.as_ptr().wrapping_add(current).cast()) }
        } else {
            self.absent(current)
        }
    }

    /// A phase of readers that no section counts.
    fn absent(&self, index: usize) -> Phase {
        Phase::absent(self.forks.load(Ordering::Relaxed) as usize * 2 + index)
    }

    fn index_of(&self, place: Place, phase: Phase) -> Option<usize> {
        (0..2).find(|&index| {
            place.counts.as_ptr().wrapping_add(index).cast() == phase.address() || self.absent(index) == phase
        })
    }

    /// Whether the member of a row is alive. If not, its row is cleared.
    fn is_alive(&self, place: Place, member: u32) -> bool {
        // This process would get its own lock.
        if member == place.member {
            return true;
        }
        let _judging = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        // Who cannot tell must take it for alive.
        let locks = self.membership.locks();
        if !locks.is_ours(place.member) || !locks.try_judge(member) {
            return true;
        }
        place.clear(member);
        locks.give_back(member);
        false
    }

    /// Whether all readers of a row have left a phase, or are gone.
    fn has_left(&self, place: Place, member: u32, phase: usize) -> bool {
        // SAFETY: counts stay as long as the mapping, and are changed by sections, or while nobody counts.
        let left = |counts| unsafe { Counts::left(counts) };
        // SAFETY: as above.
        let entered = |counts| unsafe { Counts::entered(counts) };
        let beside = &place.row(member).beside[phase];
        let each = || place.each(member, phase).map(<*mut Counts>::cast_const);
        grace::balanced(
            || each().map(left).fold(beside.left(), u64::wrapping_add),
            || each().map(entered).fold(beside.entered(), u64::wrapping_add),
        ) || !self.is_alive(place, member)
    }

    /// Takes the place of what this process is a member as now. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    unsafe fn begin_anew(&self) {
        self.forks.store(self.forks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.switching.store(false, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe {
            self.writers.begin_anew();
            self.judge.replace(Mutex::new(()));
            self.place.replace(Place::of(&self.membership));
        }
    }
}

impl AsFd for SharedDomain {
    /// The file of the domain, for [`join`](SharedDomain::join) in another process, which may keep it for as long as it likes.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.membership.handed().as_fd()
    }
}

impl Counted for SharedDomain {
    const SHIFT: u32 = SHAPE.shift;

    #[track_caller]
    fn enter_beside(&'static self, phase: Phase) -> Phase {
        let Some(place) = *self.place else {
            panic!(
                "this process was forked, and is no member of the shared domain: make it with room for more processes, and leave \
                 its descriptors and /proc where they are"
            );
        };
        let index = self.index_of(place, phase).unwrap_or(0);
        place.row(place.member).beside[index].enter();
        phase
    }

    fn leave_beside(&'static self, phase: Phase) {
        if let Some(place) = *self.place
            && let Some(index) = self.index_of(place, phase)
        {
            place.row(place.member).beside[index].leave();
        }
    }
}

impl grace::Readers for SharedDomain {
    type Error = GraceError;

    fn barrier(&self) -> Result<(), GraceError> {
        if self.place.is_none() {
            return Err(GraceError::NotAMember);
        }
        // For readers that are counted beside.
        fence(Ordering::SeqCst);
        barrier::everywhere().map_err(GraceError::Membarrier)
    }

    fn is_empty(&self, phase: usize) -> bool {
        let Some(place) = *self.place else { return true };
        // Members that have come since the barrier have no readers of before.
        place.members().all(|member| self.has_left(place, member, phase))
    }

    fn current(&self) -> usize {
        self.place.map_or(0, |place| place.common.current.0.load(Ordering::Relaxed) as usize & 1)
    }

    fn switch_to(&self, phase: usize) {
        let Some(place) = *self.place else { return };
        if !self.switching.load(Ordering::Relaxed) {
            let settled = place.common.settled.load(Ordering::Relaxed);
            // What is further away was said by a clock of another time namespace.
            if (1..=SETTLE).contains(&settled.wrapping_sub(monotonic())) {
                return;
            }
            // Who has no description any more does without, and goes round in its own pace.
            let locks = self.membership.locks();
            if !locks.is_ours(place.member) || !locks.try_take(SWITCH).unwrap_or(false) {
                return;
            }
            self.switching.store(true, Ordering::Relaxed);
        }
        place.common.current.0.store(u32::from(phase != 0), Ordering::Relaxed);
    }

    fn let_go(&self, over: bool) {
        if self.switching.swap(false, Ordering::Relaxed) {
            if let Some(place) = *self.place {
                let until = if over { 0 } else { monotonic() + SETTLE };
                place.common.settled.store(until, Ordering::Relaxed);
            }
            self.membership.locks().give_back(SWITCH);
        }
    }
}

impl Balanced for SharedDomain {
    fn balance(&self) -> Balance {
        let mut balance = Balance::default();
        let Some(place) = *self.place else { return balance };
        for member in place.members() {
            let row = place.row(member);
            // Clears that of a member that is gone, which may not have been found yet, as rows are looked at in turn.
            let _ = (0..2).all(|phase| self.has_left(place, member, phase));
            let process = Some(row.process.load(Ordering::Relaxed));
            for phase in 0..2 {
                for (cpu, counts) in (0..).zip(place.each(member, phase)) {
                    // SAFETY: as in `is_empty`.
                    let (left, entered) = unsafe { (Counts::left(counts), Counts::entered(counts)) };
                    balance.add(Some(cpu), process, left, entered);
                }
                let beside = &row.beside[phase];
                balance.add(None, process, beside.left(), beside.entered());
            }
        }
        balance
    }
}
