//! [`List`]: a list that is read while others change it.
//!
//! Readers follow forward links from the first node to the last. Writers exclude each other by a lock, know backward links too, and
//!
//! ```text
//! insert:   link the new node to its successor, then its predecessor to the new node              (what readers can see)
//! remove:   link its predecessor to its successor                                                 (what readers can see)
//! replace:  link the new node to the successor of the old, then the predecessor to the new node   (what readers can see)
//! ```
//!
//! A node that was unlinked is retired, and keeps its forward link. Backward links are changed after that, and are for writers only: a
//! reader that could go back and forth would meet nodes twice, or links to what is gone.
//!
//! Invariant: whoever starts from a node that was in the list comes to the end by forward links. For a node in the list, they lead over
//! those after it, in order. For one that was unlinked, they lead to what was its successor then; if that is unlinked later, to what was
//! the successor's then; and so on, and no node is ever linked a second time. All of these were unlinked after the reader
//! came, as it found the first by links that were there, so none is freed before it leaves.
//!
//! Ordering: a node is published by storing a link to it with release after it was written, and loaded with acquire. A link to a node that
//! somebody else has published is stored with release too: the lock orders that thread's writes before. Unlinking comes
//! before the grace period that the node is retired to (see [`grace`](crate::grace)). Whether a node is in the list is written
//! and asked under the lock, so relaxed.
//!
//! Nothing of the user's is run under the lock: values are compared, and dropped, outside.

mod node;

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use perseq::collections::mutex::Mutex;

use crate::boxed::{self, Owned};
use crate::flavor::{Flavor, Global, Guard};
use node::{Node, Writers};

/// A list that many read and some change.
///
/// Each step of reading it is wait-free and async-signal-safe. What changes it takes a lock, for a few stores, and allocates; readers may do it. An element that
/// is removed can be read until the guard is dropped that it was found under, and is dropped after a grace period, on another thread perhaps.
///
/// A reader meets each element once that is in the list all the time; of those that are inserted or removed meanwhile it meets some. An
/// element that is [replaced](Self::replace) is met as it was or as it is.
///
/// ```
/// use perseq_rcu::List;
///
/// static HANDLERS: List<(u32, &str)> = List::new();
///
/// HANDLERS.push_back((1, "first"));
/// HANDLERS.push_back((3, "third"));
///
/// let guard = perseq_rcu::read();
/// let third = HANDLERS.iter(&guard).find(|entry| entry.0 == 3).unwrap();
/// HANDLERS.insert_before(third, (2, "second")).unwrap();
/// assert!(HANDLERS.remove(third));
/// assert_eq!(third.get(), &(3, "third")); // as long as the guard is held
///
/// let names: Vec<&str> = HANDLERS.iter(&guard).map(|entry| entry.1).collect();
/// assert_eq!(names, ["first", "second"]);
/// ```
pub struct List<T: 'static, F: Flavor = Global> {
    first: AtomicPtr<Node<T>>,
    len: AtomicUsize,
    writers: Mutex<Writers<T>>,
    owns: PhantomData<Owned<T, F>>,
}

// SAFETY: it owns its values, and may leave them to another thread to drop. Whoever has it may read them.
unsafe impl<T: Send + Sync, F: Flavor> Send for List<T, F> {}
// SAFETY: readers share the values, and a thread that removes one drops what another has made.
unsafe impl<T: Send + Sync, F: Flavor> Sync for List<T, F> {}

impl<T: Send + Sync + 'static> List<T> {
    /// A list without elements.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_flavor(Global)
    }
}

impl<T: Send + Sync + 'static, F: Flavor> List<T, F> {
    /// A list without elements, that readers of `flavor` read.
    #[must_use]
    pub const fn with_flavor(flavor: F) -> Self {
        // A type and no more; it cannot be dropped in a constant.
        std::mem::forget(flavor);
        Self {
            first: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            writers: Mutex::new(Writers::new()),
            owns: PhantomData,
        }
    }

    /// The elements, from the first to the last.
    #[inline]
    pub fn iter<'g>(&'g self, _guard: &'g Guard<F>) -> Iter<'g, T, F> {
        Iter { next: Entry::at(self.first.load(Ordering::Acquire)) }
    }

    /// The first element.
    #[inline]
    #[must_use]
    pub fn front<'g>(&'g self, guard: &'g Guard<F>) -> Option<Entry<'g, T, F>> {
        self.iter(guard).next
    }

    /// Inserts an element before all others.
    pub fn push_front(&self, value: T) {
        let node = boxed::make(Node::new(value));
        let mut writers = self.writers.lock();
        // SAFETY: the node is fresh.
        unsafe { writers.link(&self.first, ptr::null_mut(), node) };
        self.count(1);
    }

    /// Inserts an element after all others.
    pub fn push_back(&self, value: T) {
        let node = boxed::make(Node::new(value));
        let mut writers = self.writers.lock();
        let last = writers.last();
        // SAFETY: the node is fresh, and the last one is in the list, as we have the lock.
        unsafe { writers.link(&self.first, last, node) };
        self.count(1);
    }

    /// Inserts an element after another.
    ///
    /// # Errors
    /// `value`, if that one is not in this list any more.
    pub fn insert_after<'g>(&'g self, at: Entry<'g, T, F>, value: T) -> Result<Entry<'g, T, F>, T> {
        self.change(at, value, |writers, node| {
            // SAFETY: the node is fresh, and `at` is in this list.
            unsafe { writers.link(&self.first, at.node.as_ptr(), node) };
            self.count(1);
        })
    }

    /// Inserts an element before another.
    ///
    /// # Errors
    /// `value`, if that one is not in this list any more.
    pub fn insert_before<'g>(&'g self, at: Entry<'g, T, F>, value: T) -> Result<Entry<'g, T, F>, T> {
        self.change(at, value, |writers, node| {
            let previous = writers.before(at.node());
            // SAFETY: the node is fresh, `at` is in this list, and so is what comes before it.
            unsafe { writers.link(&self.first, previous, node) };
            self.count(1);
        })
    }

    /// Puts an element into the place of another, in one step: readers meet the one or the other. The old one is dropped after a grace period.
    ///
    /// # Errors
    /// `value`, if the old one is not in this list any more.
    pub fn replace<'g>(&'g self, old: Entry<'g, T, F>, value: T) -> Result<Entry<'g, T, F>, T> {
        let new = self.change(old, value, |writers, node| {
            // SAFETY: the node is fresh, and the old one is in this list.
            unsafe { writers.replace(&self.first, old.node, node) };
        })?;
        // SAFETY: it was in this list, and this thread has unlinked it.
        unsafe { boxed::retire(F::domain(), old.node) };
        Ok(new)
    }

    /// Removes an element; says whether it was in this list still, so of several threads that remove it one is told so. It is
    /// dropped after a grace period.
    pub fn remove(&self, entry: Entry<'_, T, F>) -> bool {
        let mut writers = self.writers.lock();
        if !writers.have(entry.node()) {
            return false;
        }
        // SAFETY: it is in this list.
        unsafe { writers.unlink(&self.first, entry.node) };
        self.count(-1);
        drop(writers);
        // SAFETY: it was in this list, and this thread has unlinked it.
        unsafe { boxed::retire(F::domain(), entry.node) };
        true
    }

    /// Removes the first element, which is returned.
    pub fn pop_front<'g>(&'g self, guard: &'g Guard<F>) -> Option<Entry<'g, T, F>> {
        loop {
            let first = self.front(guard)?;
            // If not, another thread has removed it.
            if self.remove(first) {
                return Some(first);
            }
        }
    }

    /// Removes the elements of which `f` says so; how many.
    pub fn remove_if(&self, mut f: impl FnMut(&T) -> bool) -> usize {
        let guard = F::read();
        self.iter(&guard).filter(|entry| f(entry) && self.remove(*entry)).count()
    }

    /// Removes all elements that are in the list at this moment.
    pub fn clear(&self) {
        let mut writers = self.writers.lock();
        let mut next = writers.unlink_all(&self.first);
        self.len.store(0, Ordering::Relaxed);
        drop(writers);
        while let Some(node) = NonNull::new(next) {
            // SAFETY: they were in this list, and this thread has unlinked them all; one that is retired may be gone.
            unsafe {
                next = node.as_ref().next.load(Ordering::Relaxed);
                boxed::retire(F::domain(), node);
            }
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.load(Ordering::Relaxed).is_null()
    }

    /// Makes a node of `value`, and has `f` link it, under the lock, if `at` is in the list.
    fn change<'g>(
        &'g self,
        at: Entry<'g, T, F>,
        value: T,
        f: impl FnOnce(&mut Writers<T>, NonNull<Node<T>>),
    ) -> Result<Entry<'g, T, F>, T> {
        let node = boxed::make(Node::new(value));
        let mut writers = self.writers.lock();
        if writers.have(at.node()) {
            f(&mut writers, node);
            return Ok(Entry { node, list: PhantomData });
        }
        drop(writers);
        // SAFETY: nobody has seen it.
        Err(unsafe { boxed::unmake(node) }.value)
    }

    /// So many elements more. The caller has the lock.
    fn count(&self, more: isize) {
        self.len.store(self.len.load(Ordering::Relaxed).wrapping_add_signed(more), Ordering::Relaxed);
    }
}

impl<T: 'static, F: Flavor> Drop for List<T, F> {
    fn drop(&mut self) {
        let mut next = *self.first.get_mut();
        while let Some(node) = NonNull::new(next) {
            // SAFETY: nobody else has the list, and whoever reads its elements borrows it.
            let node = unsafe { boxed::unmake(node) };
            next = node.next.into_inner();
        }
    }
}

/// What an entry borrows, and what protects it.
type Borrowed<'g, T, F> = (&'g T, fn() -> F);

/// An element of a list, which may have been removed meanwhile.
pub struct Entry<'g, T: 'static, F: Flavor = Global> {
    node: NonNull<Node<T>>,
    list: PhantomData<Borrowed<'g, T, F>>,
}

// SAFETY: it is a shared reference.
unsafe impl<T: Sync, F: Flavor> Send for Entry<'_, T, F> {}
// SAFETY: as above.
unsafe impl<T: Sync, F: Flavor> Sync for Entry<'_, T, F> {}

impl<'g, T: 'static, F: Flavor> Entry<'g, T, F> {
    /// What a link leads to, that was loaded with acquire under a guard.
    #[inline]
    fn at(link: *mut Node<T>) -> Option<Self> {
        NonNull::new(link).map(|node| Self { node, list: PhantomData })
    }

    #[inline]
    fn node(self) -> &'g Node<T> {
        // SAFETY: the invariant of the module: it is whole as long as the guard and the list are borrowed.
        unsafe { self.node.as_ref() }
    }

    /// The value, for as long as the guard is held.
    #[inline]
    #[must_use]
    pub fn get(self) -> &'g T {
        &self.node().value
    }

    /// The element after it; if it was removed, after the place where it was.
    #[inline]
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::at(self.node().next.load(Ordering::Acquire))
    }
}

impl<T: 'static, F: Flavor> Clone for Entry<'_, T, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static, F: Flavor> Copy for Entry<'_, T, F> {}

impl<T: 'static, F: Flavor> Deref for Entry<'_, T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: fmt::Debug, F: Flavor> fmt::Debug for Entry<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The elements of a list. See [`List::iter`].
#[must_use = "iterators do nothing unless they are used"]
pub struct Iter<'g, T: 'static, F: Flavor = Global> {
    next: Option<Entry<'g, T, F>>,
}

impl<'g, T: 'static, F: Flavor> Iterator for Iter<'g, T, F> {
    type Item = Entry<'g, T, F>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next?;
        self.next = entry.next();
        Some(entry)
    }
}

impl<T: 'static, F: Flavor> FusedIterator for Iter<'_, T, F> {}

impl<T: 'static, F: Flavor> Clone for Iter<'_, T, F> {
    fn clone(&self) -> Self {
        Self { next: self.next }
    }
}

impl<T: fmt::Debug, F: Flavor> fmt::Debug for Iter<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<T: Send + Sync, F: Flavor + Default> Default for List<T, F> {
    fn default() -> Self {
        Self::with_flavor(F::default())
    }
}

impl<T: Send + Sync, F: Flavor> Extend<T> for List<T, F> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        (&*self).extend(values);
    }
}

impl<T: Send + Sync, F: Flavor> Extend<T> for &List<T, F> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push_back(value));
    }
}

impl<T: Send + Sync, F: Flavor + Default> FromIterator<T> for List<T, F> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let list = Self::default();
        (&list).extend(values);
        list
    }
}

impl<T: fmt::Debug + Send + Sync, F: Flavor> fmt::Debug for List<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter(&F::read()).fmt(f)
    }
}
