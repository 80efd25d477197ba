//! Rings in every state that others may leave them in: an event is there, whole, or was counted as lost; and nobody panics or waits in vain.
#![cfg(all(target_os = "linux", not(miri)))]

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perseq_tests::child;
use perseq_tests::cpus::Pinned;
use perseq_tests::forked::{Forked, Signal, sleep};
use perseq_tests::limit::Limit;
use perseq_tests::structures::trace::Trace;
use perseq_trace::Mode;

const SIZE: u64 = 8192;
const SUB: u64 = 1024;

/// One test at a time, as there is one mode; on one CPU, where the ring is empty.
struct Alone {
    pinned: Pinned,
    trace: Trace,
    _alone: MutexGuard<'static, ()>,
    _limit: Limit,
}

impl Alone {
    fn new(mode: Mode) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (pinned, trace) = (Pinned::first(), Trace::new());
        trace.rings().common().mode.store(mode as u32, Ordering::Relaxed);
        trace.begin(pinned.cpu, SIZE, SUB, SUB);
        Self { pinned, trace, _alone, _limit: Limit::start(Duration::from_secs(60), "rings") }
    }

    /// How many events there are, all of them whole.
    fn read(&self) -> u64 {
        let mut events = 0;
        self.trace.read(self.pinned.cpu, |event| {
            assert!(event.fill.is_some(), "a torn event");
            events += 1;
        });
        events
    }

    /// Where the ring is written.
    fn head(&self) -> u64 {
        self.trace.rings().exclusive(self.pinned.cpu, |ring| ring.head).unwrap()
    }

    fn completed(&self) -> u32 {
        self.trace.rings().common().completed.load(Ordering::Relaxed)
    }
}

#[test]
fn the_reader_is_told_of_a_sub_buffer_that_events_fill_to_the_last_byte() {
    let alone = Alone::new(Mode::Discard);
    for sub_buffers in 0..7 {
        alone.trace.record_word(1);
        assert_eq!(alone.completed(), sub_buffers);
        (1..SUB / 16).for_each(|_| alone.trace.record_word(1));
    }
    assert_eq!((alone.read(), alone.trace.lost()), (7 * SUB / 16, 0));
}

#[test]
fn a_ring_that_is_closed_loses_events_without_delay() {
    let alone = Alone::new(Mode::Block);
    alone.trace.record_word(1);
    let close = |ring: &mut perseq_trace::ring::Ring| (ring.limit, ring.sub) = (ring.head, 0);
    alone.trace.rings().exclusive(alone.pinned.cpu, close).unwrap();
    let (head, completed, since) = (alone.head(), alone.completed(), Instant::now());
    (0..100).for_each(|_| alone.trace.record_words(3, 1));
    assert_eq!((alone.trace.lost(), alone.head(), alone.completed()), (100, head, completed));
    assert!(since.elapsed() < Duration::from_secs(5), "it has waited");
}

#[test]
fn rings_that_nobody_reads_any_more_lose_events_without_delay() {
    let alone = Alone::new(Mode::Block);
    alone.trace.rings().common().size.store(0, Ordering::Relaxed);
    let since = Instant::now();
    (0..100).for_each(|_| alone.trace.record_word(1));
    assert_eq!((alone.read(), alone.trace.lost()), (64, 36));
    assert!(since.elapsed() < Duration::from_secs(5), "it has waited");
}

#[test]
fn an_event_larger_than_a_sub_buffer_is_lost_and_takes_no_room() {
    for mode in [Mode::Discard, Mode::Block, Mode::Overwrite] {
        let alone = Alone::new(mode);
        alone.trace.begin(alone.pinned.cpu, SIZE, 256, 100 / 8 * 8);
        let head = alone.head();
        alone.trace.record_words(32, 1);
        assert_eq!((alone.trace.lost(), alone.head()), (1, head), "{mode:?}");
        alone.trace.record_words(31, 1);
        assert_eq!((alone.trace.lost(), alone.read()), (1, 1), "{mode:?}");
    }
}

#[test]
fn who_waits_for_room_waits_longer_than_it_tries() {
    let alone = Alone::new(Mode::Block);
    let full = SIZE / 16;
    (0..full).for_each(|_| alone.trace.record_word(1));
    std::thread::scope(|scope| {
        // It stays on this CPU, as its parent does.
        let waits = scope.spawn(|| {
            alone.trace.record_word(2);
        });
        // The reader is late, by more than all attempts take.
        std::thread::sleep(Duration::from_secs(1));
        assert!(!waits.is_finished());
        assert_eq!(alone.read(), full);
        waits.join().unwrap();
    });
    assert_eq!((alone.read(), alone.trace.lost()), (1, 0));
}

#[test]
fn the_reader_does_not_wait_for_itself() {
    let alone = Alone::new(Mode::Block);
    // SAFETY: a system call.
    let thread = unsafe { libc::gettid() };
    alone.trace.rings().common().reader.store(thread, Ordering::Relaxed);
    let since = Instant::now();
    (0..SIZE / 16 + 3).for_each(|_| alone.trace.record_word(1));
    assert_eq!((alone.read(), alone.trace.lost()), (SIZE / 16, 3));
    assert!(since.elapsed() < Duration::from_secs(5), "it has waited");
}

#[test]
fn errno_is_kept_where_there_is_no_room() {
    let alone = Alone::new(Mode::Block);
    (0..SIZE / 16).for_each(|_| alone.trace.record_word(1));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            alone.read();
        });
        // SAFETY: that of the calling thread.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as above.
        unsafe { *errno = 77 };
        alone.trace.record_word(1);
        // SAFETY: as above.
        assert_eq!(unsafe { *errno }, 77);
    });
}

#[test]
fn the_child_of_a_fork_that_is_no_member_never_panics() {
    let alone = Alone::new(Mode::Discard);
    // As many members as there may be.
    let rings = perseq_trace::ring::Rings::join(alone.trace.rings().file());
    let others: Vec<_> = std::iter::once(rings)
        .chain((0..6).map(|_| perseq_trace::ring::Rings::join(alone.trace.rings().file())))
        .collect();
    assert!(others.iter().all(Result::is_ok));
    let child = Forked::new(|| {
        assert_eq!(alone.trace.rings().membership().member(), None);
        (0..1000).for_each(|_| alone.trace.record_word(1));
    });
    assert_eq!(child.wait(), 0);
    let (events, lost) = (alone.read(), alone.trace.lost());
    assert_eq!(events + lost, 1000);
    assert!(perseq::status().reason.is_some() || events == SIZE / 16, "{events}");
}

#[test]
fn a_ring_whose_owner_was_killed_loses_events_until_it_is_made_anew() {
    let alone = Alone::new(Mode::Discard);
    let owned = Signal::new();
    let child = Forked::new(|| {
        let _ = alone.trace.rings().exclusive(alone.pinned.cpu, |_| {
            owned.give();
            sleep();
        });
    });
    owned.wait();
    drop(child);
    (0..10).for_each(|_| alone.trace.record_words(3, 1));
    assert_eq!(alone.trace.lost(), 10);
    // SAFETY: what the child has changed was nothing.
    unsafe { alone.trace.rings().recover(alone.pinned.cpu, |_| ()) }.unwrap();
    alone.trace.record_words(3, 1);
    assert_eq!((alone.read(), alone.trace.lost()), (1, 10));
}

#[test]
fn without_restartable_sequences_it_is_the_same() {
    const NAME: &str = "without_restartable_sequences_it_is_the_same";
    if child::is_child(NAME) {
        assert!(perseq::status().reason.is_some());
        the_reader_is_told_of_a_sub_buffer_that_events_fill_to_the_last_byte();
        a_ring_that_is_closed_loses_events_without_delay();
        rings_that_nobody_reads_any_more_lose_events_without_delay();
        an_event_larger_than_a_sub_buffer_is_lost_and_takes_no_room();
        who_waits_for_room_waits_longer_than_it_tries();
        errno_is_kept_where_there_is_no_room();
        the_child_of_a_fork_that_is_no_member_never_panics();
        a_ring_whose_owner_was_killed_loses_events_until_it_is_made_anew();
    } else {
        child::run(NAME, &[("PERSEQ", "off")]).assert_success();
    }
}
