//! The clock of a session: the counter of the processor, or the monotonic clock where that is not to be trusted.
//!
//! The counter is read in the section, and tells the time at once. It is trusted if the kernel keeps its own time by it: then it runs
//! evenly, on all CPUs alike. How fast it runs is measured against a clock of the kernel's, from the beginning of a session to its end, so the
//! longer that is the better it is known.
//!
//! That clock, `CLOCK_BOOTTIME`, goes on while the machine is suspended, as most counters do. Where the counter stopped, or began anew, what is measured over the
//! whole session makes no sense: then it stays with what was measured when it began.

use std::time::{Duration, Instant};
use std::{array, fs};

use perseq_ctf::{Clock, Uuid};

use crate::sys;

/// How long the counter is measured at least.
const BASELINE: Duration = Duration::from_millis(20);

/// A moment by the clock of a session, and by that of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    ticks: u64,
    since_boot: u64,
}

impl Moment {
    fn now(clock: fn() -> u64) -> Self {
        let (ticks, since_boot) = both(clock, sys::since_boot);
        Self { ticks, since_boot }
    }
}

/// Now by two clocks: of several attempts that with the least time in between, for a thread may be preempted there.
fn both(one: impl Fn() -> u64, other: impl Fn() -> u64) -> (u64, u64) {
    let attempt = || {
        let (before, other, after) = (one(), other(), one());
        let between = after.wrapping_sub(before);
        (between, (before.wrapping_add(between / 2), other))
    };
    let attempts = (0..16).map(|_| attempt());
    attempts.min_by_key(|(between, _)| *between).map_or_else(|| attempt().1, |(_, moment)| moment)
}

/// The clock of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    begin: Moment,
    /// The counter is read in sections.
    pub(crate) counter: bool,
}

impl Source {
    /// As numbers, for [`from_words`](Self::from_words) in another process.
    pub(crate) fn to_words(self) -> [u64; 3] {
        [self.begin.ticks, self.begin.since_boot, self.counter.into()]
    }

    /// What [`to_words`](Self::to_words) has made.
    pub(crate) fn from_words(words: &[u64]) -> Option<Self> {
        match *words {
            [ticks, since_boot, counter] => {
                Some(Self { begin: Moment { ticks, since_boot }, counter: counter != 0 })
            }
            _ => None,
        }
    }

    /// The better one of the two.
    pub(crate) fn choose() -> Self {
        let counter = is_trusted();
        Self { begin: Moment::now(if counter { perseq::section::tsc } else { sys::monotonic }), counter }
    }

    /// When the session began, by this clock.
    pub(crate) fn begin(&self) -> u64 {
        self.begin.ticks
    }

    /// What is known of it by now, better than before, if it makes sense.
    pub(crate) fn describe_again(&self, before: &Clock) -> Clock {
        let now = self.describe();
        if agree(before.frequency, now.frequency) { now } else { before.clone() }
    }

    /// What is known of it by now.
    pub(crate) fn describe(&self) -> Clock {
        if !self.counter {
            let (monotonic, realtime) = both(sys::monotonic, sys::realtime);
            let offset = realtime.cast_signed() - monotonic.cast_signed();
            let mut clock = Clock::nanoseconds("monotonic", offset);
            clock.description = "CLOCK_MONOTONIC".into();
            clock.uuid = boot();
            return clock;
        }
        let since = Instant::now();
        let mut end = Moment::now(perseq::section::tsc);
        while Duration::from_nanos(end.since_boot.saturating_sub(self.begin.since_boot)) < BASELINE {
            std::thread::sleep(BASELINE.saturating_sub(since.elapsed()));
            end = Moment::now(perseq::section::tsc);
        }
        let cycles = end.ticks.saturating_sub(self.begin.ticks);
        let nanos = end.since_boot.saturating_sub(self.begin.since_boot);
        let frequency = u128::from(cycles) * 1_000_000_000 / u128::from(nanos.max(1));
        let frequency = u64::try_from(frequency).unwrap_or(u64::MAX).max(1);
        // When the counter was 0, by the clock of the wall.
        let (cycles, realtime) = both(perseq::section::tsc, sys::realtime);
        let running = u128::from(cycles) * 1_000_000_000 / u128::from(frequency);
        let offset = i128::from(realtime) - running.cast_signed();
        let mut clock = Clock::nanoseconds("counter", 0);
        clock.description = "the counter of the processor".into();
        clock.uuid = boot().map(|boot| array::from_fn(|at| boot[at] ^ b"of the processor"[at]));
        clock.frequency = frequency;
        clock.offset_seconds = i64::try_from(offset.div_euclid(1_000_000_000)).unwrap_or(0);
        let rest = offset.rem_euclid(1_000_000_000).unsigned_abs() * u128::from(frequency) / 1_000_000_000;
        clock.offset_cycles = u64::try_from(rest).unwrap_or(0).min(frequency - 1);
        clock
    }
}

/// Whether these can be the frequency of one clock: the kernel's are steered by up to half a thousandth.
fn agree(one: u64, other: u64) -> bool {
    one.abs_diff(other) <= one / 1000
}

/// What only this boot of this machine has; LTTng says by it that times are of its monotonic clock.
fn boot() -> Option<Uuid> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let number = u128::from_str_radix(&text.trim().replace('-', ""), 16).ok()?;
    Some(number.to_be_bytes())
}

/// Whether the counter of the processor is a clock. On aarch64 and riscv64 it is the architecture's own, which is one.
fn is_trusted() -> bool {
    if !cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
        return cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
    }
    let source = fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    match source.as_deref().map(str::trim).unwrap_or_default() {
        "tsc" => true,
        // A hypervisor's clock is made of the counter, which runs evenly if the processor says so.
        "kvm-clock" | "hyperv_clocksource_tsc_page" | "xen" => is_even(),
        // The kernel has another, even where the processor says so: it may have found that out to be false.
        _ => false,
    }
}

fn is_even() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| {
        let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
        ["constant_tsc", "nonstop_tsc"].iter().all(|flag| flags.split_whitespace().any(|has| has == *flag))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_clock_stays_what_it_was_where_it_cannot_be_measured() {
        let counter = Source { counter: true, ..Source::choose() };
        let before = Clock { frequency: 1_234, ..counter.describe() };
        // Another machine's, or this one's after it began anew.
        assert_eq!(counter.describe_again(&before), before);
        assert!(agree(2_450_000_000, 2_451_000_000) && !agree(2_450_000_000, 1_225_000_000));
        let right = counter.describe();
        assert!(agree(right.frequency, counter.describe_again(&right).frequency));
    }

    #[test]
    fn who_was_interrupted_between_two_clocks_tries_again() {
        // The first fifteen times a hundred pass before the other clock is read, and as many after.
        let (now, asked) = (Cell::new(0_u64), Cell::new(0));
        let pass = || now.set(now.get() + if asked.replace(asked.get() + 1) < 30 { 100 } else { 1 });
        let one = || {
            pass();
            now.get()
        };
        let (at, other) = both(one, || now.get());
        assert!(other.abs_diff(at) <= 1, "{at} and {other}");
    }
}
