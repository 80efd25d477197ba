//! Words: what a section loads, stores and computes with, for the portable form.
//!
//! Memory that sections touch may be read by other threads at any time (a sum over all CPUs, a consumer of a ring),
//! so the portable form uses relaxed atomics of the same width, and arithmetic that wraps as registers do.

use core::sync::atomic::{AtomicPtr, Ordering, fence};

use crate::model::hooks;

/// A type that fits in a register.
///
/// # Safety
/// `load` and `store` must be single atomic accesses of the type's size.
pub unsafe trait Word: Copy {
    /// Zero, or null.
    const ZERO: Self;
    /// It is a pointer.
    const POINTER: bool = false;
    /// A relaxed atomic load.
    ///
    /// # Safety
    /// `from` must be valid for reads and aligned, and all concurrent writes to it atomic.
    unsafe fn load(from: *const Self) -> Self;
    /// An atomic load that acquires.
    ///
    /// # Safety
    /// As [`load`](Self::load).
    unsafe fn load_acquire(from: *const Self) -> Self {
        // SAFETY: the caller's promise.
        let word = unsafe { Self::load(from) };
        fence(Ordering::Acquire);
        word
    }
    /// An atomic store.
    ///
    /// # Safety
    /// `to` must be valid for writes and aligned, and all concurrent accesses to it atomic.
    unsafe fn store(to: *mut Self, value: Self, order: Ordering);
}

/// Arithmetic of registers, for the integers among the words.
pub trait Arithmetic: Word {
    /// Addition modulo the width.
    #[must_use]
    fn wrapping_add(self, other: Self) -> Self;
    /// Subtraction modulo the width.
    #[must_use]
    fn wrapping_sub(self, other: Self) -> Self;
    /// Left shift by the amount modulo the width.
    #[must_use]
    fn wrapping_shl(self, amount: u32) -> Self;
    /// Right shift by the amount modulo the width; arithmetic for signed types.
    #[must_use]
    fn wrapping_shr(self, amount: u32) -> Self;
}

macro_rules! integers {
    ($($int:ident $atomic:ident),*) => { $(
        // SAFETY: the atomic type of the same name has the same size and layout, and its accesses are single.
        unsafe impl Word for $int {
            const ZERO: Self = 0;
            #[inline]
            unsafe fn load(from: *const Self) -> Self {
                // SAFETY: the caller promises a valid, aligned place; an atomic load does not write to it.
                unsafe { core::sync::atomic::$atomic::from_ptr(from.cast_mut()) }.load(Ordering::Relaxed)
            }
            #[inline]
            unsafe fn store(to: *mut Self, value: Self, order: Ordering) {
                // SAFETY: the caller promises a valid, aligned place.
                unsafe { core::sync::atomic::$atomic::from_ptr(to) }.store(value, order);
            }
        }
        impl Arithmetic for $int {
            #[inline]
            fn wrapping_add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline]
            fn wrapping_sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline]
            fn wrapping_shl(self, amount: u32) -> Self { self.wrapping_shl(amount) }
            #[inline]
            fn wrapping_shr(self, amount: u32) -> Self { self.wrapping_shr(amount) }
        }
    )* };
}

integers!(
    u8 AtomicU8, u16 AtomicU16, u32 AtomicU32, u64 AtomicU64, usize AtomicUsize,
    i8 AtomicI8, i16 AtomicI16, i32 AtomicI32, i64 AtomicI64, isize AtomicIsize
);

macro_rules! pointers {
    ($($mutability:ident $null:ident),*) => { $(
        // SAFETY: `AtomicPtr` has the size and layout of a raw pointer, and its accesses are single.
        unsafe impl<T> Word for *$mutability T {
            const ZERO: Self = core::ptr::$null();
            const POINTER: bool = true;
            #[inline]
            unsafe fn load(from: *const Self) -> Self {
                // SAFETY: the caller promises a valid, aligned place; an atomic load does not write to it.
                unsafe { AtomicPtr::from_ptr(from as *mut *mut T) }.load(Ordering::Relaxed)
            }
            #[inline]
            unsafe fn store(to: *mut Self, value: Self, order: Ordering) {
                // SAFETY: the caller promises a valid, aligned place.
                unsafe { AtomicPtr::from_ptr(to.cast::<*mut T>()) }.store(value as *mut T, order);
            }
        }
    )* };
}

pointers!(mut null_mut, const null);

/// A load of a section. It acquires: what a section stores after a branch on what it loaded, no processor lets anybody see
/// earlier, and Rust has no other word for that.
///
/// # Safety
/// As [`Word::load`].
#[inline]
pub unsafe fn load<T: Word>(from: *const T) -> T {
    // SAFETY: the caller's promise.
    unsafe { T::load_acquire(from) }
}

/// A staged store or a relaxed commit.
///
/// # Safety
/// As [`Word::store`].
#[inline]
pub unsafe fn store<T: Word>(to: *mut T, value: T) {
    hooks::stored(to, value);
    // SAFETY: the caller's promise.
    unsafe { T::store(to, value, Ordering::Relaxed) }
}

/// A release commit.
///
/// # Safety
/// As [`Word::store`].
#[inline]
pub unsafe fn store_release<T: Word>(to: *mut T, value: T) {
    hooks::stored(to, value);
    // SAFETY: the caller's promise.
    unsafe { T::store(to, value, Ordering::Release) }
}

/// `copy(dst, src, len)`.
///
/// # Safety
/// Both must be valid for `len` bytes and must not overlap.
#[inline]
pub unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::copy_nonoverlapping(src, dst, len) }
    // SAFETY: as above.
    unsafe { hooks::copied(dst, len) }
}

/// `a + b`.
#[inline]
pub fn add<T: Arithmetic>(a: T, b: T) -> T {
    a.wrapping_add(b)
}

/// `a - b`.
#[inline]
pub fn sub<T: Arithmetic>(a: T, b: T) -> T {
    a.wrapping_sub(b)
}

/// `-a`.
#[inline]
pub fn neg<T: Arithmetic>(a: T) -> T {
    T::ZERO.wrapping_sub(a)
}

/// `a << amount`.
#[inline]
pub fn shl<T: Arithmetic>(a: T, amount: u32) -> T {
    a.wrapping_shl(amount)
}

/// `a >> amount`.
#[inline]
pub fn shr<T: Arithmetic>(a: T, amount: u32) -> T {
    a.wrapping_shr(amount)
}
