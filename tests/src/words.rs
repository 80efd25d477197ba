//! Sequences for every type of integer and every operator of the language, each with what Rust computes instead.
//!
//! Each works on a word between two neighbours, which it must leave alone. It loads the old word, computes, commits the
//! result to the word and returns it.

use perseq::{PerCpu, sequence};

/// One slot: a word, and what lies around it.
#[derive(Debug)]
struct Words<T> {
    before: T,
    word: T,
    after: T,
}

/// A word that a pointer may lead to on every target: on x86 a `u64` alone is not aligned to its size.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
struct Aligned<T>(T);

/// Words for the operations to work on.
#[derive(Debug)]
pub struct Slots<T>(PerCpu<Words<T>>);

/// A sequence, and the same in Rust.
#[derive(Debug)]
pub struct Operation<T> {
    /// The expression.
    pub name: &'static str,
    run: fn(&PerCpu<Words<T>>, T, T) -> T,
    /// From the old word and both parameters, what is returned and what the word is afterwards.
    pub expected: fn(T, T, T) -> (T, T),
}

/// An integer of the language.
pub trait Integer: Copy + PartialEq + std::fmt::Debug + 'static {
    /// Every operation on it.
    fn operations() -> Vec<Operation<Self>>;
    /// The low bits of `bits`.
    fn from_bits(bits: u64) -> Self;
}

impl<T: Integer> Slots<T> {
    /// Words that are all zeros.
    #[must_use]
    pub fn new() -> Self {
        let zero = T::from_bits(0);
        Self(PerCpu::new(|_cpu| Words { before: zero, word: zero, after: zero }))
    }

    /// Sets the word of `cpu`, and its neighbours.
    ///
    /// # Panics
    /// If the slot cannot be had.
    pub fn set(&self, cpu: u32, word: T, neighbour: T) {
        let words = Words { before: neighbour, word, after: neighbour };
        self.0.exclusive(cpu, |slot| *slot = words).expect("a slot that nobody else on this thread owns");
    }

    /// The word of `cpu`.
    ///
    /// # Panics
    /// If a neighbour is not what was [`set`](Self::set), or the slot cannot be had.
    #[must_use]
    pub fn get(&self, cpu: u32, neighbour: T) -> T {
        self.0
            .exclusive(cpu, |slot| {
                assert_eq!((slot.before, slot.after), (neighbour, neighbour), "a store hit a neighbour");
                slot.word
            })
            .expect("a slot that nobody else on this thread owns")
    }

    /// Runs `operation` on the running CPU's word.
    pub fn run(&self, operation: &Operation<T>, a: T, b: T) -> T {
        (operation.run)(&self.0, a, b)
    }
}

impl<T: Integer> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What an expression means in Rust: the same, unless it says otherwise.
macro_rules! meaning {
    ({ $($same:tt)* }) => { $($same)* };
    ({ $($expression:tt)* } { $meaning:expr }) => { $meaning };
}

/// Operations that compute a value: `name(old, a, b) { expression } => { its meaning }`.
macro_rules! values {
    ($int:ident, $out:ident: $(
        $name:ident($old:ident, $a:ident, $b:ident) { $($expression:tt)* } $(=> { $meaning:expr })?
    )*) => {
        sequence! { $(
            #[allow(unused_variables)]
            fn $name(slots: &PerCpu<Words<$int>>, $a: $int, $b: $int) -> $int {
                let $old: $int = slots.word;
                let result: $int = $($expression)*;
                commit slots.word = result;
                result
            }
        )* }
        $($out.push(Operation {
            name: stringify!($($expression)*),
            run: $name,
            expected: |$old: $int, $a: $int, $b: $int| {
                let _ = ($old, $a, $b);
                let result = meaning!({ $($expression)* } $({ $meaning })?);
                (result, result)
            },
        });)*
    };
}

/// Conditions: the sequence leaves with 1 if it holds, else commits `b` and returns 0.
macro_rules! conditions {
    ($int:ident, $out:ident: $(
        $name:ident($a:ident, $b:ident) { $($condition:tt)* } $(=> { $meaning:expr })?
    )*) => {
        sequence! { $(
            fn $name(slots: &PerCpu<Words<$int>>, $a: $int, $b: $int) -> $int {
                if $($condition)* { return 1; }
                commit slots.word = $b;
                0
            }
        )* }
        $($out.push(Operation {
            name: stringify!($($condition)*),
            run: $name,
            expected: |old: $int, $a: $int, $b: $int| {
                if meaning!({ $($condition)* } $({ $meaning })?) { (1, old) } else { (0, $b) }
            },
        });)*
    };
}

/// What every integer can do.
macro_rules! integer {
    ($int:ident, $module:ident, { $($signed:tt)* }) => {
        impl Integer for $int {
            fn operations() -> Vec<Operation<Self>> {
                $module::operations()
            }
            fn from_bits(bits: u64) -> Self {
                bits as $int
            }
        }

        /// The operations on this type.
        mod $module {
            use super::{Aligned, Operation, PerCpu, Words, sequence};

            pub(super) fn operations() -> Vec<Operation<$int>> {
                let mut out = Vec::new();
                values! { $int, out:
                    add(old, a, b) { a + b } => { a.wrapping_add(b) }
                    sub(old, a, b) { a - b } => { a.wrapping_sub(b) }
                    and(old, a, b) { a & b }
                    or(old, a, b) { a | b }
                    xor(old, a, b) { a ^ b }
                    shl(old, a, b) { a << b } => { a.wrapping_shl(b as u32) }
                    shr(old, a, b) { a >> b } => { a.wrapping_shr(b as u32) }
                    not(old, a, b) { !a }
                    twice(old, a, b) { a + a } => { a.wrapping_add(a) }
                    nested(old, a, b) { (a + old) ^ (b - (old & a)) } => {
                        a.wrapping_add(old) ^ b.wrapping_sub(old & a)
                    }
                    add_literal(old, a, b) { a + 5 } => { a.wrapping_add(5) }
                    literal_sub(old, a, b) { 100 - a } => { (100 as $int).wrapping_sub(a) }
                    and_literal(old, a, b) { a & 0x55 }
                    shl_literal(old, a, b) { a << 3 } => { a.wrapping_shl(3) }
                    shr_literal(old, a, b) { a >> 7 } => { a.wrapping_shr(7) }
                    xor_max(old, a, b) { a ^ $int::MAX }
                    sub_min(old, a, b) { a - $int::MIN } => { a.wrapping_sub($int::MIN) }
                    sum_halved(old, a, b) { (a + b) >> 1 } => { a.wrapping_add(b).wrapping_shr(1) }
                    difference_halved(old, a, b) { (a - b) >> 1 } => { a.wrapping_sub(b).wrapping_shr(1) }
                    low_bits(old, a, b) { a << 3 >> 3 } => { a.wrapping_shl(3).wrapping_shr(3) }
                    not_halved(old, a, b) { !a >> 1 } => { (!a).wrapping_shr(1) }
                    memory_halved(old, a, b) { old >> 1 } => { old.wrapping_shr(1) }
                    memory(old, a, b) { old + a } => { old.wrapping_add(a) }
                    through_u8(old, a, b) { a as u8 as $int }
                    through_u16(old, a, b) { a as u16 as $int }
                    through_u32(old, a, b) { a as u32 as $int }
                    through_u64(old, a, b) { a as u64 as $int }
                    through_usize(old, a, b) { a as usize as $int }
                    through_i8(old, a, b) { a as i8 as $int }
                    through_i16(old, a, b) { a as i16 as $int }
                    through_i32(old, a, b) { a as i32 as $int }
                    through_i64(old, a, b) { a as i64 as $int }
                    through_isize(old, a, b) { a as isize as $int }
                    $($signed)*
                }
                conditions! { $int, out:
                    eq(a, b) { a == b }
                    ne(a, b) { a != b }
                    lt(a, b) { a < b }
                    le(a, b) { a <= b }
                    gt(a, b) { a > b }
                    ge(a, b) { a >= b }
                    eq_literal(a, b) { a == 3 }
                    lt_literal(a, b) { a < 1 }
                    and_then(a, b) { a < b && a != 7 }
                    or_else(a, b) { a == b || b > 9 && a >= 2 }
                    negated(a, b) { !(a < b || a == 5) && !(b <= 1) }
                    sum_wraps(a, b) { a + b < a } => { a.wrapping_add(b) < a }
                    difference_wraps(a, b) { a - b > a } => { a.wrapping_sub(b) > a }
                    shifted_out(a, b) { a << 3 == b } => { a.wrapping_shl(3) == b }
                }
                out.push(Operation {
                    name: "(*from).0 + b, by way of (*to).0",
                    run: |slots, a, b| {
                        // Both can be written: the slow path loads by atomics, which want that.
                        let (mut from, mut to) = ([a; 3].map(Aligned), [b; 3].map(Aligned));
                        // SAFETY: both point to words that live.
                        let result = unsafe { through_pointers(slots, &raw mut from[1], &raw mut to[1], b) };
                        assert_eq!(to.map(|word| word.0), [b, result, b], "a store hit a neighbour");
                        result
                    },
                    expected: |_, a, b| (a.wrapping_add(b), a.wrapping_add(b)),
                });
                out
            }

            sequence! {
                unsafe fn through_pointers(
                    slots: &PerCpu<Words<$int>>,
                    from: *const Aligned<$int>,
                    to: *mut Aligned<$int>,
                    b: $int,
                ) -> $int {
                    let value: $int = (*from).0;
                    stage (*to).0 = value + b;
                    let again: $int = (*to).0;
                    commit slots.word = again;
                    again
                }
            }
        }
    };
}

/// What signed integers can do besides.
macro_rules! signed {
    ($($int:ident $module:ident),*) => { $(
        integer! { $int, $module, {
            neg(old, a, b) { -a } => { a.wrapping_neg() }
            neg_halved(old, a, b) { -a >> 1 } => { a.wrapping_neg().wrapping_shr(1) }
            add_negative(old, a, b) { a + -9 } => { a.wrapping_add(-9) }
        } }
    )* };
}

macro_rules! unsigned {
    ($($int:ident $module:ident),*) => { $(integer! { $int, $module, {} })* };
}

unsigned!(u8 of_u8, u16 of_u16, u32 of_u32, u64 of_u64, usize of_usize);
signed!(i8 of_i8, i16 of_i16, i32 of_i32, i64 of_i64, isize of_isize);
