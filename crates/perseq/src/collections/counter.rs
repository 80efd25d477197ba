//! [`Counter`]: a statistics counter, split per CPU.
//!
//! Each CPU has a word that a sequence adds to, without an atomic instruction. Beside them all stands one atomic word: what a
//! thread cannot add to its CPU's word, because it has no rseq area or its section was aborted too often, it adds there. So an
//! addition never waits for anybody, nobody ever owns a slot, and slots need no gate. (The split counter of Desnoyers, with
//! the atomic word shared, as its use is rare.)
//!
//! A reset does not touch the words that sections write: it moves a baseline beside each.
//!
//! Invariants: every addition is in exactly one word, and words only grow (modulo 2^64); the value of the counter is the sum of
//! `word - baseline` over all words; a baseline is a value that its word has had.
//!
//! Ordering: a baseline is read with acquire before its word, and written with release after the word was read. So
//! whoever reads a baseline reads a word at least as new as the one it was taken from, and no difference is negative.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::model::hooks;
use crate::percpu::Ungated;
use crate::section::Word;
use crate::{AllocError, LazyPerCpu, sequence};

/// A word of the counter, and what it was at the last reset.
struct Split {
    word: u64,
    baseline: AtomicU64,
}

impl Split {
    const fn new() -> Self {
        Self { word: 0, baseline: AtomicU64::new(0) }
    }
}

/// Each CPU's words, made on the first addition.
type Words<const N: usize> = LazyPerCpu<[Split; N], Ungated>;

sequence! {
    /// Adds `n` to word `which` of the running CPU, or to the atomic word.
    #[slow_path(add_beside)]
    fn add_here<const N: usize>(words: &Words<N>, which: usize, n: u64, beside: &AtomicU64) {
        let value: u64 = words[which].word;
        commit words[which].word = value + n;
    }

    /// Adds `n` to the first word of the running CPU, or to the atomic word.
    #[slow_path(add_beside_first)]
    fn add_first<const N: usize>(words: &Words<N>, n: u64, beside: &AtomicU64) {
        let value: u64 = words[0].word;
        commit words[0].word = value + n;
    }
}

/// The slow path of an addition.
fn add_beside<const N: usize>(words: &Words<N>, which: usize, n: u64, beside: &AtomicU64) {
    if words.existing().is_none() && words.try_get().is_ok() {
        return add_here(words, which, n, beside);
    }
    hooks::step("add to the atomic word");
    let before = beside.fetch_add(n, Ordering::Relaxed);
    hooks::stored(beside.as_ptr(), before.wrapping_add(n));
}

fn add_beside_first<const N: usize>(words: &Words<N>, n: u64, beside: &AtomicU64) {
    add_beside(words, 0, n, beside);
}

/// A counter that many threads add to often and somebody reads now and then.
///
/// [`add`](Self::add) costs about what a plain addition does, from any number of threads; [`sum`](Self::sum) visits every CPU's
/// word. Arithmetic is modulo 2^64 and relaxed: it orders nothing. Its memory is made on the first addition: 16 bytes for
/// each CPU, packed with others, so thousands of counters are cheap.
///
/// ```
/// use perseq::Counter;
///
/// static HITS: Counter = Counter::new();
///
/// HITS.add(2);
/// HITS.increment();
/// assert_eq!(HITS.sum(), 3);
/// assert_eq!(HITS.reset(), 3);
/// assert_eq!(HITS.sum(), 0);
/// ```
#[derive(Debug)]
pub struct Counter(Counters<1>);

impl Counter {
    /// A counter at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self(Counters::new())
    }

    /// Makes the memory now, so that the first addition in a signal handler finds it.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none; additions then go to the atomic word.
    pub fn prepare(&self) -> Result<(), AllocError> {
        self.0.prepare()
    }

    /// Adds `n`, modulo 2^64. Wait-free. Async-signal-safe, except for the first addition ever ([`prepare`](Self::prepare)).
    #[inline]
    pub fn add(&self, n: u64) {
        let [beside] = &self.0.beside;
        add_first(&self.0.words, n, beside);
    }

    /// Adds 1.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// What was added so far: every addition that happened before the call is in it, those that happen meanwhile may be. Wait-free,
    /// async-signal-safe.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.sum(0)
    }

    /// What was added on each CPU since the last reset, in the order of CPU numbers; what was added by slow paths is not
    /// attributed to any.
    pub fn per_cpu(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.per_cpu(0)
    }

    /// Sets the counter to 0 and returns what it was: no addition is lost or counted twice, however many go on
    /// meanwhile. Additions do not notice. Lock-free, async-signal-safe.
    pub fn reset(&self) -> u64 {
        self.0.reset(0)
    }

    /// As [`reset`](Self::reset), to `value`. The caller sees to it that no two happen at the same time.
    pub(crate) fn replace(&self, value: u64) -> u64 {
        self.0.replace(0, value)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

/// `N` counters that belong together: one handle, `16 * N` bytes for each CPU.
///
/// ```
/// use perseq::Counters;
///
/// static BY_CLASS: Counters<5> = Counters::new();
///
/// BY_CLASS.add(2, 1); // a response of class 2xx
/// assert_eq!(BY_CLASS.sum(2), 1);
/// assert_eq!(BY_CLASS.sums(), [0, 0, 1, 0, 0]);
/// ```
#[derive(Debug)]
pub struct Counters<const N: usize> {
    words: Words<N>,
    beside: [AtomicU64; N],
}

impl<const N: usize> Counters<N> {
    /// Counters at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            words: LazyPerCpu::new(|_| [const { Split::new() }; N]),
            beside: [const { AtomicU64::new(0) }; N],
        }
    }

    /// As [`Counter::prepare`].
    ///
    /// # Errors
    /// As there.
    pub fn prepare(&self) -> Result<(), AllocError> {
        self.words.try_get().map(|_| ())
    }

    /// Adds `n` to counter `which`, as [`Counter::add`] does.
    ///
    /// # Panics
    /// If `which` is not below `N`.
    #[inline]
    pub fn add(&self, which: usize, n: u64) {
        add_here(&self.words, which, n, &self.beside[which]);
    }

    /// The value of counter `which`, as [`Counter::sum`].
    ///
    /// # Panics
    /// If `which` is not below `N`.
    #[must_use]
    pub fn sum(&self, which: usize) -> u64 {
        hooks::step("read the atomic word");
        let beside = hooks::seen(self.beside[which].load(Ordering::Relaxed));
        self.per_cpu(which).fold(beside, u64::wrapping_add)
    }

    /// The values of all counters, each as [`sum`](Self::sum).
    #[must_use]
    pub fn sums(&self) -> [u64; N] {
        core::array::from_fn(|which| self.sum(which))
    }

    /// What was added to counter `which` on each CPU, as [`Counter::per_cpu`].
    ///
    /// # Panics
    /// If `which` is not below `N`.
    pub fn per_cpu(&self, which: usize) -> impl Iterator<Item = u64> + '_ {
        self.splits(which).map(|(word, baseline)| {
            hooks::step("read a baseline");
            let since = hooks::seen(baseline.load(Ordering::Acquire));
            word().wrapping_sub(since)
        })
    }

    /// Sets counter `which` to 0 and returns what it was, as [`Counter::reset`].
    ///
    /// # Panics
    /// If `which` is not below `N`.
    pub fn reset(&self, which: usize) -> u64 {
        self.replace(which, 0)
    }

    fn replace(&self, which: usize, value: u64) -> u64 {
        hooks::step("reset the atomic word");
        let beside = hooks::seen(self.beside[which].swap(value, Ordering::Relaxed));
        hooks::stored(self.beside[which].as_ptr(), value);
        self.splits(which).fold(beside, |sum, (word, baseline)| {
            hooks::step("read a baseline");
            let mut since = hooks::seen(baseline.load(Ordering::Acquire));
            // Another round only if another reset took this very word meanwhile.
            loop {
                let now = word();
                hooks::step("move the baseline");
                match baseline.compare_exchange(since, now, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return sum.wrapping_add(now.wrapping_sub(since)),
                    Err(newer) => since = hooks::seen(newer),
                }
            }
        })
    }

    /// Each CPU's word, as a function that reads it, and its baseline.
    fn splits(&self, which: usize) -> impl Iterator<Item = (impl Fn() -> u64, &AtomicU64)> + '_ {
        assert!(which < N, "index out of bounds: the len is {N} but the index is {which}");
        let words = self.words.existing().into_iter();
        words.flat_map(|words| (0..words.slots()).filter_map(|cpu| words.item(cpu))).map(move |item| {
            let split = item.as_ptr().cast::<Split>().wrapping_add(which);
            let word = move || {
                hooks::step("read a word");
                // SAFETY: `which` is in bounds and the item lives as long as `words`; sections write the word with single
                // aligned stores, and we read it with single aligned loads.
                hooks::seen(unsafe { Word::load(&raw const (*split).word) })
            };
            // SAFETY: as above; a baseline is only ever accessed as the atomic it is.
            (word, unsafe { &(*split).baseline })
        })
    }
}

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self::new()
    }
}
