//! Membership: who of several processes is alive, told by locks on bytes of a file.
//!
//! A member holds a lock on a byte of its own, by a description of the open file that no other process has (`F_OFD_SETLK`, fcntl(2)). The
//! kernel gives it back when that is closed: at exit, at exec (it is close-on-exec) and at death by any signal, in each case *after*
//! the memory map is gone. So whoever finds it free knows that no thread of the member will ever touch the memory again. A pidfd
//! would tell of exit and death, and not of exec; and process ids mean nothing in another namespace.
//!
//! Invariant: the lock of byte `n` is held by the process that is member `n`, from before it is one until it is none.
//!
//! The child of a fork inherits the description, and with it the lock. So in the handler of the fork it gives that up, by
//! opening the file anew, and becomes another member. That cannot wait until it is needed: as long as the child had it, its parent would
//! look alive.

use alloc::boxed::Box;
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

use rustix::fd::{IntoRawFd, OwnedFd};

use super::SharedError;
use crate::fork::InChild;
use crate::percpu::{Owners, generation};
use crate::sys::{self, ErrnoKept};

/// No member.
const NONE: u32 = u32::MAX;
const NOTHING: i32 = -1;
/// A thread's id is below this.
const THREADS: u32 = 1 << 22;
/// Members there can be: ids of threads and members share a word.
pub(super) const MAX: u32 = crate::percpu::IDS / THREADS - 1;

/// This process as one of several.
#[derive(Debug)]
pub struct Membership(&'static Node);

/// What the handler of forks has to know. It is never freed, but used again.
#[derive(Debug)]
struct Node {
    taken: AtomicBool,
    file: AtomicI32,
    members: AtomicU32,
    member: AtomicU32,
    /// The fork after which this is right.
    generation: AtomicU32,
    next: AtomicPtr<Node>,
}

static NODES: AtomicPtr<Node> = AtomicPtr::new(null_mut());
static IN_CHILD: InChild = InChild::new(|| nodes().for_each(Node::renew));

fn nodes() -> impl Iterator<Item = &'static Node> {
    // SAFETY: nodes are never freed, and complete when they are linked.
    let get = |at: *mut Node| unsafe { at.as_ref() };
    core::iter::successors(get(NODES.load(Ordering::Acquire)), move |node| {
        get(node.next.load(Ordering::Relaxed))
    })
}

impl Node {
    /// One that nobody has, taken.
    fn take() -> &'static Self {
        let free = |node: &&Self| !node.taken.swap(true, Ordering::Acquire);
        if let Some(node) = nodes().find(free) {
            return node;
        }
        let node: &'static Self = Box::leak(Box::new(Self {
            taken: AtomicBool::new(true),
            file: AtomicI32::new(NOTHING),
            members: AtomicU32::new(0),
            member: AtomicU32::new(NONE),
            generation: AtomicU32::new(0),
            next: AtomicPtr::new(null_mut()),
        }));
        let mut first = NODES.load(Ordering::Relaxed);
        loop {
            node.next.store(first, Ordering::Relaxed);
            let this = ptr::from_ref(node).cast_mut();
            match NODES.compare_exchange(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                // There are only so many.
                Err(newer) => first = newer,
            }
        }
        // After the first is linked: until then there is nothing to renew.
        IN_CHILD.register();
        node
    }

    /// Becomes a member by a description of the file that nobody else has.
    fn claim(&self) -> Option<u32> {
        let file = self.file.load(Ordering::Relaxed);
        // Twice: who looks after the dead holds their locks for a moment.
        let mut bytes = (0..2).flat_map(|_| 0..self.members.load(Ordering::Relaxed));
        let member = bytes.find(|&byte| set(file, byte, libc::F_WRLCK));
        self.member.store(member.unwrap_or(NONE), Ordering::Relaxed);
        member
    }

    /// Becomes another member, in the child of a fork. Async-signal-safe.
    fn renew(&self) {
        if !self.taken.load(Ordering::Relaxed)
            || self.generation.swap(generation(), Ordering::Relaxed) == generation()
        {
            return;
        }
        let _errno = ErrnoKept::new();
        self.member.store(NONE, Ordering::Relaxed);
        if reopen(self.file.load(Ordering::Relaxed)) {
            self.claim();
        }
    }
}

impl Membership {
    /// Becomes one of `members`, by locks on the first bytes of `file`, which must be a description that nobody else has.
    ///
    /// # Errors
    /// [`SharedError::Full`].
    pub fn new(file: OwnedFd, members: u32) -> Result<Self, SharedError> {
        let node = Node::take();
        node.file.store(file.into_raw_fd(), Ordering::Relaxed);
        node.members.store(members, Ordering::Relaxed);
        node.generation.store(generation(), Ordering::Relaxed);
        let this = Self(node);
        match node.claim() {
            Some(_) => Ok(this),
            None => Err(SharedError::Full(members)),
        }
    }

    /// Which member this process is; `None` in the child of a fork for which there was no room. Async-signal-safe.
    #[must_use]
    pub fn member(&self) -> Option<u32> {
        match self.0.member.load(Ordering::Relaxed) {
            NONE => None,
            member => Some(member),
        }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> i32 {
        self.0.file.load(Ordering::Relaxed)
    }

    /// Whether there is a member of this number, this process or another. Async-signal-safe.
    #[must_use]
    pub fn is_alive(&self, member: u32) -> bool {
        // Its own lock would not be in its way.
        self.member() == Some(member) || is_locked(self.file(), member)
    }

    /// Locks a byte beyond those of members, unless another process has; says whether it has it then. Threads of this process are one to the
    /// kernel. The lock of a member that is gone can be had too. Async-signal-safe.
    #[must_use]
    pub fn try_lock(&self, byte: u32) -> bool {
        set(self.file(), byte, libc::F_WRLCK)
    }

    /// Gives a lock back. Async-signal-safe.
    pub fn unlock(&self, byte: u32) {
        set(self.file(), byte, libc::F_UNLCK);
    }

    /// Makes sure that this is right in the child of a fork, in whose handlers this was not called yet. Async-signal-safe.
    pub fn renew(&self) {
        self.0.renew();
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.member.store(NONE, Ordering::Relaxed);
        let file = self.0.file.swap(NOTHING, Ordering::Relaxed);
        // SAFETY: this one's own.
        unsafe { libc::close(file) };
        self.0.taken.store(false, Ordering::Release);
    }
}

/// Threads of all members, by both numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'m> {
    membership: &'m Membership,
    /// That of this process.
    member: u32,
}

impl<'m> Members<'m> {
    /// As a thread of this process, if it is a member.
    pub(super) fn of(membership: &'m Membership) -> Option<Self> {
        Some(Self { membership, member: membership.member()? })
    }
}

impl Owners for Members<'_> {
    fn me(&self) -> u32 {
        (self.member * THREADS) | sys::thread_id()
    }

    fn exist(&self, id: u32) -> bool {
        match id / THREADS {
            member if member == self.member => sys::thread_exists(id % THREADS),
            member => self.membership.is_alive(member),
        }
    }

    fn wait(&self, word: &AtomicU32, expected: u32, milliseconds: u32) {
        sys::wait_shared(word, expected, milliseconds);
    }

    fn wake_all(&self, word: &AtomicU32) {
        sys::wake_all_shared(word);
    }
}

#[cfg(all(target_env = "gnu", target_pointer_width = "32"))]
type Flock = libc::flock64;
#[cfg(not(all(target_env = "gnu", target_pointer_width = "32")))]
type Flock = libc::flock;

#[allow(clippy::cast_possible_truncation, reason = "small constants, whose types differ by system")]
fn lock(byte: u32, kind: i32) -> Flock {
    // SAFETY: all zero is a lock, of no process, which is what is demanded here.
    let mut lock: Flock = unsafe { core::mem::zeroed() };
    lock.l_type = kind as _;
    lock.l_whence = libc::SEEK_SET as _;
    lock.l_start = byte.into();
    lock.l_len = 1;
    lock
}

fn set(file: i32, byte: u32, kind: i32) -> bool {
    let _errno = ErrnoKept::new();
    let lock = lock(byte, kind);
    // SAFETY: the kernel reads the lock.
    unsafe { libc::fcntl(file, libc::F_OFD_SETLK, &raw const lock) == 0 }
}

/// Whether another description has a byte locked; also if that cannot be told.
fn is_locked(file: i32, byte: u32) -> bool {
    let _errno = ErrnoKept::new();
    let mut lock = lock(byte, libc::F_WRLCK);
    // SAFETY: the kernel writes to the lock.
    let asked = unsafe { libc::fcntl(file, libc::F_OFD_GETLK, &raw mut lock) };
    asked != 0 || i32::from(lock.l_type) != libc::F_UNLCK
}

/// Opens a file anew under the same number, or else has that be of nothing. Async-signal-safe.
fn reopen(file: i32) -> bool {
    let path = super::file::path_of(file);
    // SAFETY: the path ends in zeros. The new description takes the place of the old, whose owner knows it by its number.
    unsafe {
        let opened = libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC);
        if opened < 0 {
            // The old one must be given up all the same.
            let nothing = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            libc::dup3(nothing, file, libc::O_CLOEXEC);
            libc::close(nothing);
            return false;
        }
        let moved = libc::dup3(opened, file, libc::O_CLOEXEC);
        libc::close(opened);
        moved >= 0
    }
}
