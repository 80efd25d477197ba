//! Threads that end, signals, and code before `main`.

use std::cell::RefCell;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use perseq_rcu::{Domain, GraceError, ReadGuard, Stall};
use perseq_tests::child;
use perseq_tests::slow_path;

use crate::{domain, soon};

/// The report of a grace period that is held up.
fn stall(domain: &'static Domain) -> Option<Stall> {
    match domain.synchronize_within(Duration::from_millis(30)) {
        Err(GraceError::Stalled(stall)) => Some(stall),
        _ => None,
    }
}

#[test]
fn a_thread_that_ends_as_a_reader_is_told_of() {
    let (domain, _limit) = (domain(), soon());
    let (sender, reports) = channel();
    domain.on_stall(Duration::from_millis(5), move |stall| _ = sender.send(stall.clone()));
    domain.synchronize();
    for readers in 1..=3 {
        std::thread::spawn(|| std::mem::forget(domain.read())).join().expect("no panic");
        let stall = stall(domain).expect("it never leaves");
        assert!(stall.elapsed >= Duration::from_millis(30), "{stall}");
        for stall in [stall, reports.recv().expect("it was told")] {
            assert_eq!(stall.readers, readers, "{stall}");
            let sum = stall.cpus.values().sum::<i64>() + stall.elsewhere;
            assert_eq!(sum.cast_unsigned(), readers, "{stall}");
        }
        while let Ok(stall) = reports.try_recv() {
            assert_eq!(stall.readers, readers);
        }
    }
    // Of another domain nobody is.
    crate::domain().synchronize();
    slow_path::passes("moments::a_thread_that_ends_as_a_reader_is_told_of");
}

#[test]
fn readers_that_came_later_hold_up_no_grace_period() {
    let (domain, _limit) = (domain(), soon());
    let first = domain.read();
    let state = domain.state();
    assert!(!domain.poll(state) && !domain.poll(state));
    let later = domain.read();
    drop(first);
    assert!(domain.poll(state) || domain.poll(state), "the later one is not waited for");
    // But it is by the next.
    let state = domain.state();
    assert!(!domain.poll(state) && !domain.poll(state));
    drop(later);
    assert!(domain.poll(state) || domain.poll(state));
}

#[test]
fn a_guard_may_be_dropped_by_another_thread() {
    let (domain, _limit) = (domain(), soon());
    let guard = domain.read();
    assert_eq!(stall(domain).map(|stall| stall.readers), Some(1));
    std::thread::spawn(move || drop(guard)).join().expect("no panic");
    domain.synchronize();
}

static HANDLED: AtomicPtr<Domain> = AtomicPtr::new(null_mut());

extern "C" fn reads(_signal: i32) {
    // SAFETY: a domain that is never freed.
    drop(unsafe { &*HANDLED.load(Ordering::Relaxed) }.read());
}

#[test]
fn a_signal_handler_may_be_the_first_to_read_a_domain() {
    let _limit = soon();
    // SAFETY: zeros are a valid `sigaction`, and the handler has the type of one without SA_SIGINFO.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = reads as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, null_mut()), 0);
    }
    for _ in 0..100 {
        let domain = domain();
        HANDLED.store(std::ptr::from_ref(domain).cast_mut(), Ordering::Relaxed);
        // SAFETY: it is handled, by a handler that reads.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
        domain.synchronize();
        let reading = domain.read();
        assert_eq!(stall_at_once(domain), Some(1));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
        drop(reading);
        domain.synchronize();
    }
}

fn stall_at_once(domain: &'static Domain) -> Option<u64> {
    match domain.synchronize_within(Duration::ZERO) {
        Err(GraceError::Stalled(stall)) => Some(stall.readers),
        _ => None,
    }
}

static AT_THE_END: Domain = Domain::new();
static READ_AT_THE_END: AtomicU64 = AtomicU64::new(0);

struct ReadsWhenDropped(RefCell<Option<ReadGuard>>);

impl Drop for ReadsWhenDropped {
    fn drop(&mut self) {
        drop(AT_THE_END.read());
        AT_THE_END.synchronize_within(Duration::ZERO).expect_err("there is a reader in this value");
        drop(self.0.take());
        AT_THE_END.synchronize();
        AT_THE_END.defer(|| _ = READ_AT_THE_END.fetch_add(1, Ordering::Relaxed));
        AT_THE_END.barrier();
    }
}

thread_local! {
    static VALUE: ReadsWhenDropped = ReadsWhenDropped(RefCell::new(Some(AT_THE_END.read())));
}

#[test]
fn destructors_of_threads_read_and_write() {
    let _limit = soon();
    for _ in 0..20 {
        std::thread::spawn(|| VALUE.with(|value| assert!(value.0.borrow().is_some())))
            .join()
            .expect("no panic");
    }
    assert_eq!(READ_AT_THE_END.load(Ordering::Relaxed), 20);
    AT_THE_END.synchronize();
    slow_path::passes("moments::destructors_of_threads_read_and_write");
}

static BEFORE_MAIN: Domain = Domain::new();
static RAN: AtomicBool = AtomicBool::new(false);

/// Before the library's own constructor, which has priority 99; in the process only that the test starts.
#[used]
#[unsafe(link_section = ".init_array.00001")]
static FIRST: extern "C" fn() = {
    extern "C" fn first() {
        // SAFETY: the name is a C string, and nobody changes the environment before `main`.
        if unsafe { libc::getenv(c"PERSEQ_TEST_BEFORE_MAIN".as_ptr()) }.is_null() {
            return;
        }
        std::mem::forget(BEFORE_MAIN.read());
        drop(BEFORE_MAIN.read());
        RAN.store(true, Ordering::Relaxed);
    }
    first
};

#[test]
fn what_reads_before_main_is_waited_for() {
    const NAME: &str = "moments::what_reads_before_main_is_waited_for";
    if child::is_child(NAME) {
        assert!(RAN.load(Ordering::Relaxed));
        assert_eq!(stall(&BEFORE_MAIN).map(|stall| stall.readers), Some(1));
    } else {
        // A guard of this process is none of a program that it starts.
        let _reading = BEFORE_MAIN.read();
        child::run(NAME, &[("PERSEQ_TEST_BEFORE_MAIN", "1")]).assert_success();
        child::run(NAME, &[("PERSEQ_TEST_BEFORE_MAIN", "1"), ("PERSEQ", "off")]).assert_success();
    }
}
