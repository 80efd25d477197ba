//! The nodes of a list, and how writers link them.
//!
//! All that changes links is here, and is done by a thread that has the lock of the list, which is what [`Writers`] stands for.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// An element and its links.
#[derive(Debug)]
pub(super) struct Node<T> {
    /// Followed by readers. It stays when the node is unlinked.
    pub(super) next: AtomicPtr<Node<T>>,
    /// For writers only.
    previous: AtomicPtr<Node<T>>,
    /// The number of the list in which it is linked, or [`NOWHERE`].
    list: AtomicU64,
    pub(super) value: T,
}

/// No list has this number.
const NOWHERE: u64 = 0;

impl<T> Node<T> {
    /// A node that is in no list.
    pub(super) const fn new(value: T) -> Self {
        Self {
            next: AtomicPtr::new(ptr::null_mut()),
            previous: AtomicPtr::new(ptr::null_mut()),
            list: AtomicU64::new(NOWHERE),
            value,
        }
    }
}

/// What writers know of a list beside its first link.
#[derive(Debug)]
pub(super) struct Writers<T> {
    /// The last node, or null.
    last: *mut Node<T>,
    /// The number of the list; other nodes are not in it. Taken when there is a first node.
    number: u64,
}

// SAFETY: the node belongs to the list, and may be sent as the list may.
unsafe impl<T: Send> Send for Writers<T> {}

impl<T> Writers<T> {
    pub(super) const fn new() -> Self {
        Self { last: ptr::null_mut(), number: NOWHERE }
    }

    /// The last node, or null.
    pub(super) fn last(&self) -> *mut Node<T> {
        self.last
    }

    /// Whether a node is in this list, where only whoever has the lock changes that. It may be in another list, or in none.
    pub(super) fn have(&self, node: &Node<T>) -> bool {
        let list = node.list.load(Ordering::Relaxed);
        list != NOWHERE && list == self.number
    }

    /// Links a node between `previous`, or the beginning if that is null, and whatever comes after.
    ///
    /// # Safety
    /// `first` must be the list's, `previous` in it, and `node` in none and nobody else's.
    pub(super) unsafe fn link(
        &mut self,
        first: &AtomicPtr<Node<T>>,
        previous: *mut Node<T>,
        node: NonNull<Node<T>>,
    ) {
        if self.number == NOWHERE {
            self.number = fresh_number();
        }
        // SAFETY: the caller's promise. The nodes of a list are whole while they are in it.
        unsafe {
            let link = link_after(first, previous);
            let next = link.load(Ordering::Relaxed);
            let new = node.as_ref();
            new.next.store(next, Ordering::Relaxed);
            new.previous.store(previous, Ordering::Relaxed);
            new.list.store(self.number, Ordering::Relaxed);
            // From here on readers find it.
            link.store(node.as_ptr(), Ordering::Release);
            self.set_previous(next, node.as_ptr());
        }
    }

    /// Unlinks a node; its own forward link stays.
    ///
    /// # Safety
    /// `first` must be the list's, and `node` in it.
    pub(super) unsafe fn unlink(&mut self, first: &AtomicPtr<Node<T>>, node: NonNull<Node<T>>) {
        // SAFETY: as above.
        unsafe {
            let old = node.as_ref();
            let (previous, next) = (old.previous.load(Ordering::Relaxed), old.next.load(Ordering::Relaxed));
            old.list.store(NOWHERE, Ordering::Relaxed);
            link_after(first, previous).store(next, Ordering::Release);
            self.set_previous(next, previous);
        }
    }

    /// Puts a node into the place of another, whose forward link stays.
    ///
    /// # Safety
    /// `first` must be the list's, `old` in it, and `new` in none and nobody else's.
    pub(super) unsafe fn replace(
        &mut self,
        first: &AtomicPtr<Node<T>>,
        old: NonNull<Node<T>>,
        new: NonNull<Node<T>>,
    ) {
        // SAFETY: as above.
        unsafe {
            let (before, after) = (old.as_ref(), new.as_ref());
            let (previous, next) =
                (before.previous.load(Ordering::Relaxed), before.next.load(Ordering::Relaxed));
            after.next.store(next, Ordering::Relaxed);
            after.previous.store(previous, Ordering::Relaxed);
            after.list.store(self.number, Ordering::Relaxed);
            before.list.store(NOWHERE, Ordering::Relaxed);
            link_after(first, previous).store(new.as_ptr(), Ordering::Release);
            self.set_previous(next, new.as_ptr());
        }
    }

    /// Unlinks all nodes, which stay linked with each other; the first, or null. A new number does it: the nodes have the old one.
    pub(super) fn unlink_all(&mut self, first: &AtomicPtr<Node<T>>) -> *mut Node<T> {
        self.last = ptr::null_mut();
        self.number = NOWHERE;
        // Nodes are published by their own stores; none is here.
        first.swap(ptr::null_mut(), Ordering::Relaxed)
    }

    /// The node before `node`, or null if it is the first.
    pub(super) fn before(&self, node: &Node<T>) -> *mut Node<T> {
        node.previous.load(Ordering::Relaxed)
    }

    /// Notes what comes before `next`, or before the end if that is null.
    ///
    /// # Safety
    /// `next` must be in this list, or null.
    unsafe fn set_previous(&mut self, next: *mut Node<T>, previous: *mut Node<T>) {
        // SAFETY: the caller's promise.
        match unsafe { next.as_ref() } {
            Some(next) => next.previous.store(previous, Ordering::Relaxed),
            None => self.last = previous,
        }
    }
}

/// The link that leads to what comes after `previous`, or to the beginning if that is null.
///
/// # Safety
/// `previous` must be whole, or null.
unsafe fn link_after<T>(first: &AtomicPtr<Node<T>>, previous: *mut Node<T>) -> &AtomicPtr<Node<T>> {
    // SAFETY: the caller's promise.
    unsafe { previous.as_ref() }.map_or(first, |previous| &previous.next)
}

/// A number that no list has had; 2^64 are enough.
fn fresh_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(NOWHERE + 1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
