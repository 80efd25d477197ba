//! The vector: operations in an array, put in one by one.

use super::{CpuOp, Integer, MAX_OPS, Operand, OpvError, Outcome, probe, run};
use crate::{GatedIndex, PerCpu};

/// An ops vector that is being put together, without memory of its own; see the [module](super).
///
/// Each function appends an operation and returns the vector, so that calls can be chained. Nothing is checked before it [runs](Self::run).
/// It may run any number of times.
#[derive(Clone)]
pub struct Vector {
    ops: [CpuOp; MAX_OPS],
    /// How many were appended: beyond what there is room for they are only counted.
    len: usize,
}

impl Vector {
    /// A vector without operations.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { ops: [CpuOp::barrier(); MAX_OPS], len: 0 }
    }

    /// A copy of `count` operations that C code has put together, aligned as they may be.
    ///
    /// # Errors
    /// [`OpvError::TooMany`], or [`OpvError::NoOperations`] if they cannot be read (as far as that can be
    /// [told](super#operands-that-are-not-there)).
    ///
    /// # Safety
    /// `ops` points to so many operations that nobody writes to meanwhile, or cannot be read at all.
    pub unsafe fn from_c(ops: *const CpuOp, count: usize) -> Result<Self, OpvError> {
        let mut vector = Self::new();
        let copies = vector.ops.get_mut(..count).ok_or(OpvError::TooMany(count))?;
        if !probe::is_readable(ops.addr(), size_of_val(copies)) {
            return Err(OpvError::NoOperations);
        }
        // SAFETY: the caller's promise, for bytes, which are not initialised perhaps; there is room for them.
        unsafe { core::ptr::copy(ops.cast::<u8>(), copies.as_mut_ptr().cast(), size_of_val(copies)) };
        vector.len = count;
        Ok(vector)
    }

    /// How many operations were appended, [too many](OpvError::TooMany) perhaps.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The operations, but those for which there is no room.
    #[must_use]
    pub fn as_slice(&self) -> &[CpuOp] {
        self.ops.get(..self.len).unwrap_or(&self.ops)
    }

    /// Removes all operations.
    pub const fn clear(&mut self) -> &mut Self {
        self.len = 0;
        self
    }

    /// Appends an operation.
    #[inline]
    pub fn push(&mut self, op: CpuOp) -> &mut Self {
        if let Some(place) = self.ops.get_mut(self.len) {
            *place = op;
        }
        self.len += 1;
        self
    }

    /// Goes on if `*a == *b`.
    pub fn compare_eq<T: Operand>(&mut self, a: *const T, b: *const T) -> &mut Self {
        self.push(CpuOp::compare_eq(a, b))
    }

    /// Goes on if `*a != *b`.
    pub fn compare_ne<T: Operand>(&mut self, a: *const T, b: *const T) -> &mut Self {
        self.push(CpuOp::compare_ne(a, b))
    }

    /// Goes on if `len` bytes at `a` are those at `b`; no bytes are equal.
    pub fn compare_eq_bytes(&mut self, a: *const u8, b: *const u8, len: u32) -> &mut Self {
        self.push(CpuOp::compare_eq_bytes(a, b, len))
    }

    /// Goes on if `len` bytes at `a` are not those at `b`.
    pub fn compare_ne_bytes(&mut self, a: *const u8, b: *const u8, len: u32) -> &mut Self {
        self.push(CpuOp::compare_ne_bytes(a, b, len))
    }

    /// `*dst = *src`.
    pub fn copy<T: Operand>(&mut self, dst: *mut T, src: *const T) -> &mut Self {
        self.push(CpuOp::copy(dst, src))
    }

    /// Copies `len` bytes from `src` to `dst`, which may overlap.
    pub fn copy_bytes(&mut self, dst: *mut u8, src: *const u8, len: u32) -> &mut Self {
        self.push(CpuOp::copy_bytes(dst, src, len))
    }

    /// `*p += count`, modulo the width.
    pub fn add<T: Integer>(&mut self, p: *mut T, count: i64) -> &mut Self {
        self.push(CpuOp::add(p, count))
    }

    /// `*p |= mask`, of which the low bits count.
    pub fn or<T: Integer>(&mut self, p: *mut T, mask: u64) -> &mut Self {
        self.push(CpuOp::or(p, mask))
    }

    /// `*p &= mask`, of which the low bits count.
    pub fn and<T: Integer>(&mut self, p: *mut T, mask: u64) -> &mut Self {
        self.push(CpuOp::and(p, mask))
    }

    /// `*p ^= mask`, of which the low bits count.
    pub fn xor<T: Integer>(&mut self, p: *mut T, mask: u64) -> &mut Self {
        self.push(CpuOp::xor(p, mask))
    }

    /// `*p <<= bits`, which must be fewer than there are.
    pub fn shift_left<T: Integer>(&mut self, p: *mut T, bits: u32) -> &mut Self {
        self.push(CpuOp::shift_left(p, bits))
    }

    /// `*p >>= bits`, which must be fewer than there are. Zeros come in, whatever the sign.
    pub fn shift_right<T: Integer>(&mut self, p: *mut T, bits: u32) -> &mut Self {
        self.push(CpuOp::shift_right(p, bits))
    }

    /// A full memory barrier.
    pub fn barrier(&mut self) -> &mut Self {
        self.push(CpuOp::barrier())
    }

    /// Says of the last operation that its operands may fault ([`OpvError::Fault`]).
    pub fn expect_fault(&mut self) -> &mut Self {
        if let Some(last) = self.len.checked_sub(1).and_then(|last| self.ops.get_mut(last)) {
            *last = last.expect_fault();
        }
        self
    }

    /// Runs the vector on slot `index`, as [`run`](super::run) does.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn run<T, I: GatedIndex>(
        &self,
        slots: &PerCpu<T, I>,
        index: u32,
    ) -> Result<Outcome, OpvError> {
        if self.len > MAX_OPS {
            return Err(OpvError::TooMany(self.len));
        }
        // SAFETY: the caller's promise.
        unsafe { run(self.as_slice(), slots, index) }
    }
}

impl Default for Vector {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Vector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl Extend<CpuOp> for Vector {
    fn extend<O: IntoIterator<Item = CpuOp>>(&mut self, ops: O) {
        ops.into_iter().for_each(|op| {
            self.push(op);
        });
    }
}

impl FromIterator<CpuOp> for Vector {
    fn from_iter<O: IntoIterator<Item = CpuOp>>(ops: O) -> Self {
        let mut vector = Self::new();
        vector.extend(ops);
        vector
    }
}
