//! Many members, several domains, and members that are judged while others come.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use perseq_rcu::GraceError;
use perseq_rcu::shared::SharedDomain;
use perseq_tests::limit::eventually;

use perseq_tests::forked::{Forked, Signal, sleep};

use super::{LATER, SOON, alone, shared};

#[test]
fn hundreds_of_members_are_waited_for_and_go() {
    const READERS: u32 = 200;
    let _alone = alone(120, "hundreds of members");
    let domain = SharedDomain::memfd(READERS + 1).unwrap();
    let inside: &AtomicU32 = shared();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            Forked::new(|| {
                let _guard = domain.read();
                inside.fetch_add(1, Ordering::Relaxed);
                sleep();
            })
        })
        .collect();
    assert!(eventually(LATER, || inside.load(Ordering::Relaxed) == READERS));
    assert_eq!(domain.members(), READERS + 1);
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else { panic!("it did not wait") };
    assert_eq!((stall.readers, stall.processes.len()), (READERS.into(), READERS as usize), "{stall}");
    readers.iter().for_each(Forked::kill);
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(domain.members(), 1);
    drop(readers);
}

#[test]
fn a_report_names_who_is_stopped_and_not_who_is_dead() {
    let _alone = alone(60, "a report");
    let domain = SharedDomain::memfd(4).unwrap();
    let [entered, leave] = [Signal::new(), Signal::new()];
    let reader = || {
        let reader = Forked::new(|| {
            let guard = domain.read();
            entered.give();
            leave.wait();
            drop(guard);
            sleep();
        });
        entered.wait();
        reader
    };
    // In this order: who holds the grace period up comes first.
    let (stopped, killed) = (reader(), reader());
    // SAFETY: a child that was not waited for.
    unsafe { libc::kill(stopped.id().cast_signed(), libc::SIGSTOP) };
    drop(killed);
    let Err(GraceError::Stalled(stall)) = domain.synchronize_within(SOON) else { panic!("it did not wait") };
    let names: Vec<_> = stall.processes.iter().map(|(process, more)| (*process, *more)).collect();
    assert_eq!(names, [(stopped.id(), 1)], "{stall}");
    assert_eq!(stall.readers, 1, "{stall}");
    leave.give();
    assert!(domain.synchronize_within(SOON).is_err());
    // SAFETY: as above.
    unsafe { libc::kill(stopped.id().cast_signed(), libc::SIGCONT) };
    domain.synchronize_within(LATER).unwrap();
    assert_eq!(domain.members(), 2);
}

#[test]
fn readers_of_one_domain_do_not_hold_up_another() {
    let _alone = alone(60, "two domains");
    let domains = [SharedDomain::memfd(3).unwrap(), SharedDomain::memfd(3).unwrap()];
    let [entered, leave] = [Signal::new(), Signal::new()];
    let reader = Forked::new(|| {
        let guard = domains[0].read();
        entered.give();
        leave.wait();
        drop(guard);
        // It is a member of both.
        assert_eq!(domains.map(SharedDomain::members), [2, 2]);
    });
    entered.wait();
    domains[1].synchronize_within(LATER).unwrap();
    assert!(domains[0].synchronize_within(SOON).is_err());
    leave.give();
    assert_eq!(reader.wait(), 0);
    domains[0].synchronize_within(LATER).unwrap();
}

#[test]
fn who_is_judged_all_the_time_is_counted_right_and_its_row_is_found_free() {
    let _alone = alone(120, "rows that are judged");
    // One row to be taken, by one child after the other.
    let domain = SharedDomain::memfd(3).unwrap();
    let ready = Signal::new();
    // Another process judges, as this one does by several threads.
    let judge = Forked::new(|| {
        ready.give();
        let wrong = std::iter::repeat_with(|| domain.members()).find(|members| !(2..=3).contains(members));
        panic!("{wrong:?} members");
    });
    ready.wait();
    let (done, since) = (AtomicBool::new(false), Instant::now());
    let goes_on = || !done.load(Ordering::Relaxed) && since.elapsed() < LATER;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while goes_on() {
                    let members = domain.members();
                    assert!((2..=3).contains(&members), "{members} members");
                }
            });
        }
        scope.spawn(|| {
            while goes_on() {
                domain.synchronize_within(LATER).unwrap();
            }
        });
        for _ in 0..100 {
            let child = Forked::new(|| (0..100).for_each(|_| drop(domain.read())));
            assert_eq!(child.wait(), 0);
        }
        done.store(true, Ordering::Relaxed);
    });
    // It is judging still.
    assert!(judge.is_running());
}
