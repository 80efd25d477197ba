//! The disturbances.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};

use super::fork::{How, child};
use super::{Disturbance, Run};
use crate::cpus::{Hotplug, allowed, move_to};

/// Disturbs `run` until it is over.
pub(super) fn disturb(run: &Run<'_>, disturbance: Disturbance) {
    match disturbance {
        // Each worker has a timer of its own.
        Disturbance::Signals => {}
        Disturbance::Migration => migrate(run),
        Disturbance::Exclusive => change_parts(run),
        Disturbance::Resets => reset(run),
        Disturbance::Churn => churn(run),
        Disturbance::Forks => fork(run),
        Disturbance::Hotplug => hotplug(run),
    }
}

fn migrate(run: &Run<'_>) {
    let cpus = allowed();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    while !run.over() {
        let workers = run.workers.lock().expect("no panic with the lock").clone();
        for worker in workers {
            let mut set = CpuSet::new();
            set.set(cpus[random.below(cpus.len())] as usize);
            // It may have ended, or the CPU may be offline at the moment.
            let _ = sched_setaffinity(Some(worker), &set);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn change_parts(run: &Run<'_>) {
    let slots = perseq::cpu::possible();
    while !run.over() {
        for (subject, changed) in run.subjects.iter().zip(&run.changed) {
            let by: u64 = (0..slots).map(|cpu| subject.change_on(cpu)).sum();
            changed.fetch_add(by, Ordering::Relaxed);
        }
    }
}

fn reset(run: &Run<'_>) {
    while !run.over() {
        for (subject, taken) in run.subjects.iter().zip(&run.taken) {
            taken.fetch_add(subject.take(), Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn churn(run: &Run<'_>) {
    while !run.over() {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| run.change_all(50));
            }
        });
    }
}

fn fork(run: &Run<'_>) {
    let cpus = allowed();
    let slots = perseq::cpu::possible();
    while !run.over() {
        let usable = child(How::Libc, || {
            for subject in run.subjects {
                for &cpu in &cpus {
                    // It may be offline at the moment: then somewhere else.
                    move_to(cpu);
                    subject.change();
                }
                (0..slots).for_each(|cpu| {
                    subject.change_on(cpu);
                });
            }
            true
        });
        assert!(usable);
    }
}

fn hotplug(run: &Run<'_>) {
    // Whoever asks for this has looked whether it can be had.
    let hotplug = Hotplug::last_cpu().expect("a CPU to take away");
    let mut online = true;
    while !run.over() {
        online = !online;
        hotplug.set_online(online).expect("a CPU that can be taken away");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
