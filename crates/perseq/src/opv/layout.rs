//! An operation as C lays it out.

use core::mem::offset_of;

use super::{Integer, MAX_DATA, Operand, OpvError};

/// `struct cpu_op`: one operation, as the kernel patch published it.
///
/// ```c
/// struct cpu_op {
///     int32_t op;                        /* CPU_COMPARE_EQ_OP = 0, …, CPU_MB_OP = 9 */
///     uint32_t len;                      /* of each operand, in bytes */
///     union {
///         struct { FIELD(a); FIELD(b); uint8_t expect_fault_a, expect_fault_b; } compare_op;
///         struct { FIELD(dst); FIELD(src); uint8_t expect_fault_dst, expect_fault_src; } memcpy_op;
///         struct { FIELD(p); int64_t count; uint8_t expect_fault_p; } arithmetic_op;
///         struct { FIELD(p); uint64_t mask; uint8_t expect_fault_p; } bitwise_op;
///         struct { FIELD(p); uint32_t bits; uint8_t expect_fault_p; } shift_op;
///         char padding[24];
///     } u;
/// } __attribute__((aligned(16)));        /* 32 bytes */
/// ```
///
/// `FIELD` is a pointer in 64 bits on every architecture: one of 32 bits lies in the half that holds the low bits, and nobody looks at
/// the other half. [`Vector::from_c`](super::Vector::from_c) takes operations that are aligned to less too.
///
/// The functions here make operations that are right, if their operands are, and whose bytes are all initialised.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct CpuOp {
    /// Which operation: one of the constants of this type.
    pub op: i32,
    /// Bytes of each operand; ignored for a barrier.
    pub len: u32,
    /// What it needs to know.
    pub u: Arguments,
}

/// The union `u` of a [`CpuOp`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names say what the structs say")]
pub union Arguments {
    pub compare_op: CompareOp,
    pub memcpy_op: MemcpyOp,
    pub arithmetic_op: ArithmeticOp,
    pub bitwise_op: BitwiseOp,
    pub shift_op: ShiftOp,
    pub padding: [u8; 24],
}

/// Of [`CpuOp::COMPARE_EQ`] and [`CpuOp::COMPARE_NE`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "as the compiler of C has them")]
pub struct CompareOp {
    pub a: Address,
    pub b: Address,
    pub expect_fault_a: u8,
    pub expect_fault_b: u8,
}

/// Of [`CpuOp::MEMCPY`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "as the compiler of C has them")]
pub struct MemcpyOp {
    pub dst: Address,
    pub src: Address,
    pub expect_fault_dst: u8,
    pub expect_fault_src: u8,
}

/// Of [`CpuOp::ADD`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "as the compiler of C has them")]
pub struct ArithmeticOp {
    pub p: Address,
    pub count: i64,
    pub expect_fault_p: u8,
}

/// Of [`CpuOp::OR`], [`CpuOp::AND`] and [`CpuOp::XOR`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "as the compiler of C has them")]
pub struct BitwiseOp {
    pub p: Address,
    pub mask: u64,
    pub expect_fault_p: u8,
}

/// Of [`CpuOp::LSHIFT`] and [`CpuOp::RSHIFT`].
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "as the compiler of C has them")]
pub struct ShiftOp {
    pub p: Address,
    pub bits: u32,
    pub expect_fault_p: u8,
}

/// A pointer in 64 bits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Address {
    #[cfg(all(target_pointer_width = "32", target_endian = "big"))]
    padding: u32,
    pointer: *mut u8,
    #[cfg(all(target_pointer_width = "32", target_endian = "little"))]
    padding: u32,
}

impl Address {
    /// Of `pointer`.
    #[must_use]
    pub const fn new(pointer: *mut u8) -> Self {
        Self {
            pointer,
            #[cfg(target_pointer_width = "32")]
            padding: 0,
        }
    }

    /// The pointer.
    #[must_use]
    pub const fn pointer(self) -> *mut u8 {
        self.pointer
    }
}

impl From<*mut u8> for Address {
    fn from(pointer: *mut u8) -> Self {
        Self::new(pointer)
    }
}

const _: () = {
    assert!(size_of::<CpuOp>() == 32 && align_of::<CpuOp>() == 16);
    assert!(offset_of!(CpuOp, op) == 0 && offset_of!(CpuOp, len) == 4 && offset_of!(CpuOp, u) == 8);
    assert!(size_of::<Arguments>() == 24);
    assert!(offset_of!(CompareOp, a) == 0 && offset_of!(CompareOp, b) == 8);
    assert!(offset_of!(CompareOp, expect_fault_a) == 16 && offset_of!(CompareOp, expect_fault_b) == 17);
    assert!(offset_of!(MemcpyOp, dst) == 0 && offset_of!(MemcpyOp, src) == 8);
    assert!(offset_of!(MemcpyOp, expect_fault_dst) == 16 && offset_of!(MemcpyOp, expect_fault_src) == 17);
    assert!(offset_of!(ArithmeticOp, p) == 0 && offset_of!(ArithmeticOp, count) == 8);
    assert!(offset_of!(ArithmeticOp, expect_fault_p) == 16);
    assert!(offset_of!(BitwiseOp, p) == 0 && offset_of!(BitwiseOp, mask) == 8);
    assert!(offset_of!(BitwiseOp, expect_fault_p) == 16);
    assert!(offset_of!(ShiftOp, p) == 0 && offset_of!(ShiftOp, bits) == 8);
    assert!(offset_of!(ShiftOp, expect_fault_p) == 12);
    // The low bits of an address, wherever the machine has them in 64 bits.
    let low = if cfg!(target_endian = "big") { 8 - size_of::<*mut u8>() } else { 0 };
    assert!(size_of::<Address>() == 8 && offset_of!(Address, pointer) == low);
};

// SAFETY: an operation is addresses and numbers. Whoever runs it promises that they are right, on whatever thread that is.
unsafe impl Send for CpuOp {}
// SAFETY: as above; nothing changes it through a reference.
unsafe impl Sync for CpuOp {}

impl CpuOp {
    /// `CPU_COMPARE_EQ_OP`: go on if the operands are equal.
    pub const COMPARE_EQ: i32 = 0;
    /// `CPU_COMPARE_NE_OP`: go on if the operands differ.
    pub const COMPARE_NE: i32 = 1;
    /// `CPU_MEMCPY_OP`: copy.
    pub const MEMCPY: i32 = 2;
    /// `CPU_ADD_OP`: add, modulo the width.
    pub const ADD: i32 = 3;
    /// `CPU_OR_OP`: set the bits of the mask.
    pub const OR: i32 = 4;
    /// `CPU_AND_OP`: leave the bits of the mask.
    pub const AND: i32 = 5;
    /// `CPU_XOR_OP`: turn the bits of the mask over.
    pub const XOR: i32 = 6;
    /// `CPU_LSHIFT_OP`: shift to the left.
    pub const LSHIFT: i32 = 7;
    /// `CPU_RSHIFT_OP`: shift to the right, with zeros coming in.
    pub const RSHIFT: i32 = 8;
    /// `CPU_MB_OP`: a full memory barrier.
    pub const MB: i32 = 9;

    /// All bytes are zero before the arguments are put in, so that none is uninitialised.
    const fn zero(op: i32, len: u32) -> Self {
        Self { op, len, u: Arguments { padding: [0; 24] } }
    }

    const fn compare(op: i32, a: *const u8, b: *const u8, len: u32) -> Self {
        let mut made = Self::zero(op, len);
        made.u.compare_op.a = Address::new(a.cast_mut());
        made.u.compare_op.b = Address::new(b.cast_mut());
        made
    }

    const fn bitwise(op: i32, p: *mut u8, mask: u64, len: u32) -> Self {
        let mut made = Self::zero(op, len);
        made.u.bitwise_op.p = Address::new(p);
        made.u.bitwise_op.mask = mask;
        made
    }

    const fn shift(op: i32, p: *mut u8, bits: u32, len: u32) -> Self {
        let mut made = Self::zero(op, len);
        made.u.shift_op.p = Address::new(p);
        made.u.shift_op.bits = bits;
        made
    }

    /// Goes on if `*a == *b`.
    #[must_use]
    pub const fn compare_eq<T: Operand>(a: *const T, b: *const T) -> Self {
        Self::compare(Self::COMPARE_EQ, a.cast(), b.cast(), width::<T>())
    }

    /// Goes on if `*a != *b`.
    #[must_use]
    pub const fn compare_ne<T: Operand>(a: *const T, b: *const T) -> Self {
        Self::compare(Self::COMPARE_NE, a.cast(), b.cast(), width::<T>())
    }

    /// Goes on if `len` bytes at `a` are those at `b`; no bytes are equal.
    #[must_use]
    pub const fn compare_eq_bytes(a: *const u8, b: *const u8, len: u32) -> Self {
        Self::compare(Self::COMPARE_EQ, a, b, len)
    }

    /// Goes on if `len` bytes at `a` are not those at `b`.
    #[must_use]
    pub const fn compare_ne_bytes(a: *const u8, b: *const u8, len: u32) -> Self {
        Self::compare(Self::COMPARE_NE, a, b, len)
    }

    /// `*dst = *src`.
    #[must_use]
    pub const fn copy<T: Operand>(dst: *mut T, src: *const T) -> Self {
        Self::copy_bytes(dst.cast(), src.cast(), width::<T>())
    }

    /// Copies `len` bytes from `src` to `dst`, which may overlap.
    #[must_use]
    pub const fn copy_bytes(dst: *mut u8, src: *const u8, len: u32) -> Self {
        let mut made = Self::zero(Self::MEMCPY, len);
        made.u.memcpy_op.dst = Address::new(dst);
        made.u.memcpy_op.src = Address::new(src.cast_mut());
        made
    }

    /// `*p += count`, modulo the width.
    #[must_use]
    pub const fn add<T: Integer>(p: *mut T, count: i64) -> Self {
        let mut made = Self::zero(Self::ADD, width::<T>());
        made.u.arithmetic_op.p = Address::new(p.cast());
        made.u.arithmetic_op.count = count;
        made
    }

    /// `*p |= mask`, of which the low bits count.
    #[must_use]
    pub const fn or<T: Integer>(p: *mut T, mask: u64) -> Self {
        Self::bitwise(Self::OR, p.cast(), mask, width::<T>())
    }

    /// `*p &= mask`, of which the low bits count.
    #[must_use]
    pub const fn and<T: Integer>(p: *mut T, mask: u64) -> Self {
        Self::bitwise(Self::AND, p.cast(), mask, width::<T>())
    }

    /// `*p ^= mask`, of which the low bits count.
    #[must_use]
    pub const fn xor<T: Integer>(p: *mut T, mask: u64) -> Self {
        Self::bitwise(Self::XOR, p.cast(), mask, width::<T>())
    }

    /// `*p <<= bits`, which must be fewer than there are.
    #[must_use]
    pub const fn shift_left<T: Integer>(p: *mut T, bits: u32) -> Self {
        Self::shift(Self::LSHIFT, p.cast(), bits, width::<T>())
    }

    /// `*p >>= bits`, which must be fewer than there are. Zeros come in, whatever the sign.
    #[must_use]
    pub const fn shift_right<T: Integer>(p: *mut T, bits: u32) -> Self {
        Self::shift(Self::RSHIFT, p.cast(), bits, width::<T>())
    }

    /// A full memory barrier.
    #[must_use]
    pub const fn barrier() -> Self {
        Self::zero(Self::MB, 0)
    }

    /// The same, with a fault of any operand [expected](OpvError::Fault).
    #[must_use]
    pub const fn expect_fault(mut self) -> Self {
        match self.op {
            Self::COMPARE_EQ | Self::COMPARE_NE => {
                self.u.compare_op.expect_fault_a = 1;
                self.u.compare_op.expect_fault_b = 1;
            }
            Self::MEMCPY => {
                self.u.memcpy_op.expect_fault_dst = 1;
                self.u.memcpy_op.expect_fault_src = 1;
            }
            Self::ADD => self.u.arithmetic_op.expect_fault_p = 1,
            Self::OR | Self::AND | Self::XOR => self.u.bitwise_op.expect_fault_p = 1,
            Self::LSHIFT | Self::RSHIFT => self.u.shift_op.expect_fault_p = 1,
            _ => {}
        }
        self
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 8")]
const fn width<T: Operand>() -> u32 {
    size_of::<T>() as u32
}

impl core::fmt::Debug for CpuOp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CpuOp").field("op", &self.op).field("len", &self.len).finish_non_exhaustive()
    }
}

/// An operation that was checked: what runs.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) len: usize,
    /// Of the first operand, and of the second.
    expect_fault: [bool; 2],
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Compare { a: *const u8, b: *const u8, equal: bool },
    Copy { dst: *mut u8, src: *const u8 },
    Update { p: *mut u8, how: How, by: u64 },
    Barrier,
}

/// How an update makes a new value of an old one. At most 64 bits, of which those above the width are dropped.
#[derive(Clone, Copy)]
pub(super) enum How {
    Add,
    Or,
    And,
    Xor,
    Left,
    Right,
}

/// Memory that an operation touches.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) written: bool,
    pub(super) expect_fault: bool,
}

impl Step {
    pub(super) const BARRIER: Self = Self { what: What::Barrier, len: 0, expect_fault: [false; 2] };

    /// Checks operation `index` of a vector.
    ///
    /// # Safety
    /// The arguments of the operation that `op` says must be initialised.
    pub(super) unsafe fn of(op: &CpuOp, index: usize) -> Result<Self, OpvError> {
        let (u, bad_length) = (&op.u, Err(OpvError::BadLength { index, len: op.len }));
        // SAFETY: of each operation only its own arguments are read, which the caller says are there; any bytes are arguments.
        let (what, expect_fault) = unsafe {
            match op.op {
                CpuOp::COMPARE_EQ | CpuOp::COMPARE_NE => {
                    let CompareOp { a, b, expect_fault_a, expect_fault_b } = u.compare_op;
                    let equal = op.op == CpuOp::COMPARE_EQ;
                    let what = What::Compare { a: a.pointer, b: b.pointer, equal };
                    (what, [expect_fault_a, expect_fault_b])
                }
                CpuOp::MEMCPY => {
                    let MemcpyOp { dst, src, expect_fault_dst, expect_fault_src } = u.memcpy_op;
                    let what = What::Copy { dst: dst.pointer, src: src.pointer };
                    (what, [expect_fault_dst, expect_fault_src])
                }
                CpuOp::ADD => {
                    let ArithmeticOp { p, count, expect_fault_p } = u.arithmetic_op;
                    let what = What::Update { p: p.pointer, how: How::Add, by: count.cast_unsigned() };
                    (what, [expect_fault_p, 0])
                }
                CpuOp::OR | CpuOp::AND | CpuOp::XOR => {
                    let BitwiseOp { p, mask, expect_fault_p } = u.bitwise_op;
                    let how = match op.op {
                        CpuOp::OR => How::Or,
                        CpuOp::AND => How::And,
                        _ => How::Xor,
                    };
                    (What::Update { p: p.pointer, how, by: mask }, [expect_fault_p, 0])
                }
                CpuOp::LSHIFT | CpuOp::RSHIFT => {
                    let ShiftOp { p, bits, expect_fault_p } = u.shift_op;
                    let how = if op.op == CpuOp::LSHIFT { How::Left } else { How::Right };
                    (What::Update { p: p.pointer, how, by: bits.into() }, [expect_fault_p, 0])
                }
                CpuOp::MB => return Ok(Self::BARRIER),
                unknown => return Err(OpvError::UnknownOperation { index, op: unknown }),
            }
        };
        let len = op.len as usize;
        match what {
            What::Update { how, by, .. } => {
                if !matches!(len, 1 | 2 | 4 | 8) {
                    return bad_length;
                }
                if matches!(how, How::Left | How::Right) && by >= 8 * u64::from(op.len) {
                    return Err(OpvError::BadShift { index, len: op.len });
                }
            }
            _ if len > MAX_DATA => return bad_length,
            _ => {}
        }
        Ok(Self { what, len, expect_fault: expect_fault.map(|expected| expected != 0) })
    }

    /// What it touches, in the order in which the kernel patch looked.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range> + Clone {
        let [first, second] = match self.what {
            What::Compare { a, b, .. } => [Some((a, false)), Some((b, false))],
            What::Copy { dst, src } => [Some((dst.cast_const(), true)), Some((src, false))],
            What::Update { p, .. } => [Some((p.cast_const(), true)), None],
            What::Barrier => [None, None],
        };
        let (len, expect_fault) = (self.len, self.expect_fault);
        [first, second].into_iter().zip(expect_fault).filter_map(move |(operand, expect_fault)| {
            let (start, written) = operand.filter(|_| len > 0)?;
            Some(Range { start: start.addr(), len, written, expect_fault })
        })
    }
}
