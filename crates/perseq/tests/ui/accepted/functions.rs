//! Functions: what may stand around a section.
#![deny(unsafe_op_in_unsafe_fn)]

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use perseq::{ByCid, LazyPerCpu, PerCid, PerCpu, sequence};

/// A ring of `N` entries.
struct Ring<T, const N: usize> {
    head: usize,
    entries: [*mut T; N],
}

// SAFETY: the pointers are owned by the ring.
unsafe impl<T: Send, const N: usize> Send for Ring<T, N> {}

type Stats = PerCpu<Total>;

struct Total {
    sum: u64,
}

static STATS: LazyPerCpu<Total> = LazyPerCpu::new(|_cpu| Total { sum: 0 });

/// Where additions go that the section could not make.
fn add_beside(_total: &Stats, n: u64, beside: &AtomicU64) -> u64 {
    beside.fetch_add(n, Ordering::Relaxed);
    0
}

sequence! {
    /// With type and const parameters, and a `where` clause.
    pub(crate) fn enter<T, const N: usize>(ring: &PerCpu<Ring<T, N>>, entry: *mut T) -> Result<usize, *mut T>
    where
        T: Send,
    {
        let head: usize = ring.head;
        if head >= const { N } { return Err(entry); }
        stage ring.entries[head] = entry;
        commit ring.head = head + 1;
        Ok(head)
    }

    /// With a lifetime, and a parameter that only the tail uses.
    pub(crate) fn with_a_name<'n>(total: &Stats, name: &'n str) -> (&'n str, u64) {
        let sum: u64 = total.sum;
        (name, sum)
    }

    fn by_concurrency_id(total: &PerCid<Total>, n: u64) -> u64 {
        let sum: u64 = total.sum;
        commit total.sum = sum + n;
        sum + n
    }

    /// With a slow path of its own, and an alias for the slots.
    #[slow_path(add_beside)]
    fn add(total: &Stats, n: u64, beside: &AtomicU64) -> u64 {
        let sum: u64 = total.sum;
        commit total.sum = sum + n;
        let _ = beside;
        sum
    }

    /// The same, unsafe, with exits, lifetimes, and a parameter that the tail consumes.
    #[slow_path(enter_beside)]
    unsafe fn enter_or_drop<'n, T: Clone>(total: &Stats, limit: u64, name: &'n str, item: Vec<T>) -> Option<(&'n str, Vec<T>)> {
        let sum: u64 = total.sum;
        if sum >= limit { return None; }
        commit total.sum = sum + 1;
        Some((name, item))
    }

    /// With a slow path, and a caller that both know.
    #[slow_path(line_beside)]
    #[track_caller]
    fn line(total: &Stats) -> u32 {
        let _sum: u64 = total.sum;
        Location::caller().line()
    }

    #[must_use]
    #[allow(clippy::needless_return)]
    fn any_rust_after_the_section(total: &Stats, limit: u64) -> Option<String> {
        let sum: u64 = total.sum;
        if sum > limit { return Some(format!("{sum} is more than {limit}")); }
        commit total.sum = sum + 1;
        for step in 0..limit {
            if step > sum {
                return None;
            }
        }
        let half = sum.checked_div(2)?;
        Some(half.to_string())
    }
}

/// # Safety
/// Any call is.
unsafe fn enter_beside<'n, T: Clone>(_: &Stats, limit: u64, name: &'n str, item: Vec<T>) -> Option<(&'n str, Vec<T>)> {
    (limit > 0).then_some((name, item))
}

#[track_caller]
fn line_beside(_: &Stats) -> u32 {
    Location::caller().line()
}

fn main() {
    sequence! {
        fn inside_a_function(total: &PerCpu<Total>) -> u64 {
            let sum: u64 = total.sum;
            sum
        }
    }

    let ring = PerCpu::new(|_cpu| Ring::<u8, 2> { head: 0, entries: [std::ptr::null_mut(); 2] });
    let mut entry = 0;
    for _ in 0..2 * ring.slots() + 1 {
        let _ = enter(&ring, &mut entry);
    }
    let spare = AtomicU64::new(0);
    add(STATS.get(), 3, &spare);
    let other = PerCpu::new(|_cpu| Total { sum: 0 });
    // SAFETY: any call is.
    let entered = |limit| unsafe { enter_or_drop(&other, limit, "name", vec![1_u8]) };
    assert_eq!((entered(u64::MAX), entered(0)), (Some(("name", vec![1])), None));
    for cpu in 0..other.slots() {
        // Refused on one of the CPUs, unless the thread is moved.
        let (called, seen) = other.exclusive(cpu, |_| (line!(), line(&other))).unwrap();
        assert_eq!(called, seen);
    }
    let by_cid: PerCpu<Total, ByCid> = PerCpu::by_cid(|_| Total { sum: 0 });
    assert_eq!(by_concurrency_id(&by_cid, 2), 2);
    assert!(with_a_name(STATS.get(), "by CPU").1 <= 3);
    let sums: u64 =
        (0..STATS.get().slots()).map(|cpu| STATS.get().exclusive(cpu, |total| total.sum).unwrap()).sum();
    assert_eq!(sums + spare.load(Ordering::Relaxed), 3);
    let _ = any_rust_after_the_section(STATS.get(), 1);
    let _ = inside_a_function(STATS.get());
}
