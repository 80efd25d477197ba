//! Domains of several processes: a writer in one waits for readers in all.
//!
//! The counts are in shared memory, a *row* for each member process, in which only its own threads count. So a sequence
//! meets no other process on its words, and what a process leaves behind when it is killed inside a read section is in its row alone.
//!
//! ```text
//! reader:  as in a domain of one process (see `counts`), in the row of its process
//! writer:  1. a barrier on the CPUs of all members                                                 (see `barrier`)
//!          2. for each phase and row: until its leaves are as many as its enters, or its member is gone   (see `locks`)
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
//! send readers to and fro. If nobody is reading, none needs it.
//!
//! Invariant: row `n` is written to by the process that holds the lock on byte `n` of the file, and is of no reader when that lock is taken.
//!
//! Members trust each other: each can write to the memory, and hold up or deceive the others.
//!
//! # Forks
//! The child of a fork is no longer the member that its parent is. It joins as another, in the handler of the fork; if there is no room for
//! it, reading panics in it. Guards that it has taken along protect nothing, and are dropped into memory of its own. A child that
//! was forked past the handlers (`vfork`, a bare system call) must exec or exit.

mod barrier;
mod error;
mod layout;
mod locks;
mod offset;

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use perseq::fork::InChild;

use crate::anew::Anew;
use crate::counts::{Beside, Counted, Counts, enter, leave};
use crate::grace;
use crate::stall::{Balance, Balanced, Stall};
use crate::writers::{GraceError, GraceState, Writers};
pub use error::SharedError;
use layout::{Map, Row, SHIFT, Shape};
pub use offset::{Offset, OutOfRegion, Region};

type Phase = crate::counts::Phase<SharedDomain>;

/// What a reader needs, in one place.
#[derive(Clone, Copy, Debug)]
struct Place {
    map: Map,
    member: u32,
    /// The row of this process.
    row: &'static Row,
    /// Its counts of phase 0 on CPU 0, and which phase new readers take.
    counts: NonNull<Counts>,
    current: &'static AtomicU32,
}

// SAFETY: references, and an address of memory that sections of this process add to, and that stays.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

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
    /// A description of the file that no other process has, but the child of a fork for a moment.
    file: File,
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
    next: AtomicPtr<SharedDomain>,
}

/// Every shared domain that this process is a member of.
static DOMAINS: AtomicPtr<SharedDomain> = AtomicPtr::new(ptr::null_mut());
static IN_CHILD: InChild = InChild::new(begin_anew);

fn begin_anew() {
    let mut at = DOMAINS.load(Ordering::Acquire);
    // SAFETY: what is linked is `'static`.
    while let Some(domain) = unsafe { at.as_ref() } {
        // SAFETY: called in the child of a fork only.
        unsafe { domain.begin_anew() };
        at = domain.next.load(Ordering::Relaxed);
    }
}

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
    /// It takes 64 KiB of address space for each CPU, and of memory what it uses.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn memfd(members: u32) -> Result<&'static Self, SharedError> {
        Self::join(layout::memfd(Shape { cpus: perseq::cpu::possible(), members })?)
    }

    /// Makes a domain in a new file, which only this user may open, and joins it. On a file system in memory, for instance below `/dev/shm`.
    ///
    /// Who makes the file shorter while it is used has its members killed by SIGBUS.
    ///
    /// # Errors
    /// [`SharedError`]; an existing file is one.
    pub fn create(path: impl AsRef<Path>, members: u32) -> Result<&'static Self, SharedError> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| SharedError::Io("open(2)", error))?;
        layout::format(&file, Shape { cpus: perseq::cpu::possible(), members })?;
        Self::join_own(file)
    }

    /// Joins the domain in a file.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn open(path: impl AsRef<Path>) -> Result<&'static Self, SharedError> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        Self::join_own(file.map_err(|error| SharedError::Io("open(2)", error))?)
    }

    /// Joins the domain that `file` is. It is opened anew, through `/proc`, as each member needs a description of its own.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn join(file: impl AsFd) -> Result<&'static Self, SharedError> {
        Self::open(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
    }

    fn join_own(file: File) -> Result<&'static Self, SharedError> {
        let shape = layout::look(&file)?;
        let map = layout::map(&file, shape)?;
        let place = claim(&file, map).ok_or(SharedError::Full(shape.members))?;
        let reached = barrier::register()?;
        let domain = Box::leak(Box::new(Self {
            file,
            place: Anew::new(Some(place)),
            reached,
            writers: Writers::new(),
            judge: Anew::new(Mutex::new(())),
            switching: AtomicBool::new(false),
            forks: AtomicU32::new(0),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        IN_CHILD.register();
        let this = ptr::from_mut(domain);
        // SAFETY: just leaked.
        let domain: &'static Self = unsafe { &*this };
        let mut first = DOMAINS.load(Ordering::Relaxed);
        loop {
            domain.next.store(first, Ordering::Relaxed);
            match DOMAINS.compare_exchange(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(domain),
                // There are only so many domains.
                Err(newer) => first = newer,
            }
        }
    }

    /// Becomes a reader: what any member unpublishes from now on stays whole until the guard is dropped. As
    /// [`Domain::read`](crate::Domain::read). Wait-free; async-signal-safe.
    ///
    /// # Panics
    /// In the child of a fork, if the domain had no room for a further member.
    #[inline]
    #[track_caller]
    pub fn read(&'static self) -> SharedGuard {
        SharedGuard { domain: self, phase: enter(&self.phase(), self) }
    }

    /// Waits until all readers of all members have left that were inside at the call, or their process is gone. Not for signal
    /// handlers, and not to be called by a reader.
    ///
    /// # Errors
    /// [`GraceError::Membarrier`]: membarrier(2) is forbidden to this process.
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
        (0..place.map.header().used.load(Ordering::Relaxed))
            .map(|member| u32::from(self.is_alive(place, member)))
            .sum()
    }

    /// The phase that new readers take.
    #[inline]
    fn phase(&self) -> Phase {
        match (&*self.place, self.reached) {
            (Some(place), true) => {
                let current = place.current.load(Ordering::Relaxed) as usize & 1;
                // SAFETY: counts of this process in the mapping, which stays until no thread of it is left.
                unsafe { Phase::at(place.counts.as_ptr().wrapping_add(current).cast()) }
            }
            _ => self.absent(0),
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
        if !locks::try_lock(&self.file, member) {
            return true;
        }
        clear(place.map, member);
        locks::unlock(&self.file, member);
        false
    }

    /// Joins anew. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    unsafe fn begin_anew(&self) {
        self.forks.store(self.forks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        self.switching.store(false, Ordering::Relaxed);
        let old = *self.place;
        // The parent's description is given up here, so that it is the parent's alone.
        let again = reopen(&self.file).and_then(|()| layout::map(&self.file, old?.map.shape).ok());
        let place = again.and_then(|map| claim(&self.file, map));
        // SAFETY: the caller's promise.
        unsafe {
            self.writers.begin_anew();
            self.judge.replace(Mutex::new(()));
            self.place.replace(place);
            if let Some(old) = old {
                old.map.detach();
            }
        }
    }
}

impl AsFd for SharedDomain {
    /// The file of the domain, for [`join`](SharedDomain::join) in another process.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Opens a file anew, under the same number, or else closes it. Async-signal-safe.
fn reopen(file: &File) -> Option<()> {
    let number = file.as_raw_fd().cast_unsigned();
    let mut path = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for at in (14..14 + digits).rev() {
        path[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // SAFETY: the path ends in zeros. The new description takes the place of the old, whose owner knows it by its number.
    unsafe {
        let opened = libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC);
        if opened < 0 {
            // Nobody may take it for the parent's.
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            libc::dup3(null, file.as_raw_fd(), libc::O_CLOEXEC);
            libc::close(null);
            return None;
        }
        let moved = libc::dup3(opened, file.as_raw_fd(), libc::O_CLOEXEC);
        libc::close(opened);
        (moved >= 0).then_some(())
    }
}

/// Takes a row whose member is gone. Async-signal-safe.
fn claim(file: &File, map: Map) -> Option<Place> {
    // Twice, as writers lock rows of the dead for a moment.
    let member = (0..2).flat_map(|_| 0..map.shape.members).find(|&member| locks::try_lock(file, member))?;
    clear(map, member);
    let row = map.row(member)?;
    row.process.store(process::id(), Ordering::Relaxed);
    map.header().used.fetch_max(member + 1, Ordering::SeqCst);
    Some(Place {
        map,
        member,
        row,
        counts: NonNull::new(map.counts(member, 0, 0))?,
        current: &map.header().current.0,
    })
}

/// Clears the counts of a member, whose lock the caller has.
fn clear(map: Map, member: u32) {
    if let Some(row) = map.row(member) {
        row.beside.0.iter().for_each(Beside::clear);
    }
    for counts in (0..2).flat_map(|phase| map.each(member, phase)) {
        // SAFETY: in the mapping, and nobody counts there: the member is gone, or has no readers yet.
        unsafe { Counts::clear(counts) };
    }
}

impl Counted for SharedDomain {
    const SHIFT: u32 = SHIFT;

    #[track_caller]
    fn enter_beside(&'static self, phase: Phase) -> Phase {
        let Some(place) = *self.place else {
            panic!(
                "this process was forked, and is no member of the shared domain: make it with room for more processes"
            );
        };
        let index = self.index_of(place, phase).unwrap_or(0);
        place.row.beside.0[index].enter();
        phase
    }

    fn leave_beside(&'static self, phase: Phase) {
        if let Some(place) = *self.place
            && let Some(index) = self.index_of(place, phase)
        {
            place.row.beside.0[index].leave();
        }
    }
}

impl grace::Readers for SharedDomain {
    type Error = GraceError;

    fn barrier(&self) -> Result<(), GraceError> {
        // For readers that are counted beside.
        fence(Ordering::SeqCst);
        barrier::everywhere().map_err(GraceError::Membarrier)
    }

    fn is_empty(&self, phase: usize) -> bool {
        let Some(place) = *self.place else { return true };
        // SAFETY: rows stay as long as the mapping, and are changed by sections, or while nobody counts.
        let left = |counts| unsafe { Counts::left(counts) };
        // SAFETY: as above.
        let entered = |counts| unsafe { Counts::entered(counts) };
        let map = place.map;
        // Members that have come since the barrier have no readers of before.
        (0..map.header().used.load(Ordering::Relaxed)).all(|member| {
            let Some(row) = map.row(member) else { return true };
            let beside = &row.beside.0[phase];
            let each = || map.each(member, phase).map(<*mut Counts>::cast_const);
            grace::balanced(
                || each().map(left).fold(beside.left(), u64::wrapping_add),
                || each().map(entered).fold(beside.entered(), u64::wrapping_add),
            ) || !self.is_alive(place, member)
        })
    }

    fn current(&self) -> usize {
        self.place.map_or(0, |place| place.current.load(Ordering::Relaxed) as usize & 1)
    }

    fn switch_to(&self, phase: usize) {
        let Some(place) = *self.place else { return };
        if !self.switching.load(Ordering::Relaxed) {
            if !locks::try_lock(&self.file, locks::SWITCH) {
                return;
            }
            self.switching.store(true, Ordering::Relaxed);
        }
        place.current.store(u32::from(phase != 0), Ordering::Relaxed);
    }

    fn let_go(&self) {
        if self.switching.swap(false, Ordering::Relaxed) {
            locks::unlock(&self.file, locks::SWITCH);
        }
    }
}

impl Balanced for SharedDomain {
    fn balance(&self) -> Balance {
        let mut balance = Balance::default();
        let Some(place) = *self.place else { return balance };
        let map = place.map;
        for member in 0..map.header().used.load(Ordering::Relaxed) {
            let Some(row) = map.row(member) else { continue };
            let process = Some(row.process.load(Ordering::Relaxed));
            for phase in 0..2 {
                for (cpu, counts) in (0..).zip(map.each(member, phase)) {
                    // SAFETY: as in `is_empty`.
                    let (left, entered) = unsafe { (Counts::left(counts), Counts::entered(counts)) };
                    balance.add(Some(cpu), process, left, entered);
                }
                let beside = &row.beside.0[phase];
                balance.add(None, process, beside.left(), beside.entered());
            }
        }
        balance
    }
}
