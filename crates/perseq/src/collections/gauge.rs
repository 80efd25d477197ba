//! [`Gauge`]: a number that goes up and down, split per CPU.
//!
//! It is a [`Counter`], whose arithmetic modulo 2^64 is that of signed numbers too. [`set`](Gauge::set) replaces
//! the counter's atomic word and moves the baseline of each CPU's word to where the word is: what was added before is dropped with
//! it, what is added later counts.
//!
//! Invariants: those of the counter; and nobody sets it while another one sets or reads it, which a gate sees to. The exception is the
//! handler of a fault (SIGSEGV, SIGTRAP), which cannot be held back: if it interrupts its own thread's set or read and sets or
//! reads too, the two mix, and what they return may be off.
//!
//! Ordering: relaxed, as the counter's. Each addition is before or after a set as a whole, but CPUs are visited one after
//! the other, so a set is no single moment for all of them: if a thread adds on one CPU and then, having been moved meanwhile, on
//! another, the first may come after the set and the second before it. A read has the same limit with additions, and none with
//! sets.

use crate::percpu::{Change, Gate, Owned};
use crate::{AllocError, Counter};

/// A number that many threads add to and subtract from often: requests in flight, bytes in a cache.
///
/// Adding and subtracting costs what [`Counter::add`] costs. [`set`](Self::set) and [`value`](Self::value) visit every CPU's word;
/// what is only ever set is better kept in an atomic integer. Arithmetic is modulo 2^64 and relaxed. A value that is read while
/// threads add may show one of two additions and not the other, whichever was first: a thread that adds 1, moves to another CPU and
/// subtracts 1 can be seen as −1 for a moment.
///
/// ```
/// use perseq::Gauge;
///
/// static IN_FLIGHT: Gauge = Gauge::new();
///
/// IN_FLIGHT.increment();
/// IN_FLIGHT.add(5);
/// IN_FLIGHT.sub(8);
/// assert_eq!(IN_FLIGHT.value(), -2);
/// assert_eq!(IN_FLIGHT.set(10), -2);
/// IN_FLIGHT.decrement();
/// assert_eq!(IN_FLIGHT.value(), 9);
/// ```
#[derive(Debug)]
pub struct Gauge {
    sum: Counter,
    /// Whoever sets or reads owns it.
    access: Gate,
}

impl Gauge {
    /// A gauge at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: Counter::new(), access: Gate::open() }
    }

    /// As [`Counter::prepare`].
    ///
    /// # Errors
    /// As there.
    pub fn prepare(&self) -> Result<(), AllocError> {
        self.sum.prepare()
    }

    /// Adds `n`. Wait-free. Async-signal-safe, except for the first addition ever ([`prepare`](Self::prepare)).
    #[inline]
    pub fn add(&self, n: i64) {
        self.sum.add(n.cast_unsigned());
    }

    /// Subtracts `n`, as [`add`](Self::add).
    #[inline]
    pub fn sub(&self, n: i64) {
        self.add(n.wrapping_neg());
    }

    /// Adds 1.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Subtracts 1.
    #[inline]
    pub fn decrement(&self) {
        self.sub(1);
    }

    /// Sets it to `value` and returns what it was. Every addition is either before it, and in what is returned, or after it, and
    /// counts on top of `value`; none is lost. Additions do not notice; sets and reads wait for each other. Async-signal-safe, but in the
    /// handler of a fault (SIGSEGV, SIGTRAP) that interrupts a set or read of this gauge, what either returns may be off.
    pub fn set(&self, value: i64) -> i64 {
        self.alone(|| self.sum.replace(value.cast_unsigned())).cast_signed()
    }

    /// The value: every addition and set that happened before the call is in it, those that happen meanwhile may be.
    /// Async-signal-safe, as [`set`](Self::set).
    #[must_use]
    pub fn value(&self) -> i64 {
        self.alone(|| self.sum.sum()).cast_signed()
    }

    fn alone<R>(&self, access: impl FnOnce() -> R) -> R {
        // The gate is not closed or abandoned, and this thread does not own it, having signals held back while it does: it is refused
        // only to the handler of a fault, which is not held back, and goes on without, as waiting would be for ever. Taken over
        // from a thread that is gone in the middle of a set, it may show parts of that, until the next set.
        let _alone = Owned::acquire(&self.access, Change::Single);
        access()
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}
