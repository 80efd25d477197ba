//! Lists and maps are read in a signal handler, whatever the thread was doing when the signal came.
#![cfg(all(target_os = "linux", not(miri)))]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perseq_rcu::{Flavor, HashMap, List, flavor};

flavor! { struct Handled; }

static LIST: List<u64, Handled> = List::with_flavor(Handled);
static MAP: LazyLock<HashMap<u64, u64, std::hash::RandomState, Handled>> =
    LazyLock::new(|| HashMap::with_flavor(Handled));
static HANDLED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

const SIGNALS: usize = 2_000;
const LONGEST: Duration = Duration::from_secs(60);

extern "C" fn read_all(_signal: libc::c_int) {
    let guard = Handled::read();
    let first = LIST.iter(&guard).any(|entry| *entry == 0);
    let found = MAP.get(&0, &guard) == Some(&0);
    WRONG.fetch_add(usize::from(!first || !found), Relaxed);
    HANDLED.fetch_add(1, Relaxed);
}

#[test]
fn a_handler_reads_what_the_thread_that_it_interrupts_is_changing() {
    LIST.push_back(0);
    MAP.insert(0, 0, &Handled::read());
    // SAFETY: the handler does what is async-signal-safe: it reads, and adds to two counts.
    let installed = unsafe {
        let handler: extern "C" fn(libc::c_int) = read_all;
        libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t)
    };
    assert_ne!(installed, libc::SIG_ERR);

    // SAFETY: always safe.
    let target = unsafe { libc::pthread_self() };
    let finished = AtomicBool::new(false);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for sent in 0..SIGNALS {
                // SAFETY: the thread waits for this one, so it is there.
                unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
                // One at a time: those that are pending become one.
                while HANDLED.load(Relaxed) <= sent && began.elapsed() < LONGEST {
                    std::hint::spin_loop();
                }
            }
            finished.store(true, Relaxed);
        });
        let mut key = 1;
        while !finished.load(Relaxed) {
            let guard = Handled::read();
            // Grows now and then, and is emptied again.
            MAP.insert(key, key, &guard);
            LIST.push_front(key);
            if key % 2000 == 0 {
                MAP.retain(|key, _| *key == 0);
                LIST.remove_if(|key| *key != 0);
            } else if key % 2 == 0 {
                MAP.remove(&(key / 2), &guard);
                LIST.pop_front(&guard);
            }
            key += 1;
        }
    });
    assert_eq!((HANDLED.load(Relaxed), WRONG.load(Relaxed)), (SIGNALS, 0));
    Handled::domain().barrier();
}
