//! Sequences over data that all CPUs share: what they read is there, on every path.
#![cfg(target_os = "linux")]

use std::time::Duration;

use perseq::registration::Registered;
use perseq::status;
use perseq_tests::limit::Limit;
use perseq_tests::skip::sequences_run;
use perseq_tests::slow_path;
use perseq_tests::structures::Shared;

/// What these tests wait for is there at once, or never.
fn soon() -> Limit {
    Limit::start(Duration::from_secs(60), "replacing a record")
}

#[test]
fn what_is_published_is_read() {
    let shared = Shared::new(1);
    for number in 1..20 {
        assert_eq!(shared.read(0), Some((number, !number)));
        assert_eq!(shared.read(Shared::BYTES), Some((number, !number)));
        shared.replace(None);
        assert_eq!(shared.read(0), None);
        shared.replace(Some(number + 1));
    }
    slow_path::passes("what_is_published_is_read");
}

/// Readers, and a writer meanwhile: what is read belongs together, and the numbers never go back.
#[test]
fn a_race_of_readers_and_a_writer_shows_no_record_that_is_given_back() {
    let _limit = soon();
    let last = if cfg!(miri) { 20 } else { 1000 };
    let shared = Shared::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < last {
                    if let Some((first, second)) = shared.read(Shared::BYTES) {
                        assert_eq!(second, !first);
                        assert!(first >= seen, "{first} after {seen}");
                        seen = first;
                    }
                    std::hint::spin_loop();
                }
            });
        }
        for number in 1..=last {
            if number % 3 == 0 {
                shared.replace(None);
            }
            shared.replace(Some(number));
        }
    });
    slow_path::passes("a_race_of_readers_and_a_writer_shows_no_record_that_is_given_back");
}

#[test]
fn a_thread_that_nobody_registered_reads_on_the_slow_path() {
    if !sequences_run() {
        return;
    }
    let _limit = soon();
    let shared = Shared::new(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(shared.read(0), Some((1, !1)));
            assert_eq!(shared.slow(), 0, "the section has read");
            let area = Registered::current().expect("a registered thread").area().as_ptr();
            // The crate goes on using this area, in which the kernel now says that no CPU is known.
            // SAFETY: registered with this length; the thread relies on it no more than a sequence does.
            unsafe { perseq_abi::sys::unregister(area, status().registered_len) }.expect("it was registered");
            assert_eq!(shared.read(0), Some((1, !1)));
            assert_eq!(shared.slow(), 1, "no section could protect it");
        });
    });
}
