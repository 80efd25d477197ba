//! The measured loops. A figure of a fraction of a nanosecond is as good as the loop it was taken in, so
//! all contestants of a group run in the same loop, which is written here once.
//!
//! - The operation is *pasted* into the loop, four or eight times a trip: there is no call to be inlined or
//!   not, and the loop's own counting and its alignment weigh little.
//! - `reads!` adds what each read returns to a sum, one dependent addition per operation, and hides the sum
//!   from the compiler after each. That addition takes one cycle, so an "empty" loop runs at one cycle an
//!   operation, as the ordinary empty loop of published figures does, and what can be done beside it within that
//!   cycle costs nothing, as in those figures. Nothing goes through memory to keep the compiler honest.
//! - `updates!` tells the compiler after each operation that memory may have been read, so that every update
//!   reaches memory and none is merged with the next.

/// The operations in one trip of `reads!`.
pub const READS: u64 = 4;

/// The operations in one trip of `updates!`.
pub const UPDATES: u64 = 8;

/// An [`Op`](super::group::Op) that evaluates an expression again and again and adds up what it returns.
macro_rules! reads {
    (@ $n:ident, $read:expr) => {{
        let mut sum = $crate::bench::arch::opaque(0);
        for _ in 0..$n / $crate::bench::hot::READS {
            sum = $crate::bench::arch::opaque(sum.wrapping_add($read));
            sum = $crate::bench::arch::opaque(sum.wrapping_add($read));
            sum = $crate::bench::arch::opaque(sum.wrapping_add($read));
            sum = $crate::bench::arch::opaque(sum.wrapping_add($read));
        }
        sum
    }};
    ($read:expr) => {{
        let op: $crate::bench::group::Op = Box::new(move |n: u64| {
            $crate::bench::hot::reads!(@ n, $read);
        });
        op
    }};
}
pub(crate) use reads;

/// A loop that runs a read so often, and returns the sum of what it returned.
pub type Sums = Box<dyn FnMut(u64) -> u64>;

/// The loop of `reads!` for those who want the sum.
macro_rules! sums {
    ($read:expr) => {{
        let sums: $crate::bench::hot::Sums =
            Box::new(move |n: u64| $crate::bench::hot::reads!(@ n, $read) as u64);
        sums
    }};
}
pub(crate) use sums;

/// An [`Op`](super::group::Op) that updates one object, or eight in turn: `updates!(T, |i| update(&objects[i]))`, where
/// `T` is a [`Turn`] and the index is a constant wherever the expression is pasted.
macro_rules! updates {
    (@ $turn:ty, $at:literal, $i:ident, $update:expr) => {
        let $i: usize = $at * <$turn as $crate::bench::hot::Turn>::STEP;
        let _ = $update;
        $crate::bench::arch::clobber();
    };
    ($turn:ty, |$i:ident| $update:expr) => {{
        let op: $crate::bench::group::Op = Box::new(move |n: u64| {
            for _ in 0..n / $crate::bench::hot::UPDATES {
                $crate::bench::hot::updates!(@ $turn, 0, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 1, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 2, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 3, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 4, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 5, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 6, $i, $update);
                $crate::bench::hot::updates!(@ $turn, 7, $i, $update);
            }
        });
        op
    }};
}
pub(crate) use updates;

/// How many objects `updates!` has.
pub const OBJECTS: usize = 8;

/// Which object each of the eight updates of a trip takes.
pub trait Turn: 'static {
    /// The name of the variant.
    const NAME: &'static str;
    /// The distance from one update's object to the next one's.
    const STEP: usize;
}

/// The same object every time: the next update has to wait for the store of the last one.
pub struct Same;

/// Eight objects in turn: updates overlap, as they do among other work.
pub struct Eight;

impl Turn for Same {
    const NAME: &'static str = "same";
    const STEP: usize = 0;
}

impl Turn for Eight {
    const NAME: &'static str = "eight";
    const STEP: usize = 1;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    fn counts<T: Turn>(n: u64) -> Vec<u64> {
        let words: Arc<[AtomicU64; OBJECTS]> = Arc::default();
        let shared = Arc::clone(&words);
        updates!(T, |i| shared[i].fetch_add(1, Relaxed))(n);
        words.iter().map(|word| word.load(Relaxed)).collect()
    }

    #[test]
    fn every_update_is_made_and_finds_its_object() {
        assert_eq!(counts::<Same>(24), [24, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(counts::<Eight>(24), [3; 8]);
    }

    #[test]
    fn every_read_is_made() {
        let reads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reads);
        reads!({
            counted.fetch_add(1, Relaxed);
            1
        })(4 * READS);
        assert_eq!(reads.load(Relaxed), 4 * READS);
        assert_eq!(sums!(3)(4 * READS), 12 * READS);
    }
}
