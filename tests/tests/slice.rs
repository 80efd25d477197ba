//! The time slice extension, by the kernel's protocol, where there is one and where there is none.
#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use perseq::registration::Registered;
use perseq::slice::extend;
use perseq_abi::slice::SliceCtrl;
use perseq_tests::cpus::{Pinned, move_to};
use perseq_tests::skip::{say, skip};

/// What stands in the thread's area, if it can ask for extensions.
fn ctrl() -> Option<SliceCtrl> {
    let me = Registered::current().filter(|_| perseq::status().slice)?;
    // SAFETY: the thread's own area, which has this field where the extension exists.
    Some(unsafe { (&raw const (*me.area().as_ptr()).slice_ctrl).read_volatile() })
}

#[test]
fn the_closure_runs_once_and_its_result_is_returned() {
    let mut runs = 0;
    let result = extend(|| {
        runs += 1;
        extend(|| runs += 1);
        "done"
    });
    assert_eq!((result, runs), ("done", 2));
}

#[test]
fn the_request_stands_as_long_as_the_outermost_closure() {
    let Some(before) = ctrl() else {
        return skip("slice", "the kernel has no time slice extension for this thread");
    };
    assert_eq!(before, SliceCtrl::default());
    // Either it still stands, or it was granted, or that is over already; it is not asked for twice.
    let asked = || (0..1000).filter(|_| extend(|| ctrl().is_some_and(|ctrl| ctrl.request == 1))).count();
    assert!(asked() > 900);
    extend(|| {
        extend(|| ());
        let ctrl = ctrl().expect("as before");
        assert!(ctrl.request == 1 || ctrl.granted == 1 || ctrl == SliceCtrl::default());
    });
    assert_eq!(ctrl(), Some(SliceCtrl::default()));
    let panic = catch_unwind(AssertUnwindSafe(|| extend(|| panic!("inside"))));
    assert!(panic.is_err());
    assert_eq!(ctrl(), Some(SliceCtrl::default()));
}

#[test]
fn extensions_are_granted_and_given_back() {
    if ctrl().is_none() {
        return skip("slice", "the kernel has no time slice extension for this thread");
    }
    let pinned = Pinned::first();
    let cpu = pinned.cpu;
    static STOP: AtomicBool = AtomicBool::new(false);
    // Wakes up again and again on the same CPU, and then wants it.
    let neighbour = thread::spawn(move || {
        move_to(cpu);
        while !STOP.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_micros(50));
            let until = Instant::now() + Duration::from_micros(20);
            while Instant::now() < until {}
        }
    });
    let (mut granted, mut runs) = (0u64, 0u64);
    let deadline = Instant::now() + Duration::from_secs(20);
    while granted < 10 && Instant::now() < deadline {
        runs += 1;
        granted += extend(|| {
            (0..200).for_each(|_| std::hint::spin_loop());
            u64::from(ctrl_of_this_thread().granted)
        });
    }
    STOP.store(true, Ordering::Relaxed);
    neighbour.join().expect("the neighbour ends");
    say(format_args!("slice extensions: {granted} of {runs} granted"));
    assert!(granted >= 10, "{granted} of {runs} granted");
    assert_eq!(ctrl(), Some(SliceCtrl::default()));
}

/// [`ctrl`] without asking anything of the kernel: a system call ends an extension.
fn ctrl_of_this_thread() -> SliceCtrl {
    let me = Registered::current().expect("registered");
    // SAFETY: as in `ctrl`, which was asked before.
    unsafe { (&raw const (*me.area().as_ptr()).slice_ctrl).read_volatile() }
}
