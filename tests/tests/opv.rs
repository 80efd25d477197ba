//! Ops vectors do what plain Rust does with the same bytes, in order, and refuse what the kernel patch refused.
#![cfg(target_os = "linux")]

use std::ptr::{null, null_mut};
use std::sync::LazyLock;

use perseq::opv::{
    Arguments, CpuOp, MAX_DATA, MAX_OPS, MAX_TOTAL, OpvError, Outcome, ShiftOp, Vector, run, to_c,
};
use perseq::{ExclusiveError, PerCpu};
use perseq_tests::cases;
use perseq_tests::slow_path;
use proptest::prelude::*;

fn slots() -> PerCpu<u64> {
    PerCpu::new(|_cpu| 0)
}

/// Runs operations under the gate of a slot, with operands elsewhere.
fn on_slot_0(ops: &[CpuOp]) -> Result<Outcome, OpvError> {
    static SLOTS: LazyLock<PerCpu<u64>> = LazyLock::new(slots);
    // SAFETY: the operands are words and arrays of the caller's, which nobody else has.
    unsafe { run(ops, &SLOTS, 0) }
}

/// What becomes of the middle one of three words, between two that stay.
macro_rules! becomes {
    ($type:ty: $($op:ident($value:expr, $by:expr) = $new:expr),* $(,)?) => { $({
        let mut words: [$type; 3] = [<$type>::MAX, $value, <$type>::MIN];
        let base = words.as_mut_ptr();
        assert_eq!(on_slot_0(&[CpuOp::$op(base.wrapping_add(1), $by)]), Ok(Outcome::Done));
        assert_eq!(words, [<$type>::MAX, $new, <$type>::MIN], "{} of {}", stringify!($op), stringify!($type));
    })* };
}

macro_rules! arithmetic {
    ($($signed:ident $unsigned:ident),*) => { $(
        becomes!($unsigned:
            add($unsigned::MAX, 1) = 0,
            add(0, -1) = $unsigned::MAX,
            add(5, i64::MIN) = 5_u64.wrapping_add(1 << 63) as $unsigned,
            add(5, i64::MAX) = (5_u64.wrapping_add(u64::MAX >> 1)) as $unsigned,
            or(0x21, 0x43) = 0x63,
            or(0, u64::MAX) = $unsigned::MAX,
            and(0x63, 0x41) = 0x41,
            and($unsigned::MAX, !0xff) = $unsigned::MAX & !0xff,
            xor(0x0f, 0x3c) = 0x33,
            xor($unsigned::MAX, u64::MAX) = 0,
            shift_left($unsigned::MAX, 0) = $unsigned::MAX,
            shift_left($unsigned::MAX, 3) = $unsigned::MAX << 3,
            shift_left($unsigned::MAX, $unsigned::BITS - 1) = 1 << ($unsigned::BITS - 1),
            shift_right($unsigned::MAX, 0) = $unsigned::MAX,
            shift_right($unsigned::MAX, 3) = $unsigned::MAX >> 3,
            shift_right($unsigned::MAX, $unsigned::BITS - 1) = 1,
        );
        becomes!($signed:
            add($signed::MAX, 1) = $signed::MIN,
            add(-1, 1) = 0,
            add(-1, -1) = -2,
            or($signed::MIN, 1) = $signed::MIN + 1,
            xor(-1, 1) = -2,
            shift_left(1, $signed::BITS - 1) = $signed::MIN,
            shift_right($signed::MIN, $signed::BITS - 1) = 1,
            shift_right(-1, 1) = $signed::MAX,
        );
        for (bits, shift) in [$unsigned::BITS, $unsigned::BITS + 1, u32::MAX].into_iter().flat_map(|bits| {
            [CpuOp::shift_left::<$unsigned>, CpuOp::shift_right::<$unsigned>].map(|shift| (bits, shift))
        }) {
            let mut word: $unsigned = 7;
            let len = $unsigned::BITS / 8;
            let refused = Err(OpvError::BadShift { index: 0, len });
            assert_eq!(on_slot_0(&[shift(&raw mut word, bits)]), refused);
            assert_eq!(word, 7);
        }
    )* };
}

#[test]
fn calculations_wrap_at_their_width_and_leave_the_neighbours_alone() {
    arithmetic!(i8 u8, i16 u16, i32 u32, i64 u64, isize usize);
}

macro_rules! words {
    ($($type:ty: $one:expr, $other:expr);*) => { $({
        let (one, other): ($type, $type) = ($one, $other);
        let mut copied = one;
        let (one, other, copied_to) = (&raw const one, &raw const other, &raw mut copied);
        for (a, b, equal) in [(one, one, true), (one, other, false), (other, one, false)] {
            let failed = Ok(Outcome::CompareFailed(0));
            let (eq, ne) = if equal { (Ok(Outcome::Done), failed) } else { (failed, Ok(Outcome::Done)) };
            assert_eq!(on_slot_0(&[CpuOp::compare_eq(a, b)]), eq);
            assert_eq!(on_slot_0(&[CpuOp::compare_ne(a, b)]), ne);
        }
        assert_eq!(on_slot_0(&[CpuOp::copy(copied_to, other)]), Ok(Outcome::Done));
        assert_eq!(copied, $other);
    })* };
}

#[test]
fn words_of_every_width_are_compared_and_copied() {
    let (one, other) = (1_u16, 2_u16);
    words!(
        u8: 0x80, 0; u16: 0x8000, 0; u32: 1 << 31, 0; u64: 1 << 63, 0; usize: usize::MAX, 0;
        i8: -1, 1; i16: -1, 1; i32: -1, 1; i64: -1, 1; isize: -1, 1;
        *const u16: &raw const one, &raw const other; *mut u16: null_mut(), (&raw const one).cast_mut()
    );
}

#[test]
fn a_pointer_that_was_copied_still_points() {
    let mut target = Box::new(5);
    let from: *mut i32 = &raw mut *target;
    let mut to: *mut i32 = null_mut();
    let copy = CpuOp::copy(&raw mut to, &raw const from);
    assert_eq!(on_slot_0(&[copy]), Ok(Outcome::Done));
    // SAFETY: the address of a number that lives.
    unsafe { *to += 1 };
    assert_eq!(*target, 6);
}

#[test]
fn the_longest_operands_are_compared_and_copied_wherever_they_lie() {
    const LEN: u32 = MAX_DATA as u32;
    // Three pages at least, whose borders are somewhere inside.
    let pattern: Vec<u8> = (0..3 * MAX_DATA).map(|at| (at % 251) as u8).collect();
    for (to, from) in [(0, MAX_DATA), (MAX_DATA - 3, 2 * MAX_DATA), (8191, 0), (1, 0), (0, 1), (64, 64)] {
        let (mut bytes, mut expected) = (pattern.clone(), pattern.clone());
        expected.copy_within(from..from + MAX_DATA, to);
        let base = bytes.as_mut_ptr();
        let copy = CpuOp::copy_bytes(base.wrapping_add(to), base.wrapping_add(from), LEN);
        assert_eq!(on_slot_0(&[copy]), Ok(Outcome::Done));
        assert!(bytes == expected, "{from} to {to}, as if through a buffer");
    }
    let mut other = pattern.clone();
    other[MAX_DATA] ^= 1;
    let (a, b) = (pattern.as_ptr(), other.as_ptr());
    assert_eq!(on_slot_0(&[CpuOp::compare_eq_bytes(a, b, LEN)]), Ok(Outcome::Done));
    let last = CpuOp::compare_eq_bytes(a.wrapping_add(1), b.wrapping_add(1), LEN);
    assert_eq!(on_slot_0(&[last]), Ok(Outcome::CompareFailed(0)), "the last byte");
}

#[test]
fn no_bytes_are_equal_and_nowhere() {
    let nowhere = [null_mut(), std::ptr::without_provenance_mut(usize::MAX)];
    for (a, b) in nowhere.into_iter().zip(nowhere) {
        assert_eq!(on_slot_0(&[CpuOp::compare_eq_bytes(a, b, 0)]), Ok(Outcome::Done));
        assert_eq!(on_slot_0(&[CpuOp::compare_ne_bytes(a, b, 0)]), Ok(Outcome::CompareFailed(0)));
        assert_eq!(on_slot_0(&[CpuOp::copy_bytes(a, b, 0)]), Ok(Outcome::Done));
    }
    assert_eq!(on_slot_0(&[]), Ok(Outcome::Done));
}

#[test]
fn what_was_done_before_a_compare_fails_stays_and_nothing_is_done_after_it() {
    let slots = slots();
    let word = slots.item(0).expect("a slot").as_ptr();
    let (one, two) = (1_u64, 2_u64);
    let mut vector = Vector::new();
    vector
        .add(word, 1)
        .compare_eq(word, &raw const one)
        .barrier()
        .compare_ne(word, &raw const one)
        .copy(word, &raw const two)
        .compare_eq(word, &raw const two);
    // SAFETY: the word of slot 0, and constants.
    let outcome = unsafe { vector.run(&slots, 0) };
    assert_eq!((outcome, to_c(outcome)), (Ok(Outcome::CompareFailed(3)), 4));
    assert_eq!(slots.exclusive(0, |word| *word), Ok(1));
    // SAFETY: as above. The vector runs again, from 1: the first compare fails.
    let outcome = unsafe { vector.run(&slots, 0) };
    assert_eq!((outcome, to_c(outcome)), (Ok(Outcome::CompareFailed(1)), 2));
    assert_eq!(slots.exclusive(0, std::mem::take), Ok(2));
    vector.clear().add(word, 2).compare_eq(word, &raw const two);
    // SAFETY: as above.
    let outcome = unsafe { vector.run(&slots, 0) };
    assert_eq!((outcome, to_c(outcome)), (Ok(Outcome::Done), 0));
    slow_path::passes("what_was_done_before_a_compare_fails_stays_and_nothing_is_done_after_it");
}

#[test]
fn a_vector_has_16_operations_and_4216_bytes_at_most() {
    let mut word = 0_u64;
    let (add, (mut to, from)) = (CpuOp::add(&raw mut word, 1), ([0_u8; MAX_DATA + 1], [7_u8; MAX_DATA + 1]));
    let mut copy = |len: usize| CpuOp::copy_bytes(to.as_mut_ptr(), from.as_ptr(), len as u32);
    let compare = |len: usize| CpuOp::compare_eq_bytes(from.as_ptr(), from.as_ptr(), len as u32);
    let mut full = vec![add; MAX_OPS];
    full[0] = copy(MAX_DATA);
    assert_eq!((MAX_OPS, MAX_TOTAL), (16, 4096 + 15 * 8));
    assert_eq!(on_slot_0(&full), Ok(Outcome::Done));
    let mut over = full.clone();
    over[15] = compare(9);
    assert_eq!(on_slot_0(&over), Err(OpvError::TooLong(4217)));
    over[15] = CpuOp { len: u32::MAX, ..CpuOp::barrier() };
    assert_eq!(on_slot_0(&over), Ok(Outcome::Done), "the length of a barrier says nothing");
    full.push(CpuOp::barrier());
    assert_eq!(on_slot_0(&full), Err(OpvError::TooMany(17)));
    assert_eq!(word, 15 + 14);

    for (len, op) in [(4097, copy(4097)), (4097, compare(4097)), (u32::MAX, CpuOp { len: u32::MAX, ..add })] {
        assert_eq!(on_slot_0(&[add, op]), Err(OpvError::BadLength { index: 1, len }));
    }
    assert_eq!(word, 29, "nothing is done if anything is wrong");
    assert_eq!(OpvError::TooLong(4217).errno(), libc::EINVAL);
    assert_eq!(OpvError::TooMany(17).errno(), libc::EINVAL);
}

#[test]
fn what_no_operation_is_is_refused_before_anything_is_done() {
    let mut word = 0_u64;
    let p = &raw mut word;
    let add = CpuOp::add(p, 1);
    for op in [-1, 10, i32::MIN, i32::MAX] {
        let refused = OpvError::UnknownOperation { index: 1, op };
        assert_eq!(on_slot_0(&[add, CpuOp { op, ..add }, add]), Err(refused));
        assert_eq!(refused.errno(), libc::EINVAL);
    }
    let calculations = [
        add,
        CpuOp::or(p, 1),
        CpuOp::and(p, 1),
        CpuOp::xor(p, 1),
        CpuOp::shift_left(p, 1),
        CpuOp::shift_right(p, 1),
    ];
    for (op, len) in calculations.into_iter().flat_map(|op| [0, 3, 5, 6, 7, 9, 16, 4096].map(|len| (op, len)))
    {
        let refused = OpvError::BadLength { index: 2, len };
        assert_eq!(on_slot_0(&[add, add, CpuOp { len, ..op }]), Err(refused), "{op:?}");
        assert_eq!(refused.errno(), libc::EINVAL);
    }
    assert_eq!(OpvError::BadShift { index: 0, len: 1 }.errno(), libc::EINVAL);
    assert_eq!(word, 0);
}

#[test]
fn a_slot_that_cannot_be_owned_is_an_error_and_nothing_is_done() {
    let slots = slots();
    let mut word = 0_u64;
    let mut vector = Vector::new();
    vector.add(&raw mut word, 1);
    for index in [slots.slots(), 1 << 20, u32::MAX] {
        // SAFETY: the only operand is a word of ours.
        let error = unsafe { vector.run(&slots, index) }.expect_err("there is no such slot");
        assert_eq!(error, OpvError::Slot(ExclusiveError::NoSuchSlot(index)));
        assert_eq!(to_c(Err(error)), -libc::EINVAL);
    }
    // SAFETY: as above.
    let inside = slots.exclusive(0, |_| unsafe { vector.run(&slots, 0) }).expect("a slot");
    assert_eq!(inside, Err(OpvError::Slot(ExclusiveError::Reentrant(0))));
    assert_eq!(to_c(inside), -libc::EDEADLK);
    assert_eq!(OpvError::Slot(ExclusiveError::Abandoned(0)).errno(), libc::EOWNERDEAD);
    assert_eq!(word, 0);
    if slots.slots() > 1 {
        // SAFETY: as above.
        let beside = slots.exclusive(1, |_| unsafe { vector.run(&slots, 0) });
        assert_eq!(beside, Ok(Ok(Outcome::Done)));
        assert_eq!(word, 1);
    }
}

#[test]
fn vectors_run_on_slots_by_concurrency_id_too() {
    let slots = PerCpu::by_cid(|_cid| 0_u32);
    for index in 0..slots.slots() {
        let word = slots.item(index).expect("a slot").as_ptr();
        // SAFETY: the word of that slot.
        assert_eq!(unsafe { Vector::new().add(word, 3).run(&slots, index) }, Ok(Outcome::Done));
        assert_eq!(slots.exclusive(index, |word| *word), Ok(3));
    }
    slow_path::passes("vectors_run_on_slots_by_concurrency_id_too");
}

#[test]
fn a_vector_grows_as_a_vec_does() {
    let mut word = 0_u8;
    let add = CpuOp::add(&raw mut word, 1);
    let mut vector: Vector = [add; 3].into_iter().collect();
    assert_eq!((vector.len(), vector.is_empty(), vector.as_slice().len()), (3, false, 3));
    vector.extend([add; 14]);
    assert_eq!((vector.len(), vector.as_slice().len()), (17, 16), "what there is no room for is counted");
    // SAFETY: the only operand is a word of ours.
    let refused = unsafe { vector.expect_fault().run(&slots(), 0) };
    assert_eq!(refused, Err(OpvError::TooMany(17)));
    vector.clear();
    assert!(vector.is_empty());
    assert!(vector.expect_fault().is_empty(), "there is no last operation");
    assert_eq!(format!("{:?}", vector.push(add)), "[CpuOp { op: 3, len: 1, .. }]");
}

#[test]
fn a_vector_from_c_may_be_aligned_to_a_byte_and_uninitialised_where_it_does_not_matter() {
    let mut word = 3_u64;
    let shift = ShiftOp { p: (&raw mut word).cast::<u8>().into(), bits: 2, expect_fault_p: 0 };
    let mut barrier = std::mem::MaybeUninit::<CpuOp>::uninit();
    // SAFETY: places in memory that is ours; the union may have any bytes.
    let barrier = unsafe {
        (&raw mut (*barrier.as_mut_ptr()).op).write(CpuOp::MB);
        (&raw mut (*barrier.as_mut_ptr()).len).write(0);
        barrier.assume_init()
    };
    let left = CpuOp { op: CpuOp::LSHIFT, len: 8, u: Arguments { shift_op: shift } };
    let ops = [left, barrier, CpuOp { op: CpuOp::RSHIFT, len: 1, ..left }];
    let mut room = [std::mem::MaybeUninit::<u8>::uninit(); size_of::<[CpuOp; 4]>()];
    let odd = 1 - room.as_ptr().addr() % 2;
    let ops = {
        let at: *mut [CpuOp; 3] = room.as_mut_ptr().wrapping_add(odd).cast();
        // SAFETY: there is room for them.
        unsafe { at.write_unaligned(ops) };
        at.cast_const().cast::<CpuOp>()
    };
    // SAFETY: so many operations, whose operand is a word of ours.
    unsafe {
        let vector = Vector::from_c(ops, 2).expect("operations that can be read");
        assert_eq!((vector.len(), vector.run(&slots(), 0)), (2, Ok(Outcome::Done)));
        assert_eq!(word, 12);
        assert_eq!(Vector::from_c(ops, 17).expect_err("too many"), OpvError::TooMany(17));
        assert!(Vector::from_c(null(), 0).expect("none").is_empty());
    }
}

/// Half of the bytes that random vectors work on: this many in the slot, and as many elsewhere.
const HALF: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Op {
    Compare {
        a: usize,
        b: usize,
        len: usize,
        equal: bool,
    },
    Copy {
        dst: usize,
        src: usize,
        len: usize,
    },
    /// One of six calculations.
    Calculate {
        which: usize,
        p: usize,
        len: usize,
        by: u64,
    },
    Barrier,
}

/// Where an operand of `len` bytes is: in one half or the other, aligned as often as not.
fn place(number: u16, len: usize) -> usize {
    let (number, width) = (usize::from(number), if matches!(len, 2 | 4 | 8) { len } else { 1 });
    let at = (number >> 2) % (HALF - len + 1);
    HALF * (number & 1) + if number & 2 == 0 { at } else { at - at % width }
}

/// Made of plain numbers, which even an interpreter finds quickly.
fn op() -> impl Strategy<Value = Op> {
    any::<(u8, u8, [u16; 2], u64)>().prop_map(|(kind, length, places, by)| {
        let word = 1 << (length % 4);
        let len = if length < 0xc0 { word } else { usize::from(length) % (HALF + 1) };
        let [a, b] = places.map(|number| place(number, len));
        match kind % 16 {
            equal @ 0..3 => Op::Compare { a, b, len, equal: equal > 0 },
            3..8 => Op::Copy { dst: a, src: b, len },
            8 => Op::Barrier,
            which => {
                Op::Calculate { which: usize::from(which) % 6, p: place(places[0], word), len: word, by }
            }
        }
    })
}

/// The value of a word, by a number as wide as it.
fn value(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => a.into(),
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
        _ => u64::from_ne_bytes(bytes.try_into().expect("eight bytes")),
    }
}

impl Op {
    /// The same on bytes of our own; says whether to go on.
    fn model(self, bytes: &mut [u8]) -> bool {
        match self {
            Self::Compare { a, b, len, equal } => return (bytes[a..a + len] == bytes[b..b + len]) == equal,
            Self::Copy { dst, src, len } => bytes.copy_within(src..src + len, dst),
            Self::Calculate { which, p, len, by } => {
                let (word, bits) = (&mut bytes[p..p + len], by % (8 * len as u64));
                let (old, wide) = (value(word), u128::from(value(word)));
                let new = match which {
                    0 => wide + u128::from(by),
                    1 => (old | by).into(),
                    2 => (old & by).into(),
                    3 => (old ^ by).into(),
                    4 => wide << bits,
                    _ => wide >> bits,
                } as u64;
                match len {
                    1 => word.copy_from_slice(&(new as u8).to_ne_bytes()),
                    2 => word.copy_from_slice(&(new as u16).to_ne_bytes()),
                    4 => word.copy_from_slice(&(new as u32).to_ne_bytes()),
                    _ => word.copy_from_slice(&new.to_ne_bytes()),
                }
            }
            Self::Barrier => {}
        }
        true
    }

    fn real(self, at: impl Fn(usize) -> *mut u8) -> CpuOp {
        let op = match self {
            Self::Compare { a, b, len, equal: true } => CpuOp::compare_eq_bytes(at(a), at(b), len as u32),
            Self::Compare { a, b, len, equal: false } => CpuOp::compare_ne_bytes(at(a), at(b), len as u32),
            Self::Copy { dst, src, len } => CpuOp::copy_bytes(at(dst), at(src), len as u32),
            Self::Calculate { which, p, len, by } => {
                let (p, bits) = (at(p), (by % (8 * len as u64)) as u32);
                let op = match which {
                    0 => CpuOp::add(p, by.cast_signed()),
                    1 => CpuOp::or(p, by),
                    2 => CpuOp::and(p, by),
                    3 => CpuOp::xor(p, by),
                    4 => CpuOp::shift_left(p, bits),
                    _ => CpuOp::shift_right(p, bits),
                };
                CpuOp { len: len as u32, ..op }
            }
            Self::Barrier => CpuOp::barrier(),
        };
        op.expect_fault()
    }
}

#[repr(align(8))]
struct Bytes([u8; HALF]);

#[test]
fn random_vectors_agree_with_plain_rust() {
    // Few values, so that compares hold now and then.
    let few =
        || any::<[u8; HALF]>().prop_map(|bytes| bytes.map(|byte| [0, 0, 0, 1, 0xff][usize::from(byte) % 5]));
    let vectors = prop::collection::vec(op(), 0..=MAX_OPS);
    proptest!(ProptestConfig::with_cases(cases(1000)), |(
        ops in vectors, inside in few(), outside in few(), cpu in any::<u32>(),
    )| {
        let mut expected: Vec<u8> = [inside, outside].concat();
        let (slots, mut elsewhere) = (PerCpu::new(|_cpu| Bytes(inside)), Bytes(outside));
        let (index, other) = (cpu % slots.slots(), elsewhere.0.as_mut_ptr());
        let item: *mut u8 = slots.item(index).expect("a slot").as_ptr().cast();
        let at = |place| if place < HALF { item.wrapping_add(place) } else { other.wrapping_add(place - HALF) };
        let real: Vector = ops.iter().map(|op| op.real(at)).collect();
        let failed = ops.iter().position(|op| !op.model(&mut expected));
        // SAFETY: all operands are in one half or the other, any bytes are valid there, and nobody else has them.
        let outcome = unsafe { real.run(&slots, index) };
        prop_assert_eq!(outcome, Ok(failed.map_or(Outcome::Done, Outcome::CompareFailed)));
        let inside = slots.exclusive(index, |bytes| bytes.0);
        prop_assert_eq!([inside.expect("a slot"), elsewhere.0].concat(), expected);
    });
    slow_path::passes("random_vectors_agree_with_plain_rust");
}
