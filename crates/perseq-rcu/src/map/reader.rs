//! [`Reader`]: a guard of this crate as crate `papaya` knows guards.
//!
//! papaya's maps take any [`seize::Guard`], and ask two things of it: that what they load through it stays whole until it is dropped, and that
//! what they retire through it is reclaimed when no guard protects it any more. A [`Guard`] does the first, and the
//! domain's callbacks do the second. The rest of that trait is about seize's own collector:
//!
//! - [`collector`](seize::Guard::collector) tells which guards belong to a map. Here the compiler checks that, by the flavor, so all maps
//!   have the same one, a [token](token) that nobody enters and nothing is retired to. (A map that resizes incrementally would
//!   retire to it. Ours do not.)
//! - [`thread_id`](seize::Guard::thread_id) chooses a shard of the counter of entries, and any number is right: the running CPU's.

use std::sync::{Arc, LazyLock};

use seize::Collector;

use crate::boxed;
use crate::flavor::{Flavor, Guard};

/// What all maps have in place of a collector.
pub(super) fn token() -> &'static Arc<Collector> {
    static TOKEN: LazyLock<Arc<Collector>> = LazyLock::new(|| Arc::new(Collector::new()));
    &TOKEN
}

/// A guard.
#[derive(Debug)]
#[repr(transparent)]
pub(super) struct Reader<F: Flavor>(Guard<F>);

impl<F: Flavor> Reader<F> {
    #[inline]
    pub(super) fn of(guard: &Guard<F>) -> &Self {
        // SAFETY: it is a guard and nothing else.
        unsafe { &*std::ptr::from_ref(guard).cast() }
    }
}

impl<F: Flavor> seize::Guard for Reader<F> {
    fn refresh(&mut self) {
        self.0 = F::read();
    }

    /// Callbacks are run when there are enough of them.
    fn flush(&self) {}

    #[inline]
    fn collector(&self) -> &Collector {
        token()
    }

    #[inline]
    fn thread_id(&self) -> usize {
        perseq::cpu::current() as usize
    }

    #[inline]
    unsafe fn defer_retire<T>(&self, value: *mut T, reclaim: unsafe fn(*mut T, &Collector)) {
        let retired = boxed::make(Retired { value, reclaim });
        // SAFETY: whoever comes after this does not find the value, by the caller's promise; and only maps of what may be sent retire
        // anything, as their constructors see to.
        unsafe { boxed::retire(F::domain(), retired) };
    }
}

/// Reclaims a value when it is dropped.
struct Retired<T> {
    value: *mut T,
    reclaim: unsafe fn(*mut T, &Collector),
}

impl<T> Drop for Retired<T> {
    fn drop(&mut self) {
        // SAFETY: made for one value, which was retired once, and dropped after a grace period.
        unsafe { (self.reclaim)(self.value, token()) };
    }
}
