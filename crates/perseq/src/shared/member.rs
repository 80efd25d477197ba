//! Membership: this process as one of several, and what becomes of that in the child of a fork.
//!
//! A member has two descriptions of the file: one of its [own](super::locks), by which it has its lock and has mapped the memory, and one that it may
//! hand to others.
//!
//! Invariant: the lock of byte `n` is held by the process that is member `n`, from before it is one until none of its threads can touch the
//! memory any more.
//!
//! The child of a fork inherits both descriptions and the map, and with them the lock. So in the handler of the fork it gives its parent's
//! description up, by descriptor and by map, and becomes another member. That cannot wait until it is needed: as long as the child had it, its
//! parent would look alive. If there is no room for it, it has the memory by the other description, and runs sequences, but owns nothing.
//!
//! It has the memory where its parent has it; or, where that would be wrong, [elsewhere](Shape::moves).

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rustix::fd::{AsFd, AsRawFd, OwnedFd};

use super::SharedError;
use super::file::{self, Map, Shape};
use super::locks::Own;
use crate::fork::{InChild, held_off};
use crate::percpu::Owners;
use crate::statics::{Link, Linked};
use crate::sys::{self, ErrnoKept};

/// No member.
const NONE: u32 = u32::MAX;
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
    /// Written to by whoever has the node, while no fork is under way, and in the child of a fork.
    joined: UnsafeCell<Option<Joined>>,
    member: AtomicU32,
    next: Link<Node>,
}

impl Linked for Node {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

// SAFETY: see `joined`; otherwise it is read only.
unsafe impl Sync for Node {}

// What is joined does not change while anybody unwinds.
impl core::panic::RefUnwindSafe for Node {}

#[derive(Debug)]
struct Joined {
    handed: OwnedFd,
    own: Own,
    map: Map,
    /// The descriptors of both were [given back](Membership::close_files).
    closed: AtomicBool,
}

/// Nodes are never freed.
static NODES: Link<Node> = Link::new();
static IN_CHILD: InChild = InChild::new(|| NODES.iter().for_each(Node::renew));

impl Node {
    /// One that nobody has, taken.
    fn take() -> &'static Self {
        if let Some(node) = NODES.iter().find(|node| !node.taken.swap(true, Ordering::Acquire)) {
            return node;
        }
        let node: &'static Self = Box::leak(Box::new(Self {
            taken: AtomicBool::new(true),
            joined: UnsafeCell::new(None),
            member: AtomicU32::new(NONE),
            next: Link::new(),
        }));
        IN_CHILD.register();
        NODES.add(node);
        node
    }

    fn joined(&self) -> Option<&Joined> {
        // SAFETY: not written to as long as a `Membership` has it, but in the child of a fork, by the only thread.
        unsafe { (*self.joined.get()).as_ref() }
    }

    /// Becomes another member, in the child of a fork. Async-signal-safe.
    fn renew(&self) {
        // SAFETY: there is no other thread, and this one is in `fork`.
        let joined = unsafe { (*self.joined.get()).as_mut() };
        // Without descriptors it goes on as its parent: nobody cares for members of that file any more.
        let Some(joined) = joined.filter(|joined| !joined.closed.load(Ordering::Relaxed)) else {
            return;
        };
        let _errno = ErrnoKept::new();
        let before = self.member.swap(NONE, Ordering::Relaxed);
        let Joined { handed, own, map, .. } = joined;
        let has_own = before != NONE && own.renew(handed.as_fd(), before);
        // Somebody may have closed the other one too, and have something else there.
        let file = if has_own { own.file() } else { handed };
        // SAFETY: as above.
        let has_map = unsafe { map.renew(Some(file).filter(|file| own.is_of(file))) };
        if has_own
            && has_map
            && let Ok(Some(member)) = map.take_member(own)
        {
            self.member.store(member, Ordering::Relaxed);
        }
    }
}

impl Membership {
    /// Makes an anonymous file for up to so many members, and joins.
    ///
    /// # Errors
    /// [`SharedError`].
    #[doc(hidden)]
    pub fn memfd(
        shape: Shape,
        members: u32,
        prepare: impl FnOnce(&Map, &OwnedFd) -> Result<(), SharedError>,
    ) -> Result<Self, SharedError> {
        let file = file::memfd()?;
        file::format(&file, shape, members, prepare)?;
        file::seal(&file)?;
        Self::new(file, shape)
    }

    /// Makes a new file for up to so many members, and joins.
    ///
    /// # Errors
    /// As [`memfd`](Self::memfd).
    #[doc(hidden)]
    pub fn create(
        path: &CStr,
        shape: Shape,
        members: u32,
        prepare: impl FnOnce(&Map, &OwnedFd) -> Result<(), SharedError>,
    ) -> Result<Self, SharedError> {
        let file = file::create(path)?;
        let created = file::format(&file, shape, members, prepare).and_then(|()| Self::new(file, shape));
        if created.is_err() {
            // It is of no use to anybody, and in the way of another attempt.
            file::remove(path);
        }
        created
    }

    /// Joins by a file's path.
    ///
    /// # Errors
    /// As [`memfd`](Self::memfd).
    #[doc(hidden)]
    pub fn open(path: &CStr, shape: Shape) -> Result<Self, SharedError> {
        Self::new(file::open(path)?, shape)
    }

    /// Joins by the number of an open file.
    ///
    /// # Errors
    /// As [`memfd`](Self::memfd).
    #[doc(hidden)]
    pub fn join(file: i32, shape: Shape) -> Result<Self, SharedError> {
        Self::new(file::duplicate(file)?, shape)
    }

    /// Joins by `handed`, whose file must have this shape.
    fn new(handed: OwnedFd, shape: Shape) -> Result<Self, SharedError> {
        let node = Node::take();
        // A child that came in between would have a description that is not known to be its parent's.
        let joined = held_off(|| {
            let own = Own::of(handed.as_fd())?;
            let map = file::map(own.file(), shape)?;
            let member = map.take_member(&own)?.ok_or(SharedError::Full(map.members()))?;
            // SAFETY: the node is ours, and no fork is under way.
            unsafe { *node.joined.get() = Some(Joined { handed, own, map, closed: AtomicBool::new(false) }) };
            node.member.store(member, Ordering::Relaxed);
            Ok(())
        });
        // Without a member nothing is lost: the node is free again.
        if joined.is_err() {
            node.taken.store(false, Ordering::Release);
        }
        joined.map(|()| Self(node))
    }

    /// What is joined.
    #[inline]
    fn joined(&self) -> &Joined {
        // SAFETY: there since this was made, and until it is dropped.
        unsafe { self.0.joined().unwrap_unchecked() }
    }

    /// The file as it is mapped.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.joined().map
    }

    /// The locks on its bytes.
    #[doc(hidden)]
    #[must_use]
    pub fn locks(&self) -> &Own {
        &self.joined().own
    }

    /// The file that others may join by.
    #[doc(hidden)]
    #[must_use]
    pub fn handed(&self) -> &OwnedFd {
        &self.joined().handed
    }

    /// Allocates memory of the slots.
    pub(super) fn allocate(&self, at: u64, bytes: usize) -> Result<(), SharedError> {
        let joined = self.joined();
        joined.map.allocate(&joined.handed, at, bytes as u64)
    }

    /// Gives back memory of the slots.
    pub(super) fn discard(&self, at: u64, bytes: usize) -> Result<(), SharedError> {
        let joined = self.joined();
        joined.map.discard(&joined.handed, at, bytes as u64)
    }

    /// Gives both descriptors back. By the map this process is the same member still.
    pub(super) fn close_files(&self) {
        let joined = self.joined();
        held_off(|| {
            if !joined.closed.swap(true, Ordering::Relaxed) {
                for file in [&joined.handed, joined.own.file()] {
                    // SAFETY: ours, and nobody closes it again. Who judges members by it looks whether it is ours.
                    unsafe { libc::close(file.as_raw_fd()) };
                }
            }
        });
    }

    /// Which member this process is; `None` in the child of a fork for which there was no room. Async-signal-safe.
    #[must_use]
    pub fn member(&self) -> Option<u32> {
        match self.0.member.load(Ordering::Relaxed) {
            NONE => None,
            member => Some(member),
        }
    }

    /// The number of the file that others may join by, and keep as long as they like.
    #[must_use]
    pub fn file(&self) -> i32 {
        self.handed().as_raw_fd()
    }

    /// Whether there is a member of this number, this process or another; also if that cannot be told, because somebody has closed this process's
    /// descriptors. Async-signal-safe.
    #[must_use]
    pub fn is_alive(&self, member: u32) -> bool {
        let own = &self.joined().own;
        match self.member() {
            // Its own lock would not be in its way.
            Some(me) => member == me || !own.is_ours(me) || own.is_taken(member),
            None => true,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // The map goes before the lock.
        held_off(|| {
            self.0.member.store(NONE, Ordering::Relaxed);
            // SAFETY: nobody else has the node, and no fork is under way.
            let joined = unsafe { (*self.0.joined.get()).take() };
            if let Some(Joined { handed, own, map, closed }) = joined {
                drop(map);
                match closed.into_inner() {
                    true => core::mem::forget((own, handed)),
                    false => drop((own, handed)),
                }
            }
        });
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
