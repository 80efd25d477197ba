//! Values in boxes that can wait for a grace period: each lies behind the [`Head`] that a callback needs, so that retiring one
//! allocates nothing.
//!
//! What is passed around is the address of the value. Invariant: it has the provenance of the whole box, so from it the box can be found
//! again.

use std::mem::offset_of;
use std::ptr::NonNull;

use crate::callbacks::Head;
use crate::domain::Domain;

/// A value in its box.
#[repr(C)]
struct Inner<T> {
    head: Head,
    value: T,
}

/// What a structure owns whose values are boxed, and by what those are reclaimed.
pub(crate) type Owned<T, F> = (Box<T>, fn() -> F);

/// Boxes a value; the address of the value, with which the whole box may be used.
pub(crate) fn make<T>(value: T) -> NonNull<T> {
    let inner = Box::into_raw(Box::new(Inner { head: Head::new(free::<T>), value }));
    // SAFETY: inside a box, so not null.
    unsafe { NonNull::new_unchecked(&raw mut (*inner).value) }
}

/// Takes a value out of its box.
///
/// # Safety
/// `value` must come from [`make`], and be given up by whoever had it.
pub(crate) unsafe fn unmake<T>(value: NonNull<T>) -> T {
    // SAFETY: the caller's promise.
    let inner = unsafe { Box::from_raw(head(value).cast::<Inner<T>>().as_ptr()) };
    inner.value
}

/// Drops a value and frees its box after a grace period of `domain`, by some thread. Other callbacks may be run meanwhile, so no lock may be
/// held that they could want.
///
/// # Safety
/// `value` must come from [`make`], and nobody may find it any more but readers of `domain` that are inside already. It must not matter on
/// which thread it is dropped, nor when.
pub(crate) unsafe fn retire<T>(domain: &'static Domain, value: NonNull<T>) {
    // SAFETY: the box begins with its head, and is given to whoever runs it.
    unsafe { domain.enqueue(head(value)) };
}

/// What the box of a value begins with.
///
/// # Safety
/// `value` must come from [`make`].
unsafe fn head<T>(value: NonNull<T>) -> NonNull<Head> {
    // SAFETY: the value lies so far behind the beginning of its box.
    unsafe { value.byte_sub(offset_of!(Inner<T>, value)) }.cast()
}

/// Frees the box that begins with `head`.
unsafe fn free<T>(head: NonNull<Head>) {
    // SAFETY: called once, for a head of `make`, after a grace period.
    drop(unsafe { Box::from_raw(head.cast::<Inner<T>>().as_ptr()) });
}
