//! A table of what is found by a key and added once: chains of it, by a hash of the key.
//!
//! What is new comes to the end of its chain, under a lock, and is never taken out.
//!
//! Invariant: what is in a chain is whole and stays for ever; nothing is there twice.
//!
//! Ordering: it is linked by a release, so who finds it by acquiring the link finds all that is in it.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use perseq::fork::held_off;

/// So many chains.
pub(super) struct Chains<T: 'static, const COUNT: usize>([AtomicPtr<Link<T>>; COUNT]);

struct Link<T> {
    value: T,
    next: AtomicPtr<Link<T>>,
}

/// Adds something to what is known, while nobody else does. A fork waits for it, so that its child can add something too.
pub(super) fn adding<R>(add: impl FnOnce() -> R) -> R {
    static ADDING: Mutex<()> = Mutex::new(());
    held_off(|| {
        let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
        add()
    })
}

impl<T: Sync, const COUNT: usize> Chains<T, COUNT> {
    pub(super) const fn new() -> Self {
        Self([const { AtomicPtr::new(null_mut()) }; COUNT])
    }

    /// What has that hash and is meant.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_meant: impl Fn(&T) -> bool) -> Option<&'static T> {
        self.search(hash, is_meant).ok()
    }

    /// The same, or what is made for it.
    #[inline]
    pub(super) fn get(
        &self,
        hash: u64,
        is_meant: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &'static T {
        self.search(hash, &is_meant).unwrap_or_else(|_| self.add(hash, is_meant, make))
    }

    /// It, or the end of its chain.
    #[inline]
    fn search(&self, hash: u64, is_meant: impl Fn(&T) -> bool) -> Result<&'static T, &AtomicPtr<Link<T>>> {
        let mut link = &self.0[hash as usize % COUNT];
        // SAFETY: what is linked stays.
        while let Some(known) = unsafe { link.load(Ordering::Acquire).as_ref::<'static>() } {
            if is_meant(&known.value) {
                return Ok(&known.value);
            }
            link = &known.next;
        }
        Err(link)
    }

    #[cold]
    #[inline(never)]
    fn add(&self, hash: u64, is_meant: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &'static T {
        adding(|| {
            self.search(hash, is_meant).unwrap_or_else(|end| {
                let new = Box::leak(Box::new(Link { value: make(), next: AtomicPtr::new(null_mut()) }));
                end.store(new, Ordering::Release);
                // SAFETY: leaked, and complete.
                unsafe { &(*end.load(Ordering::Relaxed)).value }
            })
        })
    }
}
