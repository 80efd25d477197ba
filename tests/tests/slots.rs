//! Gates: who may pass, what happens to those who may not, and that every gate opens again.
#![cfg(target_os = "linux")]

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;

use perseq::collections::histogram::buckets;
use perseq::registration::Registered;
use perseq::section::Slots;
use perseq::{ExclusiveError, PerCpu, sequence, status};
use perseq_tests::child;
use perseq_tests::cpus::Pinned;
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::skip::sequences_run;
use perseq_tests::slow_path;
use perseq_tests::structures::{Array, Gauge, Histogram};

struct Count {
    value: u64,
}

sequence! {
    fn add(counts: &PerCpu<Count>, n: u64) {
        let value: u64 = counts.value;
        commit counts.value = value + n;
    }
}

fn counts() -> PerCpu<Count> {
    PerCpu::new(|_cpu| Count { value: 0 })
}

fn sum(counts: &PerCpu<Count>) -> u64 {
    (0..counts.slots()).map(|cpu| counts.exclusive(cpu, |count| count.value).expect("a slot")).sum()
}

/// What a panic said.
fn panic_of(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref().copied().map(str::to_owned))
        .unwrap()
}

/// What these tests wait for is there at once, or never.
fn soon() -> Limit {
    Limit::start(Duration::from_secs(30), "owning a slot")
}

#[test]
fn exclusive_inside_exclusive_of_the_same_slot_is_an_error() {
    let _limit = soon();
    let counts = counts();
    let inner = counts.exclusive(0, |_| counts.exclusive(0, |_| ())).expect("a slot");
    assert_eq!(inner, Err(ExclusiveError::Reentrant(0)));
    assert_eq!(counts.exclusive(0, |count| count.value), Ok(0), "the gate is open again");
}

#[test]
fn exclusive_inside_exclusive_of_another_slot_works() {
    let counts = counts();
    if counts.slots() > 1 {
        let inner = counts.exclusive(0, |_| counts.exclusive(1, |count| count.value = 5));
        assert_eq!(inner, Ok(Ok(())));
        assert_eq!(sum(&counts), 5);
    }
}

#[test]
fn a_sequence_inside_exclusive_of_its_own_slot_panics_and_the_gate_opens() {
    let _limit = soon();
    let pinned = Pinned::first();
    let counts = counts();
    let message = panic_of(|| {
        let _ = counts.exclusive(pinned.cpu, |_| add(&counts, 1));
    });
    assert!(message.contains("owned by this thread already"), "{message}");
    assert!(message.contains("use the `&mut`"), "it says what to write instead: {message}");
    add(&counts, 1);
    assert_eq!(sum(&counts), 1);
}

#[test]
fn a_panic_in_exclusive_opens_the_gate() {
    let _limit = soon();
    let counts = counts();
    for cpu in 0..counts.slots() {
        let message = panic_of(|| {
            let _ = counts.exclusive(cpu, |count| {
                count.value = 7;
                panic!("on purpose");
            });
        });
        assert_eq!(message, "on purpose");
        assert_eq!(counts.exclusive(cpu, |count| count.value), Ok(7));
    }
    add(&counts, 1);
    assert_eq!(sum(&counts), 7 * u64::from(counts.slots()) + 1);
}

#[test]
fn an_index_out_of_bounds_panics_as_in_a_slice_and_the_slot_stays_usable() {
    let _limit = soon();
    let array = Array::<16>::new();
    assert_eq!(panic_of(|| _ = array.get(16)), "index out of bounds: the len is 16 but the index is 16");
    assert_eq!(array.get(15), 0);
    slow_path::passes("an_index_out_of_bounds_panics_as_in_a_slice_and_the_slot_stays_usable");
}

#[test]
fn a_slot_that_does_not_exist_is_an_error() {
    let counts = counts();
    for index in [counts.slots(), counts.slots() + 1, 1 << 16, u32::MAX - 1, u32::MAX] {
        assert_eq!(counts.exclusive(index, |_| ()), Err(ExclusiveError::NoSuchSlot(index)));
        // SAFETY: there is no item.
        let recovered = unsafe { counts.recover(index, |_| ()) };
        assert_eq!(recovered, Err(ExclusiveError::NoSuchSlot(index)));
        assert!(counts.item(index).is_none());
    }
}

/// The gate and the count of guard slot `index`, which is −1 or −2.
fn guard(counts: &PerCpu<Count>, index: isize) -> *mut [u32; 4] {
    counts.base().wrapping_offset(index << <PerCpu<Count> as Slots>::SHIFT).cast()
}

#[test]
fn a_thread_that_nobody_registered_meets_a_closed_gate_and_still_adds() {
    if !sequences_run() {
        return;
    }
    let (counts, gauge, histogram) = (counts(), Gauge::new(), Histogram::new());
    let record = || {
        gauge.add(-3);
        histogram.record_n(5, 2);
    };
    let _limit = soon();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            add(&counts, 1);
            record();
            let area = Registered::current().expect("a registered thread").area().as_ptr();
            // The crate goes on using this area, in which the kernel now says that no CPU is known.
            // SAFETY: registered with this length; the thread relies on it no more than a sequence does.
            unsafe { perseq_abi::sys::unregister(area, status().registered_len) }.expect("it was registered");
            // SAFETY: the thread's own area.
            assert_eq!(unsafe { (*area).cpu_id }.cast_signed(), perseq_abi::CPU_ID_UNINITIALIZED);
            add(&counts, 10);
            record();
            assert_eq!(gauge.set(gauge.value() - 1), -6);
            for cpu in 0..counts.slots() {
                assert_eq!(counts.exclusive(cpu, |count| count.value += 100), Ok(()));
            }
        });
    });
    assert_eq!(sum(&counts), 11 + 100 * u64::from(counts.slots()));
    let snapshot = histogram.snapshot();
    assert_eq!((gauge.value(), snapshot.count(), snapshot.sum()), (-7, 4, 20));
    for index in [-1, -2] {
        // SAFETY: guard slots can be read.
        assert_eq!(unsafe { *guard(&counts, index) }, [0; 4], "guard slot {index}");
    }
}

/// A fine histogram: a CPU's part of it is 1.7 MiB.
static LARGE: perseq::Histogram<{ buckets(12) }> = perseq::Histogram::new();

/// Pages of this process that are in memory.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("a file of /proc");
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number")
}

#[test]
fn a_large_histogram_takes_the_pages_that_are_used_and_no_stack() {
    const NAME: &str = "a_large_histogram_takes_the_pages_that_are_used_and_no_stack";
    if !child::is_child(NAME) {
        // In a process of its own, whose memory no other test changes.
        return child::run(NAME, &[]).assert_success();
    }
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let thread = small.spawn(|| {
        // What the first record in any histogram takes.
        perseq::Histogram::<{ buckets(3) }>::new().record(1);
        let before = resident();
        for value in [1000, 1_000_000] {
            LARGE.record(value);
        }
        resident() - before
    });
    let grown = thread.expect("a thread").join().expect("a stack that is large enough");
    assert!(grown <= 64, "{grown} pages for two values");
    let snapshot = LARGE.snapshot();
    assert_eq!((snapshot.count(), snapshot.sum()), (2, 1_001_000));
}

#[test]
fn a_store_to_a_guard_slot_is_a_fault() {
    const NAME: &str = "a_store_to_a_guard_slot_is_a_fault";
    if child::is_child(NAME) {
        child::expect_to_die();
        // What a section without a gate would do on a thread that nobody registered.
        // SAFETY: none: it is the fault that is asked for.
        unsafe { guard(&counts(), -1).cast::<u32>().write_volatile(1) };
        return;
    }
    let ended = child::run(NAME, &[]);
    assert_eq!(ended.status.signal(), Some(libc::SIGSEGV), "{ended:?}");
}

#[test]
fn a_slot_whose_owner_died_in_a_change_is_abandoned_until_it_is_recovered() {
    // In a process of its own, as a thread dies here in a way that libc and the crate cannot notice.
    const NAME: &str = "a_slot_whose_owner_died_in_a_change_is_abandoned_until_it_is_recovered";
    if !child::is_child(NAME) {
        return child::run(NAME, &[]).assert_success();
    }
    let _limit = soon();
    let pinned = Pinned::first();
    let counts: &PerCpu<Count> = Box::leak(Box::new(counts()));
    let (tell, told) = channel();
    let cpu = pinned.cpu;
    std::thread::spawn(move || {
        let _ = counts.exclusive(cpu, |count| {
            count.value = 5;
            tell.send(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs())
                .expect("somebody listens");
            // SAFETY: ends this thread at once, without unwinding. Its stack stays.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        });
    });
    let owner = told.recv().expect("the owner says who it is");
    assert!(eventually(Duration::from_secs(10), || !perseq_abi::sys::thread_exists(owner)), "it died");
    assert_eq!(counts.exclusive(cpu, |count| count.value), Err(ExclusiveError::Abandoned(cpu)));
    assert!(panic_of(|| add(counts, 1)).contains("PerCpu::recover"), "a sequence says what to do");
    // SAFETY: any number is a count.
    let recover = || unsafe { counts.recover(cpu, |count| count.value) };
    assert_eq!(recover(), Ok(5), "what it did before it died stays");
    assert_eq!(recover(), Err(ExclusiveError::NotAbandoned(cpu)));
    add(counts, 1);
    assert_eq!(counts.exclusive(cpu, |count| count.value), Ok(6));
    let others: u64 = std::thread::scope(|scope| scope.spawn(|| sum(counts)).join().expect("no panic"));
    assert_eq!(others, 6);
}
