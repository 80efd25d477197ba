//! [`List`]: an intrusive last-in, first-out list for each CPU.
//!
//! ```text
//! push:     top = list.top; stage node.next = top; commit list.top = node
//! pop:      top = list.top; leave if null; next = top.next; commit list.top = next
//! pop_all:  top = list.top; leave if null; commit list.top = null
//! ```
//!
//! What makes it simple is that nothing on this CPU comes in between: there is no ABA, for a node that was popped and pushed again
//! meanwhile has aborted the section; and no node is read after somebody else took it, for the same reason.
//!
//! Invariant: every node is in one list, or with whoever popped it. A list is a chain of nodes that ends in null.
//!
//! Ordering: a list is only touched on its CPU, where the scheduler orders one thread after the other, and by the owner of the
//! slot, whom the fence and the gate order (see [`PerCpu::exclusive`]). So a relaxed commit suffices.

use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::Ordering::Relaxed;

use crate::model::hooks;
use crate::percpu::Change;
use crate::section::Word;
use crate::{AllocError, ExclusiveError, PerCpu, sequence};

/// What links nodes.
#[repr(C)]
#[derive(Debug)]
struct Link {
    next: *mut Link,
}

/// A `T` that can be in a [`List`].
///
/// ```
/// use perseq::collections::list::Node;
///
/// let mut node = Node::new(7);
/// node.value += 1;
/// assert_eq!(node.value, 8);
/// ```
#[repr(C)]
#[derive(Debug)]
pub struct Node<T> {
    link: Link,
    /// Whatever the owner of the node likes.
    pub value: T,
}

// SAFETY: the link is meaningful only to the list that the node is in, which has the node borrowed.
unsafe impl<T: Send> Send for Node<T> {}
// SAFETY: as above; a shared reference leads to the value only.
unsafe impl<T: Sync> Sync for Node<T> {}

impl<T> Node<T> {
    /// A node in no list.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { link: Link { next: null_mut() }, value }
    }
}

/// One slot.
#[derive(Debug)]
struct Head {
    top: *mut Link,
}

// SAFETY: `List` lets it be sent only if what it links may be.
unsafe impl Send for Head {}

sequence! {
    /// # Safety
    /// `node` must be valid, in no list, and stay so until it is popped.
    unsafe fn push(list: &PerCpu<Head>, node: *mut Link) {
        let top: *mut Link = list.top;
        stage (*node).next = top;
        commit list.top = node;
    }

    /// # Safety
    /// Every node in the list must be valid.
    unsafe fn pop(list: &PerCpu<Head>) -> *mut Link {
        let top: *mut Link = list.top;
        if top.is_null() { return null_mut(); }
        let next: *mut Link = (*top).next;
        commit list.top = next;
        top
    }

    fn pop_all(list: &PerCpu<Head>) -> *mut Link {
        let top: *mut Link = list.top;
        if top.is_null() { return null_mut(); }
        let none: *mut Link = null_mut();
        commit list.top = none;
        top
    }
}

/// A list of borrowed nodes for each CPU: the last one in is the first one out. See the [module](self).
///
/// The list allocates nothing: a node carries its link. It has a node borrowed exclusively for `'n`, and gives the borrow back
/// with the node.
///
/// ```
/// use perseq::collections::list::{List, Node};
///
/// let mut nodes = [1, 2, 3].map(Node::new);
/// let list = List::new();
/// for node in &mut nodes {
///     list.push(node); // onto the list of the CPU that the thread runs on
/// }
/// let mut sum = 0;
/// if let Some(node) = list.pop() {
///     sum += node.value; // 3, unless the thread has moved to another CPU
/// }
/// list.drain(|node| sum += node.value)?; // of all CPUs
/// assert_eq!(sum, 6);
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
pub struct List<'n, T> {
    heads: PerCpu<Head>,
    /// Nodes go in and come out, so `'n` and `T` may be neither shorter nor longer.
    nodes: PhantomData<*mut &'n mut Node<T>>,
}

// SAFETY: a list hands the nodes that one thread pushed to another, and never shares one.
unsafe impl<T: Send> Send for List<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for List<'_, T> {}

impl<'n, T> List<'n, T> {
    /// Empty lists. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        Self { heads: PerCpu::new(empty), nodes: PhantomData }
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_new() -> Result<Self, AllocError> {
        Ok(Self { heads: PerCpu::try_new(empty)?, nodes: PhantomData })
    }

    /// The number of lists: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.heads.slots()
    }

    /// Puts a node at the top of the running CPU's list. Async-signal-safe.
    #[inline]
    pub fn push(&self, node: &'n mut Node<T>) {
        // SAFETY: exclusively borrowed for as long as the list lives, so valid and in no other list.
        unsafe { push(&self.heads, (&raw mut *node).cast()) };
    }

    /// Takes the node at the top of the running CPU's list. Async-signal-safe.
    #[inline]
    pub fn pop(&self) -> Option<&'n mut Node<T>> {
        // SAFETY: the lists hold borrowed nodes only; popping gives the borrow back. A link is the beginning of its node.
        unsafe { pop(&self.heads).cast::<Node<T>>().as_mut() }
    }

    /// Takes all nodes of the running CPU's list at once, the top one first. Async-signal-safe.
    #[inline]
    pub fn pop_all(&self) -> Chain<'n, T> {
        Chain { top: pop_all(&self.heads), nodes: PhantomData }
    }

    /// Takes all nodes of the list of `cpu`, from any thread, whether that CPU is online or not. Async-signal-safe.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn take(&self, cpu: u32) -> Result<Chain<'n, T>, ExclusiveError> {
        let top = self.heads.exclusive_ptr(cpu, Change::Single, |head| {
            // SAFETY: a word of the slot, which is ours.
            unsafe {
                let top = &raw mut (*head.as_ptr()).top;
                let nodes = <*mut Link>::load(top);
                <*mut Link>::store(top, null_mut(), Relaxed);
                nodes
            }
        })?;
        Ok(Chain { top: hooks::seen(top), nodes: PhantomData })
    }

    /// Takes the nodes of every CPU's list, one list after the other, and passes each to `f`. Async-signal-safe if `f` is.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`], at the first list that cannot be had; `f` has got the nodes of those before.
    pub fn drain(&self, mut f: impl FnMut(&'n mut Node<T>)) -> Result<(), ExclusiveError> {
        (0..self.slots()).try_for_each(|cpu| {
            self.take(cpu)?.for_each(&mut f);
            Ok(())
        })
    }
}

fn empty(_cpu: u32) -> Head {
    Head { top: null_mut() }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> core::fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("List").field("slots", &self.slots()).finish_non_exhaustive()
    }
}

/// Nodes that were taken from a list together, the top one first. Nodes that are not taken out of it stay borrowed.
pub struct Chain<'n, T> {
    top: *mut Link,
    nodes: PhantomData<*mut &'n mut Node<T>>,
}

// SAFETY: it owns the borrows of its nodes.
unsafe impl<T: Send> Send for Chain<'_, T> {}
// SAFETY: a shared reference to it leads to no node.
unsafe impl<T: Send> Sync for Chain<'_, T> {}

impl<'n, T> Iterator for Chain<'n, T> {
    type Item = &'n mut Node<T>;

    fn next(&mut self) -> Option<&'n mut Node<T>> {
        let link = NonNull::new(self.top)?;
        // SAFETY: the chain holds borrowed nodes only, each once; taking one out gives its borrow back.
        unsafe {
            self.top = hooks::seen((*link.as_ptr()).next);
            Some(link.cast::<Node<T>>().as_mut())
        }
    }
}

impl<T> core::iter::FusedIterator for Chain<'_, T> {}

impl<T> core::fmt::Debug for Chain<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Chain").field("empty", &self.top.is_null()).finish()
    }
}
