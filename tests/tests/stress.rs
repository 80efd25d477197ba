//! Sums stay exact whatever happens to the threads that add.
#![cfg(target_os = "linux")]

use std::sync::Barrier;
use std::time::Instant;

use perseq::Counter;
use perseq::collections::histogram::buckets;
use perseq_tests::cpus::{Hotplug, allowed};
use perseq_tests::skip::{sequences_run, skip};
use perseq_tests::stress::Disturbance::{
    self, Churn, Exclusive, Forks, Hotplug as Offline, Migration, Resets, Signals,
};
use perseq_tests::stress::subjects::{
    self, Misplaced, Strayed, TornLocks, TornTraces, Trespassed, Unfenced, UnfencedReadings, Unprotected,
};
use perseq_tests::stress::{Outcome, Subject, duration, run};
use perseq_tests::structures::{Gauge, Tally, Twins};

/// Puts every structure under `disturbances`.
fn sums_are_exact(disturbances: &[Disturbance]) {
    are_exact(&subjects::all(), disturbances);
    if !disturbances.iter().any(|disturbance| matches!(disturbance, Signals | Forks)) {
        are_exact(&subjects::waiting(), disturbances);
    }
    if !disturbances.contains(&Forks) {
        are_exact(&subjects::shared(), disturbances);
    }
}

fn are_exact(subjects: &[Box<dyn Subject>], disturbances: &[Disturbance]) {
    let subjects: Vec<&dyn Subject> = subjects.iter().map(|subject| &**subject).collect();
    for Outcome { name, expected, found } in run(&subjects, disturbances) {
        assert!(expected > 0, "nothing was done to {name}");
        assert_eq!(found, expected, "{name} under {disturbances:?}");
    }
}

/// How often a control is given the chance to fail. It nearly always takes one; on an emulated machine that does other work too it may
/// take some more.
const CHANCES: u32 = 20;

/// Puts a structure that lacks something under `disturbances`, until that shows.
fn sum_is_wrong<S: Subject + Default>(disturbances: &[Disturbance]) {
    let is_wrong = |_| {
        let outcomes = run(&[&S::default()], disturbances);
        outcomes.iter().any(|Outcome { expected, found, .. }| found != expected)
    };
    let name = S::default().name();
    assert!(
        (0..CHANCES).any(is_wrong),
        "{name} under {disturbances:?} cannot be right: the stress is too weak"
    );
}

#[test]
fn sums_are_exact_when_signal_handlers_add_too() {
    sums_are_exact(&[Signals]);
}

#[test]
fn sums_are_exact_when_threads_are_moved_between_cpus() {
    sums_are_exact(&[Migration]);
}

#[test]
fn sums_are_exact_when_other_threads_own_slots_for_a_while() {
    sums_are_exact(&[Exclusive, Exclusive]);
}

#[test]
fn sums_are_exact_when_they_are_reset_meanwhile() {
    sums_are_exact(&[Resets, Resets, Migration]);
}

#[test]
fn sums_are_exact_when_threads_come_and_go() {
    sums_are_exact(&[Churn, Churn]);
}

#[test]
fn every_gate_is_usable_in_children_forked_while_others_own_slots() {
    sums_are_exact(&[Forks, Exclusive, Exclusive]);
}

#[test]
fn sums_are_exact_under_everything_at_once() {
    sums_are_exact(&[Signals, Migration, Exclusive, Resets, Churn, Forks]);
}

#[test]
fn sums_are_exact_when_a_cpu_goes_offline_and_comes_back() {
    // The stress itself asks again, for as long as it lasts.
    match Hotplug::last_cpu().map(drop) {
        Err(why) => skip("hotplug", why),
        Ok(()) => sums_are_exact(&[Offline, Migration, Exclusive]),
    }
}

#[test]
fn the_slot_of_a_cpu_that_is_offline_can_be_owned() {
    let hotplug = match Hotplug::last_cpu() {
        Ok(hotplug) => hotplug,
        Err(why) => return skip("hotplug", why),
    };
    let tally = Tally::new();
    tally.add_to(hotplug.cpu(), 1);
    hotplug.set_online(false).expect("a CPU that can be taken away");
    assert!(perseq::cpu::online().is_some_and(|online| !online.contains(hotplug.cpu())));
    tally.add(10);
    tally.add_to(hotplug.cpu(), 100);
    hotplug.set_online(true).expect("a CPU that can come back");
    assert_eq!(tally.sum(), 111);
}

#[test]
fn a_vector_runs_on_a_cpu_that_is_offline() {
    let hotplug = match Hotplug::last_cpu() {
        Ok(hotplug) => hotplug,
        Err(why) => return skip("hotplug", why),
    };
    let twins = Twins::new();
    assert!(twins.add_to(hotplug.cpu(), 1));
    hotplug.set_online(false).expect("a CPU that can be taken away");
    assert!(perseq::cpu::online().is_some_and(|online| !online.contains(hotplug.cpu())));
    assert!(twins.add_to(hotplug.cpu(), 10));
    hotplug.set_online(true).expect("a CPU that can come back");
    assert_eq!(twins.sum_of(hotplug.cpu()), 11);
}

#[test]
fn the_first_additions_of_many_threads_are_all_counted() {
    let until = Instant::now() + duration();
    while Instant::now() < until {
        let (counter, histogram, start) =
            (Counter::new(), perseq::Histogram::<{ buckets(3) }>::new(), Barrier::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    (0..10).for_each(|value| {
                        counter.add(1);
                        histogram.record(value);
                    });
                });
            }
        });
        assert_eq!(counter.sum(), 40);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.sum()), (40, 180));
    }
}

/// Sets something again and again while another thread does, each to its own value; says how often it was found at what neither
/// can have left.
fn wrong_values(set: impl Fn(i64) + Sync, add: impl Fn(i64), value: impl Fn() -> i64) -> u64 {
    const MINE: i64 = 2000;
    const THEIRS: i64 = 1000;
    // It shows at once; other tests want the CPUs too.
    let until = Instant::now() + duration() / 4;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < until {
                (0..100).for_each(|_| set(THEIRS));
            }
        });
        let mut wrong = 0;
        while Instant::now() < until {
            for _ in 0..100 {
                set(MINE);
                add(1);
                wrong += u64::from(![MINE + 1, THEIRS, THEIRS + 1].contains(&value()));
            }
        }
        wrong
    })
}

#[test]
fn a_gauge_is_set_by_one_thread_at_a_time_and_read_by_none_meanwhile() {
    let gauge = Gauge::new();
    let set = |value| {
        gauge.set(value);
    };
    assert_eq!(wrong_values(set, |n| gauge.add(n), || gauge.value()), 0);
}

#[test]
fn the_same_sets_leave_wrong_values_in_what_lets_all_threads_set_at_once() {
    if several_cpus() {
        let counter = Counter::new();
        let set = |value: i64| {
            counter.reset();
            counter.add(value.cast_unsigned());
        };
        let add = |n: i64| counter.add(n.cast_unsigned());
        assert!((0..CHANCES).any(|_| wrong_values(set, add, || counter.sum().cast_signed()) > 0));
    }
}

#[test]
fn the_same_stress_makes_an_unprotected_count_lose_updates() {
    sum_is_wrong::<Unprotected>(&[Signals, Migration]);
}

#[test]
fn the_same_stress_makes_a_lock_without_a_sequence_let_two_in() {
    sum_is_wrong::<TornLocks>(&[Signals, Migration]);
}

#[test]
fn the_same_stress_makes_a_tracer_without_a_sequence_lose_events() {
    sum_is_wrong::<TornTraces>(&[Signals, Migration]);
}

#[test]
fn events_are_read_once_or_counted_under_everything_but_forks() {
    are_exact(&subjects::shared(), &[Signals, Migration, Exclusive, Resets, Churn]);
}

/// For controls that need a slot to be changed from another CPU.
fn several_cpus() -> bool {
    let several = allowed().len() > 1;
    if !several {
        skip("cpus", "there is only one");
    }
    several
}

#[test]
fn the_same_stress_makes_a_write_past_the_gate_lose_updates() {
    if several_cpus() {
        sum_is_wrong::<Trespassed>(&[Exclusive, Exclusive]);
    }
}

#[test]
fn the_same_stress_makes_operations_on_a_word_of_another_cpu_lose_updates() {
    // On the slow path the other CPU would have to come between a load and a store that follows at once.
    if several_cpus() && sequences_run() {
        sum_is_wrong::<Misplaced>(&[Signals, Migration]);
    }
}

#[test]
fn the_same_stress_makes_an_owner_without_a_fence_lose_updates() {
    // Without sections there is nobody to fence.
    if several_cpus() && sequences_run() {
        sum_is_wrong::<Unfenced>(&[Exclusive, Exclusive]);
    }
}

#[test]
fn the_same_stress_shows_a_shared_record_that_was_given_back_without_a_fence() {
    // Without sections all readers hold a lock.
    if several_cpus() && sequences_run() {
        sum_is_wrong::<UnfencedReadings>(&[Exclusive, Exclusive]);
    }
}

#[test]
fn the_same_stress_makes_vectors_under_other_gates_lose_updates() {
    // On the slow path the other CPU would have to come between a load and a store that follows at once.
    if several_cpus() && sequences_run() {
        sum_is_wrong::<Strayed>(&[Exclusive, Exclusive]);
    }
}
